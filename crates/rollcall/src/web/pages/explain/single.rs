//! `/explain/simulate` and `/explain/sync`: one person brought up to date, as it was seen before.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::{StepView, step};
use crate::notation::shell_word;
use crate::people::PeopleError;
use crate::people::one::{self, Leavers, OnePerson};
use crate::run::{Ready, Task};
use crate::store::connectors;
use crate::store::runs::Status;
use crate::sync::report;
use crate::web::answer::{self, Answer};
use crate::web::form::Form;
use crate::web::page::Page;
use crate::web::pages::directory;
use crate::web::pages::plan;
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;
use crate::web::{App, status};

#[derive(Debug, Template)]
#[template(path = "single.html")]
struct View {
    page: Page,
    connector: String,
    connector_name: String,
    user: String,
    is_cleanup: bool,
    targets: Vec<TargetView>,
    /// What a run would do of somebody who takes no part.
    left_to_a_run: Vec<StepView>,
    findings: Vec<String>,
    /// Names exactly what is shown.
    seen: String,
    /// Whether it is shown again because it is not what was seen.
    has_changed: bool,
    calls: u64,
    explain: String,
    clean_up: String,
    command: String,
}

#[derive(Debug)]
struct TargetView {
    name: String,
    passing: Vec<StepView>,
    held: Vec<StepView>,
    objections: Vec<String>,
    /// Why nobody can be synced alone there yet; empty where they can.
    obstacle: String,
}

/// Who is meant, and whether they are cleaned up after.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    connector: String,
    user: String,
    cleanup: String,
}

pub async fn simulate(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let ready = ready(&app, &asked).await?;
    let person = Box::pin(one::simulate(app.db(), &ready, &asked.user, asked.leavers())).await?;
    answer::html(&view(&visit, &ready, &asked, &person, false))
}

/// Syncs one person, if it is still what was seen.
pub async fn sync(State(app): State<App>, visit: Visit, mut form: Form) -> Answer {
    let asked = Asked {
        connector: form.text("connector"),
        user: form.text("user"),
        cleanup: form.optional("cleanup"),
    };
    if form.is_wrong() {
        return Err(Refusal::BadRequest("Say which connector, and whom.".to_owned()));
    }
    let ready = ready(&app, &asked).await?;
    let order = plan::order(&visit, Task::Sync, String::new());
    let (engine, user, leavers) = (app.engine.clone(), asked.user.clone(), asked.leavers());
    let seen = form.raw("seen").to_owned();
    // A browser that goes away does not stop it half-way.
    let done = tokio::spawn(async move {
        Box::pin(one::sync(&engine, &ready, &user, leavers, &order, Some(&seen))).await
    });
    let done =
        done.await.map_err(|_| Refusal::Failed("the sync of one person broke off".to_owned()))?;
    let synced = match done {
        Ok(synced) => synced,
        Err(PeopleError::Changed) => {
            let ready = self::ready(&app, &asked).await?;
            let person = one::simulate(app.db(), &ready, &asked.user, asked.leavers());
            let person = Box::pin(person).await?;
            return answer::html_again(&view(&visit, &ready, &asked, &person, true));
        }
        Err(error) => return Err(error.into()),
    };
    let role = match synced.status {
        Status::Succeeded => status::Role::Success,
        Status::Held => status::Role::Held,
        Status::Queued
        | Status::Running
        | Status::Stopping
        | Status::SucceededWithSkips
        | Status::Failed
        | Status::Skipped
        | Status::Stopped => status::Role::Warning,
    };
    Ok(visit.told(role, &synced.message, &format!("/runs/{}", synced.run)))
}

async fn ready(app: &App, asked: &Asked) -> Result<Ready, Refusal> {
    if asked.user.trim().is_empty() || asked.user.contains('*') {
        return Err(Refusal::BadRequest(
            "Name one person: a username, an e-mail, or a OneLogin id.".to_owned(),
        ));
    }
    let known = connectors::list(app.db()).await?;
    let connector = known.into_iter().find(|it| it.id.0.to_string() == asked.connector);
    let connector = connector.ok_or_else(Refusal::no_page)?;
    Ok(Ready::with(&app.engine, connector).await?)
}

