//! The changes of plans, each with what somebody decided over it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use reconcile::gate::decisions::SourceState;

use super::PlanId;
use super::decisions::Verdict;
use crate::store::batch::{cells, execute};
use crate::store::blocks::{Blocks, Needle};
use crate::store::fields::{self, AlteredField, Fields};
use crate::store::runs::Page;
use crate::store::targets::TargetId;
use crate::store::{Db, StoreError, Tx};
use crate::{with_pool, with_tx};

/// One change of a plan, as it is written down.
#[derive(Clone, Debug)]
pub struct ChangeRow<'a> {
    pub target: Option<TargetId>,
    pub is_held: bool,
    pub kind: &'a str,
    pub external_id: Option<&'a str>,
    pub username: Option<&'a str>,
    pub group: Option<&'a str>,
    /// The e-mail addresses of whoever it is about, before and after it, a line each.
    pub email: Cow<'a, str>,
    /// What of the person has another value after it, as plans call it.
    pub fields: Vec<&'a str>,
    pub words: String,
    pub reason: String,
    pub identity: String,
    pub state: &'a SourceState,
    /// The number of its cause; 0 where it is not held.
    pub cause: usize,
    pub before: Cow<'a, str>,
    pub after: Cow<'a, str>,
}

/// One change of a plan, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanChange {
    pub seq: i64,
    /// Absent where there was no target yet, or it was deleted since.
    pub target_name: Option<String>,
    pub is_held: bool,
    /// Nothing, `approved`, `rejected` or `left-out`.
    pub decision: String,
    pub kind: String,
    pub external_id: Option<String>,
    pub username: Option<String>,
    pub group: Option<String>,
    pub words: String,
    pub reason: String,
    pub cause: i64,
    /// JSON of the person, or nothing.
    pub before: String,
    pub after: String,
}

/// What a decision needs to know of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub seq: i64,
    pub target: i64,
    pub is_held: bool,
    pub decision: String,
    pub cause: i64,
    pub identity: String,
    pub words: String,
    /// Why it was planned, and what the source said of the person.
    pub reason: String,
    pub state: String,
}

/// Which changes of a plan. What is empty matches everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub cause: i64,
    /// `create`, `deactivate`, ..
    pub kind: String,
    /// `passes` or `held`.
    pub verdict: String,
    /// A part of a username or of a group's name, an id, or a part of an e-mail address with its `@`.
    pub search: String,
    /// A part of the reason.
    pub because: String,
    pub target: Option<TargetId>,
    /// A field that they alter, as [`altered`] tells it; in any case.
    pub field: String,
}

