//! The five shapes in which OneLogin says no, and web pages that are none of them.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::RequestId;
use super::wire::FIELDS;
use crate::http::Reply;

/// A status other than 2xx that no repetition mends, and what came with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// OneLogin's words; empty where it has none.
    pub(super) message: String,
    /// The query field that it blames.
    pub(super) field: Option<String>,
    pub(super) request_id: RequestId,
    /// The title of a web page that came instead of an answer.
    pub(super) page_title: Option<String>,
}

/// The most of a foreign message that is repeated.
const MESSAGE_CHARS_MAX: usize = 200;

pub(super) fn refusal(reply: &Reply) -> Refusal {
    let request_id = request_id(reply);
    let status = reply.status;
    if let Some(title) = web_page(reply) {
        let message = format!("a web page titled '{title}'");
        let page_title = Some(title);
        return Refusal { status, message, field: None, request_id, page_title };
    }
    let (message, field) = match serde_json::from_slice::<Body>(&reply.body) {
        Ok(body) => body.tell(),
        Err(_) => (String::from_utf8_lossy(&reply.body).into_owned(), None),
    };
    let message = clean(&message);
    Refusal { status, message, field: field.map(|it| clean(&it)), request_id, page_title: None }
}

pub(super) fn request_id(reply: &Reply) -> RequestId {
    reply.header("x-request-id").map(RequestId::new).unwrap_or_default()
}

/// The title, where the reply is a web page: by its type or by its first byte.
pub(super) fn web_page(reply: &Reply) -> Option<String> {
    let is_html = reply.header("content-type").is_some_and(|it| it.contains("text/html"));
    let first = reply.body.iter().find(|it| !it.is_ascii_whitespace());
    if !is_html && first != Some(&b'<') {
        return None;
    }
    if is_html && matches!(first, Some(b'[' | b'{')) {
        return None;
    }
    let start = reply.body.get(..reply.body.len().min(64 * 1024)).unwrap_or_default();
    let text = String::from_utf8_lossy(start);
    // Lowering ASCII keeps every byte's place.
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|at| {
        let open = at + lower.get(at..)?.find('>')? + 1;
        let close = open + lower.get(open..)?.find("</title")?;
        text.get(open..close)
    });
    Some(match title.map(clean) {
        Some(title) if !title.is_empty() => title,
        _ => "no title".to_owned(),
    })
}

/// One line, printable, not too long.
fn clean(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|it: char| it.is_whitespace() || it.is_control())
        .filter(|it| !it.is_empty())
        .collect();
    words.join(" ").chars().take(MESSAGE_CHARS_MAX).collect()
}

impl Refusal {
    pub(super) fn is_rate_limit(&self) -> bool {
        let words = self.message.to_ascii_lowercase().replace(['_', '-', ' '], "");
        self.status == 429 || (400..500).contains(&self.status) && words.contains("ratelimit")
    }

    /// Whether it is about the name of a field that we asked for, and not about the page size.
    pub(super) fn blames_a_field(&self) -> bool {
        let words = self.message.to_ascii_lowercase();
        self.blamed_field().is_some() || words.contains("display field")
    }

    /// The field of ours that it refuses.
    pub(super) fn blamed_field(&self) -> Option<&'static str> {
        let is_named = |field: &&&str| {
            let by_key = self.field.as_deref() == Some(**field);
            let is_word = |it: &str| it == **field;
            let separates = |it: char| !it.is_alphanumeric() && it != '_';
            by_key || self.status == 422 && self.message.split(separates).any(is_word)
        };
        // "id" is in too many sentences to blame it.
        FIELDS.iter().filter(|it| **it != "id").find(is_named).copied()
    }

    /// `: OneLogin says "..."`, or nothing.
    pub(super) fn quote(&self) -> String {
        match self.message.as_str() {
            "" => String::new(),
            message => format!(": OneLogin says \"{message}\""),
        }
    }
}

