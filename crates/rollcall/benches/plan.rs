//! The planner alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use reconcile::mapping::groups::GroupRules;
use reconcile::plan::{Cleanup, EmptyGroups, Past, Policy};
use reconcile::principal::{ExternalId, Fields, Grant, Name, Record, Standing};
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
            fields: Fields::default(),
        }
    };
    (0..users).map(record).collect()
}
