//! `/explain`: why somebody is here or is not, station by station, and what would bring them in.

pub mod single;

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Query, State};
use reconcile::explain::group::GroupAnswer;
use reconcile::explain::{Explanation, Station, Verdict};
use reconcile::figure::figure;
use reconcile::plan::Step;
use serde::Deserialize;

use crate::notation::shell_word;
use crate::people::PeopleError;
use crate::people::explain::{self, Explained, InDirectory, Person, Seen, View as AsOf};
use crate::run::Ready;
use crate::source::onelogin::replay::Remedy;
use crate::store::accounts::Role;
use crate::store::connectors::{self, Connector};
use crate::store::directory::browse::UserLine;
use crate::store::runs::{self, RunId};
use crate::store::targets::Target;
use crate::web::answer::{self, Answer};
use crate::web::moment::Moment;
use crate::web::page::Page;
use crate::web::pages::directory;
use crate::web::pages::runs::{Choice, choice};
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;
use crate::web::{App, access};

#[derive(Debug, Template)]
#[template(path = "explain.html")]
struct View {
    page: Page,
    connectors: Vec<Choice>,
    asked: Asked,
    times: Vec<Choice>,
    shown: Shown,
    /// The equal command; empty where nothing is asked.
    command: String,
}

/// What is shown below the form; the page of a connector shows it, too.
#[derive(Debug, Template)]
#[template(path = "explain_part.html")]
pub struct Shown {
    part: Part,
}

#[derive(Debug)]
enum Part {
    /// Nothing is asked yet.
    Nothing,
    NoConnector,
    /// There is no answer; why, and what to do.
    Sorry {
        title: &'static str,
        why: String,
        by_last_read: String,
        /// Who may be meant: what they are called, and they explained.
        offers: Vec<(String, String)>,
        /// The directory, searched for them; empty where that is no way on.
        directory: String,
    },
    Found(Found),
}

#[derive(Debug)]
struct Found {
    /// Where the answer comes from.
    seen: String,
    /// Why OneLogin was not asked, where that was wanted.
    instead: String,
    people: Vec<PersonView>,
    calls: u64,
    may_sync: bool,
}

#[derive(Debug)]
struct PersonView {
    name: String,
    id: String,
    directories: Vec<DirectoryView>,
    /// The closest way at the source, and the closest by the settings.
    fixes: Vec<Fix>,
    remarks: Vec<String>,
    finding: Option<(i64, String)>,
    /// What the last run that concerned them did.
    last: Vec<LastChange>,
    simulate: String,
    /// This person alone.
    alone: String,
    ticket: String,
}

#[derive(Debug)]
struct LastChange {
    run: i64,
    kind: String,
    group: String,
    outcome: String,
}

#[derive(Debug)]
struct Fix {
    sentence: String,
    others: String,
}

#[derive(Debug)]
struct DirectoryView {
    target: String,
    /// Their page in the directory.
    page: String,
    stations: Vec<StationView>,
    steps: Vec<StepView>,
}

#[derive(Debug)]
struct StationView {
    state: &'static str,
    title: String,
    lines: Vec<String>,
}

/// One change that would be made.
#[derive(Debug)]
pub struct StepView {
    pub kind: &'static str,
    /// The change without its sign.
    pub what: String,
    pub reason: String,
}

/// The address of the page, taken apart.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The id of a connector.
    connector: String,
    /// A username, an e-mail or an id.
    user: String,
    /// Why they are in it, or are not.
    group: String,
    as_of: String,
    run: String,
}

const TIMES: [(&str, &str); 3] =
    [("now", "now, by asking OneLogin"), ("last-read", "the last read"), ("run", "a past run")];

/// How many people are offered where nobody is called so.
const OFFERS_MAX: u32 = 8;

/// Somebody is named, as by the search, and none of several connectors is.
fn which_connector() -> Part {
    let why = "There is more than one. Choose the connector above, and press Explain this user."
        .to_owned();
    sorry("By which connector?", why)
}

fn sorry(title: &'static str, why: String) -> Part {
    sorry_but(title, why, String::new())
}

/// As [`sorry`], where the last read can be asked instead.
fn sorry_but(title: &'static str, why: String, by_last_read: String) -> Part {
    let directory = String::new();
    Part::Sorry { title, why, by_last_read, offers: Vec::new(), directory }
}

