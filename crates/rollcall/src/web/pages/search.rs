//! `/search`: the way to a connector, a target, a run, a person or a page by a part of its name.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use crate::store::connectors;
use crate::store::runs::{self, RunId};
use crate::store::targets::{self, Target};
use crate::web::answer::{self, Answer};
use crate::web::page::Page;
use crate::web::pages::directory;
use crate::web::refusal::Refusal;
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
    /// What it is, and where there are several of it, which.
    kind: String,
    href: String,
}

#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
}

/// How many people are told.
const PEOPLE_MAX: u32 = 5;
/// Of fewer letters there is no end of people.
const LETTERS_MIN: usize = 2;
/// How many connectors and targets are told; more are found by more letters.
const EACH_MAX: usize = 8;

pub async fn show(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let page = visit.page("Search");
    let words = asked.q.trim().to_owned();
    let mut results = Vec::new();
    if !words.is_empty() {
        results.extend(pages(&page, &words));
        let connectors = connectors::list(app.db()).await?;
        let named =
            connectors.iter().map(|it| (it.id.0, it.name.to_string(), "Connector".to_owned()));
        results.extend(places("connector", "/connectors", named, &words));
        let targets = targets::list(app.db()).await?;
        let kind = |it: &Target| format!("Target of {}", it.connector_name);
        let named = targets.iter().map(|it| (it.id.0, it.name.to_string(), kind(it)));
        results.extend(places("target", "/targets", named, &words));
        if let Ok(number) = words.trim_start_matches('#').parse::<i64>()
            && let Some(run) = runs::find(app.db(), RunId(number)).await?
        {
            results.push(Found {
                icon: "run",
                name: format!("Run {number} of {}", run.connector_name),
                kind: "Run".to_owned(),
                href: format!("/runs/{number}"),
            });
        }
        results.extend(called(&app, &visit, &words).await?);
        results.extend(people(&visit, &targets, &words));
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
            kind: "Page".to_owned(),
            href: it.href.to_owned(),
        })
        .collect()
}

fn places(
    icon: &'static str,
    root: &str,
    named: impl Iterator<Item = (i64, String, String)>,
    words: &str,
) -> Vec<Found> {
    named
        .filter(|(_, name, _)| holds(name, words))
        .take(EACH_MAX)
        .map(|(id, name, kind)| Found { icon, name, kind, href: format!("{root}/{id}") })
        .collect()
}

/// A few people of whom these words are a part.
async fn called(app: &App, visit: &Visit, words: &str) -> Result<Vec<Found>, Refusal> {
    if words.chars().count() < LETTERS_MIN
        || !visit.role().is_some_and(|it| access::shows("/users", it))
    {
        return Ok(Vec::new());
    }
    let close = directory::close_to(app, words, None, PEOPLE_MAX).await?;
    let found = close.into_iter().map(|(target, it)| Found {
        icon: "person",
        href: directory::user_page(&target, &it.id),
        name: it.username,
        kind: format!("{}, {}", it.display_name, target.name),
    });
    Ok(found.collect())
}

/// The pages that find people and groups by these words: of each target, where somebody can be in
/// more than one.
fn people(visit: &Visit, targets: &[Target], words: &str) -> Vec<Found> {
    let shows = |path: &str| visit.role().is_some_and(|role| access::shows(path, role));
    let lists = [("/users", "directory", "People"), ("/groups", "group", "Groups")];
    let published: Vec<&Target> = targets.iter().filter(|it| it.published_at.is_some()).collect();
    let mut found = Vec::new();
    for (path, icon, who) in lists.into_iter().filter(|(path, ..)| shows(path)) {
        let in_one = |target: &str, kind: String| Found {
            icon,
            name: format!("{who} called \u{201c}{words}\u{201d}"),
            kind,
            href: directory::address(path, &[("target", target), ("q", words)]),
        };
        match published.as_slice() {
            [] | [_] => found.push(in_one("", "Directory".to_owned())),
            several => found.extend(
                several
                    .iter()
                    .take(EACH_MAX)
                    .map(|it| in_one(&it.id.0.to_string(), format!("Directory {}", it.name))),
            ),
        }
    }
    if shows("/explain") {
        found.push(Found {
            icon: "explain",
            name: format!("Explain \u{201c}{words}\u{201d}"),
            kind: "Why, or why not".to_owned(),
            href: directory::address("/explain", &[("user", words)]),
        });
    }
    found
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
        let named = [(7, HOSTILE.to_owned(), HOSTILE.to_owned())].into_iter();
        let results = places("connector", "/connectors", named, HOSTILE);
        assert_eq!(results.len(), 1);
        check(&View { page: page(), words, results });
    }

    #[test]
    fn a_part_of_a_name_finds_it() {
        let named = [(1, "OneLogin Prod"), (2, "Contractors")];
        let named = named.map(|(id, name)| (id, name.to_owned(), "Connector".to_owned()));
        let named = named.into_iter();
        let found = places("connector", "/connectors", named, "login p");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].href, "/connectors/1");
    }
}
