//! Complete reads, kept for questions after them: the last few of each connector.
//!
//! A read of a hundred thousand people is a few megabytes, which are stored in parts, so that no row
//! is large on either engine.

use jiff::Timestamp;

use crate::source::onelogin::kept::Kept;
use crate::store::connectors::ConnectorId;
use crate::store::runs::RunId;
use crate::store::{Db, StoreError, Tx, instant};
use crate::{with_pool, with_tx};

/// A kept read without what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptRead {
    id: i64,
    /// None where it was read for a simulation.
    pub run: Option<RunId>,
    pub read_at: Timestamp,
    pub people: usize,
    /// As it is stored, compressed.
    pub bytes: usize,
}

/// How many reads of a connector are kept, and in how many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    pub reads_max: usize,
    pub bytes_max: usize,
}

impl Keeping {
    /// Enough to ask about yesterday's runs, in the size of a few photographs.
    pub const STANDARD: Keeping = Keeping { reads_max: 5, bytes_max: 128 * 1024 * 1024 };
}

/// Small enough for a row, large enough that a read has few of them.
const PART_BYTES: usize = 256 * 1024;

/// Keeps a read, and forgets the oldest ones that are too many now.
pub async fn insert(
    tx: &mut Tx,
    connector: ConnectorId,
    run: Option<RunId>,
    kept: &Kept,
    now: Timestamp,
) -> Result<(), StoreError> {
    const READ: &str = "insert into reads (connector_id, run_id, read_at, people, bytes) \
         values ($1, $2, $3, $4, $5) returning id";
    const PART: &str = "insert into read_parts (read_id, part, content) values ($1, $2, $3)";
    let Kept { people, content } = kept;
    let id: i64 = with_tx!(&mut *tx, conn => sqlx::query_scalar(READ)
        .bind(connector.0)
        .bind(run.map(|it| it.0))
        .bind(now.as_microsecond())
        .bind(number(*people))
        .bind(number(content.len()))
        .fetch_one(conn)
        .await?);
    for (part, content) in (0_i64..).zip(content.chunks(PART_BYTES)) {
        with_tx!(&mut *tx, conn => sqlx::query(PART)
            .bind(id)
            .bind(part)
            .bind(content)
            .execute(conn)
            .await
            .map(|_| ()))?;
    }
    prune(tx, connector, Keeping::STANDARD).await
}

/// Keeps a read that no run has a transaction for.
pub async fn keep(db: &Db, connector: ConnectorId, kept: &Kept) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let now = tx.now().await?;
    insert(&mut tx, connector, None, kept, now).await?;
    tx.commit().await
}

/// Forgets the oldest reads of a connector that are too many or too large together. The last one
/// is kept whatever its size.
pub async fn prune(
    tx: &mut Tx,
    connector: ConnectorId,
    keeping: Keeping,
) -> Result<(), StoreError> {
    const ALL: &str = "select id, bytes from reads where connector_id = $1 order by id desc";
    let reads: Vec<(i64, i64)> =
        with_tx!(&mut *tx, conn => sqlx::query_as(ALL).bind(connector.0).fetch_all(conn).await?);
    let mut bytes = 0_usize;
    for (place, (id, size)) in reads.into_iter().enumerate() {
        bytes = bytes.saturating_add(usize::try_from(size).unwrap_or_default());
        let is_too_much = keeping.reads_max <= place || keeping.bytes_max < bytes;
        if 0 < place && is_too_much {
            forget(tx, id).await?;
        }
    }
    Ok(())
}

/// Forgets every read of a connector.
pub async fn forget_all(tx: &mut Tx, connector: ConnectorId) -> Result<(), StoreError> {
    const ALL: &str = "select id from reads where connector_id = $1";
    let reads: Vec<i64> = with_tx!(&mut *tx, conn => sqlx::query_scalar(ALL).bind(connector.0).fetch_all(conn).await?);
    for id in reads {
        forget(tx, id).await?;
    }
    Ok(())
}

async fn forget(tx: &mut Tx, id: i64) -> Result<(), StoreError> {
    for sql in ["delete from read_parts where read_id = $1", "delete from reads where id = $1"] {
        with_tx!(&mut *tx, conn => sqlx::query(sql).bind(id).execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

/// The last read of a connector that is kept.
pub async fn last(db: &Db, connector: ConnectorId) -> Result<Option<KeptRead>, StoreError> {
    const SQL: &str = "select id, run_id, read_at, people, bytes from reads \
         where connector_id = $1 order by id desc limit 1";
    one(db, SQL, connector.0).await
}

/// The read of a run, where it is still kept.
pub async fn of_run(db: &Db, run: RunId) -> Result<Option<KeptRead>, StoreError> {
    const SQL: &str = "select id, run_id, read_at, people, bytes from reads \
         where run_id = $1 order by id desc limit 1";
    one(db, SQL, run.0).await
}

/// What is in a kept read; nothing where it was forgotten meanwhile.
pub async fn content(db: &Db, read: &KeptRead) -> Result<Option<Kept>, StoreError> {
    const SQL: &str = "select content from read_parts where read_id = $1 order by part";
    let parts: Vec<Vec<u8>> =
        with_pool!(db, pool => sqlx::query_scalar(SQL).bind(read.id).fetch_all(pool).await?);
    let content = parts.concat();
    let is_whole = content.len() == read.bytes;
    Ok(is_whole.then_some(Kept { people: read.people, content }))
}

async fn one(db: &Db, sql: &'static str, parameter: i64) -> Result<Option<KeptRead>, StoreError> {
    let row: Option<(i64, Option<i64>, i64, i64, i64)> =
        with_pool!(db, pool => sqlx::query_as(sql).bind(parameter).fetch_optional(pool).await?);
    Ok(row.map(|(id, run, read_at, people, bytes)| KeptRead {
        id,
        run: run.map(RunId),
        read_at: instant(read_at),
        people: usize::try_from(people).unwrap_or_default(),
        bytes: usize::try_from(bytes).unwrap_or_default(),
    }))
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