/// All shapes at once: no key means two things.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    message: Option<Words>,
    #[serde(default)]
    messages: Option<Words>,
    #[serde(default)]
    description: Option<Words>,
    #[serde(default)]
    error: Option<Words>,
    #[serde(default)]
    name: Option<Words>,
    #[serde(default)]
    field: Option<Words>,
    #[serde(default)]
    errors: Option<Vec<FieldError>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Status {
    Envelope {
        #[serde(default)]
        message: Option<Words>,
        #[serde(default, rename = "type")]
        kind: Option<Words>,
    },
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct FieldError {
    #[serde(default)]
    field: Option<Words>,
    #[serde(default)]
    message: Option<Words>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Many(Vec<String>),
    Attribute {
        #[serde(default)]
        attribute: Option<String>,
        description: String,
    },
    Other(IgnoredAny),
}

impl Words {
    fn tell(self) -> Option<String> {
        match self {
            Words::One(text) => Some(text),
            Words::Many(texts) => Some(texts.join("; ")),
            Words::Attribute { attribute: Some(attribute), description } => {
                Some(format!("{attribute}: {description}"))
            }
            Words::Attribute { attribute: None, description } => Some(description),
            Words::Other(_) => None,
        }
    }
}

impl Body {
    fn tell(self) -> (String, Option<String>) {
        let Body { status, message, messages, description, error, name, field, errors } = self;
        let (inner, kind) = match status {
            Some(Status::Envelope { message, kind }) => (message, kind),
            Some(Status::Other(_)) | None => (None, None),
        };
        let mut field = field.and_then(Words::tell);
        let mut detail = None;
        for error in errors.into_iter().flatten() {
            field = field.or(error.field.and_then(Words::tell));
            detail = detail.or(error.message.and_then(Words::tell));
        }
        let told = [message, description, messages, inner].into_iter().flatten();
        let mut told: Vec<String> = told.filter_map(Words::tell).collect();
        told.extend(detail);
        if told.is_empty() {
            let mut names = [kind, error, name].into_iter().flatten();
            told.extend(names.find_map(Words::tell));
        }
        (told.join("; "), field)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    fn reply(status: u16, kind: &'static str, body: &str) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(kind));
        headers.insert("x-request-id", HeaderValue::from_static("AB-01"));
        let body = body.as_bytes().to_vec();
        Reply { status, headers, body, certificate: None, took: Duration::ZERO }
    }

    #[test]
    fn every_shape_of_an_error_is_understood() {
        for (body, message, field) in [
            (
                r#"{"name":"NotFoundError","message":"no such user","statusCode":404}"#,
                "no such user",
                None,
            ),
            (
                r#"{"field":"fisrtName","message":"Invalid display field(s) for User: fisrtName","name":"UnprocessableEntityFieldError","statusCode":422}"#,
                "Invalid display field(s) for User: fisrtName",
                Some("fisrtName"),
            ),
            (
                r#"{"name":"X","message":"bad","statusCode":422,"errors":[{"field":"limit","message":["too large","odd"]}]}"#,
                "bad; too large; odd",
                Some("limit"),
            ),
            (
                r#"{"status":404,"error":"NotFoundError","description":"Resource not found"}"#,
                "Resource not found",
                None,
            ),
            (
                r#"{"status":{"error":true,"code":400,"type":"bad request","message":"grant_type"}}"#,
                "grant_type",
                None,
            ),
            (
                r#"{"status":{"error":true,"code":400,"type":"bad request","message":{"attribute":"id","description":"ID is incorrect"}}}"#,
                "id: ID is incorrect",
                None,
            ),
            (r#"{"messages":["one","two"]}"#, "one; two", None),
            (r#"{"message":"unknown attribute: x"}"#, "unknown attribute: x", None),
            (r#"{"status":500,"error":"InternalServerError"}"#, "InternalServerError", None),
            ("plain  text\n", "plain text", None),
            ("", "", None),
            ("null", "null", None),
        ] {
            let found = refusal(&reply(400, "application/json", body));
            assert_eq!(
                (found.message.as_str(), found.field.as_deref()),
                (message, field),
                "{body}"
            );
            assert_eq!(found.request_id.to_string(), " (x-request-id AB-01)");
        }
    }

    #[test]
    fn a_web_page_is_known_by_its_type_or_its_first_byte() {
        for (kind, body, title) in [
            (
                "text/html; charset=utf-8",
                "<!DOCTYPE html><html><head><TITLE>Company\n proxy login</TITLE>",
                Some("Company proxy login"),
            ),
            ("application/json", "  <html><title lang=\"en\">Sign in</title>", Some("Sign in")),
            ("text/html", "no markup", Some("no title")),
            ("text/html", "<title>cut", Some("no title")),
            ("text/html", "[]", None),
            ("application/json", "[]", None),
        ] {
            assert_eq!(web_page(&reply(200, kind, body)).as_deref(), title, "{body}");
        }
    }

    #[test]
    fn a_rate_limit_is_known_in_each_of_its_forms() {
        for (status, message, is_limit) in [
            (429, "", true),
            (400, "rate_limit_exceeded", true),
            (403, "Rate limit exceeded", true),
            (400, "Invalid limit", false),
            (500, "rate limit", false),
        ] {
            let refusal = Refusal { status, message: message.to_owned(), ..Refusal::default() };
            assert_eq!(refusal.is_rate_limit(), is_limit, "{status} {message}");
        }
    }
}
