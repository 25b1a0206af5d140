//! What stands over every page of a connector: its name, how it stands, what can be done with it, and
//! its tabs.

use super::field::Wrong;
use super::tabs::Tab;
use crate::health;
use crate::notation::shell_word;
use crate::store::accounts::Role;
use crate::store::connectors::Connector;
use crate::web::App;
use crate::web::moment::in_words;
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

/// What stands over every page of a connector.
#[derive(Debug)]
pub struct Head {
    pub id: i64,
    pub name: String,
    /// A status word of connectors.
    pub status: &'static str,
    /// Why it is that word, and what to do about it.
    pub why: String,
    /// What can be done with its schedule: `pause` or `resume`; empty where it has none.
    pub schedule: &'static str,
    pub tabs: Vec<TabLink>,
    pub may_run: bool,
    pub may_edit: bool,
    /// What the buttons do, as commands; nothing for whoever has none.
    pub commands: Vec<(&'static str, String)>,
}

#[derive(Debug)]
pub struct TabLink {
    pub label: &'static str,
    pub href: String,
    pub is_current: bool,
    /// How much is wrong on it; empty where nothing is.
    pub mark: String,
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
        why: in_words(&health.why),
        schedule: match (&health.pause, &health.schedule) {
            (Some(_), _) => "resume",
            (None, Some(_)) => "pause",
            (None, None) => "",
        },
        tabs: Tab::ALL.map(link).into(),
        commands: if visit.may(Role::Operator) { commands(connector) } else { Vec::new() },
        may_run: visit.may(Role::Operator),
        may_edit: visit.may(Role::Admin),
    })
}

fn commands(connector: &Connector) -> Vec<(&'static str, String)> {
    let name = shell_word(connector.name.as_str());
    vec![
        ("Sync", format!("rollcall sync {name}")),
        ("Simulate", format!("rollcall simulate {name}")),
        ("Test connection", format!("rollcall connector test {name}")),
    ]
}

/// The tab on which a field stands, by its name.
pub fn tab_of(field: &str) -> Option<Tab> {
    match field {
        "name" | "base-url" | "client-id" | "client-secret" => Some(Tab::General),
        flag => Tab::of(flag),
    }
}
