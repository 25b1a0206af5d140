//! `/account`: what concerns oneself alone.

use axum::http::header::SET_COOKIE;

use crate::web::answer::Answer;
use crate::web::cookies;
use crate::web::form::Form;
use crate::web::page::Theme;
use crate::web::visit::{Visit, see_other};

/// Chooses light or dark; the answer is the page one came from.
pub async fn theme(visit: Visit, form: Form) -> Answer {
    let theme = Theme::from_word(form.raw("theme"));
    let mut response = see_other(form.raw("back"));
    if let Some(cookie) = cookies::keep(cookies::THEME, theme.word(), visit.arrival().is_https) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}
