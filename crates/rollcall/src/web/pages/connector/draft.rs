//! What is in the fields of a connector, saved or not.

use std::collections::BTreeSet;

use super::field::{self, Wrong};
use super::head::tab_of;
use super::identity::{self, Identity};
use super::opened::{self, Opened};
use super::saved;
use super::tabs::{self, Tab};
use crate::notation::{self, Given, SCHEDULE_SWITCH, shell_word};
use crate::secret::Secret;
use crate::store::accounts::Role;
use crate::store::audit::changes;
use crate::store::connectors::settings::{ConnectorSettings, FieldError};
use crate::store::connectors::{self, Connector, ConnectorError, ConnectorId};
use crate::web::App;
use crate::web::form::Form;
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

/// What is in the fields, saved or not.
#[derive(Debug)]
pub struct Draft {
    pub name: String,
    pub settings: ConnectorSettings,
    pub secret: Option<Secret>,
    /// One was typed into the form before, and has to be typed again: no page shows it.
    pub secret_is_missing: bool,
    pub given: Vec<Given>,
    pub identity: Option<Identity>,
    pub wrong: Wrong,
    /// About the settings together.
    pub wrong_together: Vec<String>,
}

/// Something wrong, with the field that it is about.
#[derive(Debug)]
pub struct ErrorLine {
    pub href: String,
    pub label: String,
    pub why: String,
}

#[derive(Debug)]
pub struct Difference {
    pub label: String,
    pub before: String,
    pub after: String,
}

impl Draft {
    pub fn is_wrong(&self) -> bool {
        !self.wrong.is_empty() || !self.wrong_together.is_empty()
    }

    /// Puts names that the last read does not have beside their fields.
    pub fn note_unknown(&mut self, unknown: Vec<FieldError>) {
        for error in unknown {
            place(error, &mut self.wrong, &mut self.wrong_together);
        }
    }

    pub fn differences(&self, before: &Connector) -> Vec<Difference> {
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
        if secret.is_some() || self.secret_is_missing {
            let after = if secret.is_some() { "replaced" } else { "to be typed again" };
            rows.push(Difference {
                label: "Client Secret".to_owned(),
                before: "set".to_owned(),
                after: after.to_owned(),
            });
        }
        let changed = notation::differences(&before.settings, settings).into_iter();
        rows.extend(changed.map(|(setting, before, after)| Difference {
            label: tabs::label(setting.flag).to_owned(),
            before: field::words(&before),
            after: field::words(&after),
        }));
        rows
    }

    /// Whether saving it would change nothing.
    pub fn is_as_saved(&self, before: &Connector) -> bool {
        let Draft { name, settings, secret, .. } = self;
        secret.is_none() && name == before.name.as_str() && *settings == before.settings
    }

    /// The names of the fields in which something else stands than what is saved.
    pub fn unsaved(&self, before: &Connector) -> Vec<&'static str> {
        let saved = |flag: &str| {
            notation::setting(flag).map(|it| (it.values)(&before.settings)).unwrap_or_default()
        };
        let mut names = opened::changed(&self.given, saved);
        if let Some(identity) = &self.identity {
            names.extend(identity.changed(&Identity::stored(before, String::new())));
        }
        names
    }

    /// Notes that it cannot be saved before the secret is typed again.
    pub fn ask_for_secret(&mut self) {
        if self.secret_is_missing {
            let why = format!("{} {}", identity::TYPE_AGAIN, identity::OR_KEEP);
            if let Some(identity) = &mut self.identity {
                identity.wrong.insert("client-secret".to_owned(), why.clone());
            }
            self.wrong.insert("client-secret".to_owned(), why);
        }
    }

    /// The places of the settings that it would change, as the audit log names them.
    pub fn touches(&self, before: &Connector) -> BTreeSet<&'static str> {
        let Draft { name, settings, secret, .. } = self;
        let (old, new) = (&before.settings.source, &settings.source);
        let own = [
            ("name", before.name.as_str() != name),
            ("source.base_url", old.base_url != new.base_url),
            ("source.client_id", old.client_id != new.client_id),
            ("client_secret", secret.is_some()),
        ];
        let own = own.into_iter().filter(|(_, differs)| *differs).map(|(path, _)| path);
        let changed = notation::differences(&before.settings, settings).into_iter();
        let mut paths: BTreeSet<&str> = changed.map(|(setting, ..)| setting.path).collect();
        if before.settings.schedule.enabled != settings.schedule.enabled {
            paths.insert(SCHEDULE_SWITCH);
        }
        paths.extend(own);
        paths
    }

    /// The equal command.
    pub fn command(&self, before: &Connector) -> String {
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
        if secret.is_some() || self.secret_is_missing {
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
pub async fn stored(
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
        secret_is_missing: false,
        given,
        identity,
        wrong: Wrong::new(),
        wrong_together: Vec::new(),
    })
}

