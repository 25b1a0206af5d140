//! `rollcall audit`: who did what, and whether the log is as it was written.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output;
use crate::cli::run::FormatFlag;
use crate::export::audit::AuditExport;
use crate::store::audit::chain::{self, Anchor, Verdict};
use crate::store::audit::changes::{self, Change};
use crate::store::audit::{self, Filter, Recorded};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List entries, the latest first
    List(ListArgs),
    /// Write entries as a file to standard output, the latest first
    Export(ExportArgs),
    /// Look whether every entry is as it was written
    Verify(VerifyArgs),
}

/// Which entries.
#[derive(Debug, clap::Args)]
pub struct FilterArgs {
    /// Since a day or an instant: 2026-11-24, 2026-11-24T08:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = instant_of)]
    since: Option<Timestamp>,
    /// Before a day or an instant
    #[arg(long, value_name = "WHEN", value_parser = instant_of)]
    until: Option<Timestamp>,
    /// By whom
    #[arg(long, value_name = "NAME", default_value = "")]
    actor: String,
    /// About what: connector, target, run, plan, account, retention, installation
    #[arg(long, value_name = "NOUN", default_value = "")]
    noun: String,
    /// What was done: create, edit, delete, pause, start, ..
    #[arg(long, value_name = "VERB", default_value = "")]
    verb: String,
    /// To which one, by its name or its number
    #[arg(long, value_name = "NAME", default_value = "")]
    object: String,
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// How many entries
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Go on before the entry of this number
    #[arg(long, value_name = "N")]
    before: Option<i64>,
}

#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    filter: FilterArgs,
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "ndjson")]
    format: FormatFlag,
}

#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// What an earlier `audit verify` printed, kept elsewhere: shows that nothing was cut off since
    #[arg(long, value_name = "NUMBER:HASH")]
    anchor: Option<Anchor>,
}

#[derive(Serialize)]
struct ListAnswer {
    entries: Vec<EntryAnswer>,
}

#[derive(Serialize)]
struct EntryAnswer {
    number: i64,
    at: String,
    actor_kind: String,
    actor: String,
    origin: String,
    noun: String,
    verb: String,
    object_id: String,
    object_name: String,
    reason: String,
    changes: Value,
}

#[derive(Serialize)]
struct VerifyAnswer {
    whole: bool,
    /// Of the last entry; to be kept elsewhere.
    anchor: Option<String>,
    broken: Option<String>,
}

pub async fn run(command: Command, setup: Setup) -> Result<Exit, CliError> {
    let context = Context::open(setup).await?;
    let done = match command {
        Command::List(args) => list(args, &context).await.map(|()| Exit::Ok),
        Command::Export(args) => export(args, &context).await.map(|()| Exit::Ok),
        Command::Verify(args) => verify(&args, &context).await,
    };
    context.close().await;
    done
}

async fn list(args: ListArgs, context: &Context) -> Result<(), CliError> {
    let filter = args.filter.into();
    let entries = audit::list(&context.db, &filter, args.before, args.limit).await?;
    let answer = ListAnswer { entries: entries.into_iter().map(entry_answer).collect() };
    context.output.answer(&answer, list_text);
    Ok(())
}

async fn export(args: ExportArgs, context: &Context) -> Result<(), CliError> {
    let mut export = AuditExport::new(&context.db, args.filter.into(), args.format.into());
    while let Some(piece) = export.next().await? {
        if !context.output.bytes(&piece) {
            break;
        }
    }
    Ok(())
}

