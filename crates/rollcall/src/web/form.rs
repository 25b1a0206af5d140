//! Forms: what was typed, and what is wrong with it, by field.
//!
//! A value that is wrong is noted and replaced by a harmless one, so that a handler reads all
//! fields before it asks [`Form::is_wrong`], and somebody who made three mistakes is told of three.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode;

use crate::secret::Secret;
use crate::store::audit::REASON_CHARS_MAX;
use crate::web::refusal::Refusal;

/// A form that was sent by one of our pages; [`crate::web::guard::admit`] has seen to that.
#[derive(Clone, Default)]
pub struct Form {
    fields: Vec<(String, String)>,
    errors: BTreeMap<String, String>,
    is_only_shown: bool,
}

/// What a template needs to show a form again: values as typed, and errors by field.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    values: BTreeMap<String, String>,
    errors: BTreeMap<String, String>,
}

/// The field of the buttons that choose how pages look.
pub const THEME: &str = "theme";

const FIELDS_MAX: usize = 2_000;
const TEXT_CHARS_MAX: usize = 20_000;
/// How the name of a field ends that says that a secret was typed.
const DUE: &str = "-due";

impl Form {
    /// Reads `a=1&b=2`. Fields beyond a sane number are a mistake, or mischief.
    pub fn parse(body: &[u8]) -> Result<Form, Refusal> {
        let mut fields = Vec::new();
        for pair in body.split(|it| *it == b'&').filter(|it| !it.is_empty()) {
            let mut sides = pair.splitn(2, |it| *it == b'=');
            let name = decoded(sides.next().unwrap_or_default())?;
            let value = decoded(sides.next().unwrap_or_default())?;
            fields.push((name, value));
            if FIELDS_MAX < fields.len() {
                return Err(Refusal::TooLarge);
            }
        }
        Ok(Form { fields, errors: BTreeMap::new(), is_only_shown: false })
    }

    /// A form of these fields.
    pub fn of(fields: Vec<(String, String)>) -> Form {
        Form { fields, ..Form::default() }
    }

    /// Whether nothing is to be done but to show it again, because another theme was chosen.
    pub fn is_only_shown(&self) -> bool {
        self.is_only_shown
    }

    /// The same form, to show it again and nothing else.
    #[must_use]
    pub fn only_shown(self) -> Form {
        Form { is_only_shown: true, ..self }
    }

