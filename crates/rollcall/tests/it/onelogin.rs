//! The OneLogin source against a sandbox.

mod budget;
mod chaos;
mod check;
mod faults;
mod fields;
mod guard;
mod paging;
mod people;
mod scope;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reconcile::principal::Record;
use rollcall::http::backoff::Backoff;
use rollcall::http::{Client, Limits};
use rollcall::secret::Secret;
use rollcall::source::onelogin::OneLogin;
use rollcall::source::onelogin::error::SourceError;
use rollcall::source::onelogin::report::Read;
use rollcall::source::onelogin::settings::{GroupSource, ScopeSettings, Settings};
use sandbox::onelogin::{Admin, Data, Options, Population, Sandbox, Tenant};

/// As in production, but nobody waits for long.
pub(crate) fn limits() -> Limits {
    Limits {
        connect_timeout: Duration::from_secs(1),
        first_byte_timeout: Duration::from_millis(1_500),
        whole_reply_timeout: Duration::from_millis(2_500),
        body_bytes_max: 16 * 1024 * 1024,
        attempts_max: 4,
        backoff: Backoff { first: Duration::from_millis(2), max: Duration::from_millis(10) },
        wait_max: Duration::from_secs(1),
        allow_loopback: true,
    }
}

pub(crate) fn population(users: u32) -> Population {
    Population { users, roles: 12, groups: 5, roles_per_user: 2, seed: 7, data: Data::Odd }
}

pub(crate) async fn start(users: u32) -> Sandbox {
    start_with(Tenant::generate(&population(users)), Options::quiet(7)).await
}

pub(crate) async fn start_with(tenant: Tenant, options: Options) -> Sandbox {
    sandbox::onelogin::start(tenant, options).await.unwrap()
}

pub(crate) fn settings(sandbox: &Sandbox) -> Settings {
    Settings {
        base_url: sandbox.base_url(),
        client_id: sandbox.client_id().to_owned(),
        groups_from: [GroupSource::MemberOf, GroupSource::Roles, GroupSource::Group].into(),
        required_groups: Vec::new(),
        scope: ScopeSettings::default(),
        statuses: Vec::new(),
        minimum_remaining_api_calls: 10,
    }
}

pub(crate) fn connect(sandbox: &Sandbox, settings: Settings) -> OneLogin {
    connect_with(sandbox, settings, limits())
}

pub(crate) fn connect_with(sandbox: &Sandbox, settings: Settings, limits: Limits) -> OneLogin {
    let secret = Secret::new(sandbox.client_secret().to_owned());
    OneLogin::new(settings, secret, Client::new(limits).unwrap()).unwrap()
}

/// A new run with the usual settings.
pub(crate) fn source(sandbox: &Sandbox) -> OneLogin {
    connect(sandbox, settings(sandbox))
}

pub(crate) async fn read(sandbox: &Sandbox) -> Result<Read, SourceError> {
    source(sandbox).read(&|_| {}).await
}

/// What a person is and has, in a form that both sides can be brought to.
pub(crate) type Person = (String, String, String, BTreeSet<String>);

/// What was read, by id.
pub(crate) fn people(records: &[Record]) -> BTreeMap<String, Person> {
    let text = |value: &Option<Box<str>>| value.as_deref().unwrap_or_default().to_owned();
    let person = |record: &Record| {
        let groups = record.grants.iter().map(|it| it.group.as_str().to_owned()).collect();
        let words = record.standing_words.to_string();
        (text(&record.username), text(&record.email), words, groups)
    };
    records.iter().map(|it| (it.id.to_string(), person(it))).collect()
}

