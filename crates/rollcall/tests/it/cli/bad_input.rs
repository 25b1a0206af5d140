//! Bad input: one sentence that says what to do, the right exit code, and nothing is lost.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::program::Home;

#[track_caller]
fn check(home: &Home, arguments: &[&str], code: i32, sentence: &str) {
    let ran = home.rollcall(arguments);
    assert_eq!(ran.code, code, "{ran:?}");
    assert_eq!(ran.stdout, "", "an error is no answer");
    assert!(ran.stderr.contains(sentence), "{:?}\n does not contain\n{sentence:?}", ran.stderr);
}

/// A home with a connector and a target, and a way to see that both are as they were.
fn furnished() -> Home {
    let home = Home::new();
    home.create_connector("OneLogin");
    home.answer(&["target", "create", "jira", "--connector", "OneLogin"]);
    home
}

#[track_caller]
fn check_nothing_was_lost(home: &Home) {
    let connectors = home.answer(&["connector", "list"]);
    assert_eq!(connectors["connectors"][0]["name"], "OneLogin", "{connectors}");
    assert_eq!(connectors["connectors"][0]["base_url"], "https://api.eu.onelogin.com");
    assert_eq!(connectors["connectors"][0]["targets"][0], "jira");
    assert_eq!(connectors["connectors"].as_array().unwrap().len(), 1);
}

#[test]
fn a_flag_or_a_command_that_does_not_exist_is_usage_and_gets_a_suggestion() {
    let home = furnished();
    check(&home, &["--frobnicate"], 64, "unexpected argument '--frobnicate' found");
    check(&home, &["connector", "list", "--jsn"], 64, "a similar argument exists: '--json'");
    check(&home, &["connecter"], 64, "a similar subcommand exists: 'connector'");
    check(&home, &["conectors"], 64, "'connector'");
    check(&home, &[], 64, "Usage: rollcall");
    check_nothing_was_lost(&home);
}

#[test]
fn a_name_that_does_not_exist_gets_the_nearest_one() {
    let home = furnished();
    let mean = "There is no connector \"onelogn\". Did you mean \"OneLogin\"?";
    check(&home, &["connector", "show", "onelogn"], 64, mean);
    check(&home, &["connector", "edit", "onelogn", "--cleanup", "keep"], 64, mean);
    check(&home, &["connector", "delete", "onelogn", "--confirm", "onelogn"], 64, mean);
    check(&home, &["connector", "test", "onelogn"], 64, mean);
    check(&home, &["target", "create", "wiki", "--connector", "onelogn"], 64, mean);
    check(&home, &["run", "list", "--connector", "onelogn"], 64, mean);
    let mean = "There is no target \"jra\". Did you mean \"jira\"?";
    check(&home, &["target", "show", "jra"], 64, mean);
    check(&home, &["target", "delete", "jra", "--confirm", "jra"], 64, mean);
    check(&home, &["run", "show", "7"], 64, "There is no run 7. See `rollcall run list`.");
    check_nothing_was_lost(&home);
}

#[test]
fn an_expression_that_can_be_right_for_nobody_is_refused_and_not_saved() {
    let home = furnished();
    let secret = home.write("other-secret", "s3cret");
    let file = ["--client-secret-file", secret.as_str()];
    for (more, sentence) in [
        (
            ["--create-if", "user.email is matching \"/(/\""],
            "The setting leavers.create_if cannot be used as it is. The expression cannot be used. Line 1, character 24: The pattern \"/(/\" cannot be used: it is no regular expression (unclosed group).",
        ),
        (
            ["--assign-if", "big=user.email is matching '/(x{500}){500}/'"],
            "The setting groups.assign_if cannot be used as it is. The expression cannot be used. Line 1, character 24: The pattern \"/(x{500}){500}/\" cannot be used: it is too large.",
        ),
        (
            ["--assign-if", "g=groups.has('x', 'rol')"],
            "The setting groups.assign_if cannot be used as it is. The expression cannot be used. Line 1, character 17: there is no kind \"rol\"; there are role, group, member_of.",
        ),
        (["--assign-if", "g=1"], "Line 1, character 1: it gives a text, not yes or no."),
        (
            ["--create-if", "groups.has('x', 'role')"],
            "Line 1, character 17: groups have no kind here; ask groups.has(name).",
        ),
        (["--create-if", "'yes'"], "Line 1, character 1: it gives a text, not yes or no."),
        (["--create-if", "[1, 2, 3][user.id]"], "it gives no value, not yes or no."),
        (
            ["--cleanup-expression", "'destroy'"],
            "The setting leavers.cleanup_expression cannot be used as it is. The expression cannot be used. Line 1, character 1: it says \"destroy\", not disable, delete, anonymise or keep.",
        ),
        (["--cleanup-expression", "reason + 1"], "Line 1, character 1: tried to use + operator"),
        (
            ["--required-group", "where: 'yes'"],
            "The setting source.required_groups cannot be used as it is. In the required group \"where: 'yes'\": The expression cannot be used. Line 1, character 1: it gives a text, not yes or no.",
        ),
        (
            ["--excluded-group", "where: 1"],
            "The setting source.scope.excluded_groups cannot be used",
        ),
        (
            ["--map", "username = {{ user.email | replace(\"/(/\", \"\") }}"],
            "The setting mapping.rows cannot be used as it is.",
        ),
        (
            ["--map", "title = {{ user.title | date('%Q', '%F') }}"],
            "The setting mapping.rows cannot be used as it is.",
        ),
    ] {
        let plain = ["connector", "create", "b", "--base-url", "eu", "--client-id", "id"];
        check(&home, &[&plain[..], &file, &more].concat(), 78, sentence);
        check(&home, &[&["connector", "edit", "OneLogin"][..], &more].concat(), 78, sentence);
    }
    check_nothing_was_lost(&home);
}