/// Writes down all changes of a plan, in their order. To be called once a plan.
pub async fn insert(
    tx: &mut Tx,
    plan: PlanId,
    changes: Vec<ChangeRow<'_>>,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into plan_changes (plan_id, seq, target_id, verdict, kind, \
           external_id, username, group_name, words, reason, identity, state, cause, before, after, \
           email, fields) \
         select $2, cast(batch.value ->> 0 as bigint), cast(batch.value ->> 1 as bigint), \
           batch.value ->> 2, batch.value ->> 3, batch.value ->> 4, batch.value ->> 5, \
           batch.value ->> 6, batch.value ->> 7, batch.value ->> 8, batch.value ->> 9, \
           batch.value ->> 10, cast(batch.value ->> 11 as bigint), batch.value ->> 12, \
           batch.value ->> 13, batch.value ->> 14, batch.value ->> 15 from {rows}";
    const BLOCKS: &str = "insert into plan_change_blocks (plan_id, first_seq, last_seq, marks, words, \
           emails, reasons) \
         select $2, cast(batch.value ->> 0 as bigint), cast(batch.value ->> 1 as bigint), \
           batch.value ->> 2, batch.value ->> 3, batch.value ->> 4, batch.value ->> 5 from {rows}";
    const FIELDS: &str = "insert into plan_fields (plan_id, number, field, changes) \
         select $2, cast(batch.value ->> 0 as bigint), batch.value ->> 1, \
           cast(batch.value ->> 2 as bigint) from {rows}";
    let row = |out: &mut Vec<u8>, ((seq, change), fields): ((i64, ChangeRow<'_>), String)| {
        let ChangeRow {
            target,
            is_held,
            kind,
            external_id,
            username,
            group,
            email,
            fields: _,
            words,
            reason,
            identity,
            state,
            cause,
            before,
            after,
        } = change;
        let verdict = verdict_word(is_held);
        let who = (external_id, username, group);
        #[rustfmt::skip]
        let row = (
            seq, target.map_or(0, |it| it.0), verdict, kind, who.0, who.1, who.2, words, reason,
            identity, format_args!("{state}"), cause, before, after, email, fields,
        );
        cells(out, &row)
    };
    let (mut blocks, mut fields) = (Blocks::default(), Fields::default());
    let mut altered = Vec::with_capacity(changes.len());
    for (seq, change) in (1_i64..).zip(&changes) {
        let names = [change.username, change.group, change.external_id];
        blocks.add(seq, [change.kind, verdict_word(change.is_held)], names);
        blocks.mark(&change.cause.to_string());
        blocks.mark(&format!("t{}", change.target.map_or(0, |it| it.0)));
        blocks.tell(&change.email, &change.reason);
        altered.push(fields.note(&change.fields, &mut blocks));
    }
    execute(tx, SQL, (1_i64..).zip(changes).zip(altered), row, &[plan.0]).await?;
    blocks.write(tx, BLOCKS, plan.0).await?;
    fields.write(tx, FIELDS, plan.0).await?;
    recount(tx, plan).await
}

fn verdict_word(is_held: bool) -> &'static str {
    if is_held { "held" } else { "passes" }
}

/// Counts the changes of a plan anew, for whoever asks how many there are: after each decision.
async fn recount(tx: &mut Tx, plan: PlanId) -> Result<(), StoreError> {
    const FORGET: &str = "delete from plan_counts where plan_id = $1";
    const COUNT: &str = "insert into plan_counts (plan_id, verdict, decision, kind, changes) \
         select plan_id, verdict, decision, kind, count(*) from plan_changes \
         where plan_id = $1 group by plan_id, verdict, decision, kind";
    for sql in [FORGET, COUNT] {
        with_tx!(&mut *tx, conn => sqlx::query(sql).bind(plan.0).execute(conn).await
            .map(|_| ()))?;
    }
    Ok(())
}

