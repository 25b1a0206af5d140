//! `rollcall connector map`: tries rules for people and groups on somebody or on everybody, and
//! saves nothing.

use serde::Serialize;

use reconcile::mapping::rules::{After, Traced};
use reconcile::mapping::trial::{Example, RowTrial, Trial};

use crate::cli::context::Context;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output;
use crate::cli::progress::Teller;
use crate::notation::mapping::MappingChoices;
use crate::notation::shell_quoted;
use crate::run;
use crate::store::connectors;
use crate::sync::Event;
use crate::trial::{self, PersonTrial};

#[derive(Debug, clap::Args)]
pub struct MapArgs {
    /// The connector
    name: String,
    /// Somebody in OneLogin, by username, e-mail or id
    #[arg(long, value_name = "WHO", conflicts_with_all = ["sample", "everyone"])]
    user: Option<String>,
    /// Somebody typed by hand: `email=Maya.Lee@Acme.com,firstname=Maya`
    #[arg(long, value_name = "FIELD=VALUE,..", conflicts_with = "everyone")]
    sample: Option<String>,
    /// Everybody of the last read [default]
    #[arg(long)]
    everyone: bool,
    /// By the last read that is stored alone, without an API call
    #[arg(long, conflicts_with = "sample")]
    last_read: bool,
    #[command(flatten)]
    pub(super) choices: MappingChoices,
}

#[derive(Serialize)]
struct Answer<'a> {
    connector: &'a str,
    /// Whether the connector has these rules already.
    saved: bool,
    /// Where people were tried as a stored read tells of them.
    read_at: Option<String>,
    people: Vec<PersonAnswer>,
    everyone: Option<EveryoneAnswer>,
    /// Why people may be missing.
    unread: Option<String>,
    api_calls: u64,
}

#[derive(Serialize)]
struct PersonAnswer {
    external_id: String,
    rows: Vec<TracedAnswer>,
    finding: Option<String>,
}

#[derive(Serialize)]
struct TracedAnswer {
    target: String,
    from: String,
    transformations: String,
    before: String,
    /// The value, or nothing where `what` says otherwise.
    after: Option<String>,
    what: &'static str,
}

#[derive(Serialize)]
struct EveryoneAnswer {
    people: usize,
    /// How many of them are compared with their account; the others with what the saved rules make.
    with_account: usize,
    #[serde(skip)]
    compared_words: String,
    read_at: Option<String>,
    rows: Vec<RowAnswer>,
    findings: Vec<String>,
}

#[derive(Serialize)]
struct RowAnswer {
    row: String,
    target: String,
    changes: usize,
    empties: usize,
    collides: usize,
    keeps: usize,
    skips: usize,
    examples: Vec<ExampleAnswer>,
    #[serde(skip)]
    counts: String,
}

#[derive(Serialize)]
struct ExampleAnswer {
    what: &'static str,
    external_id: String,
    before: String,
    after: String,
}

pub(super) async fn run(args: &MapArgs, context: &Context) -> Result<Exit, CliError> {
    let mut connector = connectors::find(&context.db, &args.name).await?;
    let before = connector.settings.clone();
    args.choices.apply(&mut connector.settings).map_err(CliError::usage)?;
    connector.settings.check()?;
    let mut answer = Answer {
        connector: args.name.as_str(),
        saved: connector.settings == before,
        read_at: None,
        people: Vec::new(),
        everyone: None,
        unread: None,
        api_calls: 0,
    };
    if let Some(typed) = &args.sample {
        let person = trial::of_sample(&connector.settings, typed).map_err(CliError::usage)?;
        answer.people.push(person_answer(person));
    } else if let Some(who) = &args.user {
        let people = if args.last_read {
            let known = trial::of_known(&context.db, &connector, who).await?;
            answer.read_at = Some(known.read_at.to_string());
            known.tried
        } else {
            let source = context.source(&connector).await?;
            let people = trial::of_user(&context.db, &connector, &source, who).await;
            run::note_budget(&context.db, connector.id, &source).await;
            let people = people?;
            answer.api_calls = source.calls().total();
            people
        };
        if people.is_empty() {
            let sentence = format!("No one matches \"{who}\" in OneLogin.");
            return Err(CliError::new(Exit::Failed, sentence));
        }
        answer.people = people.into_iter().map(person_answer).collect();
    } else if args.last_read {
        let known = trial::of_everybody_known(&context.db, &connector, &before).await?;
        answer.everyone = Some(everyone_answer(known.tried, Some(known.read_at.to_string())));
        answer.unread = known.unread;
    } else {
        let fields = trial::fields(&connector.settings, &before)?;
        let source = context.source(&connector).await?.with_fields(fields.iter())?;
        let teller = Teller::new(context.output);
        let tell = |progress| teller.tell(&Event::Source(progress));
        let tried = trial::of_everybody(&context.db, &connector, &before, &source, &tell).await;
        teller.done();
        run::note_budget(&context.db, connector.id, &source).await;
        let (trial, read_at) = tried?;
        answer.api_calls = source.calls().total();
        answer.everyone = Some(everyone_answer(trial, read_at.map(|it| it.to_string())));
    }
    context.output.answer(&answer, text);
    Ok(Exit::Ok)
}

