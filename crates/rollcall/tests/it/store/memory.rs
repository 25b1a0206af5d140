//! What plans noticed comes back to the letter, and goes with its target.

use reconcile::plan::{Emptiness, Memory, Suspicion};
use reconcile::principal::{ExternalId, Name};
use rollcall::store::targets::{self, Target, TargetKind};
use rollcall::store::{Db, memory};

use super::{act, at, connector};
use crate::databases::on_both;

/// Each is noticed since that second, and by new rules in that second.
fn memory_of(
    suspected: &[(&str, i64, u32, Option<i64>)],
    empty: &[(&str, i64, Option<i64>)],
    hidden: &[(&str, i64)],
) -> Memory {
    let suspected = suspected.iter().map(|(id, since, reads, new)| {
        let (since, by_new_rules) = (at(*since), new.map(at));
        (ExternalId::new(id), Suspicion { since, reads: *reads, by_new_rules })
    });
    let empty = empty.iter().map(|(name, since, new)| {
        (Name::new(name), Emptiness { since: at(*since), by_new_rules: new.map(at) })
    });
    let hidden = hidden.iter().map(|(id, since)| (ExternalId::new(id), at(*since)));
    let (suspected, empty, hidden) = (suspected.collect(), empty.collect(), hidden.collect());
    Memory { suspected, empty, hidden }
}

async fn target(db: &Db, name: &str) -> Target {
    let onelogin = connector(db, name).await;
    targets::create(db, &onelogin, name, TargetKind::Crowd, &act(2)).await.unwrap().0
}

async fn check_write(db: &Db, target: &Target, before: &Memory, after: &Memory) {
    let mut tx = db.begin().await.unwrap();
    assert_eq!(memory::read(&mut tx, target.id).await.unwrap().1, *before);
    memory::write(&mut tx, target.id, before, after).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.snapshot().await.unwrap();
    let (now, found) = memory::read(&mut tx, target.id).await.unwrap();
    assert_eq!(found, *after);
    assert!(at(1_700_000_000) < now, "{now}");
}

#[tokio::test]
async fn what_was_noticed_is_read_back_and_forgotten() {
    on_both(async |db| {
        let (jira, wiki) = (target(&db, "jira").await, target(&db, "wiki").await);
        let nothing = Memory::default();
        let other = memory_of(&[("7", 1, 1, None)], &[("qa", 1, None)], &[("8", 1)]);
        check_write(&db, &wiki, &nothing, &other).await;
        let first = memory_of(
            &[("1", 10, 1, None), ("2", 20, u32::MAX, Some(20)), ("4", 9, 1, None)],
            &[("Dev Ops", 10, Some(10)), ("\u{e4}", 5, None), ("ops", 9, None)],
            &[("1", 10), ("5", 11)],
        );
        let second = memory_of(
            &[("2", 20, 4, None), ("3", 30, 1, Some(31)), ("4", 9, 1, Some(32))],
            &[("Dev Ops", 11, None), ("qa", 30, Some(30)), ("ops", 9, Some(32))],
            &[("1", 9), ("6", 12)],
        );
        check_write(&db, &jira, &nothing, &first).await;
        check_write(&db, &jira, &first, &first).await;
        check_write(&db, &jira, &first, &second).await;
        check_write(&db, &jira, &second, &nothing).await;
        check_write(&db, &wiki, &other, &other).await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_target_takes_what_it_noticed_and_nothing_of_another() {
    on_both(async |db| {
        let (jira, wiki) = (target(&db, "jira").await, target(&db, "wiki").await);
        let nothing = Memory::default();
        let noticed = memory_of(&[("7", 1, 1, None)], &[("qa", 1, None)], &[("8", 1)]);
        check_write(&db, &wiki, &nothing, &noticed).await;
        check_write(&db, &jira, &nothing, &noticed).await;
        targets::delete(&db, &jira, &act(9)).await.unwrap();
        check_write(&db, &jira, &nothing, &nothing).await;
        check_write(&db, &wiki, &noticed, &noticed).await;
    })
    .await;
}
