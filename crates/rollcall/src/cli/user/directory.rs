//! `rollcall user list`, `show` and `history`: the people of a published directory.

use std::collections::BTreeMap;

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use reconcile::principal::{ExternalId, Name, fold};
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::{CliError, Exit};
use crate::cli::group::{Badges, ROWS_MAX};
use crate::cli::output;
use crate::notation::{shell_quoted, shell_word};
use crate::store::directory::browse::{self, Page, UserFilter, UserLine};
use crate::store::directory::lookup::{self, UserRow};
use crate::store::runs::changes::people_named;
use crate::store::runs::of_person::{self, PastChange, PastFinding};
use crate::store::targets::{self, Target};

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The target
    target: String,
    /// Only people with this in their username, e-mail or display name
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    search: String,
    /// Only people who may sign in, or who may not
    #[arg(long, value_enum, value_name = "STATE")]
    state: Option<State>,
    /// Only members of this group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Only people who changed within so many days
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=366))]
    changed_days: Option<i64>,
    /// Go on after this username
    #[arg(long, value_name = "USERNAME", default_value = "", hide_default_value = true)]
    after: String,
    /// How many people
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=ROWS_MAX))]
    limit: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Active,
    Inactive,
}

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The target
    target: String,
    /// A username, an e-mail or an external id
    user: String,
}

#[derive(Debug, clap::Args)]
pub struct HistoryArgs {
    /// The target
    target: String,
    /// A username, an e-mail or an external id, of somebody who is there or was
    user: String,
    /// How many changes
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=ROWS_MAX))]
    limit: u32,
}

#[derive(Serialize)]
struct ListAnswer {
    target: String,
    /// How many match, on this page or not.
    total: u64,
    users: Vec<LineAnswer>,
    /// For `--after`, where there are more.
    next: Option<String>,
}

/// Somebody in a list.
#[derive(Debug, Serialize)]
pub struct LineAnswer {
    external_id: String,
    pub username: String,
    pub display_name: String,
    email: String,
    pub active: bool,
    groups: u64,
    changed_at: String,
}

#[derive(Serialize)]
struct ShowAnswer {
    target: String,
    external_id: String,
    username: String,
    email: String,
    display_name: String,
    first_name: String,
    last_name: String,
    active: bool,
    attributes: BTreeMap<String, String>,
    created_at: String,
    changed_at: String,
    groups: Vec<MembershipAnswer>,
}

#[derive(Serialize)]
struct MembershipAnswer {
    group: String,
    #[serde(flatten)]
    badges: Badges,
    /// Absent where the run that did it is not kept any more.
    since: Option<String>,
    /// Absent also where somebody did it by hand.
    run: Option<i64>,
    why: Option<String>,
}

#[derive(Serialize)]
struct HistoryAnswer {
    target: String,
    external_id: String,
    changes: Vec<ChangeAnswer>,
    has_more: bool,
    findings: Vec<FindingAnswer>,
}

#[derive(Serialize)]
struct ChangeAnswer {
    run: i64,
    at: String,
    target: Option<String>,
    kind: String,
    group: Option<String>,
    detail: String,
    reason: String,
    outcome: String,
}

#[derive(Serialize)]
struct FindingAnswer {
    run: i64,
    at: String,
    kind: String,
    message: String,
}

const FINDINGS_MAX: u32 = 20;

pub(super) async fn list(args: &ListArgs, context: &Context) -> Result<Exit, CliError> {
    let target = targets::find(&context.db, &args.target).await?;
    let now = context.db.snapshot().await?.now().await?;
    let since = |days: i64| now.checked_sub(SignedDuration::from_hours(24 * days)).ok();
    let filter = UserFilter {
        search: args.search.clone(),
        active: args.state.map(|it| matches!(it, State::Active)),
        group: args.group.as_deref().map(|it| Name::new(it.trim())),
        changed_since: args.changed_days.and_then(since),
    };
    if let Some(group) = &filter.group {
        crate::cli::group::found(context, &target, group).await?;
    }
    let page = Page { after: &args.after, rows_max: args.limit + 1 };
    let (lines, total) = browse::users_and_total(&context.db, target.id, &filter, page).await?;
    let (users, next) = one_page(lines, args.limit);
    let answer = ListAnswer { target: target.name.to_string(), total, users, next };
    context.output.answer(&answer, |answer| list_text(answer, args));
    Ok(Exit::Ok)
}

/// The lines of one page, and after whom the next one begins.
pub fn one_page(mut lines: Vec<UserLine>, limit: u32) -> (Vec<LineAnswer>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = limit < lines.len();
    lines.truncate(limit);
    let next = lines.last().filter(|_| has_more).map(|it| it.username.clone());
    (lines.into_iter().map(line_answer).collect(), next)
}

