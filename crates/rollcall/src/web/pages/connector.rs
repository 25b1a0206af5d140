//! `/connectors/{id}/{tab}`: everything that an admin sets for a connector, tab by tab.
//!
//! A tab shows and reads settings by the flags of `connector edit`, so whatever can be typed there
//! can be typed here, and is refused with the same words.

pub mod conflict;
pub mod draft;
pub mod effect;
pub mod explaining;
pub mod field;
pub mod head;
pub mod identity;
pub mod opened;
pub mod rail;
pub mod samples;
pub mod saved;
pub mod tabs;
pub mod trying;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;

use self::conflict::Conflict;
use self::draft::{Difference, Draft, ErrorLine};
use self::effect::Effect;
use self::explaining::Explaining;
use self::field::SectionView;
use self::head::Head;
use self::identity::Identity;
use self::opened::Opened;
use self::rail::Rail;
use self::tabs::Tab;
use self::trying::{On, Trying};
use crate::notation::SCHEDULE;
use crate::people::{emptied, names};
use crate::store::connectors::{self, Connector, ConnectorError, ConnectorId};
use crate::store::runs::{self, Run};
use crate::store::targets::{self, Target};
use crate::web::answer::{self, Answer};
use crate::web::form::Form;
use crate::web::moment::Moment;
use crate::web::page::Page;
use crate::web::refusal::Refusal;
use crate::web::status::Role;
use crate::web::visit::{Visit, see_other};
use crate::web::{App, admins};

#[derive(Debug, Template)]
#[template(path = "connector.html")]
struct View {
    page: Page,
    head: Head,
    tab: &'static str,
    /// When what is shown was saved, in microseconds; the form carries it.
    version: i64,
    /// What stood in its fields then; the form carries it, too.
    opened: String,
    may_edit: bool,
    /// Whom to ask, where somebody may not.
    ask: String,
    is_form: bool,
    /// On the tab General alone.
    identity: Option<Identity>,
    sections: Vec<SectionView>,
    errors: Vec<ErrorLine>,
    /// Whether names are to be saved that the last read does not have; nothing where there is none.
    even_if_unknown: Option<bool>,
    conflict: Option<Conflict>,
    review: Option<Review>,
    /// How much of what is in the fields is not saved.
    unsaved: usize,
    /// The names of the fields that are not saved.
    unsaved_fields: String,
    rail: Rail,
    effect: Effect,
    /// Where rules for people are tried; nothing on other tabs, and for whoever may not edit.
    trying: Option<Trying>,
    explaining: Option<Explaining>,
    targets: Vec<TargetRow>,
    runs: Vec<RunRow>,
    command: String,
}

/// What would be saved.
#[derive(Debug)]
struct Review {
    rows: Vec<Difference>,
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

/// How much is worked out for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// What the last read tells, if it is small.
    Small,
    /// All of it, because somebody asked for it.
    Whole,
}

const RUNS_SHOWN: u32 = 25;

/// The tick that says that an unknown name is meant.
const EVEN_IF_UNKNOWN: &str = "even-if-unknown";

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
    let draft = draft::stored(&app, &visit, tab, &connector).await?;
    answer::html(&view(&app, &visit, tab, &connector, draft, Depth::Small).await?)
}

