//! The pages over a large directory: how long the service takes, and how much goes over the wire.

use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE,
};
use serde_json::{Value, json};

use crate::process::{self, Server};
use crate::sync::{Installation, Sandbox, rollcall};
use crate::{Aim, Row, seconds};

const EMAIL: &str = "bench@example.com";
const PASSWORD: &str = "bench the pages of a large directory";
/// As many groups as the aim speaks of.
const GROUPS: usize = 10_000;
const REQUESTS: usize = 40;
const EXPLANATIONS: usize = 5;

/// What an admin opens, by its address. `{person}` and `{group}` are looked up in the lists.
const PAGES: [(&str, &str); 25] = [
    ("Overview", "/"),
    ("Connectors", "/connectors"),
    ("a connector", "/connectors/1/general"),
    ("its history", "/connectors/1/history"),
    ("Targets", "/targets"),
    ("a target", "/targets/1"),
    ("Runs", "/runs"),
    ("a run", "/runs/1"),
    ("its changes", "/runs/1?tab=changes"),
    ("its changes, searched", "/runs/1?tab=changes&q=anna"),
    ("its changes, searched in vain", "/runs/1?tab=changes&q=nobody-of-this-name"),
    ("its changes, of one kind", "/runs/1?tab=changes&kind=deactivate"),
    ("Plans", "/plans"),
    ("a plan, as it opens", "/plans/1"),
    ("a plan, all changes", "/plans/1?verdict=all"),
    ("a plan, searched", "/plans/1?q=anna"),
    ("a plan, searched in vain", "/plans/1?q=nobody-of-this-name"),
    ("a plan, of one kind", "/plans/1?kind=deactivate"),
    ("Users", "/users"),
    ("Users, searched", "/users?q=anna"),
    ("Users, searched in vain", "/users?q=nobody-of-this-name"),
    ("a user", "{person}"),
    ("Groups", "/groups"),
    ("a group", "{group}"),
    ("Audit log", "/audit"),
];

pub(crate) fn rows(users: usize) -> Vec<Row> {
    let sandbox = Sandbox::start(users, GROUPS, None);
    let installation = Installation::create(&sandbox);
    let folder = installation.folder.path();
    process::run(&mut rollcall(folder, &["simulate", "bench", "--json"]));
    installation.sync();
    let password = folder.join("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let password = password.display().to_string();
    let account = ["account", "create", EMAIL, "--role", "admin", "--password-file", &password];
    process::run(&mut rollcall(folder, &account));

    let mut command: Command = rollcall(folder, &["serve", "--listen", "127.0.0.1:0", "--json"]);
    let server = Server::start(&mut command);
    let said: Value = serde_json::from_str(&server.said).unwrap();
    let base = said.get("listening").and_then(Value::as_str).unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure(base, users))
}

async fn measure(base: String, users: usize) -> Vec<Row> {
    let browser = Browser::sign_in(base).await;
    let floor = browser.many("/help", REQUESTS).await;

    let mut figures = vec![("floor: Help, which asks nothing", floor.said())];
    let mut slowest = Pages { p95: Duration::ZERO, bytes: 0, median: Duration::ZERO };
    for (name, address) in PAGES {
        let address = match address {
            "{person}" => browser.first("/users", "/users/").await,
            "{group}" => browser.first("/groups", "/groups/").await,
            other => other.to_owned(),
        };
        let pages = browser.many(&address, REQUESTS).await;
        println!("  {name}: {}", pages.said());
        figures.push((name, pages.said()));
        slowest.p95 = slowest.p95.max(pages.p95);
        slowest.bytes = slowest.bytes.max(pages.bytes);
    }
    let lists = Row {
        work: format!("Pages: {users} users, {GROUPS} groups, {REQUESTS} times each"),
        measured: figures,
        aims: vec![
            Aim {
                what: "slowest page, p95",
                measured: seconds(slowest.p95) * 1000.0,
                at_most: 100.0,
                unit: "ms",
            },
            Aim {
                what: "slowest to floor",
                measured: seconds(slowest.p95) / seconds(floor.p95),
                at_most: 100.0,
                unit: "times",
            },
            Aim {
                what: "largest page, compressed",
                measured: kilobytes(slowest.bytes),
                at_most: 60.0,
                unit: "kB",
            },
        ],
    };

    let person = browser.first("/users", "/users/").await;
    let id = person.rsplit('/').next().unwrap();
    let explained = format!("/explain?user={id}&as_of=last-read");
    let explained = browser.many(&explained, EXPLANATIONS).await;
    let people = Row {
        work: format!("Questions to the last read of {users} users"),
        measured: vec![("Explain this user", explained.said())],
        aims: vec![Aim {
            what: "Explain this user, p95",
            measured: seconds(explained.p95),
            at_most: 2.0,
            unit: "s",
        }],
    };
    vec![lists, people]
}

