//! Schedules, the audit log, exports and retention at the command line.

use expect_test::expect;
use reconcile::finding::{Finding, FindingKind};
use reconcile::gate::decisions::SourceState;
use reconcile::principal::ExternalId;
use rollcall::store::Db;
use rollcall::store::connectors;
use rollcall::store::runs::changes::ChangeRow;
use rollcall::store::runs::{self, Ending, Status, Trigger};
use rollcall::store::targets;
use serde_json::{Value, json};

use super::program::Home;
use crate::store::begin;

#[test]
fn an_expression_is_explained_with_nothing_set_up_and_nothing_left_behind() {
    let home = Home::new();
    let explain = |expression: &str, more: &[&str]| {
        home.rollcall(&[&["cron", "explain", expression][..], more].concat())
    };
    let more = ["--tz", "Europe/Berlin", "--next", "3", "--after", "2026-10-24T12:00:00Z"];
    expect![[r#"
        At 02:30, every day.

        Next, by the clocks of Europe/Berlin:
          Sun 2026-10-25 02:30:00 +02:00
          Mon 2026-10-26 02:30:00 +01:00
          Tue 2026-10-27 02:30:00 +01:00

        Sunday 25 October 2026: the clock goes back from 03:00 to 02:00. 02:30 comes twice; the run happens once, the first time.
        Sunday 28 March 2027: the clock goes forward from 02:00 to 03:00. 02:30 does not exist; the run happens once, at 03:00.
    "#]]
    .assert_eq(&explain("0 30 2 * * ?", &more).stdout);
    let ran = explain("0 0/15 * * * ?", &["--next", "1", "--after", "2026-10-24T12:00:00Z"]);
    expect![[r#"
        Every 15 minutes.  (--every 15m)

        Next, by the clocks of UTC:
          Sat 2026-10-24 12:15:00 +00:00

        The clocks of this place are not changed within a year.
    "#]]
    .assert_eq(&ran.stdout);
    for (expression, more, why) in [
        ("0 24 * * *", &[][..], "The hour must be 0 to 23; \"24\" is not."),
        ("0 0 31 2 *", &[], "This never happens: no month has such a day."),
        ("0 0 2 1 * MON", &[], "Both the day of the month and the day of the week are set."),
        ("0 2 * * *", &["--tz", "Europe/Atlantis"], "There is no time zone \"Europe/Atlantis\"."),
    ] {
        let ran = explain(expression, more);
        assert_eq!(ran.code, 64, "{ran:?}");
        assert!(ran.stderr.contains(why), "{ran:?}");
    }
    let answer = home.answer(&["cron", "explain", "0 2 * * *", "--next", "5"]);
    assert_eq!(answer["next"].as_array().unwrap().len(), 5);
    assert_eq!((&answer["every"], &answer["runs_per_day"]), (&"1d".into(), &1.into()));
    assert!(!home.data().exists(), "nothing is needed, and nothing is made");
}

#[test]
fn an_expression_whose_years_are_over_is_refused_and_not_saved() {
    let home = Home::new();
    let ran = home.rollcall(&["cron", "explain", "0 0 2 1 1 ? 2020"]);
    assert_eq!(ran.code, 64, "{ran:?}");
    assert!(ran.stderr.contains("This never happens again: the year is over."), "{ran:?}");
    home.create_connector("OneLogin");
    let before = home.answer(&["connector", "show", "OneLogin"]);
    let edit = ["connector", "edit", "OneLogin", "--schedule", "0 0 2 1 1 ? 2020"];
    let ran = home.rollcall(&edit);
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(ran.stderr.contains("schedule.expression"), "{ran:?}");
    assert_eq!(home.answer(&["connector", "show", "OneLogin"]), before);
}

#[test]
fn a_schedule_is_set_by_an_expression_or_by_a_choice_and_shown_as_a_sentence() {
    let home = Home::new();
    home.create_connector("OneLogin");
    let edit =
        |more: &[&str]| home.rollcall(&[&["connector", "edit", "OneLogin"][..], more].concat());
    let shown = || home.answer(&["connector", "show", "OneLogin"]);
    assert_eq!(shown()["health"]["word"], "draft");
    assert!(shown()["health"]["schedule"].is_null());
    home.answer(&["target", "create", "jira", "--connector", "OneLogin"]);
    let more = ["--schedule", "0 0/15 * * * ?", "--time-zone", "Europe/Berlin"];
    let terms = ["--catch-up", "90m", "--jitter", "2m", "--pause-after", "5"];
    let ran = edit(&[&more[..], &terms[..]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in [
        "Health                Never run. Look first: rollcall simulate \"OneLogin\"",
        "Every 15 minutes (0 0/15 * * * ?, by the clocks of Europe/Berlin)",
        "catches up for 90m, moved by up to 2m, pauses after 5 failures in a row",
        "The missing time is skipped; the time between runs stays the same.",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let health = &shown()["health"];
    assert_eq!((&health["word"], &health["freshness"]), (&"never-run".into(), &"never-run".into()));
    assert_eq!(health["schedule"]["next"].as_array().unwrap().len(), 5);
    assert_eq!(health["schedule"]["every"], "15m");

    // The choice edits the same value, and switching off and on keeps it.
    assert_eq!(edit(&["--every", "4h"]).code, 0);
    assert_eq!(shown()["schedule"]["expression"], "0 */4 * * *");
    assert_eq!(edit(&["--schedule", "off"]).code, 0);
    assert_eq!(shown()["schedule"]["enabled"], false);
    assert_eq!(edit(&["--schedule", "on"]).code, 0);
    assert_eq!(shown()["health"]["schedule"]["sentence"], "Every 4 hours.");

    for (more, field) in [
        (&["--schedule", "0 25 * * *"][..], "schedule.expression"),
        (&["--schedule", "0 0 30 2 *"], "schedule.expression"),
        (&["--schedule", "0 0 2 1 * MON"], "schedule.expression"),
        (&["--time-zone", "Mars/Base"], "schedule.time_zone"),
    ] {
        let ran = edit(more);
        assert_eq!(ran.code, 78, "{ran:?}");
        assert!(ran.stderr.contains(&format!("The setting {field} cannot be used")), "{ran:?}");
    }
    for more in [&["--every", "7m"][..], &["--catch-up", "8d"], &["--pause-after", "-1"]] {
        assert_eq!(edit(more).code, 64, "{more:?}");
    }
    assert_eq!(shown()["schedule"]["expression"], "0 */4 * * *", "what is refused is not saved");
    let listed = home.rollcall(&["connector", "list"]).stdout;
    assert!(listed.contains("Never run"), "{listed}");
}

#[test]
fn a_connector_is_paused_and_resumed_with_a_reason_that_is_on_record() {
    let home = Home::new();
    home.create_connector("OneLogin");
    home.answer(&["target", "create", "jira", "--connector", "OneLogin"]);
    let pause = ["connector", "pause", "OneLogin", "--reason", "Jira is moved."];
    let paused = home.answer(&pause);
    assert_eq!(paused["health"]["word"], "paused");
    assert_eq!(paused["health"]["paused"]["reason"], "Jira is moved.");
    assert_eq!(home.rollcall(&pause).code, 64, "it is paused already");
    assert_eq!(home.rollcall(&["connector", "pause", "OneLogin", "--reason", " "]).code, 64);
    let shown = home.rollcall(&["connector", "show", "OneLogin"]).stdout;
    assert!(shown.contains(": Jira is moved. Let it run again: "), "{shown}");
    home.answer(&["connector", "resume", "OneLogin", "--reason", "Done."]);
    assert_eq!(home.rollcall(&["connector", "resume", "OneLogin"]).code, 64);
    let listed = home.answer(&["audit", "list", "--noun", "connector", "--object", "onelogin"]);
    let entries = listed["entries"].as_array().unwrap();
    let told: Vec<_> = entries.iter().map(|it| (&it["verb"], &it["reason"])).collect();
    let expected = [("resume", "Done."), ("pause", "Jira is moved."), ("create", "")];
    let expected = expected.map(|(verb, reason)| (Value::from(verb), Value::from(reason)));
    assert_eq!(told, expected.iter().map(|(verb, reason)| (verb, reason)).collect::<Vec<_>>());
}

#[test]
fn the_audit_log_is_listed_exported_and_verified() {
    let home = Home::new();
    home.create_connector("OneLogin");
    home.create_connector("=HYPERLINK(1)");
    let list = home.answer(&["audit", "list", "--limit", "2"]);
    let numbers: Vec<_> =
        list["entries"].as_array().unwrap().iter().map(|it| it["number"].as_i64()).collect();
    assert_eq!(numbers, [Some(3), Some(2)]);
    let older = home.answer(&["audit", "list", "--before", "2"]);
    assert_eq!(older["entries"][0]["noun"], "installation");
    let text = home.rollcall(&["audit", "list", "--verb", "create", "--noun", "connector"]).stdout;
    assert!(text.contains("connector create") && text.contains("client_secret (secret)"), "{text}");
    let none = home.answer(&["audit", "list", "--until", "2020-01-01"]);
    assert_eq!(none["entries"].as_array().unwrap().len(), 0);
    assert_eq!(home.rollcall(&["audit", "list", "--since", "yesterday"]).code, 64);

    let lines = home.rollcall(&["audit", "export"]).stdout;
    let entries: Vec<Value> = lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(entries.len(), 3);
    assert_eq!(
        entries[0]["previous_hash"], entries[1]["hash"],
        "the chain can be checked elsewhere"
    );
    let array: Value =
        serde_json::from_str(&home.rollcall(&["audit", "export", "--format", "json"]).stdout)
            .unwrap();
    assert_eq!(array.as_array().unwrap().len(), 3);
    let csv = home.rollcall(&["audit", "export", "--format", "csv", "--verb", "create"]).stdout;
    assert!(csv.contains("\"'=HYPERLINK(1)\""), "{csv}");
    assert!(!csv.contains("\"=HYPERLINK"), "{csv}");

    let whole = home.answer(&["audit", "verify"]);
    let anchor = whole["anchor"].as_str().unwrap().to_owned();
    home.answer(&["audit", "verify", "--anchor", &anchor]);
    let other = anchor.replace(['0', '1', '2'], "3");
    let ran = home.rollcall(&["audit", "verify", "--anchor", &other]);
    assert_ne!(ran.code, 0, "{ran:?}");
    assert_eq!(home.rollcall(&["audit", "verify", "--anchor", "7"]).code, 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_exported_whole_or_by_its_lists_and_runs_nothing_in_a_spreadsheet() {
    let home = Home::new();
    home.create_connector("OneLogin");
    home.answer(&["target", "create", "jira", "--connector", "OneLogin"]);
    record(&home).await;
    let export = |more: &[&str]| {
        let ran = home.rollcall(&[&["run", "export", "1"][..], more].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stdout
    };
    let whole: Value = serde_json::from_str(&export(&[])).unwrap();
    assert_eq!(whole["run"]["status"], "succeeded");
    assert_eq!(whole["run"]["report"]["calls"], 7);
    assert_eq!(whole["changes"].as_array().unwrap().len(), 2_500);
    assert_eq!(whole["changes"][2_499]["username"], "=2500");
    assert_eq!(whole["findings"].as_array().unwrap().len(), 1);
    assert_eq!(whole["log"].as_array().unwrap().len(), 0);
    let lines = export(&["--format", "ndjson"]);
    let records: Vec<Value> = lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(records.len(), 1 + 2_500 + 1);
    assert_eq!((&records[0]["record"], &records[1]["record"]), (&"run".into(), &"change".into()));
    let table = export(&["--format", "csv"]);
    assert_eq!(table.lines().count(), 1 + 2_500 + 1, "one table with one heading");
    assert!(table.contains("\"'=1\"") && !table.contains("\"=1\""));
    let finding = r#""finding","1","","invalid","9","","","","","'@odd","","""#;
    assert!(table.ends_with(&format!("{finding}\n")), "{}", &table[table.len() - 200..]);
    // What it was and what it is, whole; of a text that would be run in a cell of its own as well.
    let ada = &whole["changes"][0];
    assert_eq!(ada["before"], json!({ "email": "old@acme.test", "active": true }));
    assert_eq!(ada["after"], json!({ "email": "=HYPERLINK(1)", "active": true }));
    assert_eq!((&records[1]["before"], &records[1]["after"]), (&ada["before"], &ada["after"]));
    assert_eq!(whole["changes"][1]["after"], Value::Null);
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let headings: Vec<String> = rows.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(headings[10..], ["before", "after"]);
    let row = rows.records().next().unwrap().unwrap();
    assert_eq!(row[10], *r#"{"active":true,"email":"old@acme.test"}"#);
    assert_eq!(row[11], *r#"{"active":true,"email":"=HYPERLINK(1)"}"#);
    assert!(table.lines().all(|line| !line.contains("\",\"=")), "no cell is a formula");

    let findings = export(&["--format", "csv", "--only", "findings"]);
    assert_eq!(findings.lines().count(), 2);
    let changes: Value = serde_json::from_str(&export(&["--only", "changes"])).unwrap();
    assert_eq!(changes.as_array().unwrap().len(), 2_500);
    assert_eq!(home.rollcall(&["run", "export", "7"]).code, 64);
}

async fn record(home: &Home) {
    let db = Db::open_sqlite(&home.data().join("rollcall.sqlite")).await.unwrap();
    let connector = connectors::find(&db, "OneLogin").await.unwrap();
    let target = targets::of_connector(&db, connector.id).await.unwrap().remove(0);
    let now = connector.created_at;
    let run = begin(&db, &connector, Trigger::CommandLine, now).await;
    let names: Vec<String> = (1..=2_500).map(|it| format!("={it}")).collect();
    let rows = names.iter().enumerate().map(|(place, name)| ChangeRow {
        before: if place == 0 { r#"{"email":"old@acme.test","active":true}"# } else { "" }.into(),
        after: if place == 0 { r#"{"email":"=HYPERLINK(1)","active":true}"# } else { "" }.into(),
        state: &SourceState::Silent,
        target: target.id,
        kind: if place == 0 { "update" } else { "create" },
        external_id: Some("1"),
        username: Some(name),
        group: None,
        fields: Vec::new(),
        detail: "".into(),
        reason: "in scope".into(),
        outcome: "applied".into(),
    });
    let finding = Finding {
        kind: FindingKind::Invalid,
        id: Some(ExternalId::new("9")),
        username: None,
        message: "@odd".to_owned(),
    };
    let mut tx = db.begin().await.unwrap();
    runs::changes::insert(&mut tx, run, rows).await.unwrap();
    runs::findings::insert(&mut tx, run, [&finding]).await.unwrap();
    let report = json!({ "calls": 7 });
    let ending = Ending { status: Status::Succeeded, message: "Done.", report: &report };
    runs::finish(&mut tx, run, &ending, now).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
}

#[test]
fn retention_is_shown_edited_and_on_record() {
    let home = Home::new();
    home.answer(&["init"]);
    let answer = |arguments: &[&str]| {
        let answer = home.answer(arguments);
        ["days", "log_days", "simulation_days", "rows"].map(|it| answer[it].as_i64().unwrap())
    };
    assert_eq!(answer(&["retention", "show"]), [365, 90, 30, 5_000_000]);
    let edit = ["retention", "edit", "--days", "60", "--simulation-days", "7", "--rows", "1000"];
    assert_eq!(answer(&edit), [60, 90, 7, 1_000]);
    assert_eq!(answer(&["retention", "show"]), [60, 90, 7, 1_000]);
    assert_eq!(home.rollcall(&["retention", "edit", "--days", "0"]).code, 64);
    assert_eq!(home.answer(&["retention", "prune"])["runs"], 0);
    let listed = home.answer(&["audit", "list", "--noun", "retention"]);
    let changes = listed["entries"][0]["changes"].as_array().unwrap().clone();
    assert_eq!(changes.len(), 3, "{changes:?}");
}
