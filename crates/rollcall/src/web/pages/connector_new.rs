//! `/connectors/new`: the gallery of identity providers, and the form for OneLogin with the steps
//! that have to be done there beside it.

use askama::Template;
use axum::extract::{Path, State};

use crate::notation::choices::{GROUPS_FROM_BY_DEFAULT, MINIMUM_REMAINING_API_CALLS_BY_DEFAULT};
use crate::notation::{self, Given, shell_word};
use crate::people::names;
use crate::source::onelogin::settings::{ScopeSettings, Settings};
use crate::store::connectors::settings::ConnectorSettings;
use crate::store::connectors::{self, ConnectorError, Provider};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::form::Form;
use crate::web::page::Page;
use crate::web::pages::connector;
use crate::web::pages::connector::draft::{self, ErrorLine};
use crate::web::pages::connector::field::{self, SectionView, Wrong};
use crate::web::pages::connector::identity::{self, Identity};
use crate::web::pages::connector::opened;
use crate::web::pages::connector::tabs::{Entry, GROUPS_FROM, REQUIRED, Section, Tab};
use crate::web::refusal::Refusal;
use crate::web::status::Role;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "connector_gallery.html")]
struct Gallery {
    page: Page,
    planned: &'static [(&'static str, &'static str)],
}

#[derive(Debug, Template)]
#[template(path = "connector_new.html")]
struct View {
    page: Page,
    identity: Identity,
    sections: Vec<SectionView>,
    errors: Vec<ErrorLine>,
    steps: Vec<Step>,
    /// The steps as a text for somebody else.
    steps_text: String,
    /// The names of the fields that are not as they were before anybody typed.
    unsaved_fields: String,
    /// Of names that are not known; here every one is new.
    even_if_unknown: Option<bool>,
    command: String,
    /// As `ui::following` has it.
    follows: String,
}

/// One thing to do in OneLogin.
#[derive(Debug)]
struct Step {
    name: String,
    text: &'static str,
    done: bool,
}

const PLANNED: &[(&str, &str)] = &[
    ("Microsoft Entra ID", "Users, groups and app roles over Microsoft Graph."),
    ("Okta", "Users and groups."),
    ("Google Workspace", "Users, groups and organisational units."),
    ("Keycloak", "Users, groups and roles of a realm."),
    ("SCIM 2.0", "A provider that pushes users and groups here."),
];

/// The steps of the guide, with its own words for what to click.
const STEPS: [&str; 5] = [
    "Log in to your OneLogin domain and click Administration.",
    "Hover over DEVELOPERS and click API Credentials.",
    "Click New Credential.",
    "Provide a Name, choose Read users, and click Save.",
    "Copy the Client ID and the Client Secret, and paste them here.",
];

const SECTIONS: &[Section] =
    &[GROUPS_FROM, Section { title: "Who takes part", lead: "", entries: REQUIRED_ALONE }];
const REQUIRED_ALONE: &[Entry] = &[REQUIRED];

pub async fn gallery(visit: Visit) -> Answer {
    answer::html(&Gallery { page: visit.page("Create Connector"), planned: PLANNED })
}

pub async fn show(visit: Visit, Path(provider): Path<String>) -> Answer {
    check_provider(&provider)?;
    let given = entries().map(|it| field::stored(it, &plain())).collect::<Vec<_>>();
    let form = Form::default();
    answer::html(&view(&visit, &form, Identity::empty(), &given, &Wrong::new(), &[], &plain()))
}

pub async fn create(
    State(app): State<App>,
    visit: Visit,
    Path(provider): Path<String>,
    mut form: Form,
) -> Answer {
    let provider = check_provider(&provider)?;
    let mut wrong = Wrong::new();
    let read = identity::read(&mut form, app.engine.limits.allow_loopback, &mut wrong);
    if read.secret.is_none() {
        let why = "Enter the Client Secret. It stands beside the credential in OneLogin.";
        wrong.insert("client-secret".to_owned(), why.to_owned());
    }
    let given: Vec<Given> = entries().filter_map(|it| field::typed(it, &mut form)).collect();
    let (mut settings, refused) = notation::apply(&plain(), &given);
    settings.source.base_url = read.base_url;
    settings.source.client_id = read.client_id;
    let mut together = Vec::new();
    for it in refused {
        match it.flag {
            Some(flag) => drop(wrong.insert(flag.to_owned(), it.why)),
            None => together.push(it.why),
        }
    }
    let is_right = !form.is_only_shown() && wrong.is_empty() && together.is_empty();
    if let Some(secret) = read.secret.as_ref().filter(|_| is_right) {
        let (actor, db, seal) = (visit.actor(), app.db(), &app.engine.seal);
        let act = visit.act(&actor);
        let made = connectors::create(db, seal, &read.name, provider, &settings, secret, &act);
        match made.await {
            Ok(made) => {
                let unchecked = names::look_up(db, None, &made.settings).await?.unchecked;
                let sentence = connector::saved_sentence(&made, unchecked.as_slice());
                let (then, role) = (form.raw("then"), Role::Success);
                return Ok(connector::saved(&visit, &made, Tab::General, then, role, &sentence));
            }
            Err(ConnectorError::Name(error)) => {
                wrong.insert("name".to_owned(), error.to_string());
            }
            Err(ConnectorError::Field(error)) => draft::place(error, &mut wrong, &mut together),
            Err(error) => return Err(error.into()),
        }
    }
    if read.secret.is_some() {
        wrong.insert("client-secret".to_owned(), identity::TYPE_AGAIN.to_owned());
    }
    let identity = Identity::typed(&form, String::new(), wrong.clone());
    answer::html_again(&view(&visit, &form, identity, &given, &wrong, &together, &settings))
}

