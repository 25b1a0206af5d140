//! What a search asks for, compared here and not in the database: the same rules on both engines,
//! and nothing a client writes gets near SQL.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use reconcile::principal::fold;
use serde_json::Value as Json;

use super::entity::{Entity, Value};
use super::request::Content;
use super::xml::Element;

const DEPTH_MAX: usize = 32;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Restriction {
    /// Everything is asked for.
    None,
    Nothing,
    Property {
        name: String,
        test: Test,
    },
    All(Vec<Restriction>),
    Any(Vec<Restriction>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    IsAbsent,
    /// Folded pieces with anything between them: `["", "bob", ""]` is what contains bob.
    Like(Vec<Box<str>>),
    Is(bool),
    At(Order, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Before,
    Same,
    After,
}

/// Why a restriction is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The restriction is not understood: {0}.")]
pub(super) struct Unclear(pub(super) String);

impl Restriction {
    pub(super) fn read(content: &Content) -> Result<Restriction, Unclear> {
        match content {
            Content::None => Ok(Restriction::None),
            Content::Xml(element) => of_xml(element),
            Content::Json(json) => of_json(json, 0),
        }
    }

    pub(super) fn holds<E: Entity>(&self, entity: &E) -> bool {
        match self {
            Restriction::None => true,
            Restriction::Nothing => false,
            Restriction::Property { name, test } => test.holds(entity.property(name)),
            Restriction::All(all) => all.iter().all(|it| it.holds(entity)),
            Restriction::Any(any) => any.iter().any(|it| it.holds(entity)),
        }
    }
}

impl Test {
    fn holds(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Test::IsAbsent, value) => value == Value::Absent,
            (Test::Like(pieces), Value::Text(text)) => like(pieces, &fold(text)),
            (Test::Is(wanted), Value::Flag(flag)) => *wanted == flag,
            (Test::At(order, wanted), Value::Instant(at)) => match order {
                Order::Before => at < *wanted,
                Order::Same => at == *wanted,
                Order::After => *wanted < at,
            },
            (Test::Like(_) | Test::Is(_) | Test::At(..), _) => false,
        }
    }
}

/// The test that a property passes when it compares so. Which values a property has is known by
/// its name, so the type that a client claims is not needed.
pub(super) fn compare(name: &str, order: Order, pieces: &[&str]) -> Result<Test, Unclear> {
    let value = pieces.join("*");
    match name {
        "createdDate" | "updatedDate" => instant(&value).map(|at| Test::At(order, at)),
        _ if order != Order::Same => {
            Err(Unclear(format!("`{name}` has no order, so `<` and `>` do not apply to it")))
        }
        "active" => match value.to_ascii_lowercase().as_str() {
            "true" => Ok(Test::Is(true)),
            "false" => Ok(Test::Is(false)),
            _ => Err(Unclear(format!("`{value}` is neither true nor false"))),
        },
        _ => Ok(Test::Like(pieces.iter().map(|it| fold(it)).collect())),
    }
}

/// Whether a text is these pieces in their order, with anything between them.
fn like(pieces: &[Box<str>], text: &str) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.first().is_some_and(|only| **only == *text);
    };
    let rest = text.strip_prefix(&**first).and_then(|it| it.strip_suffix(&**last));
    let Some(mut rest) = rest else { return false };
    for piece in middle {
        let Some((_, after)) = rest.split_once(&**piece) else { return false };
        rest = after;
    }
    true
}

/// `2024-01-02T03:04:05.678+0000`, the same as RFC 3339, or a date of UTC.
fn instant(text: &str) -> Result<i64, Unclear> {
    let text = text.trim();
    let at = Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text)
        .or_else(|_| text.parse::<Timestamp>())
        .or_else(|_| text.parse::<Date>()?.to_zoned(TimeZone::UTC).map(|it| it.timestamp()));
    at.map(Timestamp::as_microsecond).map_err(|_| Unclear(format!("`{text}` is not a date")))
}

