//! Connectors are found in any case, and their secret stays where it belongs.

use rollcall::seal::SealError;
use rollcall::store::Db;
use rollcall::store::connectors::settings::ConnectorSettings;
use rollcall::store::connectors::{self, ConnectorError, Provider};
use rollcall::store::names::NameError;
use rollcall::store::targets::{self, TargetKind};
use rollcall::with_pool;

use super::{act, at, connector, seal_of, secret, settings};
use crate::databases::on_both;

#[tokio::test]
async fn a_connector_is_read_back_as_it_was_made_and_found_in_any_case() {
    on_both(async |db| {
        let made = connector(&db, "  OneLogin Ä ").await;
        assert_eq!(made.name.as_str(), "OneLogin Ä");
        assert_eq!(made.settings, settings("https://acme.onelogin.com"));
        assert_eq!((made.created_at, made.updated_at), (at(1), at(1)));
        assert_eq!(connectors::find(&db, "onelogin ä").await.unwrap(), made);
        assert_eq!(connectors::list(&db).await.unwrap(), [made]);
    })
    .await;
}

#[tokio::test]
async fn two_connectors_cannot_differ_by_case_alone() {
    on_both(async |db| {
        connector(&db, "OneLogin").await;
        let again = connectors::create(
            &db,
            &seal_of(1),
            "ONELOGIN",
            Provider::OneLogin,
            &settings("https://b.onelogin.com"),
            &secret("x"),
            &act(2),
        )
        .await;
        let is_taken = matches!(again, Err(ConnectorError::Name(NameError::Taken { .. })));
        assert!(is_taken, "{again:?}");
        assert_eq!(connectors::list(&db).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_client_secret_opens_with_its_key_alone() {
    on_both(async |db| {
        assert_eq!(connectors::sealed_with(&db).await.unwrap(), None);
        let made = connector(&db, "OneLogin").await;
        let opened = connectors::client_secret(&db, &seal_of(1), &made).await.unwrap();
        assert_eq!(opened.expose(), "s3cret");
        let other_key = connectors::client_secret(&db, &seal_of(2), &made).await;
        assert!(matches!(other_key, Err(ConnectorError::Seal(SealError::OtherKey))));
        assert!(connectors::sealed_with(&db).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_secret_that_was_moved_to_another_connector_does_not_open() {
    const MOVE: &str = "update connectors set client_secret = \
         (select client_secret from connectors where id = $1) where id = $2";
    on_both(async |db| {
        let victim = connector(&db, "victim").await;
        let thief = connector(&db, "thief").await;
        with_pool!(&db, pool => sqlx::query(MOVE).bind(victim.id.0).bind(thief.id.0)
            .execute(pool).await.map(|_| ()))
        .unwrap();
        let moved = connectors::client_secret(&db, &seal_of(1), &thief).await;
        assert!(matches!(moved, Err(ConnectorError::Seal(SealError::Damaged))), "{moved:?}");
    })
    .await;
}

#[tokio::test]
async fn a_secret_does_not_follow_its_connector_to_another_address() {
    on_both(async |db| {
        let before = connector(&db, "OneLogin").await;
        let moved = settings("https://evil.example.com");
        let seal = seal_of(1);
        let refused =
            connectors::edit(&db, &seal, &before, "OneLogin", &moved, None, &act(2)).await;
        let is_refused = matches!(refused, Err(ConnectorError::SecretForNewAddress { .. }));
        assert!(is_refused, "{refused:?}");
        assert_eq!(connectors::find(&db, "OneLogin").await.unwrap(), before);

        rewrite_settings(&db, &moved).await;
        let rewritten = connectors::find(&db, "OneLogin").await.unwrap();
        let opened = connectors::client_secret(&db, &seal, &rewritten).await;
        assert!(matches!(opened, Err(ConnectorError::Seal(SealError::Damaged))), "{opened:?}");

        let fresh = secret("new");
        let after =
            connectors::edit(&db, &seal, &before, "OneLogin", &moved, Some(&fresh), &act(3))
                .await
                .unwrap();
        let opened = connectors::client_secret(&db, &seal, &after).await.unwrap();
        assert_eq!(opened.expose(), "new");
    })
    .await;
}

/// What somebody would do who may write the database but has no key.
async fn rewrite_settings(db: &Db, settings: &ConnectorSettings) {
    let text = serde_json::to_string(settings).unwrap();
    with_pool!(db, pool => sqlx::query("update connectors set settings = $1").bind(text)
        .execute(pool).await.map(|_| ()))
    .unwrap();
}

#[tokio::test]
async fn an_edit_keeps_the_secret_and_changes_the_rest() {
    on_both(async |db| {
        let before = connector(&db, "OneLogin").await;
        let mut changed = before.settings.clone();
        changed.source.minimum_remaining_api_calls = 7;
        changed.safety.deactivations_max = 3;
        let after = connectors::edit(&db, &seal_of(1), &before, "Prod", &changed, None, &act(9))
            .await
            .unwrap();
        assert_eq!((after.id, after.name.as_str()), (before.id, "Prod"));
        assert_eq!(after.settings, changed);
        assert_eq!((after.created_at, after.updated_at), (at(1), at(9)));
        let opened = connectors::client_secret(&db, &seal_of(1), &after).await.unwrap();
        assert_eq!(opened.expose(), "s3cret");

        connector(&db, "Test").await;
        let taken =
            connectors::edit(&db, &seal_of(1), &after, "test", &changed, None, &act(10)).await;
        assert!(matches!(taken, Err(ConnectorError::Name(NameError::Taken { .. }))), "{taken:?}");
    })
    .await;
}

#[tokio::test]
async fn a_connector_that_feeds_a_target_is_not_deleted() {
    on_both(async |db| {
        let made = connector(&db, "OneLogin").await;
        let (target, _) =
            targets::create(&db, &made, "jira", TargetKind::Crowd, &act(2)).await.unwrap();
        let refused = connectors::delete(&db, &made, &act(3)).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "The connector \"OneLogin\" still feeds \"jira\". \
             Delete it first, or keep the connector."
        );
        targets::delete(&db, &target, &act(3)).await.unwrap();
        connectors::delete(&db, &made, &act(3)).await.unwrap();
        assert_eq!(connectors::list(&db).await.unwrap(), []);
        connectors::delete(&db, &made, &act(3)).await.unwrap();
    })
    .await;
}
