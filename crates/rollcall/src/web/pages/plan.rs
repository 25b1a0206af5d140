//! `/plans/{id}`: everything that would change, why, and what is decided over it.

pub mod applying;
pub mod deciding;
mod view;

use axum::extract::{Path, Query, State};
use axum::http::Uri;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use self::deciding::Draft;
use self::view::view;
use crate::run::{Order, Ready, Showed, Task};
use crate::store::connectors::settings::rules::fingerprint;
use crate::store::plans::changes::Filter;
use crate::store::plans::{self, Plan, PlanId};
use crate::store::runs::Trigger;
use crate::store::targets::TargetId;
use crate::sync::seen;
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::form::Form;
use crate::web::pages::run;
use crate::web::refusal::Refusal;
use crate::web::status;
use crate::web::visit::Visit;

/// The address of the page, taken apart.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    tab: String,
    cause: i64,
    kind: String,
    verdict: String,
    q: String,
    /// A part of the reason.
    why: String,
    /// The number of a target; empty for all.
    target: String,
    /// What of a person a change alters.
    field: String,
    after: i64,
}

pub async fn show(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Answer {
    let plan = find(&app, id).await?;
    answer::html(&view(&app, &visit, &plan, asked, Draft::default()).await?)
}

/// Does exactly what the plan shows, or nothing.
pub async fn apply(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    form: Form,
) -> Answer {
    let plan = find(&app, id).await?;
    let showed = Showed { plan: plan.id, seen: form.raw("seen").to_owned() };
    let ready = Ready::open(&app.engine, plan.connector_name.as_str()).await?;
    // The run looks once more, when it is about to do it.
    if let Err(why) = seen::check(&plan, &showed, &fingerprint(&ready.connector.settings)) {
        let sentence = why.to_string();
        return Ok(visit.told(status::Role::Warning, &sentence, &format!("/plans/{id}")));
    }
    let task = Task::Exactly(showed);
    run::started(&app, &visit, ready, &order(&visit, task, String::new())).await
}

pub fn order(visit: &Visit, task: Task, reason: String) -> Order {
    let actor = visit.actor();
    Order { trigger: Trigger::Page, actor, retry_of: None, slot: None, task, reason }
}

async fn find(app: &App, id: i64) -> Result<Plan, Refusal> {
    plans::find(app.db(), PlanId(id)).await?.ok_or_else(|| {
        let sentence =
            format!("There is no plan {id}. Plans that nobody needs any more are pruned.");
        Refusal::NotFound(sentence)
    })
}

impl Asked {
    /// What a form was sent from.
    fn shown_by(form: &Form) -> Asked {
        Asked::of_address(form.raw("shown"))
    }

    /// What a form asks for: a part of the plan by its address, or what is shown, with its fields.
    fn shown_next(form: &Form) -> Asked {
        let address = form.raw("show");
        if !address.is_empty() {
            return Asked::of_address(address);
        }
        let shown = Asked::shown_by(form);
        let typed = ["q", "why", "target", "field"].map(|it| form.raw(it).trim());
        if typed == [shown.q.trim(), shown.why.trim(), &*shown.target, &*shown.field] {
            return shown;
        }
        let [q, why, target, field] = typed.map(str::to_owned);
        Asked { q, why, target, field, after: 0, ..shown }
    }

    fn of_address(address: &str) -> Asked {
        let shown = address.parse::<Uri>().ok();
        let asked = shown.and_then(|it| Query::<Asked>::try_from_uri(&it).ok());
        asked.map_or_else(Asked::default, |Query(asked)| asked)
    }

    /// What there is to decide over comes first, whatever passes before it.
    fn or_held(mut self) -> Asked {
        if !self.is_narrowed() && self.verdict.is_empty() {
            "held".clone_into(&mut self.verdict);
        }
        self
    }

    fn filter(&self) -> Filter {
        Filter {
            cause: self.cause,
            kind: self.kind.clone(),
            verdict: if self.verdict == "all" { String::new() } else { self.verdict.clone() },
            search: self.q.trim().to_owned(),
            because: self.why.trim().to_owned(),
            // A target that is none has no changes.
            target: (!self.target.is_empty())
                .then(|| TargetId(self.target.parse().unwrap_or(i64::MAX))),
            field: self.field.clone(),
        }
    }

    /// Whether something that is held may be left out.
    fn is_narrowed(&self) -> bool {
        self.cause != 0 || self.is_narrowed_beside_its_cause()
    }

    fn is_narrowed_beside_its_cause(&self) -> bool {
        let holds_held = matches!(&*self.verdict, "" | "all" | "held");
        let searched = [&self.q, &self.why, &self.target, &self.field];
        let is_searched = searched.iter().any(|it| !it.trim().is_empty());
        !(holds_held && self.kind.is_empty() && !is_searched)
    }

    fn address(&self, plan: PlanId, after: i64) -> String {
        let number = |it: i64| if it == 0 { String::new() } else { it.to_string() };
        let (cause, after) = (number(self.cause), number(after));
        let parts = [
            ("tab", &self.tab),
            ("cause", &cause),
            ("kind", &self.kind),
            ("verdict", &self.verdict),
            ("q", &self.q),
            ("why", &self.why),
            ("target", &self.target),
            ("field", &self.field),
            ("after", &after),
        ];
        let asked: Vec<String> = parts
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        format!("/plans/{plan}?{}", asked.join("&"))
    }
}
