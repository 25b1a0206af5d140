//! Each role goes over all pages that it is shown: whatever is offered works, and whatever is not
//! permitted is not offered, and refused in words.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use rollcall::plans::decide::{Choice, reject};
use rollcall::secret::Secret;
use rollcall::store::accounts::Role;
use rollcall::store::connectors::{self, Provider};
use rollcall::store::plans::PlanId;
use rollcall::store::runs::Status;
use rollcall::store::{Db, schedules};
use rollcall::web::access::{self, Route};
use serde_json::json;

use super::browser::{Browser, account};
use super::world::{CONNECTOR, World};
use crate::databases::on_sqlite;
use crate::store::somebody;

/// What a page offers to send.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Offer {
    page: String,
    action: String,
    fields: Vec<(String, String)>,
}

/// Pages of one kind offer the same.
const EACH_KIND_MAX: usize = 2;
/// Whoever sends these is signed out, or asked for the password again: they come last.
const LAST: [&str; 2] = ["/sessions/", "/sign-out"];
/// Pages that none leads to: they are shown once, on the way to something, or to strangers.
const APART: [&str; 10] = [
    // What a page asks for anew while it is looked at.
    "/connectors/{id}/budget",
    // Where a checklist is shown again that was just gone through.
    "/connectors/{id}/test",
    // Only while a run is under way: the walk of the guide stops one.
    "/runs/{id}/stop",
    "/setup",
    "/sign-in",
    "/sign-in/",
    "/password/",
    "/account/prove",
    "/simulations/",
    "/style-guide",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_role_is_offered_works_and_what_it_may_not_is_not_offered() {
    for role in Role::ALL {
        on_sqlite(async |db| {
            let world = at_work(&db).await;
            for other in Role::ALL {
                account(&db, other).await;
            }
            // Who is signed in elsewhere, too, may end that.
            drop(world.service.signed_in(role).await);
            let mut browser = world.service.signed_in(role).await;
            // As somebody types it into the form of the page.
            let somebody = format!("/explain?connector=1&user={}", world.ids()[20]);
            let (pages, offers) = walked(&mut browser, &["/", &somebody]).await;
            let mut wrong = String::new();
            for path in &pages {
                if !is_permitted(&Method::GET, path, role) {
                    writeln!(wrong, "a link leads to {path}").unwrap();
                }
            }
            for Offer { page, action, .. } in &offers {
                if !is_permitted(&Method::POST, action, role) {
                    writeln!(wrong, "{page} offers {action}").unwrap();
                }
            }
            for route in access::table() {
                let is_offered = match route.method {
                    Method::GET => pages.iter().any(|it| is_of(route, it)),
                    _ => offers.iter().any(|it| is_of(route, &it.action)),
                };
                if route.access.allows(Some(role)) && !is_offered && !is_apart(route) {
                    writeln!(wrong, "no page offers {} {}", route.method, route.path).unwrap();
                }
            }
            let (last, first): (Vec<_>, Vec<_>) =
                offers.into_iter().partition(|it| LAST.iter().any(|end| it.action.contains(end)));
            for offer in first.into_iter().chain(last) {
                if browser.get("/account").await.status.is_redirection() {
                    browser.sign_in(&format!("{}@example.com", role.word())).await;
                }
                let status = sent(&mut browser, &offer).await;
                // Of sessions that several pages offer to end, one offer was the first.
                let has_ended = offer.action.contains("/sessions/");
                let is_answer = status.is_success()
                    || (has_ended && status == StatusCode::NOT_FOUND)
                    || status.is_redirection()
                    || matches!(
                        status,
                        StatusCode::BAD_REQUEST
                            | StatusCode::UNPROCESSABLE_ENTITY
                            | StatusCode::CONFLICT
                    );
                if !is_answer {
                    writeln!(wrong, "{} of {} answers {status}", offer.action, offer.page).unwrap();
                }
            }
            assert_eq!(wrong, "", "as {}", role.word());
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_is_told_who_may() {
    on_sqlite(async |db| {
        let world = World::held(&db).await;
        account(&db, Role::Admin).await;
        for (role, path, who) in [
            (Role::Viewer, "/explain/simulate?connector=1&user=1", "Operators may do this."),
            (Role::Operator, "/connectors/new", "Admins may do this."),
            (Role::Approver, "/connectors/1/delete", "Admins may do this."),
        ] {
            let mut browser = world.service.signed_in(role).await;
            let refused = browser.get(path).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
            for words in ["<h1>You may not do this</h1>", who, "Admin.", "Go to the overview"] {
                assert!(refused.text.contains(words), "{path} does not say {words:?}: {refused:?}");
            }
            let fields = [("which", "all"), ("reason", "x")];
            let refused = browser.submit("/account", "/plans/1/approve", &fields).await;
            let expected =
                if role < Role::Approver { StatusCode::FORBIDDEN } else { StatusCode::SEE_OTHER };
            assert_eq!(refused.status, expected, "{}", role.word());
        }
    })
    .await;
}

/// A service in which there is something to do of every kind: changes that wait for a decision,
/// some that can be applied, somebody to be synced, a schedule that runs and one that is paused.
async fn at_work(db: &Db) -> World {
    let world = World::new(db, 60).await;
    world.sync().await;
    let (ids, admin) = (world.ids(), world.sandbox.admin());
    for id in &ids[..5] {
        admin.delete_user(*id).unwrap();
    }
    assert_eq!(world.sync().await, Status::Held);
    let act = somebody().act(Timestamp::now()).because("On leave");
    let one = Choice { only: vec![1], ..Choice::default() };
    reject(db, PlanId(1), &one, None, &act).await.unwrap();
    admin.update_user(world.ids()[20], json!({ "firstname": "Renata" })).unwrap();

    let act = somebody().act(Timestamp::now());
    let seal = &world.service.engine.seal;
    let connector = connectors::find(db, CONNECTOR).await.unwrap();
    let mut settings = connector.settings.clone();
    settings.schedule.enabled = true;
    connectors::edit(db, seal, &connector, CONNECTOR, &settings, None, &act).await.unwrap();
    let secret = Secret::new(world.sandbox.client_secret().to_owned());
    let provider = Provider::OneLogin;
    let paused =
        connectors::create(db, seal, "Paused", provider, &settings, &secret, &act).await.unwrap();
    let act = somebody().act(Timestamp::now()).because("Migration");
    assert!(schedules::pause(db, &paused, &act).await.unwrap());

    world.simulated().await;
    world
}

/// All pages that links lead to, and all that they offer.
async fn walked(browser: &mut Browser, from: &[&str]) -> (BTreeSet<String>, BTreeSet<Offer>) {
    let mut waiting: VecDeque<String> = from.iter().map(|it| (*it).to_owned()).collect();
    let (mut pages, mut offers) = (BTreeSet::new(), BTreeSet::<Offer>::new());
    // The frame of every page offers the same.
    let mut known = BTreeSet::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(path) = waiting.pop_front() {
        let seen = kinds.entry(kind(&path)).or_default();
        if EACH_KIND_MAX <= *seen || !pages.insert(path.clone()) {
            continue;
        }
        *seen += 1;
        let mut answer = browser.get(&path).await;
        if answer.status.is_redirection() {
            answer = browser.follow(&answer).await;
        }
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let forms = answer.text.split("<form ").skip(1);
        let searches = forms.filter(|it| !it.split('>').next().unwrap_or("").contains("\"post\""));
        let searches = searches.filter_map(|it| value(it.split('>').next()?, "action"));
        let links = values(&answer.text, "<a ", "href");
        for link in links.into_iter().chain(searches) {
            if link.starts_with('/') {
                waiting.push_back(link.split('#').next().unwrap_or_default().to_owned());
            }
        }
        let of_page = offers_of(&path, &answer.text).into_iter();
        offers.extend(of_page.filter(|it| known.insert((it.action.clone(), it.fields.clone()))));
    }
    (pages, offers)
}

/// The forms of a page, one for each of their buttons that sends somewhere else.
fn offers_of(page: &str, html: &str) -> Vec<Offer> {
    let mut offers = Vec::new();
    for form in html.split("<form ").skip(1) {
        let form = form.split("</form>").next().unwrap_or_default();
        let head = form.split('>').next().unwrap_or_default();
        let has_button = form.split("<button").skip(1).any(|it| !it.contains("type=\"button\""));
        if !head.contains("method=\"post\"") || !has_button {
            continue;
        }
        let action = value(head, "action").unwrap_or_default();
        let fields: Vec<(String, String)> = form
            .split("<input ")
            .skip(1)
            .map(|it| it.split('>').next().unwrap_or_default())
            .filter(|it| {
                let kind = value(it, "type").unwrap_or_default();
                !matches!(kind.as_str(), "checkbox" | "radio") || it.contains(" checked")
            })
            .filter_map(|it| Some((value(it, "name")?, value(it, "value").unwrap_or_default())))
            .filter(|(name, _)| name != "csrf")
            .collect();
        // Buttons that stand elsewhere say which form they belong to.
        let id = value(head, "id");
        let elsewhere = html.split("<button ").skip(1).filter_map(|it| it.split('>').next());
        let elsewhere = elsewhere.filter(|it| id.is_some() && value(it, "form") == id);
        let elsewhere: BTreeSet<_> = elsewhere.filter_map(|it| value(it, "formaction")).collect();
        let inside = values(form, "<button ", "formaction");
        let inside = inside.into_iter().filter(|it| !elsewhere.contains(it)).collect::<Vec<_>>();
        for action in [action].into_iter().chain(inside).chain(elsewhere) {
            // Sent to the page itself, which then shows that part of it.
            let action = if action.starts_with('#') { page.to_owned() } else { action };
            offers.push(Offer { page: page.to_owned(), action, fields: fields.clone() });
        }
    }
    offers
}

async fn sent(browser: &mut Browser, offer: &Offer) -> StatusCode {
    let fields: Vec<(&str, &str)> =
        offer.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.submit("/account", &offer.action, &fields).await.status
}

fn is_permitted(method: &Method, path: &str, role: Role) -> bool {
    let mut routes = access::table().iter().filter(|it| it.method == *method && is_of(it, path));
    routes.any(|it| it.access.allows(Some(role)))
}

/// Whether a path is of this route, and not of one that says it word for word.
fn is_of(route: &Route, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |route: &str| {
        let (given, wanted): (Vec<_>, Vec<_>) =
            (path.split('/').collect(), route.split('/').collect());
        given.len() == wanted.len()
            && given.iter().zip(&wanted).all(|(it, part)| part.starts_with('{') || it == part)
    };
    let parameters = |route: &str| route.matches('{').count();
    fits(route.path)
        && !access::table().iter().any(|it| {
            it.method == route.method
                && fits(it.path)
                && parameters(it.path) < parameters(route.path)
        })
}

/// What no link of a page leads to: scripts ask for it, or strangers see it, or it is a file.
fn is_apart(route: &Route) -> bool {
    APART.iter().any(|it| route.path == *it || (it.ends_with('/') && route.path.starts_with(it)))
        || ["/events", "/preview", "/{file}"].iter().any(|it| route.path.ends_with(it))
}

/// Pages that differ in numbers and words alone are of one kind.
fn kind(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let is_of_groups = path.starts_with("/groups/");
    let segments = path.split('/').enumerate().map(|(index, it)| {
        let is_name = is_of_groups && index == 3;
        if is_name || it.bytes().any(|it| it.is_ascii_digit()) { "N" } else { it }
    });
    let names: BTreeSet<&str> = query.split('&').filter_map(|it| it.split('=').next()).collect();
    format!("{}?{names:?}", segments.collect::<Vec<_>>().join("/"))
}

/// The values of an attribute of all elements that begin like this.
fn values(html: &str, begin: &str, attribute: &str) -> Vec<String> {
    let heads = html.split(begin).skip(1).map(|it| it.split('>').next().unwrap_or_default());
    heads.filter_map(|it| value(it, attribute)).collect()
}

/// The value of an attribute in the head of an element.
fn value(head: &str, attribute: &str) -> Option<String> {
    let (before, rest) = head.split_once(&format!("{attribute}=\""))?;
    let is_whole = before.is_empty() || before.ends_with(' ');
    let raw = rest.split('"').next()?.replace("&#38;", "&").replace("&amp;", "&");
    is_whole.then_some(raw.replace("&#34;", "\"").replace("&#39;", "'").replace("&#62;", ">"))
}
