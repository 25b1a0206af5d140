//! Required OneLogin Groups: who is read, and for how many calls.

use std::collections::{BTreeMap, BTreeSet};

use reconcile::plan::Absence;
use reconcile::principal::ExternalId;
use rollcall::source::onelogin::error::SourceError;
use rollcall::source::onelogin::report::{Calls, Read};
use rollcall::source::onelogin::settings::{GroupSource, RequiredGroups, ScopeSettings, Settings};
use sandbox::onelogin::{
    Command, Data, Fault, Filter, Kind, Options, Population, RoleUsersScope, Sandbox, Tenant, User,
    When,
};

use super::{connect, people, settings, start_with, tenant};

/// 4,000 people on 80 pages of fifty.
async fn big() -> Sandbox {
    let mut options = Options::quiet(7);
    options.quirks.users_page_max = 50;
    big_with(options).await
}

async fn big_with(options: Options) -> Sandbox {
    let population = Population {
        users: 4_000,
        roles: 60,
        groups: 40,
        roles_per_user: 2,
        seed: 7,
        data: Data::Clean,
    };
    start_with(Tenant::generate(&population), options).await
}

async fn read_required(sandbox: &Sandbox, required: &[&str]) -> (Result<Read, SourceError>, Calls) {
    let mut settings = settings(sandbox);
    settings.groups_from = [GroupSource::Roles, GroupSource::Group].into();
    settings.required_groups = required.iter().map(|it| (*it).to_owned()).collect();
    let source = connect(sandbox, settings);
    let read = source.read(&|_| {}).await;
    (read, source.calls())
}

/// Names of roles and groups of the tenant, with the ids of their members.
fn holders(sandbox: &Sandbox) -> BTreeMap<String, BTreeSet<String>> {
    sandbox.admin().with_tenant(|tenant| {
        let mut holders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for id in tenant.user_ids() {
            let user = tenant.user(*id).unwrap();
            let roles = user.role_ids.iter().map(|it| format!("role:{}", tenant.roles()[it].name));
            let group = user.group_id.map(|it| format!("group:{}", tenant.groups()[&it].name));
            for name in roles.chain(group) {
                holders.entry(name).or_default().insert(id.to_string());
            }
        }
        holders
    })
}

/// Everybody in any of these, and nobody else, with all the groups that they have.
fn assert_exact(what: &str, sandbox: &Sandbox, required: &[&str], read: &Read) {
    let holders = holders(sandbox);
    let expected: BTreeSet<String> =
        required.iter().flat_map(|it| holders[*it].iter().cloned()).collect();
    let found = people(&read.records);
    assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), expected, "{what}");
    let everybody = tenant(sandbox.admin());
    for (id, (username, ..)) in &found {
        assert_eq!(&everybody[id].0, username, "{what}");
    }
    let names = |id: &String| -> BTreeSet<String> {
        let mine = holders.iter().filter(|it| it.1.contains(id));
        mine.map(|it| it.0.split_once(':').unwrap().1.to_owned()).collect()
    };
    for (id, (_, _, _, groups)) in &found {
        assert_eq!(groups, &names(id), "{what}: all groups of #{id}");
    }
    assert_eq!(read.seen, everybody.len(), "{what}");
    assert_eq!(read.out_of_scope, everybody.len() - expected.len(), "{what}");
}

fn users_calls(calls: &Calls) -> (u64, u64) {
    let count = |endpoint| calls.by_endpoint.get(endpoint).copied().unwrap_or(0);
    (count("GET /api/2/users"), count("GET /api/2/roles/{id}/users"))
}

#[tokio::test]
async fn a_required_group_is_read_by_its_own_query() {
    let sandbox = big().await;
    let holders = holders(&sandbox);
    let (name, members) = holders.iter().find(|it| it.0.starts_with("group:")).unwrap();
    let (read, calls) = read_required(&sandbox, &[name]).await;
    let read = read.unwrap();
    assert_exact(name, &sandbox, &[name], &read);
    let pages = members.len().div_ceil(50) as u64;
    assert_eq!(users_calls(&calls), (1 + pages, 0), "{}", read.strategy);
    assert!(read.strategy.starts_with("Only whoever has group"), "{}", read.strategy);
}

#[tokio::test]
async fn a_required_role_is_read_by_its_members_and_their_ids() {
    let sandbox = big().await;
    let holders = holders(&sandbox);
    let (name, members) = holders.iter().find(|it| it.0.starts_with("role:")).unwrap();
    let (read, calls) = read_required(&sandbox, &[name]).await;
    let read = read.unwrap();
    assert_exact(name, &sandbox, &[name], &read);
    let count = members.len();
    let expected = (1 + count.div_ceil(50) as u64, count.div_ceil(100) as u64);
    assert_eq!(users_calls(&calls), expected, "{}", read.strategy);
}

