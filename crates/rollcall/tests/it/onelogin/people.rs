//! Single people: those who are missing from a read, and those whom an admin asks for.

use reconcile::plan::Absence;
use reconcile::principal::ExternalId;
use rollcall::source::onelogin::report::ScopeVerdict;
use sandbox::onelogin::{Command, Fault, Kind, Options, Sandbox, Shape, Tenant, User, When};
use serde_json::json;

use super::{connect, people, population, read, settings, source, start, start_with};

const USERS: &str = "GET /api/2/users";

fn ids(sandbox: &Sandbox) -> Vec<i64> {
    sandbox.admin().with_tenant(|it| it.user_ids().to_vec())
}

fn external(id: i64) -> ExternalId {
    ExternalId::new(&id.to_string())
}

#[tokio::test]
async fn whoever_is_missing_is_asked_for_a_hundred_at_a_time() {
    let sandbox = start(700).await;
    let all = ids(&sandbox);
    let source = source(&sandbox);
    source.read(&|_| {}).await.unwrap();
    for id in &all[100..350] {
        sandbox.admin().delete_user(*id).unwrap();
    }
    sandbox.admin().reset_ledger();
    let asked: Vec<_> = all[50..450].iter().map(|it| external(*it)).collect();
    let answers = source.gone(&asked).await.unwrap();
    assert_eq!(answers.len(), 400);
    for id in &all[50..450] {
        let is_gone = all[100..350].contains(id);
        assert_eq!(answers[&external(*id)] == Absence::Gone, is_gone, "#{id}");
    }
    assert_eq!(sandbox.admin().calls(USERS).good, 4);
}

#[tokio::test]
async fn a_missing_person_is_gone_out_of_scope_inactive_or_present() {
    let sandbox = start_with(Tenant::empty(), Options::quiet(7)).await;
    let admin = sandbox.admin();
    let staff = admin.create_role("Staff").unwrap();
    let sales = admin.create_role("Sales").unwrap();
    let user = |name: &str, roles: &[i64]| User {
        username: Some(name.to_owned().into()),
        role_ids: roles.to_vec(),
        ..User::active()
    };
    let ada = admin.create_user(user("ada", &[staff])).unwrap();
    let eve = admin.create_user(user("eve", &[staff, sales])).unwrap();
    let tom = admin.create_user(user("tom", &[staff])).unwrap();
    let kim = admin.create_user(user("kim", &[staff])).unwrap();
    let mut settings = settings(&sandbox);
    settings.required_groups = vec!["role:Staff".to_owned()];
    let source = connect(&sandbox, settings);
    assert_eq!(source.read(&|_| {}).await.unwrap().records.len(), 4);
    admin.remove_role_member(staff, eve).unwrap();
    admin.update_user(tom, json!({"status": 2})).unwrap();
    admin.delete_user(kim).unwrap();
    let asked = [ada, eve, tom, kim].map(external);
    let answers = source.gone(&asked).await.unwrap();
    assert_eq!(answers[&external(ada)], Absence::Present);
    let words = "needs role \"Staff\"; has role \"Sales\"";
    assert_eq!(answers[&external(eve)], Absence::OutOfScope(words.into()));
    assert_eq!(answers[&external(tom)], Absence::Inactive("Suspended (status 2)".into()));
    assert_eq!(answers[&external(kim)], Absence::Gone);
    let foreign = ExternalId::new("not-of-onelogin");
    let answers = source.gone(std::slice::from_ref(&foreign)).await.unwrap();
    assert_eq!(answers[&foreign], Absence::Present, "what OneLogin cannot know is not gone");
}

