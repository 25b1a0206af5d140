//! Pages as answers.

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::web::refusal::Refusal;

/// What a handler of a page returns.
pub type Answer = Result<Response, Refusal>;

/// A page.
pub fn html(view: &impl Template) -> Answer {
    html_with(StatusCode::OK, view)
}

/// A form again, because something in it is wrong.
pub fn html_again(view: &impl Template) -> Answer {
    html_with(StatusCode::UNPROCESSABLE_ENTITY, view)
}

pub fn html_with(status: StatusCode, view: &impl Template) -> Answer {
    let text = view.render()?;
    Ok((status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
}

/// How the views of pages are tried without a database.
#[cfg(test)]
pub mod samples {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::access;
    use crate::web::page::{Account, Page, nav};

    /// The frame of a page at `path`, as somebody of a role sees it.
    pub fn page(title: &str, path: &str, role: Role) -> Page {
        let account = Account {
            name: HOSTILE.to_owned(),
            email: "ana@example.com".to_owned(),
            role: role.label(),
        };
        let shown = nav(path, 2).into_iter().filter(|it| access::shows(it.href, role));
        Page {
            csrf: "csrf-of-a-test".to_owned(),
            account: Some(account),
            nav: shown.collect(),
            ..stranger(title, path)
        }
    }

    /// The frame of a page where nobody is signed in.
    pub fn stranger(title: &str, path: &str) -> Page {
        crate::web::visit::plain_page(title.to_owned(), path.to_owned())
    }

    /// What a page has to be, whatever it shows. Samples hold [`HOSTILE`] wherever a text from
    /// elsewhere is shown.
    #[track_caller]
    pub fn check(view: &impl Template) -> String {
        let text = view.render().unwrap();
        assert!(text.contains("<main"), "{text}");
        assert!(!text.contains("<script>alert"), "a text of elsewhere ran: {text}");
        for banned in [" style=\"", " onclick=", " onload=", "javascript:", "<style"] {
            assert!(!text.contains(banned), "{banned} is what the policy refuses: {text}");
        }
        for form in text.split("<form").skip(1) {
            let (form, _) = form.split_once("</form>").unwrap();
            if form.contains("method=\"post\"") {
                assert!(form.contains("name=\"csrf\""), "a form without its token: {form}");
            }
        }
        assert_eq!(text.matches("<h1").count(), 1, "a page has one title: {text}");
        text
    }

    /// A text that would run if a page did not escape it.
    pub const HOSTILE: &str = "\"'><script>alert(1)</script>\u{202e}& {{ 7*7 }}";
}