#[tokio::test]
async fn roles_and_groups_together_are_read_once_each() {
    let sandbox = big().await;
    let holders = holders(&sandbox);
    let role = holders.keys().find(|it| it.starts_with("role:")).unwrap();
    let group = holders.keys().find(|it| it.starts_with("group:")).unwrap();
    let (read, _) = read_required(&sandbox, &[role, group]).await;
    let read = read.unwrap();
    assert_exact("both", &sandbox, &[role, group], &read);
    assert!(read.strategy.starts_with("Only"), "{}", read.strategy);
}

#[tokio::test]
async fn members_who_do_not_come_back_by_id_are_not_taken_for_deleted() {
    let sandbox = big().await;
    let holders = holders(&sandbox);
    let (name, members) = holders.iter().find(|it| it.0.starts_with("role:")).unwrap();
    // The first page of everybody is answered; every question by id, which is for page 1 too, is not.
    let by_id = When { nth: 2, ..When::page("GET /api/2/users", 1) };
    let nobody = Kind::Body { text: "[]".to_owned() };
    sandbox.admin().inject(Fault::always(by_id, nobody));
    let (read, _) = read_required(&sandbox, &[name]).await;
    let read = read.unwrap();
    assert_exact(name, &sandbox, &[name], &read);
    assert_eq!(read.records.len(), members.len());
    assert!(read.strategy.starts_with("Everybody"), "{}", read.strategy);
}

#[tokio::test]
async fn members_who_are_deleted_between_the_lists_are_counted() {
    let sandbox = big().await;
    let holders = holders(&sandbox);
    let (name, members) = holders.iter().find(|it| it.0.starts_with("role:")).unwrap();
    let leave = |count: usize| {
        let ids =
            members.iter().take(count).map(|id| Command::DeleteUser { id: id.parse().unwrap() });
        let endpoint = "GET /api/2/roles/{id}/users";
        let last = members.len().div_ceil(100) as u64;
        sandbox.admin().after(When::nth(endpoint, last), ids.collect());
    };
    leave(2);
    let (read, _) = read_required(&sandbox, &[name]).await;
    let read = read.unwrap();
    assert_eq!(read.records.len(), members.len() - 2);
    assert_eq!(read.proof.gone_meanwhile, 2, "{}", read.proof);
}

#[tokio::test]
async fn everybody_is_read_where_that_is_cheaper() {
    let mut options = Options::quiet(7);
    options.quirks.users_page_max = 1000;
    let sandbox = big_with(options).await;
    let holders = holders(&sandbox);
    let names: Vec<&str> =
        holders.keys().filter(|it| it.starts_with("role:")).map(String::as_str).collect();
    let (read, calls) = read_required(&sandbox, &names[..6]).await;
    let read = read.unwrap();
    assert_exact("six roles", &sandbox, &names[..6], &read);
    assert_eq!(users_calls(&calls), (4, 0), "{}", read.strategy);
    assert!(read.strategy.starts_with("Everybody"), "{}", read.strategy);
}

#[tokio::test]
async fn a_filter_that_is_not_heard_lets_nobody_in() {
    let mut options = Options::quiet(7);
    options.quirks.users_page_max = 50;
    options.quirks.group_filter = Filter::Ignored;
    let sandbox = big_with(options).await;
    let holders = holders(&sandbox);
    let name = holders.keys().find(|it| it.starts_with("group:")).unwrap();
    let (read, calls) = read_required(&sandbox, &[name]).await;
    let read = read.unwrap();
    assert_exact("ignored", &sandbox, &[name], &read);
    assert_eq!(users_calls(&calls), (81, 0), "{}", read.strategy);
    assert!(read.strategy.contains("does not filter by group"), "{}", read.strategy);
}

#[tokio::test]
async fn a_refused_list_of_members_is_replaced_by_everybody() {
    let mut options = Options::quiet(7);
    options.quirks.users_page_max = 50;
    options.quirks.role_users_scope = RoleUsersScope::ManageAll;
    let sandbox = big_with(options).await;
    let holders = holders(&sandbox);
    let name = holders.keys().find(|it| it.starts_with("role:")).unwrap();
    let (read, _) = read_required(&sandbox, &[name]).await;
    let read = read.unwrap();
    assert_exact("refused", &sandbox, &[name], &read);
    assert!(read.strategy.contains("is refused (401)"), "{}", read.strategy);
}

