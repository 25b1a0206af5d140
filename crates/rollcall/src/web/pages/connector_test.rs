//! `/connectors/{id}/test`: everything that a sync needs, tried one after the other. Changes nothing.

use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::{Path, State};

use crate::notation::shell_word;
use crate::run;
use crate::source::onelogin::report::{CheckStep, CheckWord, Checklist};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::moment::Moment;
use crate::web::page::Page;
use crate::web::pages::connector;
use crate::web::pages::connector::field::Wrong;
use crate::web::pages::connector::head::{self, Head};
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "connector_test.html")]
struct View {
    page: Page,
    head: Head,
    /// None before it was tried.
    report: Option<Report>,
    command: String,
}

#[derive(Debug)]
struct Report {
    at: Moment,
    is_usable: bool,
    /// `Usable with 1 warning`
    verdict: String,
    cost: String,
    steps: Vec<Step>,
    /// The whole report as a text, for a ticket.
    text: String,
}

#[derive(Debug)]
struct Step {
    /// As `ui::station` spells it.
    state: &'static str,
    name: &'static str,
    text: String,
    fix: String,
    took: String,
}

pub async fn show(State(app): State<App>, visit: Visit, Path(id): Path<i64>) -> Answer {
    answer::html(&view(&app, &visit, id, None).await?)
}

pub async fn test(State(app): State<App>, visit: Visit, Path(id): Path<i64>) -> Answer {
    let connector = connector::connector(&app, id).await?;
    let began = Instant::now();
    let source = run::source(&app.engine, &connector).await?;
    let checklist = run::check(app.db(), connector.id, &source, &|_| {}).await;
    let report = report(&checklist, connector.name.as_str(), began.elapsed(), &visit);
    answer::html(&view(&app, &visit, id, Some(report)).await?)
}

async fn view(
    app: &App,
    visit: &Visit,
    id: i64,
    report: Option<Report>,
) -> Result<View, crate::web::refusal::Refusal> {
    let connector = connector::connector(app, id).await?;
    let head = head::head(app, visit, &connector, None, &Wrong::new()).await?;
    let command = format!("rollcall connector test {}", shell_word(connector.name.as_str()));
    let page = visit.page(format!("Test connection - {}", connector.name));
    Ok(View { page, head, report, command })
}

fn report(checklist: &Checklist, name: &str, took: Duration, visit: &Visit) -> Report {
    let steps: Vec<Step> = checklist.steps.iter().map(step).collect();
    let warnings = match checklist.count(CheckWord::Warning) {
        0 => String::new(),
        1 => " with 1 warning".to_owned(),
        count => format!(" with {count} warnings"),
    };
    let calls = match checklist.calls {
        1 => "1 API call used".to_owned(),
        calls => format!("{calls} API calls used"),
    };
    let verdict = if checklist.is_usable() {
        format!("Usable{warnings}")
    } else {
        "Not usable yet".to_owned()
    };
    let cost = format!("{calls}, {} ms", took.as_millis());
    let at = Moment::new(visit.now(), visit.now());
    let mut text = format!("Test connection - {name}, {}\n", at.exact);
    for (checked, step) in checklist.steps.iter().zip(&steps) {
        text.extend([checked.word.word(), " - ", step.name, ": ", &step.text, "\n"]);
        if !step.fix.is_empty() {
            text.extend(["  Fix: ", &step.fix, "\n"]);
        }
    }
    text.extend([&verdict, ". ", &cost]);
    Report { at, is_usable: checklist.is_usable(), verdict, cost, steps, text }
}

fn step(step: &CheckStep) -> Step {
    let CheckStep { name, word, text, fix, took } = step;
    Step {
        state: match word {
            CheckWord::Ok => "done",
            CheckWord::Warning => "warning",
            CheckWord::Failed => "failed",
            CheckWord::NotTried => "skipped",
        },
        name,
        text: match word {
            CheckWord::NotTried => format!("not tried, {text}"),
            CheckWord::Ok | CheckWord::Warning | CheckWord::Failed => text.clone(),
        },
        fix: fix.clone().unwrap_or_default(),
        took: took.map_or_else(String::new, |it| format!("{} ms", it.as_millis())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};
    use crate::web::pages::connector::tests::sample_head;

    #[test]
    fn every_result_of_a_test_is_shown() {
        let steps = [CheckWord::Ok, CheckWord::Warning, CheckWord::Failed, CheckWord::NotTried];
        let told = |word| CheckStep {
            name: "Clock",
            word,
            text: HOSTILE.to_owned(),
            fix: Some(HOSTILE.to_owned()),
            took: Some(Duration::from_millis(12)),
        };
        let report = |is_usable| Report {
            at: Moment::new("2026-11-25T22:14:03Z".parse().unwrap(), jiff::Timestamp::MAX),
            is_usable,
            verdict: HOSTILE.to_owned(),
            cost: HOSTILE.to_owned(),
            steps: steps.iter().map(|&it| step(&told(it))).collect(),
            text: HOSTILE.to_owned(),
        };
        for report in [None, Some(report(true)), Some(report(false))] {
            let is_shown = report.is_some();
            let text = check(&View {
                page: samples::page("Test connection", "/connectors/1/test", Role::Operator),
                head: sample_head(None, Role::Operator),
                report,
                command: HOSTILE.to_owned(),
            });
            assert_eq!(text.contains("Run again"), is_shown, "{text}");
            assert_eq!(text.matches("12 ms").count(), if is_shown { 4 } else { 0 }, "{text}");
        }
    }
}
