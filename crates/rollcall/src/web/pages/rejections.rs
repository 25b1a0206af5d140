//! `/rejections`: what somebody said no to and is still in force, and lifting it.

use askama::Template;
use axum::extract::State;

use crate::plans::rejections::{self, LiftError, Which};
use crate::store::accounts::Role;
use crate::store::plans::rejections::RejectionInForce;
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::form::{Form, Typed};
use crate::web::moment::Moment;
use crate::web::page::Page;
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "rejections.html")]
struct View {
    page: Page,
    rows: Vec<Row>,
    /// How many there are beside those that are shown.
    more: usize,
    may_lift: bool,
    form: Typed,
    command: &'static str,
}

/// One rejection.
#[derive(Debug)]
struct Row {
    code: String,
    connector: String,
    target: String,
    words: String,
    from: String,
    /// Where that is told; empty where it is not kept.
    href: String,
    by: String,
    reason: String,
    until: Moment,
    is_ticked: bool,
}

/// As many as may be decided over without a password.
const ROWS: usize = 100;

pub async fn show(State(app): State<App>, visit: Visit) -> Answer {
    answer::html(&view(&app, &visit, &[], Typed::default()).await?)
}

/// Takes what is ticked out of force.
pub async fn lift(State(app): State<App>, visit: Visit, mut form: Form) -> Answer {
    let codes: Vec<String> = form.all("rejection").map(str::to_owned).collect();
    let reason = form.reason("reason");
    if codes.is_empty() {
        form.error("rejection", "No rejection is ticked. Nothing was lifted.");
    }
    if form.is_wrong() {
        return answer::html_again(&view(&app, &visit, &codes, form.typed()).await?);
    }
    let actor = visit.actor();
    let act = visit.act(&actor).because(&reason);
    let lifted = rejections::lift(app.db(), &Which::Coded(codes), &act).await?;
    let sentence = match lifted.len() {
        1 => "1 rejection is lifted. The next run judges the change like any other.".to_owned(),
        many => {
            format!(
                "{many} rejections are lifted. The next run judges the changes like any others."
            )
        }
    };
    Ok(visit.done(sentence, "/rejections"))
}

async fn view(app: &App, visit: &Visit, ticked: &[String], form: Typed) -> Result<View, Refusal> {
    let mut found = rejections::list(app.db(), None).await?;
    let more = found.len().saturating_sub(ROWS);
    found.truncate(ROWS);
    let may_lift = visit.may(Role::Approver);
    let page = visit.page("Rejections");
    let is_kept = may_lift && !found.is_empty();
    Ok(View {
        page: if is_kept { page.keeping("lift", "/rejections/lift") } else { page },
        rows: found.into_iter().map(|it| row(it, ticked, visit)).collect(),
        more,
        may_lift,
        form,
        command: "rollcall plan rejections",
    })
}

fn row(rejection: RejectionInForce, ticked: &[String], visit: &Visit) -> Row {
    let from = rejection.from();
    let RejectionInForce { code, connector_name, target_name, words, until, said, .. } = rejection;
    let href = match (said.plan, said.undo) {
        (Some(plan), _) => format!("/plans/{plan}"),
        (None, Some((run, _))) => format!("/runs/{run}"),
        (None, None) => String::new(),
    };
    Row {
        is_ticked: ticked.contains(&code),
        code,
        connector: connector_name,
        target: target_name,
        words,
        from,
        href,
        by: said.by,
        reason: said.reason,
        until: Moment::new(until, visit.now()),
    }
}

impl From<LiftError> for Refusal {
    fn from(error: LiftError) -> Refusal {
        match error {
            LiftError::Store(error) => error.into(),
            LiftError::NoReason | LiftError::LongReason => Refusal::BadRequest(error.to_string()),
            LiftError::Unknown(_)
            | LiftError::NothingOf(_)
            | LiftError::NothingOfUndo(_)
            | LiftError::Overtaken => Refusal::Conflict(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::answer::samples::{self, HOSTILE, check};

    fn sample(href: &str) -> Row {
        let at = |text: &str| text.parse().unwrap();
        Row {
            code: "8c1f02ab4e".to_owned(),
            connector: HOSTILE.to_owned(),
            target: HOSTILE.to_owned(),
            words: HOSTILE.to_owned(),
            from: "plan 31".to_owned(),
            href: href.to_owned(),
            by: HOSTILE.to_owned(),
            reason: HOSTILE.to_owned(),
            until: Moment::new(at("2026-12-25T22:14:03Z"), at("2026-11-25T22:20:03Z")),
            is_ticked: true,
        }
    }

    #[test]
    fn rejections_are_shown_to_all_and_lifted_by_approvers() {
        for (role, may_lift) in [(Role::Viewer, false), (Role::Approver, true)] {
            for rows in [Vec::new(), vec![sample("/plans/31"), sample("")]] {
                let is_empty = rows.is_empty();
                let page = samples::page("Rejections", "/rejections", role);
                let (form, command) = (Typed::default(), "rollcall plan rejections");
                let view = View { page, rows, more: 3, may_lift, form, command };
                let text = check(&view);
                let is_form = text.contains("action=\"/rejections/lift\"");
                assert_eq!(is_form, may_lift && !is_empty, "{text}");
            }
        }
    }
}
