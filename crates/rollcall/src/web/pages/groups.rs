//! `/groups`: the groups of a published directory, and one of them with its members.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::{Path, Query, State};
use reconcile::principal::{ExternalId, Name};
use serde::Deserialize;

use crate::store::directory::browse::{self, GroupLine, Page as Rows};
use crate::store::runs::of_person::{self, Joined};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::moment::Moment;
use crate::web::page::Page;
use crate::web::pages::directory::{self, ASKED_FOR, Badges, Place};
use crate::web::pages::runs::Choice;
use crate::web::pages::users::{self, command, next};
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "groups.html")]
struct View {
    page: Page,
    targets: Vec<Choice>,
    /// Absent where there is no target.
    shown: Option<Shown>,
    asked: Asked,
    /// The people of the same target.
    people: String,
}

#[derive(Debug)]
struct Shown {
    sentence: String,
    rows: Vec<Row>,
    first: String,
    next: String,
    /// The equal command.
    command: String,
}

#[derive(Debug)]
struct Row {
    name: String,
    members: u64,
    badges: Badges,
    href: String,
}

/// The address of the list, taken apart.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    target: String,
    q: String,
    after: String,
}

pub async fn show(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let (targets, place) = directory::chosen(&app, &asked.target).await?;
    let shown = match &place {
        Some(place) => Some(shown(&app, &visit, place, &asked).await?),
        None => None,
    };
    let people = directory::address("/users", &[("target", &asked.target)]);
    answer::html(&View { page: visit.page("Groups"), targets, shown, asked, people })
}

async fn shown(app: &App, visit: &Visit, place: &Place, asked: &Asked) -> Result<Shown, Refusal> {
    let target = &place.target;
    let page = Rows { after: &asked.after, rows_max: ASKED_FOR };
    let mut lines = browse::groups(app.db(), target.id, &asked.q, page).await?;
    let next = next(&mut lines, |last| asked.address(&last.name));
    let row = |GroupLine { name, members }| Row {
        badges: place.badges(&Name::new(&name)),
        href: directory::group_page(target, &name),
        name,
        members,
    };
    Ok(Shown {
        sentence: place.sentence(visit),
        rows: lines.into_iter().map(row).collect(),
        first: if asked.after.is_empty() { String::new() } else { asked.address("") },
        next,
        command: command(
            "group list",
            &[target.name.as_str()],
            &[("search", &asked.q), ("after", &asked.after)],
        ),
    })
}

impl Asked {
    fn address(&self, after: &str) -> String {
        let Asked { target, q, after: _ } = self;
        directory::address("/groups", &[("target", target), ("q", q), ("after", after)])
    }
}

#[derive(Debug, Template)]
#[template(path = "group.html")]
struct GroupView {
    page: Page,
    name: String,
    sentence: String,
    badges: Badges,
    /// Who made it by hand, and when; nobody where it is no local group.
    made: Option<(String, Moment)>,
    /// How many: `34 people`.
    members: String,
    /// Where the members that are shown come from.
    origins: BTreeSet<String>,
    rows: Vec<Member>,
    text: String,
    here: String,
    list: String,
    first: String,
    next: String,
    command: String,
}

/// Somebody of a group, and how they came there.
#[derive(Debug)]
struct Member {
    person: users::Row,
    why: String,
    /// The page of the run, empty where somebody did it by hand; and when.
    since: Option<(String, Moment)>,
}

/// Which members are asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AskedMembers {
    q: String,
    after: String,
}

