//! Full reads of the directory that may still be under way.
//!
//! A product reads everything in several requests and then asks for a token from which it goes on.
//! Publications in between must not be lost, so that token may not be newer than the generation at
//! which *its* read began; but nothing tells whose request it is. Two rules make that sure without
//! knowing, even where several products share one application:
//!
//! * A full read leaves a row with the generation at which it began, and a new token is of the
//!   oldest such row, whoever asks. A token that is older than need be only repeats news that is
//!   true.
//! * The first time that a product comes back with such a token, one read has ended, and the
//!   *newest* row goes. Every read that goes on still has a row of its own or an older one, because
//!   what was taken away was the newest there was.
//!
//! So the rows of reads that ended soon go, and nobody is held back behind a floor that was raised
//! after their read began; a read that was broken off holds its row for [`READ_MAX`]. Rows are in
//! the database: they outlive a crash and are shared by all processes.

use jiff::{SignedDuration, Timestamp};

use crate::store::targets::TargetId;
use crate::store::{Db, StoreError, Tx};
use crate::{with_pool, with_tx};

/// No product reads for longer than this, with all that it writes meanwhile.
const READ_MAX: SignedDuration = SignedDuration::from_hours(2);

/// Remembers that a full read begins. To be committed before the first row of it is read.
pub async fn begin(
    db: &Db,
    target: TargetId,
    reader: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    const INSERT: &str = "insert into directory_reads (target_id, reader, generation, started_at) \
         select id, $2, generation, $3 from targets where id = $1";
    const FORGET: &str = "delete from directory_reads where target_id = $1 and started_at <= $2";
    let mut tx = db.begin().await?;
    let forgotten = forgotten(now);
    with_tx!(&mut tx, conn => {
        sqlx::query(INSERT).bind(target.0).bind(reader).bind(now.as_microsecond()).execute(&mut *conn).await?;
        sqlx::query(FORGET).bind(target.0).bind(forgotten).execute(conn).await?;
    });
    tx.commit().await
}

/// The generation at which the oldest full read began.
pub async fn oldest(
    tx: &mut Tx,
    target: TargetId,
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    const SQL: &str =
        "select min(generation) from directory_reads where target_id = $1 and $2 < started_at";
    let (oldest,): (Option<i64>,) = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(target.0).bind(forgotten(now)).fetch_one(conn).await?);
    Ok(oldest)
}

/// Notes that a reader has come back from a full read.
///
/// Only if the newest read is by the same address and program: a client that asks twice with the
/// token of one read then ends no read of another one.
pub async fn end_one(
    db: &Db,
    target: TargetId,
    reader: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    const NEWEST: &str = "select id, reader from directory_reads \
         where target_id = $1 and $2 < started_at order by generation desc, id desc limit 1";
    const END: &str = "delete from directory_reads where id = $1";
    let newest: Option<(i64, String)> = with_pool!(db, pool => sqlx::query_as(NEWEST)
        .bind(target.0).bind(forgotten(now)).fetch_optional(pool).await?);
    if let Some((id, _)) = newest.filter(|(_, newest)| newest == reader) {
        with_pool!(db, pool => {
            sqlx::query(END).bind(id).execute(pool).await?;
        });
    }
    Ok(())
}

fn forgotten(now: Timestamp) -> i64 {
    now.as_microsecond() - i64::try_from(READ_MAX.as_micros()).unwrap_or(i64::MAX)
}
