//! What keeps somebody who takes part by scope from an active account.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::directory::Directory;
use crate::finding::{Finding, FindingKind};
use crate::mapping::existing::Existing;
use crate::mapping::groups::{LeftOut, Unmatched};
use crate::mapping::rules::{Dismissal, Target};
use crate::mapping::{Desired, Rules};
use crate::plan::{Change, Policy, Step};
use crate::principal::{ExternalId, Name, Record, Standing, User};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// A row says that they take no part.
    Row(Dismissal),
    /// The row of active says no.
    SwitchedOff { sources: String },
    /// No transformation applies to the names of these groups, in the source's words.
    GroupNames(Vec<Box<str>>),
    /// The source's status, in its words, makes no active account.
    Standing { words: Arc<str>, is_known: bool },
    /// The expression for new accounts does not say yes.
    NotWanted,
    /// Others have the same username, by the ids of their accounts.
    SharesUsername { username: Name, with: Vec<ExternalId> },
    /// An account that keeps its username has theirs.
    UsernameTaken { by: Arc<User> },
    /// By this pattern, so that they stay as they are.
    Protected { by: Box<str> },
}

/// What the functions of a run make of some people.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    pub desired: &'a Desired,
    pub steps: &'a [Step],
    /// Of the mapping and of the planning.
    pub findings: &'a [Finding],
    pub actual: &'a Directory,
    pub existing: &'a Existing<'a>,
    pub rules: &'a Rules,
    pub policy: &'a Policy,
}

impl Outcome<'_> {
    /// What keeps the one of a record from an active account. Nothing where they have one, and where it is
    /// something of their record alone, of which a finding says what to mend.
    pub fn hindrance(&self, id: &ExternalId, record: &Record) -> Option<Hindrance> {
        let Outcome { desired, findings, existing, rules, .. } = self;
        if desired.skipped.contains_key(id) {
            let names = self.nameless(record);
            if !names.is_empty() {
                return Some(Hindrance::GroupNames(names));
            }
            let dismissal = rules.people.dismissal(record, existing.account(id));
            return dismissal.map(Hindrance::Row);
        }
        if let Some(user) = desired.directory.users.get(id) {
            return self.unprovided(user, record);
        }
        if !desired.withheld.contains(id) {
            return None;
        }
        if record.standing == Standing::Unknown {
            let words = Arc::clone(&record.standing_words);
            return Some(Hindrance::Standing { words, is_known: false });
        }
        let conflicts = || findings.iter().filter(|it| it.kind == FindingKind::Conflict);
        let own = conflicts().find(|it| it.id.as_ref() == Some(id))?;
        let username = Name::new(own.username.as_deref()?);
        // Whoever shares a key is told of by the source's id, and none of these.
        let has_it =
            |it: &&Finding| it.username.as_deref().map(Name::new) == Some(username.clone());
        let others = conflicts().filter(has_it).filter_map(|it| it.id.clone());
        let with: BTreeSet<ExternalId> =
            others.filter(|it| it != id && desired.withheld.contains(it)).collect();
        let with: Vec<ExternalId> = with.into_iter().collect();
        (!with.is_empty()).then_some(Hindrance::SharesUsername { username, with })
    }

    /// Whoever has an active account once the plan is done, as the source and the rules say.
    pub fn provided(&self) -> BTreeSet<ExternalId> {
        let Outcome { desired, steps, actual, .. } = self;
        let coming = steps.iter().filter_map(|step| comer(&step.change));
        let wanted = desired.directory.users.values().filter(|user| user.active);
        let stays = |user: &&Arc<User>| actual.users.get(&user.id).is_some_and(|it| it.active);
        coming.chain(wanted.filter(stays)).map(|user| user.id.clone()).collect()
    }

    /// Groups of theirs whose names keep them from taking part.
    fn nameless(&self, record: &Record) -> Vec<Box<str>> {
        let groups = &self.rules.groups;
        if groups.names.as_ref().is_none_or(|it| it.otherwise != Unmatched::SkipUser) {
            return Vec::new();
        }
        let unmatched =
            record.grants.iter().filter(|it| groups.name_of(it) == Err(LeftOut::Unmatched));
        unmatched.map(|it| it.origin.clone()).collect()
    }

    /// Why somebody whom the mapping made a user has no active account.
    fn unprovided(&self, user: &User, record: &Record) -> Option<Hindrance> {
        let Outcome { steps, findings, actual, existing, rules, policy, .. } = self;
        if !user.active {
            let account = existing.account(&user.id).map(|it| &**it);
            if !record.standing.is_active(account) {
                let words = Arc::clone(&record.standing_words);
                return Some(Hindrance::Standing { words, is_known: true });
            }
            let row = rules.people.rows().iter().find(|it| it.target == Target::Active)?;
            return Some(Hindrance::SwitchedOff { sources: row.sources_text() });
        }
        let present = actual.users.get(&user.id).map(|it| &**it);
        let mut coming = steps.iter().filter_map(|step| comer(&step.change));
        let comes = coming.any(|it| it.id == user.id);
        if comes || present.is_some_and(|it| it.active) {
            return None;
        }
        if let Some(by) = policy.protecting(present.into_iter().chain([user])) {
            return Some(Hindrance::Protected { by: by.into() });
        }
        if present.is_some() {
            return None;
        }
        let is_conflict =
            |it: &Finding| it.kind == FindingKind::Conflict && it.id.as_ref() == Some(&user.id);
        if findings.iter().any(is_conflict) {
            let holds = |it: &&Arc<User>| it.id != user.id && it.username == user.username;
            let by = actual.users.values().find(holds)?;
            return Some(Hindrance::UsernameTaken { by: Arc::clone(by) });
        }
        policy.create_if.is_some().then_some(Hindrance::NotWanted)
    }
}

