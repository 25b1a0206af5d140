//! Who may do what: every route of the pages with the role that it takes.
//!
//! [`table`] is the only list of routes, and [`router`] mounts nothing else. A route without a role
//! cannot be written down, and one that is not in the table does not exist.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use tower_http::compression::CompressionLayer;
use tower_service::Service as _;

use self::Access::{Anybody, AtLeast, SignedIn};
use crate::store::accounts::Role::{self, Admin, Approver, Operator, Viewer};
use crate::web::form::Form;
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the table names every page"))]
use crate::web::pages::*;
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;
use crate::web::{App, assets, guard};

/// Whom a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Also those who are not signed in.
    Anybody,
    /// Everybody who is signed in, for what concerns themselves.
    SignedIn,
    /// This role, and those that may do more.
    AtLeast(Role),
}

/// One route, made by [`get`], [`post`] or [`kept`] alone.
#[derive(Clone, Debug)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub then: Then,
    answer: MethodRouter<App>,
}

/// What a route does with a form by which another theme was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It shows the form again as it is filled in, and does nothing else: made by [`kept`] alone.
    ShowsAgain,
    /// It would act on it, so the guard lets no such form through.
    Acts,
}

/// Every route of the pages. It is made once: every page asks several times what it may lead to.
pub fn table() -> &'static [Route] {
    static TABLE: LazyLock<Vec<Route>> = LazyLock::new(routes);
    &TABLE
}

/// One line each, grouped by page.
fn routes() -> Vec<Route> {
    vec![
        // What a page is made of.
        get("/static/{file}", Anybody, assets::file),
        // First start, sign-in.
        get("/setup", Anybody, set_up::show),
        post("/setup", Anybody, set_up::create),
        get("/sign-in", Anybody, sign_in::show),
        post("/sign-in", Anybody, sign_in::sign_in),
        get("/sign-in/{code}", Anybody, sign_in::show_link),
        post("/sign-in/{code}", Anybody, sign_in::use_link),
        get("/password/{code}", Anybody, sign_in::show_password),
        post("/password/{code}", Anybody, sign_in::choose_password),
        post("/sign-out", SignedIn, sign_in::sign_out),
        // One's own account.
        get("/account", SignedIn, account::show),
        post("/account/password", SignedIn, account::change_password),
        post("/account/sessions/{id}/end", SignedIn, account::end_session),
        kept("/account/theme", SignedIn, account::theme),
        post("/account/shortcuts", SignedIn, account::shortcuts),
        get("/account/prove", SignedIn, account::show_prove),
        kept("/account/prove", SignedIn, account::prove),
        // Audit log, health.
        get("/audit", AtLeast(Viewer), audit::show),
        get("/audit/export/{format}", AtLeast(Viewer), audit::export),
        get("/audit/verify", AtLeast(Viewer), audit::verify),
        get("/health-report", AtLeast(Viewer), health_report::show),
        // Settings.
        get("/settings", AtLeast(Viewer), settings::show),
        get("/settings/accounts", AtLeast(Viewer), settings::accounts::list),
        kept("/settings/accounts", AtLeast(Admin), settings::accounts::create),
        get("/settings/accounts/{id}", AtLeast(Admin), settings::accounts::show),
        kept("/settings/accounts/{id}", AtLeast(Admin), settings::accounts::edit),
        post("/settings/accounts/{id}/delete", AtLeast(Admin), settings::accounts::delete),
        post("/settings/accounts/{id}/link", AtLeast(Admin), settings::accounts::link),
        post("/settings/accounts/{id}/sign-out", AtLeast(Admin), settings::accounts::end_sessions),
        post(
            "/settings/accounts/{id}/sessions/{session}/end",
            AtLeast(Admin),
            settings::accounts::end_session,
        ),
        get("/settings/safety", AtLeast(Viewer), settings::safety),
        get("/settings/retention", AtLeast(Viewer), settings::retention),
        kept("/settings/retention", AtLeast(Admin), settings::save_retention),
        get("/settings/appearance", AtLeast(Viewer), settings::appearance),
        get("/help", AtLeast(Viewer), help::show),
        // Overview.
        get("/", AtLeast(Viewer), overview::show),
        // Connectors.
        get("/connectors", AtLeast(Viewer), connectors::show),
        post("/connectors/{id}/sync", AtLeast(Operator), connectors::sync),
        get("/connectors/new", ADMIN, connector_new::gallery),
        get("/connectors/new/{provider}", ADMIN, connector_new::show),
        kept("/connectors/new/{provider}", ADMIN, connector_new::create),
        get("/connectors/{id}", AtLeast(Viewer), connector::start),
        get("/connectors/{id}/test", AtLeast(Operator), connector_test::show),
        post("/connectors/{id}/test", AtLeast(Operator), connector_test::test),
        get("/connectors/{id}/pause", AtLeast(Operator), connector_pause::show_pause),
        kept("/connectors/{id}/pause", AtLeast(Operator), connector_pause::pause),
        get("/connectors/{id}/resume", AtLeast(Operator), connector_pause::show_resume),
        kept("/connectors/{id}/resume", AtLeast(Operator), connector_pause::resume),
        get("/connectors/{id}/duplicate", ADMIN, connector_duplicate::show),
        kept("/connectors/{id}/duplicate", ADMIN, connector_duplicate::duplicate),
        get("/connectors/{id}/export", ADMIN, connector_duplicate::export),
        get("/connectors/{id}/delete", ADMIN, connector_delete::show),
        kept("/connectors/{id}/delete", ADMIN, connector_delete::delete),
        get("/connectors/{id}/budget", AtLeast(Viewer), connector::rail::budget),
        get("/connectors/{id}/{tab}", AtLeast(Viewer), connector::show),
        kept("/connectors/{id}/{tab}", ADMIN, connector::save),
        post("/connectors/{id}/{tab}/preview", ADMIN, connector::preview),
        post("/connectors/{id}/simulate", AtLeast(Operator), simulation::start),
        get("/simulations/{name}", AtLeast(Viewer), simulation::show),
        get("/simulations/{name}/events", AtLeast(Viewer), simulation::events),
        // Plans.
        get("/approvals", AtLeast(Viewer), plans::approvals),
        get("/plans", AtLeast(Viewer), plans::all),
        get("/plans/{id}", AtLeast(Viewer), plan::show),
        get("/plans/{id}/export/{file}", AtLeast(Viewer), download::plan),
        kept("/plans/{id}/show", AtLeast(Approver), plan::deciding::show),
        post("/plans/{id}/approve", AtLeast(Approver), plan::deciding::approve),
        post("/plans/{id}/reject", AtLeast(Approver), plan::deciding::reject),
        post("/plans/{id}/apply", AtLeast(Operator), plan::apply),
        get("/rejections", AtLeast(Viewer), rejections::show),
        kept("/rejections/lift", AtLeast(Approver), rejections::lift),
        // Targets.
        get("/targets", AtLeast(Viewer), targets::list),
        get("/targets/new", AtLeast(Admin), targets::new),
        kept("/targets/new", AtLeast(Admin), targets::create),
        get("/targets/{id}", AtLeast(Viewer), targets::show),
        get("/targets/{id}/events", AtLeast(Viewer), targets::events),
        post("/targets/{id}/rotate-password", AtLeast(Admin), targets::rotate_password),
        post("/targets/{id}/delete", AtLeast(Admin), targets::delete),
        // Runs.
        get("/runs", AtLeast(Viewer), runs::show),
        get("/runs/{id}", AtLeast(Viewer), run::show),
        get("/runs/{id}/events", AtLeast(Viewer), run::live::events),
        get("/runs/{id}/export/{file}", AtLeast(Viewer), download::run),
        post("/runs/{id}/stop", AtLeast(Operator), run::stop),
        post("/runs/{id}/retry", AtLeast(Operator), run::retry),
        get("/runs/{id}/undo", AtLeast(Operator), run::undo::show),
        kept("/runs/{id}/undo", AtLeast(Operator), run::undo::undo),
        // People and groups.
        get("/users", AtLeast(Viewer), users::show),
        get("/users/{target}/{id}", AtLeast(Viewer), users::one),
        get("/groups", AtLeast(Viewer), groups::show),
        get("/groups/{target}/{name}", AtLeast(Viewer), groups::one),
        get("/explain", AtLeast(Viewer), explain::show),
        get("/explain/simulate", AtLeast(Operator), explain::single::simulate),
        post("/explain/sync", AtLeast(Operator), explain::single::sync),
        get("/search", AtLeast(Viewer), search::show),
        // For whoever changes how pages look.
        get("/style-guide", AtLeast(Admin), style_guide::show),
    ]
}

