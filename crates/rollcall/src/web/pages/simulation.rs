//! `/simulations/{name}`: a simulation while it is under way. Its end is a plan.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::sse::Event;
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;

use crate::run::Ready;
use crate::simulations::{Simulation, State as Standing};
use crate::store::connectors;
use crate::sync::Phase;
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::form::Form;
use crate::web::page::Page;
use crate::web::pages::run::live;
use crate::web::refusal::Refusal;
use crate::web::visit::{self, Visit};

#[derive(Debug, Template)]
#[template(path = "simulation.html")]
struct View {
    page: Page,
    connector: String,
    steps: Steps,
    /// Why there is no plan; empty while there may still be one.
    failed: String,
    command: String,
}

/// The part of the page that changes.
#[derive(Clone, Debug, Template)]
#[template(path = "simulation_steps.html")]
struct Steps {
    stations: Vec<live::Station>,
    /// What it told last.
    told: String,
    /// To be said aloud; empty where nothing is worth it.
    announce: String,
}

/// Begins a simulation of a connector, and shows it.
pub async fn start(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    _form: Form,
) -> Answer {
    let known = connectors::list(app.db()).await?;
    let connector = known.into_iter().find(|it| it.id.0 == id).ok_or_else(Refusal::no_page)?;
    let ready = Ready::open(&app.engine, connector.name.as_str()).await?;
    let started = app.simulations.start(&app.engine, ready, &visit.actor().name);
    let name = started.map_err(|full| Refusal::Conflict(full.to_string()))?;
    Ok(visit::see_other(&format!("/simulations/{name}")))
}

pub async fn show(State(app): State<App>, visit: Visit, Path(name): Path<String>) -> Answer {
    let Simulation { connector, state, .. } = app.simulations.find(&name).ok_or_else(|| {
        let sentence = "This simulation is not known here: the service was started again, or it \
             is long over. What simulations found is kept under Plans.";
        Refusal::NotFound(sentence.to_owned())
    })?;
    let (steps, failed) = match state {
        Standing::Planned(plan) => return Ok(visit::see_other(&format!("/plans/{plan}"))),
        Standing::UnderWay { phase, told } => (steps(Some(phase), told), String::new()),
        Standing::Failed(why) => (steps(None, String::new()), why),
    };
    let command = format!("rollcall simulate {}", crate::notation::shell_word(&connector));
    answer::html(&View { page: visit.page("Simulation"), connector, steps, failed, command })
}

/// `/simulations/{name}/events`: the steps, as they are taken.
pub async fn events(State(app): State<App>, Path(name): Path<String>) -> Answer {
    app.simulations.find(&name).ok_or_else(Refusal::no_page)?;
    let place = live::place(&app)?;
    let watching =
        Watching { app, name, shown: String::new(), phase: None, is_over: false, _place: place };
    let stream = stream::unfold(watching, async |mut watching| {
        let event = watching.next().await?;
        Some((event, watching))
    });
    Ok(live::answer(stream))
}

/// One reader of one simulation.
struct Watching {
    app: App,
    name: String,
    shown: String,
    phase: Option<Phase>,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Watching {
    async fn next(&mut self) -> Option<Event> {
        while !self.is_over && !self.app.engine.is_stopping() {
            let Some(Simulation { state: Standing::UnderWay { phase, told }, .. }) =
                self.app.simulations.find(&self.name)
            else {
                self.is_over = true;
                return Some(Event::default().event("end").data("over"));
            };
            let mut steps = steps(Some(phase), told);
            if self.phase.replace(phase) == Some(phase) {
                steps.announce.clear();
            }
            let markup = steps.render().unwrap_or_default();
            if markup != self.shown {
                self.shown.clone_from(&markup);
                return Some(Event::default().data(markup));
            }
            tokio::time::sleep(live::LOOK_EVERY).await;
        }
        None
    }
}

fn steps(now: Option<Phase>, told: String) -> Steps {
    let announce = live::ORDER.into_iter().find(|it| Some(it.0) == now);
    let announce = announce.map_or("", |it| it.1).to_owned();
    Steps { stations: stations(now), told, announce }
}

/// The phases of a simulation: those of a run without the last.
fn stations(now: Option<Phase>) -> Vec<live::Station> {
    let phases = live::ORDER.into_iter().filter(|(phase, _)| *phase != Phase::Apply);
    let station = |(phase, title): (Phase, &'static str)| {
        let state = match now {
            Some(now) if phase < now => "done",
            Some(now) if phase == now => "running",
            Some(_) | None => "waiting",
        };
        live::Station { state, title, took: String::new() }
    };
    phases.map(station).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};

    #[test]
    fn a_simulation_shows_how_far_it_is_and_why_it_failed() {
        for failed in ["", HOSTILE] {
            let phase = failed.is_empty().then_some(Phase::Ask);
            let view = View {
                page: samples::page("Simulation", "/simulations/ab", Role::Operator),
                connector: HOSTILE.to_owned(),
                steps: steps(phase, HOSTILE.to_owned()),
                failed: failed.to_owned(),
                command: "rollcall simulate x".to_owned(),
            };
            let text = check(&view);
            assert_eq!(text.contains("http-equiv"), failed.is_empty(), "{text}");
        }
        let states: Vec<&str> = stations(Some(Phase::Ask)).iter().map(|it| it.state).collect();
        assert_eq!(states, ["done", "done", "running", "waiting"]);
    }
}
