//! `/connectors/{id}/duplicate`, another connector with the settings of one, and `/connectors/{id}/export`,
//! one as a file.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse as _;

use crate::notation::file::ConnectorFile;
use crate::notation::shell_word;
use crate::store::connectors::{self, Connector, ConnectorError};
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
#[template(path = "connector_duplicate.html")]
struct View {
    page: Page,
    head: Head,
    form: Typed,
    command: String,
    /// As `ui::following` has it.
    follows: String,
}

pub async fn show(State(app): State<App>, visit: Visit, Path(id): Path<i64>) -> Answer {
    let connector = connector::connector(&app, id).await?;
    let form = Typed::fresh([("name", format!("{} copy", connector.name))]);
    answer::html(&view(&app, &visit, &connector, form).await?)
}

pub async fn duplicate(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    mut form: Form,
) -> Answer {
    let connector = connector::connector(&app, id).await?;
    let name = form.text("name");
    if !form.is_wrong() {
        let actor = visit.actor();
        match connectors::duplicate(app.db(), &connector, &name, &visit.act(&actor)).await {
            Ok(copy) => {
                let sentence = format!(
                    "\"{}\" has the settings of \"{}\". Its Client Secret is missing, and its schedule is \
                     off.",
                    copy.name, connector.name
                );
                return Ok(visit.done(sentence, &format!("/connectors/{}/general", copy.id)));
            }
            Err(ConnectorError::Name(error)) => form.error("name", error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    answer::html_again(&view(&app, &visit, &connector, form.typed()).await?)
}

/// Everything that an admin sets, without the secret.
pub async fn export(State(app): State<App>, Path(id): Path<i64>) -> Answer {
    let connector = connector::connector(&app, id).await?;
    let text = ConnectorFile::of(&connector).text();
    let text = text.map_err(|error| Refusal::Failed(error.to_string()))?;
    let name = format!("attachment; filename=\"connector-{id}.json\"");
    let head = [(CONTENT_TYPE, "application/json".to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((head, text).into_response())
}

async fn view(
    app: &App,
    visit: &Visit,
    connector: &Connector,
    form: Typed,
) -> Result<View, Refusal> {
    let head = head::head(app, visit, connector, None, &Wrong::new()).await?;
    let action = format!("/connectors/{}/duplicate", connector.id);
    let command = format!("rollcall connector duplicate {}", shell_word(connector.name.as_str()));
    Ok(View {
        page: visit.page(format!("Duplicate {}", connector.name)).keeping("duplicate", action),
        head,
        follows: format!("{command} {{name|NAME}}"),
        command: match form.value("name").trim() {
            "" => format!("{command} NAME"),
            name => format!("{command} {}", shell_word(name)),
        },
        form,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};
    use crate::web::pages::connector::tests::sample_head;

    #[test]
    fn a_copy_is_named_before_it_is_made() {
        let mut form = Form::of(vec![("name".to_owned(), HOSTILE.to_owned())]);
        form.error("name", HOSTILE);
        let text = check(&View {
            page: samples::page("Duplicate", "/connectors/1/duplicate", Role::Admin),
            head: sample_head(None, Role::Admin),
            form: form.typed(),
            command: HOSTILE.to_owned(),
            follows: HOSTILE.to_owned(),
        });
        assert!(text.contains("action=\"/connectors/") && text.contains("name-error"), "{text}");
    }
}
