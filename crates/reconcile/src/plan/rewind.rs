//! A directory as it was before changes were made to it, for questions about the past.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::undo::Done;
use super::{Change, Differences};
use crate::directory::Directory;
use crate::principal::{ExternalId, Name, User};

/// What is taken out of a directory again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Everything that was done since.
    Everything,
    /// What was done to some people: groups are there without having been made.
    SomePeople,
}

/// Takes changes out of a directory again. They are in the order in which they were made.
///
/// Tells how many of them do not fit the directory, because something changed it that was not
/// recorded: what they are about is then as well as can be told.
pub fn rewind(directory: &mut Directory, done: &[Done], extent: Extent) -> usize {
    let mut misfits = 0;
    for done in done.iter().rev() {
        if !take_back(directory, done, extent) {
            misfits += 1;
        }
    }
    misfits
}

/// Tells whether everything was as the change left it.
fn take_back(directory: &mut Directory, done: &Done, extent: Extent) -> bool {
    match &done.change {
        Change::Create { user } => {
            let members = directory.groups.values_mut();
            let was_in_a_group = members.map(|it| it.remove(&user.id)).filter(|it| *it).count();
            directory.users.remove(&user.id).is_some() && was_in_a_group == 0
        }
        Change::Reactivate { user } => edit(directory, &user.id, |it| {
            let fits = it.active;
            it.active = false;
            fits
        }),
        Change::Deactivate { user } => edit(directory, &user.id, |it| {
            let fits = !it.active;
            it.active = true;
            fits
        }),
        Change::Rename { user, to } => edit(directory, &user.id, |it| {
            let fits = it.username.same_spelling(to);
            it.username = user.username.clone();
            fits
        }),
        Change::Update { before, after } => edit(directory, &before.id, |it| {
            let fits = Differences(it, after).is_empty();
            let (username, active) = (it.username.clone(), it.active);
            *it = User { username, active, ..User::clone(before) };
            fits
        }),
        Change::Anonymise { before, after } => edit(directory, &before.id, |it| {
            let fits = it == &**after;
            *it = User::clone(before);
            fits
        }),
        Change::CreateGroup { group } => {
            directory.groups.remove(group).is_some_and(|members| members.is_empty())
        }
        Change::AdoptGroup { group } => directory.local.insert(group.clone()),
        Change::MakeLocal { group } => directory.local.remove(group),
        Change::RemoveGroup { group } => {
            directory.groups.insert(group.clone(), BTreeSet::new()).is_none()
        }
        Change::AddMember { group, user } => {
            directory.groups.get_mut(group).is_some_and(|members| members.remove(&user.id))
        }
        Change::RemoveMember { group, user } => join(directory, group, &user.id, extent),
        Change::Remove { user } => {
            let is_back = directory.users.insert(user.id.clone(), Arc::clone(user)).is_none();
            let joined = done.groups.iter().filter(|it| join(directory, it, &user.id, extent));
            joined.count() == done.groups.len() && is_back
        }
    }
}

fn edit(directory: &mut Directory, id: &ExternalId, edit: impl FnOnce(&mut User) -> bool) -> bool {
    directory.users.get_mut(id).is_some_and(|user| edit(Arc::make_mut(user)))
}

fn join(directory: &mut Directory, group: &Name, id: &ExternalId, extent: Extent) -> bool {
    let is_there = directory.groups.contains_key(group);
    let is_new = directory.groups.entry(group.clone()).or_default().insert(id.clone());
    match extent {
        Extent::Everything => is_there && is_new,
        Extent::SomePeople => is_new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{directory, id};

    fn done(change: Change) -> Done {
        Done { change, groups: Vec::new() }
    }

    fn user(world: &str) -> Arc<User> {
        directory(world).users.into_values().next().unwrap()
    }

    #[test]
    fn each_change_is_taken_out_again() {
        let ada = || user("7 ada");
        let group = || Name::new("dev");
        for (after, change, before) in [
            ("7 ada", Change::Create { user: ada() }, ""),
            ("7 ada", Change::Reactivate { user: user("7 ada off") }, "7 ada off"),
            ("7 ada off", Change::Deactivate { user: ada() }, "7 ada"),
            (
                "7 lee mail=ada@acme.test name=ada",
                Change::Rename { user: ada(), to: Name::new("lee") },
                "7 ada",
            ),
            (
                "7 ada off last=Lee",
                Change::Update { before: user("7 ada last=Li"), after: user("7 ada last=Lee") },
                "7 ada off last=Li",
            ),
            (
                "7 gone off",
                Change::Anonymise { before: user("7 ada"), after: user("7 gone off") },
                "7 ada",
            ),
            ("[dev]", Change::CreateGroup { group: group() }, ""),
            ("", Change::RemoveGroup { group: group() }, "[dev]"),
            ("7 ada : dev", Change::AddMember { group: group(), user: ada() }, "7 ada\n[dev]"),
            ("7 ada\n[dev]", Change::RemoveMember { group: group(), user: ada() }, "7 ada : dev"),
        ] {
            let mut now = directory(after);
            let words = change.to_string();
            let misfits = rewind(&mut now, &[done(change)], Extent::Everything);
            assert_eq!((misfits, now), (0, directory(before)), "{words}");
        }
        let adopted = done(Change::AdoptGroup { group: group() });
        let mut now = directory("[dev]");
        assert_eq!(rewind(&mut now, &[adopted], Extent::Everything), 0);
        assert_eq!(now.local, [group()].into());
        let made_local = done(Change::MakeLocal { group: group() });
        assert_eq!(rewind(&mut now, &[made_local], Extent::Everything), 0);
        assert_eq!(now, directory("[dev]"));
        let mut now = directory("[dev]\n[ops]");
        let groups = vec![Name::new("dev"), Name::new("ops")];
        let removed = Done { change: Change::Remove { user: ada() }, groups };
        assert_eq!(rewind(&mut now, &[removed], Extent::Everything), 0);
        assert_eq!(now, directory("7 ada : dev ops"));
    }

    #[test]
    fn the_latest_change_is_taken_out_first() {
        let to = |name: &str| Change::Rename { user: user("7 ada"), to: Name::new(name) };
        let second = Change::Rename { user: user("7 lee"), to: Name::new("li") };
        let mut now = directory("7 li mail=ada@acme.test name=ada");
        let misfits = rewind(&mut now, &[done(to("lee")), done(second)], Extent::Everything);
        assert_eq!((misfits, now), (0, directory("7 ada")));
    }

    #[test]
    fn what_does_not_fit_is_counted_and_the_rest_is_taken_out() {
        let elsewhere = Change::Deactivate { user: user("9 eve") };
        let left = Change::RemoveMember { group: Name::new("ops"), user: user("7 ada") };
        let renamed = Change::Rename { user: user("7 ada"), to: Name::new("lee") };
        let changes = [done(renamed), done(left), done(elsewhere)];
        let mut now = directory("7 other mail=ada@acme.test name=ada");
        assert_eq!(rewind(&mut now.clone(), &changes, Extent::Everything), 3);
        // Of some people it is not known whether their groups were there.
        assert_eq!(rewind(&mut now, &changes, Extent::SomePeople), 2);
        assert_eq!(now.users[&id("7")].username, Name::new("ada"));
        assert!(now.is_member(&Name::new("ops"), &id("7")));
    }
}
