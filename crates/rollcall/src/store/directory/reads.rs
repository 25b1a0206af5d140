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
//! * The first time that a product comes back with such a token, one read has ended, and of the
//!   rows of the same program from before that token was given out the *newest* goes. Every read
//!   that goes on still has its own row or an older one, because what was taken away is no older
//!   than what has ended. The program is the user agent: it stays the same through a read, as an
//!   address behind a proxy may not, and whoever asks for tokens without reading, as a probe does,
//!   takes no product's row away.
//!
//! So the rows of reads that ended soon go, and a reader gets no token below a floor that was raised
//! before its read began. The exception is a read that was broken off: nobody can know that, so its
//! row stays for [`READ_MAX`], and if somebody is renamed in that time, readers read everything at
//! each poll until then. Rows are in the database: they outlive a crash and all processes share
//! them.

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
         select id, $2, generation, $3 from targets where id = $1 and 0 < generation";
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

/// Notes that a reader has come back with a token that was given out at a generation.
pub async fn end_one(
    db: &Db,
    target: TargetId,
    reader: &str,
    given_at: i64,
) -> Result<(), StoreError> {
    const NEWEST: &str = "select id from directory_reads \
         where target_id = $1 and reader = $2 and generation <= $3 \
         order by generation desc, id desc limit 1";
    const END: &str = "delete from directory_reads where id = $1";
    with_pool!(db, pool => {
        let newest: Option<(i64,)> = sqlx::query_as(NEWEST)
            .bind(target.0).bind(reader).bind(given_at).fetch_optional(pool).await?;
        if let Some((id,)) = newest {
            sqlx::query(END).bind(id).execute(pool).await?;
        }
    });
    Ok(())
}

fn forgotten(now: Timestamp) -> i64 {
    now.as_microsecond() - i64::try_from(READ_MAX.as_micros()).unwrap_or(i64::MAX)
}
