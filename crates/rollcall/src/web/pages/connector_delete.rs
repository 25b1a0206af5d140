//! `/connectors/{id}/delete`: the end of a connector, by somebody who types its name.

use askama::Template;
use axum::extract::{Path, State};
use reconcile::principal::fold;

use crate::notation::shell_word;
use crate::store::connectors::{self, Connector};
use crate::store::targets;
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
#[template(path = "connector_delete.html")]
struct View {
    page: Page,
    head: Head,
    form: Typed,
    /// What it feeds and must not, to be deleted.
    targets: Vec<(i64, String)>,
    command: String,
}

pub async fn show(State(app): State<App>, visit: Visit, Path(id): Path<i64>) -> Answer {
    let connector = connector::connector(&app, id).await?;
    visit.prove_to(&act(&connector), visit.path())?;
    answer::html(&view(&app, &visit, &connector, Typed::default()).await?)
}

pub async fn delete(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    mut form: Form,
) -> Answer {
    let connector = connector::connector(&app, id).await?;
    if !form.is_only_shown() {
        visit.prove_to(&act(&connector), &format!("/connectors/{id}/delete"))?;
    }
    let typed = form.text("confirm");
    if !form.is_wrong() && fold(&typed) != fold(connector.name.as_str()) {
        form.error(
            "confirm",
            format!("This is not its name. Type {} to delete it.", connector.name),
        );
    }
    let reason = form.text("reason");
    if form.is_wrong() {
        return answer::html_again(&view(&app, &visit, &connector, form.typed()).await?);
    }
    let actor = visit.actor();
    connectors::delete(app.db(), &connector, &visit.act(&actor).because(&reason)).await?;
    Ok(visit.done(format!("\"{}\" is deleted.", connector.name), "/connectors"))
}

/// What the question for the password says.
fn act(connector: &Connector) -> String {
    format!("Delete the connector {}", connector.name)
}

async fn view(
    app: &App,
    visit: &Visit,
    connector: &Connector,
    form: Typed,
) -> Result<View, Refusal> {
    let head = head::head(app, visit, connector, None, &Wrong::new()).await?;
    let targets = targets::of_connector(app.db(), connector.id).await?;
    let name = shell_word(connector.name.as_str());
    let page = visit.page(format!("Delete {}", connector.name));
    Ok(View {
        page: page.keeping("delete", format!("/connectors/{}/delete", connector.id)),
        head,
        form,
        targets: targets.iter().map(|it| (it.id.0, it.name.as_str().to_owned())).collect(),
        command: format!("rollcall connector delete {name} --confirm {name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};
    use crate::web::pages::connector::tests::sample_head;

    #[test]
    fn a_connector_that_feeds_a_target_cannot_be_deleted() {
        for targets in [vec![], vec![(3, HOSTILE.to_owned())]] {
            let is_free = targets.is_empty();
            let mut form = Form::default();
            form.error("confirm", HOSTILE);
            let text = check(&View {
                page: samples::page("Delete", "/connectors/1/delete", Role::Admin),
                head: sample_head(None, Role::Admin),
                form: form.typed(),
                targets,
                command: HOSTILE.to_owned(),
            });
            assert_eq!(text.contains("Delete connector</button>"), is_free, "{text}");
        }
    }
}
