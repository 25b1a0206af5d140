//! `/runs/{id}/undo`: what would take back a run, and taking it back exactly so.

use askama::Template;
use axum::extract::{Path, Query, State};
use serde::Deserialize;

use crate::notation::shell_word;
use crate::plans::undo::{self, UndoError, Undoing};
use crate::run::{Order, Ready, Task};
use crate::store::connectors;
use crate::store::runs::{Run, RunId, Trigger};
use crate::sync::{Decision, SyncError, report};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::form::{Form, Typed};
use crate::web::page::Page;
use crate::web::pages::directory;
use crate::web::pages::explain::{StepView, step};
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "undo.html")]
struct View {
    page: Page,
    run: i64,
    connector: String,
    asked: Asked,
    targets: Vec<TargetView>,
    /// What cannot be taken back, and why.
    findings: Vec<String>,
    /// Why there is nothing to show.
    sorry: String,
    /// Names exactly what is shown.
    seen: String,
    /// Whether it is shown again because it is not what was seen.
    has_changed: bool,
    form: Typed,
    command: String,
}

#[derive(Debug)]
struct TargetView {
    name: String,
    passing: Vec<StepView>,
    held: Vec<StepView>,
    /// How many changes are not shown.
    more: usize,
    objections: Vec<String>,
}

/// What is to be taken back.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Only what was done to this person.
    user: String,
    /// Whether the next run may do it again; empty where not.
    may_return: String,
}

/// So many changes of each kind are shown; all of them are undone.
const STEPS_SHOWN: usize = 200;