fn view(
    visit: &Visit,
    ready: &Ready,
    asked: &Asked,
    person: &OnePerson,
    has_changed: bool,
) -> View {
    let OnePerson { id: _, source_id: id, absence: _, explanations: _, left_to_a_run, decision } =
        person;
    let connector = ready.connector.id.to_string();
    let who = [("connector", &*connector), ("user", id.as_str())];
    let cleanup = if asked.is_cleanup() { " --cleanup" } else { "" };
    let name = shell_word(ready.connector.name.as_str());
    View {
        page: visit.page("Sync single user"),
        connector_name: ready.connector.name.to_string(),
        user: id.to_string(),
        is_cleanup: asked.is_cleanup(),
        targets: decision.targets.iter().map(target).collect(),
        left_to_a_run: left_to_a_run.iter().map(step).collect(),
        findings: report::findings(decision).map(|it| it.message.clone()).collect(),
        seen: person.fingerprint(),
        has_changed,
        calls: ready.source.calls().total(),
        explain: directory::address("/explain", &who),
        clean_up: directory::address(
            "/explain/simulate",
            &[&who[..], &[("cleanup", "on")]].concat(),
        ),
        command: format!("rollcall user sync {name} {}{cleanup}", shell_word(id.as_str())),
        connector,
    }
}

fn target(decision: &crate::sync::TargetDecision) -> TargetView {
    let obstacle = match &decision.target {
        None => "The connector has no target yet, so there is nothing to keep equal.",
        Some(target) if target.published_at.is_none() => {
            "Nothing is published here yet, and one person alone must not be the first. Run a full sync first."
        }
        Some(_) => "",
    };
    TargetView {
        name: decision.target.as_ref().map_or("No target yet".to_owned(), |it| it.name.to_string()),
        passing: decision.approved.steps().iter().map(step).collect(),
        held: decision.held.steps.iter().map(step).collect(),
        objections: decision.held.objections.iter().map(ToString::to_string).collect(),
        obstacle: obstacle.to_owned(),
    }
}

impl View {
    /// Whether there is something that may be done now.
    fn can_sync(&self) -> bool {
        self.targets.iter().all(|it| it.obstacle.is_empty())
            && self.targets.iter().any(|it| !it.passing.is_empty())
    }
}

impl Asked {
    fn is_cleanup(&self) -> bool {
        !self.cleanup.is_empty()
    }

    fn leavers(&self) -> Leavers {
        if self.is_cleanup() { Leavers::CleanUp } else { Leavers::Wait }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::a_step;
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};

    fn view(targets: Vec<TargetView>, left_to_a_run: Vec<StepView>) -> View {
        View {
            page: samples::page("Sync single user", "/explain/simulate", Role::Operator),
            connector: "1".to_owned(),
            connector_name: HOSTILE.to_owned(),
            user: HOSTILE.to_owned(),
            is_cleanup: true,
            targets,
            left_to_a_run,
            findings: vec![HOSTILE.to_owned()],
            seen: "abc".to_owned(),
            has_changed: true,
            calls: 4,
            explain: "/explain".to_owned(),
            clean_up: "/explain/simulate?cleanup=on".to_owned(),
            command: "rollcall user sync x 117".to_owned(),
        }
    }

    fn a_target(passing: Vec<StepView>, obstacle: &str) -> TargetView {
        let (name, obstacle) = (HOSTILE.to_owned(), obstacle.to_owned());
        TargetView {
            name,
            passing,
            held: vec![a_step()],
            objections: vec![HOSTILE.to_owned()],
            obstacle,
        }
    }

    #[test]
    fn a_button_is_there_only_where_there_is_something_to_do() {
        let usual = check(&view(vec![a_target(vec![a_step()], "")], vec![a_step()]));
        assert!(usual.contains("action=\"/explain/sync\""), "{usual}");
        let blocked = check(&view(vec![a_target(vec![a_step()], HOSTILE)], Vec::new()));
        assert!(!blocked.contains("action=\"/explain/sync\""), "{blocked}");
        let nothing = check(&view(vec![a_target(Vec::new(), "")], Vec::new()));
        assert!(!nothing.contains("action=\"/explain/sync\""), "{nothing}");
    }
}