/// The same page, many times.
struct Pages {
    median: Duration,
    p95: Duration,
    /// Of the answer as it was sent.
    bytes: usize,
}

impl Pages {
    fn of(mut took: Vec<Duration>, bytes: usize) -> Pages {
        took.sort();
        let at = |part: usize| took.get((took.len() - 1) * part / 100).copied().unwrap();
        Pages { median: at(50), p95: at(95), bytes }
    }

    fn said(&self) -> Value {
        let ms = |it: Duration| seconds(it) * 1000.0;
        json!(format!(
            "{:.1} ms, p95 {:.1} ms, {:.1} kB",
            ms(self.median),
            ms(self.p95),
            kilobytes(self.bytes)
        ))
    }
}

#[expect(clippy::cast_precision_loss, reason = "kilobytes")]
fn kilobytes(bytes: usize) -> f64 {
    bytes as f64 / 1000.0
}

/// A browser that is signed in, without its drawing.
struct Browser {
    client: reqwest::Client,
    base: String,
    cookies: String,
}

impl Browser {
    #[expect(clippy::disallowed_methods, reason = "a browser, not ours")]
    async fn sign_in(base: String) -> Browser {
        let client = reqwest::Client::builder().no_gzip().no_proxy();
        let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut browser = Browser { client, base, cookies: String::new() };
        let form = format!("email={EMAIL}&password={}", PASSWORD.replace(' ', "+"));
        let answer = browser.post("/sign-in", form).await;
        assert!(answer.status().is_redirection(), "signing in answered {}", answer.status());
        let cookies = answer.headers().get_all(SET_COOKIE).iter();
        let cookies = cookies.filter_map(|it| it.to_str().ok()?.split(';').next());
        browser.cookies = cookies.collect::<Vec<_>>().join("; ");
        browser
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let request = self.client.get(format!("{}{path}", self.base));
        let request = request.header(COOKIE, &self.cookies).header(ACCEPT_ENCODING, "gzip");
        request.send().await.unwrap()
    }

    async fn post(&self, path: &str, form: String) -> reqwest::Response {
        let request = self.client.post(format!("{}{path}", self.base)).body(form);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.header(ORIGIN, &self.base).header("sec-fetch-site", "same-origin");
        request.header(COOKIE, &self.cookies).send().await.unwrap()
    }

    async fn many(&self, path: &str, times: usize) -> Pages {
        let mut took = Vec::with_capacity(times);
        let mut bytes = 0;
        // The first fills the caches of the database, and is not counted.
        for request in 0..=times {
            let began = Instant::now();
            let answer = self.get(path).await;
            assert_eq!(answer.status(), 200, "{path}");
            assert!(answer.headers().contains_key(CONTENT_ENCODING), "{path} is not compressed");
            bytes = answer.bytes().await.unwrap().len();
            if 0 < request {
                took.push(began.elapsed());
            }
        }
        Pages::of(took, bytes)
    }

    /// The text of a page, not compressed.
    async fn text(&self, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.base));
        let answer = request.header(COOKIE, &self.cookies).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    /// The first link of a page whose address begins like this and goes on.
    async fn first(&self, page: &str, begins: &str) -> String {
        let text = self.text(page).await;
        let mut links = text.split("href=\"").skip(1).filter_map(|it| it.split('"').next());
        let found = links.find(|it| it.len() > begins.len() && it.starts_with(begins));
        found.unwrap_or_else(|| panic!("{page} has no link to {begins}")).replace("&#38;", "&")
    }
}
