//! `/users`: the people of a published directory, and one of them with what runs did to them.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use jiff::{SignedDuration, Timestamp};
use reconcile::principal::{ExternalId, Name};
use serde::Deserialize;

use crate::notation::shell_word;
use crate::store::accounts::Role;
use crate::store::connectors::Connector;
use crate::store::directory::browse::{self, Page as Rows, UserFilter, UserLine};
use crate::store::directory::lookup;
use crate::store::runs::of_person::{self, Joined, PastChange, PastFinding};
use crate::store::targets::{self, Target};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::moment::{Moment, count};
use crate::web::page::Page;
use crate::web::pages::directory::{self, ASKED_FOR, Badges, Place, ROWS};
use crate::web::pages::runs::{Choice, choice, spoken};
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "users.html")]
struct View {
    page: Page,
    targets: Vec<Choice>,
    /// Absent where there is no target.
    shown: Option<Shown>,
    asked: Asked,
    states: Vec<Choice>,
    since: Vec<Choice>,
    /// The groups of the same target.
    groups: String,
    /// Who is searched for, explained.
    explain: String,
}

#[derive(Debug)]
struct Shown {
    sentence: String,
    /// How many there are: `655 people`.
    total: String,
    rows: Vec<Row>,
    is_filtered: bool,
    /// Where the list begins; empty where that is shown.
    first: String,
    next: String,
    /// The equal command.
    command: String,
}

/// Somebody, as a list shows them.
#[derive(Debug)]
pub struct Row {
    pub username: String,
    pub display_name: String,
    pub email: String,
    pub active: bool,
    pub groups: u64,
    pub id: String,
    pub changed: Moment,
    pub href: String,
}

/// The address of the list, taken apart.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    target: String,
    q: String,
    state: String,
    /// Within how many days.
    since: String,
    after: String,
}

const STATES: [(&str, &str); 2] = [("active", "Active"), ("inactive", "Inactive")];
const SINCE: [(&str, &str); 3] = [("1", "a day"), ("7", "7 days"), ("30", "30 days")];

pub async fn show(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let (targets, place) = directory::chosen(&app, &asked.target).await?;
    let shown = match &place {
        Some(place) => Some(shown(&app, &visit, place, &asked).await?),
        None => None,
    };
    let view = View {
        page: visit.page("Directory"),
        targets,
        shown,
        states: STATES.map(|(word, label)| choice(&asked.state, word, label)).to_vec(),
        since: SINCE.map(|(word, label)| choice(&asked.since, word, label)).to_vec(),
        groups: directory::address("/groups", &[("target", &asked.target)]),
        explain: directory::address("/explain", &[("user", &asked.q)]),
        asked,
    };
    answer::html(&view)
}

async fn shown(app: &App, visit: &Visit, place: &Place, asked: &Asked) -> Result<Shown, Refusal> {
    let (target, filter) = (&place.target, asked.filter(visit.now()));
    let rows = Rows { after: &asked.after, rows_max: ASKED_FOR };
    let (mut lines, total) = browse::users_and_total(app.db(), target.id, &filter, rows).await?;
    let next = next(&mut lines, |last| asked.address(&last.username));
    Ok(Shown {
        sentence: place.sentence(visit),
        total: people(total),
        rows: lines.into_iter().map(|it| row(it, target, visit)).collect(),
        is_filtered: Asked { target: String::new(), ..asked.clone() }.address("") != "/users",
        first: if asked.after.is_empty() { String::new() } else { asked.address("") },
        next,
        command: asked.command(target.name.as_str()),
    })
}

/// `1 person`, `1,234 people`
pub fn people(number: u64) -> String {
    match number {
        1 => "1 person".to_owned(),
        many => format!("{} people", count(many)),
    }
}

/// Leaves one page of rows, and tells where the next one is; empty where there is none.
pub fn next<T>(rows: &mut Vec<T>, address: impl Fn(&T) -> String) -> String {
    let has_more = ROWS < rows.len();
    rows.truncate(ROWS);
    rows.last().filter(|_| has_more).map(address).unwrap_or_default()
}

pub fn row(line: UserLine, target: &Target, visit: &Visit) -> Row {
    let UserLine { id, username, email, display_name, active, groups, changed_at } = line;
    Row {
        username,
        display_name,
        email,
        active,
        groups,
        changed: Moment::new(changed_at, visit.now()),
        href: directory::user_page(target, &id),
        id: id.to_string(),
    }
}

impl Asked {
    fn filter(&self, now: Timestamp) -> UserFilter {
        let active = match self.state.as_str() {
            "active" => Some(true),
            "inactive" => Some(false),
            _ => None,
        };
        let changed_since = self
            .days()
            .and_then(|days| now.checked_sub(SignedDuration::from_hours(24 * days)).ok());
        UserFilter { search: self.q.clone(), active, group: None, changed_since }
    }

