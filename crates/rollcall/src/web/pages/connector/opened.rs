//! What stood in the fields of a form when it was opened. Who did not touch a field does not stand up
//! for what was in it then: it takes what somebody else saved since.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};

use super::field;
use super::tabs::Tab;
use crate::notation::{self, Given, SCHEDULE, SCHEDULE_SWITCH};
use crate::store::connectors::Connector;
use crate::web::form::Form;

/// A mark of what stood in each field. Marks and not values: lists may be long, and all that is
/// asked is whether something is still the same.
#[derive(Debug)]
pub struct Opened(BTreeMap<String, String>);

/// The field that carries it.
pub const OPENED: &str = "opened";

impl Opened {
    /// As the form of a tab is opened now.
    pub fn of(connector: &Connector, tab: Tab) -> Opened {
        let settings = tab.entries().map(|it| field::stored(it, &connector.settings));
        let mut marks: BTreeMap<String, String> =
            settings.map(|it| (it.flag.to_owned(), mark(&it.values))).collect();
        if tab == Tab::General {
            for (field, value) in own(connector) {
                marks.insert(field.to_owned(), mark(&[value]));
            }
        }
        Opened(marks)
    }

    /// As a form carries it; nothing where it carries none.
    pub fn read(form: &Form) -> Option<Opened> {
        let pairs = form.raw(OPENED).split(' ').filter_map(|it| it.split_once('='));
        let marks: BTreeMap<String, String> =
            pairs.map(|(field, mark)| (field.to_owned(), mark.to_owned())).collect();
        (!marks.is_empty()).then_some(Opened(marks))
    }

    /// Whether these values stood in that field. Nothing did in a field that it does not know.
    pub fn had(&self, field: &str, values: &[String]) -> bool {
        self.0.get(field).is_some_and(|it| *it == mark(values))
    }

    /// Whether what was saved at a place of the settings is what the form was opened with.
    pub fn is_still(&self, connector: &Connector, path: &str) -> bool {
        let path = if path == SCHEDULE_SWITCH { "schedule.expression" } else { path };
        if let Some(setting) = notation::at(path) {
            return self.had(setting.flag, &(setting.values)(&connector.settings));
        }
        let field = match path {
            "source.base_url" => "base-url",
            "source.client_id" => "client-id",
            path => path,
        };
        let value = own(connector).into_iter().find(|(it, _)| *it == field);
        value.is_some_and(|(field, value)| self.had(field, &[value]))
    }
}

/// `limit-removals=9f86d081884c7d65 ..`
impl std::fmt::Display for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (field, mark)) in self.0.iter().enumerate() {
            write!(f, "{}{field}={mark}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// The names of the fields in which something else stands than what is saved.
pub fn changed(given: &[Given], saved: impl Fn(&str) -> Vec<String>) -> Vec<&'static str> {
    let mut names = Vec::new();
    for Given { flag, values } in given {
        let saved = saved(flag);
        if *flag != SCHEDULE {
            names.extend((mark(values) != mark(&saved)).then_some(*flag));
            continue;
        }
        // One setting, two fields.
        names.extend((values.first() != saved.first()).then_some(SCHEDULE));
        names.extend((values.last() != saved.last()).then_some(field::SCHEDULE_ENABLED));
    }
    names
}

/// Name, address and client id, which are no settings of a flag.
fn own(connector: &Connector) -> [(&'static str, String); 3] {
    let source = &connector.settings.source;
    [
        ("name", connector.name.as_str().to_owned()),
        ("base-url", source.base_url.clone()),
        ("client-id", source.client_id.clone()),
    ]
}

/// The same for what means the same: a form trims, and knows no order of boxes.
fn mark(values: &[String]) -> String {
    let mut plain: Vec<&str> =
        values.iter().map(|it| it.trim()).filter(|it| !it.is_empty()).collect();
    let sources = ["roles", "group", "member_of"];
    if plain.iter().all(|it| sources.contains(it)) {
        plain.sort_unstable();
    }
    let digest = digest(&SHA256, plain.join("\n").as_bytes());
    let first = digest.as_ref().first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_knows_what_it_was_opened_with() {
        let words = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let marks = [("a", words(&["x", "y"])), ("b", words(&["member_of", "roles"]))];
        let marks = marks.map(|(field, values)| (field.to_owned(), mark(&values)));
        let text = Opened(marks.into()).to_string();
        let body = crate::web::form::encode(&[(OPENED, &text)]);
        let opened = Opened::read(&Form::parse(&body).unwrap()).unwrap();
        assert!(opened.had("a", &words(&[" x", "y", ""])));
        assert!(!opened.had("a", &words(&["y", "x"])), "the order of lines counts");
        assert!(opened.had("b", &words(&["roles", "member_of"])), "boxes have none");
        assert!(!opened.had("c", &[]));
        assert!(Opened::read(&Form::parse(b"a=1").unwrap()).is_none());
    }
}
