//! Runs remember every change and finding, and say when their process died.

use std::collections::BTreeMap;

use reconcile::finding::{Finding, FindingKind};
use reconcile::gate::decisions::SourceState;
use reconcile::principal::ExternalId;
use rollcall::store::Db;
use rollcall::store::connectors::Connector;
use rollcall::store::runs::changes::ChangeRow;
use rollcall::store::runs::{self, Ending, Page, RunId, Status, Trigger};
use rollcall::store::targets::{self, Target, TargetKind};
use serde_json::json;

use super::{act, at, begin, connector};
use crate::databases::on_both;

#[tokio::test]
async fn a_run_is_read_back_with_all_its_changes_and_findings_page_by_page() {
    on_both(async |db| {
        let (onelogin, jira) = connector_and_target(&db).await;
        let run = begin(&db, &onelogin, Trigger::CommandLine, at(10)).await;
        // More than one statement's worth, and not a whole number of statements.
        finish(&db, run, &jira, 2500, 1201).await;

        let found = runs::find(&db, run).await.unwrap().unwrap();
        assert_eq!(found.status, Status::Succeeded);
        assert_eq!((found.started_at, found.finished_at), (at(10), Some(at(20))));
        assert_eq!((found.message.as_str(), found.report.as_str()), ("Done.", r#"{"calls":7}"#));

        let mut after = 0;
        let mut usernames = Vec::new();
        loop {
            let page = runs::changes::list(&db, run, Page { after, rows_max: 999 }).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.seq;
            assert!(page.iter().all(|it| it.target_name.as_deref() == Some("jira")));
            usernames.extend(page.into_iter().map(|it| it.username.unwrap()));
        }
        let expected: Vec<String> = (0..2500).map(|it| format!("user{it}")).collect();
        assert_eq!(usernames, expected);

        let page = Page { after: 1200, rows_max: 10 };
        let findings = runs::findings::list(&db, run, page).await.unwrap();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].message, "Odd 1200.");
        let applied = ("create".to_owned(), "applied".to_owned());
        let counts = runs::changes::counts(&db, run).await.unwrap();
        assert_eq!(counts, BTreeMap::from([(applied, 2500)]));
        let counts = runs::findings::counts(&db, run).await.unwrap();
        assert_eq!(counts, BTreeMap::from([("invalid".to_owned(), 1201)]));
    })
    .await;
}

#[tokio::test]
async fn a_run_outlives_its_target_and_its_connector() {
    on_both(async |db| {
        let (onelogin, jira) = connector_and_target(&db).await;
        let run = begin(&db, &onelogin, Trigger::Demo, at(10)).await;
        finish(&db, run, &jira, 1, 0).await;
        targets::delete(&db, &jira, &act(9)).await.unwrap();
        rollcall::store::connectors::delete(&db, &onelogin, &act(9)).await.unwrap();
        let found = runs::find(&db, run).await.unwrap().unwrap();
        assert_eq!(found.connector_name.as_str(), "OneLogin");
        let changes = runs::changes::list(&db, run, Page { after: 0, rows_max: 9 }).await.unwrap();
        assert_eq!((changes.len(), changes[0].target_name.as_deref()), (1, None));
    })
    .await;
}

#[tokio::test]
async fn what_was_not_committed_never_happened() {
    on_both(async |db| {
        let (onelogin, jira) = connector_and_target(&db).await;
        let run = begin(&db, &onelogin, Trigger::CommandLine, at(10)).await;
        let mut tx = db.begin().await.unwrap();
        runs::changes::insert(&mut tx, run, [change(&jira, "ada")]).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(
            runs::changes::list(&db, run, Page { after: 0, rows_max: 9 }).await.unwrap(),
            []
        );
        assert_eq!(status(&db, run).await, Status::Running);
    })
    .await;
}

#[tokio::test]
async fn the_latest_runs_come_first_of_one_connector_or_of_all() {
    on_both(async |db| {
        let one = connector(&db, "one").await;
        let other = connector(&db, "other").await;
        let first = begin(&db, &one, Trigger::CommandLine, at(1)).await;
        let second = begin(&db, &other, Trigger::CommandLine, at(2)).await;
        let third = begin(&db, &one, Trigger::CommandLine, at(3)).await;
        let ids = async |connector, rows_max| {
            let runs = runs::list(&db, connector, rows_max).await.unwrap();
            runs.into_iter().map(|it| it.id).collect::<Vec<RunId>>()
        };
        assert_eq!(ids(None, 9).await, [third, second, first]);
        assert_eq!(ids(None, 2).await, [third, second]);
        assert_eq!(ids(Some(one.id), 9).await, [third, first]);
    })
    .await;
}

#[tokio::test]
async fn the_last_finding_about_somebody_is_that_of_the_latest_run_of_this_connector() {
    on_both(async |db| {
        let one = connector(&db, "one").await;
        let other = connector(&db, "other").await;
        let ada = ExternalId::new("1");
        for (connector, message) in [(&one, "Old."), (&one, "New."), (&other, "Elsewhere.")] {
            let run = begin(&db, connector, Trigger::CommandLine, at(1)).await;
            let mut tx = db.begin().await.unwrap();
            let findings = [finding("1", message), finding("2", "Somebody else.")];
            runs::findings::insert(&mut tx, run, &findings).await.unwrap();
            tx.commit().await.unwrap();
        }
        let last = runs::findings::last_of(&db, one.id, [&ada, &ada]).await.unwrap().unwrap();
        assert_eq!((last.message.as_str(), last.kind.as_str()), ("New.", "invalid"));
        let nobody = ExternalId::new("3");
        assert_eq!(runs::findings::last_of(&db, one.id, [&nobody, &nobody]).await.unwrap(), None);
    })
    .await;
}

async fn connector_and_target(db: &Db) -> (Connector, Target) {
    let onelogin = connector(db, "OneLogin").await;
    let (jira, _) =
        targets::create(db, &onelogin, "jira", TargetKind::Crowd, &act(2)).await.unwrap();
    (onelogin, jira)
}

async fn finish(db: &Db, run: RunId, target: &Target, changes: usize, findings: usize) {
    let usernames: Vec<String> = (0..changes).map(|it| format!("user{it}")).collect();
    let rows = usernames.iter().map(|it| change(target, it));
    let findings: Vec<Finding> =
        (0..findings).map(|it| finding(&it.to_string(), &format!("Odd {it}."))).collect();
    let ending =
        Ending { status: Status::Succeeded, message: "Done.", report: &json!({ "calls": 7 }) };
    let mut tx = db.begin().await.unwrap();
    runs::changes::insert(&mut tx, run, rows).await.unwrap();
    runs::findings::insert(&mut tx, run, &findings).await.unwrap();
    runs::finish(&mut tx, run, &ending, at(20)).await.unwrap();
    tx.commit().await.unwrap();
}

fn change<'a>(target: &Target, username: &'a str) -> ChangeRow<'a> {
    ChangeRow {
        target: target.id,
        kind: "create",
        external_id: Some(username),
        username: Some(username),
        group: None,
        fields: Vec::new(),
        detail: "+ create".into(),
        reason: "in scope".into(),
        outcome: "applied".into(),
        before: "".into(),
        after: "".into(),
        state: &SourceState::Silent,
    }
}

fn finding(id: &str, message: &str) -> Finding {
    Finding {
        kind: FindingKind::Invalid,
        id: Some(ExternalId::new(id)),
        username: None,
        message: message.to_owned(),
    }
}

async fn status(db: &Db, run: RunId) -> Status {
    runs::find(db, run).await.unwrap().unwrap().status
}
