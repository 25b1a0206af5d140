//! From what the source tells to what a directory should hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::directory::Directory;
use crate::finding::{Finding, FindingKind};
use crate::principal::{ExternalId, Grant, Name, Record, Standing, User};

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

/// Maps every record. `unreadable` are people whom the source has but could not tell of.
///
/// A record that cannot be mapped is a finding and is withheld; it never stops the others. People
/// who would share a username are withheld together: to prefer one of them would be to guess.
pub fn desired(records: Vec<Record>, unreadable: BTreeSet<ExternalId>) -> (Desired, Vec<Finding>) {
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
    assign_groups(&mut desired, grants, &mut findings);
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
    })
}

/// Whether a directory can hold a group of that name; if not, a sentence that says why.
fn check_group(name: &Name) -> Result<(), String> {
    if name.as_str().trim().is_empty() {
        return Err("It has no name.".to_owned());
    }
    check_value("name", name.as_str())
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

/// A grant and everybody who has it.
type Holders = (Arc<Grant>, Vec<ExternalId>);

/// Groups with one name are one group, wherever they come from.
fn assign_groups(
    desired: &mut Desired,
    grants: Vec<(ExternalId, Vec<Arc<Grant>>)>,
    findings: &mut Vec<Finding>,
) {
    let mut groups: BTreeMap<Name, Vec<Holders>> = BTreeMap::new();
    for holders in members_by_grant(grants, &desired.withheld) {
        groups.entry(holders.0.group.clone()).or_default().push(holders);
    }
    for (name, sources) in groups {
        let origins: BTreeSet<&str> = sources.iter().map(|(grant, _)| &*grant.origin).collect();
        if let Err(why) = check_group(&name) {
            findings.extend(origins.iter().map(|origin| refused_group(origin, &why)));
            continue;
        }
        let spellings: BTreeSet<&str> =
            sources.iter().map(|(grant, _)| grant.group.as_str()).collect();
        if 1 < spellings.len() {
            findings.push(merged_groups(&spellings, &origins));
        }
        // The first spelling in order is the one that is used, whoever was read first.
        let name = spellings.first().map_or(name, |spelling| Name::new(spelling));
        let origins = origins.into_iter().collect::<Vec<_>>().join(" and ");
        desired.origins.insert(name.clone(), origins.into());
        let members = sources.into_iter().flat_map(|(_, members)| members).collect();
        desired.directory.groups.insert(name, members);
    }
}

/// Who has each grant, in no order. A source shares one `Arc` between all people who have a grant,
/// so they are told apart by address; equal ones at two addresses are for the caller to join.
fn members_by_grant(
    grants: Vec<(ExternalId, Vec<Arc<Grant>>)>,
    withheld: &BTreeSet<ExternalId>,
) -> impl Iterator<Item = Holders> {
    let mut by_address: BTreeMap<*const Grant, Holders> = BTreeMap::new();
    for (id, grants) in grants {
        if withheld.contains(&id) {
            continue;
        }
        for grant in grants {
            let entry =
                by_address.entry(Arc::as_ptr(&grant)).or_insert_with(|| (grant, Vec::new()));
            entry.1.push(id.clone());
        }
    }
    by_address.into_values()
}

fn refused_group(origin: &str, why: &str) -> Finding {
    Finding {
        kind: FindingKind::Invalid,
        id: None,
        username: None,
        message: format!("The group of {origin} is left out. {why}"),
    }
}

fn merged_groups(spellings: &BTreeSet<&str>, origins: &BTreeSet<&str>) -> Finding {
    let spellings = spellings.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>().join(", ");
    let origins = origins.iter().copied().collect::<Vec<_>>().join(", ");
    Finding {
        kind: FindingKind::Conflict,
        id: None,
        username: None,
        message: format!(
            "{spellings} ({origins}) are one group to Atlassian products, which do not tell upper from lower case; their members are together in one group."
        ),
    }
}

#[cfg(test)]
mod tests;