impl Access {
    /// Whether somebody of this role may, or somebody who is not signed in.
    pub fn allows(self, role: Option<Role>) -> bool {
        match self {
            Anybody => true,
            SignedIn => role.is_some(),
            AtLeast(least) => role.is_some_and(|it| least <= it),
        }
    }

    /// The least role that may, for the sentence that refuses.
    pub fn least(self) -> Role {
        match self {
            Anybody | SignedIn => Viewer,
            AtLeast(role) => role,
        }
    }
}

/// A route that shows something and changes nothing.
fn get<H, T>(path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, App>,
    T: 'static,
{
    let answer = on(MethodFilter::GET, handler);
    Route { method: Method::GET, path, access, then: Then::Acts, answer }
}

/// A route that changes something: only by a form of ours.
fn post<H, T>(path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, App>,
    T: 'static,
{
    let answer = on(MethodFilter::POST, handler);
    Route { method: Method::POST, path, access, then: Then::Acts, answer }
}

/// As [`post`], of a form that is filled in: chosen another theme, it is shown again as it is. Its
/// handler asks [`crate::web::form::Form::is_wrong`] before it does anything.
fn kept<H, T>(path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, App>,
    T: 'static,
{
    Route { then: Then::ShowsAgain, ..post(path, access, handler) }
}

/// All pages, and the answer to what is none.
pub fn router(app: &App) -> Router {
    let mut router = Router::new();
    for Route { method: _, path, access, then, answer } in table() {
        let admit = from_fn_with_state((*access, *then), guard::admit);
        router = router.route(path, answer.clone().layer(admit));
    }
    router
        .fallback(async || Refusal::no_page())
        .method_not_allowed_fallback(async || Refusal::MethodNotAllowed)
        .layer(from_fn_with_state(app.clone(), guard::receive))
        // Never event streams: they would wait in the compressor.
        .layer(CompressionLayer::new())
        .layer(from_fn(guard::dress))
        .with_state(app.clone())
}

/// Whether a page is mounted that somebody of this role may see.
pub fn shows(path: &str, role: Role) -> bool {
    table()
        .iter()
        .any(|it| it.method == Method::GET && it.path == path && it.access.allows(Some(role)))
}

/// The page that an address belongs to: itself, or of where only forms are sent, the page above it.
pub fn page_of(address: &str) -> &str {
    let routes = table();
    if is_page(routes, address.split(['?', '#']).next().unwrap_or_default()) {
        return address;
    }
    let mut path = address.split(['?', '#']).next().unwrap_or_default();
    while let Some((above, _)) = path.rsplit_once('/') {
        if is_page(routes, above) {
            return above;
        }
        path = above;
    }
    "/"
}

/// The page of a form as it was filled in, if its route shows it again and is for whoever asks: nothing
/// else is done. It answers another request, so the guard has not let it through.
pub async fn show_again(app: &App, visit: &Visit, form: Form) -> Option<Response> {
    let path = visit.path().split(['?', '#']).next().unwrap_or_default();
    let route = route_of(table(), &Method::POST, path)?;
    if route.then != Then::ShowsAgain || !route.access.allows(visit.role()) {
        return None;
    }
    let request = Request::builder().method(Method::POST).uri(visit.path()).body(Body::empty());
    let mut request = request.ok()?;
    request.extensions_mut().insert(visit.clone());
    request.extensions_mut().insert(form.only_shown());
    let router = Router::new().route(route.path, route.answer.clone());
    let mut router: Router = router.with_state(app.clone());
    let response = router.call(request).await.ok()?;
    response.extensions().get::<Refusal>().is_none().then_some(response)
}

/// Whether there is something to see at a path.
fn is_page(routes: &[Route], path: &str) -> bool {
    route_of(routes, &Method::GET, path).is_some()
}

/// Which route a path leads to: of those that fit it, a word counts before a parameter, as in the router.
fn route_of<'a>(routes: &'a [Route], method: &Method, path: &str) -> Option<&'a Route> {
    let is_parameter = |it: &&str| it.starts_with('{');
    let parameters = |route: &Route| route.path.split('/').filter(is_parameter).count();
    let fits = |route: &&Route| {
        let (pattern, words) = (route.path.split('/'), path.split('/'));
        pattern.clone().count() == words.clone().count()
            && pattern
                .zip(words)
                .all(|(part, word)| part == word || (is_parameter(&part) && !word.is_empty()))
    };
    let least = routes.iter().filter(fits).map(parameters).min();
    let mut fitting = routes.iter().filter(fits);
    fitting.find(|it| it.method == *method && Some(parameters(it)) == least)
}

/// Whether anything is mounted at a path of the table.
pub fn is_mounted(path: &str) -> bool {
    table().iter().any(|it| it.path == path)
}

/// For what only admins may: it is asked for by name in several pages.
pub const ADMIN: Access = AtLeast(Admin);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_route_is_in_the_table_twice() {
        let table = table();
        let routes: BTreeSet<_> =
            table.iter().map(|it| (it.method.as_str().to_owned(), it.path)).collect();
        assert_eq!(routes.len(), table.len());
    }

    #[test]
    fn whoever_comes_back_from_where_a_form_is_sent_comes_to_a_page() {
        for (address, page) in [
            ("/", "/"),
            ("/plans/31?verdict=held", "/plans/31?verdict=held"),
            ("/plans/31/approve", "/plans/31"),
            ("/plans/31/approve?verdict=held", "/plans/31"),
            ("/connectors/1/sync", "/connectors/1"),
            ("/connectors/1/general", "/connectors/1/general"),
            ("/connectors/1/general/preview", "/connectors/1/general"),
            ("/settings/accounts/3/sessions/4/end", "/settings/accounts/3"),
            ("/account/theme", "/account"),
            ("/explain/sync", "/explain"),
            ("/sign-out", "/"),
            ("/nothing/here", "/"),
            ("", "/"),
        ] {
            assert_eq!(page_of(address), page, "{address}");
        }
        // Wherever a form is sent.
        let table = table();
        for route in table.iter().filter(|it| it.method == Method::POST) {
            let address = route.path.replace(['{', '}'], "");
            let page = page_of(&address);
            assert!(is_page(table, page), "{address}: {page}");
        }
    }

    #[test]
    fn nobody_may_what_only_a_role_may() {
        for access in [SignedIn, AtLeast(Viewer), ADMIN] {
            assert!(!access.allows(None));
        }
        let allowed = Role::ALL.map(|role| AtLeast(Operator).allows(Some(role)));
        assert_eq!(allowed, [false, true, true, true]);
    }
}
