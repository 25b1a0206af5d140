//! Full syncs, as an admin starts them: the released command against a sandbox.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use rollcall::store::{Db, connectors, reads};
use serde_json::{Value, json};

use crate::plan::ROWS;
use crate::process::{self, Measured, ROLLCALL, Server};
use crate::{Aim, Row, seconds};

/// A data directory with a connector, a target and what they need.
pub(crate) struct Installation {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) application: String,
    pub(crate) password: String,
}

pub(crate) struct Sandbox {
    server: Server,
    base_url: String,
    client_id: String,
    client_secret: String,
}

const PAGE: usize = 1000;
/// As many as the OneLogin source keeps.
const IN_FLIGHT: usize = rollcall::source::onelogin::PAGES_IN_FLIGHT;

pub(crate) fn rows(users: usize) -> (Vec<Row>, Installation) {
    let sandbox = Sandbox::start(users, 50, Some(Duration::from_millis(50)));
    let installation = Installation::create(&sandbox);
    let floor = sandbox.floor(users);

    let first = installation.sync();
    let generation = installation.target();
    let second = installation.sync();
    let unchanged = installation.target() == generation;

    let calls_max = calls_max(users);
    let rows = vec![
        Row {
            work: format!("Full sync: {users} users, 50 ms a call, {PAGE} a page"),
            measured: figures(&first, floor),
            aims: vec![
                Aim { what: "calls", measured: calls(&first), at_most: calls_max, unit: "calls" },
                ratio(&first, floor, 1.3),
                Aim { what: "peak memory", measured: first.peak_mib, at_most: 128.0, unit: "MiB" },
            ],
        },
        Row {
            work: "The same again, nothing changed".to_owned(),
            measured: figures(&second, floor),
            aims: vec![
                Aim { what: "calls", measured: calls(&second), at_most: calls_max, unit: "calls" },
                ratio(&second, floor, 1.15),
                Aim {
                    what: "publications",
                    measured: if unchanged { 0.0 } else { 1.0 },
                    at_most: 0.0,
                    unit: "publications",
                },
            ],
        },
    ];
    drop(sandbox);
    (rows, installation)
}

/// What other rows would do, by the stored read of the sync before.
pub(crate) fn preview_row(users: usize, installation: &Installation) -> Row {
    let folder = installation.folder.path();
    let edit = ["connector", "edit", "bench", "--preview", "--json"];
    let plain = process::run(&mut rollcall(folder, &edit));
    // Fields that the sync asked OneLogin for.
    let rows = ROWS.iter().filter(|row| {
        let asked =
            ["username", "email", "first-name", "last-name", "display-name", "synch.mailbox"];
        row.split_once(" = ").is_some_and(|(target, _)| asked.contains(&target))
    });
    let edited = edit.into_iter().chain(rows.flat_map(|row| ["--map", *row]));
    let edited = process::run(&mut rollcall(folder, &edited.collect::<Vec<_>>()));
    let bytes = stored_bytes(folder);
    Row {
        work: format!("Preview of unsaved rows: {users} users"),
        measured: vec![
            ("floor: of the saved ones", json!(format!("{:.3} s", seconds(plain.wall)))),
            ("peak memory", json!(format!("{:.0} MiB", edited.peak_mib))),
            ("the stored read", json!(format!("{bytes} bytes, {} a user", bytes / users.max(1)))),
        ],
        aims: vec![Aim { what: "wall", measured: seconds(edited.wall), at_most: 2.0, unit: "s" }],
    }
}

/// How large the last stored read is.
fn stored_bytes(folder: &Path) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::open_sqlite(&folder.join("rollcall.sqlite")).await.unwrap();
        let connector = connectors::find(&db, "bench").await.unwrap();
        let read = reads::last(&db, connector.id).await.unwrap().unwrap();
        db.close().await;
        read.bytes
    })
}

pub(crate) fn million() -> Row {
    let users = 1_000_000;
    let sandbox = Sandbox::start(users, 50, None);
    let installation = Installation::create(&sandbox);
    let floor = sandbox.floor(users);
    let done = installation.sync();
    let sandbox_mib = process::memory_mib(sandbox.server.pid(), "VmHWM:");
    let mut measured = figures(&done, floor);
    measured.push(("peak memory of the sandbox", json!(format!("{sandbox_mib:.0} MiB"))));
    Row {
        work: format!("Full sync: {users} users, no latency"),
        measured,
        aims: vec![
            Aim { what: "wall", measured: seconds(done.wall), at_most: 90.0, unit: "s" },
            Aim { what: "peak memory", measured: done.peak_mib, at_most: 1024.0, unit: "MiB" },
        ],
    }
}

/// The pages, and five calls for the token, the budget and the names.
#[expect(clippy::cast_precision_loss, reason = "a count of calls")]
fn calls_max(users: usize) -> f64 {
    (users.div_ceil(PAGE) + 5) as f64
}

fn ratio(done: &Measured, floor: Duration, at_most: f64) -> Aim {
    let measured = seconds(done.wall) / seconds(floor);
    Aim { what: "wall to floor", measured, at_most, unit: "times" }
}