/// Three people: ada in role Staff, eve in group Sales, tom by `member_of` alone.
async fn small() -> Sandbox {
    let sandbox = start_with(Tenant::empty(), Options::quiet(7)).await;
    let admin = sandbox.admin();
    let staff = admin.create_role("Staff").unwrap();
    admin.create_role("Twins").unwrap();
    admin.create_role("twins").unwrap();
    admin.create_role("Both").unwrap();
    admin.create_group("Both").unwrap();
    let sales = admin.create_group("Sales").unwrap();
    let user = |name: &str| User { username: Some(name.to_owned().into()), ..User::active() };
    admin.create_user(User { role_ids: vec![staff], ..user("ada") }).unwrap();
    admin.create_user(User { group_id: Some(sales), ..user("eve") }).unwrap();
    let member_of = "CN=Devs,OU=a;CN=Dup,OU=a;CN=Dup,OU=b;CN=staff,OU=c".to_owned();
    admin.create_user(User { member_of: Some(member_of.into()), ..user("tom") }).unwrap();
    sandbox
}

async fn names_in_scope(sandbox: &Sandbox, required: &[&str]) -> Result<String, String> {
    let mut settings = settings(sandbox);
    settings.required_groups = required.iter().map(|it| (*it).to_owned()).collect();
    let read = connect(sandbox, settings).read(&|_| {}).await.map_err(|error| {
        assert!(error.is_configuration(), "{error}");
        error.to_string()
    })?;
    let names: Vec<_> = read.records.iter().filter_map(|it| it.username.as_deref()).collect();
    Ok(names.join(" "))
}

#[tokio::test]
async fn a_required_group_may_be_written_in_many_ways() {
    let sandbox = small().await;
    let staff = sandbox.admin().with_tenant(|it| *it.roles().first_key_value().unwrap().0);
    for (required, names) in [
        (&["role:Staff"][..], "ada"),
        (&["role:STAFF "], "ada"),
        (&[&format!("role:#{staff}")], "ada"),
        (&["group:Sales"], "eve"),
        (&["Sales"], "eve"),
        (&["member_of:Devs"], "tom"),
        (&["Devs"], "tom"),
        (&["member_of:CN=Dup,OU=b"], "tom"),
        (&["member_of:staff"], "tom"),
        (&["role:Staff", "Sales", "member_of:Devs"], "ada eve tom"),
    ] {
        assert_eq!(names_in_scope(&sandbox, required).await.as_deref(), Ok(names), "{required:?}");
    }
}

#[tokio::test]
async fn a_required_group_that_is_nowhere_or_twice_is_refused_with_a_suggestion() {
    let sandbox = small().await;
    for (required, parts) in [
        ("role:Stafff", &["not among OneLogin's roles", "Did you mean \"Staff\"?"][..]),
        ("group:Salse", &["not among OneLogin's groups", "Did you mean \"Sales\"?"]),
        ("member_of:Dev", &["not among OneLogin's member_of entries", "\"Devs\""]),
        ("Nobody", &["not among OneLogin's member_of entries, roles, groups"]),
        ("role:Twins", &["more than one thing", "role:#", " or role:#"]),
        ("Both", &["more than one thing", "role:#", " or group:#"]),
        ("member_of:Dup", &["member_of:CN=Dup,OU=a or member_of:CN=Dup,OU=b"]),
        ("Staff", &["more than one thing", "role:#", "member_of:CN=staff,OU=c"]),
        ("role:", &["names nothing"]),
        ("role:#x", &["an id follows the #"]),
        ("role:#1", &["not among OneLogin's roles"]),
    ] {
        let error = names_in_scope(&sandbox, &[required]).await.expect_err(required);
        for part in parts {
            assert!(error.contains(part), "{required}: {error}");
        }
    }
}

#[tokio::test]
async fn a_group_that_was_made_a_minute_ago_is_found_although_names_are_remembered() {
    let sandbox = small().await;
    assert_eq!(names_in_scope(&sandbox, &["role:Staff"]).await.as_deref(), Ok("ada"));
    let role = sandbox.admin().create_role("New").unwrap();
    let ada = sandbox.admin().with_tenant(|it| it.user_ids()[0]);
    sandbox.admin().add_role_member(role, ada).unwrap();
    assert_eq!(names_in_scope(&sandbox, &["role:New"]).await.as_deref(), Ok("ada"));
}