#[tokio::test]
async fn silence_is_not_taken_for_gone() {
    let nobody = Kind::Body { text: "[]".to_owned() };
    let id = |value| Kind::SetKey { key: "id".to_owned(), value, row: Some(0) };
    for kind in [
        nobody,
        Kind::NoPagingHeaders,
        Kind::HtmlPage { status: 200 },
        Kind::TotalCount { added: 1 },
        Kind::TotalCount { added: -1 },
        Kind::TruncatedJson { bytes: 9 },
        Kind::Forbidden,
        Kind::Status { status: 404, shape: Shape::Named, message: "x".to_owned() },
        id(json!(5)),
        id(json!(null)),
    ] {
        let sandbox = start(40).await;
        let all = ids(&sandbox);
        let source = source(&sandbox);
        source.read(&|_| {}).await.unwrap();
        sandbox.admin().inject(Fault::always(When::next(USERS), kind.clone()));
        let asked: Vec<_> = all[10..20].iter().map(|it| external(*it)).collect();
        let answers = source.gone(&asked).await;
        assert!(answers.is_err(), "{kind:?}: {answers:?}");
    }
}

#[tokio::test]
async fn a_row_without_its_groups_is_present() {
    let sandbox = start(40).await;
    let all = ids(&sandbox);
    let source = source(&sandbox);
    source.read(&|_| {}).await.unwrap();
    let kind = Kind::DropKey { key: "role_ids".to_owned(), row: None };
    sandbox.admin().inject(Fault::always(When::next(USERS), kind));
    let answers = source.gone(&[external(all[5])]).await.unwrap();
    assert_eq!(answers[&external(all[5])], Absence::Present);
}

#[tokio::test]
async fn whoever_the_walk_passed_over_is_present_when_asked_for() {
    // One is deleted and one created while the list is read: no total ever changes.
    let mut options = Options::quiet(7);
    options.quirks.users_page_max = 50;
    let sandbox = start_with(Tenant::generate(&population(200)), options).await;
    let all = ids(&sandbox);
    let user = Box::new(User { username: Some("new".into()), ..User::active() });
    let commands = vec![Command::DeleteUser { id: all[0] }, Command::CreateUser { user }];
    sandbox.admin().after(When::page(USERS, 1), commands);
    let source = source(&sandbox);
    let read = source.read(&|_| {}).await.unwrap();
    let found = people(&read.records);
    let missing: Vec<_> =
        all.iter().map(|it| external(*it)).filter(|it| !found.contains_key(it.as_str())).collect();
    assert_eq!(missing, [external(all[50])], "page numbers hide one, and no total can tell");
    let answers = source.gone(&missing).await.unwrap();
    assert_eq!(answers[&missing[0]], Absence::Present);
}

#[tokio::test]
async fn a_person_is_found_by_username_e_mail_or_id() {
    let sandbox = start(300).await;
    let admin = sandbox.admin();
    let role = admin.create_role("Finders").unwrap();
    let user = User {
        username: Some("ada.lee".into()),
        email: Some("ada@acme.test".into()),
        role_ids: vec![role],
        ..User::active()
    };
    let id = admin.create_user(user).unwrap();
    for (text, calls) in
        [("ada.lee", 1), (" ada@acme.test ", 1), (&*id.to_string(), 1), ("nobody", 2)]
    {
        let source = source(&sandbox);
        sandbox.admin().reset_ledger();
        let found = source.find(text).await.unwrap();
        assert_eq!(sandbox.admin().calls(USERS).good, calls, "{text}");
        if text == "nobody" {
            assert_eq!(found.len(), 0);
            continue;
        }
        let [found] = &found[..] else { panic!("{text}: {found:?}") };
        assert_eq!(found.record.id, external(id));
        assert_eq!(found.record.grants[0].origin.as_ref(), "role \"Finders\"");
        assert!(found.updated_at.is_some());
        let words = "no group is required".into();
        assert_eq!(found.scope, ScopeVerdict::InScope { words });
    }
    assert_eq!(source(&sandbox).find("  ").await.unwrap().len(), 0);
}