    /// What was typed, as it is; empty where the field is missing.
    pub fn raw(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(key, _)| key == name)
    }

    /// One line of text without blanks around it; it may be empty.
    pub fn optional(&mut self, name: &str) -> String {
        let text = self.raw(name).trim().to_owned();
        if text.chars().any(char::is_control) {
            self.error(name, "Leave out control characters such as line breaks.");
            return String::new();
        }
        if TEXT_CHARS_MAX < text.chars().count() {
            self.error(name, "This is too long.");
            return String::new();
        }
        text
    }

    /// One line of text that may not be empty.
    pub fn text(&mut self, name: &str) -> String {
        let text = self.optional(name);
        if text.is_empty() && !self.errors.contains_key(name) {
            self.error(name, "This is needed.");
        }
        text
    }

    /// Why somebody does something: needed, and no longer than what is kept of it.
    pub fn reason(&mut self, name: &str) -> String {
        let reason = self.text(name);
        if REASON_CHARS_MAX < reason.chars().count() {
            self.error(name, format!("At most {REASON_CHARS_MAX} characters."));
        }
        reason
    }

    /// Several lines, each without blanks around it; empty ones are left out. Never fewer than were
    /// typed: an empty list of required groups is everybody. What bounds it is the size of a form.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let text = self.raw(name).replace('\r', "");
        let lines = text.lines().map(|it| it.trim().to_owned());
        lines.filter(|it| !it.is_empty()).collect()
    }

    /// Something that is not shown again. Blanks count.
    pub fn secret(&self, name: &str) -> Secret {
        Secret::new(self.raw(name).to_owned())
    }

    /// A whole number of a range; the least of it where something else was typed.
    pub fn number<N>(&mut self, name: &str, range: RangeInclusive<N>) -> N
    where
        N: FromStr + PartialOrd + Display + Copy,
    {
        let typed = self.raw(name).trim().parse::<N>();
        match typed {
            Ok(number) if range.contains(&number) => number,
            Ok(_) | Err(_) => {
                let (least, most) = (range.start(), range.end());
                self.error(name, format!("Type a whole number from {least} to {most}."));
                *least
            }
        }
    }

    /// Whether a box is ticked.
    pub fn checked(&self, name: &str) -> bool {
        self.has(name)
    }

    /// All values of a field that is there several times.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// One of a closed list; none where something else was sent.
    pub fn choice<T>(&mut self, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let chosen = read(self.raw(name));
        if chosen.is_none() {
            self.error(name, "Choose one of the list.");
        }
        chosen
    }

    /// Notes what is wrong with a field. The first note stays.
    pub fn error(&mut self, name: &str, why: impl Into<String>) {
        self.errors.entry(name.to_owned()).or_insert_with(|| why.into());
    }

    /// Whether it must be shown again, and nothing be done.
    pub fn is_wrong(&self) -> bool {
        self.is_only_shown || !self.errors.is_empty()
    }

    /// To show the form again. Fields whose name says that they are secret are left out.
    pub fn typed(&self) -> Typed {
        let mut values = BTreeMap::new();
        for (name, value) in self.shown() {
            values.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Typed { values, errors: self.errors.clone() }
    }

    /// Every field in its order, to send the form once more by another; without those whose name
    /// says that they are secret, and without a choice of the theme, which is made.
    pub fn carried(&self) -> Vec<(String, String)> {
        self.shown().filter(|(name, _)| name != THEME).cloned().collect()
    }

    /// As [`Form::carried`], and for each secret that was typed a field that says so: `NAME-due`. Where
    /// it matters, the page asks for it again.
    pub fn kept(&self) -> Vec<(String, String)> {
        let is_due = |name: &str, value: &str| {
            !value.is_empty() && (name.contains("secret") || name.contains("password"))
        };
        let due = self.fields.iter().filter(|(name, value)| {
            is_due(name, value) && !name.ends_with(DUE) && !self.has(&format!("{name}{DUE}"))
        });
        let due = due.map(|(name, _)| (format!("{name}{DUE}"), "on".to_owned()));
        self.carried().into_iter().chain(due).collect()
    }

    /// Of the fields of a form that carries another one: those of the other, whose names begin so.
    pub fn carried_as(&self, prefix: &str) -> Vec<(String, String)> {
        let own = |(name, value): &(String, String)| {
            Some((name.strip_prefix(prefix)?.to_owned(), value.clone()))
        };
        self.shown().filter_map(own).collect()
    }

    fn shown(&self) -> impl Iterator<Item = &(String, String)> {
        let is_secret =
            |name: &str| ["password", "secret", "code", "csrf"].iter().any(|it| name.contains(it));
        self.fields.iter().filter(move |(name, _)| name.ends_with(DUE) || !is_secret(name))
    }
}

/// Values may be secret.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&String> = self.fields.iter().map(|(name, _)| name).collect();
        f.debug_struct("Form")
            .field("fields", &names)
            .field("errors", &self.errors)
            .field("is_only_shown", &self.is_only_shown)
            .finish()
    }
}

impl Typed {
    /// A form that nobody has touched, with these values.
    pub fn fresh<const N: usize>(values: [(&str, String); N]) -> Typed {
        Typed::of(values.into())
    }

    /// As [`Typed::fresh`], of any number of values.
    pub fn of(values: Vec<(&str, String)>) -> Typed {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Typed { values, errors: BTreeMap::new() }
    }

    /// With these values where nothing was typed.
    #[must_use]
    pub fn or(mut self, values: Vec<(&str, String)>) -> Typed {
        for (name, value) in values {
            self.values.entry(name.to_owned()).or_insert(value);
        }
        self
    }