pub async fn list(
    db: &Db,
    plan: PlanId,
    filter: &Filter,
    page: Page,
) -> Result<Vec<PlanChange>, StoreError> {
    const SQL: &str = "select c.seq, t.name, c.verdict, c.decision, c.kind, c.external_id, \
           c.username, c.group_name, c.words, c.reason, c.cause, c.before, c.after, c.email \
         from plan_change_blocks b cross join plan_changes c \
           left join targets t on t.id = c.target_id \
         where b.plan_id = $1 and $2 < b.last_seq \
           and (cast($3 as bigint) = 0 or b.marks like '%,' || cast($3 as text) || ',%') \
           and (cast($4 as text) = '' or b.marks like '%,' || $4 || ',%') \
           and (cast($5 as text) = '' or b.marks like '%,' || $5 || ',%') \
           and (cast($7 as text) = '' or b.words like $6 escape '\\' \
             or (cast($10 as text) <> '' and b.emails like $10 escape '\\')) \
           and (cast($9 as bigint) = 0 or b.reasons = '' \
             or b.marks like '%,t' || cast($9 as text) || ',%') \
           and (cast($11 as text) = '' or b.reasons = '' or b.reasons like $11 escape '\\') \
           and (cast($12 as text) = '' or b.marks like '%,f' || $12 || ',%') \
           and c.plan_id = $1 and $2 < +c.seq and b.first_seq <= c.seq and c.seq <= b.last_seq \
           and (cast($3 as bigint) = 0 or c.cause = $3) \
           and (cast($4 as text) = '' or c.kind = $4) and (cast($5 as text) = '' or c.verdict = $5) \
           and (cast($7 as text) = '' or lower(coalesce(c.username, '')) like $6 escape '\\' \
             or lower(coalesce(c.group_name, '')) like $6 escape '\\' or c.external_id = $7 \
             or (cast($10 as text) <> '' and lower(c.email) like $10 escape '\\')) \
           and (cast($9 as bigint) = 0 or c.target_id = $9) \
           and (cast($11 as text) = '' or lower(c.reason) like $11 escape '\\') \
           and (cast($12 as text) = '' or c.fields like '%,' || $12 || ',%') \
         order by b.first_seq, c.seq limit $8";
    const NUMBER: &str =
        "select number from plan_fields where plan_id = $1 and lower(field) = lower($2)";
    let (text, needle) = (filter.search.trim(), Needle::new(&filter.search));
    let why = Needle::new(&filter.because);
    // Many people share a domain: only what has an @ is looked for in addresses.
    let is_email = text.contains('@');
    let emails = if is_email { needle.pattern.as_str() } else { "" };
    let reasons = if filter.because.trim().is_empty() { "" } else { why.pattern.as_str() };
    let field = fields::number_of(db, NUMBER, plan.0, filter.field.trim()).await?;
    let mut found = Vec::new();
    let mut after = page.after;
    loop {
        let rows: Vec<ChangeColumns> = with_pool!(db, pool => sqlx::query_as(SQL)
            .bind(plan.0)
            .bind(after)
            .bind(filter.cause)
            .bind(&filter.kind)
            .bind(&filter.verdict)
            .bind(&needle.pattern)
            .bind(text)
            .bind(page.rows_max)
            .bind(filter.target.map_or(0, |it| it.0))
            .bind(emails)
            .bind(reasons)
            .bind(&field)
            .fetch_all(pool)
            .await?);
        let is_last = page.is_more_than(rows.len());
        for (change, email) in rows.into_iter().map(plan_change) {
            after = change.seq;
            let names = [change.username.as_deref(), change.group.as_deref()];
            let is_found = needle.is_in(change.external_id.as_deref(), names)
                || (is_email && needle.is_part_of(&email));
            if is_found && why.is_part_of(&change.reason) && page.is_more_than(found.len()) {
                found.push(change);
            }
        }
        if is_last || !page.is_more_than(found.len()) {
            return Ok(found);
        }
    }
}

/// The fields of people that the changes of a plan alter, by name.
pub async fn altered(db: &Db, plan: PlanId) -> Result<Vec<AlteredField>, StoreError> {
    const SQL: &str = "select field, changes from plan_fields where plan_id = $1 order by field";
    fields::list(db, SQL, plan.0).await
}

/// Everything that a decision over the plan has to look at, in order.
pub async fn seen(tx: &mut Tx, plan: PlanId) -> Result<Vec<Seen>, StoreError> {
    const SQL: &str = "select seq, target_id, verdict, decision, cause, identity, words, reason, \
           state from plan_changes where plan_id = $1 order by seq";
    let rows: Vec<SeenColumns> =
        with_tx!(tx, conn => sqlx::query_as(SQL).bind(plan.0).fetch_all(conn).await?);
    let seen = |row: SeenColumns| {
        let (seq, target, verdict, decision, cause, identity, words, reason, state) = row;
        let is_held = verdict == "held";
        Seen { seq, target, is_held, decision, cause, identity, words, reason, state }
    };
    Ok(rows.into_iter().map(seen).collect())
}

type SeenColumns = (i64, i64, String, String, i64, String, String, String, String);

/// How many changes there are, by verdict, decision and kind.
pub async fn counts(
    db: &Db,
    plan: PlanId,
) -> Result<BTreeMap<(String, String, String), u64>, StoreError> {
    const SQL: &str = "select verdict, decision, kind, changes from plan_counts where plan_id = $1";
    let rows: Vec<(String, String, String, i64)> =
        with_pool!(db, pool => sqlx::query_as(SQL).bind(plan.0).fetch_all(pool).await?);
    let count = |(verdict, decision, kind, count): (_, _, _, i64)| {
        ((verdict, decision, kind), count.unsigned_abs())
    };
    Ok(rows.into_iter().map(count).collect())
}

