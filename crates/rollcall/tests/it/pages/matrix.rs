//! Every route of the table, asked by everybody, rightly and wrongly.

use std::fmt::Write as _;

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use rollcall::store::Db;
use rollcall::store::accounts::Role;
use rollcall::store::audit::actor::Actor;
use rollcall::store::connectors;
use rollcall::store::runs::Trigger;
use rollcall::store::sessions::{self, Origin};
use rollcall::web::access::{self, Access, Route, Then};
use rollcall::web::{assets, form};

use super::browser::{Browser, Service, account};
use super::world::{CONNECTOR, World};
use crate::databases::on_both;
use crate::store::begin;

const FORM: &str = "application/x-www-form-urlencoded";

/// A path of the route, about something that is not there.
fn path(route: &Route) -> String {
    if route.path == "/static/{file}" {
        return assets::address("app.css").to_owned();
    }
    let part = |part: &str| if part.starts_with('{') { "999999" } else { part }.to_owned();
    route.path.split('/').map(part).collect::<Vec<String>>().join("/")
}

/// A browser of somebody of a role, without the minute that signing in so often would take.
async fn signed_in(service: &Service, role: Role) -> Browser {
    let db: &Db = &service.engine.db;
    let account = account(db, role).await;
    let actor = Actor::account(account.email.as_str(), "127.0.0.1");
    let origin = Origin { address: "127.0.0.1", program: "test" };
    let (_, token) =
        sessions::begin(db, &account, origin, &actor.act(Timestamp::now())).await.unwrap();
    let mut browser = service.browser();
    browser.cookies.push(("rollcall".to_owned(), token.expose().to_owned()));
    browser
}

/// What a route answers to a request that is right in every way but for who sends it.
async fn ask(browser: &mut Browser, route: &Route) -> String {
    let path = path(route);
    let request = browser.request(route.method.clone(), &path);
    let request = if route.method == Method::GET {
        request
    } else {
        let token = if browser.cookies.is_empty() {
            String::new()
        } else {
            browser.get("/account").await.token()
        };
        request
            .header("origin", browser.url())
            .header("sec-fetch-site", "same-origin")
            .header("content-type", FORM)
            .body(form::encode(&[("csrf", &token)]))
    };
    let answer = browser.send_head(request).await;
    let location = answer.headers.get("location").map(|it| it.to_str().unwrap().to_owned());
    match (answer.status, location) {
        (StatusCode::SEE_OTHER, Some(to)) if to.starts_with("/sign-in?next=") => "sign in".into(),
        (StatusCode::FORBIDDEN, _) => "forbidden".into(),
        (status, _) if status.is_server_error() => format!("failed: {status}"),
        (_, _) => "let in".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_the_table_says_and_nobody_else() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        for role in Role::ALL {
            account(&db, role).await;
        }
        let mut wrong = String::new();
        for route in access::table() {
            for role in [None].into_iter().chain(Role::ALL.map(Some)) {
                let mut browser = match role {
                    Some(role) => signed_in(&service, role).await,
                    None => service.browser(),
                };
                let expected = match (route.access.allows(role), role) {
                    (true, _) => "let in",
                    (false, None) => "sign in",
                    (false, Some(_)) => "forbidden",
                };
                let told = ask(&mut browser, route).await;
                if told != expected {
                    let Route { method, path, .. } = route;
                    writeln!(wrong, "{method} {path} as {role:?}: {told}, not {expected}").unwrap();
                }
            }
        }
        assert_eq!(wrong, "");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_is_followed_that_is_not_ours() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let mut admin = signed_in(&service, Role::Admin).await;
        let mut other = signed_in(&service, Role::Viewer).await;
        let (token, foreign) =
            (admin.get("/account").await.token(), other.get("/account").await.token());
        let url = admin.url().to_owned();
        let mut wrong = String::new();
        for route in access::table().iter().filter(|it| it.method == Method::POST) {
            let path = path(route);
            let sent = |headers: &[(&str, &str)], token: &str| {
                let request = admin.request(Method::POST, &path).header("content-type", FORM);
                let request =
                    headers.iter().fold(request, |it, (name, value)| it.header(*name, *value));
                request.body(form::encode(&[("csrf", token)]))
            };
            let ours = [("origin", url.as_str()), ("sec-fetch-site", "same-origin")];
            let mut tries = vec![
                ("another origin", sent(&[("origin", "https://evil.example")], &token)),
                ("no origin at all", sent(&[("origin", "null")], &token)),
                ("another site", sent(&[("sec-fetch-site", "cross-site")], &token)),
                ("a neighbouring site", sent(&[("sec-fetch-site", "same-site")], &token)),
            ];
            if route.access != Access::Anybody {
                tries.push(("no token", sent(&ours, "")));
                tries.push(("a made-up token", sent(&ours, "AAAA")));
                tries.push(("the token of somebody else", sent(&ours, &foreign)));
            }
            let mut browser = admin.clone();
            for (what, request) in tries {
                let status = browser.send_head(request).await.status;
                if status != StatusCode::FORBIDDEN {
                    writeln!(wrong, "{path} with {what}: {status}").unwrap();
                }
            }
            if route.then == Then::Acts && route.access != Access::Anybody {
                let request = admin.request(Method::POST, &path).header("content-type", FORM);
                let fields = [("csrf", token.as_str()), ("theme", "dark")];
                let request = request.header("origin", &url).body(form::encode(&fields));
                let status = browser.send_head(request).await.status;
                if status != StatusCode::FORBIDDEN {
                    writeln!(wrong, "{path} with a theme: {status}").unwrap();
                }
            }
            let odd = admin
                .request(Method::POST, &path)
                .header("origin", &url)
                .header("content-type", "text/plain")
                .body(form::encode(&[("csrf", &token)]));
            let status = browser.send_head(odd).await.status;
            if status != StatusCode::BAD_REQUEST {
                writeln!(wrong, "{path} as plain text: {status}").unwrap();
            }
            for method in [Method::PUT, Method::DELETE, Method::PATCH] {
                let status = browser.send_head(admin.request(method.clone(), &path)).await.status;
                if status != StatusCode::METHOD_NOT_ALLOWED {
                    writeln!(wrong, "{method} {path}: {status}").unwrap();
                }
            }
        }
        assert_eq!(wrong, "");
        assert_eq!(admin.get("/account").await.status, StatusCode::OK);
    })
    .await;
}