/// Who has an active account by a change, and had none before.
fn comer(change: &Change) -> Option<&Arc<User>> {
    match change {
        Change::Create { user } | Change::Reactivate { user } => Some(user),
        Change::Rename { .. }
        | Change::Update { .. }
        | Change::CreateGroup { .. }
        | Change::AdoptGroup { .. }
        | Change::MakeLocal { .. }
        | Change::AddMember { .. }
        | Change::RemoveMember { .. }
        | Change::Deactivate { .. }
        | Change::Anonymise { .. }
        | Change::Remove { .. }
        | Change::RemoveGroup { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::expression::{Expression, PERSON};
    use crate::mapping;
    use crate::mapping::groups::{GroupNames, GroupRules};
    use crate::mapping::rules::PersonRules;
    use crate::pattern::Patterns;
    use crate::plan::{self, Cleanup, EmptyGroups, Past};
    use crate::world;

    struct Case {
        rows: &'static [&'static str],
        groups: GroupRules,
        create_if: &'static str,
        protected: &'static str,
        actual: &'static str,
    }

    const PLAIN: Case =
        Case { rows: &[], groups: GroupRules::PLAIN, create_if: "", protected: "", actual: "" };

    /// What keeps the first of these people out, and who has an active account.
    #[track_caller]
    fn check(case: &Case, people: &[&str], expected: &str) {
        let rows: Vec<String> = case.rows.iter().map(|&it| it.to_owned()).collect();
        let people_rules = PersonRules::parse(&rows, None, &|_| Ok(())).unwrap();
        let create_if = (!case.create_if.is_empty())
            .then(|| Expression::compile(case.create_if, &PERSON).unwrap());
        let protected = Some(case.protected).filter(|it| !it.is_empty());
        let protected = Patterns::parse(&protected.into_iter().collect::<Vec<_>>()).unwrap();
        let policy =
            Policy { create_if, protected, ..Policy::new(Cleanup::Disable, EmptyGroups::Keep) };
        let (groups, keeps) = (case.groups.clone(), policy.keeps());
        let rules = Rules { people: people_rules, groups, keeps };
        let actual = world::directory(case.actual);
        let existing = Existing::of([&actual]);
        let records: Vec<Record> = people.iter().map(|it| world::record(it)).collect();
        let first = records[0].clone();
        let (desired, mut findings) =
            mapping::desired_by(records, BTreeSet::new(), &[], &rules, &existing);
        let (plan, planning) =
            plan::plan(&desired, &actual, &BTreeMap::new(), &policy, &Past::NONE);
        findings.extend(planning);
        let outcome = Outcome {
            desired: &desired,
            steps: &plan.steps,
            findings: &findings,
            actual: &actual,
            existing: &existing,
            rules: &rules,
            policy: &policy,
        };
        let hindrance = outcome.hindrance(&first.id, &first);
        let told = hindrance.map_or("nothing".to_owned(), |it| format!("{it:?}"));
        let provided: Vec<String> = outcome.provided().iter().map(ToString::to_string).collect();
        assert_eq!(format!("{told}; {}", provided.join(" ")), expected);
    }

    #[test]
    fn whoever_has_an_active_account_or_gets_one_is_not_hindered() {
        check(&PLAIN, &["1 ada"], "nothing; 1");
        check(&Case { actual: "1 ada\n2 bob off", ..PLAIN }, &["1 ada", "2 bob"], "nothing; 1 2");
        check(&PLAIN, &["1 _ mail="], "nothing; ");
    }

    #[test]
    fn a_row_keeps_somebody_out_with_what_it_had() {
        let case = |rows| Case { rows, ..PLAIN };
        check(
            &case(&["department = department; otherwise skip"]),
            &["1 ada", "2 bob .department=IT"],
            r#"Row(Dismissal { target: Attribute("synch.department"), sources: "department", value: Some("") }); 2"#,
        );
        check(
            &case(&["title = title | map a = b; otherwise skip"]),
            &["1 ada .title=Boss"],
            r#"Row(Dismissal { target: Attribute("synch.title"), sources: "title", value: Some("Boss") }); "#,
        );
        check(
            &case(&["title = {{ drop() if user.username == 'ada' else 'x' }}; otherwise skip"]),
            &["1 ada", "2 bob"],
            r#"Row(Dismissal { target: Attribute("synch.title"), sources: "{{ drop() if user.username == 'ada' else 'x' }}", value: None }); 2"#,
        );
        check(
            &case(&["active = works"]),
            &["1 ada .works=no", "2 bob .works=yes"],
            r#"SwitchedOff { sources: "works" }; 2"#,
        );
    }

    #[test]
    fn groups_statuses_and_expressions_keep_somebody_out() {
        let names = GroupNames {
            transformations: "strip-domain".parse().unwrap(),
            otherwise: Unmatched::SkipUser,
        };
        let groups = GroupRules { names: Some(names), ..GroupRules::PLAIN };
        check(
            &Case { groups, ..PLAIN },
            &["1 ada : dev a@b ops", "2 bob : a@b"],
            r#"GroupNames(["role \"dev\"", "role \"ops\""]); 2"#,
        );
        check(
            &PLAIN,
            &["1 ada off", "2 bob"],
            r#"Standing { words: "Suspended", is_known: true }; 2"#,
        );
        check(
            &Case { create_if: "user.username == 'bob'", ..PLAIN },
            &["1 ada", "2 bob"],
            "NotWanted; 2",
        );
    }

    #[test]
    fn whoever_is_never_changed_comes_in_by_nothing_else() {
        let case = Case { protected: "*@acme.test", ..PLAIN };
        check(&case, &["1 ada"], r#"Protected { by: "*@acme.test" }; "#);
        let former = Case { actual: "1 ada off", ..case };
        check(&former, &["1 ada"], r#"Protected { by: "*@acme.test" }; "#);
        check(&Case { actual: "1 ada", ..former }, &["1 ada"], "nothing; 1");
    }

    #[test]
    fn usernames_that_others_have_keep_somebody_out() {
        check(
            &PLAIN,
            &["1 ada", "2 Ada", "3 bob", "4 bob"],
            r#"SharesUsername { username: "ada", with: [#2] }; "#,
        );
        let case = Case { actual: "9 ada", ..PLAIN };
        let actual = world::directory(case.actual);
        let taken = format!("UsernameTaken {{ by: {:?} }}; 3", actual.users[&world::id("9")]);
        check(&case, &["1 ada", "3 bob"], &taken);
    }
}