/// That nobody is called so, and who may be meant.
async fn no_one(
    app: &App,
    visit: &Visit,
    connector: &Connector,
    user: &str,
    why: String,
) -> Result<Part, Refusal> {
    let close = directory::close_to(app, user, Some(connector.id), OFFERS_MAX).await?;
    let offer = |(_, it): &(Target, UserLine)| {
        let connector = connector.id.to_string();
        let who = [("connector", connector.as_str()), ("user", it.id.as_str())];
        (format!("{} ({})", it.username, it.email), directory::address("/explain", &who))
    };
    let offers: BTreeSet<(String, String)> = close.iter().map(offer).collect();
    let is_shown = visit.role().is_some_and(|role| access::shows("/users", role));
    let directory =
        if is_shown { directory::address("/users", &[("q", user)]) } else { String::new() };
    Ok(Part::Sorry {
        title: "No one matches",
        why,
        by_last_read: String::new(),
        offers: offers.into_iter().collect(),
        directory,
    })
}

pub async fn show(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let asked =
        Asked { user: asked.user.trim().to_owned(), group: asked.group.trim().to_owned(), ..asked };
    let known = connectors::list(app.db()).await?;
    let connector = match known.as_slice() {
        [only] => Some(only),
        many => many.iter().find(|it| it.id.0.to_string() == asked.connector),
    };
    let (part, command) = match connector {
        _ if known.is_empty() => (Part::NoConnector, String::new()),
        Some(connector) if !asked.user.is_empty() => {
            let part = part(&app, &visit, connector.clone(), &asked).await?;
            (part, asked.command(connector))
        }
        None if !asked.user.is_empty() => (which_connector(), String::new()),
        Some(_) | None => (Part::Nothing, String::new()),
    };
    let chosen = connector.map(|it| it.id.to_string()).unwrap_or_default();
    let connectors = known.iter().map(|it| choice(&chosen, &it.id.to_string(), it.name.as_str()));
    let as_of = if asked.as_of.is_empty() { "now" } else { &asked.as_of };
    let view = View {
        page: visit.page("Explain this user"),
        connectors: connectors.collect(),
        times: TIMES.map(|(word, label)| choice(as_of, word, label)).to_vec(),
        shown: Shown { part },
        command,
        asked,
    };
    answer::html(&view)
}

/// Explains somebody by the last read, with the settings of the connector as they are given here:
/// they need not be saved.
pub async fn by_last_read(
    app: &App,
    visit: &Visit,
    connector: Connector,
    user: &str,
) -> Result<Shown, Refusal> {
    let asked = Asked {
        connector: connector.id.to_string(),
        user: user.to_owned(),
        as_of: "last-read".to_owned(),
        ..Asked::default()
    };
    if user.is_empty() {
        return Ok(Shown { part: Part::Nothing });
    }
    let mut part = part(app, visit, connector, &asked).await?;
    if let Part::Found(found) = &mut part {
        // That would be done with the settings that are saved.
        found.may_sync = false;
    }
    Ok(Shown { part })
}

