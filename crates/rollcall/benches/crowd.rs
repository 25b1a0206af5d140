//! A product's full read of the published directory.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::process::{self, Server};
use crate::sync::{Installation, rollcall};
use crate::{Aim, Row, seconds};

pub(crate) fn row(installation: &Installation) -> Row {
    let mut command =
        rollcall(installation.folder.path(), &["serve", "--listen", "127.0.0.1:0", "--json"]);
    let server = Server::start(&mut command);
    let said: Value = serde_json::from_str(&server.said).unwrap();
    let base = said.get("listening").and_then(Value::as_str).unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let read = |path: &'static str| runtime.block_on(fetch(&format!("{base}{path}"), installation));

    read("/crowd/rest/usermanagement/1/config/cookie");
    let idle_mib = process::memory_mib(server.pid(), "VmRSS:");
    let users = read(
        "/crowd/rest/usermanagement/1/search?entity-type=user&start-index=0&max-results=-1&expand=user",
    );
    let groups = read(
        "/crowd/rest/usermanagement/1/search?entity-type=group&start-index=0&max-results=-1&expand=group",
    );
    let memberships = read("/crowd/rest/usermanagement/1/group/membership");
    let above_mib = process::memory_mib(server.pid(), "VmHWM:") - idle_mib;

    let first_byte = users.first_byte.max(groups.first_byte).max(memberships.first_byte);
    let wall = users.all + groups.all + memberships.all;
    let part = |it: &Fetched| json!(format!("{:.3} s, {:.1} MB", seconds(it.all), it.megabytes));
    Row {
        work: "Crowd full read: users, groups, memberships".to_owned(),
        measured: vec![
            ("users", part(&users)),
            ("groups", part(&groups)),
            ("memberships", part(&memberships)),
            ("memory when idle", json!(format!("{idle_mib:.0} MiB"))),
        ],
        aims: vec![
            Aim {
                what: "first byte",
                measured: seconds(first_byte) * 1000.0,
                at_most: 50.0,
                unit: "ms",
            },
            Aim { what: "wall", measured: seconds(wall), at_most: 1.5, unit: "s" },
            Aim { what: "memory above idle", measured: above_mib, at_most: 32.0, unit: "MiB" },
        ],
    }
}

struct Fetched {
    first_byte: Duration,
    all: Duration,
    megabytes: f64,
}

#[expect(clippy::disallowed_methods, reason = "a product's client, not ours")]
async fn fetch(url: &str, installation: &Installation) -> Fetched {
    let client = reqwest::Client::builder().build().unwrap();
    let is_search = url.contains("/search");
    let request = if is_search { client.post(url) } else { client.get(url) };
    let request = request.basic_auth(&installation.application, Some(&installation.password));
    let request =
        request.header("accept", "application/xml").header("content-type", "application/xml");
    let request = if is_search { request.body("<null-search-restriction/>") } else { request };

    let began = Instant::now();
    let response = request.send().await.unwrap();
    assert!(response.status().is_success(), "{url} answered {}", response.status());
    let mut stream = response.bytes_stream();
    let mut bytes = stream.next().await.unwrap().unwrap().len();
    let first_byte = began.elapsed();
    while let Some(chunk) = stream.next().await {
        bytes += chunk.unwrap().len();
    }
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let megabytes = bytes as f64 / 1e6;
    Fetched { first_byte, all: began.elapsed(), megabytes }
}
