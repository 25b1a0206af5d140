//! `rollcall group`: the groups of a published directory, who is in them, and local groups.

mod local;

use std::collections::BTreeMap;

use reconcile::pattern::Patterns;
use reconcile::principal::{ExternalId, Name};
use serde::Serialize;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::CliError;
use crate::cli::output;
use crate::cli::user::directory::{LineAnswer, more, one_page, state};
use crate::notation::{shell_quoted, shell_word};
use crate::store::connectors;
use crate::store::directory::browse::{self, GroupLine, Page};
use crate::store::directory::{self, local::ByHand};
use crate::store::names;
use crate::store::runs::of_person;
use crate::store::targets::{self, Target};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the groups of a target
    List(ListArgs),
    /// Show a group
    Show(ShowArgs),
    /// List who is in a group, with why and since when
    Members(MembersArgs),
    /// Make a local group, which runs leave as it is
    Create(local::CreateArgs),
    /// Add people to a local group
    Add(local::MembersArgs),
    /// Take people out of a local group
    Remove(local::MembersArgs),
    /// Delete a local group
    Delete(local::DeleteArgs),
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The target
    target: String,
    /// Only groups with this in their name
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    search: String,
    /// Go on after the group of this name
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    after: String,
    /// How many groups
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=ROWS_MAX))]
    limit: u32,
}

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The target
    target: String,
    /// The group
    group: String,
}

#[derive(Debug, clap::Args)]
pub struct MembersArgs {
    /// The target
    target: String,
    /// The group
    group: String,
    /// Only members with this in their username, e-mail or display name
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    search: String,
    /// Go on after this username
    #[arg(long, value_name = "USERNAME", default_value = "", hide_default_value = true)]
    after: String,
    /// How many members
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=ROWS_MAX))]
    limit: u32,
}

#[derive(Serialize)]
struct ListAnswer {
    target: String,
    groups: Vec<GroupAnswer>,
    /// For `--after`, where there are more.
    next: Option<String>,
}

#[derive(Serialize)]
struct GroupAnswer {
    group: String,
    members: u64,
    #[serde(flatten)]
    badges: Badges,
    /// Who made a local group, and when.
    made_by: Option<String>,
    made_at: Option<String>,
}

/// What is special about a group.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Badges {
    privileged: bool,
    never_touched: bool,
    local: bool,
}

#[derive(Serialize)]
struct MembersAnswer {
    target: String,
    group: String,
    /// How many are in it, on this page or not.
    total: u64,
    members: Vec<MemberAnswer>,
    /// For `--after`, where there are more.
    next: Option<String>,
}

#[derive(Serialize)]
struct MemberAnswer {
    #[serde(flatten)]
    line: LineAnswer,
    /// Absent where the run that did it is not kept any more.
    since: Option<String>,
    /// Absent also where somebody did it by hand.
    run: Option<i64>,
    why: Option<String>,
}

/// The rows of one page, at the most.
pub const ROWS_MAX: i64 = 1_000;

/// What the connector of a target says of its groups.
#[derive(Debug)]
pub struct Marks {
    privileged: Patterns,
    untouchable: Patterns,
    local: BTreeMap<Name, ByHand>,
}

impl Marks {
    pub async fn of(context: &Context, target: &Target) -> Result<Marks, CliError> {
        let connector = connectors::find(&context.db, target.connector_name.as_str()).await?;
        let local = directory::local::list(&context.db, target.id).await?;
        Ok(Marks {
            privileged: connector.settings.groups.privileged()?,
            untouchable: connector.settings.policy()?.untouchable,
            local: local.into_iter().map(|it| (it.name, it.made)).collect(),
        })
    }

    pub fn badges(&self, group: &Name) -> Badges {
        Badges {
            privileged: self.privileged.matches(group),
            never_touched: self.untouchable.matches(group),
            local: self.local.contains_key(group),
        }
    }
}

pub async fn run(command: Command, setup: Setup) -> Result<(), CliError> {
    let context = Context::open(setup).await?;
    let done = match command {
        Command::List(args) => list(&args, &context).await,
        Command::Show(args) => show(&args, &context).await,
        Command::Members(args) => members(&args, &context).await,
        Command::Create(args) => local::create(&args, &context).await,
        Command::Add(args) => local::add(&args, &context).await,
        Command::Remove(args) => local::remove(&args, &context).await,
        Command::Delete(args) => local::delete(&args, &context).await,
    };
    context.close().await;
    done
}

async fn list(args: &ListArgs, context: &Context) -> Result<(), CliError> {
    let target = targets::find(&context.db, &args.target).await?;
    let marks = Marks::of(context, &target).await?;
    let page = Page { after: &args.after, rows_max: args.limit + 1 };
    let mut lines = browse::groups(&context.db, target.id, &args.search, page).await?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let has_more = limit < lines.len();
    lines.truncate(limit);
    let next = lines.last().filter(|_| has_more).map(|it| it.name.clone());
    let group = |it| group_answer(it, &marks);
    let answer = ListAnswer {
        target: target.name.to_string(),
        groups: lines.into_iter().map(group).collect(),
        next,
    };
    context.output.answer(&answer, |answer| list_text(answer, args));
    Ok(())
}

