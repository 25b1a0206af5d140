//! Small worlds in a text notation, for tests.
//!
//! One user a line: `7 ada off mail=a@acme.test : dev ops` is the user with the id 7 and the
//! username ada, inactive, in two groups. `[qa]` is a group without members.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::directory::Directory;
use crate::mapping::groups::GroupRules;
use crate::mapping::{self, Desired};
use crate::plan::{Absence, Change};
use crate::principal::{ExternalId, FieldPaths, Fields, Grant, Name, Record, Standing, User};

pub(crate) fn id(text: &str) -> ExternalId {
    ExternalId::new(text)
}

pub(crate) fn directory(text: &str) -> Directory {
    let mut directory = Directory::default();
    for line in lines(text) {
        if let Some(group) = line.strip_prefix('[') {
            directory.groups.insert(Name::new(group.trim_end_matches(']')), BTreeSet::new());
            continue;
        }
        let record = record(line);
        for grant in &record.grants {
            directory.groups.entry(grant.group.clone()).or_default().insert(record.id.clone());
        }
        let user = mapping::user(&record).expect("the world is written right");
        directory.users.insert(user.id.clone(), Arc::new(user));
    }
    directory
}

/// As [`directory`], through the mapping. A line that starts with `?` is somebody withheld.
pub(crate) fn desired(text: &str) -> Desired {
    let (odd, plain): (Vec<&str>, Vec<&str>) = lines(text).partition(|line| line.starts_with('?'));
    let unreadable = odd.iter().map(|line| id(line.trim_start_matches('?').trim())).collect();
    let (desired, findings) = mapping::desired(
        plain.into_iter().map(record).collect(),
        unreadable,
        &[],
        &GroupRules::PLAIN,
    );
    assert_eq!(findings, [], "the world is written right");
    desired
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// Also knows `pending`, `unknown`, `first=Ada`, `last=Lee`, `name=Ada_Lee` and, for a username, `_`
/// for none. `.department=Sales` is a further field, `.floor?` one that the source does not have.
pub(crate) fn record(line: &str) -> Record {
    let (person, groups) = line.split_once(':').unwrap_or((line, ""));
    let mut words = person.split_whitespace();
    let id = id(words.next().expect("an id"));
    let username = words.next().filter(|it| *it != "_").map(Box::from);
    let mut record = Record {
        id,
        email: username.as_deref().map(|it| format!("{it}@acme.test").into()),
        username,
        display_name: None,
        first_name: None,
        last_name: None,
        standing: Standing::Active,
        standing_words: Arc::from("Active (status 1)"),
        grants: Vec::new(),
        fields: Fields::default(),
    };
    let mut fields: BTreeMap<&str, Option<Arc<str>>> = BTreeMap::new();
    let mut untold = BTreeSet::new();
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        if let Some(path) = key.strip_prefix('.') {
            let has_none = path.strip_suffix('?');
            untold.extend(has_none);
            let value = has_none.is_none().then(|| value.replace('_', " ").into());
            fields.insert(has_none.unwrap_or(path), value);
            continue;
        }
        let value = (!value.is_empty()).then(|| Box::from(value.replace('_', " ")));
        match key {
            "off" => {
                (record.standing, record.standing_words) = (Standing::Inactive, "Suspended".into());
            }
            "kept" => record.standing = Standing::Kept,
            "kept-only" => record.standing = Standing::KeptOnly,
            "pending" => {
                (record.standing, record.standing_words) = (Standing::Pending, "Invited".into());
            }
            "unknown" => {
                (record.standing, record.standing_words) = (Standing::Unknown, "status 99".into());
            }
            "mail" => record.email = value,
            "first" => record.first_name = value,
            "last" => record.last_name = value,
            "name" => record.display_name = value,
            other => panic!("{other:?} is not in the notation"),
        }
    }
    let paths = FieldPaths::new(fields.keys());
    record.fields = Fields::without(&paths, fields.into_values(), FieldPaths::new(untold));
    for group in groups.split_whitespace() {
        let origin = format!("role {group:?}").into();
        record.grants.push(Arc::new(Grant {
            group: Name::new(group),
            kind: "role".into(),
            origin,
        }));
    }
    record
}

pub(crate) fn gone(ids: &str) -> BTreeMap<ExternalId, Absence> {
    ids.split_whitespace().map(|it| (id(it), Absence::Gone)).collect()
}

/// A target in memory that refuses whatever a real one would refuse.
pub(crate) fn apply(directory: &Directory, changes: &[&Change]) -> Directory {
    let mut after = directory.clone();
    let is_new = |id: &ExternalId| !directory.users.contains_key(id);
    for &change in changes {
        // Whoever's account comes back may bring a membership in a local group with it.
        let is_brought = matches!(change, Change::AddMember { user, .. } if is_new(&user.id));
        let is_adoption = matches!(change, Change::AdoptGroup { .. });
        let is_local = change.group().is_some_and(|group| after.local.contains(group));
        assert!(!is_local || is_adoption || is_brought, "{change} is not ours to do");
        apply_one(&mut after, change);
    }
    let usernames: BTreeSet<&Name> = after.users.values().map(|user| &user.username).collect();
    assert_eq!(usernames.len(), after.users.len(), "two users share a username");
    after
}

fn apply_one(directory: &mut Directory, change: &Change) {
    let Directory { users, groups, local } = directory;
    let mut edit = |user: &User, edit: &dyn Fn(&mut User)| {
        let user = users.get_mut(&user.id).expect("only a user who is there is changed");
        edit(Arc::make_mut(user));
    };
    match change {
        Change::Create { user } => {
            let before = users.insert(user.id.clone(), Arc::clone(user));
            assert_eq!(before, None, "created twice");
            assert!(user.active, "nobody is created inactive");
        }
        Change::Reactivate { user } => edit(user, &|it| {
            assert!(!it.active);
            it.active = true;
        }),
        Change::Rename { user, to } => edit(user, &|it| it.username = to.clone()),
        Change::Update { before, after } => edit(before, &|it| {
            *it = User { username: it.username.clone(), active: it.active, ..(**after).clone() };
        }),
        Change::CreateGroup { group } => {
            assert_eq!(groups.insert(group.clone(), BTreeSet::new()), None, "created twice");
        }
        Change::AdoptGroup { group } => {
            assert!(groups.contains_key(group), "nothing to adopt");
            assert!(local.remove(group), "{group} is ours already");
        }
        Change::MakeLocal { group } => {
            assert!(groups.contains_key(group), "nothing to make local");
            local.insert(group.clone());
        }
        Change::AddMember { group, user } => {
            assert!(users.contains_key(&user.id), "a member before the user");
            let members = groups.get_mut(group).expect("a member before the group");
            assert!(members.insert(user.id.clone()), "added twice");
        }
        Change::RemoveMember { group, user } => {
            let members = groups.get_mut(group).expect("left a group that is not there");
            assert!(members.remove(&user.id), "left a group they are not in");
        }
        Change::Deactivate { user } => edit(user, &|it| {
            assert!(it.active);
            it.active = false;
        }),
        Change::Anonymise { before, after } => edit(before, &|it| {
            assert!(!after.active);
            *it = (**after).clone();
        }),
        Change::Remove { user } => {
            assert!(users.remove(&user.id).is_some(), "removed twice");
            for members in groups.values_mut() {
                members.remove(&user.id);
            }
        }
        Change::RemoveGroup { group } => {
            let members = groups.remove(group).expect("removed twice");
            assert!(members.is_empty(), "removed a group with members in it");
        }
    }
}
