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
//! each poll until then. The same befalls two products of one application that read at the same time
//! again and again. What they hold is right nevertheless. Rows are in the database: they outlive a crash and all processes share
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

/// The full reads that may be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The generation at which the oldest of them began.
    pub oldest: Option<i64>,
    /// Names the one that began last; 0 where there is none.
    pub last: i64,
}

pub async fn begun(tx: &mut Tx, target: TargetId, now: Timestamp) -> Result<Begun, StoreError> {
    const SQL: &str = "select min(generation), coalesce(max(id), 0) from directory_reads \
         where target_id = $1 and $2 < started_at";
    let (oldest, last): (Option<i64>, i64) = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(target.0).bind(forgotten(now)).fetch_one(conn).await?);
    Ok(Begun { oldest, last })
}

/// Notes that a reader has come back with a token that was given out when `last` was the read that
/// had begun last.
pub async fn end_one(db: &Db, target: TargetId, reader: &str, last: i64) -> Result<(), StoreError> {
    const END: &str = "delete from directory_reads where id = (select max(id) \
         from directory_reads where target_id = $1 and reader = $2 and id <= $3)";
    if last == 0 {
        return Ok(());
    }
    with_pool!(db, pool => {
        sqlx::query(END).bind(target.0).bind(reader).bind(last).execute(pool).await?;
    });
    Ok(())
}

fn forgotten(now: Timestamp) -> i64 {
    now.as_microsecond() - i64::try_from(READ_MAX.as_micros()).unwrap_or(i64::MAX)
}