async fn show(args: &ShowArgs, context: &Context) -> Result<(), CliError> {
    let target = targets::find(&context.db, &args.target).await?;
    let marks = Marks::of(context, &target).await?;
    let group = found(context, &target, &Name::new(args.group.trim())).await?;
    let answer = group_answer(group, &marks);
    context.output.answer(&answer, |answer| show_text(answer, &target));
    Ok(())
}

async fn members(args: &MembersArgs, context: &Context) -> Result<(), CliError> {
    let target = targets::find(&context.db, &args.target).await?;
    let name = Name::new(args.group.trim());
    let group = found(context, &target, &name).await?;
    let page = Page { after: &args.after, rows_max: args.limit + 1 };
    let lines = browse::members(&context.db, target.id, &group, &args.search, page).await?;
    let ids: Vec<ExternalId> = lines.iter().map(|it| it.id.clone()).collect();
    let joined =
        of_person::joined(&context.db, target.id, &ids.iter().collect::<Vec<_>>(), Some(&name))
            .await?;
    let (lines, next) = one_page(lines, args.limit);
    let member = |(line, id): (LineAnswer, &ExternalId)| {
        let joined = joined.iter().find(|it| it.id == *id);
        MemberAnswer {
            line,
            since: joined.map(|it| it.at.to_string()),
            run: joined.and_then(|it| it.run).map(|it| it.0),
            why: joined.map(|it| it.reason.clone()),
        }
    };
    let answer = MembersAnswer {
        target: target.name.to_string(),
        total: group.members,
        members: lines.into_iter().zip(&ids).map(member).collect(),
        group: group.name,
        next,
    };
    context.output.answer(&answer, members_text);
    Ok(())
}

/// A group of a directory, or an error that tells the nearest one.
pub async fn found(context: &Context, target: &Target, name: &Name) -> Result<GroupLine, CliError> {
    if let Some(group) = browse::group(&context.db, target.id, name).await? {
        return Ok(group);
    }
    let page = Page { after: "", rows_max: u32::try_from(ROWS_MAX).unwrap_or(u32::MAX) };
    let known = browse::groups(&context.db, target.id, "", page).await?;
    let known: Vec<Name> = known.iter().map(|it| Name::new(&it.name)).collect();
    let near = names::nearest(name.as_str(), &known);
    let near = near.map(|it| format!(" Did you mean \"{it}\"?")).unwrap_or_default();
    let sentence = format!(
        "There is no group \"{name}\" in {}.{near} See `rollcall group list {}`.",
        target.name,
        shell_word(target.name.as_str())
    );
    Err(CliError::usage(sentence))
}

fn group_answer(line: GroupLine, marks: &Marks) -> GroupAnswer {
    let GroupLine { name, members } = line;
    let group = Name::new(&name);
    let made = marks.local.get(&group);
    GroupAnswer {
        badges: marks.badges(&group),
        group: name,
        members,
        made_by: made.map(|it| it.by.clone()),
        made_at: made.map(|it| it.at.to_string()),
    }
}

/// What is special, in words.
fn special(badges: Badges) -> String {
    let Badges { privileged, never_touched, local } = badges;
    let words = [(privileged, "privileged"), (never_touched, "never touched"), (local, "local")];
    let words = words.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word);
    words.collect::<Vec<_>>().join(", ")
}

fn list_text(answer: &ListAnswer, args: &ListArgs) -> String {
    if answer.groups.is_empty() {
        return format!("No group in {} matches.", answer.target);
    }
    let row = |it: &GroupAnswer| {
        [output::printable(&it.group), it.members.to_string(), special(it.badges)]
    };
    let rows: Vec<_> = answer.groups.iter().map(row).collect();
    let table = output::table(["GROUP", "MEMBERS", "SPECIAL"], &rows);
    let more = more("group list", &[&args.target], answer.next.as_deref());
    if more.is_empty() { table } else { format!("{table}\n\n{}", more.trim_start()) }
}

fn show_text(answer: &GroupAnswer, target: &Target) -> String {
    let special = special(answer.badges);
    let mut facts = vec![
        ("Group", output::printable(&answer.group)),
        ("Target", target.name.to_string()),
        ("Members", answer.members.to_string()),
    ];
    if !special.is_empty() {
        facts.push(("Special", special));
    }
    if let (Some(by), Some(at)) = (&answer.made_by, &answer.made_at) {
        facts.push(("Made by hand", output::printable(&format!("by {by} at {at}"))));
    }
    let group = shell_quoted(&output::printable(&answer.group));
    let target = shell_word(target.name.as_str());
    let members = format!("Who is in it: rollcall group members {target} {group}");
    format!("{}\n\n{members}", output::facts(&facts))
}

fn members_text(answer: &MembersAnswer) -> String {
    if answer.members.is_empty() {
        return format!("Nobody in {} matches.", output::printable(&answer.group));
    }
    let row = |it: &MemberAnswer| {
        [
            output::printable(&it.line.username),
            output::printable(&it.line.display_name),
            state(it.line.active).to_owned(),
            it.since.clone().unwrap_or_default(),
            it.run.map(|it| it.to_string()).unwrap_or_default(),
            output::printable(it.why.as_deref().unwrap_or("by a run that is not kept any more")),
        ]
    };
    let rows: Vec<_> = answer.members.iter().map(row).collect();
    let table = output::table(["USERNAME", "NAME", "STATE", "SINCE", "RUN", "WHY"], &rows);
    let more = more("group members", &[&answer.target, &answer.group], answer.next.as_deref());
    format!("{table}\n\n{} in all.{more}", answer.total)
}
