use std::{borrow::Cow, collections::BTreeSet};

use sandbox::onelogin::{Data, Loose, Population, Tenant, User};

use crate::client::population;

fn users(population: &Population) -> Vec<User> {
    let tenant = Tenant::generate(population);
    tenant.user_ids().iter().filter_map(|it| tenant.user(*it)).map(Cow::into_owned).collect()
}

#[test]
fn the_same_seed_makes_the_same_people() {
    let one = users(&population(500));
    assert_eq!(one, users(&population(500)));
    assert_ne!(one, users(&Population { seed: 8, ..population(500) }));
}

#[test]
fn everybody_has_an_address_of_her_own_below_a_reserved_domain() {
    let users = users(&Population { data: Data::Clean, ..population(10_000) });
    let emails: BTreeSet<&str> = users.iter().map(|it| it.email.as_deref().unwrap()).collect();
    assert_eq!(emails.len(), 10_000);
    assert!(emails.iter().all(|it| it.is_ascii() && it.ends_with("@acme.test")));
}

#[test]
fn people_are_as_odd_as_real_ones() {
    let users = users(&Population { roles: 1_200, ..population(20_000) });
    let share = |fits: fn(&User) -> bool| users.iter().filter(|it| fits(it)).count();
    let rare = 20..4_000;
    assert!(rare.contains(&share(|it| it.username.as_deref() == Some(""))));
    assert!(rare.contains(&share(|it| it.email.is_none())));
    assert!(rare.contains(&share(|it| it.department.is_none())));
    assert!(rare.contains(&share(|it| it.department.as_deref() == Some(""))));
    assert!(rare.contains(&share(|it| matches!(it.manager_user_id, Loose::Text(_)))));
    assert!(rare.contains(&share(|it| matches!(it.external_id, Loose::Number(_)))));
    assert!(rare.contains(&share(|it| it.locked_until.is_some())));
    let member_of = |text: &'static str| {
        users
            .iter()
            .filter(|it| it.member_of.as_deref().is_some_and(|it| it.contains(text)))
            .count()
    };
    for text in ["\\,", "\\2C", "CN=Admins,OU=Berlin", "CN=Admins,OU=Lisbon", "開発", "TeamTeam"]
    {
        let expected = if text == "TeamTeam" { 0..1 } else { rare.clone() };
        assert!(expected.contains(&member_of(text)), "{text}");
    }
    let statuses: BTreeSet<i64> = users.iter().map(|it| it.status).collect();
    assert_eq!(Vec::from_iter(statuses), [0, 1, 2, 3, 4, 5, 7, 8]);
    let states: BTreeSet<i64> = users.iter().map(|it| it.state).collect();
    assert_eq!(Vec::from_iter(states), [0, 1, 2, 3]);
    assert_eq!(users.iter().map(|it| it.role_ids.len()).max(), Some(1_000));
    assert!(users.iter().all(|it| it.keeps_roles() || it.role_ids.is_empty()));
}

#[test]
fn one_role_has_a_single_member() {
    let tenant = Tenant::generate(&population(500));
    assert_eq!(tenant.roles().values().next_back().unwrap().members.len(), 1);
}

#[test]
fn clean_people_are_all_active_and_plain() {
    for user in users(&Population { data: Data::Clean, ..population(3_000) }) {
        assert_eq!((user.status, user.state), (1, 1));
        assert!(!user.username.unwrap().is_empty());
        assert!(!matches!(user.manager_user_id, Loose::Text(_)));
        assert!(!user.member_of.unwrap_or_default().contains('\\'));
    }
}

#[test]
fn roles_and_users_agree_who_is_in() {
    let tenant = Tenant::generate(&population(2_000));
    let of_users: usize =
        tenant.user_ids().iter().map(|it| tenant.user(*it).unwrap().role_ids.len()).sum();
    let of_roles: usize = tenant.roles().values().map(|it| it.members.len()).sum();
    assert_eq!(of_users, of_roles);
    assert!((2_000..5_000).contains(&of_users), "about two roles a user: {of_users}");
}