pub async fn show(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Answer {
    visit.prove_to(&asked.act(id), visit.path())?;
    let run = undo::find(app.db(), RunId(id)).await?;
    let ready = ready(&app, &run).await?;
    let decided = decide(&app, &ready, &asked.undoing(&run)).await?;
    answer::html(&view(&visit, &run, asked, decided, false, Typed::default()))
}

/// Takes it back as a run of its own, if it is still what was seen.
pub async fn undo(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    mut form: Form,
) -> Answer {
    let asked = Asked { user: form.optional("user"), may_return: form.optional("may_return") };
    if !form.is_only_shown() {
        visit.prove_to(&asked.act(id), &asked.address(id))?;
    }
    let reason = form.text("reason");
    let seen = form.raw("seen").to_owned();
    let run = undo::find(app.db(), RunId(id)).await?;
    let ready = ready(&app, &run).await?;
    let undoing = asked.undoing(&run);
    let decided = decide(&app, &ready, &undoing).await?;
    let is_seen = decided.as_ref().is_ok_and(|it| undoing.digest(it) == seen);
    if form.is_wrong() || !is_seen {
        return answer::html_again(&view(&visit, &run, asked, decided, !is_seen, form.typed()));
    }
    let order = Order::new(Trigger::Undo, visit.actor());
    let task = Task::Undo(Undoing { seen: Some(seen), ..undoing });
    super::started(&app, &visit, ready, &Order { task, reason, ..order }).await
}

/// The connector of a run as it is now.
async fn ready(app: &App, run: &Run) -> Result<Ready, Refusal> {
    let connector = connectors::with_id(app.db(), run.connector_id).await?.ok_or_else(|| {
        Refusal::Conflict("The connector of this run has been deleted since.".to_owned())
    })?;
    Ok(Ready::with(&app.engine, connector).await?)
}

/// What would take it back; a sentence where there is nothing.
async fn decide(
    app: &App,
    ready: &Ready,
    undoing: &Undoing,
) -> Result<Result<Decision, String>, Refusal> {
    match undo::decide(ready.job(app.db()), undoing, &|_| ()).await {
        Ok(decision) => Ok(Ok(decision)),
        Err(SyncError::Undo(
            error @ (UndoError::Nothing(_) | UndoError::Nobody { .. } | UndoError::Several { .. }),
        )) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn view(
    visit: &Visit,
    run: &Run,
    asked: Asked,
    decided: Result<Decision, String>,
    has_changed: bool,
    form: Typed,
) -> View {
    let undoing = asked.undoing(run);
    let user = match asked.user.as_str() {
        "" => String::new(),
        user => format!(" --user {}", shell_word(user)),
    };
    let may_return = if undoing.may_return { " --may-return" } else { "" };
    let reason = match form.value("reason") {
        "" => "'WHY'".to_owned(),
        typed => shell_word(typed),
    };
    let (targets, findings, seen, sorry) = match decided {
        Ok(decision) => (
            decision.targets.iter().map(target).collect(),
            report::findings(&decision).map(|it| it.message.clone()).collect(),
            undoing.digest(&decision),
            String::new(),
        ),
        Err(sorry) => (Vec::new(), Vec::new(), String::new(), sorry),
    };
    let page = visit.page(format!("Undo run {}", run.id));
    let view = View {
        page,
        run: run.id.0,
        connector: run.connector_name.as_str().to_owned(),
        targets,
        findings,
        sorry,
        seen,
        has_changed,
        form,
        command: format!("rollcall undo {}{user}{may_return} --yes --reason {reason}", run.id),
        asked,
    };
    if !view.can_undo() {
        return view;
    }
    let action = format!("/runs/{}/undo", run.id);
    View { page: view.page.keeping("undo", action), ..view }
}

fn target(decision: &crate::sync::TargetDecision) -> TargetView {
    let (passing, held) = (decision.approved.steps(), &decision.held.steps);
    let hidden = |number: usize| number.saturating_sub(STEPS_SHOWN);
    let name = decision.target.as_ref().map(|it| it.name.to_string());
    TargetView {
        name: name.unwrap_or_else(|| "No target yet".to_owned()),
        passing: passing.iter().take(STEPS_SHOWN).map(step).collect(),
        held: held.iter().take(STEPS_SHOWN).map(step).collect(),
        more: hidden(passing.len()) + hidden(held.len()),
        objections: decision.held.objections.iter().map(ToString::to_string).collect(),
    }
}

impl Asked {
    /// What the question for the password says.
    fn act(&self, run: i64) -> String {
        match self.user.trim() {
            "" => format!("Undo run {run}"),
            user => format!("Undo what run {run} did to person {user}"),
        }
    }

    /// The page that shows the same again: one person, and not everybody.
    fn address(&self, run: i64) -> String {
        let asked = [("user", self.user.as_str()), ("may_return", &self.may_return)];
        directory::address(&format!("/runs/{run}/undo"), &asked)
    }

    fn undoing(&self, run: &Run) -> Undoing {
        let user = self.user.trim();
        Undoing {
            run: run.id,
            user: (!user.is_empty()).then(|| user.to_owned()),
            may_return: !self.may_return.is_empty(),
            seen: None,
        }
    }
}

impl View {
    /// Whether there is something that would be taken back, now or once it is approved.
    fn can_undo(&self) -> bool {
        self.targets.iter().any(|it| !it.passing.is_empty() || !it.held.is_empty())
    }
}

impl From<UndoError> for Refusal {
    fn from(error: UndoError) -> Refusal {
        match error {
            UndoError::Store(error) => error.into(),
            UndoError::Unknown(_) => Refusal::NotFound(error.to_string()),
            UndoError::UnderWay(_)
            | UndoError::Nothing(_)
            | UndoError::Nobody { .. }
            | UndoError::Several { .. }
            | UndoError::Differs(_) => Refusal::Conflict(error.to_string()),
        }
    }
}

impl From<SyncError> for Refusal {
    fn from(error: SyncError) -> Refusal {
        match error {
            SyncError::Store(error) => error.into(),
            SyncError::Undo(error) => error.into(),
            SyncError::Broken => Refusal::Failed(error.to_string()),
            SyncError::Source(_)
            | SyncError::Settings(_)
            | SyncError::Target(_)
            | SyncError::Stale { .. }
            | SyncError::Closed { .. }
            | SyncError::OtherRules { .. }
            | SyncError::DecidedSince { .. }
            | SyncError::Stopped { .. }
            | SyncError::Lost(_) => Refusal::Conflict(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};
    use crate::web::pages::explain::tests::a_step;

    fn view(targets: Vec<TargetView>, sorry: &str) -> View {
        View {
            page: samples::page("Undo run 7", "/runs/7/undo", Role::Operator),
            run: 7,
            connector: HOSTILE.to_owned(),
            asked: Asked { user: HOSTILE.to_owned(), may_return: "on".to_owned() },
            targets,
            findings: vec![HOSTILE.to_owned()],
            sorry: sorry.to_owned(),
            seen: "abc".to_owned(),
            has_changed: true,
            form: Typed::fresh([("reason", HOSTILE.to_owned())]),
            command: HOSTILE.to_owned(),
        }
    }

    #[test]
    fn a_button_is_there_only_where_there_is_something_to_take_back() {
        let target = |held| TargetView {
            name: HOSTILE.to_owned(),
            passing: Vec::new(),
            held,
            more: 3,
            objections: vec![HOSTILE.to_owned()],
        };
        for (view, can_undo) in [
            (view(vec![target(vec![a_step()])], ""), true),
            (view(vec![target(Vec::new())], ""), false),
            (view(Vec::new(), HOSTILE), false),
        ] {
            let text = check(&view);
            assert_eq!(text.contains("name=\"seen\""), can_undo, "{text}");
        }
    }
}
