//! The changes of runs, each with its reason and what became of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use reconcile::gate::decisions::SourceState;
use reconcile::principal::ExternalId;
use serde_json::{Value, json};

use super::person::{self, Difference};
use super::{Page, RunId};
use crate::store::batch::{cells, execute};
use crate::store::blocks::{Blocks, Needle};
use crate::store::connectors::ConnectorId;
use crate::store::fields::{self, AlteredField, Fields};
use crate::store::targets::TargetId;
use crate::store::{Db, StoreError, Tx};
use crate::with_pool;

/// One change of a run, as it is written down.
#[derive(Clone, Debug)]
pub struct ChangeRow<'a> {
    pub target: TargetId,
    pub kind: &'a str,
    pub external_id: Option<&'a str>,
    pub username: Option<&'a str>,
    pub group: Option<&'a str>,
    /// What of the person has another value after it, as plans call it.
    pub fields: Vec<&'a str>,
    pub detail: Cow<'a, str>,
    pub reason: Cow<'a, str>,
    pub outcome: Cow<'a, str>,
    /// JSON of the person, or nothing where the other columns say it all.
    pub before: Cow<'a, str>,
    pub after: Cow<'a, str>,
    /// What the source said of the person.
    pub state: &'a SourceState,
}

/// A change that a run made, with everything that it takes to take it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoneRow {
    pub target: TargetId,
    pub kind: String,
    pub external_id: Option<String>,
    pub username: Option<String>,
    pub group: Option<String>,
    pub detail: String,
    pub before: String,
    pub after: String,
    pub state: String,
}

/// One change of a run, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedChange {
    pub seq: i64,
    /// Absent when the target was deleted since.
    pub target_name: Option<String>,
    pub kind: String,
    pub external_id: Option<String>,
    pub username: Option<String>,
    pub group: Option<String>,
    pub detail: String,
    pub reason: String,
    pub outcome: String,
    /// JSON of the person, or nothing where the other columns say it all.
    pub before: String,
    pub after: String,
}

/// Which changes of a run. Whatever is empty lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The word of a change.
    pub kind: String,
    pub outcome: String,
    /// A part of a username or of a group, or an external id; in any case.
    pub text: String,
    /// A field that they alter, as [`altered`] tells it; in any case.
    pub field: String,
}

impl RecordedChange {
    /// What the change changes as it was and as it is, or would be; null where there is nothing.
    pub fn before_and_after(&self) -> (Value, Value) {
        let read = |text: &str| serde_json::from_str(text).unwrap_or_default();
        let group = || json!({ "group": self.group });
        match self.kind.as_str() {
            "rename" => (json!({ "username": self.username }), json!({ "username": self.detail })),
            "deactivate" => (json!({ "active": true }), json!({ "active": false })),
            "reactivate" => (json!({ "active": false }), json!({ "active": true })),
            "add-to-group" => (json!({ "member": false }), json!({ "member": true })),
            "remove-from-group" => (json!({ "member": true }), json!({ "member": false })),
            "create-group" => (Value::Null, group()),
            "adopt-group" => (json!({ "local": true }), json!({ "local": false })),
            "make-local" => (json!({ "local": false }), json!({ "local": true })),
            "remove-group" => (group(), Value::Null),
            _ => (read(&self.before), read(&self.after)),
        }
    }

    /// The fields in which somebody who was there and stays differs.
    pub fn differences(&self) -> Vec<Difference> {
        person::differences_of(&self.before, &self.after)
    }
}

/// The columns of [`ChangeColumns`].
macro_rules! change_columns {
    () => {
        "c.seq, t.name, c.kind, c.external_id, c.username, c.group_name, c.detail, c.reason, \
         c.outcome, c.before, c.after"
    };
}

/// A statement that reads changes with the names of their targets, from its `where` on.
macro_rules! select_changes {
    ($rest:literal) => {
        concat!(
            "select ",
            change_columns!(),
            " from run_changes c left join targets t on t.id = c.target_id ",
            $rest
        )
    };
}

/// The columns of [`DoneColumns`].
macro_rules! done_columns {
    () => {
        "c.target_id, c.kind, c.external_id, c.username, c.group_name, c.detail, c.before, c.after, \
         c.state"
    };
}

pub async fn list(db: &Db, run: RunId, page: Page) -> Result<Vec<RecordedChange>, StoreError> {
    const SQL: &str = select_changes!("where c.run_id = $1 and c.seq > $2 order by c.seq limit $3");
    let rows = with_pool!(db, pool => sqlx::query_as::<_, ChangeColumns>(SQL)
        .bind(run.0)
        .bind(page.after)
        .bind(page.rows_max)
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(recorded_change).collect())
}

