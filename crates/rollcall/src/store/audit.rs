//! The audit log: who did what, from where, when and why.
//!
//! Whatever changes the configuration, decides over a plan, or starts and stops a run appends an
//! entry in the *same transaction*, so that neither exists without the other:
//!
//! ```ignore
//! let act = context.act(Timestamp::now()).because(&reason);       // who, from where, when, why
//! let changes = Changes::between(&before, &after).and_secret("client_secret");
//! let entry = Entry::new(Action::ConnectorEdit, connector.id, &connector.name).with(changes);
//! audit::append(&mut tx, &act, &entry).await?;
//! tx.commit().await?;
//! ```
//!
//! * [`Action`] is the closed list of what is recorded; add a line where one is missing.
//! * Append as the *last* statement of a transaction: from then on everybody else who appends waits
//!   for its end, and a transaction that waits for something afterwards could wait for them.
//! * Never give it a secret, or the value of one: [`Changes::and_secret`] says that it changed.
//!
//! The entries form a chain ([`chain`]): each is hashed together with the hash of the one before.
//! The database refuses to change or delete them; whoever takes that refusal away is found out by
//! [`chain::verify`], and whoever rewrites the whole chain by an [`chain::Anchor`] that was kept
//! elsewhere. There is no retention: an entry is a few hundred bytes, and stays.

pub mod actor;
pub mod chain;
pub mod changes;

use std::fmt;

use jiff::Timestamp;

use crate::store::audit::actor::Act;
use crate::store::audit::changes::Changes;
use crate::store::{Db, StoreError, Tx, instant};
use crate::{with_pool, with_tx};

/// What can be done. The words are for filters and for whoever collects the log: they stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    InstallationCreate,
    InstallationReplaceKey,
    ConnectorCreate,
    ConnectorEdit,
    ConnectorDelete,
    ConnectorPause,
    ConnectorResume,
    TargetCreate,
    TargetRotatePassword,
    TargetDelete,
    GroupCreate,
    GroupAdd,
    GroupRemove,
    GroupDelete,
    RunStart,
    RunStop,
    RunUndo,
    RunPrune,
    PlanApprove,
    PlanReject,
    PlanLift,
    RetentionEdit,
    AccountCreate,
    AccountEdit,
    AccountDelete,
    AccountSignIn,
    AccountSignInRefused,
    AccountSignOut,
}

/// One thing that was done, before it is written down.
#[must_use]
#[derive(Clone, Debug)]
pub struct Entry {
    pub action: Action,
    pub object_id: String,
    pub object_name: String,
    pub changes: Changes,
}

/// One entry, read back. Words are kept as they are: the log may be of a later version, or forged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub seq: i64,
    pub at: Timestamp,
    pub actor_kind: String,
    pub actor: String,
    pub origin: String,
    pub noun: String,
    pub verb: String,
    pub object_id: String,
    pub object_name: String,
    /// JSON; [`changes::read`] takes it apart.
    pub changes: String,
    pub reason: String,
    pub previous_hash: String,
    pub hash: String,
}

/// Which entries. The words are matched whole, and an empty one matches everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub actor: String,
    pub noun: String,
    pub verb: String,
    /// The id or the name of what it was done to.
    pub object: String,
}

impl Action {
    pub const ALL: [Action; 28] = [
        Action::InstallationCreate,
        Action::InstallationReplaceKey,
        Action::ConnectorCreate,
        Action::ConnectorEdit,
        Action::ConnectorDelete,
        Action::ConnectorPause,
        Action::ConnectorResume,
        Action::TargetCreate,
        Action::TargetRotatePassword,
        Action::TargetDelete,
        Action::GroupCreate,
        Action::GroupAdd,
        Action::GroupRemove,
        Action::GroupDelete,
        Action::RunStart,
        Action::RunStop,
        Action::RunUndo,
        Action::RunPrune,
        Action::PlanApprove,
        Action::PlanReject,
        Action::PlanLift,
        Action::RetentionEdit,
        Action::AccountCreate,
        Action::AccountEdit,
        Action::AccountDelete,
        Action::AccountSignIn,
        Action::AccountSignInRefused,
        Action::AccountSignOut,
    ];

