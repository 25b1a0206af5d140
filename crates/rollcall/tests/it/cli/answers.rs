//! Answers: text for people, one versioned object for programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};

use expect_test::expect;
use jiff::{SignedDuration, Timestamp};
use reconcile::finding::{Finding, FindingKind};
use reconcile::principal::ExternalId;
use rollcall::store::runs::{self, Ending, Status, Trigger};
use rollcall::store::{Db, connectors};

use super::program::Home;
use crate::store::begin;

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
fn many_processes_may_begin_at_once() {
    for _ in 0..3 {
        let home = Home::new();
        let begin = || home.command(&["init"]).stdin(Stdio::null()).spawn().unwrap();
        let all: Vec<Child> = (0..8).map(|_| begin()).collect();
        for child in all {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let left = fs::read_dir(home.data()).unwrap().map(|it| it.unwrap().file_name());
        let mut left: Vec<_> = left.map(|it| it.into_string().unwrap()).collect();
        left.sort();
        left.retain(|it| !it.ends_with("-wal") && !it.ends_with("-shm"));
        assert_eq!(left, ["key", "rollcall.sqlite"]);
        home.create_connector("OneLogin");
    }
}

#[tokio::test]
async fn a_long_run_is_shown_in_parts() {
    let home = Home::new();
    home.create_connector("OneLogin");
    record_a_run_with_five_findings(&home).await;
    let shown = home.rollcall(&["run", "show", "1", "--after", "2", "--limit", "2"]);
    expect![[r#"
        Run        1
        Connector  OneLogin
        Started    2001-09-09T01:46:40Z by command-line
        On         here
        Took       1.5 s
        Status     succeeded-with-skips
        Message    Done.

        NO  FINDING  WHO       WHAT
        3   invalid  a?[31mda  Odd 3.
        4   invalid  a?[31mda  Odd 4.

        0 changes and 5 findings in all. More: rollcall run show 1 --after 4
    "#]]
    .assert_eq(&shown.stdout.replace('\u{fffd}', "?"));
    let shown = home.answer(&["run", "show", "1", "--after", "4"]);
    assert_eq!(shown["findings"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&shown["findings"][0]["number"], &shown["report"]["calls"]),
        (&5.into(), &7.into())
    );
    assert_eq!(shown["finding_counts"][0]["count"], 5);
    let listed = home.answer(&["run", "list", "--connector", "onelogin"]);
    assert_eq!(listed["runs"][0]["status"], "succeeded-with-skips");
    assert_eq!(listed["runs"][0]["finished_at"], "2001-09-09T01:46:41.5Z");
}

async fn record_a_run_with_five_findings(home: &Home) {
    let db = Db::open_sqlite(&home.data().join("rollcall.sqlite")).await.unwrap();
    let onelogin = connectors::find(&db, "OneLogin").await.unwrap();
    let began = Timestamp::from_second(1_000_000_000).unwrap();
    let run = begin(&db, &onelogin, Trigger::CommandLine, began).await;
    let finding = |number: usize| Finding {
        kind: FindingKind::Invalid,
        id: Some(ExternalId::new(&number.to_string())),
        username: Some("a\u{1b}[31mda".into()),
        message: format!("Odd {number}."),
    };
    let findings: Vec<Finding> = (1..=5).map(finding).collect();
    let report = serde_json::json!({ "calls": 7 });
    let ending = Ending { status: Status::SucceededWithSkips, message: "Done.", report: &report };
    let mut tx = db.begin().await.unwrap();
    runs::findings::insert(&mut tx, run, &findings).await.unwrap();
    runs::finish(&mut tx, run, &ending, began + SignedDuration::from_millis(1500)).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
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
        "--never-touch",
        "local-*",
        "--never-touch",
        "Board",
        "--privileged-group",
        "/^root-/",
        "--on-equal-names",
        "first-wins",
        "--source-order",
        "member_of",
        "--only-group",
        "jira-*",
        "--except-group",
        "*-test",
        "--always-assign",
        "jira-users",
        "--assign-with",
        "roles=jira-internal",
        "--empty-groups-days",
        "7",
        "--leave-groups",
        "on",
        "--keep-group",
        "alumni",
        "--grace-reads",
        "3",
        "--grace-hours",
        "24",
        "--protect",
        "jira-admin",
        "--protect",
        "*@partner.example",
    ]);
    home.answer(&[
        "connector",
        "edit",
        "onelogin",
        "--rename",
        "Prod",
        "--limit-renames=0",
        "--limit-shrinkage-percent=1",
        "--required-group",
        "Ops",
    ]);
    let shown = home.rollcall(&["connector", "show", "prod"]);
    expect![[r#"
        Connector             Prod
        Health                Draft. It feeds no target yet. Make one: rollcall target create NAME --connector "Prod" --type crowd
        Provider              onelogin
        Base URL              https://acme.onelogin.com
        Client ID             id
        Groups from           member_of, roles
        Required groups       Ops
        Minimum API calls     7
        Gone or out of scope  delete, and take out of all groups but alumni
        Counts as gone        after 3 reads and 24 h
        Protected             jira-admin, *@partner.example
        Empty groups          remove after 7 days
        Equal names           the first of member_of, roles, group wins
        Only groups           jira-*
        No groups             *-test
        Always assigned       jira-users
        Assigned              jira-internal with any of roles
        Never touched         local-*, Board
        Privileged groups     jira-administrators, confluence-administrators, site-admins, org-admins, /^root-/
        Runs by itself        no; see --schedule and --every of `connector edit`
        Held above            3 or 5 % deactivations, 20 or 5 % removals, 50 or 10 % memberships removed, 0 renames, 10 % e-mail changes, 30 % of a group with 10 members or more, 1 % fewer people; 3 of a kind always pass
        Held is               what the limit is about; everything else flows
        A held plan waits     72 h
        A rejection lasts     30 days, or until the source changes
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
