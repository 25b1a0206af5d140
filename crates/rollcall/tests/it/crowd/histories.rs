//! After any history of publications, with polls in between and in the middle of them, a product
//! holds exactly the directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use fastrand::Rng;
use rollcall::store::Db;
use rollcall::store::targets::TargetId;
use rollcall::with_pool;

use super::product::{Product, Seen};
use super::server::{Http, serve};
use super::world::{directory, publish, target};
use crate::databases::{on_postgres, on_sqlite};

const SEEDS: u64 = 15;
const SEEDS_LONG: u64 = 1_000;
const TICKS: u32 = 70;

#[tokio::test]
async fn products_hold_the_directory_after_any_history_on_sqlite() {
    on_sqlite(histories).await;
}

#[tokio::test]
async fn products_hold_the_directory_after_any_history_on_postgres() {
    on_postgres(histories).await;
}

async fn histories(db: Db) {
    let seeds = if std::env::var("ROLLCALL_TEST_LONG").is_ok() { SEEDS_LONG } else { SEEDS };
    let url = serve(&db).await;
    let mut all = Seen::default();
    for seed in 0..seeds {
        eprintln!("seed {seed}");
        for seen in history(&db, &url, seed).await {
            all.full_reads += seen.full_reads;
            all.polls += seen.polls;
            all.events += seen.events;
            all.expired += seen.expired;
            all.refused += seen.refused;
        }
    }
    eprintln!("{all:?}");
    let few = u32::try_from(seeds).unwrap();
    let happened = [all.full_reads, all.polls - all.expired, all.events, all.expired, all.refused];
    assert!(
        happened.iter().all(|it| few / 4 < *it),
        "a history without news proves little: {all:?}"
    );
}

async fn history(db: &Db, url: &str, seed: u64) -> [Seen; 2] {
    let mut rng = Rng::with_seed(seed);
    let name = format!("seed-{seed}");
    let target = target(db, &name).await;
    // Often both look the same from here, as behind a proxy.
    let program = if rng.bool() { "product/1" } else { "product/2" };
    let mut products = ["product/1", program].map(|it| Product::new(Http::new(url, &name, it)));
    let mut world = World::default();
    // Renames send everybody to a full read: without them there are more events.
    let renames = rng.bool();
    let restarts = rng.bool();

    for _ in 0..TICKS {
        match rng.u32(..10) {
            0..2 => {
                for _ in 0..rng.u32(1..4) {
                    world.change(&mut rng, renames);
                }
                publish(db, target, &world.text()).await;
            }
            2..5 => drop(products[0].step().await),
            5..8 => drop(products[1].step().await),
            8 => {
                let product = &mut products[rng.usize(..2)];
                if product.is_idle() && product.has_token() {
                    product.step().await;
                }
            }
            _ if restarts && rng.u32(..4) == 0 => products[rng.usize(..2)].restart(),
            _ => {}
        }
    }
    publish(db, target, &world.text()).await;
    if restarts {
        for product in &mut products {
            while !product.is_idle() {
                product.step().await;
            }
        }
        forget_reads_broken_off(db, target).await;
    }
    let directory = directory(db, target).await;
    catch_up(&mut products).await;
    for product in &products {
        product.check_holds(&directory);
    }
    products.map(|it| it.seen)
}

/// Lets both go on until both know everything. Each does one thing to its end before the other goes
/// on: two that begin and end their reads in lockstep are told to read again until the store forgets
/// their reads, and hold the directory all the same.
async fn catch_up(products: &mut [Product; 2]) {
    const ROUNDS_MAX: u32 = 8;
    for _ in 0..ROUNDS_MAX {
        let mut are_up_to_date = true;
        for product in &mut *products {
            are_up_to_date &= loop {
                let is_up_to_date = product.step().await;
                if product.is_idle() {
                    break is_up_to_date;
                }
            };
        }
        if are_up_to_date {
            return;
        }
    }
    panic!("a product never catches up: {products:?}");
}

/// As if a day had passed.
async fn forget_reads_broken_off(db: &Db, target: TargetId) {
    const SQL: &str = "update directory_reads set started_at = started_at - 86400000000 \
         where target_id = $1";
    with_pool!(db, pool => {
        sqlx::query(SQL).bind(target.0).execute(pool).await.unwrap();
    });
}

/// A few people who get in each other's way.
#[derive(Default)]
struct World {
    people: BTreeMap<u32, Person>,
}

struct Person {
    name: String,
    mail: u32,
    active: bool,
    groups: BTreeSet<u32>,
}

impl World {
    fn change(&mut self, rng: &mut Rng, renames: bool) {
        let id = rng.u32(1..9);
        let name = self.vacant_name(rng);
        let ids: Vec<u32> = self.people.keys().copied().collect();
        let Some(person) = self.people.get_mut(&id) else {
            let groups = (0..4).filter(|_| rng.u32(..3) == 0).collect();
            self.people.insert(id, Person { name, mail: 0, active: true, groups });
            return;
        };
        match rng.u32(..12) {
            0..2 if 1 < ids.len() => {
                self.people.remove(&id);
            }
            2 if renames => person.name = name,
            3 if renames => {
                let other = *rng.choice(&ids).unwrap();
                let name = person.name.clone();
                let theirs =
                    std::mem::replace(&mut self.people.get_mut(&other).unwrap().name, name);
                self.people.get_mut(&id).unwrap().name = theirs;
            }
            4 => person.active = !person.active,
            5..7 => person.mail += 1,
            _ => {
                let group = rng.u32(..4);
                if !person.groups.remove(&group) {
                    person.groups.insert(group);
                }
            }
        }
    }

    /// From few names, so that they are used again by others, in other letters.
    fn vacant_name(&self, rng: &mut Rng) -> String {
        loop {
            let name = format!("{}-{}", if rng.bool() { "NN" } else { "nn" }, rng.u32(..12));
            let is_taken = |it: &Person| it.name.eq_ignore_ascii_case(&name);
            if !self.people.values().any(is_taken) {
                return name;
            }
        }
    }

    fn text(&self) -> String {
        // The gate holds every plan of an empty source.
        let mut text = "0 always".to_owned();
        for (id, person) in &self.people {
            let Person { name, mail, active, groups } = person;
            let state = if *active { "" } else { " off" };
            write!(text, "\n{id} {name} mail=m{mail}@acme.test{state} :").unwrap();
            for group in groups {
                write!(text, " g{group}").unwrap();
            }
        }
        text
    }
}
