//! Local groups from the command line: what somebody does by hand, and runs leave as it is.

use std::collections::{BTreeMap, BTreeSet};

use reconcile::principal::{ExternalId, Name};
use serde::Serialize;

use super::{Marks, found};
use crate::cli::context::Context;
use crate::cli::exit::CliError;
use crate::cli::output;
use crate::cli::user::directory::user;
use crate::notation::shell_quoted;
use crate::store::targets::{self, Target};
use crate::target::crowd::local_groups::{self, LocalGroupError, PEOPLE_MAX};

#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// The target
    target: String,
    /// What to call the group
    group: String,
    /// Why, for the audit log; needed for a privileged group
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub struct MembersArgs {
    /// The target
    target: String,
    /// The local group
    group: String,
    /// Usernames, e-mails or external ids of people who are in the target
    #[arg(required = true)]
    users: Vec<String>,
    /// Why, for the audit log; needed for a privileged group
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub struct DeleteArgs {
    /// The target
    target: String,
    /// The local group
    group: String,
    /// The name of the group again: whoever is in it loses what it gives
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Why, for the audit log; needed for a privileged group
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Serialize)]
struct CreateAnswer {
    target: String,
    group: String,
}

#[derive(Serialize)]
struct AddAnswer {
    target: String,
    group: String,
    added: Vec<String>,
    already_in: Vec<String>,
}

#[derive(Serialize)]
struct RemoveAnswer {
    target: String,
    group: String,
    removed: Vec<String>,
    not_in: Vec<String>,
}

#[derive(Serialize)]
struct DeleteAnswer {
    target: String,
    deleted: String,
    members: u64,
}

pub(super) async fn create(args: &CreateArgs, context: &Context) -> Result<(), CliError> {
    let target = targets::find(&context.db, &args.target).await?;
    let group = Name::new(args.group.trim());
    let reason = reason(&args.reason, &target, &group, context).await?;
    let act = context.act().because(reason);
    local_groups::create(&context.db, &target, &group, &act).await?;
    let answer = CreateAnswer { target: target.name.to_string(), group: group.to_string() };
    context.output.answer(&answer, |it| {
        format!(
            "The local group \"{group}\" is in {target}. Runs leave it and its members as they are.\n\n\
             Next: rollcall group add {} {} USERNAME",
            shell_quoted(&it.target),
            shell_quoted(&output::printable(&it.group)),
            group = output::printable(&it.group),
            target = it.target,
        )
    });
    Ok(())
}

pub(super) async fn add(args: &MembersArgs, context: &Context) -> Result<(), CliError> {
    let (target, group, people) = named(args, context).await?;
    let reason = reason(&args.reason, &target, &group, context).await?;
    let act = context.act().because(reason);
    let ids = people.keys().cloned().collect();
    let moved = local_groups::add(&context.db, &target, &group, &ids, &act).await?;
    let (added, already_in) = parted(people, &moved);
    let answer =
        AddAnswer { target: target.name.to_string(), group: group.to_string(), added, already_in };
    context.output.answer(&answer, |it| {
        let group = format!("\"{}\" of {}", output::printable(&it.group), it.target);
        told([
            (&it.added, &format!("Added to {group}")),
            (&it.already_in, &format!("In {group} already")),
        ])
    });
    Ok(())
}

pub(super) async fn remove(args: &MembersArgs, context: &Context) -> Result<(), CliError> {
    let (target, group, people) = named(args, context).await?;
    let reason = reason(&args.reason, &target, &group, context).await?;
    let act = context.act().because(reason);
    let ids = people.keys().cloned().collect();
    let moved = local_groups::remove(&context.db, &target, &group, &ids, &act).await?;
    let (removed, not_in) = parted(people, &moved);
    let answer =
        RemoveAnswer { target: target.name.to_string(), group: group.to_string(), removed, not_in };
    context.output.answer(&answer, |it| {
        let group = format!("\"{}\" of {}", output::printable(&it.group), it.target);
        told([
            (&it.removed, &format!("Taken out of {group}")),
            (&it.not_in, &format!("Not in {group} anyway")),
        ])
    });
    Ok(())
}

pub(super) async fn delete(args: &DeleteArgs, context: &Context) -> Result<(), CliError> {
    let target = targets::find(&context.db, &args.target).await?;
    let group = Name::new(args.group.trim());
    found(context, &target, &group).await?;
    let loss = "Whoever is in it loses what it gives them.";
    crate::cli::confirm("group", &group, args.confirm.as_deref(), loss)?;
    let reason = reason(&args.reason, &target, &group, context).await?;
    let act = context.act().because(reason);
    let members = local_groups::delete(&context.db, &target, &group, &act).await?;
    let answer =
        DeleteAnswer { target: target.name.to_string(), deleted: group.to_string(), members };
    context.output.answer(&answer, |it| {
        let people = if it.members == 1 { "person was" } else { "people were" };
        format!(
            "The local group \"{}\" of {} is deleted. {} {people} in it.",
            output::printable(&it.deleted),
            it.target,
            it.members
        )
    });
    Ok(())
}

/// The reason, which nobody may leave out where a group gives power over others.
async fn reason<'a>(
    typed: &'a str,
    target: &Target,
    group: &Name,
    context: &Context,
) -> Result<&'a str, CliError> {
    let typed = typed.trim();
    if typed.is_empty() && Marks::of(context, target).await?.badges(group).privileged {
        return Err(CliError::usage(format!(
            "The group \"{group}\" is privileged, so a reason is needed. Nothing was changed. Say why, with \
             --reason TEXT."
        )));
    }
    Ok(typed)
}

/// The group, and everybody who is named: each has to be there.
async fn named(
    args: &MembersArgs,
    context: &Context,
) -> Result<(Target, Name, BTreeMap<ExternalId, String>), CliError> {
    let target = targets::find(&context.db, &args.target).await?;
    let group = Name::new(args.group.trim());
    found(context, &target, &group).await?;
    if PEOPLE_MAX < args.users.len() {
        return Err(LocalGroupError::TooMany.into());
    }
    let (mut people, mut unknown) = (BTreeMap::new(), Vec::new());
    for typed in &args.users {
        match user(context, &target, typed).await? {
            Some(user) => {
                people.insert(ExternalId::new(&user.external_id), user.username);
            }
            None => unknown.push(format!("\"{typed}\"")),
        }
    }
    if !unknown.is_empty() {
        return Err(CliError::usage(format!(
            "Nobody in {} is {}. Nothing was changed. See `rollcall user list {}`.",
            target.name,
            unknown.join(", "),
            shell_quoted(target.name.as_str())
        )));
    }
    Ok((target, group, people))
}

/// By username: those who came or went, and the others.
fn parted(
    people: BTreeMap<ExternalId, String>,
    moved: &BTreeSet<ExternalId>,
) -> (Vec<String>, Vec<String>) {
    let (moved, stayed): (BTreeMap<_, _>, BTreeMap<_, _>) =
        people.into_iter().partition(|(id, _)| moved.contains(id));
    (moved.into_values().collect(), stayed.into_values().collect())
}

fn told(parts: [(&Vec<String>, &str); 2]) -> String {
    let parts = parts.into_iter().filter(|(people, _)| !people.is_empty());
    let lines =
        parts.map(|(people, what)| format!("{what}: {}.", output::printable(&people.join(", "))));
    lines.collect::<Vec<_>>().join("\n")
}