fn of_xml(element: &Element) -> Result<Restriction, Unclear> {
    match element.name.as_str() {
        "null-search-restriction" => Ok(Restriction::None),
        "property-search-restriction" => {
            let name = element.child("property").and_then(|it| it.child("name"));
            let mode = element.child("match-mode").map(|it| it.text.as_str());
            let value = element.child("value").map(|it| it.text.as_str());
            property(name.map(|it| it.text.as_str()), mode, value)
        }
        "boolean-search-restriction" => {
            let parts = element.child("restrictions").map_or(&[][..], |it| &it.children);
            let parts = parts.iter().map(of_xml).collect::<Result<_, _>>()?;
            boolean(element.attribute("boolean-logic"), parts)
        }
        other => Err(Unclear(format!("`{other}` is not a restriction"))),
    }
}

/// Clients that leave out the type are understood by what they send: an empty object is none.
fn of_json(json: &Json, depth: usize) -> Result<Restriction, Unclear> {
    if DEPTH_MAX < depth {
        return Err(Unclear(format!("it is nested deeper than {DEPTH_MAX}")));
    }
    let text = |json: Option<&Json>| json.and_then(Json::as_str).map(ToOwned::to_owned);
    let kind = text(json.get("restriction-type"));
    let has = |field| json.get(field).is_some();
    match kind.as_deref() {
        Some("null-search-restriction") => Ok(Restriction::None),
        Some("property-search-restriction") | None if has("property") => {
            let name = text(json.get("property").and_then(|it| it.get("name")));
            let value = json.get("value").map(|it| match it {
                Json::String(text) => text.clone(),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                    it.to_string()
                }
            });
            let mode = text(json.get("match-mode"));
            property(name.as_deref(), mode.as_deref(), value.as_deref())
        }
        Some("boolean-search-restriction") | None if has("restrictions") => {
            let parts = json.get("restrictions").and_then(Json::as_array);
            let parts = parts.map_or(&[][..], Vec::as_slice).iter();
            let parts = parts.map(|it| of_json(it, depth + 1)).collect::<Result<_, _>>()?;
            boolean(text(json.get("boolean-logic")).as_deref(), parts)
        }
        None if json.as_object().is_some_and(serde_json::Map::is_empty) => Ok(Restriction::None),
        Some(other) => Err(Unclear(format!("`{other}` is not a restriction, or lacks its parts"))),
        None => Err(Unclear("it has no `restriction-type`".to_owned())),
    }
}

fn property(
    name: Option<&str>,
    mode: Option<&str>,
    value: Option<&str>,
) -> Result<Restriction, Unclear> {
    let name = name.filter(|it| !it.is_empty());
    let name = name.ok_or_else(|| Unclear("a property without a name".to_owned()))?;
    let mode = mode.unwrap_or("EXACTLY_MATCHES");
    let value = || value.ok_or_else(|| Unclear(format!("`{mode}` needs a value")));
    let test = match mode {
        "NULL" => Test::IsAbsent,
        "EXACTLY_MATCHES" => compare(name, Order::Same, &[value()?])?,
        "CONTAINS" => compare(name, Order::Same, &["", value()?, ""])?,
        "STARTS_WITH" => compare(name, Order::Same, &[value()?, ""])?,
        "ENDS_WITH" => compare(name, Order::Same, &["", value()?])?,
        "LESS_THAN" => compare(name, Order::Before, &[value()?])?,
        "GREATER_THAN" => compare(name, Order::After, &[value()?])?,
        other => return Err(Unclear(format!("`{other}` is not a match mode"))),
    };
    Ok(Restriction::Property { name: name.to_owned(), test })
}

fn boolean(logic: Option<&str>, parts: Vec<Restriction>) -> Result<Restriction, Unclear> {
    match logic.map(str::to_ascii_lowercase).as_deref() {
        Some("and") => Ok(Restriction::All(parts)),
        Some("or") => Ok(Restriction::Any(parts)),
        _ => Err(Unclear("`boolean-logic` is neither `and` nor `or`".to_owned())),
    }
}
