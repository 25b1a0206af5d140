//! Whoever is left out by something else than the scope is told what would bring them in, and whom else.

use rollcall::people::explain::{Person, View};
use rollcall::store::connectors::settings::ConnectorSettings;
use rollcall::store::connectors::settings::groups::UnmatchedGroups;

use super::*;

/// Twelve people, without accounts, so that an account is what somebody comes by. The first three have no
/// department; the first, the fourth and the fifth are suspended.
async fn world(db: &Db) -> World {
    let mut world = World::with(db, population(12), Options::quiet(7)).await;
    let (ids, admin) = (world.ids(), world.sandbox.admin());
    for (at, id) in ids.iter().enumerate() {
        let department = if at < 3 { "" } else { "Sales" };
        let set = json!({ "username": format!("person{at}"), "department": department });
        admin.update_user(*id, set).unwrap();
    }
    for at in [0, 3, 4] {
        admin.update_user(ids[at], json!({ "status": 2 })).unwrap();
    }
    world.connector.settings.mapping.rows = vec!["department = department".to_owned()];
    world
}

impl World {
    async fn explained(&self, user: &str, view: View) -> Person {
        let explained = self.explain(user, view).await;
        let [person] = <[Person; 1]>::try_from(explained.people).unwrap();
        person
    }

    /// What is told somebody with other settings, by the last read.
    async fn remedies(&mut self, user: &str, edit: &dyn Fn(&mut ConnectorSettings)) -> Vec<String> {
        let saved = self.connector.settings.clone();
        edit(&mut self.connector.settings);
        let person = self.explained(user, View::LastRead).await;
        self.connector.settings = saved;
        person.remedies.iter().map(ToString::to_string).collect()
    }

    /// What is told somebody with other settings begins so: at the source, and in the settings.
    async fn check(
        &mut self,
        user: &str,
        edit: &dyn Fn(&mut ConnectorSettings),
        (source, rules): (&str, &str),
    ) {
        let saved = self.connector.settings.clone();
        edit(&mut self.connector.settings);
        self.connector.settings.check().unwrap();
        for view in [View::LastRead, View::Now] {
            let person = self.explained(user, view).await;
            let fix = |of_rules: bool| {
                let fix = person.remedies.iter().find(|it| it.is_of_rules == of_rules);
                fix.map(ToString::to_string).unwrap_or_default()
            };
            assert!(fix(false).starts_with(source), "{user} {view:?}: {}", fix(false));
            assert!(fix(true).starts_with(rules), "{user} {view:?}: {}", fix(true));
            assert_eq!(fix(true).is_empty(), rules.is_empty(), "{user}: {}", fix(true));
        }
        self.connector.settings = saved;
    }
}

fn rows(row: &'static str) -> impl Fn(&mut ConnectorSettings) {
    move |it| it.mapping.rows = vec![row.to_owned()]
}

const SUSPENDED: &str = "make them active in OneLogin, where they are Suspended (status 2)";

#[tokio::test]
async fn settings_that_help_are_told_by_a_read_alone() {
    on_both(async |db| {
        let mut world = world(&db).await;
        let told =
            |person: &Person| person.remedies.iter().map(ToString::to_string).collect::<Vec<_>>();
        let person = world.explained("person3", View::Now).await;
        assert_eq!(told(&person), [SUSPENDED]);
        assert!(person.remarks.iter().any(|it| it.starts_with("Simulate once")), "{person:?}");
        world.sync().await;
        let person = world.explained("person3", View::Now).await;
        let rules = "let the status suspended activate (--status 'suspended = activate'), which \
                     would also bring in 2 others";
        assert_eq!(told(&person), [SUSPENDED, rules]);
        let person = world.explained("person5", View::Now).await;
        assert!(person.remedies.is_empty(), "they have an account: {person:?}");
        // One status for which something else is said stays as it is.
        world.connector.settings.source.statuses = vec!["locked = keep".to_owned()];
        let person = world.explained("person3", View::LastRead).await;
        assert!(told(&person)[1].contains("--status 'locked = keep' --status 'suspended"));
    })
    .await;
}

#[tokio::test]
async fn a_row_that_leaves_people_out_is_told_with_whom_it_leaves_out_else() {
    on_both(async |db| {
        let mut world = world(&db).await;
        world.sync().await;
        world.targets.clear();
        let skip = rows("department = department; otherwise skip");
        let given = "give them a value of department in OneLogin";
        let lenient = "let the row of department go on \"otherwise untransformed\" (--map \
                       'department = department')";
        let rules = format!("{lenient}, which would also bring in 1 other");
        world.check("person1", &skip, (given, &rules)).await;
        let source = format!("{given} and {SUSPENDED}");
        let rules = format!(
            "{lenient} and let the status suspended activate (--status 'suspended = activate'), \
             which would also bring in 4 others"
        );
        world.check("person0", &skip, (&source, &rules)).await;
        let map = rows("title = department | map HR = x; otherwise skip");
        let fixes = (
            "give them a value of department in OneLogin to which the row of title applies, \
             instead of \"Sales\"",
            "let the row of title go on \"otherwise untransformed\" (--map 'title = department | \
             map HR = x'), which would also bring in 8 others",
        );
        world.check("person5", &map, fixes).await;
        let drop = rows("title = {{ drop() if user.department == 'Sales' else 'x' }}");
        let fixes = (
            "change in OneLogin why the row of title drops them: {{ drop() if user.department == \
             'Sales' else 'x' }}",
            "take the row of title away (--map ''), which would also bring in 6 others",
        );
        world.check("person5", &drop, fixes).await;
        let fixes = (
            "change \"no\" in OneLogin, by which the row of active says no",
            "take the row of active away (--map ''), which would also bring in 8 others",
        );
        world.check("person5", &rows("active = \"no\""), fixes).await;
    })
    .await;
}

