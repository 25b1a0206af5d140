//! The rules for people, tried before they are saved: on one person and on everybody of the last
//! read, or on somebody who is typed by hand. OneLogin is not asked.

use jiff::Timestamp;
use reconcile::mapping::rules::{After, Traced};
use reconcile::mapping::trial::{Example, RowTrial, Trial};

use super::draft::Draft;
use crate::notation::{self, shell_word};
use crate::people::PeopleError;
use crate::store::connectors::Connector;
use crate::trial::{self, Known, PersonTrial, TrialError};
use crate::web::App;
use crate::web::form::Form;
use crate::web::moment::{Moment, count};
use crate::web::refusal::Refusal;

/// The part of the page where rules are tried.
#[derive(Debug, Default)]
pub struct Trying {
    /// As somebody typed it.
    pub user: String,
    pub sample: String,
    pub tried: Option<Tried>,
}

/// On whom rules are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    User,
    Sample,
    Everybody,
}

#[derive(Debug)]
pub struct Tried {
    pub title: String,
    /// When OneLogin told what it was tried on; nothing for what was typed by hand.
    pub read: Option<Moment>,
    /// What to know before it is believed.
    pub remark: String,
    /// Why there is no answer.
    pub sorry: String,
    pub people: Vec<PersonView>,
    pub rows: Vec<RowView>,
    /// People for whom something cannot be worked out.
    pub odd: Vec<String>,
    pub command: String,
}

#[derive(Debug)]
pub struct PersonView {
    pub id: String,
    pub rows: Vec<TracedView>,
    /// Why nothing comes of them.
    pub finding: String,
}

/// What one row makes of one person.
#[derive(Debug)]
pub struct TracedView {
    pub target: String,
    pub from: String,
    pub transformations: String,
    pub before: String,
    pub after: String,
    /// Whether `after` is a value, and not what becomes of the person.
    pub is_value: bool,
}

/// What one row makes of everybody.
#[derive(Debug)]
pub struct RowView {
    pub row: String,
    /// `changes 655 values, empties 2, collides 1`
    pub counts: String,
    pub examples: Vec<ExampleView>,
}

#[derive(Debug)]
pub struct ExampleView {
    pub what: &'static str,
    pub id: String,
    pub before: String,
    pub after: String,
}

/// The flags that `connector map` knows.
const FLAGS: [&str; 3] = ["map", "key", "status"];

impl On {
    /// By the button that was pressed.
    pub fn from_word(word: &str) -> Option<On> {
        match word {
            "try-user" => Some(On::User),
            "try-sample" => Some(On::Sample),
            "try-everybody" => Some(On::Everybody),
            _ => None,
        }
    }
}

impl Trying {
    /// What stands in the fields, before anything is tried.
    pub fn typed(form: &mut Form) -> Trying {
        Trying { user: form.optional("try-user"), sample: form.optional("try-sample"), tried: None }
    }

    /// Tries the rules of a draft that is fine.
    pub async fn on(
        mut self,
        on: On,
        app: &App,
        connector: &Connector,
        draft: &Draft,
        now: Timestamp,
    ) -> Result<Trying, Refusal> {
        let with_draft = Connector { settings: draft.settings.clone(), ..connector.clone() };
        let flags = notation::flags_of(&FLAGS, &connector.settings, &draft.settings);
        let name = shell_word(connector.name.as_str());
        let whom = match on {
            On::User => format!(" --user {} --last-read", shell_word(&self.user)),
            On::Sample => format!(" --sample {}", shell_word(&self.sample)),
            On::Everybody => " --everyone --last-read".to_owned(),
        };
        let mut tried = match on {
            On::User if self.user.is_empty() => sorry("Type a username, an e-mail or an id."),
            On::User => match trial::of_known(app.db(), &with_draft, &self.user).await {
                Ok(known) => on_user(&self.user, known, now),
                Err(error) => sorry(&told(error)?),
            },
            On::Sample => match trial::of_sample(&with_draft.settings, &self.sample) {
                Ok(person) => on_sample(person),
                Err(why) => sorry(&why),
            },
            On::Everybody => {
                let saved = &connector.settings;
                match trial::of_everybody_known(app.db(), &with_draft, saved).await {
                    Ok(known) => on_everybody(known, now),
                    Err(error) => sorry(&told(error)?),
                }
            }
        };
        tried.command = format!("rollcall connector map {name}{whom}{flags}");
        self.tried = Some(tried);
        Ok(self)
    }
}

