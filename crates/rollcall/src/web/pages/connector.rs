//! `/connectors/{id}/{tab}`: everything that an admin sets for a connector, tab by tab.
//!
//! A tab shows and reads settings by the flags of `connector edit`, so whatever can be typed there
//! can be typed here, and is refused with the same words.

pub mod effect;
pub mod field;
pub mod identity;
pub mod tabs;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;
use serde_json::Value;

use self::effect::Effect;
use self::field::{SectionView, Wrong};
use self::identity::Identity;
use self::tabs::Tab;
use crate::cli::connector::notation::{self, Given, shell_word};
use crate::health;
use crate::secret::Secret;
use crate::store::accounts::Role;
use crate::store::audit::{self, changes};
use crate::store::connectors::settings::ConnectorSettings;
use crate::store::connectors::{self, Connector, ConnectorError, ConnectorId};
use crate::store::runs::{self, Run};
use crate::store::targets::{self, Target};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::form::Form;
use crate::web::moment::{Moment, count};
use crate::web::page::Page;
use crate::web::refusal::Refusal;
use crate::web::visit::{Visit, see_other};

#[derive(Debug, Template)]
#[template(path = "connector.html")]
struct View {
    page: Page,
    head: Head,
    tab: &'static str,
    /// When what is shown was saved, in microseconds; the form carries it.
    version: i64,
    may_edit: bool,
    is_form: bool,
    /// On the tab General alone.
    identity: Option<Identity>,
    sections: Vec<SectionView>,
    errors: Vec<ErrorLine>,
    conflict: Option<Conflict>,
    review: Option<Review>,
    /// How much of what is in the fields is not saved.
    unsaved: usize,
    rail: Rail,
    effect: Effect,
    targets: Vec<TargetRow>,
    runs: Vec<RunRow>,
    command: String,
}

/// What stands over every page of a connector.
#[derive(Debug)]
pub struct Head {
    pub id: i64,
    pub name: String,
    /// A status word of connectors.
    pub status: &'static str,
    /// Why it is that word, and what to do about it.
    pub why: String,
    pub paused: Option<Paused>,
    pub tabs: Vec<TabLink>,
    pub may_run: bool,
    pub may_edit: bool,
}

/// Who keeps a connector from running by itself, and why.
#[derive(Debug)]
pub struct Paused {
    pub at: Moment,
    pub by: String,
    pub reason: String,
}

#[derive(Debug)]
pub struct TabLink {
    pub label: &'static str,
    pub href: String,
    pub is_current: bool,
    /// How much is wrong on it; empty where nothing is.
    pub mark: String,
}

/// Something wrong, with the field that it is about.
#[derive(Debug)]
pub struct ErrorLine {
    pub href: String,
    pub label: String,
    pub why: String,
}

/// Somebody else saved meanwhile.
#[derive(Debug)]
struct Conflict {
    saved: Vec<Saved>,
}

#[derive(Debug)]
struct Saved {
    by: String,
    at: Moment,
    rows: Vec<Difference>,
}

/// What would be saved.
#[derive(Debug)]
struct Review {
    rows: Vec<Difference>,
}

#[derive(Debug)]
struct Difference {
    label: String,
    before: String,
    after: String,
}