#[test]
fn a_connector_is_not_made_of_settings_that_cannot_work() {
    let home = furnished();
    let secret = home.write("other-secret", "s3cret");
    let empty = home.write("empty", "\n");
    let create = |base_url: &str, id: &str, more: &[&str], sentence: &str| {
        let plain = ["connector", "create", "b", "--base-url", base_url, "--client-id", id];
        check(&home, &[&plain, more].concat(), 64, sentence);
    };
    let file = ["--client-secret-file", secret.as_str()];
    create("eu", "id", &[], "The client secret is missing. Give the file");
    create("eu", "id", &["--client-secret-file", &empty], "The Client Secret is empty.");
    create("eu", "id", &["--client-secret-file", "nowhere"], "The file nowhere cannot be read");
    create("eu", " ", &file, "The Client ID is empty");
    create("http://acme.onelogin.com", "id", &file, "plain http is refused");
    create("https://acme.onelogin.com/admin", "id", &file, "scheme and host alone");
    create("https://10.0.0.5", "id", &file, "The base URL https://10.0.0.5 leads to");
    create("http://127.0.0.1:80", "id", &file, "add --allow-loopback");
    let groups = [&file[..], &["--groups-from", "departments"]].concat();
    create("eu", "id", &groups, "[possible values: member_of, roles, group]");
    let percent = [&file[..], &["--limit-deactivations-percent", "101"]].concat();
    create("eu", "id", &percent, "101 is not in 0..=100");
    let group = [&file[..], &["--required-group", "Staff", "--required-group", ""]].concat();
    create("eu", "id", &group, "One of the values of --required-group is empty.");
    for (more, exit, sentence) in [
        (
            ["--never-touch", "/(/"],
            78,
            "The setting groups.never_touch cannot be used as it is. The pattern \"/(/\" cannot be used: it is no regular expression (unclosed group).",
        ),
        (["--privileged-group", "/(/"], 78, "The setting groups.privileged cannot"),
        (
            ["--only-group", "/[a-z]{1000}{1000}/"],
            78,
            "The setting groups.only cannot be used as it is. The pattern \"/[a-z]{1000}{1000}/\" cannot be used: it is too large.",
        ),
        (["--except-group", "/(/"], 78, "The setting groups.except cannot"),
        (
            ["--always-assign", "jira-*"],
            78,
            "The setting groups.always cannot be used as it is. \"jira-*\" is a pattern",
        ),
        (["--always-assign", "a\u{7}b"], 78, "The setting groups.always cannot be used as it is."),
        (
            ["--assign-with", "roles=*"],
            78,
            "The setting groups.with_source cannot be used as it is. \"*\" is a pattern",
        ),
        (["--assign-with", "jobs=x"], 64, "--assign-with jobs=x names no group source."),
        (["--assign-with", "roles"], 64, "--assign-with roles names no group source."),
        (["--protect", "/(/"], 78, "The setting leavers.protected cannot"),
        (["--keep-group", "/(/"], 78, "The setting leavers.keep_groups cannot"),
        (["--grace-reads", "0"], 64, "0 is not in 1..=100"),
        (["--grace-hours", "8761"], 64, "8761 is not in 0..=8760"),
        (["--empty-groups-days", "3651"], 64, "3651 is not in 0..=3650"),
        (["--cleanup", "forget"], 64, "[possible values: disable, delete, anonymise, keep]"),
        (["--on-equal-names", "last-wins"], 64, "[possible values: merge, prefix, first-wins]"),
    ] {
        let plain = ["connector", "create", "b", "--base-url", "eu", "--client-id", "id"];
        check(&home, &[&plain[..], &file, &more].concat(), exit, sentence);
    }
    let both = ["--always-assign", "Jira-Users", "--never-touch", "jira-*"];
    let edit = [&["connector", "edit", "OneLogin"][..], &both].concat();
    check(
        &home,
        &edit,
        78,
        "The group \"Jira-Users\" is assigned, so \"jira-*\" cannot keep it untouched.",
    );
    check(
        &home,
        &[
            "connector",
            "create",
            "ONELOGIN",
            "--base-url",
            "us",
            "--client-id",
            "id",
            file[0],
            file[1],
        ],
        64,
        "There is a connector called \"ONELOGIN\" already. Choose another name.",
    );
    check_nothing_was_lost(&home);
}