fn entries() -> impl Iterator<Item = &'static Entry> {
    SECTIONS.iter().flat_map(|it| it.entries)
}

fn check_provider(word: &str) -> Result<Provider, Refusal> {
    Provider::from_word(word).ok_or_else(Refusal::no_page)
}

/// A connector before anybody has chosen anything.
fn plain() -> ConnectorSettings {
    ConnectorSettings::new(Settings {
        base_url: "https://api.us.onelogin.com".to_owned(),
        client_id: "none yet".to_owned(),
        groups_from: GROUPS_FROM_BY_DEFAULT.into(),
        required_groups: Vec::new(),
        scope: ScopeSettings::default(),
        statuses: Vec::new(),
        minimum_remaining_api_calls: MINIMUM_REMAINING_API_CALLS_BY_DEFAULT,
    })
}

fn view(
    visit: &Visit,
    form: &Form,
    identity: Identity,
    given: &[Given],
    wrong: &Wrong,
    together: &[String],
    settings: &ConnectorSettings,
) -> View {
    let of_field = wrong.iter().map(|(field, why)| draft::error_line(field, why));
    let together = together.iter().map(|why| draft::together_line(why));
    let step = |(index, text): (usize, &&'static str)| {
        let name = format!("step-{}", index + 1);
        Step { done: form.checked(&name), name, text }
    };
    let numbered = STEPS.iter().enumerate().map(|(at, text)| format!("{}. {text}\n", at + 1));
    let base_url = match identity.region.as_str() {
        "own" => identity.subdomain.clone(),
        "other" => identity.url.clone(),
        region => region.to_owned(),
    };
    let or = |typed: &str, instead: &str| {
        if typed.is_empty() { instead.to_owned() } else { shell_word(typed) }
    };
    let saved =
        |flag: &str| notation::setting(flag).map(|it| (it.values)(&plain())).unwrap_or_default();
    let flags = notation::flags(&plain(), settings);
    let command = format!(
        "rollcall connector create {} --base-url {} --client-id {} --client-secret-file -{flags}",
        or(&identity.name, "NAME"),
        or(&base_url, "SUBDOMAIN"),
        or(&identity.client_id, "ID"),
    );
    let follows = format!(
        "rollcall connector create {{name|NAME}} --base-url \
         {{base-url:own=subdomain:other=url|SUBDOMAIN}} --client-id {{client-id|ID}} \
         --client-secret-file -{{--groups-from,|{}}}{{--required-group*|}}",
        saved("groups-from").join(",")
    );
    let mut unsaved = opened::changed(given, saved);
    unsaved.extend(identity.changed(&Identity::empty()));
    View {
        page: visit.page("Create Connector").keeping("form", "/connectors/new/onelogin"),
        sections: SECTIONS.iter().map(|it| field::section(it, given, wrong)).collect(),
        errors: of_field.chain(together).collect(),
        steps: STEPS.iter().enumerate().map(step).collect(),
        steps_text: numbered
            .collect::<String>()
            .trim_end()
            .replace("paste them here", "send them back on a safe way"),
        unsaved_fields: unsaved.join(" "),
        even_if_unknown: None,
        command,
        follows,
        identity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};

    #[test]
    fn the_gallery_shows_planned_providers_that_cannot_be_clicked() {
        let page = samples::page("Create Connector", "/connectors/new", Role::Admin);
        let text = check(&Gallery { page, planned: PLANNED });
        assert_eq!(text.matches("class=\"cover\"").count(), 1, "{text}");
        assert_eq!(text.matches(">Planned<").count(), PLANNED.len());
        assert!(text.contains("Okta"), "{text}");
    }

    #[test]
    fn the_form_shows_steps_done_and_what_is_wrong() {
        let mut wrong = Wrong::new();
        wrong.insert("name".to_owned(), HOSTILE.to_owned());
        for (done, wrong) in [(false, Wrong::new()), (true, wrong)] {
            let step = |(index, text): (usize, &&'static str)| Step {
                name: format!("step-{}", index + 1),
                text,
                done,
            };
            let mut identity = Identity::empty();
            identity.name = HOSTILE.to_owned();
            identity.wrong = wrong.clone();
            let view = View {
                page: samples::page("Create Connector", "/connectors/new/onelogin", Role::Admin),
                identity,
                sections: SECTIONS.iter().map(|it| field::section(it, &[], &wrong)).collect(),
                errors: wrong.iter().map(|(it, why)| draft::error_line(it, why)).collect(),
                steps: STEPS.iter().enumerate().map(step).collect(),
                steps_text: "1. Log in".to_owned(),
                unsaved_fields: "name".to_owned(),
                even_if_unknown: None,
                command: HOSTILE.to_owned(),
                follows: HOSTILE.to_owned(),
            };
            let text = check(&view);
            assert_eq!(text.contains("id=\"name-error\""), done, "{text}");
            assert_eq!(text.matches("name=\"step-").count(), 5, "{text}");
        }
    }
}