fn line_answer(line: UserLine) -> LineAnswer {
    let UserLine { id, username, email, display_name, active, groups, changed_at } = line;
    LineAnswer {
        external_id: id.to_string(),
        username,
        display_name,
        email,
        active,
        groups,
        changed_at: changed_at.to_string(),
    }
}

pub(super) async fn show(args: &ShowArgs, context: &Context) -> Result<Exit, CliError> {
    let target = targets::find(&context.db, &args.target).await?;
    let Some(user) = user(context, &target, &args.user).await? else {
        let sentence = format!(
            "Nobody in {} is \"{}\". See `rollcall user list {}`, or `rollcall user history` for who was there.",
            target.name,
            args.user,
            shell_word(target.name.as_str())
        );
        return Err(CliError::new(Exit::Failed, sentence));
    };
    let id = ExternalId::new(&user.external_id);
    let groups = browse::groups_of(&context.db, target.id, &id).await?;
    let joined = of_person::joined(&context.db, target.id, &[&id], None).await?;
    let marks = crate::cli::group::Marks::of(context, &target).await?;
    let membership = |group: String| {
        let name = Name::new(&group);
        let joined = joined.iter().find(|it| it.group == name);
        MembershipAnswer {
            badges: marks.badges(&name),
            since: joined.map(|it| it.at.to_string()),
            run: joined.and_then(|it| it.run).map(|it| it.0),
            why: joined.map(|it| it.reason.clone()),
            group,
        }
    };
    let at = |at: i64| Timestamp::from_microsecond(at).unwrap_or_default().to_string();
    let answer = ShowAnswer {
        target: target.name.to_string(),
        groups: groups.into_iter().map(membership).collect(),
        created_at: at(user.created_at),
        changed_at: at(user.updated_at),
        external_id: user.external_id,
        username: user.username,
        email: user.email,
        display_name: user.display_name,
        first_name: user.first_name,
        last_name: user.last_name,
        active: user.active,
        attributes: user.attributes,
    };
    context.output.answer(&answer, show_text);
    Ok(Exit::Ok)
}

/// Somebody of a directory by username, external id or e-mail.
pub(crate) async fn user(
    context: &Context,
    target: &Target,
    typed: &str,
) -> Result<Option<UserRow>, CliError> {
    let typed = typed.trim();
    let mut tx = context.db.snapshot().await?;
    let by_name = lookup::user_by_name(&mut tx, target.id, &fold(typed)).await?;
    let found = match by_name {
        Some(user) => Some(user),
        None => lookup::user_by_external_id(&mut tx, target.id, typed).await?,
    };
    if found.is_some() || typed.is_empty() {
        return Ok(found);
    }
    let filter = UserFilter { search: typed.to_owned(), ..UserFilter::default() };
    let page = Page { after: "", rows_max: ROWS_MAX_OF_A_SEARCH };
    let alike = browse::users(&context.db, target.id, &filter, page).await?;
    let mut of_mail = alike.iter().filter(|it| *fold(&it.email) == *fold(typed));
    match (of_mail.next(), of_mail.next()) {
        (Some(one), None) => {
            Ok(lookup::user_by_external_id(&mut tx, target.id, one.id.as_str()).await?)
        }
        (Some(one), Some(other)) => Err(CliError::usage(format!(
            "Several people have the e-mail \"{typed}\": {}, {}. Name one by username.",
            one.username, other.username
        ))),
        (None, _) => Ok(None),
    }
}

/// Whoever has an e-mail is among the first whose names contain it.
const ROWS_MAX_OF_A_SEARCH: u32 = 100;

pub(super) async fn history(args: &HistoryArgs, context: &Context) -> Result<Exit, CliError> {
    let target = targets::find(&context.db, &args.target).await?;
    let connector = target.connector_id;
    let id = match user(context, &target, &args.user).await? {
        Some(user) => ExternalId::new(&user.external_id),
        None => {
            let known = people_named(&context.db, connector, args.user.trim()).await?;
            let ids = known.values().map(ToString::to_string).collect::<Vec<_>>();
            match known.into_values().next() {
                Some(id) if ids.len() == 1 => id,
                Some(_) => {
                    return Err(CliError::usage(format!(
                        "Several people were called \"{}\": {}. Name one by external id.",
                        args.user,
                        ids.join(", ")
                    )));
                }
                None => {
                    let sentence = format!(
                        "Nobody in {} is \"{}\", and no run that is still kept knew somebody of that name.",
                        target.name, args.user
                    );
                    return Err(CliError::new(Exit::Failed, sentence));
                }
            }
        }
    };
    let mut changes = of_person::changes(&context.db, connector, &id, args.limit + 1).await?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let has_more = limit < changes.len();
    changes.truncate(limit);
    let findings = of_person::findings(&context.db, connector, &id, FINDINGS_MAX).await?;
    let answer = HistoryAnswer {
        target: target.name.to_string(),
        external_id: id.to_string(),
        changes: changes.into_iter().map(change_answer).collect(),
        has_more,
        findings: findings.into_iter().map(finding_answer).collect(),
    };
    context.output.answer(&answer, |answer| history_text(answer, &args.user));
    Ok(Exit::Ok)
}

