//! An answer before it is put on the wire, and the five shapes of OneLogin's errors.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        let content_type = "application/json; charset=utf-8".to_owned();
        Answer {
            status,
            headers: vec![("content-type".to_owned(), content_type)],
            body: body.into(),
        }
    }

    pub(super) fn html(status: u16, title: &str) -> Answer {
        let page = format!(
            "<!DOCTYPE html><html><head><title>{title}</title></head>\
             <body><h1>{status}: {title}</h1></body></html>"
        );
        let content_type = "text/html; charset=utf-8".to_owned();
        Answer {
            status,
            headers: vec![("content-type".to_owned(), content_type)],
            body: page.into(),
        }
    }

    pub(super) fn plain(status: u16, text: &str) -> Answer {
        let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
        Answer { status, headers, body: text.into() }
    }

    pub(super) fn error(status: u16, shape: Shape, message: &str) -> Answer {
        match shape {
            Shape::Named => Answer::value(
                status,
                &json!({"name": error_name(status), "message": message, "statusCode": status}),
            ),
            Shape::Described => Answer::value(
                status,
                &json!({"status": status, "error": error_name(status), "description": message}),
            ),
            Shape::Status => Answer::value(
                status,
                &json!({"status": {"error": true, "code": status, "type": status_type(status),
                        "message": message}}),
            ),
            Shape::Messages => Answer::value(status, &json!({"messages": [message]})),
            Shape::Html => Answer::html(status, message),
        }
    }

    /// v2's refusal of a `fields` name.
    pub(super) fn unknown_field(field: &str) -> Answer {
        Answer::value(
            422,
            &json!({"field": field, "message": format!("Invalid display field(s) for User: {field}"),
                    "name": "UnprocessableEntityFieldError", "statusCode": 422}),
        )
    }

    pub(super) fn value(status: u16, value: &Value) -> Answer {
        Answer::json(status, value.to_string())
    }

    /// v1's envelope around a success.
    pub(super) fn success(data: Option<Value>) -> Answer {
        let mut body = json!({"status": {"error": false, "code": 200, "type": "success",
                                         "message": "Success"}});
        if let (Some(data), Some(fields)) = (data, body.as_object_mut()) {
            fields.insert("data".to_owned(), data);
        }
        Answer::value(200, &body)
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.set(name, value);
        self
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.headers.retain(|(it, _)| it != name);
        self.headers.push((name.to_owned(), value.into()));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.headers.retain(|(it, _)| it != name);
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

/// The error bodies that OneLogin sends, by what their fields are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `{"name", "message", "statusCode"}`: v2 users.
    Named,
    /// `{"status", "error", "description"}`: v2 roles.
    Described,
    /// `{"status": {"error", "code", "type", "message"}}`: v1 and tokens.
    Status,
    /// `{"messages": [..]}`: older v2.
    Messages,
    Html,
}

fn error_name(status: u16) -> &'static str {
    match status {
        400 => "BadRequestError",
        401 => "UnauthorizedError",
        403 => "ForbiddenError",
        404 => "NotFoundError",
        422 => "UnprocessableEntityError",
        429 => "TooManyRequestsError",
        502 => "BadGatewayError",
        503 => "ServiceUnavailableError",
        504 => "GatewayTimeoutError",
        _ => "InternalServerError",
    }
}

fn status_type(status: u16) -> &'static str {
    match status {
        400 => "bad request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "not found",
        429 => "Too Many Requests",
        _ => "error",
    }
}
