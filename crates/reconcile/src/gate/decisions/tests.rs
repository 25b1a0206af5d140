use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{
    Approval, Decisions, Identity, Prerequisites, Rejection, SourceState, states, taken_back,
};
use crate::plan::{
    Absence, Change, Cleanup, Earlier, EmptyGroups, Grace, Past, Policy, Reason, Step, plan,
};
use crate::principal::{ExternalId, Name};
use crate::world::{desired, directory, id};

const RULES: &str = "these";

fn identity(change: &Change) -> Identity {
    let identity = Identity::of(change);
    assert_eq!(Identity::recorded(identity.as_str()), identity);
    identity
}

#[test]
fn a_change_waits_for_the_account_and_the_group_that_it_takes() {
    let actual = directory("1 ada : old");
    let wanted = desired("1 ada : dev\n2 bob : dev");
    let policy = Policy::new(Cleanup::Disable, EmptyGroups::Remove);
    let (plan, _) = plan(&wanted, &actual, &BTreeMap::new(), &policy, &Past::NONE);
    let identities: Vec<Identity> =
        plan.steps.iter().map(|step| Identity::of(&step.change)).collect();
    // Each change that is missing, and whatever waits for it.
    let waiting = identities.iter().flat_map(|missing| {
        let prerequisites = Prerequisites::from_iter([missing]);
        let others = identities.iter().filter(move |it| it.waits_for(&prerequisites));
        others.map(move |it| format!("{it} / {missing}"))
    });
    let waiting: Vec<String> = waiting.collect();
    assert_eq!(
        waiting,
        [
            "add-to-group 2 dev / create 2  bob bob@acme.test bob  ",
            "add-to-group 1 dev / create-group  dev",
            "add-to-group 2 dev / create-group  dev",
            "remove-group  old / remove-from-group 1 old"
        ]
    );
}

#[test]
fn a_change_is_known_again_by_what_it_would_do() {
    let ada = Arc::clone(&directory("7 ada").users[&id("7")]);
    let renamed = Arc::clone(&directory("7 adele").users[&id("7")]);
    let other = Arc::clone(&directory("8 ada").users[&id("8")]);
    let deactivate = |user| identity(&Change::Deactivate { user });
    // Renamed in between: it is the same person who goes.
    assert_eq!(deactivate(Arc::clone(&ada)), deactivate(Arc::clone(&renamed)));
    assert_ne!(deactivate(Arc::clone(&ada)), deactivate(Arc::clone(&other)));
    assert_ne!(deactivate(Arc::clone(&ada)), identity(&Change::Remove { user: Arc::clone(&ada) }));

    let rename = |to| identity(&Change::Rename { user: Arc::clone(&ada), to: Name::new(to) });
    assert_eq!(rename("eve"), rename("eve"));
    assert_ne!(rename("eve"), rename("Eve"), "other letters are another value");

    let update = |text| {
        let after = Arc::clone(&directory(text).users[&id("7")]);
        identity(&Change::Update { before: Arc::clone(&ada), after })
    };
    assert_eq!(update("7 ada mail=a@b.test"), update("7 adele mail=a@b.test name=ada"));
    assert_ne!(update("7 ada mail=a@b.test"), update("7 ada mail=x@b.test"));

    let anonymise = |before: &str, after: &str| {
        let [before, after] = [before, after].map(|it| Arc::clone(&directory(it).users[&id("7")]));
        identity(&Change::Anonymise { before, after })
    };
    let seen = anonymise("7 ada", "7 ada mail=gone@b.test name=former");
    assert_eq!(
        anonymise("7 adele", "7 adele mail=gone@b.test name=former"),
        seen,
        "renamed in between"
    );
    assert_ne!(
        anonymise("7 ada", "7 user-7 mail=gone@b.test name=former"),
        seen,
        "the username goes, too"
    );
    assert_ne!(anonymise("7 ada", "7 ada mail=other@b.test name=former"), seen);

    let leave =
        |group| identity(&Change::RemoveMember { group: Name::new(group), user: Arc::clone(&ada) });
    assert_eq!(leave("Dev"), leave("dev"));
    assert_ne!(leave("dev"), leave("ops"));
}

