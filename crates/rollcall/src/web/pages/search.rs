//! `/search`: the way to a connector, a target, a run, a person or a page by a part of its name.

use askama::Template;
use axum::extract::{Query, State};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::store::runs::{self, RunId};
use crate::store::{connectors, targets};
use crate::web::answer::{self, Answer};
use crate::web::page::Page;
use crate::web::visit::Visit;
use crate::web::{App, access};

#[derive(Debug, Template)]
#[template(path = "search.html")]
struct View {
    page: Page,
    words: String,
    results: Vec<Found>,
}

/// One place that the words may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    icon: &'static str,
    name: String,
    kind: &'static str,
    href: String,
}

#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
}

/// How many connectors and targets are told; more are found by more letters.
const EACH_MAX: usize = 8;

pub async fn show(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let page = visit.page("Search");
    let words = asked.q.trim().to_owned();
    let mut results = Vec::new();
    if !words.is_empty() {
        results.extend(pages(&page, &words));
        let connectors = connectors::list(app.db()).await?;
        let named = connectors.into_iter().map(|it| (it.id.0, it.name.as_str().to_owned()));
        results.extend(places("connector", "Connector", "/connectors", named, &words));
        let targets = targets::list(app.db()).await?;
        let named = targets.into_iter().map(|it| (it.id.0, it.name.as_str().to_owned()));
        results.extend(places("target", "Target", "/targets", named, &words));
        if let Ok(number) = words.trim_start_matches('#').parse::<i64>()
            && let Some(run) = runs::find(app.db(), RunId(number)).await?
        {
            results.push(Found {
                icon: "run",
                name: format!("Run {number} of {}", run.connector_name),
                kind: "Run",
                href: format!("/runs/{number}"),
            });
        }
        results.extend(people(&visit, &words));
    }
    answer::html(&View { page, words, results })
}

/// The pages of the navigation that are called so.
fn pages(page: &Page, words: &str) -> Vec<Found> {
    let found = page.nav.iter().filter(|it| holds(it.name, words));
    found
        .map(|it| Found {
            icon: it.icon,
            name: it.name.to_owned(),
            kind: "Page",
            href: it.href.to_owned(),
        })
        .collect()
}

fn places(
    icon: &'static str,
    kind: &'static str,
    root: &str,
    named: impl Iterator<Item = (i64, String)>,
    words: &str,
) -> Vec<Found> {
    named
        .filter(|(_, name)| holds(name, words))
        .take(EACH_MAX)
        .map(|(id, name)| Found { icon, name, kind, href: format!("{root}/{id}") })
        .collect()
}

/// The pages that find people and groups by these words.
fn people(visit: &Visit, words: &str) -> Vec<Found> {
    let typed = utf8_percent_encode(words, NON_ALPHANUMERIC);
    let all = [
        ("/users", "directory", "People called", format!("/users?q={typed}")),
        ("/groups", "group", "Groups called", format!("/groups?q={typed}")),
        ("/explain", "explain", "Explain", format!("/explain?user={typed}")),
    ];
    let role = visit.role();
    all.into_iter()
        .filter(|(path, ..)| role.is_some_and(|role| access::shows(path, role)))
        .map(|(_, icon, verb, href)| Found {
            icon,
            name: format!("{verb} \u{201c}{words}\u{201d}"),
            kind: "Directory",
            href,
        })
        .collect()
}

fn holds(name: &str, words: &str) -> bool {
    name.to_lowercase().contains(&words.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};

    #[test]
    fn the_search_shows_every_state() {
        let page = || samples::page("Search", "/search", Role::Viewer);
        let words = HOSTILE.to_owned();
        check(&View { page: page(), words: String::new(), results: Vec::new() });
        check(&View { page: page(), words: words.clone(), results: Vec::new() });
        let named = [(7, HOSTILE.to_owned())].into_iter();
        let results = places("connector", "Connector", "/connectors", named, HOSTILE);
        assert_eq!(results.len(), 1);
        check(&View { page: page(), words, results });
    }

    #[test]
    fn a_part_of_a_name_finds_it() {
        let named = [(1, "OneLogin Prod"), (2, "Contractors")];
        let named = named.map(|(id, name)| (id, name.to_owned())).into_iter();
        let found = places("connector", "Connector", "/connectors", named, "login p");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].href, "/connectors/1");
    }
}