    /// As typed; empty where nothing was.
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    pub fn checked(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// What is wrong with a field; empty where nothing is.
    pub fn wrong(&self, name: &str) -> &str {
        self.errors.get(name).map_or("", String::as_str)
    }

    /// All that is wrong, by field.
    pub fn all_wrong(&self) -> impl Iterator<Item = (&str, &str)> {
        self.errors.iter().map(|(name, why)| (name.as_str(), why.as_str()))
    }
}

impl<S: Sync> FromRequestParts<S> for Form {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Form, Refusal> {
        parts.extensions.get::<Form>().cloned().ok_or(Refusal::NotOurForm)
    }
}

fn decoded(side: &[u8]) -> Result<String, Refusal> {
    let plain: Vec<u8> = side.iter().map(|it| if *it == b'+' { b' ' } else { *it }).collect();
    let text = percent_decode(&plain).decode_utf8().map(std::borrow::Cow::into_owned);
    let text = text.map_err(|_| Refusal::BadRequest("The form is not valid text.".to_owned()))?;
    // No field of ours may hold it, and PostgreSQL stores none.
    if text.contains('\0') {
        return Err(Refusal::BadRequest("The form holds a character that is no text.".to_owned()));
    }
    Ok(text)
}

/// Bytes of a form that a test sends.
pub fn encode(fields: &[(&str, &str)]) -> Bytes {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let coded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", coded(name), coded(value))).collect();
    Bytes::from(pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_names_every_field_that_is_wrong() {
        let mut form =
            Form::parse(b"name=+&minimum=5001&note=a%0d%0ab&kind=odd&on=on&list=a%0D%0A%0D%0A+b")
                .unwrap();
        assert_eq!(form.text("name"), "");
        assert_eq!(form.number("minimum", 0..=5000), 0);
        assert_eq!(form.optional("note"), "");
        assert_eq!(form.choice("kind", |it| (it == "even").then_some(())), None);
        assert!(form.checked("on") && !form.checked("off"));
        assert_eq!(form.lines("list"), ["a", "b"]);
        assert_eq!(form.text("missing"), "");
        let told = form.typed();
        let told: Vec<_> = told.all_wrong().map(|(name, why)| format!("{name}: {why}")).collect();
        assert_eq!(
            told,
            [
                "kind: Choose one of the list.",
                "minimum: Type a whole number from 0 to 5000.",
                "missing: This is needed.",
                "name: This is needed.",
                "note: Leave out control characters such as line breaks.",
            ]
        );
    }

    #[test]
    fn a_long_list_keeps_all_of_its_lines() {
        let names: Vec<String> = (0..5_000).map(|it| format!("Group {it:04} of all")).collect();
        let form = Form::parse(&encode(&[("list", &names.join("\r\n"))])).unwrap();
        assert_eq!(form.lines("list"), names);
        assert!(!form.is_wrong());
    }

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let form = Form::parse(&encode(&[("a b", "1 & 2 = ü+%")])).unwrap();
        assert_eq!(form.raw("a b"), "1 & 2 = ü+%");
        assert_eq!(Form::parse(b"a=x+y").unwrap().raw("a"), "x y");
        assert!(Form::parse(b"a=%ff").is_err());
        assert!(Form::parse(b"a=%00").is_err());
        assert!(Form::parse("a=1&".repeat(2_001).as_bytes()).is_err());
    }

    #[test]
    fn secrets_are_not_shown_again() {
        let form = Form::parse(b"client_secret=canary&password=canary&name=ana").unwrap();
        assert!(!format!("{:?} {form:?}", form.typed()).contains("canary"));
        assert_eq!(form.typed().value("name"), "ana");
        assert_eq!(form.secret("password").expose(), "canary");
        let kept = form.kept();
        let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["name", "client_secret-due", "password-due"]);
        assert!(kept.iter().all(|(_, value)| value != "canary"));
    }
}
