//! Groups that somebody makes by hand in a published directory, and what becomes of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use expect_test::expect;
use jiff::Timestamp;
use reconcile::directory::Directory;
use reconcile::plan::Change;
use reconcile::principal::{ExternalId, Name};
use rollcall::store::Db;
use rollcall::store::audit::{self, actor::Actor};
use rollcall::store::directory::local;
use rollcall::store::runs::of_person;
use rollcall::store::targets::{self, Target};
use rollcall::target::TargetError;
use rollcall::target::crowd::local_groups::{self, LocalGroupError, PEOPLE_MAX};

use super::product::Product;
use super::server::{Http, serve};
use super::world::{apply, directory, publish, target, user};
use crate::databases::{on_both, on_both_alike};

/// The target, with ada, bob and cyd.
async fn published(db: &Db) -> Target {
    let id = target(db, "jira").await;
    publish(db, id, "1 ada : dev\n2 bob : dev\n3 cyd").await;
    targets::find(db, "jira").await.unwrap()
}

/// What the admin root does by hand.
struct Hand<'a> {
    db: &'a Db,
    target: &'a Target,
    root: Actor,
}

impl<'a> Hand<'a> {
    fn of(db: &'a Db, target: &'a Target) -> Hand<'a> {
        Hand { db, target, root: Actor::command_line("root", "here") }
    }

    async fn create(&self, group: &str) -> Result<(), LocalGroupError> {
        let act = self.root.act(Timestamp::now());
        local_groups::create(self.db, self.target, &Name::new(group), &act).await
    }

    async fn delete(&self, group: &str) -> Result<u64, LocalGroupError> {
        let act = self.root.act(Timestamp::now()).because("Over");
        local_groups::delete(self.db, self.target, &Name::new(group), &act).await
    }

    async fn add(&self, group: &str, ids: &[&str]) -> Result<usize, LocalGroupError> {
        let act = self.root.act(Timestamp::now());
        let group = Name::new(group);
        local_groups::add(self.db, self.target, &group, &people(ids), &act).await.map(|it| it.len())
    }

    async fn remove(&self, group: &str, ids: &[&str]) -> Result<usize, LocalGroupError> {
        let act = self.root.act(Timestamp::now());
        let group = Name::new(group);
        let removed = local_groups::remove(self.db, self.target, &group, &people(ids), &act).await;
        removed.map(|it| it.len())
    }
}

fn people(ids: &[&str]) -> BTreeSet<ExternalId> {
    ids.iter().map(|id| ExternalId::new(id)).collect()
}

/// `board* 1 3` is a local group of two.
fn groups(directory: &Directory) -> String {
    let mut text = String::new();
    for (group, members) in &directory.groups {
        let mark = if directory.local.contains(group) { "*" } else { "" };
        let members: Vec<&str> = members.iter().map(ExternalId::as_str).collect();
        writeln!(text, "{}", format!("{group}{mark} {}", members.join(" ")).trim()).unwrap();
    }
    text
}

async fn catch_up(product: &mut Product, directory: &Directory) {
    const STEPS_MAX: u32 = 20;
    for _ in 0..STEPS_MAX {
        if product.step().await {
            return product.check_holds(directory);
        }
    }
    panic!("the product never catches up: {product:?}");
}

