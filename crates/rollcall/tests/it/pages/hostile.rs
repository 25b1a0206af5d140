//! Texts that would run if a page did not escape them, through every field of every form.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use reqwest::StatusCode;
use rollcall::secret::Secret;
use rollcall::store::accounts::{self, Role};
use rollcall::store::audit::actor::Actor;
use rollcall::store::connectors::{self, Provider};
use rollcall::store::targets::{self, TargetKind};
use rollcall::web::access;

use super::browser::{Browser, PASSWORD, Service, account};
use crate::databases::on_both;
use crate::store::settings;

const HOSTILE: &str = "\"'><script>alert(1)</script>{{ 7*7 }}";
const CANARY: &str = "canary-client-secret";
const PAGES_MAX: usize = 150;

/// All pages that an admin can reach by links, with their texts.
async fn pages(browser: &mut Browser) -> BTreeMap<String, String> {
    let table = access::table();
    let plain = table.iter().filter(|it| it.method == "GET" && !it.path.contains('{'));
    let mut to_see: BTreeSet<String> = plain.map(|it| it.path.to_owned()).collect();
    let mut seen = BTreeMap::new();
    while let Some(path) = to_see.pop_first() {
        if seen.contains_key(&path) || PAGES_MAX <= seen.len() {
            continue;
        }
        let answer = browser.get(&path).await;
        assert!(!answer.status.is_server_error(), "{path}: {answer:?}");
        let kind = answer.headers.get("content-type").map_or("", |it| it.to_str().unwrap());
        let is_page = kind.starts_with("text/html");
        if is_page {
            for link in attributes(&answer.text, "href=\"") {
                if link.starts_with('/') && !link.starts_with("/static/") {
                    let link = link.split('#').next().unwrap();
                    to_see.insert(link.replace("&amp;", "&").replace("&#38;", "&"));
                }
            }
        }
        // A file holds texts as they are, and no browser runs it.
        let text = if is_page { answer.text } else { answer.text.replace('<', "") };
        seen.insert(path, text);
    }
    seen
}

fn attributes<'a>(text: &'a str, begin: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(begin).skip(1).map(|it| it.split('"').next().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_any_field_becomes_part_of_a_page_and_no_secret_stands_in_one() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let operator = Actor::command_line(HOSTILE, HOSTILE);
        let act = operator.act(Timestamp::now());
        let seal = &service.engine.seal;
        let settings = settings("https://acme.onelogin.com");
        let secret = Secret::new(CANARY.to_owned());
        let provider = Provider::OneLogin;
        let connector = connectors::create(&db, seal, HOSTILE, provider, &settings, &secret, &act)
            .await
            .unwrap();
        let (_, password) =
            targets::create(&db, &connector, HOSTILE, TargetKind::Crowd, &act).await.unwrap();
        for role in Role::ALL {
            account(&db, role).await;
        }
        let mut browser = service.signed_in(Role::Admin).await;
        let token = browser.cookies[0].1.clone();
        let hash = accounts::password_hash(&db, "admin@example.com").await.unwrap().unwrap().1;
        let secrets = [CANARY, password.expose(), PASSWORD, token.as_str(), hash.as_str()];
        let check = |path: &str, text: &str| {
            assert!(!text.contains("<script>alert"), "{path}: {text}");
            for secret in secrets {
                assert!(!text.contains(secret), "{path} tells {secret}");
            }
        };
        let mut forms = BTreeSet::new();
        for (path, text) in pages(&mut browser).await {
            check(&path, &text);
            for form in text.split("<form").skip(1) {
                let form = form.split("</form>").next().unwrap();
                if !form.contains("method=\"post\"") {
                    continue;
                }
                let action = attributes(form, "action=\"").next().unwrap_or(&path).to_owned();
                let names: BTreeSet<String> =
                    attributes(form, " name=\"").map(str::to_owned).collect();
                forms.insert((path.clone(), action, names));
            }
        }
        assert!(8 < forms.len(), "{forms:?}");
        for (path, action, names) in forms {
            if action.contains("sign-out") || action.contains("/sessions/") {
                continue;
            }
            let fields: Vec<(&str, &str)> =
                names.iter().filter(|it| *it != "csrf").map(|it| (it.as_str(), HOSTILE)).collect();
            let answer = browser.submit("/account", &action, &fields).await;
            assert!(!answer.status.is_server_error(), "{path} {action}: {answer:?}");
            assert_ne!(answer.status, StatusCode::FORBIDDEN, "{path} {action}: {answer:?}");
            check(&action, &answer.text);
            if answer.status == StatusCode::SEE_OTHER {
                let next = browser.follow(&answer).await;
                check(answer.location(), &next.text);
            }
        }
        for (path, text) in pages(&mut browser).await {
            check(&path, &text);
        }
    })
    .await;
}
