//! The connection test: every step, and what stops it.

use std::sync::Mutex;

use rollcall::http::Client;
use rollcall::secret::Secret;
use rollcall::source::onelogin::OneLogin;
use rollcall::source::onelogin::report::{CheckWord, Checklist};
use rollcall::source::onelogin::settings::Settings;
use sandbox::onelogin::{Fault, Kind, Sandbox, Scope, When};

use super::{connect, limits, settings, start};

async fn check(sandbox: &Sandbox, settings: Settings) -> Checklist {
    let told = Mutex::new(Vec::new());
    let list = connect(sandbox, settings).check(&|it| told.lock().unwrap().push(it.clone())).await;
    assert_eq!(*told.lock().unwrap(), list.steps, "every step is told as it happens");
    list
}

/// `Name resolves: ok` and so on, with the text where it is asked for.
fn words(list: &Checklist) -> Vec<(&'static str, &'static str)> {
    list.steps.iter().map(|it| (it.name, it.word.word())).collect()
}

fn text<'a>(list: &'a Checklist, name: &str) -> &'a str {
    &list.steps.iter().find(|it| it.name == name).unwrap().text
}

#[tokio::test]
async fn a_good_connection_passes_every_step() {
    let sandbox = start(300).await;
    let mut settings = settings(&sandbox);
    let role = sandbox.admin().with_tenant(|it| it.roles().values().next().unwrap().name.clone());
    settings.required_groups = vec![format!("role:{role}")];
    let list = check(&sandbox, settings).await;
    let expected = [
        "Name resolves",
        "Secure connection",
        "Clock",
        "Credential accepted",
        "API calls left",
        "May read users",
        "May read roles",
        "May read groups",
        "Required OneLogin Groups",
        "Sample",
    ];
    assert_eq!(words(&list), expected.map(|it| (it, "ok")));
    assert!(list.is_usable());
    assert_eq!(list.calls, 5);
    assert_eq!(text(&list, "Name resolves"), "127.0.0.1 -> 1 address, on this machine");
    assert!(text(&list, "API calls left").contains("of 5,000"), "{list:?}");
    assert!(text(&list, "API calls left").contains("minimum you set: 10"), "{list:?}");
    assert_eq!(text(&list, "May read users"), "1 of 300 people read");
    assert_eq!(text(&list, "May read roles"), "12 read");
    assert_eq!(text(&list, "Required OneLogin Groups"), "1 of 1 found");
    assert!(text(&list, "Credential accepted").starts_with("token valid "), "{list:?}");
    assert!(list.sample.is_some());
}

#[tokio::test]
async fn a_wrong_secret_fails_at_the_credential() {
    let sandbox = start(10).await;
    let http = Client::new(limits()).unwrap();
    let wrong = Secret::new("wrong".to_owned());
    let list = OneLogin::new(settings(&sandbox), wrong, http).unwrap().check(&|_| {}).await;
    assert_eq!(list.count(CheckWord::Failed), 1);
    assert_eq!(list.count(CheckWord::NotTried), 6);
    let sentence = text(&list, "Credential accepted");
    assert!(sentence.starts_with("OneLogin refused the Client ID or Client Secret (401). They"));
    assert!(!format!("{list:?}").contains("wrong"), "{list:?}");
}

#[tokio::test]
async fn a_web_page_instead_of_an_answer_is_named_by_its_title() {
    let sandbox = start(10).await;
    let page = Kind::HtmlPage { status: 200 };
    let when = When::next("POST /auth/oauth2/v2/token");
    sandbox.admin().inject(Fault::always(when, page));
    let list = check(&sandbox, settings(&sandbox)).await;
    let sentence = text(&list, "Credential accepted");
    assert!(sentence.starts_with("We expected JSON and got a web page titled '"), "{sentence}");
}

#[tokio::test]
async fn a_credential_that_may_not_read_roles_is_told_what_it_lacks() {
    let sandbox = start(10).await;
    for endpoint in ["GET /api/2/roles", "GET /api/1/roles"] {
        sandbox.admin().inject(Fault::always(When::next(endpoint), Kind::Unauthorized));
    }
    let list = check(&sandbox, settings(&sandbox)).await;
    let step = &list.steps[6];
    assert_eq!((step.name, step.word), ("May read roles", CheckWord::Failed));
    assert!(
        step.text.contains("may not read roles (401, although the token is fresh)"),
        "{step:?}"
    );
    assert!(step.fix.as_deref().unwrap().contains("turn off groups from roles"), "{step:?}");
    assert_eq!(list.steps[7].word, CheckWord::Ok, "groups are tried all the same");
}

#[tokio::test]
async fn a_credential_for_sign_in_alone_fails_with_its_scope() {
    let sandbox = start(10).await;
    sandbox.admin().set_quirks(|it| it.scope = Scope::AuthenticationOnly);
    let list = check(&sandbox, settings(&sandbox)).await;
    assert!(!list.is_usable());
    assert!(format!("{list:?}").contains("Read users"), "{list:?}");
}

#[tokio::test]
async fn a_low_budget_is_a_warning_and_nothing_more_is_spent() {
    let sandbox = start(10).await;
    sandbox.admin().consume(4_995);
    let list = check(&sandbox, settings(&sandbox)).await;
    assert_eq!(list.steps[4].word, CheckWord::Warning, "{list:?}");
    assert_eq!(sandbox.admin().calls("GET /api/2/users").good, 0);
}

#[tokio::test]
async fn a_minimum_that_is_never_left_is_a_warning_that_says_so() {
    let sandbox = start(10).await;
    for (minimum, is_told) in [(4_999, false), (5_000, true), (9_000, true)] {
        let settings = Settings { minimum_remaining_api_calls: minimum, ..settings(&sandbox) };
        let list = check(&sandbox, settings).await;
        let told = format!("{:?}", list.steps[4]);
        let says_so = told.contains("OneLogin never allows more calls than this minimum");
        assert_eq!(says_so, is_told, "{minimum}: {told}");
        let word = if is_told { CheckWord::Warning } else { CheckWord::Ok };
        assert_eq!(list.steps[4].word, word, "{minimum}: {told}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_fails_at_the_connection() {
    let sandbox = start(10).await;
    let settings = settings(&sandbox);
    let source = connect(&sandbox, settings);
    sandbox.stop().await;
    let list = source.check(&|_| {}).await;
    assert_eq!((list.steps[1].name, list.steps[1].word), ("Secure connection", CheckWord::Failed));
    assert!(list.steps[1].text.contains("No connection could be made"), "{list:?}");
    assert_eq!(list.count(CheckWord::NotTried), 8);
}

#[tokio::test]
async fn a_required_group_that_is_nowhere_fails_with_a_suggestion() {
    let sandbox = start(10).await;
    let name = sandbox.admin().with_tenant(|it| it.roles().values().next().unwrap().name.clone());
    let mut settings = settings(&sandbox);
    settings.required_groups = vec![format!("role:{name}x")];
    let list = check(&sandbox, settings).await;
    assert!(text(&list, "Required OneLogin Groups").contains(&format!("Did you mean \"{name}\"?")));
    assert!(!list.is_usable());
}
