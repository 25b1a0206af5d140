//! The audit log keeps everything that was done, or shows that somebody tampered with it.

use std::collections::BTreeSet;

use rollcall::store::Db;
use rollcall::store::audit::chain::{self, Anchor, Break, Verdict};
use rollcall::store::audit::changes::{self, Changes};
use rollcall::store::audit::{self, Action, Entry, Filter, Recorded};
use rollcall::store::connectors;
use rollcall::store::targets::{self, TargetKind};
use rollcall::with_pool;
use serde_json::json;
use sqlx::AssertSqlSafe;

use super::{act, at, connector, seal_of, secret};
use crate::databases::on_both;

#[tokio::test]
async fn everything_that_changes_the_configuration_is_on_record() {
    on_both(async |db| {
        let made = connector(&db, "OneLogin").await;
        let mut settings = made.settings.clone();
        settings.safety.deactivations_max = 9;
        let fresh = secret("canary-2");
        let reason = act(2).because("HR-4412");
        let seal = seal_of(1);
        let made = connectors::edit(&db, &seal, &made, "Prod", &settings, Some(&fresh), &reason)
            .await
            .unwrap();
        let (jira, password) =
            targets::create(&db, &made, "jira", TargetKind::Crowd, &act(3)).await.unwrap();
        let other = targets::rotate_password(&db, &jira, &act(4)).await.unwrap();
        targets::delete(&db, &jira, &act(5)).await.unwrap();
        connectors::delete(&db, &made, &act(6)).await.unwrap();
        connectors::forget_client_secrets(&db, &act(7)).await.unwrap();

        let entries = audit::after(&db, 0, 99).await.unwrap();
        let told: Vec<_> = entries
            .iter()
            .map(|it| {
                let Recorded { seq, at, noun, verb, object_name, .. } = it;
                (*seq, at.as_second(), format!("{noun} {verb} {object_name}"))
            })
            .collect();
        let expected = [
            "connector create OneLogin",
            "connector edit Prod",
            "target create jira",
            "target rotate-password jira",
            "target delete jira",
            "connector delete Prod",
            "installation replace-key ",
        ];
        let expected: Vec<_> =
            (1_i64..).zip(expected).map(|(number, it)| (number, number, it.to_owned())).collect();
        assert_eq!(told, expected);
        assert_eq!(
            entries[1].changes,
            r#"[{"after":"Prod","before":"OneLogin","setting":"name"},{"after":9,"before":5,"setting":"settings.safety.deactivations_max"},{"secret":true,"setting":"client_secret"}]"#
                .replace("\"before\":5", &format!("\"before\":{}", careful_deactivations()))
        );
        assert_eq!(entries[1].reason, "HR-4412");
        for entry in &entries {
            assert_eq!(
                (&*entry.actor_kind, &*entry.actor, &*entry.origin),
                ("command-line", "ada", "host")
            );
            for secret in ["s3cret", "canary-2", password.expose(), other.expose()] {
                assert!(!format!("{entry:?}").contains(secret), "{entry:?}");
            }
            assert!(!changes::read(&entry.changes).unwrap().is_empty());
        }
        assert!(matches!(chain::verify(&db, None).await.unwrap(), Verdict::Whole(_)));
    })
    .await;
}

fn careful_deactivations() -> usize {
    reconcile::gate::Limits::CAREFUL.deactivations.count_max
}

#[tokio::test]
async fn what_was_refused_or_taken_back_leaves_no_entry() {
    on_both(async |db| {
        let made = connector(&db, "OneLogin").await;
        let (jira, _) =
            targets::create(&db, &made, "jira", TargetKind::Crowd, &act(2)).await.unwrap();
        let before = chain::verify(&db, None).await.unwrap();
        targets::create(&db, &made, "JIRA", TargetKind::Crowd, &act(3)).await.unwrap_err();
        connectors::delete(&db, &made, &act(3)).await.unwrap_err();
        let mut tx = db.begin().await.unwrap();
        audit::append(&mut tx, &act(3), &entry("taken back")).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(chain::verify(&db, None).await.unwrap(), before);

        targets::delete(&db, &jira, &act(4)).await.unwrap();
        targets::delete(&db, &jira, &act(5)).await.unwrap();
        assert_eq!(last(&db).await.seq, 3, "what is gone already is not deleted again");
    })
    .await;
}

