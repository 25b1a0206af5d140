//! Applying plans.

use std::sync::Arc;

use expect_test::{Expect, expect};
use reconcile::plan::Change;
use reconcile::principal::Name;
use rollcall::store::Db;
use rollcall::store::targets::TargetId;
use rollcall::target::TargetError;
use rollcall::{target::crowd, with_pool};

use super::world::{apply, directory, publish, target, text, user};
use crate::databases::on_both;

/// Publishes one directory after the other and compares what is read back in the end.
async fn check(worlds: &[&str], expected: Expect) {
    on_both(async |db| {
        let target = target(&db, "jira").await;
        for world in worlds {
            publish(&db, target, world).await;
        }
        expected.assert_eq(&text(&directory(&db, target).await));
    })
    .await;
}

async fn published_at(db: &Db, target: TargetId) -> Option<i64> {
    let (at,): (Option<i64>,) = with_pool!(db, pool => sqlx::query_as(
        "select published_at from targets where id = $1").bind(target.0).fetch_one(pool).await.unwrap());
    at
}

#[tokio::test]
async fn what_is_published_is_read_back() {
    let world = "1 ada mail=a@acme.test name=Ada_Lee : dev ops\n2 Bob : ops\n3 cyd";
    check(
        &[world],
        expect![[r#"
            1 ada : dev ops
            2 Bob : ops
            3 cyd
        "#]],
    )
    .await;
}

#[tokio::test]
async fn every_kind_of_change_arrives() {
    let before = "1 ada : dev ops\n2 bob : dev\n3 cyd : qa\n4 dan : ops\n5 eve";
    let after = "1 ada2 mail=x@acme.test : dev\n2 bob off : ops\n4 DAN : ops new\n6 fay : new";
    check(
        &[before, after],
        expect![[r#"
            1 ada2 : dev
            2 bob off : ops
            4 DAN : new ops
            6 fay : new
        "#]],
    )
    .await;
    check(
        &[before, after, before],
        expect![[r#"
            1 ada : dev ops
            2 bob : dev
            3 cyd : qa
            4 dan : ops
            5 eve
        "#]],
    )
    .await;
}

#[tokio::test]
async fn people_swap_usernames_in_one_publication() {
    check(
        &["1 ada\n2 bob\n3 cyd", "1 bob\n2 cyd\n3 ada"],
        expect![[r#"
            1 bob
            2 cyd
            3 ada
        "#]],
    )
    .await;
}

#[tokio::test]
async fn odd_names_come_back_to_the_letter() {
    check(
        &["1 o'neil\"<&>\\ : a<&>b 100%_$1\n2 Zoë : Ärzte\n3 日本 : {rows}"],
        expect![[r#"
            1 o'neil"<&>\ : 100% $1 a<&>b
            2 Zoë : Ärzte
            3 日本 : {rows}
        "#]],
    )
    .await;
}

#[tokio::test]
async fn targets_do_not_mix() {
    on_both(async |db| {
        let (jira, wiki) = (target(&db, "jira").await, target(&db, "wiki").await);
        publish(&db, jira, "1 ada : dev\n2 bob").await;
        publish(&db, wiki, "1 ada : dev\n3 cyd : dev").await;
        publish(&db, jira, "2 bob : dev").await;
        assert_eq!(text(&directory(&db, jira).await), "2 bob : dev\n");
        assert_eq!(text(&directory(&db, wiki).await), "1 ada : dev\n3 cyd : dev\n");
    })
    .await;
}

#[tokio::test]
async fn nothing_changed_writes_nothing() {
    on_both(async |db| {
        let target = target(&db, "jira").await;
        let first = publish(&db, target, "1 ada : dev").await;
        let at = published_at(&db, target).await;
        let again = publish(&db, target, "1 ada : dev").await;
        assert_eq!((first.generation, first.changes), (1, 3));
        assert_eq!((again.generation, again.changes), (1, 0));
        assert_eq!(published_at(&db, target).await, at);
    })
    .await;
}

#[tokio::test]
async fn an_empty_first_plan_publishes_nothing() {
    on_both(async |db| {
        let target = target(&db, "jira").await;
        let applied = apply(&db, target, 0, Vec::new()).await.unwrap();
        assert_eq!(applied.generation, 0);
        let group = Change::CreateGroup { group: Name::new("dev") };
        let refused = apply(&db, target, 0, vec![group]).await.unwrap_err();
        assert!(matches!(refused, TargetError::NoUsers), "{refused}");
        assert_eq!(crowd::read(&db, target).await.unwrap().generation, 0);
    })
    .await;
}

#[tokio::test]
async fn a_plan_is_applied_once() {
    on_both(async |db| {
        let target = target(&db, "jira").await;
        let create = |line| vec![Change::Create { user: user(line) }];
        apply(&db, target, 0, create("1 ada")).await.unwrap();
        let repeated = apply(&db, target, 0, create("1 ada")).await.unwrap_err();
        assert!(matches!(repeated, TargetError::Stale { read: 0, found: 1 }), "{repeated}");
        let stale = apply(&db, target, 0, Vec::new()).await.unwrap_err();
        assert!(matches!(stale, TargetError::Stale { read: 0, found: 1 }), "{stale}");
        assert_eq!(text(&directory(&db, target).await), "1 ada\n");
    })
    .await;
}

#[tokio::test]
async fn of_two_publications_at_once_one_is_refused() {
    on_both(async |db| {
        let target = target(&db, "jira").await;
        publish(&db, target, "1 ada").await;
        let create = |line| vec![Change::Create { user: user(line) }];
        let (bob, cyd) = tokio::join!(
            apply(&db, target, 1, create("2 bob")),
            apply(&db, target, 1, create("3 cyd")),
        );
        let winners = [&bob, &cyd].into_iter().filter(|it| it.is_ok()).count();
        assert_eq!(winners, 1, "{bob:?} {cyd:?}");
        assert_eq!(directory(&db, target).await.users.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn two_users_of_one_username_are_refused_with_their_ids() {
    on_both(async |db| {
        let target = target(&db, "jira").await;
        publish(&db, target, "1 ada : dev").await;
        let create = vec![Change::Create { user: user("2 Ada") }];
        let refused = apply(&db, target, 1, create).await.unwrap_err().to_string();
        assert!(refused.starts_with("The users 1 and 2 would share the username"), "{refused}");
        let actual = crowd::read(&db, target).await.unwrap();
        assert_eq!((text(&actual.directory).as_str(), actual.generation), ("1 ada : dev\n", 1));
    })
    .await;
}

#[tokio::test]
async fn a_change_of_what_is_not_there_is_refused() {
    on_both(async |db| {
        let target = target(&db, "jira").await;
        publish(&db, target, "1 ada : dev").await;
        let (nobody, group) = (user("9 nobody"), Name::new("dev"));
        let changes = [
            Change::Deactivate { user: Arc::clone(&nobody) },
            Change::AddMember { group: group.clone(), user: Arc::clone(&nobody) },
            Change::RemoveMember { group, user: Arc::clone(&nobody) },
            Change::Remove { user: nobody },
            Change::RemoveGroup { group: Name::new("qa") },
        ];
        for change in changes {
            let refused = apply(&db, target, 1, vec![change]).await.unwrap_err();
            assert!(matches!(refused, TargetError::Misfit { .. }), "{refused}");
        }
        assert_eq!(text(&directory(&db, target).await), "1 ada : dev\n");
    })
    .await;
}

#[tokio::test]
async fn a_target_that_is_not_there_is_said_to_be_so() {
    on_both(async |db| {
        let nowhere = TargetId(99);
        let read = crowd::read(&db, nowhere).await.unwrap_err();
        let create = vec![Change::Create { user: user("1 ada") }];
        let applied = apply(&db, nowhere, 0, create).await.unwrap_err();
        for error in [read, applied] {
            assert_eq!(error.to_string(), "The target 99 does not exist.");
        }
    })
    .await;
}
