//! What the service answers over HTTP: pages for people, the Crowd server for products, and probes.
//!
//! # How to add a page
//!
//! 1. Write `web/pages/NAME.rs` and `templates/NAME.html`; [`pages::connectors`] is the example.
//! 2. The view is a struct with `#[derive(Template)]` whose first field is `page: Page`. It holds
//!    finished texts and lists; the template only places them. It `{% extends "base.html" %}` and
//!    fills `{% block content %}`, with the parts of `templates/macros/ui.html`.
//! 3. A handler takes `State(app): State<App>` and `visit: Visit`, asks the store, and returns
//!    [`answer::Answer`]: `answer::html(&View { page: visit.page("Title"), .. })`.
//!    `?` works on every error of the store and of a run; [`refusal::Refusal`] has the others.
//! 4. A handler of a form takes `mut form: Form` last. `form.text("name")` and its like note what is
//!    wrong, by field; `if form.is_wrong() { .. }` shows the form again with
//!    [`answer::html_again`]. What went well ends in `visit.done("Saved.", "/connectors")`, which
//!    redirects and shows the sentence there.
//! 5. Every form has `{% call ui::csrf(page.csrf) %}{% endcall %}`, or it is refused.
//! 6. Add a line for each route to [`access::table`], with who may use it. There is no other way to
//!    mount one. Severe actions call `visit.prove_to("Do this", "/where/they/are")?` first.
//! 7. Give the view `#[cfg(test)] fn samples() -> Vec<View>`: empty, usual, held, with hostile
//!    texts; and a test that renders each with [`answer::samples::check`].
//! 8. Changes of state are audited with `visit.act()`.
//! 9. A form in which something is typed has an `id`, the page is made with
//!    `visit.page("Title").keeping("id", "/where/it/is/sent")`, and its route is one of
//!    [`access::Then::ShowsAgain`]: then another theme takes nothing away that was typed.

pub mod access;
pub mod address;
pub mod admins;
pub mod answer;
pub mod assets;
pub mod chart;
pub mod command;
pub mod cookies;
pub mod crowd;
pub mod form;
pub mod gauge;
pub mod guard;
pub mod icon;
pub mod moment;
pub mod page;
pub mod pages;
pub mod probes;
pub mod refusal;
pub mod site;
pub mod status;
pub mod throttle;
pub mod visit;

use std::sync::Arc;

use axum::Router;
use tokio::sync::Semaphore;

use self::site::Site;
use crate::run::Engine;
use crate::simulations::Simulations;
use crate::store::Db;

/// What every page needs.
#[derive(Clone, Debug)]
pub struct App {
    pub engine: Engine,
    pub site: Arc<Site>,
    /// Places for those who watch runs; each asks the database twice a second.
    pub watching: Arc<Semaphore>,
    pub simulations: Simulations,
}

const WATCHERS_MAX: usize = 100;

impl App {
    pub fn db(&self) -> &Db {
        &self.engine.db
    }
}

/// Everything that the service answers.
pub fn router(engine: &Engine, site: Site) -> Router {
    let watching = Arc::new(Semaphore::new(WATCHERS_MAX));
    let app = App {
        engine: engine.clone(),
        site: Arc::new(site),
        watching,
        simulations: Simulations::default(),
    };
    machines(&engine.db, &app.site).merge(access::router(&app))
}

/// What programs ask for, who have their own ways to say who they are.
pub fn machines(db: &Db, site: &Arc<Site>) -> Router {
    let crowd = crowd::router(db.clone(), Arc::clone(site));
    probes::router(db.clone()).nest("/crowd", crowd)
}