/// How many changes of each cause wait for a decision. It reads every change of the plan.
pub async fn waiting_by_cause(db: &Db, plan: PlanId) -> Result<BTreeMap<i64, u64>, StoreError> {
    const SQL: &str = "select cause, count(*) from plan_changes where plan_id = $1 \
           and verdict = 'held' and decision in ('', 'left-out') group by cause";
    let rows: Vec<(i64, i64)> =
        with_pool!(db, pool => sqlx::query_as(SQL).bind(plan.0).fetch_all(pool).await?);
    Ok(rows.into_iter().map(|(cause, count)| (cause, count.unsigned_abs())).collect())
}

/// Marks changes by their numbers.
pub async fn mark(
    tx: &mut Tx,
    plan: PlanId,
    seqs: &[i64],
    verdict: Verdict,
) -> Result<(), StoreError> {
    const APPROVED: &str = "update plan_changes set decision = 'approved' where plan_id = $2 \
         and seq in (select cast(batch.value ->> 0 as bigint) from {rows})";
    const REJECTED: &str = "update plan_changes set decision = 'rejected' where plan_id = $2 \
         and seq in (select cast(batch.value ->> 0 as bigint) from {rows})";
    const LEFT_OUT: &str = "update plan_changes set decision = 'left-out' where plan_id = $2 \
         and seq in (select cast(batch.value ->> 0 as bigint) from {rows})";
    let sql = match verdict {
        Verdict::Approved => APPROVED,
        Verdict::Rejected => REJECTED,
        Verdict::LeftOut => LEFT_OUT,
    };
    let row = |out: &mut Vec<u8>, seq: &i64| cells(out, &(seq,));
    execute(tx, sql, seqs, row, &[plan.0]).await?;
    recount(tx, plan).await
}

/// Takes the marks off changes, by their numbers: nobody has decided over them.
pub async fn unmark(tx: &mut Tx, plan: PlanId, seqs: &[i64]) -> Result<(), StoreError> {
    const SQL: &str = "update plan_changes set decision = '' where plan_id = $2 \
         and seq in (select cast(batch.value ->> 0 as bigint) from {rows})";
    let row = |out: &mut Vec<u8>, seq: &i64| cells(out, &(seq,));
    execute(tx, SQL, seqs, row, &[plan.0]).await?;
    recount(tx, plan).await
}

/// Marks changes that somebody decided over when they saw them in an earlier plan.
pub async fn carry_over(tx: &mut Tx, plan: PlanId, origin: &str) -> Result<(), StoreError> {
    const SQL: &str = "update plan_changes set decision = coalesce((select d.verdict \
           from plan_decisions d where d.target_id = plan_changes.target_id and d.origin = $2 \
             and d.identity = plan_changes.identity), '') \
         where plan_id = $1 and verdict = 'held'";
    with_tx!(&mut *tx, conn => sqlx::query(SQL).bind(plan.0).bind(origin).execute(conn).await
        .map(|_| ()))?;
    recount(tx, plan).await
}

type ChangeColumns = (
    i64,
    Option<String>,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    String,
    String,
    i64,
    String,
    String,
    String,
);

/// A change, and the e-mail addresses that it is found by.
fn plan_change(row: ChangeColumns) -> (PlanChange, String) {
    let (
        seq,
        target_name,
        verdict,
        decision,
        kind,
        external_id,
        username,
        group,
        words,
        reason,
        cause,
        before,
        after,
        email,
    ) = row;
    let change = PlanChange {
        seq,
        target_name,
        is_held: verdict == "held",
        decision,
        kind,
        external_id,
        username,
        group,
        words,
        reason,
        cause,
        before,
        after,
    };
    (change, email)
}