/// The streams of events by the paths of their routes, each about something that is there: a run and a
/// simulation, and a target that no product has asked yet.
async fn streams(world: &World, admin: &Browser) -> Vec<(&'static str, String)> {
    let db = &world.service.engine.db;
    let connector = connectors::find(db, CONNECTOR).await.unwrap();
    let run = begin(db, &connector, Trigger::Page, Timestamp::now()).await;
    let simulate = format!("/connectors/{}/simulate", connector.id);
    let started = admin.clone().submit("/account", &simulate, &[]).await;
    vec![
        ("/simulations/{name}/events", format!("{}/events", started.location())),
        ("/targets/{id}/events", "/targets/1/events".to_owned()),
        ("/runs/{id}/events", format!("/runs/{run}/events")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_headers_that_protect_it() {
    on_both(async |db| {
        let world = World::new(&db, 20).await;
        let service = &world.service;
        let admin = signed_in(service, Role::Admin).await;
        let streams = streams(&world, &admin).await;
        let mut requests = vec![
            ("nothing is there".to_owned(), admin.request(Method::GET, "/nothing")),
            ("a stranger".to_owned(), service.browser().request(Method::GET, "/connectors")),
            ("a refused form".to_owned(), admin.request(Method::POST, "/account/theme")),
            ("a wrong method".to_owned(), admin.request(Method::PUT, "/connectors")),
            ("no such file".to_owned(), admin.request(Method::GET, "/static/nothing")),
        ];
        for route in access::table() {
            let stream = streams.iter().find(|it| it.0 == route.path);
            let is_stream = route.path.ends_with("/events");
            assert_eq!(stream.is_some(), is_stream, "{}: a stream to look at", route.path);
            let path = stream.map_or_else(|| path(route), |it| it.1.clone());
            requests.push((path.clone(), admin.request(route.method.clone(), &path)));
        }
        let expected = [
            (
                "content-security-policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                 connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; \
                 frame-ancestors 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ];
        let mut browser = admin.clone();
        for (what, request) in requests {
            let answer = browser.send_head(request).await;
            for (name, value) in expected {
                assert_eq!(answer.headers.get(name).unwrap(), value, "{what}: {name}");
            }
            let cached = answer.headers["cache-control"].to_str().unwrap();
            let is_file = what.starts_with("/static/");
            let wanted = if is_file { "public, max-age=31536000, immutable" } else { "no-store" };
            assert_eq!(cached, wanted, "{what}");
            assert!(!answer.headers.contains_key("server"), "{what}");
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{what}");
            let kind = answer.headers.get("content-type").map(|it| it.to_str().unwrap());
            if streams.iter().any(|it| it.1 == what) {
                // Always UTF-8: the standard knows no other.
                assert_eq!((answer.status, kind), (StatusCode::OK, Some("text/event-stream")));
                continue;
            }
            let is_told =
                kind.is_none_or(|it| it.contains("charset=utf-8") || !it.starts_with("text/"));
            assert!(is_told, "{what}: {kind:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_cookies_belong_to_this_host_and_browsers_stay_on_https() {
    on_both(async |db| {
        let site = rollcall::web::site::Site {
            public_url: Some("https://rollcall.example.com".to_owned()),
            ..rollcall::web::site::Site::direct()
        };
        let service = Service::start_at(&db, site).await;
        account(&db, Role::Admin).await;
        let browser = service.browser();
        let request = browser
            .request(Method::POST, "/sign-in")
            .header("origin", "https://rollcall.example.com")
            .header("content-type", FORM)
            .body(form::encode(&[
                ("email", "admin@example.com"),
                ("password", super::browser::PASSWORD),
            ]));
        let answer = browser.clone().send_head(request).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("__Host-rollcall="), "{cookie}");
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
        assert_eq!(answer.headers["strict-transport-security"], "max-age=31536000");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_travel_compressed_and_are_small() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let browser = signed_in(&service, Role::Admin).await;
        let client = reqwest::Client::builder().no_gzip().no_proxy().build().unwrap();
        for path in ["/", "/connectors", "/settings/accounts", "/audit", assets::address("app.css")]
        {
            let session = format!("{}={}", browser.cookies[0].0, browser.cookies[0].1);
            let request = client.get(format!("{}{path}", browser.url()));
            let request = request.header("accept-encoding", "gzip").header("cookie", session);
            let response = request.send().await.unwrap();
            assert_eq!(response.headers()["content-encoding"], "gzip", "{path}");
            let bytes = response.bytes().await.unwrap().len();
            assert!(bytes < 60_000, "{path}: {bytes}");
        }
    })
    .await;
}
