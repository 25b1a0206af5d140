//! What was asked of a target that read nothing: the last of each sort, for the page that says whether a
//! product gets through.

use jiff::{SignedDuration, Timestamp};

use super::TargetId;
use crate::store::{Db, StoreError, instant};
use crate::with_pool;

/// A sort of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// Whether the service can be reached, with the right password.
    Test,
    /// By the name of its application, with another password.
    WrongPassword,
    /// Something was to be changed, and was refused.
    Write,
}

/// The last call of a sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub kind: CallKind,
    pub at: Timestamp,
    /// Where it came from.
    pub address: String,
    /// What the program that called says it is; it may say nothing.
    pub program: String,
}

/// Calls of a sort within so long are one: whoever guesses passwords makes no work for the database.
const STEP: SignedDuration = SignedDuration::from_mins(1);

impl CallKind {
    const ALL: [CallKind; 3] = [CallKind::Test, CallKind::WrongPassword, CallKind::Write];

    fn word(self) -> &'static str {
        match self {
            CallKind::Test => "test",
            CallKind::WrongPassword => "wrong-password",
            CallKind::Write => "write",
        }
    }
}

/// Writes a call down, unless there was one like it a moment ago.
pub async fn note(db: &Db, target: TargetId, call: &Call) -> Result<(), StoreError> {
    const LAST: &str = "select at from target_calls where target_id = $1 and kind = $2";
    // A target may be deleted meanwhile.
    const SQL: &str = "insert into target_calls (target_id, kind, at, address, program) \
         select id, $2, $3, $4, $5 from targets where id = $1 \
         on conflict (target_id, kind) do update \
         set at = excluded.at, address = excluded.address, program = excluded.program";
    let Call { kind, at, address, program } = call;
    let last: Option<i64> = with_pool!(db, pool => sqlx::query_scalar(LAST)
        .bind(target.0).bind(kind.word()).fetch_optional(pool).await)?;
    if last.is_some_and(|last| *at < instant(last) + STEP) {
        return Ok(());
    }
    with_pool!(db, pool => sqlx::query(SQL)
        .bind(target.0)
        .bind(kind.word())
        .bind(at.as_microsecond())
        .bind(address)
        .bind(program)
        .execute(pool)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// The last call of each sort, the latest first.
pub async fn last(db: &Db, target: TargetId) -> Result<Vec<Call>, StoreError> {
    const SQL: &str = "select kind, at, address, program from target_calls \
         where target_id = $1 order by at desc, kind";
    let rows: Vec<(String, i64, String, String)> =
        with_pool!(db, pool => sqlx::query_as(SQL).bind(target.0).fetch_all(pool).await)?;
    // Of a later version there may be more.
    let call = |(word, at, address, program): (String, i64, String, String)| {
        let kind = CallKind::ALL.into_iter().find(|it| it.word() == word)?;
        Some(Call { kind, at: instant(at), address, program })
    };
    Ok(rows.into_iter().filter_map(call).collect())
}
