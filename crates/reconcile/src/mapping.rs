//! From what the source tells to what a directory should hold.

pub mod existing;
pub mod groups;
pub mod rules;
pub mod transform;
pub mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::existing::Existing;
use self::groups::{Assignments, GroupRules};
use self::rules::{Person, PersonRules};
use crate::directory::Directory;
use crate::finding::{Finding, FindingKind};
use crate::gate::decisions::Said;
use crate::plan::OutOfScope;
use crate::principal::{Attributes, ExternalId, Grant, Name, Record, Standing, User};

/// What a directory should hold, and who is not to be decided on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// Inactive people are in it too; whether they get an account is for the plan to say.
    pub directory: Directory,
    /// In the source, but odd: whatever a target holds of them stays as it is.
    pub withheld: BTreeSet<ExternalId>,
    /// In the source and in scope, but a rule says that they take no part, and why.
    pub skipped: BTreeMap<ExternalId, Arc<str>>,
    /// Why somebody is inactive, in the words of the source's status.
    pub inactive: BTreeMap<ExternalId, Arc<str>>,
    /// What the source said of everybody who is not withheld, for decisions that last as long as it says
    /// the same.
    pub said: BTreeMap<ExternalId, Said>,
    /// Where each group comes from, in the source's words.
    pub origins: BTreeMap<Name, Arc<str>>,
    /// Groups that people have in the source and that are none here, by the name that they would have, and
    /// why.
    pub left_out: BTreeMap<Name, Arc<str>>,
    /// Whoever has a group that no directory can hold. It may be one that they are in under its former
    /// name, so they stay in those that the source has no more.
    pub unnamed: BTreeSet<ExternalId>,
    /// Of whom an assignment cannot say whether they get a group, because the source does not tell what it
    /// asks: they stay in it, or out of it.
    pub unsettled: BTreeMap<Name, BTreeSet<ExternalId>>,
    /// What the source tells of those of whom an expression of the plan asks it: of people without an
    /// account, and of those who are skipped. As [`Keeps`] says.
    pub records: BTreeMap<ExternalId, Arc<Record>>,
}

impl Desired {
    /// Everybody whom the source told of, odd ones included.
    pub fn people(&self) -> usize {
        self.directory.users.len() + self.withheld.len()
    }

    /// Takes somebody out of what is decided: whatever a target holds of them stays as it is.
    pub fn withhold(&mut self, id: &ExternalId) {
        self.directory.users.remove(id);
        self.inactive.remove(id);
        self.skipped.remove(id);
        for members in self.directory.groups.values_mut() {
            members.remove(id);
        }
        self.withheld.insert(id.clone());
    }

    fn skip(&mut self, id: ExternalId, words: Arc<str>, record: Record, keeps: Keeps) {
        if keeps.leavers {
            let record = Record { grants: Vec::new(), ..record };
            self.records.insert(id.clone(), Arc::new(record));
        }
        self.skipped.insert(id, words);
    }

    /// Whoever is skipped, as somebody who is out of scope.
    pub fn out_of_scope(&self, id: &ExternalId) -> Option<OutOfScope> {
        let words = Arc::clone(self.skipped.get(id)?);
        Some(OutOfScope { words, record: self.records.get(id).cloned() })
    }

    /// Whether an assignment cannot say if somebody gets a group.
    pub(crate) fn is_unsettled(&self, group: &Name, id: &ExternalId) -> bool {
        self.unsettled.get(group).is_some_and(|people| people.contains(id))
    }

    pub fn knows(&self, id: &ExternalId) -> bool {
        self.directory.users.contains_key(id) || self.withheld.contains(id)
    }
}

/// The longest value that every Atlassian product's database holds, in characters.
const VALUE_CHARS_MAX: usize = 255;