#[test]
fn nothing_is_deleted_without_its_name_typed_again() {
    let home = furnished();
    check(&home, &["target", "delete", "jira"], 64, "add --confirm \"jira\"");
    check(&home, &["target", "delete", "jira", "--confirm", "wiki"], 64, "Nothing was deleted.");
    check(&home, &["connector", "delete", "OneLogin"], 64, "add --confirm \"OneLogin\"");
    check(
        &home,
        &["connector", "delete", "OneLogin", "--confirm", "OneLogin"],
        64,
        "The connector \"OneLogin\" still feeds \"jira\". Delete it first, or keep the connector.",
    );
    check_nothing_was_lost(&home);
    home.answer(&["target", "delete", "jira", "--confirm", "Jira"]);
    home.answer(&["connector", "delete", "OneLogin", "--confirm", "onelogin"]);
    assert_eq!(home.answer(&["connector", "list"])["connectors"].as_array().unwrap().len(), 0);
}

#[test]
fn a_connector_moves_to_another_address_only_with_its_secret() {
    let home = furnished();
    check(
        &home,
        &["connector", "edit", "OneLogin", "--base-url", "us"],
        64,
        "The client secret is bound to https://api.eu.onelogin.com. To move the connector to \
         https://api.us.onelogin.com, give the client secret of that account again.",
    );
    check_nothing_was_lost(&home);
    let secret = home.write("other-secret", "0ther");
    let moved = home.answer(&[
        "connector",
        "edit",
        "OneLogin",
        "--base-url",
        "us",
        "--client-secret-file",
        &secret,
    ]);
    assert_eq!(moved["base_url"], "https://api.us.onelogin.com");
}

#[test]
fn a_mistyped_data_directory_is_told_and_not_made() {
    let home = furnished();
    check(
        &home,
        &["connector", "list", "--data-dir", "dta"],
        78,
        "There is no Rollcall data in dta. Name the right directory with --data-dir, \
         or begin with `rollcall init --data-dir dta`.",
    );
    assert!(!home.path("dta").exists());
}

#[test]
fn a_database_that_cannot_be_opened_is_named_and_left_alone() {
    let home = furnished();
    home.write("file", "");
    check(&home, &["init", "--data-dir", "file"], 78, "The data directory file cannot be made");

    fs::create_dir(home.path("garbage")).unwrap();
    home.write("garbage/rollcall.sqlite", "This is no database, but it may be somebody's diary.");
    let listed = ["connector", "list", "--data-dir", "garbage"];
    check(&home, &listed, 78, "The database garbage/rollcall.sqlite cannot be opened");
    let kept = fs::read_to_string(home.path("garbage/rollcall.sqlite")).unwrap();
    assert!(kept.ends_with("diary."), "{kept}");

    let mysql = ["connector", "list", "--database-url", "mysql://ada:canary@db/rollcall"];
    check(&home, &mysql, 78, "The database URL has to begin with postgres://.");
    // Nothing listens at port 1.
    let refused = ["connector", "list", "--database-url", "postgres://ada:canary@127.0.0.1:1/x"];
    check(&home, &refused, 69, "The database at the PostgreSQL URL cannot be opened");
    assert_eq!(home.places_of("canary"), [""; 0]);
    check_nothing_was_lost(&home);
}

