//! How many API calls are left, as it was told last.

use rollcall::store::Db;
use rollcall::store::budgets::{self, Budget};
use rollcall::store::connectors::{self, Connector};

use super::{act, at, connector};
use crate::databases::on_both;

#[tokio::test]
async fn what_was_told_last_counts_whoever_writes_it_down_later() {
    on_both(async |db| {
        let (one, other) = (connector(&db, "one").await, connector(&db, "other").await);
        assert_eq!(budgets::of(&db, one.id).await.unwrap(), None);
        let told = |remaining, second| Budget { limit: 5_000, remaining, told_at: at(second) };
        note(&db, &one, told(4_990, 200)).await;
        // A call that was asked for earlier and ended later.
        note(&db, &one, told(4_999, 100)).await;
        assert_eq!(budgets::of(&db, one.id).await.unwrap(), Some(told(4_990, 200)));
        // Calls that were made since the same answer.
        note(&db, &one, told(4_985, 200)).await;
        note(&db, &other, told(7, 300)).await;
        let all = budgets::all(&db).await.unwrap();
        assert_eq!(all, [(one.id, told(4_985, 200)), (other.id, told(7, 300))].into());

        connectors::delete(&db, &other, &act(400)).await.unwrap();
        note(&db, &other, told(6, 500)).await;
        assert_eq!(budgets::of(&db, other.id).await.unwrap(), None);
    })
    .await;
}

async fn note(db: &Db, connector: &Connector, budget: Budget) {
    let mut tx = db.begin().await.unwrap();
    budgets::note(&mut tx, connector.id, &budget).await.unwrap();
    tx.commit().await.unwrap();
}