/// Maps every record. `unreadable` are people whom the source has but could not tell of, `listed` the
/// groups of which it tells whether or not somebody has them.
///
/// A record that cannot be mapped is a finding and is withheld; it never stops the others. People
/// who would share a username are withheld together: to prefer one of them would be to guess.
pub fn desired(
    records: Vec<Record>,
    unreadable: BTreeSet<ExternalId>,
    listed: &[Arc<Grant>],
    rules: &GroupRules,
) -> (Desired, Vec<Finding>) {
    let rules =
        Rules { people: PersonRules::FIXED, groups: rules.clone(), keeps: Keeps::default() };
    desired_by(records, unreadable, listed, &rules, &Existing::default())
}

/// What becomes of people and of groups.
#[derive(Clone, Debug)]
pub struct Rules {
    pub people: PersonRules,
    pub groups: GroupRules,
    pub keeps: Keeps,
}

/// Of whom the records outlast the mapping, because an expression of the plan asks for them. Of nobody
/// else: there may be a million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeps {
    /// Of people who lack an account in one directory or another.
    pub newcomers: bool,
    /// Of people who are skipped; and of those who are out of scope, for the source to tell.
    pub leavers: bool,
}

/// As [`desired`], by rules for people, too. `existing` is what targets hold: rules may keep it.
pub fn desired_by(
    records: Vec<Record>,
    unreadable: BTreeSet<ExternalId>,
    listed: &[Arc<Grant>],
    rules: &Rules,
    existing: &Existing<'_>,
) -> (Desired, Vec<Finding>) {
    let mut findings = Vec::new();
    let accounts = unreadable.iter().filter_map(|id| existing.of_source(id)).cloned();
    let withheld = accounts.collect::<BTreeSet<_>>().into_iter().chain(unreadable).collect();
    let mut desired = Desired { withheld, ..Desired::default() };
    let mut grants = Vec::with_capacity(records.len());
    let mut in_doubt = Vec::new();
    let skips = groups::Skips::of(&rules.groups);
    let mut sharing = Sharing::default();
    let mut assignments = Assignments::of(&rules.groups);
    for mut record in records {
        let id = match account_id(&record, &rules.people, existing) {
            Ok(id) => id,
            Err((accounts, finding)) => {
                in_doubt.extend(accounts);
                findings.push(finding);
                continue;
            }
        };
        desired.said.entry(id.clone()).or_insert_with(|| Said::of(&record));
        if let Some(words) = skips.because_of(&record.grants) {
            desired.skip(id, words, record, rules.keeps);
            continue;
        }
        match rules.people.person(&record, existing.account(&id)) {
            Ok(Person::User(user)) => {
                let user = User { source_id: source_id(&id, &record), id, ..user };
                let source = user.source_id();
                let is_withheld = desired.withheld.contains(&user.id);
                match desired.directory.users.get(&user.id) {
                    Some(first) if first.source_id() == source => findings.push(repeated(&user)),
                    None if is_withheld && sharing.is_repeated(&user, &desired.withheld) => {
                        findings.push(repeated(&user));
                    }
                    Some(_) => sharing.withhold(&user, &mut desired, &mut findings),
                    None if is_withheld => {
                        sharing.withhold(&user, &mut desired, &mut findings);
                    }
                    None => {
                        if !user.active {
                            let words = inactive_because(&record);
                            desired.inactive.insert(user.id.clone(), words);
                        }
                        assignments.ask(&user, &record);
                        let is_kept = rules.keeps.newcomers && existing.lacks(&user.id);
                        grants.push((user.id.clone(), std::mem::take(&mut record.grants)));
                        if is_kept {
                            desired.records.insert(user.id.clone(), Arc::new(record));
                        }
                        desired.directory.users.insert(user.id.clone(), Arc::new(user));
                    }
                }
            }
            Ok(Person::Skipped(words)) => desired.skip(id, words, record, rules.keeps),
            Err(finding) => {
                findings.push(Finding { id: Some(id.clone()), ..finding });
                sharing.withhold_unmapped(id, &record.id, &mut desired, &mut findings);
            }
        }
    }
    // Whoever was read before the one that put them in doubt is left alone, too.
    for id in in_doubt {
        desired.directory.users.remove(&id);
        desired.inactive.remove(&id);
        desired.withheld.insert(id);
    }
    // Whoever is withheld or wanted by one record is not skipped because of another.
    let Desired { directory, withheld, skipped, .. } = &mut desired;
    skipped.retain(|id, _| !withheld.contains(id) && !directory.users.contains_key(id));
    withhold_shared_usernames(&mut desired, &mut findings);
    groups::assign(&mut desired, grants, listed, &rules.groups, assignments, &mut findings);
    (desired, findings)
}