#[tokio::test]
async fn a_product_holds_local_groups_from_their_making_to_their_end_and_runs_leave_them() {
    on_both(async |db| {
        let target = published(&db).await;
        let hand = Hand::of(&db, &target);
        let mut product = Product::new(Http::new(&serve(&db).await, "jira", "product/1"));
        let now = async || directory(&db, target.id).await;
        catch_up(&mut product, &now().await).await;
        let first_reads = product.seen.full_reads;

        hand.create("Board").await.unwrap();
        catch_up(&mut product, &now().await).await;
        assert_eq!(hand.add("board", &["1", "3"]).await.unwrap(), 2);
        catch_up(&mut product, &now().await).await;
        expect!["Board* 1 3\ndev 1 2\n"].assert_eq(&groups(&now().await));
        let size = targets::published(&db, target.id).await.unwrap();
        assert_eq!((size.groups, size.memberships), (2, 4));

        // A run fills its own groups; ada goes, and leaves the local group with her account.
        publish(&db, target.id, "2 bob : dev ops\n3 cyd : ops").await;
        catch_up(&mut product, &now().await).await;
        expect!["Board* 3\ndev 2\nops 2 3\n"].assert_eq(&groups(&now().await));
        // Nobody is in it, and it stays.
        assert_eq!(hand.remove("BOARD", &["3", "2"]).await.unwrap(), 1);
        publish(&db, target.id, "2 bob : dev\n3 cyd").await;
        catch_up(&mut product, &now().await).await;
        expect!["Board*\ndev 2\n"].assert_eq(&groups(&now().await));

        hand.add("board", &["2"]).await.unwrap();
        assert_eq!(hand.delete("board").await.unwrap(), 1);
        catch_up(&mut product, &now().await).await;
        expect!["dev 2\n"].assert_eq(&groups(&now().await));
        assert_eq!(product.seen.full_reads, first_reads, "it was told what changed");
    })
    .await;
}