pub async fn save(
    State(app): State<App>,
    visit: Visit,
    Path((id, word)): Path<(i64, String)>,
    mut form: Form,
) -> Answer {
    let tab = Tab::from_word(&word).filter(|it| it.is_form()).ok_or_else(Refusal::no_page)?;
    let before = connector(&app, id).await?;
    let mut draft = draft::typed(&app, &visit, tab, &before, &mut form).await?;
    let trying = (tab == Tab::UserProvisioning).then(|| Trying::typed(&mut form));
    let explaining = (tab != Tab::General).then(|| Explaining::typed(&mut form));
    let version = form.raw("version").parse().unwrap_or(i64::MIN);
    let opened = Opened::read(&form);
    let opened = opened.as_ref();
    let conflict = conflict::since(&app, &before, &draft, opened, version, visit.now()).await?;
    if let Some(conflict) = conflict {
        return in_conflict(&app, &visit, tab, &before, draft, conflict).await;
    }
    let then = form.raw("then").to_owned();
    let then = then.as_str();
    let on = On::from_word(then);
    let is_tried = on.is_some() || then == "explain";
    if !is_tried && then != "review" {
        draft.ask_for_secret();
    }
    let (mut even_if_unknown, mut unchecked) = (None, None);
    let mut cautions = Vec::new();
    if !draft.is_wrong() && !is_tried {
        let looked = names::look_up(app.db(), Some(&before), &draft.settings).await?;
        unchecked = looked.unchecked;
        if !looked.unknown.is_empty() {
            let is_meant = form.checked(EVEN_IF_UNKNOWN);
            even_if_unknown = Some(is_meant);
            if !is_meant {
                draft.note_unknown(looked.unknown);
            }
        }
    }
    if draft.is_wrong() || form.is_only_shown() {
        let view = view(&app, &visit, tab, &before, draft, Depth::Small).await?;
        return answer::html_again(&View { even_if_unknown, trying, explaining, ..view });
    }
    if then == "review" {
        let review = Review { rows: draft.differences(&before) };
        let view = view(&app, &visit, tab, &before, draft, Depth::Whole).await?;
        let review = Some(review);
        let flag = if even_if_unknown.is_some() { " --even-if-unknown" } else { "" };
        let command = format!("{}{flag}", view.command);
        return answer::html(&View {
            even_if_unknown,
            review,
            trying,
            explaining,
            command,
            ..view
        });
    }
    if is_tried {
        let now = visit.now();
        let trying = match (on, trying) {
            (Some(on), Some(trying)) => Some(trying.on(on, &app, &before, &draft, now).await?),
            (_, trying) => trying,
        };
        let explaining = match explaining {
            Some(it) if then == "explain" => Some(it.with(&app, &visit, &before, &draft).await?),
            explaining => explaining,
        };
        let view = view(&app, &visit, tab, &before, draft, Depth::Small).await?;
        return answer::html(&View { trying, explaining, ..view });
    }
    if draft.is_as_saved(&before) {
        let sentence = format!("Nothing to save: \"{}\" is as it was.", before.name);
        return Ok(saved(&visit, &before, tab, then, Role::Neutral, &sentence));
    }
    if emptied::puts_nobody_in_scope(app.db(), &before, &draft.settings).await? {
        cautions.push(emptied::NOBODY.to_owned());
    }
    cautions.extend(names::of_adopted(app.db(), &before, &draft.settings).await?);
    cautions.extend(effect::of_new_schedule(&app, &before, &draft.settings, visit.now()).await?);
    let actor = visit.actor();
    let act = visit.act(&actor);
    let Draft { name, settings, secret, .. } = &draft;
    let (db, seal) = (app.db(), &app.engine.seal);
    let edited = connectors::edit(db, seal, &before, name, settings, secret.as_ref(), &act).await;
    match edited {
        Ok(after) => {
            let role = if cautions.is_empty() { Role::Success } else { Role::Warning };
            cautions.extend(unchecked);
            Ok(saved(&visit, &after, tab, then, role, &saved_sentence(&after, &cautions)))
        }
        Err(ConnectorError::ChangedMeanwhile { .. }) => {
            let now = connector(&app, id).await?;
            let draft = draft::typed(&app, &visit, tab, &now, &mut form).await?;
            let version = before.updated_at.as_microsecond();
            let conflict =
                conflict::since(&app, &now, &draft, opened, version, visit.now()).await?;
            let conflict = conflict.unwrap_or_default();
            in_conflict(&app, &visit, tab, &now, draft, conflict).await
        }
        Err(error) => {
            draft::note(error, &mut draft)?;
            answer::html_again(&view(&app, &visit, tab, &before, draft, Depth::Small).await?)
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
    let draft = draft::typed(&app, &visit, tab, &before, &mut form).await?;
    answer::html(&effect::of(&app, &visit, tab, &before, &draft, true).await?)
}

/// That something was saved, and what there is to know about it.
pub fn saved_sentence(connector: &Connector, told: &[String]) -> String {
    let mut sentence = format!("\"{}\" is saved. Nothing was synchronised yet.", connector.name);
    for told in told {
        sentence.extend([" ", told]);
    }
    sentence
}

/// Where one goes after saving, and what is told there.
pub fn saved(
    visit: &Visit,
    connector: &Connector,
    tab: Tab,
    then: &str,
    role: Role,
    sentence: &str,
) -> Response {
    let id = connector.id.0;
    match then {
        "return" => visit.told(role, sentence, "/connectors"),
        // The same request once more, to another address: the test is a form, too.
        "test" => {
            let again = Redirect::temporary(&format!("/connectors/{id}/test"));
            visit.told_with(role, sentence, again.into_response())
        }
        _ => visit.told(role, sentence, &format!("/connectors/{id}/{}", tab.word())),
    }
}

/// The connector of an address.
pub async fn connector(app: &App, id: i64) -> Result<Connector, Refusal> {
    connectors::with_id(app.db(), ConnectorId(id)).await?.ok_or_else(Refusal::no_page)
}

/// The form again with what somebody else saved since it was opened. Saving it once more saves it
/// over that, knowingly.
async fn in_conflict(
    app: &App,
    visit: &Visit,
    tab: Tab,
    now: &Connector,
    draft: Draft,
    conflict: Conflict,
) -> Answer {
    let view = view(app, visit, tab, now, draft, Depth::Small).await?;
    answer::html_with(StatusCode::CONFLICT, &View { conflict: Some(conflict), ..view })
}

async fn view(
    app: &App,
    visit: &Visit,
    tab: Tab,
    connector: &Connector,
    draft: Draft,
    depth: Depth,
) -> Result<View, Refusal> {
    let is_asked = depth == Depth::Whole;
    let head = head::head(app, visit, connector, Some(tab), &draft.wrong).await?;
    let command = draft.command(connector);
    let effect = effect::of(app, visit, tab, connector, &draft, is_asked).await?;
    let unsaved = draft.unsaved(connector);
    let section = |it| field::section(it, &draft.given, &draft.wrong);
    let mut sections: Vec<SectionView> = tab.sections().iter().map(section).collect();
    if tab == Tab::GroupSync {
        samples::add(app, connector, is_asked, &mut sections).await?;
    }
    if let Some(warning) = effect.schedule.as_ref().map(|it| &it.warning) {
        let fields = sections.iter_mut().flat_map(|it| &mut it.fields);
        for field in fields.filter(|it| it.name == SCHEDULE) {
            field.warning.clone_from(warning);
        }
    }
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
    let page = visit.page(format!("{} - {}", tab.label(), connector.name));
    let here = format!("/connectors/{}/{}", connector.id, tab.word());
    let is_kept = head.may_edit && tab.is_form();
    Ok(View {
        page: if is_kept { page.keeping("form", here) } else { page },
        tab: tab.word(),
        version: connector.updated_at.as_microsecond(),
        opened: Opened::of(connector, tab).to_string(),
        may_edit: head.may_edit,
        ask: admins::to_ask(app, visit).await?,
        is_form: tab.is_form(),
        sections,
        errors: draft::error_lines(&draft, connector.id, tab),
        even_if_unknown: None,
        conflict: None,
        review: None,
        unsaved: unsaved.len(),
        unsaved_fields: unsaved.join(" "),
        rail: rail::rail(&last, rail::budget_part(app, visit, connector).await?, visit.now()),
        effect,
        trying: (head.may_edit && tab == Tab::UserProvisioning).then(Trying::default),
        explaining: (head.may_edit && tab.is_form() && tab != Tab::General)
            .then(Explaining::default),
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
        head,
    })
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