#[tokio::test]
async fn whoever_is_found_out_of_scope_is_told_what_is_needed() {
    let sandbox = start(30).await;
    let admin = sandbox.admin();
    admin.create_role("Needed").unwrap();
    let has = admin.create_role("Has").unwrap();
    let user = User { username: Some("ada".into()), role_ids: vec![has], ..User::active() };
    admin.create_user(user).unwrap();
    let mut settings = settings(&sandbox);
    settings.required_groups = vec!["role:Needed".to_owned()];
    let found = connect(&sandbox, settings).find("ada").await.unwrap();
    let needs = "role \"Needed\"".into();
    let has = "role \"Has\"".into();
    assert_eq!(found[0].scope, ScopeVerdict::OutOfScope { needs, has });
    assert_eq!(found[0].record.grants.len(), 1);
}

#[tokio::test]
async fn a_field_that_is_only_nice_to_have_is_dropped_where_it_is_refused() {
    let sandbox = start(30).await;
    let admin = sandbox.admin();
    admin.create_user(User { username: Some("ada".into()), ..User::active() }).unwrap();
    let kind = Kind::UnknownField { field: "updated_at".to_owned() };
    admin.inject(Fault::once(When::next(USERS), kind));
    let found = source(&sandbox).find("ada").await.unwrap();
    assert_eq!((found.len(), found[0].updated_at.clone()), (1, None));
}

#[tokio::test]
async fn a_role_that_no_list_names_is_asked_for_by_its_id() {
    let sandbox = start(140).await;
    // The list of roles leaves one out: it is asked for, and keeps its people.
    let role = sandbox.admin().with_tenant(|it| *it.roles().first_key_value().unwrap().0);
    let name = sandbox.admin().with_tenant(|it| it.roles()[&role].name.clone());
    let kind = Kind::SetKey { key: "id".to_owned(), value: json!(1), row: Some(0) };
    sandbox.admin().inject(Fault::always(When::next("GET /api/2/roles"), kind));
    let read = read(&sandbox).await.unwrap();
    let holders =
        read.records.iter().filter(|it| it.grants.iter().any(|it| it.group.as_str() == name));
    let expected = sandbox.admin().with_tenant(|it| {
        it.user_ids().iter().filter(|id| it.user(**id).unwrap().role_ids.contains(&role)).count()
    });
    assert_eq!(holders.count(), expected);
    assert!(0 < expected);
}

#[tokio::test]
async fn whoever_has_a_group_without_a_name_is_withheld() {
    let sandbox = start(140).await;
    let role = sandbox.admin().with_tenant(|it| *it.roles().first_key_value().unwrap().0);
    for endpoint in ["GET /api/2/roles", "GET /api/2/roles/{id}"] {
        let kind = Kind::SetKey { key: "name".to_owned(), value: json!(""), row: Some(0) };
        sandbox.admin().inject(Fault::always(When::next(endpoint), kind));
    }
    let text = json!({"id": role, "name": ""}).to_string();
    let when = When::next("GET /api/2/roles/{id}");
    sandbox.admin().inject(Fault::always(when, Kind::Body { text }));
    let read = read(&sandbox).await.unwrap();
    let holders = sandbox.admin().with_tenant(|it| {
        it.user_ids().iter().filter(|id| it.user(**id).unwrap().role_ids.contains(&role)).count()
    });
    assert_eq!(read.unreadable.len(), holders);
    assert_eq!(read.findings[0].kind.word(), "unnamed-group");
    assert!(read.findings[0].message.contains(&format!("role #{role}")), "{:?}", read.findings);
}

#[tokio::test]
async fn a_role_that_onelogin_does_not_know_any_more_gives_no_group() {
    let sandbox = start(140).await;
    let role = sandbox.admin().with_tenant(|it| *it.roles().first_key_value().unwrap().0);
    let kind = Kind::SetKey { key: "role_ids".to_owned(), value: json!([role, 999]), row: Some(0) };
    sandbox.admin().inject(Fault::always(When::next(USERS), kind));
    let read = read(&sandbox).await.unwrap();
    let message = &read.findings[0].message;
    assert!(message.contains("role #999, which OneLogin does not know any more"), "{message}");
    assert_eq!((read.records.len(), read.unreadable.len()), (140, 0));
}
