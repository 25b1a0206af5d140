//! Small directories in a text notation, and the way they are published.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use reconcile::directory::Directory;
use reconcile::gate::decisions::{Approval, Decisions};
use reconcile::gate::{self, Approved, Held, Hold, Limit, Limits, Rules, Terms};
use reconcile::mapping;
use reconcile::mapping::groups::GroupRules;
use reconcile::pattern::Patterns;
use reconcile::plan::{
    self, Absence, Change, Cleanup, EmptyGroups, Past, Plan, Policy, Reason, Step,
};
use reconcile::principal::{ExternalId, Fields, Grant, Name, Record, Standing, User};
use rollcall::store::Db;
use rollcall::store::targets::TargetId;
use rollcall::target::{Applied, TargetError, crowd, password};
use rollcall::with_pool;

pub(crate) const PASSWORD: &str = "the-password-of-the-application";

/// As far from the gate's limits as can be: what is tested here comes after it.
const PERMISSIVE: Limits = Limits {
    deactivations: EVERYTHING,
    removals: EVERYTHING,
    membership_removals: EVERYTHING,
    renames: EVERYTHING,
    email_changes: EVERYTHING,
    group_loss_percent_max: 100,
    group_loss_members_min: usize::MAX,
    shrinkage_percent_max: 100,
    small_directory_floor: usize::MAX,
    hold: Hold::Harmful,
};
const EVERYTHING: Limit = Limit { count_max: usize::MAX, percent_max: 100 };

static NOBODY: Patterns = Patterns::NONE;

/// People who leave are removed and groups that empty vanish: the most that a plan can do.
const POLICY: Policy = Policy::new(Cleanup::Delete, EmptyGroups::Remove);

/// A row of `targets` whose application is called like the target.
pub(crate) async fn target(db: &Db, name: &str) -> TargetId {
    const CONNECTOR: &str = "insert into connectors (name, name_folded, provider, settings, \
         client_secret, created_at, updated_at) values ($1, $1, 'onelogin', '{}', $2, 0, 0) returning id";
    const TARGET: &str = "insert into targets (connector_id, name, name_folded, kind, application, \
         password_hash, epoch, created_at) values ($1, $2, $2, 'crowd', $2, $3, 'e1', 0) returning id";
    let hash = password::hash(PASSWORD);
    let (id,): (i64,) = with_pool!(db, pool => {
        let (connector,): (i64,) = sqlx::query_as(CONNECTOR)
            .bind(name).bind(Vec::<u8>::new()).fetch_one(pool).await.unwrap();
        sqlx::query_as(TARGET).bind(connector).bind(name).bind(hash).fetch_one(pool).await.unwrap()
    });
    TargetId(id)
}

/// One user a line: `7 ada off mail=a@acme.test : dev ops` is the user with the id 7 and the
/// username ada, inactive, in two groups. An underscore stands for a blank.
pub(crate) fn records(text: &str) -> Vec<Record> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(record).collect()
}

fn record(line: &str) -> Record {
    let (person, groups) = line.split_once(" :").unwrap_or((line, ""));
    let mut words = person.split_whitespace().map(|word| word.replace('_', " "));
    let (id, username) = (words.next().unwrap(), words.next().unwrap());
    let mut record = Record {
        id: ExternalId::new(&id),
        email: Some(format!("{username}@acme.test").into()),
        display_name: Some(format!("The {username}").into()),
        username: Some(username.into()),
        first_name: None,
        last_name: None,
        standing: Standing::Active,
        standing_words: Arc::from("Active"),
        grants: groups.split_whitespace().map(|group| grant(&group.replace('_', " "))).collect(),
        fields: Fields::default(),
    };
    for word in words {
        match word.split_once('=') {
            Some(("mail", mail)) => record.email = Some(mail.into()),
            Some(("name", name)) => record.display_name = Some(name.into()),
            _ if word == "off" => record.standing = Standing::Inactive,
            _ => panic!("the world is written wrong: {word}"),
        }
    }
    record
}

fn grant(group: &str) -> Arc<Grant> {
    Arc::new(Grant { group: Name::new(group), kind: "role".into(), origin: "role".into() })
}

/// Publishes the plan that makes the directory so.
pub(crate) async fn publish(db: &Db, target: TargetId, text: &str) -> Applied {
    publish_records(db, target, records(text)).await
}

pub(crate) async fn publish_records(db: &Db, target: TargetId, records: Vec<Record>) -> Applied {
    let actual = crowd::read(db, target).await.unwrap();
    let (desired, findings) = mapping::desired(records, BTreeSet::new(), &[], &GroupRules::PLAIN);
    assert_eq!(findings, []);
    let missing = plan::missing(&desired, &actual.directory, &POLICY);
    let gone: BTreeMap<_, _> = missing.into_iter().map(|id| (id, Absence::Gone)).collect();
    let (plan, _) = plan::plan(&desired, &actual.directory, &gone, &POLICY, &Past::NONE);
    let (approved, held) = check(plan, &actual.directory);
    assert!(held.is_empty(), "{held:?}");
    apply_approved(db, target, actual.generation, &approved).await.unwrap()
}

/// Applies changes that no plan would hold together.
pub(crate) async fn apply(
    db: &Db,
    target: TargetId,
    generation: i64,
    changes: Vec<Change>,
) -> Result<Applied, TargetError> {
    apply_approved(db, target, generation, &approve(changes)).await
}

async fn apply_approved(
    db: &Db,
    target: TargetId,
    generation: i64,
    approved: &Approved,
) -> Result<Applied, TargetError> {
    let mut tx = db.begin().await?;
    let applied = crowd::apply(&mut tx, target, generation, approved, Timestamp::now()).await?;
    tx.commit().await?;
    Ok(applied)
}

fn approve(changes: Vec<Change>) -> Approved {
    let steps = changes.into_iter().map(|change| Step { change, reason: Reason::New });
    let steps: Vec<Step> = steps.collect();
    // Some changes pass by an approval alone, whatever the limits.
    let approved = steps.iter().map(|it| Approval::of(it, "")).collect();
    let decisions = Decisions { approved, ..Decisions::default() };
    let plan = Plan { steps, people: 1, ..Plan::default() };
    let (approved, held) = gate::check(plan, &Directory::default(), &terms(&decisions));
    assert!(held.is_empty(), "{held:?}");
    approved
}

fn check(plan: Plan, actual: &Directory) -> (Approved, Held) {
    gate::check(plan, actual, &terms(&Decisions::default()))
}

fn terms(decisions: &Decisions) -> Terms<'_> {
    Terms {
        limits: &PERMISSIVE,
        decisions,
        rules: Rules::Unchanged,
        known_by: "",
        privileged: &NOBODY,
    }
}

pub(crate) fn user(line: &str) -> Arc<User> {
    Arc::new(mapping::user(&record(line)).unwrap())
}

pub(crate) async fn directory(db: &Db, target: TargetId) -> Directory {
    crowd::read(db, target).await.unwrap().directory
}

/// The directory in the notation of [`records`], by id, without what everybody has.
pub(crate) fn text(directory: &Directory) -> String {
    let mut text = String::new();
    for user in directory.users.values() {
        let groups = directory.groups.iter().filter(|(_, members)| members.contains(&user.id));
        let groups: Vec<&str> = groups.map(|(group, _)| group.as_str()).collect();
        let state = if user.active { "" } else { " off" };
        let line = format!("{} {}{state} : {}", user.id, user.username, groups.join(" "));
        text.push_str(line.trim_end_matches([' ', ':']));
        text.push('\n');
    }
    text
}