/// What whoever tries can mend, as a sentence.
fn told(error: TrialError) -> Result<String, Refusal> {
    match error {
        TrialError::People(
            error @ (PeopleError::NoRead { .. }
            | PeopleError::Forgotten { .. }
            | PeopleError::Replay(_)
            | PeopleError::Settings(_)
            | PeopleError::Source(_)),
        ) => Ok(error.to_string()),
        TrialError::Settings(error) => Ok(error.to_string()),
        error @ (TrialError::People(_)
        | TrialError::Source(_)
        | TrialError::Target(_)
        | TrialError::Targets(_)
        | TrialError::Store(_)) => Err(error.into()),
    }
}

fn nothing(title: &str) -> Tried {
    Tried {
        title: title.to_owned(),
        read: None,
        remark: String::new(),
        sorry: String::new(),
        people: Vec::new(),
        rows: Vec::new(),
        odd: Vec::new(),
        command: String::new(),
    }
}

fn sorry(why: &str) -> Tried {
    Tried { sorry: why.to_owned(), ..nothing("Nothing was tried") }
}

fn on_sample(person: PersonTrial) -> Tried {
    Tried { people: vec![person_view(person)], ..nothing("On the sample") }
}

fn on_user(who: &str, known: Known<Vec<PersonTrial>>, now: Timestamp) -> Tried {
    let Known { tried, read_at, unread } = known;
    if tried.is_empty() {
        return sorry(&format!("No one matches \"{who}\" in the last read."));
    }
    Tried {
        read: Some(Moment::new(read_at, now)),
        remark: unread.unwrap_or_default(),
        people: tried.into_iter().map(person_view).collect(),
        ..nothing(&format!("On {who}"))
    }
}

fn on_everybody(known: Known<Trial>, now: Timestamp) -> Tried {
    let Known { tried, read_at, unread } = known;
    let compared = [Some(tried.compared_words()), unread];
    let remark = compared.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let Trial { people, with_account: _, rows, findings } = tried;
    let people = count(u64::try_from(people).unwrap_or(u64::MAX));
    Tried {
        read: Some(Moment::new(read_at, now)),
        remark,
        rows: rows.into_iter().map(row_view).collect(),
        odd: findings.into_iter().map(|it| it.message).collect(),
        ..nothing(&format!("On the {people} people in scope"))
    }
}

fn person_view(person: PersonTrial) -> PersonView {
    let PersonTrial { id, traced } = person;
    let (rows, finding) = match traced {
        Ok(traced) => (traced.into_iter().map(traced_view).collect(), String::new()),
        Err(finding) => (Vec::new(), finding.message),
    };
    PersonView { id: id.to_string(), rows, finding }
}

fn traced_view(traced: Traced) -> TracedView {
    let Traced { target, from, transformations, before, after } = traced;
    let (after, is_value) = match after {
        After::Value(value) => (value, true),
        After::Kept => ("what the account has".to_owned(), false),
        After::Untold => ("what the account has, as OneLogin has no such field".to_owned(), false),
        After::Skip => ("takes no part".to_owned(), false),
    };
    TracedView { target: target.to_string(), from, transformations, before, after, is_value }
}

fn row_view(row: RowTrial) -> RowView {
    let counts = row.counts();
    let example = |Example { what, id, before, after }: Example| ExampleView {
        what: what.word(),
        id: id.to_string(),
        before,
        after,
    };
    RowView { counts, row: row.row, examples: row.examples.into_iter().map(example).collect() }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::web::answer::samples::HOSTILE;

    /// One answer of each kind.
    pub fn samples() -> Vec<Tried> {
        let hostile = || HOSTILE.to_owned();
        let value = |after: String, is_value| TracedView {
            target: hostile(),
            from: hostile(),
            transformations: hostile(),
            before: hostile(),
            after,
            is_value,
        };
        let person = |rows, finding| PersonView { id: hostile(), rows, finding };
        let at: Timestamp = "2026-11-25T22:14:03Z".parse().unwrap();
        let example =
            ExampleView { what: "changes", id: hostile(), before: hostile(), after: hostile() };
        let row = RowView { row: hostile(), counts: hostile(), examples: vec![example] };
        vec![
            sorry(HOSTILE),
            Tried {
                read: Some(Moment::new(at, at)),
                remark: hostile(),
                people: vec![
                    person(vec![value(hostile(), true), value(hostile(), false)], String::new()),
                    person(Vec::new(), hostile()),
                ],
                command: hostile(),
                ..nothing(HOSTILE)
            },
            Tried { rows: vec![row], odd: vec![hostile()], ..nothing(HOSTILE) },
        ]
    }
}