fn figures(done: &Measured, floor: Duration) -> Vec<(&'static str, Value)> {
    let mut figures = vec![
        ("wall", json!(format!("{:.3} s", seconds(done.wall)))),
        ("floor: the bare pages", json!(format!("{:.3} s", seconds(floor)))),
        ("peak memory", json!(format!("{:.0} MiB", done.peak_mib))),
    ];
    let report = report(done);
    let phases = report.pointer("/report/phases").and_then(Value::as_array);
    let phases = phases
        .into_iter()
        .flatten()
        .filter_map(|it| Some(format!("{} {} ms", it.get("phase")?.as_str()?, it.get("ms")?)));
    figures.push(("phases", json!(phases.collect::<Vec<_>>().join(", "))));
    figures
}

fn report(done: &Measured) -> Value {
    serde_json::from_str(&done.stdout).unwrap()
}

fn calls(done: &Measured) -> f64 {
    report(done).pointer("/report/calls/total").and_then(Value::as_f64).unwrap()
}

impl Sandbox {
    pub(crate) fn start(users: usize, roles: usize, latency: Option<Duration>) -> Sandbox {
        let latency = latency.map_or("0ms".to_owned(), |it| format!("{}ms", it.as_millis()));
        let mut command = Command::new(ROLLCALL);
        command.args([
            "sandbox",
            "onelogin",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--chaos",
            "0",
            "--clean",
            "--seed",
            "7",
        ]);
        let (users, roles) = (users.to_string(), roles.to_string());
        command.args(["--users", &users, "--roles", &roles, "--latency", &latency]);
        let server = Server::start(&mut command);
        let said: Value = serde_json::from_str(&server.said).unwrap();
        let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap().to_owned();
        Sandbox {
            base_url: text("listening"),
            client_id: text("client_id"),
            client_secret: text("client_secret"),
            server,
        }
    }

    /// The time of a reader that only fetches the same pages, as many at a time.
    fn floor(&self, users: usize) -> Duration {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(self.fetch_pages(users.div_ceil(PAGE)))
    }

    #[expect(clippy::disallowed_methods, reason = "the floor is a client without any limit")]
    async fn fetch_pages(&self, pages: usize) -> Duration {
        const FIELDS: &str =
            "id,username,email,firstname,lastname,status,state,group_id,role_ids,member_of";
        let client = reqwest::Client::builder().build().unwrap();
        let began = Instant::now();
        let token: Value = {
            let body = client
                .post(format!("{}/auth/oauth2/v2/token", self.base_url))
                .basic_auth(&self.client_id, Some(&self.client_secret))
                .header("content-type", "application/json")
                .body(r#"{"grant_type":"client_credentials"}"#)
                .send()
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap();
            serde_json::from_slice(&body).unwrap()
        };
        let token = token.get("access_token").and_then(Value::as_str).unwrap();
        let page = |page: usize| {
            let url =
                format!("{}/api/2/users?limit={PAGE}&page={page}&fields={FIELDS}", self.base_url);
            let request = client.get(url).bearer_auth(token);
            async move { request.send().await.unwrap().bytes().await.unwrap().len() }
        };
        page(1).await;
        let rest = futures_util::stream::iter((2..=pages).map(page)).buffer_unordered(IN_FLIGHT);
        rest.for_each(|bytes| async move { assert!(0 < bytes) }).await;
        began.elapsed()
    }
}

impl Installation {
    pub(crate) fn create(sandbox: &Sandbox) -> Installation {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, &sandbox.client_secret).unwrap();
        process::run(&mut rollcall(folder.path(), &["init"]));
        process::run(rollcall(folder.path(), &["connector", "create", "bench"]).args([
            "--provider",
            "onelogin",
            "--base-url",
            &sandbox.base_url,
            "--client-id",
            &sandbox.client_id,
            "--client-secret-file",
            &secret.display().to_string(),
            "--groups-from",
            "roles",
        ]));
        let target =
            ["target", "create", "bench", "--connector", "bench", "--type", "crowd", "--json"];
        let made = process::run(&mut rollcall(folder.path(), &target));
        let made: Value = serde_json::from_str(&made.stdout).unwrap();
        let text = |key: &str| made.get(key).and_then(Value::as_str).unwrap().to_owned();
        Installation { application: text("application"), password: text("password"), folder }
    }

    pub(crate) fn sync(&self) -> Measured {
        process::run(&mut rollcall(self.folder.path(), &["sync", "bench", "--json"]))
    }

    /// What tells whether anything was published.
    fn target(&self) -> String {
        let shown =
            process::run(&mut rollcall(self.folder.path(), &["target", "show", "bench", "--json"]));
        let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
        shown.get("published_at").map(ToString::to_string).unwrap()
    }
}

pub(crate) fn rollcall(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(ROLLCALL);
    command.args(arguments).arg("--data-dir").arg(folder).arg("--allow-loopback");
    command
}
