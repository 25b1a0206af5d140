//! Reads that are kept come back whole, and only the last few of them.

use rollcall::source::onelogin::kept::Kept;
use rollcall::store::connectors::{self, ConnectorId};
use rollcall::store::reads::{self, Keeping};
use rollcall::store::runs::Trigger;
use rollcall::store::{Db, runs::RunId};

use super::{act, at, begin, connector};
use crate::databases::on_both;

/// So many bytes that no two reads have alike.
fn kept(people: usize, bytes: usize) -> Kept {
    Kept {
        people,
        content: (0..bytes).map(|at| u8::try_from((at + people) % 251).unwrap()).collect(),
    }
}

async fn insert(db: &Db, connector: ConnectorId, run: RunId, kept: &Kept) {
    let mut tx = db.begin().await.unwrap();
    reads::insert(&mut tx, connector, Some(run), kept, at(9)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn content_of(db: &Db, run: RunId) -> Option<Kept> {
    let read = reads::of_run(db, run).await.unwrap()?;
    reads::content(db, &read).await.unwrap()
}

#[tokio::test]
async fn a_read_comes_back_whole_whatever_its_size() {
    on_both(async |db| {
        let onelogin = connector(&db, "OneLogin").await;
        assert_eq!(reads::last(&db, onelogin.id).await.unwrap(), None);
        for bytes in [0, 1, 256 * 1024, 256 * 1024 + 1, 1_000_000] {
            let run = begin(&db, &onelogin, Trigger::CommandLine, at(8)).await;
            let kept = kept(bytes + 7, bytes);
            insert(&db, onelogin.id, run, &kept).await;
            assert_eq!(content_of(&db, run).await, Some(kept), "{bytes}");
        }
        let simulated = kept(3, 300);
        reads::keep(&db, onelogin.id, &simulated).await.unwrap();
        let last = reads::last(&db, onelogin.id).await.unwrap().unwrap();
        assert_eq!((last.run, last.people, last.bytes), (None, 3, 300));
        assert_eq!(reads::content(&db, &last).await.unwrap(), Some(simulated));
    })
    .await;
}

#[tokio::test]
async fn the_oldest_reads_go_and_those_of_another_connector_stay() {
    on_both(async |db| {
        let (one, other) = (connector(&db, "one").await, connector(&db, "other").await);
        let elsewhere = begin(&db, &other, Trigger::CommandLine, at(1)).await;
        insert(&db, other.id, elsewhere, &kept(1, 10)).await;
        let mut runs = Vec::new();
        for size in [400, 100, 300, 200, 250, 100, 500] {
            let run = begin(&db, &one, Trigger::CommandLine, at(8)).await;
            insert(&db, one.id, run, &kept(1, size)).await;
            runs.push(run);
        }
        let left = async || {
            let mut left = Vec::new();
            for (place, run) in runs.iter().enumerate() {
                if content_of(&db, *run).await.is_some() {
                    left.push(place);
                }
            }
            left
        };
        let prune = async |reads_max, bytes_max| {
            let mut tx = db.begin().await.unwrap();
            reads::prune(&mut tx, one.id, Keeping { reads_max, bytes_max }).await.unwrap();
            tx.commit().await.unwrap();
        };
        assert_eq!(left().await, [2, 3, 4, 5, 6], "as many as are kept by themselves");
        prune(4, 10_000).await;
        assert_eq!(left().await, [3, 4, 5, 6]);
        prune(9, 850).await;
        assert_eq!(left().await, [4, 5, 6]);
        prune(0, 0).await;
        assert_eq!(left().await, [6], "the last one is kept whatever its size");
        assert!(content_of(&db, elsewhere).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_deleted_connector_takes_its_reads_with_it() {
    on_both(async |db| {
        let onelogin = connector(&db, "OneLogin").await;
        let run = begin(&db, &onelogin, Trigger::CommandLine, at(8)).await;
        insert(&db, onelogin.id, run, &kept(1, 10)).await;
        connectors::delete(&db, &onelogin, &act(9)).await.unwrap();
        assert_eq!(content_of(&db, run).await, None);
    })
    .await;
}