#[tokio::test]
async fn any_field_that_was_changed_is_found() {
    const FIELDS: [(&str, &str); 12] = [
        ("at", "at + 1"),
        ("actor_kind", "'account'"),
        ("actor", "'eve'"),
        ("origin", "'10.0.0.1'"),
        ("noun", "'target'"),
        ("verb", "'delete'"),
        ("object_id", "'7'"),
        ("object_name", "'other'"),
        ("changes", "'[]'"),
        ("reason", "'because'"),
        ("previous_hash", "'00'"),
        ("hash", "'00'"),
    ];
    on_both(async |db| {
        write(&db, 5).await;
        disarm(&db).await;
        for (field, value) in FIELDS {
            let keep = "create table kept as select * from audit_entries where seq = 3";
            execute(&db, keep).await;
            execute(&db, &format!("update audit_entries set {field} = {value} where seq = 3"))
                .await;
            let verdict = chain::verify(&db, None).await.unwrap();
            assert_eq!(verdict, Verdict::Broken(Break::Changed { seq: 3 }), "{field}");
            execute(&db, "delete from audit_entries where seq = 3").await;
            execute(&db, "insert into audit_entries select * from kept").await;
            execute(&db, "drop table kept").await;
            assert!(matches!(chain::verify(&db, None).await.unwrap(), Verdict::Whole(_)));
        }
        execute(&db, "update audit_entries set seq = 99 where seq = 3").await;
        check(&db, None, Break::Missing { seq: 3 }).await;
    })
    .await;
}

#[tokio::test]
async fn entries_that_are_missing_added_or_replaced_are_found() {
    on_both(async |db| {
        write(&db, 5).await;
        disarm(&db).await;
        execute(&db, "create table kept as select * from audit_entries").await;
        let restore = async || {
            execute(&db, "delete from audit_entries").await;
            execute(&db, "insert into audit_entries select * from kept").await;
        };
        execute(&db, "delete from audit_entries where seq = 2").await;
        check(&db, None, Break::Missing { seq: 2 }).await;
        restore().await;
        execute(&db, "delete from audit_entries where seq = 1").await;
        check(&db, None, Break::Missing { seq: 1 }).await;
        restore().await;
        execute(&db, "delete from audit_entries where 3 < seq").await;
        check(&db, None, Break::CutOff { last: 3, head: 5 }).await;
        execute(&db, "delete from audit_entries").await;
        check(&db, None, Break::CutOff { last: 0, head: 5 }).await;
        restore().await;
        execute(&db, "update audit_head set seq = 4").await;
        check(&db, None, Break::Head).await;
        execute(&db, "update audit_head set seq = 5").await;
        execute(&db, "update audit_head set hash = '00'").await;
        check(&db, None, Break::Head).await;
        execute(&db, "delete from audit_head").await;
        check(&db, None, Break::Head).await;
    })
    .await;
}

