//! Targets keep no password, and take everything they published with them.

use rollcall::store::Db;
use rollcall::store::directory::publish;
use rollcall::store::names::NameError;
use rollcall::store::targets::{self, Published, Target, TargetError, TargetKind};
use rollcall::target::password;
use rollcall::with_pool;

use super::{act, connector};
use crate::databases::on_both;

#[tokio::test]
async fn only_a_hash_of_the_password_is_stored() {
    const SQL: &str = "select password_hash from targets where id = $1";
    on_both(async |db| {
        let onelogin = connector(&db, "OneLogin").await;
        let (target, shown) =
            targets::create(&db, &onelogin, "Jira (prod)", TargetKind::Crowd, &act(2))
                .await
                .unwrap();
        assert_eq!(target.application, "jira-prod");
        assert_eq!(target.connector_name, onelogin.name);
        let stored = with_pool!(&db, pool => sqlx::query_scalar::<_, Vec<u8>>(SQL)
            .bind(target.id.0).fetch_one(pool).await)
        .unwrap();
        assert!(password::verify(shown.expose(), &stored));
        assert_ne!(stored, shown.expose().as_bytes());
        assert_eq!(targets::find(&db, "jira (PROD)").await.unwrap(), target);
    })
    .await;
}

#[tokio::test]
async fn two_targets_have_different_names_applications_and_epochs() {
    on_both(async |db| {
        let onelogin = connector(&db, "OneLogin").await;
        let (one, _) =
            targets::create(&db, &onelogin, "jira", TargetKind::Crowd, &act(2)).await.unwrap();
        let (other, _) =
            targets::create(&db, &onelogin, "jira!", TargetKind::Crowd, &act(2)).await.unwrap();
        assert_eq!((one.application.as_str(), other.application.as_str()), ("jira", "jira-2"));
        let epochs = with_pool!(&db, pool => sqlx::query_scalar::<_, String>(
            "select distinct epoch from targets").fetch_all(pool).await)
        .unwrap();
        assert_eq!(epochs.len(), 2);
        let taken = targets::create(&db, &onelogin, "JIRA", TargetKind::Crowd, &act(3)).await;
        assert!(matches!(taken, Err(TargetError::Name(NameError::Taken { .. }))), "{taken:?}");
        assert_eq!(targets::of_connector(&db, onelogin.id).await.unwrap(), [one, other]);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_target_takes_all_it_published_and_nothing_of_another() {
    on_both(async |db| {
        let onelogin = connector(&db, "OneLogin").await;
        let (jira, _) =
            targets::create(&db, &onelogin, "jira", TargetKind::Crowd, &act(2)).await.unwrap();
        let (wiki, _) =
            targets::create(&db, &onelogin, "wiki", TargetKind::Crowd, &act(2)).await.unwrap();
        publish_one_user(&db, &jira).await;
        publish_one_user(&db, &wiki).await;
        let one = Published { users: 1, active_users: 1, groups: 1, memberships: 1 };
        assert_eq!(targets::published(&db, jira.id).await.unwrap(), one);

        targets::delete(&db, &jira, &act(9)).await.unwrap();
        targets::delete(&db, &jira, &act(9)).await.unwrap();
        assert_eq!(targets::published(&db, wiki.id).await.unwrap(), one);
        for table in [
            "targets",
            "directory_users",
            "directory_groups",
            "directory_memberships",
            "directory_events",
            "directory_reads",
        ] {
            assert_eq!(rows(&db, table).await, 1, "{table}");
        }
    })
    .await;
}

/// A user in a group, an event and a reader, written row by row.
async fn publish_one_user(db: &Db, target: &Target) {
    const STATEMENTS: [&str; 5] = [
        "insert into directory_users (target_id, external_id, username, username_folded, email, \
         display_name, first_name, last_name, active, created_at, updated_at) \
         values ($1, '1', 'ada', 'ada', '', '', '', '', 1, 0, 0)",
        "insert into directory_groups (target_id, name, name_folded) values ($1, 'g', 'g')",
        "insert into directory_memberships (group_id, user_id) \
         select g.id, u.id from directory_groups g \
         join directory_users u on u.target_id = g.target_id where g.target_id = $1",
        "insert into directory_events (target_id, generation, kind, name, name_folded) \
         values ($1, 1, 'user', 'ada', 'ada')",
        "insert into directory_reads (target_id, reader, generation, started_at) \
         values ($1, 'jira', 1, 0)",
    ];
    for sql in STATEMENTS {
        let changed = with_pool!(db, pool => sqlx::query(sql).bind(target.id.0).execute(pool).await
            .map(|it| it.rows_affected()))
        .unwrap();
        assert_eq!(changed, 1, "{sql}");
    }
    let mut tx = db.begin().await.unwrap();
    publish::count(&mut tx, target.id).await.unwrap();
    tx.commit().await.unwrap();
}

async fn rows(db: &Db, table: &str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    with_pool!(db, pool => sqlx::query_scalar::<_, i64>(sql).fetch_one(pool).await).unwrap()
}
