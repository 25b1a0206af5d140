//! `/connectors/{id}/pause` and `/connectors/{id}/resume`: whether a connector runs by itself, with
//! the reason for whoever wonders later.

use askama::Template;
use axum::extract::{Path, State};

use crate::notation::shell_word;
use crate::store::connectors::Connector;
use crate::store::schedules;
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::form::{Form, Typed};
use crate::web::page::Page;
use crate::web::pages::connector;
use crate::web::pages::connector::field::Wrong;
use crate::web::pages::connector::head::{self, Head};
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "connector_pause.html")]
struct View {
    page: Page,
    head: Head,
    /// The other way round: it is to run by itself again.
    is_resume: bool,
    form: Typed,
    command: String,
}

pub async fn show_pause(State(app): State<App>, visit: Visit, Path(id): Path<i64>) -> Answer {
    show(&app, &visit, id, false).await
}

pub async fn show_resume(State(app): State<App>, visit: Visit, Path(id): Path<i64>) -> Answer {
    show(&app, &visit, id, true).await
}

/// Keeps a connector from running by itself.
pub async fn pause(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    mut form: Form,
) -> Answer {
    let connector = connector::connector(&app, id).await?;
    let reason = form.text("reason");
    if form.is_wrong() {
        return answer::html_again(&view(&app, &visit, &connector, false, form.typed()).await?);
    }
    let actor = visit.actor();
    let act = visit.act(&actor).because(&reason);
    let sentence = if schedules::pause(app.db(), &connector, &act).await? {
        format!("{} is paused: it does not run by itself.", connector.name)
    } else {
        format!("{} was paused already. Its reason was not changed.", connector.name)
    };
    Ok(visit.done(sentence, &page_of(&connector)))
}

/// Lets it run by itself again, from its next time on.
pub async fn resume(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    mut form: Form,
) -> Answer {
    let connector = connector::connector(&app, id).await?;
    let reason = form.optional("reason");
    if form.is_wrong() {
        return answer::html_again(&view(&app, &visit, &connector, true, form.typed()).await?);
    }
    let actor = visit.actor();
    let act = visit.act(&actor).because(&reason);
    let sentence = if schedules::resume(app.db(), &connector, &act).await? {
        if connector.settings.schedule.enabled {
            format!("{} runs by its schedule again.", connector.name)
        } else {
            format!("{} is not paused any more. Its schedule is off.", connector.name)
        }
    } else {
        format!("{} was not paused.", connector.name)
    };
    Ok(visit.done(sentence, &page_of(&connector)))
}

fn page_of(connector: &Connector) -> String {
    format!("/connectors/{}/sync-settings", connector.id)
}

async fn show(app: &App, visit: &Visit, id: i64, is_resume: bool) -> Answer {
    let connector = connector::connector(app, id).await?;
    answer::html(&view(app, visit, &connector, is_resume, Typed::default()).await?)
}

async fn view(
    app: &App,
    visit: &Visit,
    connector: &Connector,
    is_resume: bool,
    form: Typed,
) -> Result<View, Refusal> {
    let head = head::head(app, visit, connector, None, &Wrong::new()).await?;
    let verb = if is_resume { "Resume" } else { "Pause" };
    let name = shell_word(connector.name.as_str());
    let reason = match form.value("reason") {
        "" => "'WHY'".to_owned(),
        typed => shell_word(typed),
    };
    let action = format!("/connectors/{}/{}", connector.id, verb.to_lowercase());
    Ok(View {
        page: visit.page(format!("{verb} {}", connector.name)).keeping("pause", action),
        head,
        is_resume,
        form,
        command: format!("rollcall connector {} {name} --reason {reason}", verb.to_lowercase()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};
    use crate::web::pages::connector::tests::sample_head;

    #[test]
    fn a_schedule_is_paused_with_a_reason_and_resumed() {
        for (is_resume, button) in [(false, ">Pause schedule<"), (true, ">Resume schedule<")] {
            let text = check(&View {
                page: samples::page("Pause", "/connectors/1/pause", Role::Operator),
                head: sample_head(None, Role::Operator),
                is_resume,
                form: Typed::fresh([("reason", HOSTILE.to_owned())]),
                command: HOSTILE.to_owned(),
            });
            assert!(text.contains(button), "{text}");
            assert_eq!(text.contains(" required"), !is_resume, "{text}");
        }
    }
}
