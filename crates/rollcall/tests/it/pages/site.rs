//! Every page that links lead to, in every state that there is: reachable, accessible in light and
//! dark, readable at 400 %, and light to load.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rollcall::store::accounts::Role;
use serde_json::json;

use super::browser::Service;
use super::chromium::{Scripts, in_window};
use super::window::{DESKTOP, Rules, Window, ZOOMED};
use super::world::World;
use crate::databases::on_sqlite;

/// A whole page with its style and script, compressed.
const PAGE_BYTES_MAX: u64 = 60 * 1024;
/// Pages of one kind look alike: more than this many of them tell nothing new.
const EACH_KIND_MAX: usize = 2;
const PAGES_MAX: usize = 150;

#[test]
fn a_service_without_anything_is_a_good_place() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let service = Service::start(&db).await;
            walk(window, &service, Role::Admin, "empty").await;
        })
        .await;
    });
}

#[test]
fn every_page_of_a_service_at_work_is_accessible_and_light() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let world = World::held(&db).await;
            walk(window, &world.service, Role::Admin, "admin").await;
        })
        .await;
    });
}

#[test]
fn whoever_may_only_look_is_never_led_to_a_refusal() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let world = World::held(&db).await;
            walk(window, &world.service, Role::Viewer, "viewer").await;
            for (path, words) in
                [("/connectors/new", "You may not do this"), ("/runs/999", "There is no run 999.")]
            {
                window.goto(&world.service, path).await;
                window.sees(words).await;
                window.forget_complaints().await;
                let wrong = look(window, path).await;
                assert!(wrong.is_empty(), "{}", wrong.join("\n"));
                window.screenshot(&format!("refused{}", path.replace('/', "-"))).await;
            }
        })
        .await;
    });
}

/// Follows every link from the overview on, looks at each page, and takes its picture.
async fn walk(window: &Window, service: &Service, role: Role, pictures: &str) {
    let browser = service.signed_in(role).await;
    window.sign_in_as(&browser, service).await;
    let mut waiting = VecDeque::from([("/".to_owned(), "the start".to_owned())]);
    let mut known = BTreeSet::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    while let Some((path, from)) = waiting.pop_front() {
        let seen = kinds.entry(kind(&path)).or_default();
        if EACH_KIND_MAX <= *seen || !known.insert(path.clone()) {
            continue;
        }
        *seen += 1;
        assert!(known.len() < PAGES_MAX, "the pages have no end: {known:?}");
        window.goto(service, &path).await;
        let (status, bytes) = window.loaded().await;
        if status != 200 {
            window.forget_complaints().await;
            wrong.push(format!("{path} answers {status}; {from} links to it"));
            continue;
        }
        if PAGE_BYTES_MAX < bytes {
            wrong.push(format!("{path} has {bytes} bytes"));
        }
        wrong.extend(look(window, &path).await);
        let name = kind(&path).replace(|it: char| !it.is_ascii_alphanumeric(), "-");
        // What a viewer sees is what everybody sees, with less.
        if role == Role::Admin {
            window.screenshot(&format!("{pictures}{name}")).await;
        }
        for link in window.links().await {
            waiting.push_back((link, path.clone()));
        }
    }
    eprintln!("{} pages as {}: {:?}", known.len(), role.word(), kinds.keys());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with the page that is open.
async fn look(window: &Window, path: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (scheme, rules) in [("light", Rules::All), ("dark", Rules::Colours)] {
        window.prefer(scheme).await;
        wrong.extend(
            window.violations(rules).await.into_iter().map(|it| format!("{path}, {scheme}: {it}")),
        );
    }
    window.prefer("light").await;
    window.size(ZOOMED).await;
    wrong.extend(
        window.too_wide().await.map(|it| format!("{path} is too wide for 320 pixels: {it}")),
    );
    window.size(DESKTOP).await;
    wrong
}

/// Pages that differ in numbers and words alone are of one kind.
fn kind(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let is_of_groups = path.starts_with("/groups/");
    let segments = path.split('/').enumerate().map(|(index, it)| {
        let is_name = is_of_groups && index == 3;
        if is_name || it.bytes().any(|it| it.is_ascii_digit()) { "N" } else { it }
    });
    let names: BTreeSet<&str> = query
        .split('&')
        .filter_map(|it| it.split('=').next())
        .filter(|it| !it.is_empty())
        .collect();
    format!(
        "{}?{}",
        segments.collect::<Vec<_>>().join("/"),
        names.into_iter().collect::<Vec<_>>().join("&")
    )
}

impl Window {
    /// The status of the page that is open, and how much was loaded for it, compressed.
    async fn loaded(&self) -> (u64, u64) {
        let loaded = self
            .script(
                "const page = performance.getEntriesByType('navigation')[0];
                const parts = performance.getEntriesByType('resource');
                return [page.responseStatus, [page, ...parts].reduce((sum, it) => sum + it.encodedBodySize, 0)];",
                vec![],
            )
            .await;
        (loaded[0].as_u64().unwrap(), loaded[1].as_u64().unwrap())
    }

    /// Where the links of the page lead within the service, but for files.
    async fn links(&self) -> Vec<String> {
        let script = "return [...document.querySelectorAll('a[href]:not([download])')]
            .filter((it) => it.origin === location.origin && !arguments[0].some((end) => it.pathname.endsWith(end)))
            .map((it) => it.pathname + it.search);";
        let links =
            self.script(script, vec![json!([".csv", ".json", ".ndjson", ".toml", ".txt"])]).await;
        links.as_array().unwrap().iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
    }
}
