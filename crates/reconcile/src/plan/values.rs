//! What an update does to the values that an account has: some are other ones then, some are gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Change;
use crate::principal::User;

/// How the e-mail address is called where plans tell of it.
pub const EMAIL: &str = "e-mail";
/// How the username is.
pub const USERNAME: &str = "username";

/// A value that an update changes; an empty text where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differing<'a> {
    pub attribute: &'a str,
    pub before: &'a str,
    pub after: &'a str,
}

impl Change {
    /// The attributes that have a value, and none after it.
    pub fn emptied(&self) -> impl Iterator<Item = &str> {
        let emptied = self.values().filter(|it| !it.before.is_empty() && it.after.is_empty());
        emptied.map(|it| it.attribute)
    }

    /// The attributes that have another value after it.
    pub fn overwritten(&self) -> impl Iterator<Item = &str> {
        let has_both = |it: &Differing<'_>| !it.before.is_empty() && !it.after.is_empty();
        self.values().filter(has_both).map(|it| it.attribute)
    }

    /// Whether somebody has less after it: a removal, or an update that leaves an attribute without a
    /// value.
    pub fn takes_something(&self) -> bool {
        self.is_removal() || self.emptied().next().is_some()
    }

    /// What of a person has another value after it, as plans call it; nothing where somebody comes, leaves,
    /// or is active or inactive from then on.
    pub fn fields(&self) -> Vec<&str> {
        match self {
            Change::Update { before, after } | Change::Anonymise { before, after } => {
                let username = (before.username != after.username).then_some(USERNAME);
                let others = differing(before, after).map(|it| spoken(it.attribute));
                username.into_iter().chain(others).collect()
            }
            Change::Rename { .. } => vec![USERNAME],
            Change::Create { .. }
            | Change::Reactivate { .. }
            | Change::CreateGroup { .. }
            | Change::AdoptGroup { .. }
            | Change::MakeLocal { .. }
            | Change::AddMember { .. }
            | Change::RemoveMember { .. }
            | Change::Deactivate { .. }
            | Change::Remove { .. }
            | Change::RemoveGroup { .. } => Vec::new(),
        }
    }

    fn values(&self) -> impl Iterator<Item = Differing<'_>> {
        let update = match self {
            Change::Update { before, after } => Some((before, after)),
            Change::Create { .. }
            | Change::Reactivate { .. }
            | Change::Rename { .. }
            | Change::CreateGroup { .. }
            | Change::AdoptGroup { .. }
            | Change::MakeLocal { .. }
            | Change::AddMember { .. }
            | Change::RemoveMember { .. }
            | Change::Deactivate { .. }
            | Change::Anonymise { .. }
            | Change::Remove { .. }
            | Change::RemoveGroup { .. } => None,
        };
        update.into_iter().flat_map(|(before, after)| differing(before, after))
    }
}

/// In the order in which plans tell of them.
pub(super) fn differing<'a>(
    before: &'a User,
    after: &'a User,
) -> impl Iterator<Item = Differing<'a>> {
    let named = NAMED.into_iter().map(move |(attribute, value)| Differing {
        attribute,
        before: value(before),
        after: value(after),
    });
    let names: BTreeSet<&Arc<str>> =
        before.attributes.iter().chain(after.attributes.iter()).map(|(name, _)| name).collect();
    let further = names.into_iter().map(move |name| Differing {
        attribute: name,
        before: before.attributes.get(name).unwrap_or_default(),
        after: after.attributes.get(name).unwrap_or_default(),
    });
    named.chain(further).filter(|it| it.before != it.after)
}

/// What somebody has of an attribute that a plan tells of; empty where it is nothing.
pub fn value_of<'a>(user: &'a User, attribute: &str) -> &'a str {
    match NAMED.iter().find(|(name, _)| *name == attribute) {
        Some((_, value)) => value(user),
        None => user.attributes.get(attribute).unwrap_or_default(),
    }
}

