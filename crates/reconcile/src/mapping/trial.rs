//! Rules tried out: what each row makes of one person, or of everybody, before anything is saved.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::existing::Existing;
use super::rules::{After, Person, PersonRules, Target, Traced, made_of};
use super::{account_id, present};
use crate::finding::{Finding, FindingKind};
use crate::principal::{
    ExternalId, FIELDS_OF_ALL, FieldPaths, Fields, Name, Record, Standing, User,
};

/// What the rules make of everybody, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    pub people: usize,
    /// How many of them have an account, which is what they are compared with. Whoever has none is
    /// compared with what the saved rules make of them.
    pub with_account: usize,
    pub rows: Vec<RowTrial>,
    /// People for whom something cannot be worked out.
    pub findings: Vec<Finding>,
}

/// What one row makes of everybody; or, of an attribute that people have and that no row gives, what is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowTrial {
    /// As it is written; or, where there is none, in a sentence.
    pub row: String,
    pub target: Target,
    /// People who get another value than they have.
    pub changes: usize,
    /// People who have a value, and none after it.
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

/// What each row makes of everybody, beside what they have: the value of their account, or what the
/// saved rules make of them where they have none yet.
pub fn of_everybody(
    records: &[Record],
    rules: &PersonRules,
    saved: &PersonRules,
    existing: &Existing<'_>,
) -> Trial {
    let rules = rules.spelled_out();
    let mut rows: Vec<RowTrial> = rules.rows().iter().map(RowTrial::of).collect();
    let mut usernames: BTreeMap<Name, Vec<Held>> = BTreeMap::new();
    let mut keys: BTreeMap<ExternalId, Vec<&Record>> = BTreeMap::new();
    let mut dropped: BTreeMap<Arc<str>, RowTrial> = BTreeMap::new();
    let mut findings = Vec::new();
    let mut with_account = 0;
    for record in records {
        let worked_out = account_id(record, &rules, existing)
            .map_err(|(_, finding)| finding)
            .and_then(|id| Ok((rules.trace(record, existing.account(&id))?, id)));
        let (traced, id) = match worked_out {
            Ok(worked_out) => worked_out,
            Err(finding) if findings.len() < FINDINGS_MAX => {
                findings.push(finding);
                continue;
            }
            Err(_) => continue,
        };
        let account = existing.account(&id);
        with_account += usize::from(account.is_some());
        let made = match made_of(record, account, &traced) {
            Ok(made) => Ok(made),
            Err(finding) if finding.kind == FindingKind::UnknownStatus => Err(None),
            Err(finding) => Err(Some(finding)),
        };
        let before = match account {
            Some(account) => Some(Arc::clone(account)),
            None => match saved.person(record, None) {
                Ok(Person::User(user)) => Some(Arc::new(user)),
                Ok(Person::Skipped(_)) | Err(_) => None,
            },
        };
        if let (Some(before), Ok(Person::User(_))) = (&before, &made) {
            for (name, value) in before.attributes.iter().filter(|it| !rules.makes(it.0)) {
                let row =
                    dropped.entry(Arc::clone(name)).or_insert_with(|| RowTrial::dropped(name));
                row.empties += 1;
                row.example(Effect::Empties, &record.id, value.to_owned(), String::new());
            }
        }
        // As a run compares them: what an account keeps counts, and whoever takes no part does not.
        keys.entry(id).or_default().push(record);
        if let Ok(Person::User(user)) = &made {
            let before = before.as_deref().map(|it| it.username.to_string()).unwrap_or_default();
            let holders = usernames.entry(user.username.clone()).or_default();
            holders.push(Held { id: record.id.clone(), before });
        }
        for (row, traced) in rows.iter_mut().zip(traced) {
            row.count(&record.id, before.as_deref(), traced, &made);
        }
        if let Err(Some(finding)) = made
            && findings.len() < FINDINGS_MAX
        {
            findings.push(finding);
        }
    }
    let shared = usernames.into_iter().filter(|(_, holders)| 1 < holders.len());
    if let Some(row) = rows.iter_mut().find(|row| row.target == Target::Username) {
        for (value, holders) in shared {
            row.collides += holders.len();
            for Held { id, before } in holders {
                row.example(Effect::Collides, &id, before, value.to_string());
            }
        }
    }
    rows.extend(dropped.into_values());
    let shared = keys.iter().filter(|(_, holders)| 1 < holders.len());
    let shared = shared.flat_map(|(key, holders)| holders.iter().map(|it| shares_key(key, it)));
    let room = FINDINGS_MAX.saturating_sub(findings.len());
    findings.extend(shared.take(room));
    Trial { people: records.len(), with_account, rows, findings }
}

/// Who has a username, and which they have now.
struct Held {
    id: ExternalId,
    before: String,
}