    /// The noun and the verb.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Action::InstallationCreate => ("installation", "create"),
            Action::InstallationReplaceKey => ("installation", "replace-key"),
            Action::ConnectorCreate => ("connector", "create"),
            Action::ConnectorEdit => ("connector", "edit"),
            Action::ConnectorDelete => ("connector", "delete"),
            Action::ConnectorPause => ("connector", "pause"),
            Action::ConnectorResume => ("connector", "resume"),
            Action::TargetCreate => ("target", "create"),
            Action::TargetRotatePassword => ("target", "rotate-password"),
            Action::TargetDelete => ("target", "delete"),
            Action::GroupCreate => ("group", "create"),
            Action::GroupAdd => ("group", "add-members"),
            Action::GroupRemove => ("group", "remove-members"),
            Action::GroupDelete => ("group", "delete"),
            Action::RunStart => ("run", "start"),
            Action::RunStop => ("run", "stop"),
            Action::RunUndo => ("run", "undo"),
            Action::RunPrune => ("run", "prune"),
            Action::PlanApprove => ("plan", "approve"),
            Action::PlanReject => ("plan", "reject"),
            Action::PlanLift => ("plan", "lift"),
            Action::RetentionEdit => ("retention", "edit"),
            Action::AccountCreate => ("account", "create"),
            Action::AccountEdit => ("account", "edit"),
            Action::AccountDelete => ("account", "delete"),
            Action::AccountSignIn => ("account", "sign-in"),
            Action::AccountSignInRefused => ("account", "sign-in-refused"),
            Action::AccountSignOut => ("account", "sign-out"),
        }
    }
}

impl Entry {
    pub fn new(
        action: Action,
        object_id: impl fmt::Display,
        object_name: impl fmt::Display,
    ) -> Self {
        let (object_id, object_name) = (object_id.to_string(), object_name.to_string());
        Entry { action, object_id, object_name, changes: Changes::none() }
    }

    pub fn with(self, changes: Changes) -> Entry {
        Entry { changes, ..self }
    }
}

/// Writes down that something was done. To be called last in its transaction; tells the number of
/// the entry.
pub async fn append(tx: &mut Tx, act: &Act<'_>, entry: &Entry) -> Result<i64, StoreError> {
    // The write lock of SQLite, or the lock of this row, is held until the transaction ends.
    const TAKE: &str = "update audit_head set seq = seq + 1 where id = 1 returning seq, hash";
    const MOVE: &str = "update audit_head set hash = $1 where id = 1";
    const INSERT: &str = "insert into audit_entries (seq, at, actor_kind, actor, origin, noun, verb, \
         object_id, object_name, changes, reason, previous_hash, hash) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let (seq, previous_hash): (i64, String) =
        with_tx!(tx, conn => sqlx::query_as(TAKE).fetch_one(conn).await?);
    let recorded = recorded(seq, previous_hash, act, entry);
    with_tx!(tx, conn => {
        sqlx::query(INSERT)
            .bind(seq)
            .bind(recorded.at.as_microsecond())
            .bind(&recorded.actor_kind)
            .bind(&recorded.actor)
            .bind(&recorded.origin)
            .bind(&recorded.noun)
            .bind(&recorded.verb)
            .bind(&recorded.object_id)
            .bind(&recorded.object_name)
            .bind(&recorded.changes)
            .bind(&recorded.reason)
            .bind(&recorded.previous_hash)
            .bind(&recorded.hash)
            .execute(&mut *conn)
            .await?;
        sqlx::query(MOVE).bind(&recorded.hash).execute(conn).await?;
    });
    Ok(seq)
}