/// Under which id a directory holds somebody, or is to hold them. An account keeps the key that it
/// was made with, whatever the key is now: it is known by the source's id, too.
///
/// Otherwise the accounts that are to be left alone, and why.
pub fn account_id(
    record: &Record,
    rules: &PersonRules,
    existing: &Existing<'_>,
) -> Result<ExternalId, (Vec<ExternalId>, Finding)> {
    let by_source = existing.of_source(&record.id);
    let refuse = |kind, other: Option<ExternalId>, message| {
        let own = by_source.cloned().unwrap_or_else(|| record.id.clone());
        let (id, username) = (Some(own.clone()), record.username.clone());
        let accounts = [Some(own), other].into_iter().flatten().collect();
        (accounts, Finding { kind, id, username, message })
    };
    let key = match rules.key(record) {
        None => return Ok(by_source.unwrap_or(&record.id).clone()),
        Some(Err(why)) => return Err(refuse(FindingKind::Invalid, None, why)),
        Some(Ok(key)) => key,
    };
    match by_source {
        Some(own) if *own == key => Ok(key),
        Some(own) if existing.account(&key).is_some() => {
            let message = format!(
                "Has the account {own} by the source's id, and the account {key} by the key. Both stay \
                 as they are until one of them is gone."
            );
            Err(refuse(FindingKind::Conflict, Some(key), message))
        }
        Some(own) => Ok(own.clone()),
        None => Ok(key),
    }
}

/// What of a directory a record lays claim to, whether or not it may have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Its own account first. There are others where the keys are in doubt.
    pub accounts: Vec<ExternalId>,
    /// None where the record cannot be mapped, or takes no part.
    pub username: Option<Name>,
}

/// What somebody in scope lays claim to, as [`desired_by`] maps them.
pub fn claims(record: &Record, rules: &PersonRules, existing: &Existing<'_>) -> Claims {
    let id = match account_id(record, rules, existing) {
        Ok(id) => id,
        Err((accounts, _)) => return Claims { accounts, username: None },
    };
    let username = match rules.person(record, existing.account(&id)) {
        Ok(Person::User(user)) => Some(user.username),
        Ok(Person::Skipped(_)) | Err(_) => None,
    };
    Claims { accounts: vec![id], username }
}

impl Claims {
    /// Whether the two cannot both have what they lay claim to.
    pub fn clash(&self, other: &Claims) -> bool {
        let shares_username = self.username.is_some() && self.username == other.username;
        shares_username || self.accounts.iter().any(|it| other.accounts.contains(it))
    }
}

fn source_id(id: &ExternalId, record: &Record) -> Option<ExternalId> {
    (*id != record.id).then(|| record.id.clone())
}

fn inactive_because(record: &Record) -> Arc<str> {
    match record.standing {
        Standing::Active => "inactive by the row of active".into(),
        Standing::Inactive
        | Standing::Pending
        | Standing::Unknown
        | Standing::Kept
        | Standing::KeptOnly => Arc::clone(&record.standing_words),
    }
}

/// Maps one record by the fixed rules, or says why it cannot be.
pub fn user(record: &Record) -> Result<User, Finding> {
    fixed(record, None)
}