impl Trial {
    /// A sentence that says with what people are compared.
    pub fn compared_words(&self) -> String {
        let Trial { people, with_account, .. } = self;
        match (people - with_account, with_account) {
            (0, _) => "Each is compared with the account that they have.".to_owned(),
            (_, 0) => "Nobody of them has an account yet, so each is compared with what the saved rules make of them."
                .to_owned(),
            (without, with) => format!(
                "Each is compared with the account that they have ({with}), or with what the saved rules make of them where they have none ({without})."
            ),
        }
    }
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
        RowTrial::new(row.to_string(), row.target.clone())
    }

    fn dropped(attribute: &str) -> RowTrial {
        let target = Target::Attribute(attribute.into());
        RowTrial::new(format!("{target} has no row any more"), target)
    }

    fn new(row: String, target: Target) -> RowTrial {
        RowTrial {
            row,
            target,
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

    /// `made` is what all rows together make of the person: a refusal of their record, or nothing where
    /// their status decides nothing.
    fn count(
        &mut self,
        id: &ExternalId,
        before: Option<&User>,
        traced: Traced,
        made: &Result<Person, Option<Finding>>,
    ) {
        let before = before.and_then(|it| value_of(it, &self.target)).unwrap_or_default();
        let after = match (traced.after, made) {
            (After::Skip, _) => {
                self.skips += 1;
                self.example(Effect::Skips, id, before.to_owned(), String::new());
                return;
            }
            // Another row leaves them out.
            (_, Ok(Person::Skipped(_))) => return,
            (After::Kept | After::Untold, _) | (_, Err(None)) => {
                self.keeps += 1;
                return;
            }
            (After::Value(_), Ok(Person::User(user))) => {
                value_of(user, &self.target).unwrap_or_default().to_owned()
            }
            (After::Value(after), Err(Some(_))) => after.trim().to_owned(),
        };
        let effect = match &*after {
            after if after == before => return,
            "" => {
                self.empties += 1;
                Effect::Empties
            }
            _ => {
                self.changes += 1;
                Effect::Changes
            }
        };
        self.example(effect, id, before.to_owned(), after);
    }

    fn example(&mut self, what: Effect, id: &ExternalId, before: String, after: String) {
        if self.examples.iter().filter(|it| it.what == what).count() < EXAMPLES_MAX {
            self.examples.push(Example { what, id: id.clone(), before, after });
        }
    }
}

/// What somebody has of a target, as text.
fn value_of<'a>(user: &'a User, target: &Target) -> Option<&'a str> {
    match target {
        Target::Active => Some(if user.active { "yes" } else { "no" }),
        Target::Username
        | Target::Email
        | Target::FirstName
        | Target::LastName
        | Target::DisplayName
        | Target::Attribute(_) => target.of(user),
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
    use crate::world::{directory, record};

    fn rules(rows: &[&str]) -> PersonRules {
        let rows: Vec<String> = rows.iter().map(|&it| it.to_owned()).collect();
        PersonRules::parse(&rows, None, &|_| Ok(())).unwrap()
    }

    /// What each row that is not as it is saved comes to.
    #[track_caller]
    fn check(
        rows: &[&str],
        saved: &[&str],
        actual: &str,
        people: &[&str],
        expected: &[&str],
    ) -> Trial {
        let people: Vec<Record> = people.iter().map(|it| record(it)).collect();
        let actual = directory(actual);
        let existing = Existing::of([&actual]);
        let trial = of_everybody(&people, &rules(rows), &rules(saved), &existing);
        let told = trial.rows.iter().map(|it| format!("{}: {}", it.target, it.counts()));
        let nothing = "changes 0 values, empties 0, collides 0";
        let told: Vec<String> = told.filter(|it| !it.ends_with(nothing)).collect();
        assert_eq!(told, expected);
        trial
    }

    #[test]
    fn attributes_that_no_row_gives_any_more_are_counted_as_emptied() {
        let saved = ["title = title", "phone = phone"];
        let people = ["1 ada .title=Boss .phone=1", "2 bob .title=QA", "3 eve .phone=3"];
        let trial = check(
            &["phone = phone"],
            &saved,
            "",
            &people,
            &["title: changes 0 values, empties 2, collides 0"],
        );
        let lost = trial.rows.last().unwrap();
        assert_eq!(lost.row, "title has no row any more");
        assert_eq!((&*lost.examples[1].before, &*lost.examples[1].after), ("QA", ""));
        check(&saved, &saved, "", &people, &[]);
    }

    const PEOPLE: [&str; 5] = ["1 Ada@x", "2 ada@y", "3 bob@z", "4 Eve", "5 _ mail=@z"];

    #[test]
    fn everybody_is_counted_row_by_row_with_examples() {
        let rows = [
            "username = username or email | lower | strip-domain",
            "title = username | split @ 2; otherwise clear",
            "phone = .phone; otherwise ignore",
        ];
        let trial = check(
            &rows,
            &[],
            "",
            &PEOPLE,
            &[
                "username: changes 4 values, empties 0, collides 2",
                "title: changes 3 values, empties 0, collides 0",
                "phone: changes 0 values, empties 0, collides 0, keeps 5",
            ],
        );
        assert_eq!((trial.people, trial.with_account), (5, 0));
        let username = trial.rows.iter().find(|it| it.target == Target::Username).unwrap();
        let collides = username.examples.iter().filter(|it| it.what == Effect::Collides);
        let ids: Vec<_> = collides.map(|it| it.id.as_str().to_owned()).collect();
        assert_eq!(ids, ["1", "2"]);
    }

    #[test]
    fn whoever_has_an_account_is_compared_with_it_and_the_others_with_the_saved_rules() {
        let by_email = ["username = email"];
        let renamed = ["username: changes 2 values, empties 0, collides 0"];
        let people = ["1 ada", "2 bob"];
        let trial = check(&by_email, &[], "1 ada\n2 bob", &people, &renamed);
        assert_eq!(trial.with_account, 2);
        let username = trial.rows.iter().find(|it| it.target == Target::Username).unwrap();
        let (before, after) = (username.examples[0].before.as_str(), &*username.examples[0].after);
        assert_eq!((before, after), ("ada", "ada@acme.test"));
        check(&by_email, &[], "1 ada", &people, &renamed);
        check(&by_email, &by_email, "", &people, &[]);
        let once = ["username: changes 1 values, empties 0, collides 0"];
        let trial = check(&by_email, &by_email, "1 ada", &people, &once);
        assert!(trial.compared_words().contains("(1)"), "{}", trial.compared_words());
        // What OneLogin says by now counts as much as what the rows do.
        check(
            &[],
            &[],
            "1 ada first=Ann",
            &["1 ada first=Ada"],
            &[
                "first-name: changes 1 values, empties 0, collides 0",
                "display-name: changes 1 values, empties 0, collides 0",
            ],
        );
        let empties = ["first-name: changes 0 values, empties 1, collides 0"];
        check(&["first-name = lastname"], &[], "1 ada first=Ann", &["1 ada first=Ann"], &empties);
        check(
            &["active = works"],
            &[],
            "1 ada\n2 bob",
            &["1 ada .works=no", "2 bob .works=yes"],
            &["active: changes 1 values, empties 0, collides 0"],
        );
    }

    #[test]
    fn whoever_takes_no_part_or_keeps_what_they_have_gets_nothing_by_other_rows() {
        let rows = ["username = email", "title = title; otherwise skip"];
        let people = ["1 ada", "2 bob .title=Boss", "3 eve unknown .title=X"];
        check(
            &rows,
            &[],
            "1 ada\n2 bob\n3 eve",
            &people,
            &[
                "username: changes 1 values, empties 0, collides 0, keeps 1",
                "title: changes 1 values, empties 0, collides 0, keeps 1, skips 1",
                "email: changes 0 values, empties 0, collides 0, keeps 1",
                "first-name: changes 0 values, empties 0, collides 0, keeps 1",
                "last-name: changes 0 values, empties 0, collides 0, keeps 1",
                "display-name: changes 0 values, empties 0, collides 0, keeps 1",
            ],
        );
        let trial = check(
            &["username = title"],
            &[],
            "1 ada",
            &["1 ada"],
            &["username: changes 0 values, empties 1, collides 0"],
        );
        assert!(trial.findings[0].message.contains("Has no username"), "{:?}", trial.findings);
    }

    #[test]
    fn people_collide_in_a_trial_as_they_do_in_a_run() {
        let people = ["1 ada .number=7", "2 ADA unknown", "3 ada .skip=1", "4 eve .number=7"];
        let rows = ["username = username", "title = {{ drop() if user.skip else 'x' }}"];
        let typed: Vec<String> = rows.map(str::to_owned).to_vec();
        let rules = PersonRules::parse(&typed, None, &|_| Ok(())).unwrap();
        let people = people.map(record);
        let trial = of_everybody(&people, &rules, &PersonRules::FIXED, &Existing::default());
        let username = |trial: &Trial| {
            let row = trial.rows.iter().find(|it| it.target == Target::Username);
            row.unwrap().collides
        };
        assert_eq!(username(&trial), 0, "one of unknown status, and whoever takes no part");
        let rules = PersonRules::parse(&typed[..1], None, &|_| Ok(())).unwrap();
        assert_eq!(
            username(&of_everybody(&people, &rules, &PersonRules::FIXED, &Existing::default())),
            2
        );

        let keyed = PersonRules::parse(&[], Some("number"), &|_| Ok(())).unwrap();
        let trial = of_everybody(&people, &keyed, &PersonRules::FIXED, &Existing::default());
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
