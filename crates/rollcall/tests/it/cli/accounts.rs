//! `rollcall account`, from the first admin to the last.

use super::program::Home;

const PASSWORD: &str = "correct horse battery\n";

#[test]
fn accounts_are_made_changed_and_ended_at_the_command_line() {
    let home = Home::new();
    let file = home.write("password", PASSWORD);
    let create = |email: &str, role: &str| {
        home.answer(&["account", "create", email, "--role", role, "--password-file", &file])
    };
    let made = create("Ana@Example.com", "admin");
    assert_eq!(made["name"], "Ana");
    assert_eq!(made["has_password"], true);
    assert_eq!(made["link"], serde_json::Value::Null);
    // Without a password there is a link to choose one.
    let jo = ["account", "create", "jo@example.com", "--role", "viewer", "--name", "Jo"];
    let link = home.answer(&jo)["link"].as_str().unwrap().to_owned();
    assert!(link.starts_with("/password/") && link.len() == 53, "{link}");
    let listed = home.answer(&["account", "list"]);
    let emails: Vec<_> =
        listed["accounts"].as_array().unwrap().iter().map(|it| &it["email"]).collect();
    assert_eq!(emails, ["Ana@Example.com", "jo@example.com"]);
    let edited =
        home.answer(&["account", "edit", "jo@example.com", "--role", "operator", "--disable"]);
    assert_eq!((&edited["role"], &edited["enabled"]), (&"operator".into(), &false.into()));
    let enabled = home.answer(&["account", "edit", "JO@example.com", "--enable"]);
    assert_eq!((&enabled["role"], &enabled["enabled"]), (&"operator".into(), &true.into()));
    let sessions = home.answer(&["account", "sessions", "jo@example.com"]);
    assert_eq!(sessions["sessions"], serde_json::json!([]));
    assert_eq!(home.answer(&["account", "sessions", "jo@example.com", "--end-all"])["ended"], 0);
    let reset = home.answer(&["account", "reset-password", "jo@example.com"]);
    assert_ne!(reset["link"], link);
    let deleted = ["account", "delete", "jo@example.com", "--confirm", "jo@example.com"];
    assert_eq!(home.answer(&deleted)["email"], "jo@example.com");
}

#[test]
fn what_cannot_be_done_with_an_account_says_why() {
    let home = Home::new();
    let file = home.write("password", PASSWORD);
    let weak = home.write("weak", "password123\n");
    let create = |email: &str, password: &str| {
        let arguments =
            ["account", "create", email, "--role", "admin", "--password-file", password];
        home.rollcall(&arguments)
    };
    assert_eq!(create("ana@example.com", &file).code, 0);
    for (ran, code, expected) in [
        (create("ana@example.com", &file), 64, "ana@example.com has an account already."),
        (create("ana", &file), 64, "\"ana\" is no e-mail address."),
        (create("jo@example.com", &weak), 64, "everybody tries first"),
        (
            home.rollcall(&["account", "edit", "ana@example.com", "--role", "viewer"]),
            77,
            "ana@example.com is the last admin who can sign in.",
        ),
        (
            home.rollcall(&["account", "delete", "ana@example.com"]),
            64,
            "To delete the account, add --confirm \"ana@example.com\".",
        ),
        (
            home.rollcall(&["account", "edit", "anna@example.com", "--disable"]),
            64,
            "Did you mean \"ana@example.com\"?",
        ),
    ] {
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.stderr.contains(expected), "{ran:?}");
    }
    assert!(home.places_of("correct horse battery").iter().all(|it| it.contains("password")));
}