/// The changes of a run that a filter lets through, in their order.
pub async fn search(
    db: &Db,
    run: RunId,
    filter: &Filter,
    page: Page,
) -> Result<Vec<RecordedChange>, StoreError> {
    // The order of both parts is that of their keys, so that the first page ends the search. SQLite
    // takes a cross join as it is written, blocks first, and looks for no index behind a plus.
    const SQL: &str = "select c.seq, t.name, c.kind, c.external_id, c.username, c.group_name, \
           c.detail, c.reason, c.outcome, c.before, c.after \
         from run_change_blocks b cross join run_changes c left join targets t on t.id = c.target_id \
         where b.run_id = $1 and b.last_seq > $2 \
           and (cast($4 as text) = '' or b.marks like '%,' || $4 || ',%') \
           and (cast($5 as text) = '' or b.marks like '%,' || $5 || ',%') \
           and (cast($6 as text) = '' or b.words like $7 escape '\\') \
           and (cast($8 as text) = '' or b.marks like '%,f' || $8 || ',%') \
           and c.run_id = $1 and +c.seq > $2 and c.seq >= b.first_seq and c.seq <= b.last_seq \
           and (cast($4 as text) = '' or c.kind = $4) \
           and (cast($5 as text) = '' or c.outcome = $5) \
           and (cast($8 as text) = '' or c.fields like '%,' || $8 || ',%') \
           and (cast($6 as text) = '' or c.external_id = $6 \
             or lower(c.username) like $7 escape '\\' or lower(c.group_name) like $7 escape '\\') \
         order by b.first_seq, c.seq limit $3";
    const NUMBER: &str =
        "select number from run_fields where run_id = $1 and lower(field) = lower($2)";
    if *filter == Filter::default() {
        return list(db, run, page).await;
    }
    let Filter { kind, outcome, text, field } = filter;
    let field = fields::number_of(db, NUMBER, run.0, field.trim()).await?;
    let (text, needle) = (text.trim(), Needle::new(text));
    let mut found = Vec::new();
    let mut after = page.after;
    loop {
        let rows = with_pool!(db, pool => sqlx::query_as::<_, ChangeColumns>(SQL)
            .bind(run.0)
            .bind(after)
            .bind(page.rows_max)
            .bind(kind)
            .bind(outcome)
            .bind(text)
            .bind(&needle.pattern)
            .bind(&field)
            .fetch_all(pool)
            .await)?;
        let is_last = page.is_more_than(rows.len());
        for change in rows.into_iter().map(recorded_change) {
            after = change.seq;
            let names = [change.username.as_deref(), change.group.as_deref()];
            if needle.is_in(change.external_id.as_deref(), names) && page.is_more_than(found.len())
            {
                found.push(change);
            }
        }
        if is_last || !page.is_more_than(found.len()) {
            return Ok(found);
        }
    }
}

/// The fields of people that the changes of a run alter, by name.
pub async fn altered(db: &Db, run: RunId) -> Result<Vec<AlteredField>, StoreError> {
    const SQL: &str = "select field, changes from run_fields where run_id = $1 order by field";
    fields::list(db, SQL, run.0).await
}

/// Everything that a run did, in order.
pub async fn done(db: &Db, run: RunId) -> Result<Vec<DoneRow>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        done_columns!(),
        " from run_changes c where c.run_id = $1 and c.outcome = 'applied' order by c.seq"
    );
    let rows: Vec<DoneColumns> =
        with_pool!(db, pool => sqlx::query_as(SQL).bind(run.0).fetch_all(pool).await?);
    Ok(rows.into_iter().map(done_row).collect())
}

/// What was done to a target by a run and by those that took effect after it, in the order in which
/// it was; of one person alone where one is named. Nothing where that is more than `rows_max`.
pub async fn done_since(
    db: &Db,
    target: TargetId,
    run: RunId,
    person: Option<&ExternalId>,
    rows_max: usize,
) -> Result<Option<Vec<DoneRow>>, StoreError> {
    // A run takes effect when it ends: one person may be synced while a run is under way.
    const SQL: &str = concat!(
        "select ",
        done_columns!(),
        " from run_changes c join runs r on r.id = c.run_id join runs first on first.id = $2 \
         where c.target_id = $1 and c.outcome = 'applied' \
           and (cast($3 as text) = '' or c.external_id = $3) \
           and (r.id = first.id or r.finished_at > first.finished_at \
             or (r.finished_at = first.finished_at and r.id > first.id)) \
         order by r.finished_at, r.id, c.seq limit $4"
    );
    let limit = i64::try_from(rows_max).unwrap_or(i64::MAX).saturating_add(1);
    let rows: Vec<DoneColumns> = with_pool!(db, pool => sqlx::query_as(SQL)
        .bind(target.0)
        .bind(run.0)
        .bind(person.map_or("", ExternalId::as_str))
        .bind(limit)
        .fetch_all(pool)
        .await?);
    Ok((rows.len() <= rows_max).then(|| rows.into_iter().map(done_row).collect()))
}