fn refuse_unknown_standing(record: &Record) -> Result<(), Finding> {
    if record.standing != Standing::Unknown {
        return Ok(());
    }
    let words = &record.standing_words;
    Err(Finding {
        kind: FindingKind::UnknownStatus,
        id: Some(record.id.clone()),
        username: record.username.clone(),
        message: format!(
            "The source says {words}, which decides nothing; the account stays as it is."
        ),
    })
}

fn fixed(record: &Record, existing: Option<&User>) -> Result<User, Finding> {
    refuse_unknown_standing(record)?;
    let invalid = |message: String| Finding {
        kind: FindingKind::Invalid,
        id: Some(record.id.clone()),
        username: record.username.clone(),
        message,
    };
    let Some(username) = present(record.username.as_deref()).or(present(record.email.as_deref()))
    else {
        return Err(invalid(
            "Has neither a username nor an e-mail; set one in the source.".to_owned(),
        ));
    };
    let email = present(record.email.as_deref()).unwrap_or_default();
    check_identifier("username", username).map_err(invalid)?;
    check_identifier("e-mail", email).map_err(invalid)?;

    let first_name = tidy(record.first_name.as_deref());
    let last_name = tidy(record.last_name.as_deref());
    let given = tidy(record.display_name.as_deref());
    let joined = format!("{first_name} {last_name}");
    let display_name = match (given.as_str(), joined.trim()) {
        ("", "") => username,
        ("", joined) => joined,
        (given, _) => given,
    };
    for (field, value) in
        [("first name", &*first_name), ("last name", &last_name), ("display name", display_name)]
    {
        check_value(field, value).map_err(invalid)?;
    }
    Ok(User {
        id: record.id.clone(),
        username: Name::new(username),
        email: email.into(),
        display_name: display_name.into(),
        first_name: first_name.into(),
        last_name: last_name.into(),
        active: record.standing.is_active(existing),
        attributes: Attributes::default(),
        source_id: None,
    })
}

fn check_value(field: &str, value: &str) -> Result<(), String> {
    let is_plain = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_plain && value.len() <= VALUE_CHARS_MAX {
        return Ok(());
    }
    let length = value.chars().count();
    if VALUE_CHARS_MAX < length {
        return Err(format!(
            "The {field} has {length} characters; Atlassian products hold {VALUE_CHARS_MAX}."
        ));
    }
    if value.chars().any(is_unprintable) {
        return Err(format!("The {field} has a control character in it; type it anew."));
    }
    Ok(())
}

/// As [`check_value`], of what people are told apart by: it must not look like another.
fn check_identifier(field: &str, value: &str) -> Result<(), String> {
    check_value(field, value)?;
    if value.chars().any(is_invisible) {
        return Err(format!("The {field} has an invisible character in it; type it anew."));
    }
    Ok(())
}

/// Control characters, those that turn the direction of what follows, and the two code points that XML
/// cannot carry in any form.
fn is_unprintable(char: char) -> bool {
    let turns = matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || turns || matches!(char, '\u{fffe}' | '\u{ffff}')
}

/// Without a width and without a meaning: the joiners of some scripts are not among them.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
    )
}

fn present(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|value| !value.is_empty())
}