/// What the last run tells about these settings.
#[derive(Debug, Default)]
pub struct Rail {
    pub last: Option<LastRun>,
    pub gauge: Option<Gauge>,
    pub facts: Vec<(&'static str, String)>,
}

#[derive(Debug)]
pub struct LastRun {
    pub id: i64,
    pub at: Moment,
}

/// The API calls that were left when a run looked last.
#[derive(Debug)]
pub struct Gauge {
    pub left: u64,
    pub limit: u64,
    pub minimum: u64,
}

#[derive(Debug)]
struct TargetRow {
    id: i64,
    name: String,
    kind: &'static str,
    published: Option<Moment>,
    read: Option<Moment>,
}

#[derive(Debug)]
struct RunRow {
    id: i64,
    status: &'static str,
    at: Moment,
    trigger: String,
    by: String,
    message: String,
}

/// What is in the fields, saved or not.
struct Draft {
    name: String,
    settings: ConnectorSettings,
    secret: Option<Secret>,
    given: Vec<Given>,
    identity: Option<Identity>,
    wrong: Wrong,
    /// About the settings together.
    wrong_together: Vec<String>,
}

const RUNS_SHOWN: u32 = 25;

/// Entries of the audit log that are looked through for who set the secret.
const ENTRIES_MAX: u32 = 200;

pub async fn start(Path(id): Path<i64>) -> Answer {
    Ok(see_other(&format!("/connectors/{id}/{}", Tab::General.word())))
}

pub async fn show(
    State(app): State<App>,
    visit: Visit,
    Path((id, word)): Path<(i64, String)>,
) -> Answer {
    let tab = Tab::from_word(&word).ok_or_else(Refusal::no_page)?;
    let connector = connector(&app, id).await?;
    let draft = stored(&app, &visit, tab, &connector).await?;
    answer::html(&view(&app, &visit, tab, &connector, draft).await?)
}

pub async fn save(
    State(app): State<App>,
    visit: Visit,
    Path((id, word)): Path<(i64, String)>,
    mut form: Form,
) -> Answer {
    let tab = Tab::from_word(&word).filter(|it| it.is_form()).ok_or_else(Refusal::no_page)?;
    let before = connector(&app, id).await?;
    let mut draft = typed(&app, &visit, tab, &before, &mut form).await?;
    let version = form.raw("version").parse().unwrap_or(i64::MIN);
    if version != before.updated_at.as_microsecond() {
        return conflict(&app, &visit, tab, &before, draft, version).await;
    }
    let then = form.raw("then");
    if draft.is_wrong() {
        return answer::html_again(&view(&app, &visit, tab, &before, draft).await?);
    }
    if then == "review" {
        let review = Review { rows: draft.differences(&before) };
        let effect = effect(&app, &visit, tab, &before, &draft, true).await?;
        let view = view(&app, &visit, tab, &before, draft).await?;
        return answer::html(&View { review: Some(review), effect, ..view });
    }
    let actor = visit.actor();
    let act = visit.act(&actor);
    let Draft { name, settings, secret, .. } = &draft;
    let (db, seal) = (app.db(), &app.engine.seal);
    let edited = connectors::edit(db, seal, &before, name, settings, secret.as_ref(), &act).await;
    match edited {
        Ok(after) => Ok(saved(&visit, &after, tab, then)),
        Err(ConnectorError::ChangedMeanwhile { .. }) => {
            let now = connector(&app, id).await?;
            conflict(&app, &visit, tab, &now, draft, version).await
        }
        Err(error) => {
            note(error, &mut draft)?;
            answer::html_again(&view(&app, &visit, tab, &before, draft).await?)
        }
    }
}

/// What the form would come to, as it is typed; saves nothing and asks OneLogin for nothing.
pub async fn preview(
    State(app): State<App>,
    visit: Visit,
    Path((id, word)): Path<(i64, String)>,
    mut form: Form,
) -> Answer {
    let tab = Tab::from_word(&word).filter(|it| it.is_form()).ok_or_else(Refusal::no_page)?;
    let before = connector(&app, id).await?;
    let draft = typed(&app, &visit, tab, &before, &mut form).await?;
    answer::html(&effect(&app, &visit, tab, &before, &draft, true).await?)
}

/// What the settings of a draft come to. Of many people only when it was asked for.
async fn effect(
    app: &App,
    visit: &Visit,
    tab: Tab,
    connector: &Connector,
    draft: &Draft,
    is_asked: bool,
) -> Result<Effect, Refusal> {
    let mut effect = Effect::default();
    if draft.is_wrong() {
        effect.wrong = error_lines(draft).into_iter().map(|it| (it.label, it.why)).collect();
        return Ok(effect);
    }
    effect.schedule = effect::of_schedule(tab, &draft.settings, visit.now());
    if tab == Tab::General || !tab.is_form() {
        return Ok(effect);
    }
    if !is_asked && !effect::is_small(app, connector).await? {
        let untold = "Press Review to see what these settings come to by the last read, \
                         without API calls.";
        return Ok(Effect { untold: untold.to_owned(), ..effect });
    }
    match effect::of_people(app, connector, &draft.settings, visit.now()).await? {
        Ok(people) => effect.people = Some(people),
        Err(why) => effect.untold = why,
    }
    Ok(effect)
}

/// Where one goes after something was saved.
pub fn saved(visit: &Visit, connector: &Connector, tab: Tab, then: &str) -> Response {
    let id = connector.id.0;
    let sentence = format!("\"{}\" is saved. Nothing was synchronised yet.", connector.name);
    match then {
        "return" => visit.done(sentence, "/connectors"),
        // The same request once more, to another address: the test is a form, too.
        "test" => Redirect::temporary(&format!("/connectors/{id}/test")).into_response(),
        _ => visit.done(sentence, &format!("/connectors/{id}/{}", tab.word())),
    }
}

/// The connector of an address.
pub async fn connector(app: &App, id: i64) -> Result<Connector, Refusal> {
    connectors::with_id(app.db(), ConnectorId(id)).await?.ok_or_else(Refusal::no_page)
}

/// What stands over a page of a connector.
pub async fn head(
    app: &App,
    visit: &Visit,
    connector: &Connector,
    current: Option<Tab>,
    wrong: &Wrong,
) -> Result<Head, Refusal> {
    const SLOTS: usize = 5;
    let health = health::of_connector(app.db(), connector, visit.now(), SLOTS).await?;
    let id = connector.id.0;
    let link = |tab: Tab| {
        let errors = wrong.keys().filter(|it| tab_of(it) == Some(tab)).count();
        TabLink {
            label: tab.label(),
            href: format!("/connectors/{id}/{}", tab.word()),
            is_current: current == Some(tab),
            mark: if errors == 0 { String::new() } else { errors.to_string() },
        }
    };
    Ok(Head {
        id,
        name: connector.name.as_str().to_owned(),
        status: if health.under_way.is_some() { "Running" } else { health.health.label() },
        why: health.why,
        paused: health.pause.map(|it| Paused {
            at: Moment::new(it.at, visit.now()),
            by: it.by,
            reason: it.reason,
        }),
        tabs: Tab::ALL.map(link).into(),
        may_run: visit.may(Role::Operator),
        may_edit: visit.may(Role::Admin),
    })
}

fn tab_of(field: &str) -> Option<Tab> {
    match field {
        "name" | "base-url" | "client-id" | "client-secret" => Some(Tab::General),
        flag => Tab::of(flag),
    }
}

impl Draft {
    fn is_wrong(&self) -> bool {
        !self.wrong.is_empty() || !self.wrong_together.is_empty()
    }

