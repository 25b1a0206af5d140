//! Rules tried out: what each row makes of one person, or of everybody, before anything is saved.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::existing::Existing;
use super::rules::{After, PersonRules, Target, Traced};
use super::{Claims, account_id, claims, present};
use crate::finding::{Finding, FindingKind};
use crate::principal::{ExternalId, FIELDS_OF_ALL, FieldPaths, Fields, Name, Record, Standing};

/// What the rules make of everybody, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    pub people: usize,
    pub rows: Vec<RowTrial>,
    /// People for whom something cannot be worked out.
    pub findings: Vec<Finding>,
}

/// What one row makes of everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowTrial {
    /// As it is written.
    pub row: String,
    pub target: Target,
    /// People whose value it changes.
    pub changes: usize,
    /// People who have a value in the source, and none after it.
    pub empties: usize,
    /// People whose value somebody else has, too, where it should be theirs alone.
    pub collides: usize,
    /// People whose account keeps what it has.
    pub keeps: usize,
    /// People who take no part because of it.
    pub skips: usize,
    pub examples: Vec<Example>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    pub what: Effect,
    pub id: ExternalId,
    pub before: String,
    pub after: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    Changes,
    Empties,
    Collides,
    Skips,
}

/// So many examples of each effect are named.
const EXAMPLES_MAX: usize = 3;
const FINDINGS_MAX: usize = 100;
const SAMPLE_FIELDS_MAX: usize = 100;

impl Effect {
    pub fn word(self) -> &'static str {
        match self {
            Effect::Changes => "changes",
            Effect::Empties => "empties",
            Effect::Collides => "collides",
            Effect::Skips => "skips",
        }
    }
}

/// What each row makes of one person.
pub fn of_one(
    record: &Record,
    rules: &PersonRules,
    existing: &Existing<'_>,
) -> Result<Vec<Traced>, Finding> {
    let id = account_id(record, rules, existing).map_err(|(_, finding)| finding)?;
    rules.spelled_out().trace(record, existing.account(&id))
}

/// What each row makes of everybody.
pub fn of_everybody(records: &[Record], rules: &PersonRules, existing: &Existing<'_>) -> Trial {
    let rules = rules.spelled_out();
    let mut rows: Vec<RowTrial> = rules.rows().iter().map(RowTrial::of).collect();
    let mut usernames: BTreeMap<Name, Vec<(ExternalId, String)>> = BTreeMap::new();
    let mut keys: BTreeMap<ExternalId, Vec<&Record>> = BTreeMap::new();
    let mut findings = Vec::new();
    for record in records {
        let traced = account_id(record, &rules, existing)
            .map_err(|(_, finding)| finding)
            .and_then(|id| rules.trace(record, existing.account(&id)));
        let traced = match traced {
            Ok(traced) => traced,
            Err(finding) if findings.len() < FINDINGS_MAX => {
                findings.push(finding);
                continue;
            }
            Err(_) => continue,
        };
        // As a run compares them: what an account keeps counts, and whoever takes no part does not.
        let Claims { accounts, username } = claims(record, &rules, existing);
        for id in accounts {
            keys.entry(id).or_default().push(record);
        }
        for (row, traced) in rows.iter_mut().zip(traced) {
            if row.target == Target::Username
                && let Some(username) = &username
            {
                let holders = usernames.entry(username.clone()).or_default();
                holders.push((record.id.clone(), traced.before.clone()));
            }
            row.count(&record.id, traced);
        }
    }
    let shared = usernames.into_iter().filter(|(_, holders)| 1 < holders.len());
    if let Some(row) = rows.iter_mut().find(|row| row.target == Target::Username) {
        for (value, holders) in shared {
            row.collides += holders.len();
            for (id, before) in holders {
                row.example(Effect::Collides, &id, before, value.to_string());
            }
        }
    }
    let shared = keys.iter().filter(|(_, holders)| 1 < holders.len());
    let shared = shared.flat_map(|(key, holders)| holders.iter().map(|it| shares_key(key, it)));
    let room = FINDINGS_MAX.saturating_sub(findings.len());
    findings.extend(shared.take(room));
    Trial { people: records.len(), rows, findings }
}

