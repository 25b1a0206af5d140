//! `/approvals` and `/plans`: what waits for a decision, and every plan that somebody may look at.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use crate::store::plans::{self, Plan, PlanId, PlanKind, StoredCause, StoredObjection};
use crate::store::runs::report::Report;
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::moment::Moment;
use crate::web::page::Page;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "plans.html")]
struct View {
    page: Page,
    rows: Vec<Row>,
    /// Whether only what waits is shown.
    is_approvals: bool,
    older: String,
    command: &'static str,
}

/// One plan, as a list shows it.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: i64,
    pub connector: String,
    pub kind: &'static str,
    pub status: &'static str,
    pub made: Moment,
    pub made_by: String,
    pub expires: Moment,
    pub run: Option<i64>,
    /// How much of it waits, and for what; empty where nothing is left.
    pub left: String,
    /// Why it is held, or what became of it.
    pub sentences: Vec<String>,
    /// What the held changes have in common, the largest first.
    pub causes: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Only plans older than this one.
    before: Option<i64>,
}

const ROWS: usize = 30;
const CAUSES_MAX: usize = 5;

pub async fn approvals(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Answer {
    show(&app, &visit, &asked, true).await
}

pub async fn all(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Answer {
    show(&app, &visit, &asked, false).await
}

async fn show(app: &App, visit: &Visit, asked: &Asked, is_approvals: bool) -> Answer {
    let rows_max = u32::try_from(ROWS + 1).unwrap_or(u32::MAX);
    let before = asked.before.map(PlanId);
    let mut found = plans::list(app.db(), None, is_approvals, before, rows_max).await?;
    let has_older = ROWS < found.len();
    found.truncate(ROWS);
    let (title, here, command) = if is_approvals {
        ("Approvals", "/approvals", "rollcall plan list")
    } else {
        ("Plans", "/plans", "rollcall plan list --all")
    };
    let remainders = plans::remainders_of(app.db(), &found).await?;
    let older = found.last().filter(|_| has_older).map(|it| format!("{here}?before={}", it.id));
    let mut rows = Vec::new();
    for plan in &found {
        let mut it = row(plan, visit);
        it.left = remainders.get(&plan.id).map(ToString::to_string).unwrap_or_default();
        // A list of what was decided long ago needs no more than its end.
        if plan.status.is_open() {
            let mut tx = app.db().snapshot().await?;
            let objections = plans::objections(&mut tx, plan.id).await?;
            drop(tx);
            let report = Report::read(&plan.report);
            let objection =
                |it: &StoredObjection| report.named(it.target_name.as_deref(), &it.words);
            it.sentences.extend(objections.iter().map(objection));
            let causes = plans::causes(app.db(), plan.id).await?;
            let cause = |it: &StoredCause| report.named(it.target_name.as_deref(), &it.title);
            it.causes = causes.iter().take(CAUSES_MAX).map(cause).collect();
        }
        rows.push(it);
    }
    let older = older.unwrap_or_default();
    answer::html(&View { page: visit.page(title), rows, is_approvals, older, command })
}

/// A plan as lists show it, without what is stored beside it.
pub fn row(plan: &Plan, visit: &Visit) -> Row {
    Row {
        id: plan.id.0,
        connector: plan.connector_name.as_str().to_owned(),
        kind: kind(plan.kind),
        status: plan.status.word(),
        made: Moment::new(plan.made_at, visit.now()),
        made_by: match plan.kind {
            PlanKind::Held | PlanKind::Undo => String::new(),
            PlanKind::Simulated => plan.made_by.clone(),
        },
        expires: Moment::new(plan.expires_at, visit.now()),
        run: plan.run.map(|it| it.0),
        left: String::new(),
        sentences: Some(plan.message.clone()).filter(|it| !it.is_empty()).into_iter().collect(),
        causes: Vec::new(),
    }
}

pub fn kind(kind: PlanKind) -> &'static str {
    match kind {
        PlanKind::Held => "Held by a run",
        PlanKind::Simulated => "Simulation",
        PlanKind::Undo => "Undo",
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};

    pub fn sample(status: &'static str) -> Row {
        let at = |text: &str| text.parse().unwrap();
        let now = at("2026-11-25T22:20:03Z");
        Row {
            id: 31,
            connector: HOSTILE.to_owned(),
            kind: "Held by a run",
            status,
            made: Moment::new(at("2026-11-25T22:14:03Z"), now),
            made_by: HOSTILE.to_owned(),
            expires: Moment::new(at("2026-11-28T22:14:03Z"), now),
            run: Some(1188),
            left: HOSTILE.to_owned(),
            sentences: vec![HOSTILE.to_owned()],
            causes: vec![HOSTILE.to_owned()],
        }
    }

    #[test]
    fn plans_are_listed_in_every_state() {
        for is_approvals in [true, false] {
            for rows in [Vec::new(), vec![sample("waiting"), sample("superseded")]] {
                let is_empty = rows.is_empty();
                let page = samples::page("Approvals", "/approvals", Role::Viewer);
                let (older, command) = ("/plans?before=3".to_owned(), "rollcall plan list");
                let text = check(&View { page, rows, is_approvals, older, command });
                assert_eq!(text.contains("Nothing is waiting"), is_empty && is_approvals, "{text}");
            }
        }
    }
}