#[tokio::test]
async fn data_of_a_newer_version_are_refused_and_left_alone() {
    let home = furnished();
    let options = SqliteConnectOptions::new().filename(home.data().join("rollcall.sqlite"));
    let mut database = options.connect().await.unwrap();
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, \
         execution_time) values (99, 'later', true, x'00', 0)";
    sqlx::query(newer).execute(&mut database).await.unwrap();
    check(
        &home,
        &["connector", "list"],
        78,
        "The database was written by a newer version of Rollcall (schema 99, this version knows ",
    );
    check(&home, &["serve", "--listen", "127.0.0.1:0"], 78, "Start that version");
    let downgrade = "delete from _sqlx_migrations where version = 99";
    sqlx::query(downgrade).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    check_nothing_was_lost(&home);
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_is_opened() {
    let home = Home::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let sentence = format!(
        "Cannot listen at {address}: another process listens there. \
         Choose another address with --listen."
    );
    check(&home, &["serve", "--listen", &address], 1, &sentence);
    check(&home, &["sandbox", "onelogin", "--listen", &address], 1, &sentence);
    assert!(!home.data().exists());
    check(
        &home,
        &["serve", "--listen", "somewhere"],
        64,
        "\"somewhere\" is no address to listen at.",
    );
    check(&home, &["sandbox", "onelogin", "--listen", "0.0.0.0:0"], 1, "loopback only");
}

#[test]
fn a_key_that_is_missing_open_to_all_or_another_one_is_told_and_never_replaced() {
    let home = furnished();
    let key = home.data().join("key");
    let text = fs::read_to_string(&key).unwrap();

    fs::remove_file(&key).unwrap();
    check(&home, &["connector", "list"], 78, "is missing, but the database holds secrets");
    check(&home, &["init"], 78, "Restore the file from a backup");
    assert!(!key.exists());

    fs::write(&key, &text).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    check(&home, &["connector", "list"], 78, "Everybody on this machine may read or change");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    let other = Home::new();
    other.answer(&["init"]);
    let other_key = other.data().join("key").display().to_string();
    check(
        &home,
        &["connector", "list", "--key-file", &other_key],
        78,
        "The key is not the one that sealed the secrets in this database.",
    );
    check(&home, &["connector", "list", "--key-file", "none"], 78, "There is no key file none.");
    home.write("short", "AAAA");
    fs::set_permissions(home.path("short"), fs::Permissions::from_mode(0o600)).unwrap();
    check(&home, &["connector", "list", "--key-file", "short"], 78, "short is not a key");
    assert_eq!(fs::read_to_string(&key).unwrap(), text);
    check_nothing_was_lost(&home);
}

#[test]
fn a_key_that_is_lost_for_good_costs_the_secrets_and_nothing_else() {
    let home = furnished();
    let key = home.data().join("key");
    let before = fs::read(&key).unwrap();
    home.answer(&["init", "--replace-lost-key"]);
    assert_eq!(fs::read(&key).unwrap(), before, "a key that is there is kept");

    fs::remove_file(&key).unwrap();
    home.answer(&["init", "--replace-lost-key"]);
    check_nothing_was_lost(&home);
    let test = ["connector", "test", "OneLogin"];
    let again = "rollcall connector edit \"OneLogin\" --client-secret-file FILE";
    check(&home, &test, 78, again);
    check(&home, &test, 78, "the key that sealed it was replaced");
    let secret = home.write("secret", "s3cret");
    home.answer(&["connector", "edit", "OneLogin", "--client-secret-file", &secret]);
    fs::remove_file(&key).unwrap();
    check(&home, &["connector", "list"], 78, "is missing, but the database holds secrets");
}

#[test]
fn an_odd_environment_is_told_by_the_name_of_its_variable() {
    let mut home = furnished();
    home.set("ROLLCALL_ALLOW_LOOPBACK", "perhaps");
    check(&home, &["connector", "list"], 78, "ROLLCALL_ALLOW_LOOPBACK is \"perhaps\"");
    home.set("ROLLCALL_ALLOW_LOOPBACK", "");
    home.set("ROLLCALL_LOG", "rollcall=loud");
    check(&home, &["connector", "list"], 78, "ROLLCALL_LOG is \"rollcall=loud\"");
    home.set("ROLLCALL_LOG", "");
    home.set("ROLLCALL_LOG_FORMAT", "xml");
    check(&home, &["connector", "list"], 78, "ROLLCALL_LOG_FORMAT is \"xml\"");
    home.set("ROLLCALL_LOG_FORMAT", "");
    check_nothing_was_lost(&home);
}

#[test]
fn an_error_is_an_object_where_answers_are() {
    let home = furnished();
    let ran = home.rollcall(&["connector", "show", "nobody", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error["schema_version"], 1);
    assert_eq!(error["exit_code"], 64);
    assert_eq!(error["error"], "There is no connector \"nobody\". See `rollcall connector list`.");
}
