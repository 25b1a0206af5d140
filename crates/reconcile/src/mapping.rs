//! From what the source tells to what a directory should hold.

pub mod groups;
pub mod transform;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::groups::GroupRules;
use crate::directory::Directory;
use crate::finding::{Finding, FindingKind};
use crate::principal::{Attributes, ExternalId, Grant, Name, Record, Standing, User};

/// What a directory should hold, and who is not to be decided on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// Inactive people are in it too; whether they get an account is for the plan to say.
    pub directory: Directory,
    /// In the source, but odd: whatever a target holds of them stays as it is.
    pub withheld: BTreeSet<ExternalId>,
    /// Why somebody is inactive, in the words of the source's status.
    pub inactive: BTreeMap<ExternalId, Arc<str>>,
    /// Where each group comes from, in the source's words.
    pub origins: BTreeMap<Name, Arc<str>>,
}

impl Desired {
    /// Everybody whom the source told of, odd ones included.
    pub fn people(&self) -> usize {
        self.directory.users.len() + self.withheld.len()
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
    let mut findings = Vec::new();
    let mut desired = Desired { withheld: unreadable, ..Desired::default() };
    let mut grants = Vec::with_capacity(records.len());
    for record in records {
        match user(&record) {
            Ok(user) if desired.knows(&user.id) => findings.push(repeated(&user)),
            Ok(user) => {
                if record.standing != Standing::Active {
                    desired.inactive.insert(user.id.clone(), record.standing_words);
                }
                grants.push((user.id.clone(), record.grants));
                desired.directory.users.insert(user.id.clone(), Arc::new(user));
            }
            Err(finding) => {
                desired.withheld.insert(record.id);
                findings.push(finding);
            }
        }
    }
    withhold_shared_usernames(&mut desired, &mut findings);
    groups::assign(&mut desired, grants, listed, rules, &mut findings);
    (desired, findings)
}

/// Maps one record to the user that a directory should hold, or says why it cannot be.
pub fn user(record: &Record) -> Result<User, Finding> {
    let refuse = |kind, message: String| Finding {
        kind,
        id: Some(record.id.clone()),
        username: record.username.clone(),
        message,
    };
    let invalid = |message| refuse(FindingKind::Invalid, message);
    if record.standing == Standing::Unknown {
        let words = &record.standing_words;
        let message =
            format!("The source says {words}, which decides nothing; the account stays as it is.");
        return Err(refuse(FindingKind::UnknownStatus, message));
    }
    let Some(username) = present(record.username.as_deref()).or(present(record.email.as_deref()))
    else {
        return Err(invalid(
            "Has neither a username nor an e-mail; set one in the source.".to_owned(),
        ));
    };
    let email = present(record.email.as_deref()).unwrap_or_default();
    check_value("username", username).map_err(invalid)?;
    check_value("e-mail", email).map_err(invalid)?;

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
        active: record.standing == Standing::Active,
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
        return Err(format!(
            "The {field} has a control character in it; type it anew in the source."
        ));
    }
    Ok(())
}

/// Control characters, and the two code points that XML cannot carry in any form.
fn is_unprintable(char: char) -> bool {
    char.is_control() || matches!(char, '\u{fffe}' | '\u{ffff}')
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

fn withhold_shared_usernames(desired: &mut Desired, findings: &mut Vec<Finding>) {
    let mut users: Vec<&Arc<User>> = desired.directory.users.values().collect();
    users.sort_by(|one, other| one.username.cmp(&other.username));
    let shared: Vec<Vec<Arc<User>>> = users
        .chunk_by(|one, other| one.username == other.username)
        .filter(|users| 1 < users.len())
        .map(|users| users.iter().map(|user| Arc::clone(user)).collect())
        .collect();
    for users in shared {
        let everybody = users.iter().map(|user| user.id.as_str()).collect::<Vec<_>>().join(", ");
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