async fn part(
    app: &App,
    visit: &Visit,
    connector: Connector,
    asked: &Asked,
) -> Result<Part, Refusal> {
    if asked.user.contains('*') {
        return Ok(sorry("Name one person", "A * cannot be searched for.".to_owned()));
    }
    let (connector, as_of) = match as_of(app, connector, asked).await? {
        Ok(asked) => asked,
        Err(why) => return Ok(sorry("There is no such run", why)),
    };
    let by_last_read =
        Asked { as_of: "last-read".to_owned(), run: String::new(), ..asked.clone() }.address();
    let ready = Ready::with(&app.engine, connector).await?;
    let group = Some(&*asked.group).filter(|it| !it.is_empty());
    let question = explain::Asked { user: &asked.user, group };
    let explained = Box::pin(explain::explain(app.db(), &ready, question, as_of)).await;
    let calls = ready.source.calls().total();
    match explained {
        Ok(explained) if explained.people.is_empty() => {
            let why = nobody(&asked.user, &explained.seen, calls, visit);
            no_one(app, visit, &ready.connector, &asked.user, why).await
        }
        Ok(explained) => Ok(Part::Found(found(explained, &ready.connector, calls, visit))),
        Err(PeopleError::Source(error)) => {
            let is_budget = error.is_budget();
            let title =
                if is_budget { "Too few API calls are left" } else { "OneLogin gave no answer" };
            let why = if is_budget {
                format!("{error} No read is stored either by which it could be told.")
            } else {
                error.to_string()
            };
            let by_last_read = if is_budget { String::new() } else { by_last_read };
            Ok(sorry_but(title, why, by_last_read))
        }
        Err(PeopleError::NoRead { .. }) => {
            let why = "Simulate the connector once, or ask about now.".to_owned();
            Ok(sorry("No read is stored yet", why))
        }
        Err(error @ PeopleError::Forgotten { .. }) => {
            Ok(sorry_but("That read is gone", error.to_string(), by_last_read))
        }
        Err(
            error
            @ (PeopleError::Replay(_) | PeopleError::Settings(_) | PeopleError::Unread { .. }),
        ) => Ok(sorry("The stored read does not answer this", error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// The connector with the settings of the time that is asked about; a sentence where there is no
/// such run.
async fn as_of(
    app: &App,
    mut connector: Connector,
    asked: &Asked,
) -> Result<Result<(Connector, AsOf), String>, Refusal> {
    if asked.as_of != "run" {
        let as_of = if asked.as_of == "last-read" { AsOf::LastRead } else { AsOf::Now };
        return Ok(Ok((connector, as_of)));
    }
    let typed = asked.run.trim().trim_start_matches('#');
    let Ok(id) = typed.parse::<i64>() else {
        return Ok(Err("Type the number of a run.".to_owned()));
    };
    let run = runs::find(app.db(), RunId(id)).await?;
    let Some(run) = run.filter(|it| it.connector_id == connector.id) else {
        return Ok(Err(format!("The connector {} has no run {id}.", connector.name)));
    };
    match serde_json::from_str(&run.settings) {
        Ok(settings) => connector.settings = settings,
        Err(error) => {
            let why = format!("The settings of run {id} cannot be read by this version: {error}.");
            return Ok(Err(why));
        }
    }
    Ok(Ok((connector, AsOf::Run(run.id))))
}

fn nobody(user: &str, seen: &Seen, calls: u64, visit: &Visit) -> String {
    match seen {
        Seen::Now => format!(
            "Nobody is \"{user}\". Asked OneLogin by username, e-mail and id ({calls} calls), the directories and the history."
        ),
        Seen::Stored { read_at, .. } => format!(
            "Nobody is \"{user}\" in the read of {}, the directories or the history. Ask about now to be sure.",
            Moment::new(*read_at, visit.now()).exact
        ),
    }
}

fn found(explained: Explained, connector: &Connector, calls: u64, visit: &Visit) -> Found {
    let Explained { seen, people } = explained;
    let (seen, instead) = match seen {
        Seen::Now => (
            format!("As OneLogin said on {}.", Moment::new(visit.now(), visit.now()).exact),
            String::new(),
        ),
        Seen::Stored { run, read_at, instead, compared } => {
            let of = run.map_or("a simulation".to_owned(), |run| format!("run {run}"));
            let at = Moment::new(read_at, visit.now()).exact;
            let seen = format!("By the read of {of} on {at}, compared with {}.", compared.words());
            (seen, instead.unwrap_or_default())
        }
    };
    let people = people.into_iter().map(|it| person(it, connector, &seen)).collect();
    Found { people, seen, instead, calls, may_sync: visit.may(Role::Operator) }
}

fn person(person: Person, connector: &Connector, seen: &str) -> PersonView {
    let Person {
        id,
        source_id,
        username,
        directories,
        remedies,
        remarks,
        last_finding,
        last_changes,
    } = person;
    let asked = [("connector", &*connector.id.to_string()), ("user", source_id.as_str())];
    let directories = directories.into_iter().map(|it| {
        let page = it.target.as_ref().map(|it| directory::user_page(it, &id)).unwrap_or_default();
        directory_view(it, page)
    });
    let mut view = PersonView {
        name: username.unwrap_or_else(|| "(no username)".to_owned()),
        directories: directories.collect(),
        fixes: fixes(&remedies),
        remarks,
        finding: last_finding.map(|it| (it.run.0, it.message)),
        last: last_changes
            .into_iter()
            .map(|(run, it)| LastChange {
                run: run.0,
                kind: it.kind,
                group: it.group.unwrap_or_default(),
                outcome: it.outcome,
            })
            .collect(),
        simulate: directory::address("/explain/simulate", &asked),
        alone: directory::address("/explain", &asked),
        ticket: String::new(),
        id: id.to_string(),
    };
    view.ticket = ticket(&view, connector.name.as_str(), seen);
    view
}

/// The closest fix at the source and the closest by the settings, each with whom else it brings in.
fn fixes(remedies: &[Remedy]) -> Vec<Fix> {
    let of = |rules: bool| remedies.iter().find(|it| it.is_of_rules == rules);
    let fix = |it: &Remedy| Fix { sentence: it.to_string(), others: it.examples.join(", ") };
    [of(false), of(true)].into_iter().flatten().map(fix).collect()
}

fn directory_view(directory: InDirectory, page: String) -> DirectoryView {
    let InDirectory { target, explanation, group } = directory;
    let Explanation { stations, plan, findings: _, states: _, hindrance: _ } = explanation;
    let told: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
    let has_account = stations.iter().any(|it| it.title == "Matched" && it.verdict == Verdict::Yes);
    let mut stations: Vec<StationView> =
        stations.into_iter().map(|it| station(it, &told)).collect();
    stations.push(published(target.as_ref()));
    stations.extend(group.map(in_group));
    DirectoryView {
        target: target.map_or_else(|| "No target yet".to_owned(), |it| it.name.to_string()),
        page: if has_account { page } else { String::new() },
        stations,
        steps: plan.steps.iter().map(step).collect(),
    }
}

/// A station without the changes that stand in a list of their own.
fn station(station: Station, told: &[String]) -> StationView {
    let Station { title, verdict, mut lines } = station;
    let before = lines.len();
    lines.retain(|line| !told.contains(line));
    match before - lines.len() {
        0 => {}
        1 => lines.insert(0, "1 change".to_owned()),
        many => lines.insert(0, format!("{} changes", figure(many))),
    }
    StationView { state: state_of(verdict), title: title.to_owned(), lines }
}

/// The group that is asked about, with what would bring them in.
fn in_group(answer: GroupAnswer) -> StationView {
    let GroupAnswer { group, verdict, mut lines, fixes } = answer;
    if !fixes.is_empty() {
        lines.push(format!("Closest fix: {}.", fixes.join(", or ")));
    }
    StationView { state: state_of(verdict), title: format!("Group {group}"), lines }
}

fn state_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Yes => "done",
        Verdict::No => "failed",
        Verdict::Note => "note",
        Verdict::NotReached => "waiting",
    }
}

fn published(target: Option<&Target>) -> StationView {
    let exact = |at| Moment::new(at, at).exact;
    let (state, line) = match target.map(|it| (it.published_at, it.last_read_at)) {
        None => ("waiting", "The connector has no target yet.".to_owned()),
        Some((None, _)) => ("waiting", "Nothing is published yet.".to_owned()),
        Some((Some(at), None)) => {
            ("note", format!("published {}, not read by a product yet", exact(at)))
        }
        Some((Some(at), Some(read))) => {
            ("done", format!("published {}, last read by a product {}", exact(at), exact(read)))
        }
    };
    StationView { state, title: "Target".to_owned(), lines: vec![line] }
}

/// A change as pages show it.
pub fn step(step: &Step) -> StepView {
    let told = step.change.to_string();
    let what = told.split_once(' ').map_or(&*told, |(_, what)| what);
    StepView { kind: step.change.word(), what: what.to_owned(), reason: step.reason.to_string() }
}

/// The answer as plain text, for a ticket.
fn ticket(person: &PersonView, connector: &str, seen: &str) -> String {
    let mut lines = vec![format!("{} (id {}), connector {connector}", person.name, person.id)];
    lines.push(seen.to_owned());
    for directory in &person.directories {
        lines.push(String::new());
        lines.push(format!("{}:", directory.target));
        for (number, station) in (1..).zip(&directory.stations) {
            let word = match station.state {
                "done" => "yes",
                "failed" => "NO",
                _ => "-",
            };
            let told = station.lines.join("; ");
            lines.push(format!("{number}. [{word}] {}: {told}", station.title));
        }
        for StepView { kind: _, what, reason } in &directory.steps {
            lines.push(format!("   would {what} ({reason})"));
        }
    }
    let fixes: Vec<&str> = person.fixes.iter().map(|it| &*it.sentence).collect();
    if !fixes.is_empty() {
        lines.push(String::new());
        lines.push(format!("Closest fix: {}.", fixes.join(", or ")));
    }
    lines.extend(person.remarks.iter().cloned());
    lines.join("\n")
}

impl Asked {
    fn address(&self) -> String {
        let Asked { connector, user, group, as_of, run } = self;
        let asked = [
            ("connector", connector),
            ("user", user),
            ("group", group),
            ("as_of", as_of),
            ("run", run),
        ];
        directory::address("/explain", &asked.map(|(name, value)| (name, value.as_str())))
    }

    fn command(&self, connector: &Connector) -> String {
        let name = shell_word(connector.name.as_str());
        let as_of = match self.as_of.as_str() {
            "last-read" => " --last-read".to_owned(),
            "run" => format!(" --run {}", shell_word(self.run.trim())),
            _ => String::new(),
        };
        let group = match &*self.group {
            "" => String::new(),
            group => format!(" --group {}", shell_word(group)),
        };
        format!("rollcall user explain {name} {}{group}{as_of}", shell_word(&self.user))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::web::answer::samples::{self, HOSTILE, check};

    pub fn a_step() -> StepView {
        StepView { kind: "create", what: HOSTILE.to_owned(), reason: HOSTILE.to_owned() }
    }

    fn a_person() -> PersonView {
        let line = |state, title: &str| {
            let (title, lines) = (title.to_owned(), vec![HOSTILE.to_owned()]);
            StationView { state, title, lines }
        };
        let mut view = PersonView {
            name: HOSTILE.to_owned(),
            id: "117".to_owned(),
            directories: vec![DirectoryView {
                target: HOSTILE.to_owned(),
                page: "/users/1/117".to_owned(),
                stations: vec![
                    line("done", "Found in the source"),
                    line("failed", "In scope"),
                    line("waiting", "Mapped"),
                    line("note", "Decision"),
                    published(None),
                ],
                steps: vec![a_step()],
            }],
            fixes: vec![Fix { sentence: HOSTILE.to_owned(), others: HOSTILE.to_owned() }],
            remarks: vec![HOSTILE.to_owned()],
            finding: Some((7, HOSTILE.to_owned())),
            last: vec![LastChange {
                run: 7,
                kind: "update".to_owned(),
                group: HOSTILE.to_owned(),
                outcome: "held".to_owned(),
            }],
            simulate: "/explain/simulate?user=117".to_owned(),
            alone: "/explain?user=117".to_owned(),
            ticket: String::new(),
        };
        view.ticket = ticket(&view, HOSTILE, HOSTILE);
        view
    }

    fn view(role: Role, part: Part) -> View {
        View {
            page: samples::page("Explain", "/explain", role),
            connectors: vec![choice("1", "1", HOSTILE)],
            asked: Asked { user: HOSTILE.to_owned(), ..Asked::default() },
            times: TIMES.map(|(word, label)| choice("now", word, label)).to_vec(),
            shown: Shown { part },
            command: "rollcall user explain x 117".to_owned(),
        }
    }

    fn found(people: Vec<PersonView>, may_sync: bool) -> Part {
        let (seen, instead) = (HOSTILE.to_owned(), HOSTILE.to_owned());
        Part::Found(Found { seen, instead, people, calls: 4, may_sync })
    }

    #[test]
    fn every_answer_is_shown() {
        check(&view(Role::Viewer, Part::Nothing));
        let none = check(&view(Role::Viewer, Part::NoConnector));
        assert!(none.contains("No connectors yet"), "{none}");
        let why = HOSTILE.to_owned();
        let by_last_read = "/explain?as_of=last-read".to_owned();
        let offers = vec![(HOSTILE.to_owned(), "/explain?user=117".to_owned())];
        let directory = "/users?q=x".to_owned();
        let part = Part::Sorry { title: "No one matches", why, by_last_read, offers, directory };
        let nobody = check(&view(Role::Viewer, part));
        assert!(nobody.contains("Who may be meant"), "{nobody}");
        let several = check(&view(Role::Viewer, found(vec![a_person(), a_person()], false)));
        assert!(several.contains("2 people match"), "{several}");
    }

    #[test]
    fn only_who_may_sync_is_led_there() {
        let viewer = check(&view(Role::Viewer, found(vec![a_person()], false)));
        assert!(!viewer.contains("/explain/simulate"), "{viewer}");
        let operator = check(&view(Role::Operator, found(vec![a_person()], true)));
        assert!(operator.contains("/explain/simulate"), "{operator}");
    }

    #[test]
    fn a_ticket_says_it_without_the_page() {
        let mut person = a_person();
        person.name = "maya".to_owned();
        for station in &mut person.directories[0].stations {
            station.lines = vec!["one".to_owned(), "two".to_owned()];
        }
        let text = ticket(&person, "OneLogin", "As of now.");
        assert!(text.starts_with("maya (id 117), connector OneLogin\nAs of now.\n"), "{text}");
        assert!(text.contains("\n2. [NO] In scope: one; two\n"), "{text}");
    }

    #[test]
    fn a_change_stands_once() {
        let told = ["+ create maya (Maya) (new in the source)".to_owned()];
        let lines = vec![told[0].clone(), "a finding".to_owned()];
        let it = station(Station { title: "Decision", verdict: Verdict::Yes, lines }, &told);
        assert_eq!(it.lines, ["1 change", "a finding"]);
    }
}
