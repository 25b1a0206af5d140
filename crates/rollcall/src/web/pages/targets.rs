//! `/targets`: the directories that connectors keep equal, and how a product is told of one.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::sse::Event;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use reconcile::principal::{Name, fold};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::notation::shell_word;
use crate::store::accounts::Role;
use crate::store::connectors;
use crate::store::targets::calls::{self, Call, CallKind};
use crate::store::targets::{self, Published, Target, TargetError, TargetId, TargetKind};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::form::{Form, Typed};
use crate::web::moment::{Moment, count};
use crate::web::page::Page;
use crate::web::pages::run::live;
use crate::web::pages::runs::Choice;
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "targets.html")]
struct ListView {
    page: Page,
    rows: Vec<Row>,
    may_change: bool,
}

#[derive(Debug)]
struct Row {
    id: i64,
    name: String,
    connector: String,
    application: String,
    users: String,
    groups: String,
    published: Option<Moment>,
    contact: Contact,
}

/// How a product and a target stand to each other.
#[derive(Clone, Debug)]
struct Contact {
    /// A word with its colour and icon.
    role: &'static str,
    icon: &'static str,
    word: &'static str,
    read: Option<Moment>,
}

const FOLLOWS: &str =
    "rollcall target create {name|NAME} --connector {connector|CONNECTOR} --type crowd";

#[derive(Debug, Template)]
#[template(path = "target_new.html")]
struct NewView {
    page: Page,
    typed: Typed,
    connectors: Vec<Choice>,
    /// As `ui::following` has it.
    follows: &'static str,
}

#[derive(Debug, Template)]
#[template(path = "target.html")]
struct View {
    page: Page,
    row: Row,
    here: String,
    memberships: String,
    /// Shown once, when it was made.
    password: Option<String>,
    server_url: String,
    /// Whether nobody has said where browsers and products find this service.
    is_url_guessed: bool,
    products: Vec<ProductTab>,
    product: Product,
    /// Changes as soon as the product calls; absent once it has read.
    stream: Option<String>,
    may_change: bool,
    calls: CallsView,
    /// What was typed to delete it.
    form: Typed,
}

/// What the product has done so far: the part of the page that changes while somebody waits.
#[derive(Debug, Template)]
#[template(path = "target_calls.html")]
struct CallsView {
    /// When the product read last.
    read: Option<Moment>,
    /// What must answer on its machine; nothing once something has called from there.
    firewall_test: Option<String>,
    /// What was asked of the target that read nothing.
    stations: Vec<CallView>,
    /// To be said aloud; empty where nothing is new.
    announce: &'static str,
}

/// A call that read nothing, as a station.
#[derive(Debug)]
struct CallView {
    state: &'static str,
    title: &'static str,
    at: Moment,
    from: String,
    text: String,
}

impl View {
    /// What can be done here, as commands.
    fn commands(&self) -> Vec<(&'static str, String)> {
        let name = shell_word(&self.row.name);
        let mut commands = vec![("Show", format!("rollcall target show {name}"))];
        if self.may_change {
            let another = format!("rollcall target rotate-password {name}");
            commands.push(("Make another password", another));
            commands.push(("Delete", format!("rollcall target delete {name} --confirm {name}")));
        }
        commands
    }
}

#[derive(Debug)]
struct ProductTab {
    name: &'static str,
    href: String,
    is_current: bool,
}

/// A product that can read a target, and where its settings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Product {
    Jira,
    Confluence,
    Bitbucket,
    Bamboo,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    product: String,
}

/// What the page shows already, of which no event tells.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Seen {
    /// When the last call was, in microseconds since 1970.
    seen: i64,
}

/// A product that reads every ten minutes has missed several reads by then.
const STALE: SignedDuration = SignedDuration::from_hours(1);
/// Whoever waits for longer loads the page again.
const LOOKS_MAX: u32 = 10_000;

impl Product {
    const ALL: [Product; 4] =
        [Product::Jira, Product::Confluence, Product::Bitbucket, Product::Bamboo];

    fn name(self) -> &'static str {
        match self {
            Product::Jira => "Jira",
            Product::Confluence => "Confluence",
            Product::Bitbucket => "Bitbucket",
            Product::Bamboo => "Bamboo",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Product::Jira => "jira",
            Product::Confluence => "confluence",
            Product::Bitbucket => "bitbucket",
            Product::Bamboo => "bamboo",
        }
    }

    /// The way to the form that asks for the directory.
    fn way(self) -> &'static str {
        match self {
            Product::Jira => {
                "Administration > User management > User directories > Add directory > Atlassian Crowd"
            }
            Product::Confluence => {
                "General configuration > User directories > Add directory > Atlassian Crowd"
            }
            Product::Bitbucket => {
                "Administration > Accounts > User directories > Add directory > Atlassian Crowd"
            }
            Product::Bamboo => {
                "Administration > Security > User directories > Add directory > Atlassian Crowd"
            }
        }
    }

    /// What to press at the end.
    fn finish(self) -> &'static str {
        match self {
            Product::Jira | Product::Confluence | Product::Bamboo => {
                "Test settings, then Save and test, then Synchronise"
            }
            Product::Bitbucket => {
                "Test, then Save, then Synchronise; then give groups their global permissions, or nobody can sign in"
            }
        }
    }

    fn from_word(word: &str) -> Product {
        Product::ALL.into_iter().find(|it| it.word() == word).unwrap_or(Product::Jira)
    }
}

