//! The words of the founding guide: whoever follows it finds each of them where it sends them.

use std::collections::BTreeSet;

use rollcall::store::accounts::Role;

use super::browser::Browser;
use super::world::World;
use crate::databases::on_sqlite;

/// What the guide says of OneLogin, beside the form that asks for its outcome.
const IN_ONELOGIN: [&str; 8] = [
    "Administration",
    "DEVELOPERS",
    "API Credentials",
    "New Credential",
    "Name",
    "Read users",
    "Client Secret",
    "Client ID",
];

/// What the guide names in the settings of a connector.
const SETTINGS: [&str; 15] = [
    "Name",
    "Client ID",
    "Client Secret",
    "OneLogin Base URL",
    "Groups from member_of",
    "Groups from roles",
    "Group from group of a user",
    "Minimum remaining API calls",
    "Required OneLogin Groups",
    "Sync Settings",
    "Enable Scheduled Synchronization",
    "Cron expression",
    "Save",
    "Save and Return",
    "Save and Test Connection",
];

#[tokio::test]
async fn every_word_of_the_founding_guide_is_found_where_it_sends_one() {
    on_sqlite(async |db| {
        let world = World::new(&db, 20).await;
        let mut browser = world.service.signed_in(Role::Admin).await;

        let list = read(&mut browser, "/connectors").await;
        assert_says(&list, "/connectors", &["Create Connector", "Sync"]);
        let gallery = link(&list, "Create Connector");
        let gallery = read(&mut browser, &gallery).await;
        assert_says(&gallery, "the gallery", &["OneLogin"]);
        let form = link(&gallery, "OneLogin");
        let form = read(&mut browser, &form).await;
        assert_says(&form, "the form of a connector", &IN_ONELOGIN);

        let first = link(&list, super::world::CONNECTOR);
        let mut editor = browser.get(&first).await;
        if editor.status.is_redirection() {
            editor = browser.follow(&editor).await;
        }
        let tabs: BTreeSet<String> = links(&editor.text)
            .into_iter()
            .map(|(address, _)| address)
            .filter(|it| it.starts_with(&format!("{first}/")))
            .collect();
        assert!(5 < tabs.len(), "{tabs:?}");
        let mut words = editor.text.clone();
        for tab in &tabs {
            words.push_str(&browser.get(tab).await.text);
        }
        assert_says(&words, "the settings of a connector", &SETTINGS);
    })
    .await;
}

async fn read(browser: &mut Browser, path: &str) -> String {
    let answer = browser.get(path).await;
    assert!(answer.status.is_success(), "{path} answers {}", answer.status);
    answer.text
}

/// Each has to be the whole text, or stand as words of their own in a sentence.
#[track_caller]
fn assert_says(html: &str, place: &str, words: &[&str]) {
    let text = text_of(html);
    let missing: Vec<_> = words.iter().filter(|it| !text.contains(*it)).collect();
    assert!(missing.is_empty(), "{place} does not say {missing:?}: {text}");
}

/// Where the link of this text leads.
#[track_caller]
fn link(html: &str, name: &str) -> String {
    let links = links(html);
    let found = links.iter().find(|(_, text)| text.trim() == name);
    found.unwrap_or_else(|| panic!("no link {name:?} in {links:?}")).0.clone()
}

/// Address and text of every link.
fn links(html: &str) -> Vec<(String, String)> {
    html.split("<a ")
        .skip(1)
        .filter_map(|it| {
            let (attributes, rest) = it.split_once('>')?;
            let (_, address) = attributes.split_once("href=\"")?;
            let (text, _) = rest.split_once("</a>")?;
            Some((address.split('"').next()?.to_owned(), text_of(text)))
        })
        .collect()
}

/// What is left without the markup.
fn text_of(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, after)| after));
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