#[tokio::test]
async fn a_name_that_is_mistyped_is_met_with_the_nearest_of_any_kind() {
    let sandbox = big().await;
    let mut settings = settings(&sandbox);
    settings.groups_from = [GroupSource::Roles, GroupSource::Group, GroupSource::MemberOf].into();
    let role = sandbox.admin().with_tenant(|tenant| {
        let names = tenant.roles().values().map(|role| role.name.clone());
        names.max_by_key(String::len).unwrap()
    });
    settings.required_groups = vec![role.replacen(['e', 'i'], "", 1)];
    let error = connect(&sandbox, settings).read(&|_| {}).await.unwrap_err().to_string();
    assert!(error.contains(&role), "{error}");
}

/// What a scope says beside its required groups.
#[derive(Default)]
struct Asked<'a> {
    all: bool,
    required: &'a [&'a str],
    excluded: &'a [&'a str],
    conditions: &'a [&'a str],
}

fn asked_of(sandbox: &Sandbox, asked: &Asked<'_>) -> Settings {
    let owned = |texts: &[&str]| texts.iter().map(|&it| it.to_owned()).collect();
    let mut settings = settings(sandbox);
    settings.groups_from = [GroupSource::Roles, GroupSource::Group].into();
    settings.required_groups = owned(asked.required);
    settings.scope = ScopeSettings {
        matching: if asked.all { RequiredGroups::All } else { RequiredGroups::Any },
        excluded_groups: owned(asked.excluded),
        conditions: owned(asked.conditions),
    };
    settings
}

#[tokio::test]
async fn required_in_part_or_all_and_excluded_groups_let_in_exactly_whom_they_say() {
    let sandbox = big().await;
    let holders = holders(&sandbox);
    let everybody: BTreeSet<String> = tenant(sandbox.admin()).into_keys().collect();
    let roles: Vec<&str> =
        holders.keys().map(String::as_str).filter(|it| it.starts_with("role:")).collect();
    let groups: Vec<&str> =
        holders.keys().map(String::as_str).filter(|it| it.starts_with("group:")).collect();
    for (all, required, excluded) in [
        (true, &[roles[0], roles[1]][..], &[][..]),
        (true, &[roles[2], groups[0]], &[]),
        (true, &[groups[0], groups[1]], &[]),
        (true, &[roles[3]], &[groups[2], roles[4]]),
        (false, &[roles[0], groups[0]], &[roles[1]]),
        (false, &[], &[groups[0]]),
        (true, &[], &[groups[0], roles[0]]),
    ] {
        let settings = asked_of(&sandbox, &Asked { all, required, excluded, conditions: &[] });
        let source = connect(&sandbox, settings);
        let read = source.read(&|_| {}).await.unwrap();
        let is_in = |id: &&String, name: &str| holders[name].contains(*id);
        let has_required = |id: &&String| match (all, required) {
            (_, []) => true,
            (true, required) => required.iter().all(|name| is_in(id, name)),
            (false, required) => required.iter().any(|name| is_in(id, name)),
        };
        let expected: BTreeSet<String> = everybody
            .iter()
            .filter(has_required)
            .filter(|id| !excluded.iter().any(|name| is_in(id, name)))
            .cloned()
            .collect();
        let found: BTreeSet<String> = people(&read.records).into_keys().collect();
        assert_eq!(found, expected, "{all} {required:?} {excluded:?}: {}", read.strategy);
        assert_eq!(read.seen, everybody.len());
        assert_eq!(read.out_of_scope, everybody.len() - expected.len(), "{}", read.strategy);
        let is_alone = !required.is_empty();
        assert_eq!(read.strategy.starts_with("Only"), is_alone, "{}", read.strategy);
    }
}

#[tokio::test]
async fn where_all_are_required_the_smallest_group_alone_is_read() {
    let sandbox = big().await;
    let holders = holders(&sandbox);
    let size = |it: &&str| holders[*it].len();
    let roles = || holders.keys().map(String::as_str).filter(|it| it.starts_with("role:"));
    let (largest, smallest) =
        (roles().max_by_key(size).unwrap(), roles().min_by_key(size).unwrap());
    let required = [largest, smallest];
    let settings =
        asked_of(&sandbox, &Asked { all: true, required: &required, ..Asked::default() });
    let source = connect(&sandbox, settings);
    let read = source.read(&|_| {}).await.unwrap();
    let both = holders[largest].intersection(&holders[smallest]).count();
    assert_eq!(read.records.len(), both);
    // The first page of each is asked for, and then the members of the smaller one.
    let members = holders[smallest].len();
    let expected = (1 + members.div_ceil(49) as u64, 1 + members.div_ceil(100) as u64);
    let (users, role_users) = users_calls(&source.calls());
    assert!((users, role_users) <= expected, "{users} {role_users} {}", read.strategy);
    assert!(read.strategy.starts_with("Only whoever has role"), "{}", read.strategy);
    assert!(read.strategy.contains(" and role "), "{}", read.strategy);
}

