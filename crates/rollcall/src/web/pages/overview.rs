//! `/`: is it healthy, and if not, what is the one thing to do.

use askama::Template;
use axum::extract::State;

use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::page::Page;
use crate::web::pages::connectors::{self, Row};
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "overview.html")]
struct View {
    page: Page,
    connectors: Vec<Row>,
}

pub async fn show(State(app): State<App>, visit: Visit) -> Answer {
    let connectors = connectors::rows(&app, &visit).await?;
    let page = visit.page("Overview");
    answer::html(&View { page, connectors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, check};

    #[test]
    fn the_overview_shows_every_state() {
        for connectors in connectors::tests::states() {
            let page = samples::page("Overview", "/", Role::Admin);
            check(&View { page, connectors });
        }
    }
}