    fn address(&self, after: &str) -> String {
        let Asked { target, q, state, since, after: _ } = self;
        let parts = [("target", target), ("q", q), ("state", state), ("since", since)];
        let parts = parts.map(|(name, value)| (name, value.as_str()));
        directory::address("/users", &[&parts[..], &[("after", after)]].concat())
    }
}

impl Asked {
    /// Within how many days somebody changed.
    fn days(&self) -> Option<i64> {
        self.since.parse::<i64>().ok().filter(|it| (1..=366).contains(it))
    }

    fn command(&self, target: &str) -> String {
        let Asked { target: _, q, state, since, after } = self;
        let nothing = String::new();
        let is_state = STATES.iter().any(|(word, _)| word == state);
        let state = if is_state { state } else { &nothing };
        let since = if self.days().is_some() { since } else { &nothing };
        let flags = [("search", q), ("state", state), ("changed-days", since), ("after", after)];
        command("user list", &[target], &flags)
    }
}

/// A command line; flags without a value are left out.
pub fn command(words: &str, names: &[&str], flags: &[(&str, &String)]) -> String {
    let mut command = format!("rollcall {words}");
    for name in names {
        command.push(' ');
        command.push_str(&shell_word(name));
    }
    for (flag, value) in flags.iter().filter(|(_, value)| !value.is_empty()) {
        command.extend([" --", flag, " ", &shell_word(value)]);
    }
    command
}