fn person_answer(person: PersonTrial) -> PersonAnswer {
    let PersonTrial { id, traced } = person;
    let (rows, finding) = match traced {
        Ok(traced) => (traced.into_iter().map(traced_answer).collect(), None),
        Err(finding) => (Vec::new(), Some(finding.message)),
    };
    PersonAnswer { external_id: id.to_string(), rows, finding }
}

fn traced_answer(traced: Traced) -> TracedAnswer {
    let Traced { target, from, transformations, before, after } = traced;
    let (what, after) = match after {
        After::Value(value) => ("value", Some(value)),
        After::Kept => ("kept", None),
        After::Untold => ("untold", None),
        After::Skip => ("skip", None),
    };
    TracedAnswer { target: target.to_string(), from, transformations, before, after, what }
}

fn everyone_answer(trial: Trial, read_at: Option<String>) -> EveryoneAnswer {
    let compared_words = trial.compared_words();
    let Trial { people, with_account, rows, findings } = trial;
    EveryoneAnswer {
        people,
        with_account,
        compared_words,
        read_at,
        rows: rows.into_iter().map(row_answer).collect(),
        findings: findings.into_iter().map(|it| it.message).collect(),
    }
}

fn row_answer(row: RowTrial) -> RowAnswer {
    let counts = row.counts();
    let RowTrial { row, target, changes, empties, collides, keeps, skips, examples } = row;
    let example = |Example { what, id, before, after }| ExampleAnswer {
        what: what.word(),
        external_id: id.to_string(),
        before,
        after,
    };
    let examples = examples.into_iter().map(example).collect();
    let target = target.to_string();
    RowAnswer { row, target, changes, empties, collides, keeps, skips, examples, counts }
}

fn text(answer: &Answer<'_>) -> String {
    let mut text = Vec::new();
    for person in &answer.people {
        text.push(format!("OneLogin id {}", person.external_id));
        let row = |it: &TracedAnswer| {
            let after = match (it.what, &it.after) {
                (_, Some(after)) => after.clone(),
                ("kept", None) => "(what the account has)".to_owned(),
                (_, None) => "(takes no part)".to_owned(),
            };
            [it.target.clone(), it.from.clone(), it.before.clone(), after]
                .map(|it| output::printable(&it))
        };
        let rows: Vec<_> = person.rows.iter().map(row).collect();
        if !rows.is_empty() {
            text.push(output::table(["TARGET", "FROM", "BEFORE", "AFTER"], &rows));
        }
        text.extend(person.finding.as_ref().map(|it| output::printable(it)));
    }
    if let Some(everyone) = &answer.everyone {
        text.push(match &everyone.read_at {
            Some(at) => format!("{} people of the read of {at}", everyone.people),
            None => format!("{} people, read just now", everyone.people),
        });
        text.push(everyone.compared_words.clone());
        everyone.rows.iter().for_each(|row| text.extend(row_text(row)));
        text.extend(everyone.findings.iter().map(|it| output::printable(&format!("(!) {it}"))));
    }
    text.extend(answer.read_at.iter().map(|at| format!("By the read of {at}.")));
    text.extend(answer.unread.clone());
    let calls = if answer.api_calls == 1 { "call" } else { "calls" };
    text.push(format!("{} API {calls} used.", answer.api_calls));
    text.push(if answer.saved {
        "The connector has these rules. Nothing was changed.".to_owned()
    } else {
        format!(
            "Nothing was saved. To save it, give the same flags to rollcall connector edit {}",
            shell_quoted(answer.connector)
        )
    });
    text.join("\n")
}

fn row_text(row: &RowAnswer) -> Vec<String> {
    let mut lines = vec![output::printable(&row.row), format!("    {}", row.counts)];
    for ExampleAnswer { what, external_id, before, after } in &row.examples {
        let line = format!("    {what} {external_id}: {before:?} -> {after:?}");
        lines.push(output::printable(&line));
    }
    lines
}
