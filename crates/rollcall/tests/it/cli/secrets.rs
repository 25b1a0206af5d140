//! Secrets are in no file, no answer and no log.

use super::program::Home;

const CANARY: &str = "canary-4f9c2a-secret";

#[test]
fn a_client_secret_is_nowhere_but_where_it_came_from() {
    let mut home = Home::new();
    home.set("ROLLCALL_LOG", "trace");
    let plain = ["--base-url", "eu", "--client-id", "id"];
    let create = |name: &str, more: &[&str]| {
        [&["connector", "create", name], &plain[..], more].concat().join("\n")
    };
    let by_input = create("by-input", &["--client-secret-file", "-"]);
    let by_input: Vec<&str> = by_input.lines().collect();
    assert_eq!(home.rollcall_with_input(&by_input, &format!("{CANARY}\n")).code, 0);
    home.set("ROLLCALL_CLIENT_SECRET", CANARY);
    let by_environment = create("by-environment", &[]);
    assert_eq!(home.rollcall(&by_environment.lines().collect::<Vec<_>>()).code, 0);
    for arguments in [
        &["connector", "list"][..],
        &["connector", "show", "by-input"],
        &["connector", "show", "by-input", "--json"],
        &["connector", "edit", "by-input", "--base-url", "us"],
        // Neither is a flag: what is typed after it is not repeated.
        &["connector", "edit", "by-input", "--client-secret", CANARY],
        &["connector", "edit", "by-input", &format!("--client-secret={CANARY}")],
    ] {
        home.rollcall(arguments);
    }
    assert_eq!(home.places_of(CANARY), [""; 0]);
    // The search finds what is there.
    home.write("found", CANARY);
    assert_eq!(home.places_of(CANARY).len(), 1);
}

#[test]
fn the_secret_of_a_connection_test_is_in_no_log() {
    let mut home = Home::new();
    home.set("ROLLCALL_LOG", "trace");
    home.set("ROLLCALL_ALLOW_LOOPBACK", "1");
    let elsewhere = Home::new();
    let sandbox = elsewhere.start(&["sandbox", "onelogin", "--listen", "127.0.0.1:0", "--json"]);
    let text = |name: &str| sandbox.answer[name].as_str().unwrap().to_owned();
    let (base_url, id, secret) = (text("listening"), text("client_id"), text("client_secret"));
    let created = home.rollcall_with_input(
        &[
            "connector",
            "create",
            "OneLogin",
            "--base-url",
            &base_url,
            "--client-id",
            &id,
            "--client-secret-file",
            "-",
        ],
        &secret,
    );
    assert_eq!(created.code, 0, "{created:?}");
    let tested = home.rollcall(&["connector", "test", "OneLogin"]);
    assert_eq!(tested.code, 0, "{tested:?}");
    assert!(tested.stdout.contains("Result: usable"), "{tested:?}");
    assert_eq!(home.places_of(&secret), [""; 0]);
    sandbox.signal("-TERM");
    assert_eq!(sandbox.end().0, 0);
}

#[test]
fn a_wrong_secret_is_told_by_the_step_that_failed() {
    let mut home = Home::new();
    home.set("ROLLCALL_ALLOW_LOOPBACK", "1");
    let elsewhere = Home::new();
    let sandbox = elsewhere.start(&["sandbox", "onelogin", "--listen", "127.0.0.1:0", "--json"]);
    let base_url = sandbox.answer["listening"].as_str().unwrap().to_owned();
    let created = home.rollcall_with_input(
        &[
            "connector",
            "create",
            "OneLogin",
            "--base-url",
            &base_url,
            "--client-id",
            "wrong",
            "--client-secret-file",
            "-",
        ],
        CANARY,
    );
    assert_eq!(created.code, 0, "{created:?}");
    let tested = home.rollcall(&["connector", "test", "OneLogin", "--json"]);
    assert_eq!(tested.code, 5, "{tested:?}");
    let answer: serde_json::Value = serde_json::from_str(&tested.stdout).unwrap();
    assert_eq!(
        (&answer["usable"], &answer["steps"][3]["result"]),
        (&false.into(), &"failed".into())
    );
    assert_eq!(answer["steps"][4]["result"], "not tried");
    sandbox.signal("-TERM");
    sandbox.end();
    let gone = home.rollcall(&["connector", "test", "OneLogin"]);
    assert_eq!(gone.code, 5, "{gone:?}");
    assert_eq!(home.places_of(CANARY), [""; 0]);
}

#[test]
fn the_password_of_an_application_is_shown_once_and_kept_nowhere() {
    let home = Home::new();
    home.create_connector("OneLogin");
    let elsewhere = Home::new();
    let data = home.data().display().to_string();
    // Made from another home, so that what this one says is all that is said afterwards.
    let created = elsewhere.answer(&[
        "target",
        "create",
        "jira",
        "--connector",
        "OneLogin",
        "--data-dir",
        &data,
    ]);
    let password = created["password"].as_str().unwrap();
    assert_eq!(elsewhere.places_of(password), ["said"]);
    home.answer(&["target", "show", "jira"]);
    home.answer(&["target", "list"]);
    assert_eq!(home.places_of(password), [""; 0]);
}
