//! Which groups there are, and who is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Desired, check_value};
use crate::finding::{Finding, FindingKind};
use crate::principal::{ExternalId, Grant, Name};

/// A grant and everybody who has it.
type Holders = (Arc<Grant>, Vec<ExternalId>);

/// Groups with one name are one group, wherever they come from.
pub(super) fn assign(
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

/// Whether a directory can hold a group of that name; if not, a sentence that says why.
fn check_group(name: &Name) -> Result<(), String> {
    if name.as_str().trim().is_empty() {
        return Err("It has no name.".to_owned());
    }
    check_value("name", name.as_str())
}