fn shares_key(key: &ExternalId, record: &Record) -> Finding {
    Finding {
        kind: FindingKind::Conflict,
        id: Some(record.id.clone()),
        username: record.username.clone(),
        message: format!("Has the key {key} together with somebody else, so neither is touched."),
    }
}

impl RowTrial {
    fn of(row: &super::rules::Row) -> RowTrial {
        RowTrial {
            row: row.to_string(),
            target: row.target.clone(),
            changes: 0,
            empties: 0,
            collides: 0,
            keeps: 0,
            skips: 0,
            examples: Vec::new(),
        }
    }

    /// `changes 655 values, empties 2, collides 1`
    pub fn counts(&self) -> String {
        let RowTrial { changes, empties, collides, keeps, skips, .. } = self;
        let mut counts =
            format!("changes {changes} values, empties {empties}, collides {collides}");
        for (word, count) in [("keeps", keeps), ("skips", skips)] {
            if 0 < *count {
                counts = format!("{counts}, {word} {count}");
            }
        }
        counts
    }

    fn count(&mut self, id: &ExternalId, traced: Traced) {
        let Traced { before, after, .. } = traced;
        let (effect, after) = match after {
            After::Kept | After::Untold => {
                self.keeps += 1;
                return;
            }
            After::Skip => {
                self.skips += 1;
                (Effect::Skips, String::new())
            }
            After::Value(after) if after == before => return,
            After::Value(after) if after.trim().is_empty() => {
                self.empties += 1;
                (Effect::Empties, after)
            }
            After::Value(after) => {
                self.changes += 1;
                (Effect::Changes, after)
            }
        };
        self.example(effect, id, before, after);
    }

    fn example(&mut self, what: Effect, id: &ExternalId, before: String, after: String) {
        if self.examples.iter().filter(|it| it.what == what).count() < EXAMPLES_MAX {
            self.examples.push(Example { what, id: id.clone(), before, after });
        }
    }
}