#[tokio::test]
async fn groups_usernames_and_expressions_that_leave_people_out_are_told() {
    on_both(async |db| {
        let mut world = world(&db).await;
        world.sync().await;
        world.targets.clear();
        let (ids, admin) = (world.ids(), world.sandbox.admin());
        let comes = |id: &&i64| {
            let roles = admin.with_tenant(|tenant| tenant.user(**id).unwrap().role_ids.len());
            roles != 0 && ![ids[0], ids[3], ids[4], ids[5]].contains(*id)
        };
        let rules = format!(
            "let groups whose name no transformation applies to keep it (--unmatched-groups \
             untransformed), which would also bring in {} others",
            ids.iter().filter(comes).count()
        );
        let unmatched = |it: &mut ConnectorSettings| {
            it.groups.names = "strip-domain".to_owned();
            it.groups.unmatched = UnmatchedGroups::SkipUser;
        };
        world.check("person5", &unmatched, ("take them out of role \"", &rules)).await;
        let create_if = |it: &mut ConnectorSettings| {
            it.leavers.create_if = "user.username == 'person9'".to_owned();
        };
        let fixes = (
            "make it so in OneLogin that the expression for new accounts says yes: user.username == \
             'person9'",
            "take the expression for new accounts away (--create-if ''), which would also bring in \
             7 others",
        );
        world.check("person5", &create_if, fixes).await;
        let many = rows("username = department or username");
        let fixes = ("rename all but one of them and person3 (#", "");
        world.check("person5", &many, fixes).await;
        let two = rows("username = username | replace person6 person5");
        let source = format!(
            "rename one of the two in OneLogin, them or person6 (#{0}): both are person5",
            ids[6]
        );
        let rules = format!(
            "leave person6 (#{0}) out (--where 'id != {0}'), which brings in nobody else",
            ids[6]
        );
        world.check("person5", &two, (&source, &rules)).await;
    })
    .await;
}

#[tokio::test]
async fn whoever_is_out_of_scope_is_told_what_else_keeps_them_out() {
    on_both(async |db| {
        let mut world = world(&db).await;
        world.sync().await;
        let sales = |it: &mut ConnectorSettings| {
            it.source.scope.conditions = vec!["department = IT".to_owned()];
        };
        let source = "make it so in OneLogin that department = IT";
        let rules = "drop the condition department = IT";
        let both = [source, rules].map(|it| format!("{it}, and {SUSPENDED}"));
        world.check("person3", &sales, (&both[0], &both[1])).await;
        let alone = format!("{rules}, which would");
        world.check("person5", &sales, (source, &alone)).await;
        let fix = &world.remedies("person5", &sales).await[0];
        assert_eq!(fix, source);
        world.targets.clear();
        let protected = |it: &mut ConnectorSettings| {
            sales(it);
            it.leavers.protected = vec!["person5".to_owned()];
        };
        let unprotect = "take \"person5\" off the people who are never changed (--protect '')";
        let both = [source, rules].map(|it| format!("{it}, and {unprotect}"));
        world.check("person5", &protected, (&both[0], &both[1])).await;
    })
    .await;
}

#[tokio::test]
async fn protection_and_leavers_are_told_where_settings_would_help() {
    on_both(async |db| {
        let mut world = world(&db).await;
        world.sync().await;
        let two = rows("username = username | replace person6 person5");
        let id = world.ids()[6];
        let rules = format!(
            "leave person6 (#{id}) out, who has an account and would be a leaver then (--where 'id \
             != {id}'), which brings in nobody else"
        );
        world.check("person5", &two, ("rename one of the two in OneLogin", &rules)).await;
        world.targets.clear();
        let protected = |it: &mut ConnectorSettings| {
            it.leavers.protected = vec!["person5".to_owned()];
        };
        let rules = "take \"person5\" off the people who are never changed (--protect ''), which \
                     brings in nobody else";
        world.check("person5", &protected, ("", rules)).await;
        assert_eq!(world.remedies("person5", &protected).await, [rules]);
    })
    .await;
}

#[tokio::test]
async fn an_account_that_keeps_a_username_is_told_with_whose_it_is() {
    on_both(async |db| {
        let mut world = world(&db).await;
        world.sync().await;
        let (ids, admin) = (world.ids(), world.sandbox.admin());
        admin.delete_user(ids[6]).unwrap();
        world.sync().await;
        let user = sandbox::onelogin::User {
            username: Some("person6".into()),
            ..sandbox::onelogin::User::active()
        };
        let new = admin.create_user(user).unwrap().to_string();
        world.sync().await;
        let source = format!(
            "give them another username in OneLogin than person6, which the inactive account of #{} has",
            ids[6]
        );
        world.check(&new, &|_| {}, (&source, "")).await;
    })
    .await;
}
