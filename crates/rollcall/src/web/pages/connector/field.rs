//! The settings of a tab as fields of a form: shown, and read back.

use std::collections::BTreeMap;

use reconcile::schedule::choice::Choice;

use super::tabs::{self, Control, Entry, Section};
use crate::notation::{self, Given};
use crate::store::connectors::settings::ConnectorSettings;
use crate::web::form::Form;

/// Settings that belong together, finished for the template.
#[derive(Debug)]
pub struct SectionView {
    pub title: &'static str,
    pub lead: &'static str,
    pub fields: Vec<Field>,
}

#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    /// What is wrong with it; empty where nothing is.
    pub error: String,
    /// What to think of before it is saved as it is; empty where there is nothing.
    pub warning: String,
    /// `number`, `switch`, `one`, `select`, `any`, `lines` or `text`.
    pub control: &'static str,
    pub unit: &'static str,
    pub value: String,
    pub choices: Vec<ChoiceView>,
}

#[derive(Debug)]
pub struct ChoiceView {
    pub value: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    pub chosen: bool,
    /// What it would give, where that is known.
    pub sample: String,
}

/// An interval to choose from.
#[derive(Debug)]
pub struct Interval {
    /// `15m`
    pub word: String,
    pub expression: String,
    pub label: String,
    /// The same without the time of day: `every day`.
    pub every: String,
}

fn interval(choice: Choice) -> Interval {
    let label = match choice {
        Choice::Minutes(1) => "every minute".to_owned(),
        Choice::Minutes(minutes) => format!("every {minutes} minutes"),
        Choice::Hours(1) => "every hour".to_owned(),
        Choice::Hours(hours) => format!("every {hours} hours"),
        Choice::Day => "every day at 02:00".to_owned(),
        Choice::Week => "every week, Sunday at 02:00".to_owned(),
    };
    let every = label.split(" at ").next().unwrap_or_default();
    let every = every.trim_end_matches(", Sunday").to_owned();
    Interval { word: choice.to_string(), expression: choice.expression(), label, every }
}

/// The field "Enable Scheduled Synchronization".
pub const SCHEDULE_ENABLED: &str = "schedule-enabled";

/// The limit that may be left out: there is one by percentage as well.
const ENDLESS: &str = "limit-email-changes";

/// How a setting says that there is no limit.
fn no_limit() -> String {
    usize::MAX.to_string()
}

/// The values of a setting in one line.
pub fn words(values: &[String]) -> String {
    if values == [no_limit()] { "no limit".to_owned() } else { values.join(", ") }
}

/// What a setting says, as its page says it: the labels of what was chosen.
pub fn spoken(entry: &Entry, settings: &ConnectorSettings) -> String {
    let values = stored(entry, settings).values;
    let labels = |choices: &[tabs::Choice]| -> Vec<String> {
        let label = |value: &String| {
            let found = choices.iter().find(|(word, ..)| word == value);
            found.map_or_else(|| value.clone(), |(_, label, _)| (*label).to_owned())
        };
        values.iter().map(label).collect()
    };
    let told = match entry.control {
        Control::One(choices) | Control::Select(choices) | Control::Any(choices) => {
            labels(choices).join(", ")
        }
        Control::Number(unit) if values != [no_limit()] && !values.is_empty() => {
            format!("{} {unit}", words(&values)).trim_end().to_owned()
        }
        Control::Number(_)
        | Control::Switch
        | Control::Lines
        | Control::Schedule
        | Control::Text => words(&values),
    };
    if told.is_empty() { "\u{2013}".to_owned() } else { told }
}

/// What is wrong, by the name of the field.
pub type Wrong = BTreeMap<String, String>;

/// What the settings are, as flags would say it.
pub fn stored(entry: &Entry, settings: &ConnectorSettings) -> Given {
    let values = notation::setting(entry.flag).map(|it| (it.values)(settings));
    Given { flag: entry.flag, values: values.unwrap_or_default() }
}