/// The fields as somebody typed them, over what is saved. What stands in a field as it did when the
/// form was opened was not typed.
pub async fn typed(
    app: &App,
    visit: &Visit,
    tab: Tab,
    before: &Connector,
    form: &mut Form,
) -> Result<Draft, Refusal> {
    let mut draft = stored(app, visit, tab, before).await?;
    let opened = Opened::read(form);
    let is_as_opened =
        |field: &str, values: &[String]| opened.as_ref().is_some_and(|it| it.had(field, values));
    let given = tab.entries().filter_map(|it| field::typed(it, form));
    let given: Vec<Given> = given.filter(|it| !is_as_opened(it.flag, &it.values)).collect();
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
    if let Some(stored) = draft.identity.take() {
        let mut wrong = Wrong::new();
        let read = identity::read(form, app.engine.limits.allow_loopback, &mut wrong);
        let mut shown = Identity::typed(form, stored.secret_set, wrong.clone());
        draft.wrong.extend(wrong);
        if is_as_opened("name", std::slice::from_ref(&read.name)) {
            shown.name = stored.name;
        } else {
            draft.name = read.name;
        }
        if is_as_opened("base-url", std::slice::from_ref(&read.base_url)) {
            (shown.region, shown.subdomain, shown.url) =
                (stored.region, stored.subdomain, stored.url);
        } else {
            draft.settings.source.base_url = read.base_url;
        }
        if is_as_opened("client-id", std::slice::from_ref(&read.client_id)) {
            shown.client_id = stored.client_id;
        } else {
            draft.settings.source.client_id = read.client_id;
        }
        draft.secret_is_missing = read.secret.is_none() && identity::is_secret_due(form);
        draft.secret = read.secret;
        if draft.secret.is_some() || draft.secret_is_missing {
            shown.remember_secret();
        }
        draft.identity = Some(shown);
    }
    Ok(draft)
}

/// Puts an error of the store beside the field that it is about.
pub fn note(error: ConnectorError, draft: &mut Draft) -> Result<(), Refusal> {
    let (field, why) = match error {
        ConnectorError::Name(error) => ("name", error.to_string()),
        ConnectorError::SecretForNewAddress { .. } | ConnectorError::NoSecret { .. } => {
            ("client-secret", error.to_string())
        }
        ConnectorError::Field(error) => {
            place(error, &mut draft.wrong, &mut draft.wrong_together);
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

/// Puts what cannot be used beside the field of its setting.
pub fn place(error: FieldError, wrong: &mut Wrong, wrong_together: &mut Vec<String>) {
    let FieldError { field, why } = error;
    match notation::at(field) {
        Some(setting) => {
            let told = wrong.entry(setting.flag.to_owned()).or_default();
            let space = if told.is_empty() { "" } else { " " };
            told.extend([space, &why]);
        }
        None => wrong_together.push(why),
    }
}

/// The summary above the form. What is wrong on another tab of the connector leads there.
pub fn error_lines(draft: &Draft, connector: ConnectorId, tab: Tab) -> Vec<ErrorLine> {
    let of_field = draft.wrong.iter().map(|(field, why)| {
        let line = error_line(field, why);
        match tab_of(field).filter(|it| *it != tab) {
            Some(other) => {
                let href = format!("/connectors/{connector}/{}#{field}", other.word());
                let label = format!("{}, {}", other.label(), line.label);
                ErrorLine { href, label, ..line }
            }
            None => line,
        }
    });
    of_field.chain(draft.wrong_together.iter().map(|why| together_line(why))).collect()
}

/// The line of the summary about the settings as a whole.
pub fn together_line(why: &str) -> ErrorLine {
    ErrorLine {
        href: "#form".to_owned(),
        label: "These settings together".to_owned(),
        why: why.to_owned(),
    }
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

/// `Set on 3 Nov 2026 by ana@example.com.`; nothing where none is set.
async fn secret_set(app: &App, visit: &Visit, connector: &Connector) -> Result<String, Refusal> {
    if !visit.may(Role::Viewer) || !connectors::has_client_secret(app.db(), connector.id).await? {
        return Ok(String::new());
    }
    let is_secret = |it: &changes::Change| it.setting == "client_secret" && it.secret;
    let set = saved::entries(app, connector)
        .await?
        .into_iter()
        .find(|it| changes::read(&it.changes).is_some_and(|changes| changes.iter().any(is_secret)));
    Ok(set.map_or_else(
        || "Set.".to_owned(),
        |it| format!("Set on {} by {}.", it.at.strftime("%-d %b %Y"), it.actor),
    ))
}