async fn verify(args: &VerifyArgs, context: &Context) -> Result<Exit, CliError> {
    let (answer, exit) = match chain::verify(&context.db, args.anchor.as_ref()).await? {
        Verdict::Whole(anchor) => {
            let anchor = Some(anchor.to_string());
            (VerifyAnswer { whole: true, anchor, broken: None }, Exit::Ok)
        }
        Verdict::Broken(found) => {
            let broken = Some(found.to_string());
            (VerifyAnswer { whole: false, anchor: None, broken }, Exit::Failed)
        }
    };
    context.output.answer(&answer, |it| match (&it.anchor, &it.broken) {
        (Some(anchor), _) => format!(
            "Every entry is as it was written.\n\
             Keep this elsewhere, and give it the next time:\n  --anchor {anchor}"
        ),
        (None, broken) => format!(
            "The audit log is not as it was written. {}",
            broken.as_deref().unwrap_or_default()
        ),
    });
    Ok(exit)
}

fn list_text(answer: &ListAnswer) -> String {
    if answer.entries.is_empty() {
        return "No such entry.".to_owned();
    }
    let row = |it: &EntryAnswer| {
        let at = it.at.get(..19).unwrap_or(&it.at);
        [
            it.number.to_string(),
            format!("{at}Z"),
            format!("{} ({})", it.actor, it.origin),
            format!("{} {}", it.noun, it.verb),
            object(it),
            changes_text(it),
        ]
    };
    let rows: Vec<_> = answer.entries.iter().map(row).collect();
    output::table(["NO", "AT", "WHO", "WHAT", "WHICH", "CHANGES"], &rows)
}

/// `OneLogin`, and of a run its number too.
fn object(entry: &EntryAnswer) -> String {
    match (entry.noun.as_str(), entry.object_name.as_str()) {
        ("run", name) => format!("{} of {name}", entry.object_id),
        (_, "") => entry.object_id.clone(),
        (_, name) => name.to_owned(),
    }
}

/// `because: ..; schedule.enabled: false -> true`
fn changes_text(entry: &EntryAnswer) -> String {
    const SHOWN: usize = 4;
    let mut changes: Vec<Change> =
        serde_json::from_value(entry.changes.clone()).unwrap_or_default();
    // What is told of a secret would be lost among what is new.
    changes.sort_by_key(|it| !it.secret);
    let mut parts = Vec::new();
    if !entry.reason.is_empty() {
        parts.push(format!("because: {}", entry.reason));
    }
    parts.extend(changes.iter().take(SHOWN).map(change_text));
    if SHOWN < changes.len() {
        parts.push(format!("and {} more", changes.len() - SHOWN));
    }
    parts.join("; ")
}

fn change_text(change: &Change) -> String {
    let Change { setting, before, after, secret } = change;
    match (before, after) {
        _ if *secret => format!("{setting} (secret)"),
        (Some(before), Some(after)) => format!("{setting}: {before} -> {after}"),
        (None, Some(after)) => format!("{setting}: {after}"),
        (Some(before), None) => format!("no more {setting}: {before}"),
        (None, None) => setting.clone(),
    }
}

fn entry_answer(entry: Recorded) -> EntryAnswer {
    let Recorded {
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
        previous_hash: _,
        hash: _,
    } = entry;
    let changes = match changes::read(&changes) {
        Some(changes) => serde_json::to_value(changes).unwrap_or_default(),
        None => Value::String(changes),
    };
    EntryAnswer {
        number: seq,
        at: at.to_string(),
        actor_kind,
        actor,
        origin,
        noun,
        verb,
        object_id,
        object_name,
        reason,
        changes,
    }
}

impl From<FilterArgs> for Filter {
    fn from(args: FilterArgs) -> Filter {
        let FilterArgs { since, until, actor, noun, verb, object } = args;
        Filter { since, until, actor, noun, verb, object }
    }
}

/// An instant, or the beginning of a day in UTC.
fn instant_of(text: &str) -> Result<Timestamp, String> {
    let day = |it: Date| it.to_zoned(TimeZone::UTC).map(|it| it.timestamp());
    text.parse::<Timestamp>().or_else(|_| text.parse::<Date>().and_then(day)).map_err(|_| {
        "write a day such as 2026-11-24, or an instant 2026-11-24T08:00:00Z".to_owned()
    })
}
