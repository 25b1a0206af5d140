//! Further fields of people: asked for where rules name them, and kept as what they are.

use std::collections::BTreeMap;

use reconcile::finding::FindingKind;
use reconcile::plan::Absence;
use reconcile::principal::ExternalId;
use rollcall::source::onelogin::OneLogin;
use rollcall::source::onelogin::report::ScopeVerdict;
use sandbox::onelogin::{Admin, Fault, Kind, Options, Sandbox, Shape, Tenant, User, When};
use serde_json::json;

use super::{connect, settings, start, start_with};

const PATHS: [&str; 6] =
    ["department", "title", "status", "email", "manager_user_id", "custom_attributes.costcenter"];

fn source(sandbox: &Sandbox) -> OneLogin {
    connect(sandbox, settings(sandbox)).with_fields(PATHS).unwrap()
}

/// Department, title, status, manager and cost centre of everybody, told by the sandbox.
fn expected(admin: &Admin) -> BTreeMap<String, [Option<String>; 5]> {
    let text =
        |value: Option<&str>| value.filter(|it| !it.trim().is_empty()).map(ToOwned::to_owned);
    admin.with_tenant(|tenant| {
        let mut all = BTreeMap::new();
        for id in tenant.user_ids() {
            let user = tenant.user(*id).unwrap();
            let manager = serde_json::to_value(&user.manager_user_id).unwrap();
            let manager = manager.as_i64().map(|it| it.to_string());
            let manager = manager.or(match &user.manager_user_id {
                sandbox::onelogin::Loose::Text(text) => Some(text.to_string()),
                sandbox::onelogin::Loose::Null | sandbox::onelogin::Loose::Number(_) => None,
            });
            let cost_center = user.custom_attributes.get("costcenter").cloned().flatten();
            let fields = [
                text(user.department.as_deref()),
                text(user.title.as_deref()),
                Some(user.status.to_string()),
                manager,
                text(cost_center.as_deref()),
            ];
            all.insert(id.to_string(), fields);
        }
        all
    })
}

fn told(record: &reconcile::principal::Record) -> [Option<String>; 5] {
    ["department", "title", "status", "manager_user_id", "custom_attributes.costcenter"]
        .map(|path| record.field(path).map(ToOwned::to_owned))
}

#[tokio::test]
async fn fields_that_are_named_are_in_every_record() {
    let sandbox = start(300).await;
    let read = source(&sandbox).read(&|_| {}).await.unwrap();
    let all = expected(sandbox.admin());
    assert_eq!(read.records.len() + read.unreadable.len(), 300);
    for record in &read.records {
        assert_eq!(told(record), all[record.id.as_str()], "#{}", record.id);
        assert_eq!(record.fields.iter().count(), PATHS.len() - 1, "and no others");
    }
    let departments = read.records.iter().filter(|it| it.field("department").is_some()).count();
    assert!(100 < departments, "the sandbox has departments: {departments}");
    assert_eq!(sandbox.admin().calls("GET /api/2/users").good, 1, "no call more for them");
}

#[tokio::test]
async fn version_1_tells_the_same_fields() {
    let sandbox = start(120).await;
    let shape = Shape::Named;
    let kind = Kind::Status { status: 404, shape, message: "No Route Exists".into() };
    sandbox.admin().inject(Fault::always(When::next("GET /api/2/users"), kind));
    let read = source(&sandbox).read(&|_| {}).await.unwrap();
    let all = expected(sandbox.admin());
    assert!(100 < read.records.len());
    for record in &read.records {
        assert_eq!(told(record), all[record.id.as_str()], "#{}", record.id);
    }
}

#[tokio::test]
async fn one_person_is_found_with_the_same_fields() {
    let sandbox = start_with(Tenant::empty(), Options::quiet(7)).await;
    let ada = User {
        username: Some("ada".into()),
        department: Some("R&D".into()),
        updated_at: sandbox::onelogin::Moment::parse("2026-01-10T07:11:02.742Z"),
        ..User::active()
    };
    sandbox.admin().create_user(ada).unwrap();
    let source =
        connect(&sandbox, settings(&sandbox)).with_fields(["department", "updated_at"]).unwrap();
    let found = source.find("ada").await.unwrap();
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(found.record.field("department"), Some("R&D"));
    assert!(found.record.field("updated_at").is_some());
    assert_eq!(found.record.field("title"), None, "nobody named it");
}

#[tokio::test]
async fn conditions_may_ask_for_any_field() {
    let sandbox = start_with(Tenant::empty(), Options::quiet(7)).await;
    let person = |name: &str, department: &str, nick: &str| User {
        username: Some(name.to_owned().into()),
        department: Some(department.to_owned().into()),
        custom_attributes: [("nick".into(), Some(nick.to_owned().into()))].into(),
        ..User::active()
    };
    let admin = sandbox.admin();
    for (name, department, nick) in
        [("ada", "Sales", "x"), ("bob", "sales", "y"), ("eve", "R&D", "x")]
    {
        admin.create_user(person(name, department, nick)).unwrap();
    }
    let mut settings = settings(&sandbox);
    settings.scope.conditions =
        vec!["department = Sales".to_owned(), "custom_attributes.nick = x".to_owned()];
    let source = connect(&sandbox, settings);
    let read = source.read(&|_| {}).await.unwrap();
    let names: Vec<_> = read.records.iter().filter_map(|it| it.username.as_deref()).collect();
    assert_eq!(names, ["ada"]);
    let found = source.find("eve").await.unwrap();
    let needs = match &found[0].scope {
        ScopeVerdict::OutOfScope { needs, has } => format!("{needs}; has {has}"),
        ScopeVerdict::InScope { words } => panic!("in scope: {words}"),
    };
    assert_eq!(needs, "department = Sales; has department \"R&D\"");
    let eve = found[0].record.id.clone();
    let answers = source.gone(std::slice::from_ref(&eve)).await.unwrap();
    let words = "needs department = Sales; has department \"R&D\"";
    assert_eq!(answers[&eve], Absence::OutOfScope(words.into()));
}

