//! The icons of the pages: lines on a grid of 16, coloured by the text around them.
//!
//! They stand in the page itself: a sheet of symbols would be one more request before the first
//! paint, and repeated paths cost next to nothing once the page is compressed.

use std::fmt;

use askama::filters::HtmlSafe;

/// One icon as markup. Screen readers skip it: the word beside it says the same.
#[derive(Clone, Copy, Debug)]
pub struct Icon(&'static str);

/// The icon of that name; a name that nobody drew is a plain dot.
pub fn icon(name: &str) -> Icon {
    Icon(match name {
        "overview" => r#"<path d="M2.5 7 8 2.5 13.5 7v6.5h-4v-4h-3v4h-4z"/>"#,
        "connector" => r#"<path d="M6 2v3m4-3v3M4 5h8v2.5a4 4 0 0 1-8 0zM8 11.5V14"/>"#,
        "run" => {
            r#"<path d="M13.5 8A5.5 5.5 0 0 1 4 11.8M2.5 8A5.5 5.5 0 0 1 12 4.2M12 1.5v2.7H9.3M4 14.5v-2.7h2.7"/>"#
        }
        "approval" => {
            r#"<path d="M8 1.8 13 4v4c0 3-2.2 5-5 6.2C5.2 13 3 11 3 8V4zM5.8 8l1.6 1.6L10.4 6.6"/>"#
        }
        "directory" => {
            r#"<path d="M6 7.5A2.5 2.5 0 1 0 6 2.5a2.5 2.5 0 0 0 0 5zM1.5 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M10.5 2.8a2.5 2.5 0 0 1 0 4.5M12 9.8c1.6.5 2.5 1.9 2.5 3.7"/>"#
        }
        "explain" => {
            r#"<path d="M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.2 6.3C6.2 5.2 7 4.6 8 4.6s1.8.7 1.8 1.6c0 1.4-1.8 1.4-1.8 2.8M8 11.3v.1"/>"#
        }
        "target" => {
            r#"<path d="M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 8v.01"/>"#
        }
        "audit" => r#"<path d="M3.5 1.8h6l3 3v9.4h-9zM9.5 1.8v3h3M5.5 8h5m-5 3h3.5"/>"#,
        "health" => r#"<path d="M1.5 8.5h3l2-5 3 9 2-4h3"/>"#,
        "settings" => {
            r#"<path d="M2 4.5h6m4 0h2M2 11.5h2m4 0h6M10 6.3a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6zM6 13.3a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6z"/>"#
        }
        "search" => r#"<path d="M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14"/>"#,
        "menu" => r#"<path d="M2 4h12M2 8h12M2 12h12"/>"#,
        "help" => r#"<path d="M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.3v4M8 4.8v.1"/>"#,
        "person" => {
            r#"<path d="M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 14c0-2.8 2.4-4.3 5.5-4.3s5.5 1.5 5.5 4.3"/>"#
        }
        "more" => r#"<path d="M3 8v.01M8 8v.01M13 8v.01" stroke-width="2.5"/>"#,
        "chevron" => r#"<path d="m4 6 4 4 4-4"/>"#,
        "next" => r#"<path d="m6 3.5 4.5 4.5L6 12.5"/>"#,
        "previous" => r#"<path d="M10 3.5 5.5 8l4.5 4.5"/>"#,
        "arrow" => r#"<path d="M2.5 8h11M9.5 4l4 4-4 4"/>"#,
        "plus" => r#"<path d="M8 3v10M3 8h10"/>"#,
        "minus" => r#"<path d="M3 8h10"/>"#,
        "equal" => r#"<path d="M3 6h10M3 10h10"/>"#,
        "cross" => r#"<path d="m4 4 8 8m0-8-8 8"/>"#,
        "check" => r#"<path d="m3 8.5 3.5 3.5L13 4.5"/>"#,
        "play" => r#"<path d="M5 3v10l8-5z"/>"#,
        "stop" => r#"<path d="M4 4h8v8H4z"/>"#,
        "pause" => r#"<path d="M5.5 3.5v9m5-9v9"/>"#,
        "skip" => r#"<path d="M3.5 3.5v9L10 8zM12.5 3.5v9"/>"#,
        "clock" => r#"<path d="M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.3 1.5"/>"#,
        "hand" => {
            r#"<path d="M5 8.5V4a1 1 0 0 1 2 0v3.5V2.8a1 1 0 0 1 2 0v4.7-3.7a1 1 0 0 1 2 0v5.7c0 2.8-1.5 4.7-4 4.7-2 0-3-1-3.8-2.6L2 8.9a1 1 0 0 1 1.7-1z"/>"#
        }
        "warning" => r#"<path d="M8 2 14.5 13.5h-13zM8 6.5v3M8 11.6v.1"/>"#,
        "error" => {
            r#"<path d="M5.3 1.8h5.4l3.5 3.5v5.4l-3.5 3.5H5.3l-3.5-3.5V5.3zM8 4.8v4M8 11v.1"/>"#
        }
        "info" => r#"<path d="M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.5v3.7M8 5v.1"/>"#,
        "rename" => r#"<path d="m10.5 2.5 3 3-8 8h-3v-3zM8.5 4.5l3 3"/>"#,
        "lock" => r#"<path d="M3.5 7h9v7h-9zM5.5 7V5a2.5 2.5 0 0 1 5 0v2"/>"#,
        "conflict" => {
            r#"<path d="M2 4h3l6 8h3M2 12h3l1.8-2.4M9.2 6.4 11 4h3M12 2l2 2-2 2m0 4 2 2-2 2"/>"#
        }
        "copy" => r#"<path d="M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3"/>"#,
        "download" => r#"<path d="M8 2v8.5M4.5 7 8 10.5 11.5 7M2.5 13.5h11"/>"#,
        "terminal" => r#"<path d="M1.8 2.8h12.4v10.4H1.8zM4.5 6l2 2-2 2M8.5 10h3"/>"#,
        "group" => r#"<path d="M2 4.5h12M2 8h12M2 11.5h7"/>"#,
        "link" => {
            r#"<path d="M6.5 9.5 9.5 6.5M7 4.5l1.5-1.5a3 3 0 0 1 4.3 4.3L11.3 8.8M9 11.5 7.5 13a3 3 0 0 1-4.3-4.3L4.7 7.2"/>"#
        }
        "empty" => r#"<path d="M2 9.5 4 3h8l2 6.5v4H2zM2 9.5h3.5L6.5 11h3l1-1.5H14"/>"#,
        _ => r#"<path d="M8 8v.01" stroke-width="5"/>"#,
    })
}

impl fmt::Display for Icon {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            r#"<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{}</svg>"#,
            self.0
        )
    }
}

impl HtmlSafe for Icon {}