/// How many changes there were of each kind with each outcome.
pub async fn counts(db: &Db, run: RunId) -> Result<BTreeMap<(String, String), u64>, StoreError> {
    const SQL: &str = "select kind, outcome, count(*) from run_changes \
         where run_id = $1 group by kind, outcome";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, (String, String, i64)>(SQL)
        .bind(run.0)
        .fetch_all(pool)
        .await)?;
    let counted =
        |(kind, outcome, count): (String, String, i64)| ((kind, outcome), count.unsigned_abs());
    Ok(rows.into_iter().map(counted).collect())
}

/// What the last run of a connector that had changes for somebody did to them, or held.
pub async fn last_of(
    db: &Db,
    connector: ConnectorId,
    ids: [&ExternalId; 2],
) -> Result<Vec<(RunId, RecordedChange)>, StoreError> {
    const LAST: &str = "select max(c.run_id) from run_changes c join runs r on r.id = c.run_id \
         where c.external_id in ($1, $3) and r.connector_id = $2";
    const CHANGES: &str = select_changes!(
        "where c.run_id = $1 and c.external_id in ($2, $3) order by c.seq limit 50"
    );
    let last = with_pool!(db, pool => sqlx::query_scalar::<_, Option<i64>>(LAST)
        .bind(ids[0].as_str())
        .bind(connector.0)
        .bind(ids[1].as_str())
        .fetch_one(pool)
        .await)?;
    let Some(run) = last else { return Ok(Vec::new()) };
    let rows = with_pool!(db, pool => sqlx::query_as::<_, ChangeColumns>(CHANGES)
        .bind(run)
        .bind(ids[0].as_str())
        .bind(ids[1].as_str())
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(|row| (RunId(run), recorded_change(row))).collect())
}

/// Whoever a connector's runs once knew by this username or id, the latest: by the source's id, with the
/// key under which a directory had them.
pub async fn people_named(
    db: &Db,
    connector: ConnectorId,
    text: &str,
) -> Result<BTreeMap<ExternalId, ExternalId>, StoreError> {
    const SQL: &str = "select c.external_id, max(c.run_id) from run_changes c \
         join runs r on r.id = c.run_id \
         where r.connector_id = $1 and (lower(c.username) = lower($2) or c.external_id = $2) \
           and c.external_id is not null \
         group by c.external_id order by max(c.run_id) desc, c.external_id limit 10";
    // Another key than the source's id says nothing of that; the person who was recorded does.
    const RECORDED: &str = "select c.before, c.after from run_changes c \
         join runs r on r.id = c.run_id \
         where r.connector_id = $1 and c.external_id = $2 and (c.before <> '' or c.after <> '') \
         order by c.run_id desc, c.seq desc limit 1";
    let ids = with_pool!(db, pool => sqlx::query_as::<_, (String, i64)>(SQL)
        .bind(connector.0)
        .bind(text)
        .fetch_all(pool)
        .await)?;
    let mut people = BTreeMap::new();
    for (id, _) in ids {
        let row = with_pool!(db, pool => sqlx::query_as::<_, (String, String)>(RECORDED)
            .bind(connector.0)
            .bind(&id)
            .fetch_optional(pool)
            .await)?;
        let person = row.and_then(|(before, after)| {
            person::read(&after).or_else(|| person::read(&before)).map(|(user, _)| user)
        });
        let id = ExternalId::new(&id);
        let source_id = person.map_or_else(|| id.clone(), |user| user.source_id().clone());
        people.entry(source_id).or_insert(id);
    }
    Ok(people)
}