#[tokio::test]
async fn what_is_done_by_hand_is_on_record_and_doing_it_again_changes_nothing() {
    let told = on_both_alike(async |db| {
        let target = published(&db).await;
        let hand = Hand::of(&db, &target);
        hand.create("board").await.unwrap();
        hand.add("board", &["1", "2"]).await.unwrap();
        let before = rollcall::target::crowd::read(&db, target.id).await.unwrap().generation;
        assert_eq!(hand.add("board", &["2"]).await.unwrap(), 0);
        assert_eq!(hand.remove("board", &["3"]).await.unwrap(), 0);
        let after = rollcall::target::crowd::read(&db, target.id).await.unwrap().generation;
        assert_eq!(before, after, "nothing is published");

        let made = local::list(&db, target.id).await.unwrap();
        assert_eq!((made.len(), made[0].made.by.as_str()), (1, "root"));
        let (ada, group) = (ExternalId::new("1"), Name::new("board"));
        let joined = of_person::joined(&db, target.id, &[&ada], Some(&group)).await.unwrap();
        assert_eq!((joined[0].run, &*joined[0].reason), (None, "added by hand by root"));

        hand.remove("board", &["1"]).await.unwrap();
        hand.delete("board").await.unwrap();
        let entries = audit::list(&db, &audit::Filter::default(), None, 99).await.unwrap();
        let mut text = String::new();
        for it in entries.iter().rev() {
            let audit::Recorded { noun, verb, object_name, changes, reason, .. } = it;
            writeln!(text, "{noun} {verb} {object_name} {changes} {reason}").unwrap();
        }
        text
    })
    .await;
    expect![[r#"
        group create board [{"after":"jira","setting":"target"}] 
        group add-members board [{"after":"jira","before":"jira","setting":"target"},{"after":"ada","setting":"member"},{"after":"bob","setting":"member"}] 
        group remove-members board [{"after":"jira","before":"jira","setting":"target"},{"before":"ada","setting":"member"}] 
        group delete board [{"before":1,"setting":"members"},{"before":"jira","setting":"target"}] Over
    "#]]
    .assert_eq(&told);
}

#[tokio::test]
async fn what_cannot_be_done_by_hand_is_told_and_changes_nothing() {
    let told = on_both_alike(async |db| {
        let empty = target(&db, "wiki").await;
        let wiki = targets::find(&db, "wiki").await.unwrap();
        assert_eq!(empty, wiki.id);
        let target = published(&db).await;
        let hand = Hand::of(&db, &target);
        hand.create("board").await.unwrap();
        let before = groups(&directory(&db, target.id).await);
        let many: Vec<String> = (0..=PEOPLE_MAX).map(|it| it.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut text = String::new();
        for refused in [
            Hand::of(&db, &wiki).create("board").await.unwrap_err(),
            hand.create(" ").await.unwrap_err(),
            hand.create("a\nb").await.unwrap_err(),
            hand.create("DEV").await.unwrap_err(),
            hand.add("dev", &["1"]).await.unwrap_err(),
            hand.remove("dev", &["1"]).await.unwrap_err(),
            hand.delete("dev").await.unwrap_err(),
            hand.delete("nowhere").await.unwrap_err(),
            hand.add("board", &["1", "99"]).await.unwrap_err(),
            hand.add("board", &many).await.unwrap_err(),
        ] {
            writeln!(text, "{refused}").unwrap();
        }
        let refused = hand.create("Board").await.unwrap_err().to_string();
        assert!(
            refused.contains("already: a local group, made by hand by root at 20"),
            "{refused}"
        );
        assert_eq!(groups(&directory(&db, target.id).await), before);
        text
    })
    .await;
    expect![[r#"
        Nothing is published to wiki yet, and a product would take a directory without users for an order to remove everybody. Run the first sync: rollcall sync "wiki"
        The group " " cannot be. It has no name.
        The group "a\nb" cannot be. The name has a control character in it; type it anew.
        There is a group "dev" in jira already: jira decides who is in it.
        The group "dev" of jira is no local group: jira decides who is in it. Give people the role or group in the source, or make a local group of another name.
        The group "dev" of jira is no local group: jira decides who is in it. Give people the role or group in the source, or make a local group of another name.
        The group "dev" of jira is no local group: jira decides who is in it. Give people the role or group in the source, or make a local group of another name.
        There is no group "nowhere" in jira. See `rollcall group list "jira"`.
        Somebody of these is not in jira any more, so nothing was changed. Try again.
        400 people at once are the most. Name fewer.
    "#]].assert_eq(&told);
}

#[tokio::test]
async fn a_plan_that_was_made_before_a_local_group_is_not_carried_out() {
    on_both(async |db| {
        let target = published(&db).await;
        let read = rollcall::target::crowd::read(&db, target.id).await.unwrap().generation;
        Hand::of(&db, &target).create("ops").await.unwrap();
        let group = Name::new("ops");
        let join = Change::AddMember { group: group.clone(), user: user("3 cyd") };
        let changes = vec![Change::CreateGroup { group }, join];
        let refused = apply(&db, target.id, read, changes).await.unwrap_err();
        assert!(matches!(refused, TargetError::Stale { .. }), "{refused}");
        expect!["dev 1 2\nops*\n"].assert_eq(&groups(&directory(&db, target.id).await));
    })
    .await;
}

#[tokio::test]
async fn an_adopted_group_is_no_local_one_any_more_until_that_is_taken_back() {
    on_both(async |db| {
        let target = published(&db).await;
        let hand = Hand::of(&db, &target);
        hand.create("board").await.unwrap();
        hand.add("board", &["3"]).await.unwrap();
        let group = || Name::new("board");
        let read = rollcall::target::crowd::read(&db, target.id).await.unwrap().generation;
        let made_local = Change::MakeLocal { group: group() };
        let misfit = apply(&db, target.id, read, vec![made_local.clone()]).await.unwrap_err();
        assert!(matches!(misfit, TargetError::Misfit { .. }), "{misfit}");

        let adoption = Change::AdoptGroup { group: group() };
        let join = Change::AddMember { group: group(), user: user("2 bob") };
        let applied = apply(&db, target.id, read, vec![adoption, join]).await.unwrap();
        expect!["board 2 3\ndev 1 2\n"].assert_eq(&groups(&directory(&db, target.id).await));
        assert_eq!(local::list(&db, target.id).await.unwrap(), []);
        let refused = hand.add("board", &["1"]).await.unwrap_err();
        assert!(matches!(refused, LocalGroupError::Ours { .. }), "{refused}");
        // That cyd was added by hand is still true, and bob came by a run.
        let (bob, cyd) = (ExternalId::new("2"), ExternalId::new("3"));
        let mut tx = db.begin().await.unwrap();
        let added = local::added(&mut tx, target.id, &[&bob, &cyd]).await.unwrap();
        assert_eq!(added.iter().map(|it| &it.id).collect::<Vec<_>>(), [&cyd]);
        drop(tx);

        apply(&db, target.id, applied.generation, vec![made_local]).await.unwrap();
        expect!["board* 2 3\ndev 1 2\n"].assert_eq(&groups(&directory(&db, target.id).await));
        assert_eq!(local::list(&db, target.id).await.unwrap()[0].made.by, "root");
    })
    .await;
}
