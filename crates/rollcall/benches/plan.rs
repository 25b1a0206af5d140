//! The planner alone, and the mapping alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use reconcile::mapping::existing::Existing;
use reconcile::mapping::groups::GroupRules;
use reconcile::mapping::rules::PersonRules;
use reconcile::mapping::{Keeps, Rules};
use reconcile::plan::{Cleanup, EmptyGroups, Past, Policy};
use reconcile::principal::{ExternalId, FieldPaths, Fields, Grant, Name, Record, Standing};
use reconcile::{mapping, plan};
use serde_json::json;

use crate::{Aim, Row, seconds};

pub(crate) fn row(users: usize) -> Row {
    let differences = users / 10;
    let policy = Policy::new(Cleanup::Disable, EmptyGroups::Keep);
    let (before, _) = mapping::desired(records(users, 0), BTreeSet::new(), &[], &GroupRules::PLAIN);
    let (desired, _) =
        mapping::desired(records(users, differences), BTreeSet::new(), &[], &GroupRules::PLAIN);

    let began = Instant::now();
    let (plan, _) = plan::plan(&desired, &before.directory, &BTreeMap::new(), &policy, &Past::NONE);
    let took = began.elapsed();

    let began = Instant::now();
    let again = plan::plan(&before, &before.directory, &BTreeMap::new(), &policy, &Past::NONE).0;
    let floor = began.elapsed();
    assert_eq!((plan.steps.len(), again.steps.len()), (differences, 0));
    Row {
        work: format!("Plan alone: {users} users, {differences} differences"),
        measured: vec![
            ("steps", json!(plan.steps.len())),
            ("comparing equal directories", json!(format!("{:.3} s", seconds(floor)))),
        ],
        aims: vec![Aim { what: "wall", measured: seconds(took), at_most: 0.5, unit: "s" }],
    }
}

/// A dozen rows, of every kind that there is.
pub(crate) const ROWS: [&str; 12] = [
    "username = email | lower | strip-domain | replace \"/[^a-z0-9.]+/\" \"-\"",
    "email = email | lower",
    "first-name = firstname | trim",
    "last-name = lastname | trim",
    "display-name = \"{lastname}, {firstname}\" or username",
    "title = title | default none",
    "department = department | map Sales = S, IT = I else other",
    "organisation = company or department",
    "phone = phone | replace \"/[^0-9+]/\" \"\"",
    "locale = preferred_locale_code; otherwise ignore",
    "synch.mailbox = \"{mapped.username}@acme.test\"",
    "synch.short = {{ user.department[:3] | upper if user.department else none }}",
];

pub(crate) fn mapping_row(users: usize) -> Row {
    let rows = ROWS.map(str::to_owned);
    let people = PersonRules::parse(&rows, None, &|_| Ok(())).unwrap();
    let map = |people: PersonRules| {
        let rules = Rules { people, groups: GroupRules::PLAIN, keeps: Keeps::default() };
        let records = records(users, 0);
        let began = Instant::now();
        let (desired, findings) =
            mapping::desired_by(records, BTreeSet::new(), &[], &rules, &Existing::default());
        let took = began.elapsed();
        assert_eq!((desired.directory.users.len(), findings.len()), (users, 0));
        took
    };
    let (floor, took) = (map(PersonRules::FIXED), map(people));
    Row {
        work: format!("Mapping alone: {users} users, {} rows", ROWS.len()),
        measured: vec![
            ("floor: the fixed rules", json!(format!("{:.3} s", seconds(floor)))),
            ("to floor", json!(format!("{:.1} times", seconds(took) / seconds(floor)))),
        ],
        aims: vec![Aim { what: "wall", measured: seconds(took), at_most: 1.0, unit: "s" }],
    }
}

/// People in two of fifty roles each; the first of them have another e-mail.
fn records(users: usize, changed: usize) -> Vec<Record> {
    let roles: Vec<Arc<Grant>> = (0..50)
        .map(|role| {
            let name = format!("Role {role}");
            let origin = format!("role {name:?}").into();
            Arc::new(Grant { group: Name::new(&name), kind: "role".into(), origin })
        })
        .collect();
    let words: Arc<str> = Arc::from("Active (status 1)");
    let paths =
        FieldPaths::new(["title", "department", "company", "phone", "preferred_locale_code"]);
    let values: [Option<Arc<str>>; 5] =
        ["Acme", "Sales", "+49 (30) 123-45", "en", "Engineer"].map(|it| Some(it.into()));
    let fields = Fields::new(&paths, values);
    let grants = |person: usize| roles.iter().skip(person % 49).take(2).cloned().collect();
    let record = |person: usize| {
        let mailbox = if person < changed { "changed" } else { "person" };
        Record {
            id: ExternalId::new(&(100_000_000 + person).to_string()),
            username: Some(format!("person.{person}").into()),
            email: Some(format!("{mailbox}.{person}@acme.test").into()),
            display_name: None,
            first_name: Some("Ada".into()),
            last_name: Some(format!("Lee {person}").into()),
            standing: Standing::Active,
            standing_words: Arc::clone(&words),
            grants: grants(person),
            fields: fields.clone(),
        }
    };
    (0..users).map(record).collect()
}