/// Writes down all changes of a run, in their order. To be called once a run.
pub async fn insert(
    tx: &mut Tx,
    run: RunId,
    changes: impl IntoIterator<Item = ChangeRow<'_>>,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into run_changes (run_id, seq, target_id, kind, external_id, \
           username, group_name, detail, reason, outcome, before, after, state, \
           fields) \
         select $2, cast(batch.value ->> 0 as bigint), cast(batch.value ->> 1 as bigint), \
           batch.value ->> 2, batch.value ->> 3, batch.value ->> 4, batch.value ->> 5, \
           batch.value ->> 6, batch.value ->> 7, batch.value ->> 8, batch.value ->> 9, \
           batch.value ->> 10, batch.value ->> 11, batch.value ->> 12 from {rows}";
    const BLOCKS: &str = "insert into run_change_blocks (run_id, first_seq, last_seq, marks, words) \
         select $2, cast(batch.value ->> 0 as bigint), cast(batch.value ->> 1 as bigint), \
           batch.value ->> 2, batch.value ->> 3 from {rows}";
    const FIELDS: &str = "insert into run_fields (run_id, number, field, changes) \
         select $2, cast(batch.value ->> 0 as bigint), batch.value ->> 1, \
           cast(batch.value ->> 2 as bigint) from {rows}";
    let row = |out: &mut Vec<u8>, (seq, change, fields): (i64, ChangeRow<'_>, String)| {
        let ChangeRow {
            target,
            kind,
            external_id,
            username,
            group,
            fields: _,
            detail,
            reason,
            outcome,
            before,
            after,
            state,
        } = change;
        #[rustfmt::skip]
        let row = (
            seq, target.0, kind, external_id, username, group, detail, reason, outcome, before,
            after, format_args!("{state}"), fields,
        );
        cells(out, &row)
    };
    let (mut blocks, mut fields) = (Blocks::default(), Fields::default());
    let changes = changes.into_iter();
    let changes = Noted { changes, seq: 0, blocks: &mut blocks, fields: &mut fields };
    execute(tx, SQL, changes, row, &[run.0]).await?;
    blocks.write(tx, BLOCKS, run.0).await?;
    fields.write(tx, FIELDS, run.0).await
}

/// Numbers changes, and takes note of each for the blocks and of the fields that it alters. (A closure would not be `Send` for every
/// lifetime.)
struct Noted<'b, I> {
    changes: I,
    seq: i64,
    blocks: &'b mut Blocks,
    fields: &'b mut Fields,
}

impl<'a, I: Iterator<Item = ChangeRow<'a>>> Iterator for Noted<'_, I> {
    type Item = (i64, ChangeRow<'a>, String);

    fn next(&mut self) -> Option<(i64, ChangeRow<'a>, String)> {
        let change = self.changes.next()?;
        self.seq += 1;
        let names = [change.username, change.group, change.external_id];
        self.blocks.add(self.seq, [change.kind, &change.outcome], names);
        let fields = self.fields.note(&change.fields, self.blocks);
        Some((self.seq, change, fields))
    }
}

pub(super) type ChangeColumns = (
    i64,
    Option<String>,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    String,
    String,
    String,
    String,
    String,
);

pub(super) fn recorded_change(row: ChangeColumns) -> RecordedChange {
    let (
        seq,
        target_name,
        kind,
        external_id,
        username,
        group,
        detail,
        reason,
        outcome,
        before,
        after,
    ) = row;
    RecordedChange {
        seq,
        target_name,
        kind,
        external_id,
        username,
        group,
        detail,
        reason,
        outcome,
        before,
        after,
    }
}

type DoneColumns =
    (i64, String, Option<String>, Option<String>, Option<String>, String, String, String, String);

fn done_row(row: DoneColumns) -> DoneRow {
    let (target, kind, external_id, username, group, detail, before, after, state) = row;
    let target = TargetId(target);
    DoneRow { target, kind, external_id, username, group, detail, before, after, state }
}

pub(super) use change_columns;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_tells_what_was_and_what_is() {
        let person = r#"{"email":"ada@acme.test"}"#;
        let told = |kind: &str, before: &str, after: &str| {
            let change = RecordedChange {
                seq: 1,
                target_name: None,
                kind: kind.to_owned(),
                external_id: None,
                username: Some("ada".to_owned()),
                group: Some("Sales".to_owned()),
                detail: "ada.l".to_owned(),
                reason: String::new(),
                outcome: String::new(),
                before: before.to_owned(),
                after: after.to_owned(),
            };
            let (before, after) = change.before_and_after();
            format!("{before} -> {after}")
        };
        for (kind, before, after, expected) in [
            ("create", "", person, r#"null -> {"email":"ada@acme.test"}"#),
            ("remove", person, "", r#"{"email":"ada@acme.test"} -> null"#),
            ("update", person, "{}", r#"{"email":"ada@acme.test"} -> {}"#),
            ("rename", "", "", r#"{"username":"ada"} -> {"username":"ada.l"}"#),
            ("deactivate", "", "", r#"{"active":true} -> {"active":false}"#),
            ("reactivate", "", "", r#"{"active":false} -> {"active":true}"#),
            ("add-to-group", "", "", r#"{"member":false} -> {"member":true}"#),
            ("remove-from-group", "", "", r#"{"member":true} -> {"member":false}"#),
            ("create-group", "", "", r#"null -> {"group":"Sales"}"#),
            ("remove-group", "", "", r#"{"group":"Sales"} -> null"#),
            ("adopt-group", "", "", r#"{"local":true} -> {"local":false}"#),
        ] {
            assert_eq!(told(kind, before, after), expected, "{kind}");
        }
    }
}