/// A name to read: line breaks and tabs that came by pasting are spaces, runs of spaces are one.
fn tidy(value: Option<&str>) -> String {
    let value = value.unwrap_or_default();
    let is_tidy = value.trim() == value && !value.contains(is_unprintable) && !value.contains("  ");
    if is_tidy {
        return value.to_owned();
    }
    let words = value.split(|char: char| char.is_whitespace() || is_unprintable(char));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn repeated(user: &User) -> Finding {
    Finding {
        kind: FindingKind::Conflict,
        id: Some(user.id.clone()),
        username: Some(user.username.as_str().into()),
        message: "The source told of this id more than once; the first record counts.".to_owned(),
    }
}

/// Who is withheld under which key, by the source's ids.
#[derive(Debug, Default)]
struct Sharing(BTreeMap<ExternalId, BTreeSet<ExternalId>>);

impl Sharing {
    /// Whether the source told of this person before, and not of another one with the same key.
    /// Whoever it could not tell of is withheld by its own id.
    fn is_repeated(&self, user: &User, withheld: &BTreeSet<ExternalId>) -> bool {
        let source = user.source_id();
        match self.0.get(&user.id) {
            Some(sources) => sources.contains(source),
            None => withheld.contains(source),
        }
    }

    /// Several people of the source have one key: to prefer one of them would be to guess.
    fn withhold(&mut self, user: &User, desired: &mut Desired, findings: &mut Vec<Finding>) {
        let sources = self.0.entry(user.id.clone()).or_default();
        if let Some(first) = desired.directory.users.remove(&user.id) {
            findings.push(shared_key(&first, &BTreeSet::from([user.source_id().clone()])));
            sources.insert(first.source_id().clone());
        }
        findings.push(shared_key(user, sources));
        sources.insert(user.source_id().clone());
        desired.inactive.remove(&user.id);
        desired.withheld.insert(user.id.clone());
    }

    /// Somebody cannot be mapped: whoever has the same key is not preferred for that.
    fn withhold_unmapped(
        &mut self,
        id: ExternalId,
        source: &ExternalId,
        desired: &mut Desired,
        findings: &mut Vec<Finding>,
    ) {
        let sources = self.0.entry(id.clone()).or_default();
        if let Some(first) = desired.directory.users.remove(&id) {
            if first.source_id() != source {
                findings.push(shared_key(&first, &BTreeSet::from([source.clone()])));
            }
            sources.insert(first.source_id().clone());
        }
        sources.insert(source.clone());
        desired.inactive.remove(&id);
        desired.withheld.insert(id);
    }
}

fn shared_key(user: &User, others: &BTreeSet<ExternalId>) -> Finding {
    let others: Vec<&ExternalId> = others.iter().collect();
    let (others, none) = match others.len() {
        0 => ("somebody whom the source could not tell of".to_owned(), "Neither"),
        1 => (some_of(&others), "Neither"),
        _ => (some_of(&others), "None"),
    };
    Finding {
        kind: FindingKind::Conflict,
        id: Some(user.source_id().clone()),
        username: Some(user.username.as_str().into()),
        message: format!(
            "Has the key {} together with {others}. {none} of them is touched until they differ in the \
             source.",
            user.id
        ),
    }
}

/// `1, 2 and 98 more`: a sentence that named everybody could be as long as the directory.
fn some_of(ids: &[&ExternalId]) -> String {
    const NAMED_MAX: usize = 5;
    let more = ids.len().saturating_sub(NAMED_MAX);
    let named = ids.iter().take(NAMED_MAX).map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

fn withhold_shared_usernames(desired: &mut Desired, findings: &mut Vec<Finding>) {
    let mut users: Vec<&Arc<User>> = desired.directory.users.values().collect();
    users.sort_by(|one, other| one.username.cmp(&other.username));
    let shared: Vec<Vec<Arc<User>>> = users
        .chunk_by(|one, other| one.username == other.username)
        .filter(|users| 1 < users.len())
        .map(|users| users.iter().map(|user| Arc::clone(user)).collect())
        .collect();
    for users in shared {
        let everybody = some_of(&users.iter().map(|user| &user.id).collect::<Vec<_>>());
        for user in &users {
            desired.directory.users.remove(&user.id);
            desired.inactive.remove(&user.id);
            desired.withheld.insert(user.id.clone());
            findings.push(Finding {
                kind: FindingKind::Conflict,
                id: Some(user.id.clone()),
                username: Some(user.username.as_str().into()),
                message: format!(
                    "{everybody} map to one username. None of them is touched until they differ in the source."
                ),
            });
        }
    }
}

#[cfg(test)]
mod tests;