    fn differences(&self, before: &Connector) -> Vec<Difference> {
        let Draft { name, settings, secret, .. } = self;
        let source =
            |it: &ConnectorSettings| (it.source.base_url.clone(), it.source.client_id.clone());
        let (old_url, old_id) = source(&before.settings);
        let (new_url, new_id) = source(settings);
        let mut rows = Vec::new();
        for (label, old, new) in [
            ("Name", before.name.as_str(), name.as_str()),
            ("OneLogin Base URL", &old_url, &new_url),
            ("Client ID", &old_id, &new_id),
        ] {
            if old != new {
                let (before, after) = (old.to_owned(), new.to_owned());
                rows.push(Difference { label: label.to_owned(), before, after });
            }
        }
        if secret.is_some() {
            let after = "replaced".to_owned();
            rows.push(Difference {
                label: "Client Secret".to_owned(),
                before: String::new(),
                after,
            });
        }
        let changed = notation::differences(&before.settings, settings).into_iter();
        rows.extend(changed.map(|(setting, before, after)| Difference {
            label: tabs::label(setting.flag).to_owned(),
            before: before.join(", "),
            after: after.join(", "),
        }));
        rows
    }

    /// The equal command.
    fn command(&self, before: &Connector) -> String {
        let Draft { name, settings, secret, .. } = self;
        let known = shell_word(before.name.as_str());
        let mut flags = String::new();
        if name != before.name.as_str() && !name.is_empty() {
            flags.extend([" --rename ", &shell_word(name)]);
        }
        let (old, new) = (&before.settings.source, &settings.source);
        for (flag, old, new) in [
            ("base-url", &old.base_url, &new.base_url),
            ("client-id", &old.client_id, &new.client_id),
        ] {
            if old != new && !new.is_empty() {
                flags.extend([" --", flag, " ", &shell_word(new)]);
            }
        }
        if secret.is_some() {
            flags.push_str(" --client-secret-file -");
        }
        flags.push_str(&notation::flags(&before.settings, settings));
        if flags.is_empty() {
            return format!("rollcall connector show {known}");
        }
        format!("rollcall connector edit {known}{flags}")
    }
}

/// The fields as they are saved.
async fn stored(
    app: &App,
    visit: &Visit,
    tab: Tab,
    connector: &Connector,
) -> Result<Draft, Refusal> {
    let given = tab.entries().map(|it| field::stored(it, &connector.settings)).collect();
    let identity = match tab {
        Tab::General => Some(Identity::stored(connector, secret_set(app, visit, connector).await?)),
        Tab::GroupSync
        | Tab::RequiredGroups
        | Tab::UserProvisioning
        | Tab::GroupProvisioning
        | Tab::SyncSettings
        | Tab::Targets
        | Tab::History => None,
    };
    Ok(Draft {
        name: connector.name.as_str().to_owned(),
        settings: connector.settings.clone(),
        secret: None,
        given,
        identity,
        wrong: Wrong::new(),
        wrong_together: Vec::new(),
    })
}

/// The fields as somebody typed them, over what is saved.
async fn typed(
    app: &App,
    visit: &Visit,
    tab: Tab,
    before: &Connector,
    form: &mut Form,
) -> Result<Draft, Refusal> {
    let mut draft = stored(app, visit, tab, before).await?;
    let given: Vec<Given> = tab.entries().filter_map(|it| field::typed(it, form)).collect();
    let (settings, wrong) = notation::apply(&before.settings, &given);
    draft.settings = settings;
    for it in wrong {
        match it.flag {
            Some(flag) => drop(draft.wrong.insert(flag.to_owned(), it.why)),
            None => draft.wrong_together.push(it.why),
        }
    }
    // What the form does not have stays as it is saved.
    for given in given {
        match draft.given.iter_mut().find(|it| it.flag == given.flag) {
            Some(shown) => *shown = given,
            None => draft.given.push(given),
        }
    }
    if let Some(Identity { secret_set, .. }) = draft.identity.take() {
        let mut wrong = Wrong::new();
        let read = identity::read(form, app.engine.limits.allow_loopback, &mut wrong);
        draft.name = read.name;
        draft.settings.source.base_url = read.base_url;
        draft.settings.source.client_id = read.client_id;
        draft.secret = read.secret;
        draft.wrong.extend(wrong.clone());
        draft.identity = Some(Identity::typed(form, secret_set, wrong));
    }
    Ok(draft)
}

/// Puts an error of the store beside the field that it is about.
fn note(error: ConnectorError, draft: &mut Draft) -> Result<(), Refusal> {
    let (field, why) = match error {
        ConnectorError::Name(error) => ("name", error.to_string()),
        ConnectorError::SecretForNewAddress { .. } => ("client-secret", error.to_string()),
        ConnectorError::Field(error) => {
            draft.wrong_together.push(error.to_string());
            return Ok(());
        }
        ConnectorError::HasTargets { .. }
        | ConnectorError::ChangedMeanwhile { .. }
        | ConnectorError::Unreadable { .. }
        | ConnectorError::Seal(_)
        | ConnectorError::Store(_) => return Err(error.into()),
    };
    draft.wrong.insert(field.to_owned(), why.clone());
    if let Some(identity) = &mut draft.identity {
        identity.wrong.insert(field.to_owned(), why);
    }
    Ok(())
}

/// The form again with what somebody else saved since it was opened. Saving it once more saves it
/// over that, knowingly.
async fn conflict(
    app: &App,
    visit: &Visit,
    tab: Tab,
    now: &Connector,
    draft: Draft,
    version: i64,
) -> Answer {
    let since = Timestamp::from_microsecond(version).unwrap_or(Timestamp::MIN);
    let saved = entries(app, now).await?.into_iter().filter(|it| since < it.at).map(|it| Saved {
        by: it.actor.clone(),
        at: Moment::new(it.at, visit.now()),
        rows: told(&it.changes),
    });
    let conflict = Conflict { saved: saved.collect() };
    let view = view(app, visit, tab, now, draft).await?;
    answer::html_with(StatusCode::CONFLICT, &View { conflict: Some(conflict), ..view })
}

async fn view(
    app: &App,
    visit: &Visit,
    tab: Tab,
    connector: &Connector,
    draft: Draft,
) -> Result<View, Refusal> {
    let head = head(app, visit, connector, Some(tab), &draft.wrong).await?;
    let command = draft.command(connector);
    let effect = effect(app, visit, tab, connector, &draft, false).await?;
    let unsaved = draft.differences(connector).len();
    let sections = tab.sections().iter().map(|it| field::section(it, &draft.given, &draft.wrong));
    let last = runs::list(app.db(), Some(connector.id), RUNS_SHOWN).await?;
    let targets = match tab {
        Tab::Targets => targets::of_connector(app.db(), connector.id).await?,
        Tab::General
        | Tab::GroupSync
        | Tab::RequiredGroups
        | Tab::UserProvisioning
        | Tab::GroupProvisioning
        | Tab::SyncSettings
        | Tab::History => Vec::new(),
    };
    Ok(View {
        page: visit.page(format!("{} - {}", tab.label(), connector.name)),
        tab: tab.word(),
        version: connector.updated_at.as_microsecond(),
        may_edit: head.may_edit,
        is_form: tab.is_form(),
        head,
        sections: sections.collect(),
        errors: error_lines(&draft),
        conflict: None,
        review: None,
        unsaved: if draft.is_wrong() { unsaved.max(1) } else { unsaved },
        rail: rail(&last, draft.settings.source.minimum_remaining_api_calls, visit.now()),
        effect,
        targets: targets.iter().map(|it| target_row(it, visit.now())).collect(),
        runs: match tab {
            Tab::History => last.iter().map(|it| run_row(it, visit.now())).collect(),
            Tab::General
            | Tab::GroupSync
            | Tab::RequiredGroups
            | Tab::UserProvisioning
            | Tab::GroupProvisioning
            | Tab::SyncSettings
            | Tab::Targets => Vec::new(),
        },
        command,
        identity: draft.identity,
    })
}

fn error_lines(draft: &Draft) -> Vec<ErrorLine> {
    let of_field = draft.wrong.iter().map(|(field, why)| error_line(field, why));
    let together = draft.wrong_together.iter().map(|why| ErrorLine {
        href: "#form".to_owned(),
        label: "These settings together".to_owned(),
        why: why.clone(),
    });
    of_field.chain(together).collect()
}

/// The line of the summary that leads to a field.
pub fn error_line(field: &str, why: &str) -> ErrorLine {
    let label = match field {
        "name" => "Name",
        "base-url" => "OneLogin Base URL",
        "client-id" => "Client ID",
        "client-secret" => "Client Secret",
        flag => tabs::label(flag),
    };
    ErrorLine { href: format!("#{field}"), label: label.to_owned(), why: why.to_owned() }
}

/// What the last run that came to an end tells.
pub fn rail(runs: &[Run], minimum: u32, now: Timestamp) -> Rail {
    let reported = |run: &Run| -> Option<Value> { serde_json::from_str(&run.report).ok() };
    let mut rail = Rail::default();
    for run in runs {
        let Some(report) = reported(run) else { continue };
        let number = |place: &str| report.pointer(place).and_then(Value::as_u64);
        let budget =
            number("/calls/budget_after/remaining").zip(number("/calls/budget_after/limit"));
        if rail.gauge.is_none() {
            rail.gauge =
                budget.map(|(left, limit)| Gauge { left, limit, minimum: u64::from(minimum) });
        }
        let Some(seen) = number("/source/seen") else { continue };
        rail.last = Some(LastRun { id: run.id.0, at: Moment::new(run.started_at, now) });
        if let Some(in_scope) = number("/source/in_scope") {
            let text = format!("{} of {} people", count(in_scope), count(seen));
            rail.facts.push(("In scope", text));
        }
        if let Some(calls) = number("/calls/total") {
            rail.facts.push(("API calls of a run", count(calls)));
        }
        if let Some(strategy) = report.pointer("/source/strategy").and_then(Value::as_str) {
            rail.facts.push(("Way to read", strategy.to_owned()));
        }
        break;
    }
    rail
}

/// `Set on 3 Nov 2026 by ana@example.com.`
async fn secret_set(app: &App, visit: &Visit, connector: &Connector) -> Result<String, Refusal> {
    if !visit.may(Role::Viewer) {
        return Ok(String::new());
    }
    let is_secret = |it: &changes::Change| it.setting == "client_secret" && it.secret;
    let set = entries(app, connector)
        .await?
        .into_iter()
        .find(|it| changes::read(&it.changes).is_some_and(|changes| changes.iter().any(is_secret)));
    Ok(set.map_or_else(
        || "Set.".to_owned(),
        |it| format!("Set on {} by {}.", it.at.strftime("%-d %b %Y"), it.actor),
    ))
}

/// What was done to a connector, the latest first.
async fn entries(app: &App, connector: &Connector) -> Result<Vec<audit::Recorded>, Refusal> {
    let id = connector.id.0.to_string();
    let filter = audit::Filter {
        since: None,
        until: None,
        actor: String::new(),
        noun: "connector".to_owned(),
        verb: String::new(),
        object: id.clone(),
    };
    let mut entries = audit::list(app.db(), &filter, None, ENTRIES_MAX).await?;
    entries.retain(|it| it.object_id == id);
    Ok(entries)
}

/// The changes of an entry of the audit log.
fn told(text: &str) -> Vec<Difference> {
    let shown = |value: Option<Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(Value::Array(list)) => {
            let texts =
                list.iter().map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
            texts.collect::<Vec<_>>().join(", ")
        }
        Some(value @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => value.to_string(),
    };
    let changes = changes::read(text).unwrap_or_default().into_iter();
    let row = |it: changes::Change| {
        let path = it.setting.strip_prefix("settings.").unwrap_or(&it.setting);
        let setting = notation::SETTINGS.iter().find(|it| it.path == path);
        let label = match (setting, path) {
            (Some(setting), _) => tabs::label(setting.flag),
            (None, "name") => "Name",
            (None, "source.base_url") => "OneLogin Base URL",
            (None, "source.client_id") => "Client ID",
            (None, "client_secret") => "Client Secret",
            (None, path) => path,
        };
        let after = if it.secret { "replaced".to_owned() } else { shown(it.after) };
        Difference { label: label.to_owned(), before: shown(it.before), after }
    };
    changes.map(row).collect()
}

fn target_row(target: &Target, now: Timestamp) -> TargetRow {
    TargetRow {
        id: target.id.0,
        name: target.name.as_str().to_owned(),
        kind: target.kind.word(),
        published: target.published_at.map(|at| Moment::new(at, now)),
        read: target.last_read_at.map(|at| Moment::new(at, now)),
    }
}

fn run_row(run: &Run, now: Timestamp) -> RunRow {
    RunRow {
        id: run.id.0,
        status: run.status.word(),
        at: Moment::new(run.started_at, now),
        trigger: run.trigger.clone(),
        by: run.started_by.clone(),
        message: run.message.clone(),
    }
}

#[cfg(test)]
pub mod tests;