#[test]
fn the_loss_of_access_is_refused_by_the_identity_of_a_deactivation() {
    let user = Arc::clone(&directory("7 ada").users[&id("7")]);
    let deactivate = Change::Deactivate { user: Arc::clone(&user) };
    assert_eq!(identity(&deactivate), Identity::of_deactivation(&id("7")));
    let remove = Change::Remove { user: Arc::clone(&user) };
    let after = Arc::clone(&directory("7 gone off").users[&id("7")]);
    let anonymise = Change::Anonymise { before: user, after };
    let rejecting = |change: &Change| {
        let user = Some(id("7"));
        let rejection = Rejection { user, state: SourceState::Silent, rules: "".into() };
        Decisions { rejected: [(identity(change), rejection)].into(), ..Decisions::default() }
    };
    for change in [&deactivate, &remove, &anonymise] {
        assert!(rejecting(&deactivate).is_rejected(change), "{change}");
    }
    // Whoever is not to be deleted may still lose their access.
    assert!(!rejecting(&remove).is_rejected(&deactivate));
    assert!(!rejecting(&remove).is_rejected(&anonymise));
}

#[test]
fn whose_access_is_given_back_does_not_lose_it_in_another_way() {
    let user = Arc::clone(&directory("7 ada").users[&id("7")]);
    let after = Arc::clone(&directory("7 gone off").users[&id("7")]);
    let group = Name::new("dev");
    let rejecting = |change: &Change| {
        let refused = taken_back(change).into_iter().map(|refused| {
            let state = SourceState::Silent;
            (identity(&refused), Rejection { user: Some(id("7")), state, rules: "".into() })
        });
        Decisions { rejected: refused.collect(), ..Decisions::default() }
    };
    let deactivate = Change::Deactivate { user: Arc::clone(&user) };
    let remove = Change::Remove { user: Arc::clone(&user) };
    let anonymise = Change::Anonymise { before: Arc::clone(&user), after: Arc::clone(&after) };
    let leave = Change::RemoveMember { group: group.clone(), user: Arc::clone(&user) };
    let access = [&deactivate, &remove, &anonymise];
    for change in access {
        for other in access {
            assert!(rejecting(change).is_rejected(other), "{change}, and then {other}");
        }
        assert!(!rejecting(change).is_rejected(&leave), "{change}");
    }
    let others = [
        leave.clone(),
        Change::Rename { user: Arc::clone(&user), to: Name::new("adele") },
        Change::Update { before: Arc::clone(&user), after },
        Change::AddMember { group: group.clone(), user },
        Change::RemoveGroup { group },
    ];
    for change in others {
        assert_eq!(taken_back(&change), std::slice::from_ref(&change), "{change}");
        assert!(rejecting(&change).is_rejected(&change), "{change}");
        assert!(access.iter().all(|it| !rejecting(&change).is_rejected(it)), "{change}");
    }
}

/// What a read tells of user 7, and by which rules.
#[derive(Clone)]
struct Read<'a> {
    record: &'a str,
    absence: Option<Absence>,
    rules: &'a str,
}

fn record(record: &str) -> Read<'_> {
    Read { record, absence: None, rules: "one" }
}

fn absent(absence: Absence) -> Read<'static> {
    Read { record: "", absence: Some(absence), rules: "one" }
}

impl<'a> Read<'a> {
    fn by_other_rules(&self) -> Read<'a> {
        Read { rules: "other", ..self.clone() }
    }

    fn states(&self) -> BTreeMap<ExternalId, SourceState> {
        let gone = self.absence.iter().map(|it| (id("7"), it.clone())).collect();
        states([&id("7")], &desired(self.record), &gone)
    }
}

/// Whether a rejection of a change of user 7 is still in force.
fn holds(then: &Read<'_>, now: &Read<'_>) -> bool {
    let state = then.states().remove(&id("7"));
    let state = state.unwrap_or(SourceState::Silent);
    assert_eq!(SourceState::recorded(&state.to_string()), state, "as it is written down");
    is_in_force(state, then.rules, now)
}

fn is_in_force(state: SourceState, rules: &str, now: &Read<'_>) -> bool {
    let rejection = Rejection { user: Some(id("7")), state, rules: rules.into() };
    let rejected = BTreeMap::from([(Identity::of_deactivation(&id("7")), rejection)]);
    let mut decisions = Decisions { rejected, ..Decisions::default() };
    decisions.keep_in_force(&[], &now.states(), now.rules);
    !decisions.rejected.is_empty()
}

