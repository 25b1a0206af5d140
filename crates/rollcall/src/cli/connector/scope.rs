//! `rollcall connector scope`: who would take part, counted before anything is saved.

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output;
use crate::cli::progress::Teller;
use crate::notation::scope::ScopeChoices;
use crate::notation::shell_quoted;
use crate::run;
use crate::source::onelogin::report::{Calls, Read};
use crate::source::onelogin::settings::{RequiredGroups, ScopeSettings, Settings};
use crate::store::connectors;
use crate::sync::Event;

#[derive(Debug, clap::Args)]
pub struct ScopeArgs {
    /// The connector
    name: String,
    #[command(flatten)]
    pub(super) choices: ScopeChoices,
}

#[derive(Serialize)]
struct Answer<'a> {
    connector: &'a str,
    required_groups: &'a [String],
    scope: &'a ScopeSettings,
    /// Whether the connector has this scope already.
    saved: bool,
    people: usize,
    in_scope: usize,
    out_of_scope: usize,
    strategy: &'a str,
    api_calls: u64,
    api_calls_per_hour: Option<u64>,
    proof: String,
}

/// What `connector show` tells of it; what is not set is not told.
pub(super) fn facts(
    required_groups: &[String],
    scope: &ScopeSettings,
) -> Vec<(&'static str, String)> {
    let ScopeSettings { matching, excluded_groups, conditions } = scope;
    let between = match matching {
        RequiredGroups::Any => ", or ",
        RequiredGroups::All => ", and ",
    };
    let required = match required_groups {
        [] => "none: everybody takes part".to_owned(),
        names => names.join(between),
    };
    let mut facts = vec![("Required groups", output::printable(&required))];
    for (title, list, between) in
        [("Excluded groups", excluded_groups, ", "), ("Only where", conditions, ", and ")]
    {
        if !list.is_empty() {
            facts.push((title, output::printable(&list.join(between))));
        }
    }
    facts
}

/// Reads everybody in a scope that need not be the connector's yet, and tells how many they are and
/// what that costs.
pub(super) async fn run(args: &ScopeArgs, context: &Context) -> Result<Exit, CliError> {
    let mut connector = connectors::find(&context.db, &args.name).await?;
    let before = connector.settings.clone();
    args.choices.apply(&mut connector.settings.source).map_err(CliError::usage)?;
    connector.settings.check()?;
    let saved = connector.settings == before;
    let source = context.source(&connector).await?;
    let teller = Teller::new(context.output);
    let read = source.read(&|progress| teller.tell(&Event::Source(progress))).await;
    teller.done();
    run::note_budget(&context.db, connector.id, &source).await;
    let (read, calls) = (read?, source.calls());
    let settings = &connector.settings.source;
    let answer = answer(connector.name.as_str(), settings, saved, &read, &calls);
    context.output.answer(&answer, text);
    Ok(if answer.in_scope == 0 { Exit::HeldForApproval } else { Exit::Ok })
}

fn answer<'a>(
    connector: &'a str,
    settings: &'a Settings,
    saved: bool,
    read: &'a Read,
    calls: &Calls,
) -> Answer<'a> {
    Answer {
        connector,
        required_groups: &settings.required_groups,
        scope: &settings.scope,
        saved,
        people: read.seen,
        in_scope: read.records.len() + read.unreadable.len(),
        out_of_scope: read.out_of_scope,
        strategy: &read.strategy,
        api_calls: calls.total(),
        api_calls_per_hour: calls.budget_after.as_ref().map(|it| it.limit),
        proof: read.proof.to_string(),
    }
}

fn text(answer: &Answer<'_>) -> String {
    let Answer { required_groups, scope, people, in_scope, api_calls, strategy, proof, .. } =
        answer;
    let mut text = vec![
        output::facts(&facts(required_groups, scope)),
        String::new(),
        format!("{in_scope} of {people} people are in scope."),
        format!("Complete: {proof}"),
    ];
    let limit = answer.api_calls_per_hour.map(|it| format!(" of {it} an hour"));
    let limit = limit.unwrap_or_default();
    text.push(format!("A run takes about {api_calls} API calls{limit}; this took as many."));
    text.push((*strategy).to_owned());
    if *in_scope == 0 {
        text.push("Nobody would be in scope: a run with these settings would be held.".to_owned());
    }
    text.push(if answer.saved {
        "The connector has this scope. Nothing was changed.".to_owned()
    } else {
        format!(
            "Nothing was saved. To save it, give the same flags to \
             rollcall connector edit {}",
            shell_quoted(answer.connector)
        )
    });
    text.join("\n")
}