/// An attribute as people speak of it: `title`, which products are served as `synch.title`.
pub fn spoken(attribute: &str) -> &str {
    attribute.strip_prefix("synch.").unwrap_or(attribute)
}

/// The attributes that every account has a place for.
const NAMED: [(&str, Value); 4] = [
    (EMAIL, |user| &user.email),
    ("display name", |user| &user.display_name),
    ("first name", |user| &user.first_name),
    ("last name", |user| &user.last_name),
];

type Value = fn(&User) -> &str;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::{Attributes, ExternalId, Name};

    fn update(before: &[(&str, &str)], after: &[(&str, &str)]) -> Change {
        let user = |values: &[(&str, &str)]| {
            let of = |name: &str| {
                let value = values.iter().find(|(it, _)| *it == name);
                Box::from(value.map_or("", |(_, value)| value))
            };
            let further = values.iter().filter(|(name, _)| name.starts_with("synch."));
            let further = further.map(|(name, value)| (Arc::from(*name), Box::from(*value)));
            Arc::new(User {
                id: ExternalId::new("1"),
                username: Name::new("ada"),
                email: of("e-mail"),
                display_name: of("display name"),
                first_name: of("first name"),
                last_name: of("last name"),
                active: true,
                attributes: Attributes::new(further.collect()),
                source_id: None,
            })
        };
        Change::Update { before: user(before), after: user(after) }
    }

    #[test]
    fn a_change_tells_which_fields_it_alters() {
        let (before, after) = (
            [("e-mail", "a@b"), ("synch.title", "Lead"), ("last name", "L")],
            [("e-mail", "b@b"), ("synch.title", ""), ("last name", "L"), ("synch.floor", "3")],
        );
        let update = update(&before, &after);
        assert_eq!(update.fields(), ["e-mail", "floor", "title"]);
        let Change::Update { before: user, after } = update else { panic!("an update") };
        let nameless = User { username: Name::new("removed-1"), ..after.as_ref().clone() };
        let nameless = Arc::new(nameless);
        for (change, fields) in [
            (Change::Rename { user: user.clone(), to: Name::new("al") }, &["username"][..]),
            (
                Change::Anonymise { before: user.clone(), after: nameless },
                &["username", "e-mail", "floor", "title"],
            ),
            (Change::Create { user: user.clone() }, &[]),
            (Change::Deactivate { user: user.clone() }, &[]),
            (Change::AddMember { group: Name::new("g"), user }, &[]),
        ] {
            assert_eq!(change.fields(), fields, "{change}");
        }
    }

    #[test]
    fn what_is_emptied_is_told_from_what_is_overwritten_and_from_what_is_new() {
        const TITLE: &str = "synch.title";
        for (before, after, emptied, overwritten) in [
            (&[("e-mail", "a@b")][..], &[][..], &["e-mail"][..], &[][..]),
            (&[("first name", "A")], &[("first name", "B")], &[], &["first name"]),
            (&[], &[("last name", "B")], &[], &[]),
            (&[(TITLE, "Lead")], &[], &[TITLE], &[]),
            (&[(TITLE, "Lead")], &[(TITLE, "")], &[TITLE], &[]),
            (&[(TITLE, "Lead")], &[(TITLE, "Head"), ("synch.floor", "3")], &[], &[TITLE]),
            (
                &[(TITLE, "Lead"), ("display name", "A")],
                &[("display name", "B")],
                &[TITLE],
                &["display name"],
            ),
        ] {
            let change = update(before, after);
            assert_eq!(change.emptied().collect::<Vec<_>>(), emptied, "{change}");
            assert_eq!(change.overwritten().collect::<Vec<_>>(), overwritten, "{change}");
            assert_eq!(change.takes_something(), !emptied.is_empty(), "{change}");
            let Change::Update { before: user, .. } = &change else { unreachable!() };
            for (name, value) in before {
                assert_eq!(value_of(user, name), *value);
            }
        }
        assert_eq!((spoken(TITLE), spoken("last name")), ("title", "last name"));
    }
}