#[test]
fn a_rejection_lasts_until_the_source_says_something_else_of_the_person() {
    let gone = || absent(Absence::Gone);
    let out = |words: &str| absent(Absence::OutOfScope(words.into()));
    assert!(holds(&gone(), &gone()));
    assert!(!holds(&gone(), &record("7 ada")));
    assert!(holds(&out("has role X"), &out("has role X")));
    assert!(!holds(&out("has role X"), &out("has nothing")));
    assert!(!holds(&out("has role X"), &gone()));
    assert!(!holds(&record("7 ada"), &out("has role X")));
    let ada = || record("7 ada : dev ops");
    assert!(holds(&ada(), &record("7 ada : dev ops\n8 bob : dev ops")));
    assert!(holds(&ada(), &record("7 ada : ops dev")), "in whichever order");
    for other in [
        "7 adele : dev ops",
        "7 ada : dev",
        "7 ada mail=b@acme.test : dev ops",
        "7 ada off : dev ops",
        "7 ada .title=Lead : dev ops",
    ] {
        assert!(!holds(&ada(), &record(other)), "{other}");
    }
}

#[test]
fn whoever_the_source_says_nothing_of_keeps_their_rejections() {
    for then in [record("7 ada off : dev"), absent(Absence::Gone)] {
        for (silence, now) in [
            ("withheld", record("?7")),
            ("not asked for", record("")),
            ("passed over", absent(Absence::Present)),
            ("withheld with an answer", Read { record: "?7", ..absent(Absence::Gone) }),
        ] {
            assert!(holds(&then, &now), "{silence}");
            assert!(holds(&then, &now.by_other_rules()), "{silence}");
        }
    }
}

#[test]
fn a_rejection_outlasts_a_change_of_the_rules() {
    let out = || absent(Absence::OutOfScope("needs role Staff".into()));
    let ada = || record("7 ada off : dev");
    for (then, now) in [
        // More fields are read, or other groups: what is new of them the source has always said.
        (ada(), record("7 ada off .title=Lead : dev")),
        (ada(), record("7 ada off")),
        (ada(), out()),
        (out(), ada()),
        (out(), absent(Absence::OutOfScope("needs role Other".into()))),
    ] {
        assert!(holds(&then, &now.by_other_rules()), "{} {:?}", now.record, now.absence);
    }
    // What no rule has a hand in.
    for (then, now) in [
        (ada(), record("7 ada : dev")),
        (ada(), record("7 ada off mail=b@acme.test : dev")),
        (ada(), absent(Absence::Gone)),
        (absent(Absence::Gone), out()),
    ] {
        assert!(!holds(&then, &now.by_other_rules()), "{} {:?}", now.record, now.absence);
    }
}

#[test]
fn where_it_is_not_known_what_the_source_said_the_time_alone_ends_a_rejection() {
    for unknown in ["", "00ff00ff00ff00ff", "something that a later version says"] {
        for now in [record("7 ada off : dev"), absent(Absence::Gone)] {
            assert!(is_in_force(SourceState::recorded(unknown), "one", &now), "{unknown}");
        }
    }
}

#[test]
fn an_approval_is_for_the_reason_that_was_seen_and_by_the_rules_of_then() {
    let user = Arc::clone(&directory("7 ada").users[&id("7")]);
    let step = |reason| Step { change: Change::Deactivate { user: Arc::clone(&user) }, reason };
    let at = |time: &str| time.parse().unwrap();
    let noticed = |time: &str| {
        Reason::NoticedByNewRules(Box::new(Earlier { reason: Reason::Gone, at: at(time) }))
    };
    let suspended = || Reason::Inactive("Suspended (status 2)".into());
    let (one, other) = ("2026-01-01T00:00:00Z", "2026-01-02T03:04:05.678Z");
    for (then, now, rules, holds) in [
        (suspended(), suspended(), "one", true),
        (suspended(), suspended(), "other", false),
        (suspended(), Reason::Gone, "one", false),
        (suspended(), Reason::OutOfScope("needs role Staff".into()), "one", false),
        (suspended(), Reason::Inactive("Locked (status 3)".into()), "one", false),
        (Reason::EmptySince(at(one)), Reason::EmptySince(at(other)), "one", true),
        (noticed(one), noticed(other), "one", true),
        (noticed(one), Reason::Gone, "one", false),
    ] {
        let approved = BTreeMap::from([Approval::of(&step(then.clone()), "one")]);
        let mut decisions = Decisions { approved, ..Decisions::default() };
        decisions.keep_in_force(&[step(now.clone())], &BTreeMap::new(), rules);
        assert_eq!(!decisions.approved.is_empty(), holds, "{then:?}, then {now:?} by {rules}");
    }
}