#[derive(Debug, Template)]
#[template(path = "user.html")]
struct PersonView {
    page: Page,
    name: String,
    sentence: String,
    /// Absent where they are not in the directory any more.
    account: Option<Account>,
    groups: Vec<Membership>,
    /// The other targets that they are in.
    elsewhere: Vec<(String, String)>,
    changes: Vec<Change>,
    /// Whether there are more changes than are shown.
    has_more: bool,
    findings: Vec<Finding>,
    list: String,
    explain: String,
    /// Where they are synced alone; empty for whoever may not.
    single: String,
    commands: Vec<(&'static str, String)>,
}

#[derive(Debug)]
struct Account {
    active: bool,
    /// Label and value.
    fields: Vec<(String, String)>,
    created: Moment,
    changed: Moment,
}

/// A group of somebody, or somebody of a group: how they came there.
#[derive(Debug)]
struct Membership {
    group: String,
    href: String,
    badges: Badges,
    why: String,
    /// The page of the run, empty where somebody did it by hand; and when.
    since: Option<(String, Moment)>,
}

#[derive(Debug)]
struct Change {
    run: i64,
    at: Moment,
    kind: String,
    /// The group, or what became of the fields.
    what: String,
    reason: String,
    outcome: String,
    target: String,
}

#[derive(Debug)]
struct Finding {
    run: i64,
    at: Moment,
    kind: String,
    message: String,
}

const CHANGES_MAX: u32 = 100;
const FINDINGS_MAX: u32 = 20;

pub async fn one(
    State(app): State<App>,
    visit: Visit,
    Path((target, id)): Path<(i64, String)>,
) -> Answer {
    let place = directory::place(&app, target).await?;
    let id = ExternalId::new(&id);
    let (target, connector) = (&place.target, &place.connector);
    let account = account(&app, &visit, target, &id).await?;
    let mut changes =
        of_person::changes(app.db(), connector.id, &id, CHANGES_MAX.saturating_add(1)).await?;
    let shown = usize::try_from(CHANGES_MAX).unwrap_or(usize::MAX);
    let has_more = shown < changes.len();
    changes.truncate(shown);
    let known_as = changes.iter().find_map(|it| it.change.username.clone());
    let name = match &account {
        Some((username, _)) => username.clone(),
        None => known_as.ok_or_else(|| {
            Refusal::NotFound(format!(
                "Nobody of this id is in {}, and no run that is still kept changed them.",
                target.name
            ))
        })?,
    };
    let groups = browse::groups_of(app.db(), target.id, &id).await?;
    let joined = of_person::joined(app.db(), target.id, &[&id], None).await?;
    let findings = of_person::findings(app.db(), connector.id, &id, FINDINGS_MAX).await?;
    let connector_id = connector.id.to_string();
    let who = [("connector", &*connector_id), ("user", id.as_str())];
    let view = PersonView {
        page: visit.page(name.clone()),
        sentence: place.sentence(&visit),
        account: account.map(|(_, account)| account),
        groups: memberships(&place, &visit, groups, &joined),
        elsewhere: elsewhere(&app, &place, &id).await?,
        changes: changes.into_iter().map(|it| change(it, &visit)).collect(),
        has_more,
        findings: findings.into_iter().map(|it| finding(it, &visit)).collect(),
        list: directory::address("/users", &[("target", &target.id.0.to_string())]),
        explain: directory::address("/explain", &who),
        single: if visit.may(Role::Operator) {
            directory::address("/explain/simulate", &who)
        } else {
            String::new()
        },
        commands: commands(&visit, connector, target, &id),
        name,
    };
    answer::html(&view)
}

/// What the page shows and leads to, as commands.
fn commands(
    visit: &Visit,
    connector: &Connector,
    target: &Target,
    id: &ExternalId,
) -> Vec<(&'static str, String)> {
    let (connector, target) = (connector.name.as_str(), target.name.as_str());
    let mut commands = vec![
        ("Show", command("user show", &[target, id.as_str()], &[])),
        ("Explain this user", command("user explain", &[connector, id.as_str()], &[])),
    ];
    if visit.may(Role::Operator) {
        commands.push(("Sync single user", command("user sync", &[connector, id.as_str()], &[])));
    }
    commands
}

async fn account(
    app: &App,
    visit: &Visit,
    target: &Target,
    id: &ExternalId,
) -> Result<Option<(String, Account)>, Refusal> {
    let mut tx = app.db().snapshot().await?;
    let row = lookup::user_by_external_id(&mut tx, target.id, id.as_str()).await?;
    Ok(row.map(|it| {
        let moment =
            |at: i64| Moment::new(Timestamp::from_microsecond(at).unwrap_or_default(), visit.now());
        let known = [
            ("Username", &it.username),
            ("E-mail", &it.email),
            ("Display name", &it.display_name),
            ("First name", &it.first_name),
            ("Last name", &it.last_name),
            ("External id", &it.external_id),
        ];
        let known = known.map(|(label, value)| (label.to_owned(), value.clone()));
        let account = Account {
            active: it.active,
            fields: known.into_iter().chain(it.attributes).collect(),
            created: moment(it.created_at),
            changed: moment(it.updated_at),
        };
        (it.username, account)
    }))
}

/// The groups of somebody, each with why and since when, as far as the runs are kept.
fn memberships(
    place: &Place,
    visit: &Visit,
    groups: Vec<String>,
    joined: &[Joined],
) -> Vec<Membership> {
    let mut known: BTreeMap<&Name, &Joined> = BTreeMap::new();
    for it in joined {
        known.entry(&it.group).or_insert(it);
    }
    let membership = |group: String| {
        let name = Name::new(&group);
        let joined = known.get(&name);
        Membership {
            href: directory::group_page(&place.target, &group),
            badges: place.badges(&name),
            why: joined.map_or_else(String::new, |it| it.reason.clone()),
            since: joined.map(|it| since(it, visit)),
            group,
        }
    };
    groups.into_iter().map(membership).collect()
}

/// By which run somebody came into a group, as its page, and when.
pub fn since(joined: &Joined, visit: &Visit) -> (String, Moment) {
    let run = joined.run.map_or_else(String::new, |it| format!("/runs/{it}"));
    (run, Moment::new(joined.at, visit.now()))
}

/// The other targets of the connector that have this person: name and page.
async fn elsewhere(
    app: &App,
    place: &Place,
    id: &ExternalId,
) -> Result<Vec<(String, String)>, Refusal> {
    let mut elsewhere = Vec::new();
    for target in targets::of_connector(app.db(), place.connector.id).await? {
        let is_other = target.id != place.target.id;
        if is_other && browse::user(app.db(), target.id, id).await?.is_some() {
            elsewhere.push((target.name.to_string(), directory::user_page(&target, id)));
        }
    }
    Ok(elsewhere)
}

fn change(past: PastChange, visit: &Visit) -> Change {
    let PastChange { run, at, change } = past;
    Change {
        run: run.0,
        at: Moment::new(at, visit.now()),
        kind: change.kind,
        what: change.group.unwrap_or(change.detail),
        reason: change.reason,
        outcome: change.outcome,
        target: change.target_name.unwrap_or_else(|| "deleted since".to_owned()),
    }
}

fn finding(past: PastFinding, visit: &Visit) -> Finding {
    let PastFinding { at, finding } = past;
    Finding {
        run: finding.run.0,
        at: Moment::new(at, visit.now()),
        kind: spoken(&finding.kind),
        message: finding.message,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};

    pub fn moment() -> Moment {
        let at = |text: &str| text.parse().unwrap();
        Moment::new(at("2026-11-25T22:14:03Z"), at("2026-11-25T22:20:03Z"))
    }

    pub fn sample(active: bool) -> Row {
        Row {
            username: HOSTILE.to_owned(),
            display_name: HOSTILE.to_owned(),
            email: HOSTILE.to_owned(),
            active,
            groups: 4,
            id: HOSTILE.to_owned(),
            changed: moment(),
            href: "/users/1/117".to_owned(),
        }
    }

    fn view(shown: Option<Shown>) -> View {
        View {
            page: samples::page("Directory", "/users", Role::Viewer),
            targets: vec![choice("1", "1", HOSTILE)],
            shown,
            asked: Asked { q: HOSTILE.to_owned(), ..Asked::default() },
            states: Vec::new(),
            since: Vec::new(),
            groups: "/groups".to_owned(),
            explain: "/explain".to_owned(),
        }
    }

    fn shown(rows: Vec<Row>, is_filtered: bool) -> Shown {
        Shown {
            sentence: HOSTILE.to_owned(),
            total: people(1_234),
            rows,
            is_filtered,
            first: "/users".to_owned(),
            next: "/users?after=x".to_owned(),
            command: "rollcall user list jira".to_owned(),
        }
    }

    #[test]
    fn the_list_tells_why_it_is_empty() {
        let none = check(&view(None));
        assert!(none.contains("No targets yet"), "{none}");
        let empty = check(&view(Some(shown(Vec::new(), false))));
        assert!(empty.contains("No people yet"), "{empty}");
        let nobody = check(&view(Some(shown(Vec::new(), true))));
        assert!(nobody.contains("Nobody is like this"), "{nobody}");
        let usual = check(&view(Some(shown(vec![sample(true), sample(false)], false))));
        assert!(usual.contains("1,234 people") && usual.contains("Inactive"), "{usual}");
    }

    #[test]
    fn a_person_is_shown_in_every_state() {
        let person = |account| PersonView {
            page: samples::page("maya", "/users/1/117", Role::Viewer),
            name: HOSTILE.to_owned(),
            sentence: HOSTILE.to_owned(),
            account,
            groups: vec![
                Membership {
                    group: HOSTILE.to_owned(),
                    href: "/groups/1/x".to_owned(),
                    badges: Badges { privileged: true, untouchable: true, local: true },
                    why: HOSTILE.to_owned(),
                    since: Some(("/runs/7".to_owned(), moment())),
                },
                Membership {
                    group: "other".to_owned(),
                    href: "/groups/1/other".to_owned(),
                    badges: Badges::default(),
                    why: String::new(),
                    since: None,
                },
                Membership {
                    group: "by hand".to_owned(),
                    href: "/groups/1/by%20hand".to_owned(),
                    badges: Badges { local: true, ..Badges::default() },
                    why: HOSTILE.to_owned(),
                    since: Some((String::new(), moment())),
                },
            ],
            elsewhere: vec![(HOSTILE.to_owned(), "/users/2/117".to_owned())],
            changes: vec![Change {
                run: 7,
                at: moment(),
                kind: "update".to_owned(),
                what: HOSTILE.to_owned(),
                reason: HOSTILE.to_owned(),
                outcome: "applied".to_owned(),
                target: HOSTILE.to_owned(),
            }],
            has_more: true,
            findings: vec![Finding {
                run: 7,
                at: moment(),
                kind: "Conflict".to_owned(),
                message: HOSTILE.to_owned(),
            }],
            list: "/users".to_owned(),
            explain: "/explain?user=117".to_owned(),
            single: "/explain/simulate".to_owned(),
            commands: vec![("Show", "rollcall user show x 117".to_owned())],
        };
        let account = Account {
            active: false,
            fields: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
            created: moment(),
            changed: moment(),
        };
        let here = check(&person(Some(account)));
        assert!(here.contains("Privileged") && here.contains("/runs/7"), "{here}");
        let gone = check(&person(None));
        assert!(gone.contains("not in this directory"), "{gone}");
    }

    #[test]
    fn the_address_is_the_question() {
        let asked = Asked { q: "a b".to_owned(), since: "7".to_owned(), ..Asked::default() };
        assert_eq!(asked.address("maya"), "/users?q=a%20b&since=7&after=maya");
        let now: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
        let week = asked.filter(now).changed_since.unwrap();
        assert_eq!(week.to_string(), "2026-11-18T00:00:00Z");
        let odd = Asked { since: "-5".to_owned(), state: "x".to_owned(), ..Asked::default() };
        assert_eq!((odd.filter(now).changed_since, odd.filter(now).active), (None, None));
        assert_eq!(
            asked.command("jira"),
            "rollcall user list jira --search 'a b' --changed-days 7"
        );
        assert_eq!(odd.command("x y"), "rollcall user list 'x y'");
    }
}
