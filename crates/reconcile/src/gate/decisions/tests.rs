use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Decisions, Identity, Rejection, states};
use crate::plan::{Absence, Change};
use crate::principal::Name;
use crate::world::{desired, directory, id};

fn identity(change: &Change) -> Identity {
    let identity = Identity::of(change);
    assert_eq!(Identity::recorded(identity.as_str()), identity);
    identity
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

/// Whether a rejection of a change of user 7 is still in force.
fn holds(then: (&str, Option<Absence>), now: (&str, Option<Absence>)) -> bool {
    let ids = BTreeSet::from([id("7")]);
    let states_of = |(text, absence): (&str, Option<Absence>)| {
        let gone: BTreeMap<_, _> = absence.into_iter().map(|it| (id("7"), it)).collect();
        states(&ids, &desired(text), &gone)
    };
    let state = states_of(then)[&id("7")].clone();
    let user = Arc::clone(&directory("7 ada").users[&id("7")]);
    let rejection = Rejection { user: Some(id("7")), state };
    let rejected = BTreeMap::from([(identity(&Change::Deactivate { user }), rejection)]);
    let mut decisions = Decisions { rejected, ..Decisions::default() };
    decisions.keep_in_force(&states_of(now));
    !decisions.rejected.is_empty()
}

#[test]
fn a_rejection_lasts_until_the_source_says_something_else_of_the_person() {
    let others = "8 bob : ops";
    assert!(holds(("", Some(Absence::Gone)), (others, Some(Absence::Gone))));
    assert!(!holds(("", Some(Absence::Gone)), ("7 ada", None)));
    let out = |words: &str| Some(Absence::OutOfScope(words.into()));
    assert!(holds(("", out("has role X")), (others, out("has role X"))));
    assert!(!holds(("", out("has role X")), ("", out("has nothing"))));
    assert!(!holds(("", out("has role X")), ("", Some(Absence::Gone))));
    assert!(holds(("7 ada : dev", None), ("7 ada : dev\n8 bob : dev ops", None)));
    assert!(!holds(("7 ada : dev", None), ("7 ada : dev ops", None)));
    assert!(!holds(("7 ada : dev", None), ("7 ada mail=b@acme.test : dev", None)));
    assert!(!holds(("7 ada", None), ("7 ada off", None)));
}