#[test]
fn what_was_left_out_stays_so_while_nothing_can_be_decided_of_it() {
    let actual =
        directory("1 ada : solo\n2 bob : dev\n3 cyd : dev\n4 dee : qa\n5 eve : dev\n[ops]");
    let policy = Policy {
        grace: Grace { reads: 2, hours: 0 },
        ..Policy::new(Cleanup::Delete, EmptyGroups::Remove)
    };
    let user = |number: &str| Arc::clone(&actual.users[&id(number)]);
    let changes = [
        Change::Deactivate { user: user("1") },
        Change::RemoveGroup { group: Name::new("solo") },
        Change::RemoveMember { group: Name::new("dev"), user: user("2") },
        Change::Remove { user: user("3") },
        Change::Remove { user: user("4") },
        Change::RemoveGroup { group: Name::new("QA") },
        Change::Deactivate { user: user("5") },
        Change::RemoveGroup { group: Name::new("ops") },
    ];
    let left_out = changes.iter().map(|it| (identity(it), RULES.into())).collect();
    let decisions = Decisions { left_out, ..Decisions::default() };
    let told_by = |wanted: &str, gone: &[(&str, Absence)], rules: &str| {
        let gone = gone.iter().map(|(it, absence)| (id(it), absence.clone())).collect();
        let plan = plan(&desired(wanted), &actual, &gone, &policy, &Past::NONE).0;
        let proposed: Vec<Identity> = plan.steps.iter().map(|it| identity(&it.change)).collect();
        let proposed = proposed.iter().collect();
        let undecided = plan.undecided_in(&actual);
        let over = decisions.no_longer_left_out(&proposed, &undecided, &[], rules);
        over.into_iter().map(ToString::to_string).map(|it| it.trim().to_owned()).collect::<Vec<_>>()
    };
    let told = |wanted: &str, gone: &[(&str, Absence)]| told_by(wanted, gone, RULES);
    // Withheld, passed over, inactive, and suspected; nobody is in the last group.
    let answers = [
        ("2", Absence::Present),
        ("3", Absence::Inactive("Suspended".into())),
        ("4", Absence::Gone),
    ];
    assert_eq!(told("?1\n5 eve : dev", &answers), ["deactivate 5"]);
    // Back as they were: what is still proposed stays, and the rest is over.
    let after = "1 ada : solo\n2 bob : dev\n3 cyd : dev\n4 dee : qa\n5 eve : dev";
    let over = told(after, &[]);
    assert_eq!(over.len(), changes.len() - 1, "{over:?}");
    assert!(!over.iter().any(|it| it.contains("ops")), "{over:?}");
    // Other rules say nothing of it, but an account that they remove is gone.
    assert_eq!(told_by(after, &[], "others"), Vec::<String>::new());
    let policy = Policy { grace: Grace::NONE, ..policy.clone() };
    let gone = [("4", Absence::Gone)].map(|(it, absence)| (id(it), absence)).into();
    let removes = plan(&desired("5 eve : dev"), &actual, &gone, &policy, &Past::NONE).0;
    let over = decisions.no_longer_left_out(
        &BTreeSet::new(),
        &removes.undecided_in(&actual),
        &removes.steps,
        "others",
    );
    assert_eq!(over, [&identity(&changes[4])]);
    let proposed = identity(&changes[0]);
    let proposed = BTreeSet::from([&proposed]);
    assert_eq!(decisions.left_out_anew(&proposed, "others"), [&identity(&changes[0])]);
    assert_eq!(decisions.left_out_anew(&proposed, RULES), Vec::<&Identity>::new());
}