pub async fn list(State(app): State<App>, visit: Visit) -> Answer {
    let mut rows = Vec::new();
    for target in targets::list(app.db()).await? {
        let published = targets::published(app.db(), target.id).await?;
        rows.push(row(&target, published, visit.now()));
    }
    answer::html(&ListView {
        page: visit.page("Targets"),
        rows,
        may_change: visit.may(Role::Admin),
    })
}

pub async fn new(State(app): State<App>, visit: Visit) -> Answer {
    let typed = Typed::fresh([("name", String::new())]);
    form_again(&app, &visit, typed, answer::html).await
}

pub async fn create(State(app): State<App>, visit: Visit, mut form: Form) -> Answer {
    let (name, connector) = (form.text("name"), form.text("connector"));
    if form.is_wrong() {
        return form_again(&app, &visit, form.typed(), answer::html_again).await;
    }
    let known = connectors::list(app.db()).await?;
    let feeds = known.iter().find(|it| it.id.0.to_string() == connector);
    let Some(feeds) = feeds else {
        form.error("connector", "Choose a connector of the list.");
        return form_again(&app, &visit, form.typed(), answer::html_again).await;
    };
    let actor = visit.actor();
    let made = targets::create(app.db(), feeds, &name, TargetKind::Crowd, &visit.act(&actor)).await;
    match made {
        Ok((target, password)) => {
            shown(&app, &visit, &target, Product::Jira, Some(password.expose().to_owned())).await
        }
        Err(TargetError::Name(error)) => {
            form.error("name", error.to_string());
            form_again(&app, &visit, form.typed(), answer::html_again).await
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn show(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Answer {
    let target = find(&app, id).await?;
    shown(&app, &visit, &target, Product::from_word(&asked.product), None).await
}

/// Makes another password and shows it, once.
pub async fn rotate_password(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    _form: Form,
) -> Answer {
    let target = find(&app, id).await?;
    let act = format!("Make a new password for the target {}", target.name);
    visit.prove_to(&act, &format!("/targets/{id}"))?;
    let actor = visit.actor();
    let password = targets::rotate_password(app.db(), &target, &visit.act(&actor)).await?;
    shown(&app, &visit, &target, Product::Jira, Some(password.expose().to_owned())).await
}

/// Deletes a target whose name was typed again.
pub async fn delete(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    mut form: Form,
) -> Answer {
    let target = find(&app, id).await?;
    visit.prove_to(&format!("Delete the target {}", target.name), &format!("/targets/{id}"))?;
    if *fold(form.optional("confirm").trim()) != *target.name.folded() {
        form.error("confirm", format!("This is not its name. Type: {}", target.name));
        let view = view(&app, &visit, &target, Product::Jira, None).await?;
        return answer::html_again(&View { form: form.typed(), ..view });
    }
    let actor = visit.actor();
    targets::delete(app.db(), &target, &visit.act(&actor)).await?;
    Ok(visit.done(format!("The target {} is deleted.", target.name), "/targets"))
}

/// `/targets/{id}/events`: tells of calls that read nothing, and ends as soon as the product has read.
pub async fn events(
    State(app): State<App>,
    Path(id): Path<i64>,
    Query(Seen { seen }): Query<Seen>,
) -> Answer {
    let target = find(&app, id).await?;
    let place = live::place(&app)?;
    let waiting = Waiting { app, id: target.id, seen, looks: 0, is_over: false, _place: place };
    Ok(live::answer(stream::unfold(waiting, async |mut waiting| {
        let event = waiting.next().await?;
        Some((event, waiting))
    })))
}

/// One reader who waits for what a product does first.
struct Waiting {
    app: App,
    id: TargetId,
    /// As in [`Seen`].
    seen: i64,
    looks: u32,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Waiting {
    async fn next(&mut self) -> Option<Event> {
        while !self.is_over && self.looks < LOOKS_MAX && !self.app.engine.is_stopping() {
            self.looks += 1;
            let known = targets::list(self.app.db()).await.ok()?;
            let target = known.into_iter().find(|it| it.id == self.id);
            let Some(target) = target.filter(|it| it.last_read_at.is_none()) else {
                self.is_over = true;
                return Some(Event::default().event("end").data("over"));
            };
            let calls = calls::last(self.app.db(), self.id).await.ok()?;
            let last = seen(&calls);
            if self.seen < last {
                self.seen = last;
                let announce = if is_reached(&calls) { "The product has called" } else { "" };
                // Nothing has to be tried any more: something has called.
                let view = calls_view(calls, &target, Timestamp::now(), "");
                let markup = CallsView { announce, ..view }.render().ok()?;
                return Some(Event::default().data(markup));
            }
            tokio::time::sleep(live::LOOK_EVERY * 3).await;
        }
        None
    }
}

async fn form_again(
    app: &App,
    visit: &Visit,
    typed: Typed,
    answer: fn(&NewView) -> Answer,
) -> Answer {
    let chosen = typed.value("connector").to_owned();
    let known = connectors::list(app.db()).await?;
    let choice = |name: &Name, id: String| Choice {
        label: name.as_str().to_owned(),
        chosen: chosen == id,
        value: id,
    };
    let connectors: Vec<_> = known.iter().map(|it| choice(&it.name, it.id.to_string())).collect();
    let page = visit.page("Add target");
    let page = if connectors.is_empty() { page } else { page.keeping("new", "/targets/new") };
    answer(&NewView { page, typed, connectors, follows: FOLLOWS })
}

async fn shown(
    app: &App,
    visit: &Visit,
    target: &Target,
    product: Product,
    password: Option<String>,
) -> Answer {
    answer::html(&view(app, visit, target, product, password).await?)
}

async fn view(
    app: &App,
    visit: &Visit,
    target: &Target,
    product: Product,
    password: Option<String>,
) -> Result<View, Refusal> {
    let published = targets::published(app.db(), target.id).await?;
    let calls = calls::last(app.db(), target.id).await?;
    let (here, arrival) = (format!("/targets/{}", target.id), visit.arrival());
    let guessed = || {
        let scheme = if arrival.is_https { "https" } else { "http" };
        format!("{scheme}://{}", arrival.host)
    };
    let is_url_guessed = app.site.public_url.is_none();
    let public_url = app.site.public_url.clone().unwrap_or_else(guessed);
    let tab = |it: Product| ProductTab {
        name: it.name(),
        href: format!("{here}?product={}", it.word()),
        is_current: it == product,
    };
    let server_url = format!("{}/crowd", public_url.trim_end_matches('/'));
    let is_waiting = target.last_read_at.is_none();
    let seen = seen(&calls);
    Ok(View {
        page: visit.page(format!("Target {}", target.name)),
        memberships: count(published.memberships),
        row: row(target, published, visit.now()),
        password,
        calls: calls_view(calls, target, visit.now(), &server_url),
        server_url,
        is_url_guessed,
        products: Product::ALL.map(tab).into_iter().collect(),
        product,
        stream: is_waiting.then(|| format!("{here}/events?seen={seen}")),
        may_change: visit.may(Role::Admin),
        form: Typed::default(),
        here,
    })
}

/// When the last of the calls was, as in [`Seen`].
fn seen(calls: &[Call]) -> i64 {
    calls.iter().map(|it| it.at.as_microsecond()).max().unwrap_or_default()
}

/// Whether somebody called with the right password.
fn is_reached(calls: &[Call]) -> bool {
    calls.iter().any(|it| it.kind == CallKind::Test)
}

fn calls_view(calls: Vec<Call>, target: &Target, now: Timestamp, server_url: &str) -> CallsView {
    let test = || {
        let application = &target.application;
        format!("curl -sS -u {application} {server_url}/rest/usermanagement/1/config/cookie")
    };
    CallsView {
        read: target.last_read_at.map(|it| Moment::new(it, now)),
        firewall_test: calls.is_empty().then(test),
        stations: calls.into_iter().map(|it| call(it, target, now)).collect(),
        announce: "",
    }
}

fn call(call: Call, target: &Target, now: Timestamp) -> CallView {
    let Call { kind, at, address, program } = call;
    let has_read_since = target.last_read_at.is_some_and(|read| at < read);
    let (state, title, text) = match kind {
        CallKind::Test => (
            "done",
            "The service was reached",
            "The name and the password were right. Nobody was read by that.".to_owned(),
        ),
        CallKind::WrongPassword => (
            if has_read_since { "note" } else { "failed" },
            "A wrong application password",
            format!(
                "Somebody called as {} with another password. Type it again in the product; if it is \
                 lost, make another one below.",
                target.application
            ),
        ),
        CallKind::Write => (
            "note",
            "A change was refused",
            "The product tried to change something. The directory is read-only: choose Read Only in \
             the product, and change people in OneLogin."
                .to_owned(),
        ),
    };
    let by = if program.is_empty() { String::new() } else { format!(", {program}") };
    CallView { state, title, at: Moment::new(at, now), from: format!("From {address}{by}."), text }
}

async fn find(app: &App, id: i64) -> Result<Target, Refusal> {
    let known = targets::list(app.db()).await?;
    known.into_iter().find(|it| it.id.0 == id).ok_or_else(Refusal::no_page)
}

fn row(target: &Target, published: Published, now: Timestamp) -> Row {
    Row {
        id: target.id.0,
        name: target.name.as_str().to_owned(),
        connector: target.connector_name.as_str().to_owned(),
        application: target.application.clone(),
        users: format!("{} ({} active)", count(published.users), count(published.active_users)),
        groups: count(published.groups),
        published: target.published_at.map(|it| Moment::new(it, now)),
        contact: contact(target.last_read_at, now),
    }
}

fn contact(last_read_at: Option<Timestamp>, now: Timestamp) -> Contact {
    let (role, icon, word) = match last_read_at {
        None => ("neutral", "clock", "Waiting for first read"),
        Some(at) if STALE < now.duration_since(at) => ("warning", "clock", "Not read for a while"),
        Some(_) => ("success", "check", "Read by the product"),
    };
    Contact { role, icon, word, read: last_read_at.map(|it| Moment::new(it, now)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::connectors::ConnectorId;
    use crate::web::answer::samples::{self, HOSTILE, check};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn sample(last_read_at: Option<&str>) -> Row {
        Row {
            id: 3,
            name: HOSTILE.to_owned(),
            connector: HOSTILE.to_owned(),
            application: HOSTILE.to_owned(),
            users: "655 (640 active)".to_owned(),
            groups: "44".to_owned(),
            published: None,
            contact: contact(last_read_at.map(at), at("2026-11-25T22:20:03Z")),
        }
    }

    #[test]
    fn targets_are_listed_in_every_state() {
        let reads = [None, Some("2026-11-25T22:14:03Z"), Some("2026-11-24T22:14:03Z")];
        for rows in [Vec::new(), reads.map(sample).into_iter().collect()] {
            let page = samples::page("Targets", "/targets", Role::Admin);
            check(&ListView { page, rows, may_change: true });
        }
    }

    #[test]
    fn the_steps_for_every_product_are_ready_to_copy() {
        let mut form = Form::parse(b"confirm=jira").unwrap();
        form.error("confirm", HOSTILE);
        let now = at("2026-11-25T22:20:03Z");
        let target = Target {
            id: TargetId(3),
            connector_id: ConnectorId(1),
            connector_name: Name::new(HOSTILE),
            name: Name::new(HOSTILE),
            kind: TargetKind::Crowd,
            application: HOSTILE.to_owned(),
            created_at: now,
            published_at: None,
            last_read_at: None,
        };
        let kinds = [CallKind::Test, CallKind::WrongPassword, CallKind::Write];
        let told = |kind| {
            let (address, program) = ("10.2.0.5".to_owned(), HOSTILE.to_owned());
            Call { kind, at: now, address, program }
        };
        let silent = calls_view(Vec::new(), &target, now, "https://rollcall.example.com/crowd");
        assert!(silent.firewall_test.is_some(), "{silent:?}");
        for product in Product::ALL {
            for password in [None, Some(HOSTILE.to_owned())] {
                let view = View {
                    page: samples::page("Target", "/targets/3", Role::Admin),
                    row: sample(None),
                    here: "/targets/3".to_owned(),
                    memberships: "1,204".to_owned(),
                    password,
                    server_url: "https://rollcall.example.com/crowd".to_owned(),
                    is_url_guessed: true,
                    products: Vec::new(),
                    product,
                    stream: Some("/targets/3/events".to_owned()),
                    may_change: true,
                    calls: calls_view(kinds.map(told).into(), &target, now, ""),
                    form: form.typed(),
                };
                let text = check(&view);
                assert!(text.contains("https://rollcall.example.com/crowd"), "{text}");
                assert!(text.contains(&product.way().replace('>', "&#62;")), "{text}");
            }
        }
    }

    #[test]
    fn the_form_names_what_is_wrong() {
        let mut form = Form::parse(b"name=&connector=7").unwrap();
        form.text("name");
        let connectors =
            vec![Choice { value: "7".to_owned(), label: HOSTILE.to_owned(), chosen: true }];
        let page = samples::page("Add target", "/targets/new", Role::Admin);
        let text = check(&NewView { page, typed: form.typed(), connectors, follows: FOLLOWS });
        assert!(text.contains("This is needed."), "{text}");
    }
}