pub async fn one(
    State(app): State<App>,
    visit: Visit,
    Path((target, name)): Path<(i64, String)>,
    Query(asked): Query<AskedMembers>,
) -> Answer {
    let place = directory::place(&app, target).await?;
    let (target, name) = (&place.target, Name::new(&name));
    let group = browse::group(app.db(), target.id, &name).await?.ok_or_else(|| {
        Refusal::NotFound(format!(
            "No group of this name is in {}. It may have been removed since.",
            target.name
        ))
    })?;
    let page = Rows { after: &asked.after, rows_max: ASKED_FOR };
    let mut lines = browse::members(app.db(), target.id, &group, &asked.q, page).await?;
    let here = directory::group_page(target, &group.name);
    let address = |after: &str| directory::address(&here, &[("q", &asked.q), ("after", after)]);
    let next = next(&mut lines, |last| address(&last.username));
    let ids: Vec<&ExternalId> = lines.iter().map(|it| &it.id).collect();
    let joined = of_person::joined(app.db(), target.id, &ids, Some(&name)).await?;
    let mut known: BTreeMap<&ExternalId, &Joined> = BTreeMap::new();
    for it in &joined {
        known.entry(&it.id).or_insert(it);
    }
    let origins = known.values().map(|it| it.reason.clone()).collect();
    let member = |line: browse::UserLine| {
        let joined = known.get(&line.id);
        Member {
            why: joined.map_or_else(String::new, |it| it.reason.clone()),
            since: joined.map(|it| users::since(it, &visit)),
            person: users::row(line, target, &visit),
        }
    };
    let view = GroupView {
        page: visit.page(group.name.clone()),
        sentence: place.sentence(&visit),
        badges: place.badges(&name),
        made: place.made(&name).map(|it| (it.by.clone(), Moment::new(it.at, visit.now()))),
        members: users::people(group.members),
        origins,
        rows: lines.into_iter().map(member).collect(),
        list: directory::address("/groups", &[("target", &target.id.0.to_string())]),
        first: if asked.after.is_empty() { String::new() } else { address("") },
        next,
        command: command(
            "group members",
            &[target.name.as_str(), &group.name],
            &[("search", &asked.q), ("after", &asked.after)],
        ),
        here,
        name: group.name,
        text: asked.q,
    };
    answer::html(&view)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};
    use crate::web::pages::runs::choice;

    #[test]
    fn the_groups_are_shown_in_every_state() {
        let view = |shown, q: &str| View {
            page: samples::page("Groups", "/groups", Role::Viewer),
            targets: vec![choice("1", "1", HOSTILE)],
            shown,
            asked: Asked { q: q.to_owned(), ..Asked::default() },
            people: "/users".to_owned(),
        };
        let shown = |rows| {
            let sentence = HOSTILE.to_owned();
            let (first, next) = ("/groups".to_owned(), "/groups?after=x".to_owned());
            let command = "rollcall group list jira".to_owned();
            Some(Shown { sentence, rows, first, next, command })
        };
        let none = check(&view(None, ""));
        assert!(none.contains("No targets yet"), "{none}");
        let empty = check(&view(shown(Vec::new()), ""));
        assert!(empty.contains("No groups yet"), "{empty}");
        let none = check(&view(shown(Vec::new()), HOSTILE));
        assert!(none.contains("No group is called that"), "{none}");
        let row = Row {
            name: HOSTILE.to_owned(),
            members: 12_345,
            badges: Badges { privileged: true, untouchable: true, local: true },
            href: "/groups/1/x".to_owned(),
        };
        let usual = check(&view(shown(vec![row]), ""));
        assert!(usual.contains("Privileged") && usual.contains("12,345"), "{usual}");
        assert!(usual.contains("Local"), "{usual}");
    }

    #[test]
    fn a_group_is_shown_with_and_without_members() {
        let group = |rows, text: &str| GroupView {
            page: samples::page("jira-users", "/groups/1/jira-users", Role::Viewer),
            name: HOSTILE.to_owned(),
            sentence: HOSTILE.to_owned(),
            badges: Badges { privileged: true, untouchable: false, local: true },
            made: Some((HOSTILE.to_owned(), users::tests::moment())),
            members: users::people(1),
            origins: [HOSTILE.to_owned()].into(),
            rows,
            text: text.to_owned(),
            here: "/groups/1/x".to_owned(),
            list: "/groups".to_owned(),
            first: "/groups/1/x".to_owned(),
            next: "/groups/1/x?after=y".to_owned(),
            command: "rollcall group members jira x".to_owned(),
        };
        let since = Some(("/runs/7".to_owned(), users::tests::moment()));
        let member = Member { person: users::tests::sample(true), why: HOSTILE.to_owned(), since };
        let usual = check(&group(vec![member], ""));
        assert!(usual.contains("1 person") && usual.contains("/runs/7"), "{usual}");
        assert!(usual.contains("Local") && usual.contains("made by hand by"), "{usual}");
        let empty = check(&group(Vec::new(), ""));
        assert!(empty.contains("Nobody is in this group"), "{empty}");
        let nobody = check(&group(Vec::new(), HOSTILE));
        assert!(nobody.contains("Nobody of this group is like this"), "{nobody}");
    }
}