/// Everybody in scope by name, or what is said against it.
async fn names_by(sandbox: &Sandbox, asked: &Asked<'_>) -> Result<String, String> {
    let mut settings = asked_of(sandbox, asked);
    settings.groups_from = [GroupSource::Roles, GroupSource::Group, GroupSource::MemberOf].into();
    let read = connect(sandbox, settings).read(&|_| {}).await.map_err(|error| {
        assert!(error.is_configuration(), "{error}");
        error.to_string()
    })?;
    let names: Vec<_> = read.records.iter().filter_map(|it| it.username.as_deref()).collect();
    Ok(names.join(" "))
}

#[tokio::test]
async fn conditions_and_excluded_groups_are_asked_of_everybody() {
    let sandbox = small().await;
    let plain = Asked::default;
    for (asked, names) in [
        (Asked { conditions: &["username = ADA"], ..plain() }, "ada"),
        (Asked { conditions: &["username in ada, tom", "username != tom"], ..plain() }, "ada"),
        (Asked { conditions: &["email is empty"], ..plain() }, "ada eve tom"),
        (Asked { conditions: &["status = 1", "username contains e"], ..plain() }, "eve"),
        (Asked { conditions: &["username = nobody"], ..plain() }, ""),
        (Asked { excluded: &["role:Staff"], ..plain() }, "eve tom"),
        (Asked { excluded: &["member_of:Devs", "Sales"], ..plain() }, "ada"),
        (Asked { excluded: &["member_of:Nobody"], ..plain() }, "ada eve tom"),
        (Asked { required: &["Sales", "Devs"], excluded: &["Sales"], ..plain() }, "tom"),
        (Asked { all: true, required: &["Devs", "member_of:staff"], ..plain() }, "tom"),
        (Asked { all: true, required: &["role:Staff", "Devs"], ..plain() }, ""),
        (
            Asked { required: &["role:Staff"], conditions: &["username starts with a"], ..plain() },
            "ada",
        ),
    ] {
        let Asked { all, required, excluded, conditions } = &asked;
        let what = format!("{all} {required:?} {excluded:?} {conditions:?}");
        assert_eq!(names_by(&sandbox, &asked).await.as_deref(), Ok(names), "{what}");
    }
}

#[tokio::test]
async fn an_excluded_group_or_a_condition_that_cannot_be_is_refused() {
    let sandbox = small().await;
    let plain = Asked::default;
    for (asked, part) in [
        (
            Asked { excluded: &["role:Stafff"], ..plain() },
            "The excluded group \"role:Stafff\" is not among OneLogin's roles. Did you mean \"Staff\"?",
        ),
        (Asked { excluded: &["Nobody"], ..plain() }, "The excluded group \"Nobody\" is not among"),
        (
            Asked { excluded: &["Both"], ..plain() },
            "The excluded group \"Both\" means more than one thing",
        ),
        (Asked { excluded: &["role:"], ..plain() }, "The excluded group \"role:\" names nothing."),
        (Asked { conditions: &["shoe_size = 9"], ..plain() }, "There is no field \"shoe_size\"."),
        (Asked { conditions: &["email"], ..plain() }, "After the field comes one of"),
    ] {
        let error = names_by(&sandbox, &asked).await.unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn whoever_is_kept_out_is_told_of_with_the_reason() {
    let sandbox = small().await;
    let asked = Asked {
        required: &["role:Staff", "Sales", "Devs"],
        excluded: &["Sales"],
        conditions: &["username != tom"],
        ..Asked::default()
    };
    let mut settings = asked_of(&sandbox, &asked);
    settings.groups_from = [GroupSource::Roles, GroupSource::Group, GroupSource::MemberOf].into();
    let source = connect(&sandbox, settings);
    let read = source.read(&|_| {}).await.unwrap();
    assert_eq!(read.records.len(), 1, "ada alone");
    let ids = sandbox.admin().with_tenant(|it| it.user_ids().to_vec());
    let ids: Vec<ExternalId> = ids.iter().map(|id| ExternalId::new(&id.to_string())).collect();
    let gone = source.gone(&ids).await.unwrap();
    let out = |words: &str| Absence::OutOfScope(words.into());
    assert_eq!(
        gone.into_values().collect::<Vec<_>>(),
        [
            Absence::Present,
            out("needs not to be in group \"Sales\"; has group \"Sales\""),
            out("needs username != tom; has username \"tom\""),
        ]
    );
}