/// What somebody typed; none where the form has no such field.
pub fn typed(entry: &Entry, form: &mut Form) -> Option<Given> {
    let flag = entry.flag;
    let values = match entry.control {
        Control::Switch => {
            let word = if form.checked(flag) { "on" } else { "off" };
            vec![word.to_owned()]
        }
        // No box that is ticked, no field.
        Control::Any(_) => form.all(flag).map(str::to_owned).collect(),
        Control::Number(_) | Control::One(_) | Control::Select(_) | Control::Text => {
            if !form.has(flag) {
                return None;
            }
            let typed = form.raw(flag).trim();
            let is_endless = flag == ENDLESS && typed.is_empty();
            vec![if is_endless { no_limit() } else { typed.to_owned() }]
        }
        Control::Schedule => {
            if !form.has(flag) {
                return None;
            }
            let every = Choice::parse(form.raw("every")).map(Choice::expression);
            let expression = every.unwrap_or_else(|_| form.raw(flag).trim().to_owned());
            let word = if form.checked(SCHEDULE_ENABLED) { "on" } else { "off" };
            vec![expression, word.to_owned()]
        }
        Control::Lines => {
            if !form.has(flag) {
                return None;
            }
            form.lines(flag)
        }
    };
    Some(Given { flag, values })
}

/// The fields of a section, with what is given, and what is wrong with it.
pub fn section(section: &Section, given: &[Given], wrong: &Wrong) -> SectionView {
    let field = |entry: &Entry| {
        let values = given.iter().find(|it| it.flag == entry.flag).map(|it| &it.values);
        let values = values.map(Vec::as_slice).unwrap_or_default();
        let error = wrong.get(entry.flag).cloned().unwrap_or_default();
        field(entry, values, error)
    };
    let fields = section.entries.iter().map(field).collect();
    SectionView { title: section.title, lead: section.lead, fields }
}

fn field(entry: &Entry, values: &[String], error: String) -> Field {
    let Entry { flag, label, help, control } = *entry;
    let choices = |choices: &'static [tabs::Choice]| -> Vec<ChoiceView> {
        let view = |&(value, label, help): &'static tabs::Choice| {
            let chosen = values.iter().any(|it| it == value);
            ChoiceView { value, label, help, chosen, sample: String::new() }
        };
        choices.iter().map(view).collect()
    };
    let (word, unit, choices) = match control {
        Control::Number(unit) => ("number", unit, Vec::new()),
        Control::Switch => ("switch", "", Vec::new()),
        Control::One(list) => ("one", "", choices(list)),
        Control::Select(list) => ("select", "", choices(list)),
        Control::Any(list) => ("any", "", choices(list)),
        Control::Lines => ("lines", "", Vec::new()),
        Control::Schedule => ("schedule", "", Vec::new()),
        Control::Text => ("text", "", Vec::new()),
    };
    let is_endless = flag == ENDLESS && values.first() == Some(&no_limit());
    let values: &[String] = if is_endless { &[] } else { values };
    Field {
        name: flag,
        label,
        help,
        error,
        warning: String::new(),
        control: word,
        unit,
        value: values.join("\n"),
        choices,
    }
}

impl Field {
    pub fn is_on(&self) -> bool {
        self.value.lines().last() == Some("on")
    }

    /// The expression of a schedule.
    pub fn expression(&self) -> &str {
        self.value.lines().next().unwrap_or_default()
    }

    /// The intervals to choose from instead of an expression.
    pub fn intervals(&self) -> Vec<Interval> {
        Choice::ALL.into_iter().map(interval).collect()
    }

    /// The days of a week as an expression counts them.
    pub fn days(&self) -> [(u8, &'static str); 7] {
        [(1, "Mon"), (2, "Tue"), (3, "Wed"), (4, "Thu"), (5, "Fri"), (6, "Sat"), (0, "Sun")]
    }

    /// The fields of an expression, each with what it takes.
    pub fn cron_fields(&self) -> [(&'static str, &'static str); 5] {
        [
            ("Minute", "0-59"),
            ("Hour", "0-23"),
            ("Day of month", "1-31"),
            ("Month", "1-12"),
            ("Day of week", "0-6, 0 is Sunday"),
        ]
    }

    /// How many lines a list is shown with.
    pub fn rows(&self) -> usize {
        self.value.lines().count().clamp(2, 12) + 1
    }
}