/// Whoever may write the database can also move the head and hash everything anew. Only what is kept
/// elsewhere shows it.
#[tokio::test]
async fn an_anchor_shows_that_the_end_was_cut_off_or_everything_rewritten() {
    on_both(async |db| {
        write(&db, 5).await;
        let Verdict::Whole(anchor) = chain::verify(&db, None).await.unwrap() else { panic!() };
        let early = Anchor { seq: 2, hash: audit::after(&db, 1, 1).await.unwrap()[0].hash.clone() };
        write(&db, 3).await;
        for kept in [&early, &anchor] {
            let verdict = chain::verify(&db, Some(kept)).await.unwrap();
            assert!(matches!(verdict, Verdict::Whole(it) if it.seq == 8));
        }

        disarm(&db).await;
        execute(&db, "delete from audit_entries where 3 < seq").await;
        let head = "update audit_head set seq = 3, \
             hash = (select hash from audit_entries where seq = 3)";
        execute(&db, head).await;
        assert!(matches!(chain::verify(&db, None).await.unwrap(), Verdict::Whole(_)));
        assert!(matches!(chain::verify(&db, Some(&early)).await.unwrap(), Verdict::Whole(_)));
        check(&db, Some(&anchor), Break::BeforeAnchor { last: 3, seq: 5 }).await;

        execute(&db, "delete from audit_entries").await;
        let head = format!("update audit_head set seq = 0, hash = '{}'", "0".repeat(64));
        execute(&db, &head).await;
        write(&db, 6).await;
        assert!(matches!(chain::verify(&db, None).await.unwrap(), Verdict::Whole(_)));
        execute(&db, "update audit_entries set reason = reason").await;
        let forged = Anchor { hash: "ab".repeat(32), ..anchor };
        check(&db, Some(&forged), Break::NotTheAnchor { seq: 5 }).await;
    })
    .await;
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_the_log() {
    const REFUSED: [&str; 5] = [
        "update audit_entries set reason = 'x' where seq = 1",
        "delete from audit_entries where seq = 1",
        "delete from audit_entries",
        "delete from audit_head",
        "update audit_head set seq = 0",
    ];
    on_both(async |db| {
        write(&db, 2).await;
        let truncate = matches!(db, Db::Postgres(_)).then_some("truncate audit_entries");
        for sql in REFUSED.into_iter().chain(truncate) {
            let refused = with_pool!(&db, pool => sqlx::query(sql).execute(pool).await.map(|_| ()));
            let refused = refused.expect_err(sql).to_string();
            assert!(refused.contains("the audit log is append-only"), "{sql}: {refused}");
        }
        assert_eq!(last(&db).await.seq, 2);
        assert!(matches!(chain::verify(&db, None).await.unwrap(), Verdict::Whole(_)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_at_the_same_time_make_one_chain() {
    on_both(async |db| {
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move { write(&db, 10).await })
            })
            .collect();
        // Somebody verifies all the while.
        while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
            assert!(matches!(chain::verify(&db, None).await.unwrap(), Verdict::Whole(_)));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        let verdict = chain::verify(&db, None).await.unwrap();
        assert!(matches!(&verdict, Verdict::Whole(it) if it.seq == 80), "{verdict:?}");
    })
    .await;
}

#[tokio::test]
async fn a_long_log_is_verified_page_by_page() {
    on_both(async |db| {
        write(&db, 2_345).await;
        let verdict = chain::verify(&db, None).await.unwrap();
        assert!(matches!(&verdict, Verdict::Whole(it) if it.seq == 2_345), "{verdict:?}");
    })
    .await;
}

#[tokio::test]
async fn entries_are_found_by_who_what_and_when() {
    on_both(async |db| {
        let made = connector(&db, "OneLogin").await;
        for (second, name) in [(2, "jira"), (3, "wiki")] {
            targets::create(&db, &made, name, TargetKind::Crowd, &act(second)).await.unwrap();
        }
        let found = async |filter: &Filter, before| {
            let entries = audit::list(&db, filter, before, 2).await.unwrap();
            entries.into_iter().map(|it| it.seq).collect::<Vec<_>>()
        };
        let all = Filter::default();
        assert_eq!(found(&all, None).await, [3, 2]);
        assert_eq!(found(&all, Some(2)).await, [1]);
        assert_eq!(found(&Filter { since: Some(at(2)), ..all.clone() }, None).await, [3, 2]);
        assert_eq!(found(&Filter { until: Some(at(2)), ..all.clone() }, None).await, [1]);
        let noun = |noun: &str| Filter { noun: noun.to_owned(), ..Filter::default() };
        assert_eq!(found(&noun("connector"), None).await, [1]);
        assert_eq!(found(&noun("run"), None).await, [0; 0]);
        let verb = Filter { verb: "create".to_owned(), ..noun("target") };
        assert_eq!(found(&verb, None).await, [3, 2]);
        let actor = |actor: &str| Filter { actor: actor.to_owned(), ..Filter::default() };
        assert_eq!(found(&actor("Ada"), None).await, [3, 2]);
        assert_eq!(found(&actor("eve"), None).await, [0; 0]);
        let object = Filter { object: "Wiki".to_owned(), ..Filter::default() };
        assert_eq!(found(&object, None).await, [3]);
    })
    .await;
}

#[tokio::test]
async fn any_text_is_written_as_it_can_be_read_back() {
    let odd = ["\0", "a\nb", "'; drop table audit_entries; --", "Ünï 💥 \u{202e}", "\"\\u0000"];
    on_both(async |db| {
        for text in odd.map(str::to_owned).into_iter().chain(["x".repeat(100_000)]) {
            let mut tx = db.begin().await.unwrap();
            let changes = Changes::created(&json!({ "a": text })).and(&text, None, None);
            let entry = Entry::new(Action::ConnectorEdit, &text, &text).with(changes);
            audit::append(&mut tx, &act(1).because(&text), &entry).await.unwrap();
            tx.commit().await.unwrap();
        }
        let verdict = chain::verify(&db, None).await.unwrap();
        assert!(matches!(verdict, Verdict::Whole(_)), "{verdict:?}");
        let longest = last(&db).await;
        assert!(longest.reason.len() < 3_000 && longest.changes.len() < 10_000);
        let names: BTreeSet<_> =
            audit::after(&db, 0, 99).await.unwrap().into_iter().map(|it| it.object_name).collect();
        assert_eq!(names.len(), odd.len() + 1);
    })
    .await;
}

fn entry(name: &str) -> Entry {
    Entry::new(Action::ConnectorEdit, 1, name).with(Changes::created(&json!({ "a": 1 })))
}

async fn write(db: &Db, entries: usize) {
    for _ in 0..entries {
        let mut tx = db.begin().await.unwrap();
        audit::append(&mut tx, &act(1), &entry("OneLogin")).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn last(db: &Db) -> Recorded {
    audit::list(db, &Filter::default(), None, 1).await.unwrap().remove(0)
}

async fn check(db: &Db, anchor: Option<&Anchor>, expected: Break) {
    assert_eq!(chain::verify(db, anchor).await.unwrap(), Verdict::Broken(expected));
}

/// What somebody would do who administers the database.
async fn disarm(db: &Db) {
    match db {
        Db::Sqlite(_) => {
            for trigger in [
                "audit_entries_never_change",
                "audit_entries_never_go",
                "audit_head_never_goes",
                "audit_head_moves_on",
            ] {
                execute(db, &format!("drop trigger {trigger}")).await;
            }
        }
        Db::Postgres(_) => {
            for table in ["audit_entries", "audit_head"] {
                execute(db, &format!("alter table {table} disable trigger user")).await;
            }
        }
    }
}

async fn execute(db: &Db, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    with_pool!(db, pool => sqlx::query(sql).execute(pool).await.map(|_| ())).unwrap();
}