/// Entries of this kind, the latest first, before the entry of this number where one is given.
pub async fn list(
    db: &Db,
    filter: &Filter,
    before: Option<i64>,
    rows_max: u32,
) -> Result<Vec<Recorded>, StoreError> {
    const SQL: &str = "select seq, at, actor_kind, actor, origin, noun, verb, object_id, \
         object_name, changes, reason, previous_hash, hash from audit_entries \
         where seq < $1 and $2 <= at and at < $3 \
         and (cast($4 as text) = '' or lower(actor) = lower($4)) \
         and (cast($5 as text) = '' or noun = lower($5)) \
         and (cast($6 as text) = '' or verb = lower($6)) \
         and (cast($7 as text) = '' or object_id = $7 or lower(object_name) = lower($7)) \
         order by seq desc limit $8";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(before.unwrap_or(i64::MAX))
        .bind(filter.since.map_or(i64::MIN, Timestamp::as_microsecond))
        .bind(filter.until.map_or(i64::MAX, Timestamp::as_microsecond))
        .bind(&filter.actor)
        .bind(&filter.noun)
        .bind(&filter.verb)
        .bind(&filter.object)
        .bind(i64::from(rows_max))
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(read_back).collect())
}

/// All entries after the one of this number, in their order.
pub async fn after(db: &Db, seq: i64, rows_max: u32) -> Result<Vec<Recorded>, StoreError> {
    const SQL: &str = "select seq, at, actor_kind, actor, origin, noun, verb, object_id, \
         object_name, changes, reason, previous_hash, hash from audit_entries \
         where $1 < seq order by seq limit $2";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(seq)
        .bind(i64::from(rows_max))
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(read_back).collect())
}

/// Whether nothing has ever been recorded.
pub async fn is_empty(db: &Db) -> Result<bool, StoreError> {
    const SQL: &str = "select seq from audit_head where id = 1";
    let seq: Option<i64> =
        with_pool!(db, pool => sqlx::query_scalar(SQL).fetch_optional(pool).await)?;
    Ok(seq == Some(0))
}

/// Everything that is written, as it will be read back.
fn recorded(seq: i64, previous_hash: String, act: &Act<'_>, entry: &Entry) -> Recorded {
    let (noun, verb) = entry.action.words();
    let mut recorded = Recorded {
        seq,
        // As exact as it is stored.
        at: instant(act.at.as_microsecond()),
        actor_kind: act.actor.kind.word().to_owned(),
        actor: storable(&act.actor.name),
        origin: storable(&act.actor.origin),
        noun: noun.to_owned(),
        verb: verb.to_owned(),
        object_id: storable(&entry.object_id),
        object_name: storable(&entry.object_name),
        changes: entry.changes.text(),
        reason: storable(act.reason),
        previous_hash,
        hash: String::new(),
    };
    recorded.hash = chain::hash(&recorded);
    recorded
}

/// How long a reason may be.
pub const REASON_CHARS_MAX: usize = 2_000;

/// A text that both engines store as it is, of a length that cannot fill a disk.
fn storable(text: &str) -> String {
    text.chars().take(REASON_CHARS_MAX).map(|it| if it == '\0' { '\u{fffd}' } else { it }).collect()
}

/// `seq, at, actor_kind, actor, origin, noun, verb, object_id, object_name, changes, reason,
/// previous_hash, hash`
type Row = (
    i64,
    i64,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
);

fn read_back(row: Row) -> Recorded {
    let (
        seq,
        at,
        actor_kind,
        actor,
        origin,
        noun,
        verb,
        object_id,
        object_name,
        changes,
        reason,
        previous_hash,
        hash,
    ) = row;
    Recorded {
        seq,
        at: instant(at),
        actor_kind,
        actor,
        origin,
        noun,
        verb,
        object_id,
        object_name,
        changes,
        reason,
        previous_hash,
        hash,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_actions_have_the_same_words() {
        let words: BTreeSet<_> = Action::ALL.map(Action::words).into();
        assert_eq!(words.len(), Action::ALL.len());
    }
}