#[tokio::test]
async fn whoever_comes_without_a_named_field_is_unreadable_and_present() {
    let sandbox = start(60).await;
    let third = sandbox.admin().with_tenant(|it| it.user_ids()[2]);
    let third = ExternalId::new(&third.to_string());
    let senseless = json!({"costcenter": {}, "nick": null});
    for kind in [
        Kind::DropKey { key: "department".to_owned(), row: Some(2) },
        Kind::SetKey { key: "department".to_owned(), value: json!([1]), row: Some(2) },
        Kind::SetKey { key: "custom_attributes".to_owned(), value: senseless, row: Some(2) },
    ] {
        sandbox.admin().inject(Fault::always(When::next("GET /api/2/users"), kind.clone()));
        let source = source(&sandbox);
        let read = source.read(&|_| {}).await.unwrap();
        assert_eq!(read.unreadable.len(), 1, "{kind:?}");
        assert!(read.unreadable.contains(&third), "{kind:?} {:?}", read.unreadable);
    }
}

#[tokio::test]
async fn a_custom_attribute_that_nobody_has_is_untold_of_everybody() {
    let sandbox = start(60).await;
    let source = connect(&sandbox, settings(&sandbox));
    let path = "custom_attributes.cost_center";
    let source = source.with_fields([path, "custom_attributes.nick"]).unwrap();
    let read = source.read(&|_| {}).await.unwrap();
    let unknown: Vec<_> =
        read.findings.iter().filter(|it| it.kind == FindingKind::UnknownField).collect();
    let [finding] = unknown.as_slice() else { panic!("{unknown:?}") };
    assert_eq!(
        finding.message,
        "OneLogin has no custom attribute \"cost_center\". Did you mean \"costcenter\"? Whatever rows and expressions make of custom_attributes.cost_center, accounts keep what they have."
    );
    for record in &read.records {
        assert!(
            record.is_untold(path) && !record.is_untold("custom_attributes.nick"),
            "{record:?}"
        );
    }
    let list = source.check(&|_| {}).await;
    let fixes = list.steps.iter().filter_map(|it| it.fix.as_deref());
    assert!(fixes.into_iter().any(|it| it.contains("Did you mean")), "{list:?}");
}

#[tokio::test]
async fn whoever_comes_without_an_attribute_that_others_have_has_no_value_of_it() {
    let sandbox = start(60).await;
    let without = json!({"nick": null});
    let kind = Kind::SetKey { key: "custom_attributes".to_owned(), value: without, row: Some(2) };
    sandbox.admin().inject(Fault::always(When::next("GET /api/2/users"), kind));
    let read = source(&sandbox).read(&|_| {}).await.unwrap();
    let path = "custom_attributes.costcenter";
    assert!(read.records.iter().all(|it| !it.is_untold(path)));
    assert_eq!(read.records.iter().filter(|it| it.field(path).is_none()).count(), 1);
}

#[tokio::test]
async fn a_condition_on_a_custom_attribute_that_nobody_has_stops_the_read() {
    let sandbox = start(60).await;
    for condition in ["custom_attributes.cost_center = 7", "custom_attributes.cost_center != 7"] {
        let mut settings = settings(&sandbox);
        settings.scope.conditions = vec![condition.to_owned()];
        let error = connect(&sandbox, settings).read(&|_| {}).await.unwrap_err();
        assert!(error.is_configuration());
        assert_eq!(
            error.to_string(),
            "OneLogin has no custom attribute \"cost_center\". Did you mean \"costcenter\"? A condition asks for custom_attributes.cost_center, so who takes part cannot be told."
        );
    }
}

#[tokio::test]
async fn a_field_that_onelogin_refuses_is_named_with_what_to_do() {
    let sandbox = start(60).await;
    let kind = Kind::Status {
        status: 422,
        shape: Shape::Named,
        message: "Invalid display field(s) for User: department".to_owned(),
    };
    sandbox.admin().inject(Fault::always(When::next("GET /api/2/users"), kind));
    let error = source(&sandbox).read(&|_| {}).await.unwrap_err().to_string();
    assert!(error.contains("field \"department\" of users"), "{error}");
    assert!(error.contains("Take it out of the mapping and the conditions"), "{error}");
}

#[tokio::test]
async fn an_unknown_field_is_refused_before_anything_is_asked() {
    let sandbox = start(10).await;
    let source = connect(&sandbox, settings(&sandbox)).with_fields(["departmnt"]);
    let error = source.unwrap_err();
    assert!(error.is_configuration());
    assert!(error.to_string().contains("Did you mean \"department\"?"), "{error}");
}
