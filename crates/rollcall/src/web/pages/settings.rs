//! `/settings`: accounts and roles, the limits of every connector, and what pages look like.

pub mod accounts;

use askama::Template;
use axum::extract::State;

use crate::notation::shell_word;
use crate::store::accounts::Role;
use crate::store::connectors;
use crate::store::connectors::settings::Safety;
use crate::store::retention::{self, DAYS_MAX, DAYS_MIN, ROWS_MIN, Retention};
use crate::web::answer::{self, Answer};
use crate::web::form::{Form, Typed};
use crate::web::page::{Page, Theme};
use crate::web::visit::{Visit, see_other};
use crate::web::{App, admins};

/// The tabs of the settings: name and address.
pub const TABS: [(&str, &str); 4] = [
    ("Accounts", "/settings/accounts"),
    ("Safety", "/settings/safety"),
    ("Retention", "/settings/retention"),
    ("Appearance", "/settings/appearance"),
];

pub async fn show() -> Answer {
    Ok(see_other("/settings/accounts"))
}

#[derive(Debug, Template)]
#[template(path = "settings_safety.html")]
struct SafetyView {
    page: Page,
    tabs: [(&'static str, &'static str); 4],
    tab: &'static str,
    /// What each limit is until somebody changes it.
    usual: Limits,
    connectors: Vec<ConnectorLimits>,
    may_edit: bool,
    ask: String,
    commands: Vec<(&'static str, String)>,
}

#[derive(Debug)]
struct ConnectorLimits {
    id: i64,
    name: String,
    limits: Limits,
    /// Whether somebody changed any of them.
    is_changed: bool,
}

/// The limits of a connector, in words.
#[derive(Debug, PartialEq, Eq)]
struct Limits {
    deactivations: String,
    removals: String,
    memberships: String,
    renames: String,
    group_loss: String,
    shrinkage: String,
}

impl Limits {
    fn of(safety: Safety) -> Limits {
        let either = |count: usize, percent: u32| format!("{count} or {percent} %");
        Limits {
            deactivations: either(safety.deactivations_max, safety.deactivations_percent_max),
            removals: either(safety.removals_max, safety.removals_percent_max),
            memberships: either(
                safety.membership_removals_max,
                safety.membership_removals_percent_max,
            ),
            renames: safety.renames_max.to_string(),
            group_loss: format!("{} %", safety.group_loss_percent_max),
            shrinkage: format!("{} %", safety.shrinkage_percent_max),
        }
    }
}

/// The limits of the gate, connector by connector, beside what they are until somebody changes them.
pub async fn safety(State(app): State<App>, visit: Visit) -> Answer {
    let row = |connector: connectors::Connector| ConnectorLimits {
        id: connector.id.0,
        name: connector.name.as_str().to_owned(),
        limits: Limits::of(connector.settings.safety),
        is_changed: connector.settings.safety != Safety::default(),
    };
    let known = connectors::list(app.db()).await?;
    let name = known.first().map_or("NAME".to_owned(), |it| shell_word(it.name.as_str()));
    let mut commands = vec![("Show", format!("rollcall connector show {name}"))];
    if visit.may(Role::Admin) {
        let usual = Safety::default().deactivations_max;
        let edit = format!("rollcall connector edit {name} --limit-deactivations {usual}");
        commands.push(("Change a limit", edit));
    }
    let connectors = known.into_iter().map(row).collect();
    answer::html(&SafetyView {
        page: visit.page("Safety"),
        tabs: TABS,
        tab: "Safety",
        usual: Limits::of(Safety::default()),
        connectors,
        may_edit: visit.may(Role::Admin),
        ask: admins::to_ask(&app, &visit).await?,
        commands,
    })
}

#[derive(Debug, Template)]
#[template(path = "settings_retention.html")]
struct RetentionView {
    page: Page,
    tabs: [(&'static str, &'static str); 4],
    tab: &'static str,
    form: Typed,
    may_edit: bool,
    ask: String,
    command: String,
}

pub async fn retention(State(app): State<App>, visit: Visit) -> Answer {
    let now = retention::load(app.db()).await?;
    let ask = admins::to_ask(&app, &visit).await?;
    answer::html(&retention_view(&visit, now, Typed::of(typed(now)), ask))
}

/// What is beyond these is forgotten by the service, a little at a time.
pub async fn save_retention(State(app): State<App>, visit: Visit, mut form: Form) -> Answer {
    let after = Retention {
        days_max: form.number("days_max", DAYS_MIN..=DAYS_MAX),
        log_days_max: form.number("log_days_max", DAYS_MIN..=DAYS_MAX),
        simulation_days_max: form.number("simulation_days_max", DAYS_MIN..=DAYS_MAX),
        rows_max: form.number("rows_max", ROWS_MIN..=u32::MAX),
    };
    if form.is_wrong() {
        let now = retention::load(app.db()).await?;
        return answer::html_again(&retention_view(&visit, now, form.typed(), String::new()));
    }
    let actor = visit.actor();
    retention::save(app.db(), after, &visit.act(&actor)).await?;
    Ok(visit.done("The retention was saved.", "/settings/retention"))
}

fn typed(retention: Retention) -> Vec<(&'static str, String)> {
    let Retention { days_max, log_days_max, simulation_days_max, rows_max } = retention;
    vec![
        ("days_max", days_max.to_string()),
        ("log_days_max", log_days_max.to_string()),
        ("simulation_days_max", simulation_days_max.to_string()),
        ("rows_max", rows_max.to_string()),
    ]
}

fn retention_view(visit: &Visit, now: Retention, form: Typed, ask: String) -> RetentionView {
    let may_edit = visit.may(Role::Admin);
    let page = visit.page("Retention");
    RetentionView {
        page: if may_edit { page.keeping("retention", "/settings/retention") } else { page },
        tabs: TABS,
        tab: "Retention",
        form,
        may_edit,
        ask,
        command: format!(
            "rollcall retention edit --days {} --log-days {} --simulation-days {} --rows {}",
            now.days_max, now.log_days_max, now.simulation_days_max, now.rows_max
        ),
    }
}

#[derive(Debug, Template)]
#[template(path = "settings_appearance.html")]
struct AppearanceView {
    page: Page,
    tabs: [(&'static str, &'static str); 4],
    tab: &'static str,
    themes: [Theme; 3],
}

pub async fn appearance(visit: Visit) -> Answer {
    answer::html(&AppearanceView {
        page: visit.page("Appearance"),
        tabs: TABS,
        tab: "Appearance",
        themes: Theme::ALL,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::answer::samples::{self, HOSTILE, check};

    #[test]
    fn the_limits_of_every_connector_stand_beside_the_usual_ones() {
        let changed = Safety { deactivations_max: 7, ..Safety::default() };
        for connectors in [vec![], vec![changed]] {
            let row = |safety: Safety| ConnectorLimits {
                id: 1,
                name: HOSTILE.to_owned(),
                limits: Limits::of(safety),
                is_changed: true,
            };
            let text = check(&SafetyView {
                page: samples::page("Safety", "/settings/safety", Role::Viewer),
                tabs: TABS,
                tab: "Safety",
                usual: Limits::of(Safety::default()),
                connectors: connectors.into_iter().map(row).collect(),
                may_edit: false,
                ask: HOSTILE.to_owned(),
                commands: vec![("Show", HOSTILE.to_owned())],
            });
            assert!(text.contains("20 or 5 %"), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_retention_stands_at_its_field() {
        let mut form = Form::parse(b"days_max=0&log_days_max=x&rows_max=5000").unwrap();
        let _: u32 = form.number("days_max", DAYS_MIN..=DAYS_MAX);
        form.error("log_days_max", HOSTILE);
        for may_edit in [true, false] {
            let text = check(&RetentionView {
                page: samples::page("Retention", "/settings/retention", Role::Admin),
                tabs: TABS,
                tab: "Retention",
                form: form.typed(),
                may_edit,
                ask: HOSTILE.to_owned(),
                command: "rollcall retention edit".to_owned(),
            });
            assert_eq!(text.contains("Type a whole number from 1 to 36500."), may_edit, "{text}");
        }
    }

    #[test]
    fn the_appearance_is_chosen_by_a_form() {
        let page = samples::page("Appearance", "/settings/appearance", Role::Viewer);
        check(&AppearanceView { page, tabs: TABS, tab: "Appearance", themes: Theme::ALL });
    }
}
