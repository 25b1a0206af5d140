//! `/style-guide`: every part that pages are made of, to look at and to try by keyboard, in either
//! theme. For whoever changes how pages look.

use askama::Template;
use jiff::Timestamp;

use crate::store::budgets::Budget;
use crate::web::answer::{self, Answer};
use crate::web::gauge::Gauge;
use crate::web::page::{Flash, Page, StatusBar};
use crate::web::status::Role;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "style_guide.html")]
struct View {
    page: Page,
    gauge: Gauge,
}

pub async fn show(visit: Visit) -> Answer {
    let page = with_everything(visit.page("Style guide"));
    answer::html(&View { page, gauge: gauge(visit.now()) })
}

fn gauge(now: Timestamp) -> Gauge {
    Gauge::new(&Budget { limit: 5_000, remaining: 4_588, told_at: now }, 500, now)
}

/// The frame with all that it can show.
fn with_everything(page: Page) -> Page {
    let flash = Flash { role: Role::Neutral, text: "Nothing here is saved.".to_owned() };
    let status_bar = StatusBar {
        role: Role::Held,
        icon: "hand",
        text: "1 plan is waiting for approval: OneLogin Prod would deactivate 41 of 812."
            .to_owned(),
        href: "#main".to_owned(),
        action: "Review plan".to_owned(),
        more: 2,
    };
    Page { flash: Some(flash), status_bar: Some(status_bar), ..page }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts;
    use crate::web::answer::samples;

    #[test]
    fn every_part_renders() {
        let page = samples::page("Style guide", "/style-guide", accounts::Role::Admin);
        let page = with_everything(page);
        samples::check(&View { page, gauge: gauge(Timestamp::UNIX_EPOCH) });
    }
}