fn change_answer(past: PastChange) -> ChangeAnswer {
    let PastChange { run, at, change } = past;
    ChangeAnswer {
        run: run.0,
        at: at.to_string(),
        target: change.target_name,
        kind: change.kind,
        group: change.group,
        detail: change.detail,
        reason: change.reason,
        outcome: change.outcome,
    }
}

fn finding_answer(past: PastFinding) -> FindingAnswer {
    let PastFinding { at, finding } = past;
    FindingAnswer {
        run: finding.run.0,
        at: at.to_string(),
        kind: finding.kind,
        message: finding.message,
    }
}

fn list_text(answer: &ListAnswer, args: &ListArgs) -> String {
    if answer.users.is_empty() {
        return format!("Nobody in {} matches.", answer.target);
    }
    let row = |it: &LineAnswer| {
        [
            output::printable(&it.username),
            output::printable(&it.display_name),
            output::printable(&it.email),
            state(it.active).to_owned(),
            it.groups.to_string(),
            it.external_id.clone(),
        ]
    };
    let rows: Vec<_> = answer.users.iter().map(row).collect();
    let table =
        output::table(["USERNAME", "NAME", "E-MAIL", "STATE", "GROUPS", "EXTERNAL ID"], &rows);
    let people = if answer.total == 1 { "person" } else { "people" };
    let more = more("user list", &[&args.target], answer.next.as_deref());
    format!("{table}\n\n{} {people} in all.{more}", answer.total)
}

/// How to see the next page.
pub fn more(command: &str, names: &[&str], next: Option<&str>) -> String {
    let Some(next) = next else { return String::new() };
    let quoted = |it: &&str| shell_quoted(&output::printable(it));
    let names = names.iter().map(quoted).collect::<Vec<_>>().join(" ");
    format!(" More: rollcall {command} {names} --after {}", quoted(&next))
}

pub fn state(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}

fn show_text(answer: &ShowAnswer) -> String {
    let mut facts = vec![
        ("Username", answer.username.clone()),
        ("E-mail", answer.email.clone()),
        ("Display name", answer.display_name.clone()),
        ("First name", answer.first_name.clone()),
        ("Last name", answer.last_name.clone()),
        ("State", state(answer.active).to_owned()),
        ("External id", answer.external_id.clone()),
    ];
    let attributes = answer.attributes.iter();
    facts.extend(attributes.map(|(name, value)| (name.as_str(), value.clone())));
    facts.push(("Created", answer.created_at.clone()));
    facts.push(("Changed", answer.changed_at.clone()));
    let facts: Vec<(&str, String)> =
        facts.into_iter().map(|(label, value)| (label, output::printable(&value))).collect();
    let mut text = vec![output::facts(&facts), String::new()];
    if answer.groups.is_empty() {
        text.push("In no group.".to_owned());
        return text.join("\n");
    }
    let row = |it: &MembershipAnswer| {
        [
            output::printable(&it.group),
            it.since.clone().unwrap_or_default(),
            it.run.map(|it| it.to_string()).unwrap_or_default(),
            output::printable(it.why.as_deref().unwrap_or("by a run that is not kept any more")),
        ]
    };
    let rows: Vec<_> = answer.groups.iter().map(row).collect();
    text.push(output::table(["GROUP", "SINCE", "RUN", "WHY"], &rows));
    text.join("\n")
}

fn history_text(answer: &HistoryAnswer, user: &str) -> String {
    let mut text = Vec::new();
    if answer.changes.is_empty() {
        text.push("No run that is still kept changed them.".to_owned());
    } else {
        let row = |it: &ChangeAnswer| {
            let what = it.group.as_deref().unwrap_or(&it.detail);
            [
                it.run.to_string(),
                it.at.clone(),
                it.target.clone().unwrap_or_else(|| "deleted since".to_owned()),
                it.kind.clone(),
                output::printable(what),
                it.outcome.clone(),
                output::printable(&it.reason),
            ]
        };
        let rows: Vec<_> = answer.changes.iter().map(row).collect();
        text.push(output::table(
            ["RUN", "AT", "TARGET", "CHANGE", "WHAT", "OUTCOME", "WHY"],
            &rows,
        ));
    }
    if answer.has_more {
        text.push("There are older changes: give a larger --limit.".to_owned());
    }
    if !answer.findings.is_empty() {
        text.push(String::new());
        text.push("Findings:".to_owned());
        text.extend(answer.findings.iter().map(|it| {
            output::printable(&format!("  run {}, {}: {} {}", it.run, it.at, it.kind, it.message))
        }));
    }
    text.push(format!(
        "Why they are here, or are not: rollcall user explain CONNECTOR {}",
        shell_quoted(&output::printable(user))
    ));
    text.join("\n")
}