/// What the tenant holds, told by the sandbox and not by our code.
pub(crate) fn tenant(admin: &Admin) -> BTreeMap<String, Person> {
    admin.with_tenant(|tenant| {
        let mut all = BTreeMap::new();
        for id in tenant.user_ids() {
            let user = tenant.user(*id).unwrap();
            let roles = tenant.roles().clone();
            let mut groups: BTreeSet<String> =
                user.role_ids.iter().map(|it| roles[it].name.clone()).collect();
            groups.extend(user.group_id.map(|it| tenant.groups()[&it].name.clone()));
            groups.extend(member_of(user.member_of.as_deref().unwrap_or_default()));
            let text = |value: &Option<std::borrow::Cow<'static, str>>| {
                value.as_deref().unwrap_or_default().trim().to_owned()
            };
            let words = words(user.status, user.state).to_owned();
            all.insert(id.to_string(), (text(&user.username), text(&user.email), words, groups));
        }
        all
    })
}

/// The slow and plain way to read `member_of`, for the values that the sandbox makes up.
fn member_of(joined: &str) -> Vec<String> {
    let hidden = joined.replace("\\,", "\u{1}").replace("\\2C", "\u{1}").replace("\\;", "\u{2}");
    let entries = hidden.split(';').map(str::trim).filter(|it| !it.is_empty());
    let name = |entry: &str| {
        let first = entry.split(',').next().unwrap();
        let name = first.split_once('=').map_or(entry, |it| it.1);
        name.replace('\u{1}', ",").replace('\u{2}', ";")
    };
    entries.map(name).collect()
}

fn words(status: i64, state: i64) -> &'static str {
    match (status, state) {
        (_, 0) => "Unapproved (state 0)",
        (_, 2) => "Rejected (state 2)",
        (_, 3) => "Unlicensed (state 3)",
        (0, _) => "Unactivated (status 0)",
        (1, _) => "Active (status 1)",
        (2, _) => "Suspended (status 2)",
        (3, _) => "Locked (status 3)",
        (4, _) => "Password expired (status 4)",
        (5, _) => "Awaiting password reset (status 5)",
        (7, _) => "Password pending (status 7)",
        (8, _) => "Security questions required (status 8)",
        other => panic!("{other:?} is nobody's status"),
    }
}

/// The promise: what was read is the whole tenant, or it is an error that helps.
pub(crate) fn assert_whole_or_helpful(
    what: &str,
    sandbox: &Sandbox,
    read: Result<Read, SourceError>,
) {
    match read {
        Ok(read) => assert_whole(what, sandbox, &read),
        Err(error) => assert_helpful(what, &error),
    }
}

/// Everybody is told of: with all they have, or as unreadable.
pub(crate) fn assert_whole(what: &str, sandbox: &Sandbox, read: &Read) {
    let found = people(&read.records);
    let mut expected = tenant(sandbox.admin());
    for id in &read.unreadable {
        assert!(expected.remove(id.as_str()).is_some(), "{what}: #{id} is nobody");
    }
    let without_id = read.proof.without_id;
    if 0 < without_id {
        let missing: Vec<_> =
            expected.keys().filter(|it| !found.contains_key(*it)).cloned().collect();
        assert_eq!(missing.len(), without_id, "{what}: {missing:?}");
        for id in &missing {
            expected.remove(id);
        }
    }
    for (id, person) in &expected {
        assert_eq!(found.get(id), Some(person), "{what}: #{id}");
    }
    assert_eq!(found.len(), expected.len(), "{what}");
    assert_eq!(read.seen, found.len() + read.unreadable.len() + without_id, "{what}");
    assert!(read.records.is_sorted_by(|one, other| one.id < other.id), "{what}");
}

/// A sentence with a beginning and an end, which gives nothing away.
pub(crate) fn assert_helpful(what: &str, error: &SourceError) {
    let text = error.to_string();
    assert!(20 < text.len() && text.len() < 700, "{what}: {text}");
    assert!(text.contains(['.', ')']), "{what}: {text}");
    assert!(!text.contains("Bearer") && !text.contains("access_token"), "{what}: {text}");
    assert!(!text.contains('@'), "{what}: no address of a person: {text}");
    let kinds = [error.is_unreachable_or_refused(), error.is_budget(), error.is_configuration()];
    assert_eq!(kinds.iter().filter(|it| **it).count(), 1, "{what}: one exit code: {text}");
}
