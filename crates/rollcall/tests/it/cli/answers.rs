//! Answers: text for people, one versioned object for programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use expect_test::expect;

use super::program::Home;

#[test]
fn every_answer_is_one_object_with_the_version_of_its_schema() {
    let home = Home::new();
    for arguments in [
        &["version"][..],
        &["completions", "bash"],
        &["init"],
        &["connector", "list"],
        &["target", "list"],
        &["run", "list"],
    ] {
        assert_eq!(home.answer(arguments)["schema_version"], 1, "{arguments:?}");
    }
    home.create_connector("OneLogin");
    for arguments in [
        &["connector", "list"][..],
        &["connector", "show", "onelogin"],
        &["connector", "edit", "onelogin", "--cleanup", "keep"],
        &["target", "create", "jira", "--connector", "onelogin"],
        &["target", "list"],
        &["target", "show", "jira"],
        &["target", "delete", "jira", "--confirm", "jira"],
        &["connector", "delete", "onelogin", "--confirm", "onelogin"],
    ] {
        assert_eq!(home.answer(arguments)["schema_version"], 1, "{arguments:?}");
    }
}

#[test]
fn init_makes_everything_for_its_owner_alone_and_may_be_repeated() {
    let home = Home::new();
    home.answer(&["init"]);
    let key = fs::read(home.data().join("key")).unwrap();
    home.answer(&["init"]);
    assert_eq!(fs::read(home.data().join("key")).unwrap(), key);
    for (name, mode) in [("", 0o700), ("key", 0o600), ("rollcall.sqlite", 0o600)] {
        let metadata = fs::metadata(home.data().join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{name}");
    }
}

#[test]
fn a_connector_is_shown_with_all_that_was_set() {
    let home = Home::new();
    let secret = home.write("secret", "s3cret");
    home.answer(&[
        "connector",
        "create",
        "OneLogin",
        "--base-url",
        "acme",
        "--client-id",
        "id",
        "--client-secret-file",
        &secret,
        "--groups-from",
        "member_of,roles",
        "--minimum-remaining-api-calls",
        "7",
        "--required-group",
        "role:Staff",
        "--required-group",
        "Ops",
        "--cleanup",
        "delete",
        "--empty-groups",
        "remove",
        "--limit-deactivations",
        "3",
    ]);
    home.answer(&[
        "connector",
        "edit",
        "onelogin",
        "--rename",
        "Prod",
        "--limit-renames",
        "0",
        "--limit-shrinkage-percent",
        "1",
        "--required-group",
        "Ops",
    ]);
    let shown = home.rollcall(&["connector", "show", "prod"]);
    expect![[r#"
        Connector             Prod
        Provider              onelogin
        Base URL              https://acme.onelogin.com
        Client ID             id
        Groups from           member_of, roles
        Required groups       Ops
        Minimum API calls     7
        Gone or out of scope  delete
        Empty groups          remove
        Held above            3 or 5 % deactivations, 20 or 5 % removals, 50 or 10 % memberships removed, 0 renames, 10 % e-mail changes, 30 % of a group, 1 % fewer people
        Targets               none yet
    "#]]
    .assert_eq(&shown.stdout);
}

#[test]
fn a_new_target_tells_what_to_enter_in_the_product_and_its_password_once() {
    let mut home = Home::new();
    home.set("ROLLCALL_LISTEN", "10.1.2.3:8095");
    home.create_connector("OneLogin");
    let arguments = ["target", "create", "Jira (prod)", "--connector", "OneLogin"];
    let created = home.rollcall(&[&arguments[..], &["--type", "crowd"]].concat());
    assert_eq!(created.code, 0, "{created:?}");
    let word = |name: &str| {
        let line = created.stdout.lines().find(|it| it.trim_start().starts_with(name)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    assert_eq!(word("Application name"), "jira-prod");
    assert_eq!(word("2  Server URL"), "http://10.1.2.3:8095/crowd");
    let password = word("Application password");
    assert_eq!(password.len(), 43);
    let shown = home.rollcall(&["target", "show", "jira (prod)"]);
    assert!(shown.stdout.contains("jira-prod"), "{shown:?}");
    assert!(!shown.stdout.contains(&password), "{shown:?}");
}

#[test]
fn help_is_an_answer_and_colours_are_for_terminals_alone() {
    let home = Home::new();
    let help = home.rollcall(&["connector", "create", "--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.contains("--client-secret-file <FILE>"), "{}", help.stdout);
    assert_eq!(home.rollcall(&["--version"]).code, 0);
    assert_eq!(home.places_of("\x1b["), [""; 0]);
}

#[test]
fn completions_know_the_commands() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = home.rollcall(&["completions", shell]);
        assert_eq!(script.code, 0, "{script:?}");
        assert!(script.stdout.contains("connector"), "{shell}");
    }
}