/// Somebody who is typed by hand: `email=Maya.Lee@Acme.com,firstname=Maya`. A comma within a value
/// is one of the value where no field follows it.
pub fn sample(typed: &str, check_field: super::rules::CheckField<'_>) -> Result<Record, String> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut last: Option<String> = None;
    for part in typed.split(',') {
        match (part.split_once('='), &last) {
            (Some((path, value)), _) => {
                let path = path.trim().to_owned();
                check_field(&path)?;
                if SAMPLE_FIELDS_MAX <= fields.len() {
                    return Err(format!("There are more than {SAMPLE_FIELDS_MAX} fields."));
                }
                if fields.insert(path.clone(), value.trim().to_owned()).is_some() {
                    return Err(format!("\"{path}\" is there twice."));
                }
                last = Some(path);
            }
            (None, Some(path)) => {
                if let Some(value) = fields.get_mut(path) {
                    value.push(',');
                    value.push_str(part.trim_end());
                }
            }
            (None, None) => {
                return Err(
                    "Write fields and values: email=Maya.Lee@Acme.com,firstname=Maya".to_owned()
                );
            }
        }
    }
    let of = |path: &str| present(fields.get(path).map(String::as_str)).map(Box::from);
    let further = FieldPaths::new(fields.keys());
    let values: Vec<Option<Arc<str>>> =
        further.iter().map(|path| of(path).map(|it: Box<str>| Arc::from(&*it))).collect();
    debug_assert!(further.iter().all(|it| !FIELDS_OF_ALL.contains(&it)), "they are of all");
    Ok(Record {
        id: ExternalId::new(fields.get("id").map_or("0", String::as_str)),
        username: of("username"),
        email: of("email"),
        display_name: None,
        first_name: of("firstname"),
        last_name: of("lastname"),
        standing: Standing::Active,
        standing_words: "Active".into(),
        grants: Vec::new(),
        fields: Fields::new(&further, values),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::record;

    fn rules(rows: &[&str]) -> PersonRules {
        let rows: Vec<String> = rows.iter().map(|&it| it.to_owned()).collect();
        PersonRules::parse(&rows, None, &|_| Ok(())).unwrap()
    }

    #[test]
    fn everybody_is_counted_row_by_row_with_examples() {
        let people = ["1 Ada@x", "2 ada@y", "3 bob@z", "4 Eve", "5 _ mail=@z"].map(record);
        let rules = rules(&[
            "username = username or email | lower | strip-domain",
            "title = username | split @ 2; otherwise clear",
            "phone = .phone; otherwise ignore",
        ]);
        let trial = of_everybody(&people, &rules, &Existing::default());
        assert_eq!(trial.people, 5);
        let of = |target: &str| {
            let row = trial.rows.iter().find(|it| it.target.to_string() == target).unwrap();
            let RowTrial { changes, empties, collides, keeps, skips, .. } = row;
            format!("{changes} {empties} {collides} {keeps} {skips}")
        };
        let told: Vec<String> = trial.rows.iter().map(RowTrial::counts).collect();
        assert!(told.contains(&"changes 4 values, empties 0, collides 2".to_owned()), "{told:?}");
        assert!(told.iter().any(|it| it.ends_with(", keeps 5")), "{told:?}");
        assert_eq!(of("username"), "4 0 2 0 0");
        assert_eq!(of("title"), "3 1 0 0 0");
        assert_eq!(of("phone"), "0 0 0 5 0");
        assert_eq!(of("email"), "0 0 0 0 0");
        let username = trial.rows.iter().find(|it| it.target == Target::Username).unwrap();
        let collides = username.examples.iter().filter(|it| it.what == Effect::Collides);
        let ids: Vec<_> = collides.map(|it| it.id.as_str().to_owned()).collect();
        assert_eq!(ids, ["1", "2"]);
    }

    #[test]
    fn people_collide_in_a_trial_as_they_do_in_a_run() {
        let people = ["1 ada .number=7", "2 ADA unknown", "3 ada .skip=1", "4 eve .number=7"];
        let rows = ["username = username", "title = {{ drop() if user.skip else 'x' }}"];
        let typed: Vec<String> = rows.map(str::to_owned).to_vec();
        let rules = PersonRules::parse(&typed, None, &|_| Ok(())).unwrap();
        let people = people.map(record);
        let trial = of_everybody(&people, &rules, &Existing::default());
        let username = |trial: &Trial| {
            let row = trial.rows.iter().find(|it| it.target == Target::Username);
            row.unwrap().collides
        };
        assert_eq!(username(&trial), 0, "one of unknown status, and whoever takes no part");
        let rules = PersonRules::parse(&typed[..1], None, &|_| Ok(())).unwrap();
        assert_eq!(username(&of_everybody(&people, &rules, &Existing::default())), 2);

        let keyed = PersonRules::parse(&[], Some("number"), &|_| Ok(())).unwrap();
        let trial = of_everybody(&people, &keyed, &Existing::default());
        let messages: Vec<&str> = trial.findings.iter().map(|it| &*it.message).collect();
        let shared = "Has the key number:7 together with somebody else, so neither is touched.";
        assert_eq!(messages.iter().filter(|it| **it == shared).count(), 2, "{messages:?}");
    }

    #[test]
    fn the_fixed_rules_can_be_tried_too() {
        let traced =
            of_one(&record("7 _ mail=a@b first=Ada"), &PersonRules::FIXED, &Existing::default());
        let lines: Vec<_> = traced.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(lines[0], r#"username from email: "a@b" -> "a@b""#);
        assert!(lines[4].starts_with(r#"display-name from "{firstname} {lastname}": "Ada ""#));
    }

    #[test]
    fn somebody_can_be_typed_by_hand() {
        let check = |path: &str| if path == "emial" { Err("no emial".to_owned()) } else { Ok(()) };
        let maya = sample("email=Maya.Lee@Acme.com, firstname=Maya,department=Sales, EMEA", &check);
        let maya = maya.unwrap();
        for (path, value) in [
            ("email", Some("Maya.Lee@Acme.com")),
            ("firstname", Some("Maya")),
            ("department", Some("Sales, EMEA")),
            ("username", None),
        ] {
            assert_eq!(maya.field(path), value, "{path}");
        }
        for (typed, why) in [
            ("Maya", "Write fields and values"),
            ("emial=x", "no emial"),
            ("email=x,email=y", "there twice"),
        ] {
            assert!(sample(typed, &check).unwrap_err().contains(why), "{typed}");
        }
    }
}
