//! What becomes of groups, as `connector show` tells it.

use crate::cli::output;
use crate::notation::choices::group_source_word;
use crate::store::connectors::settings::groups::{
    ALWAYS_PRIVILEGED, EmptyGroups, EqualNames, GroupSettings, UnmatchedGroups,
};

/// What `connector show` tells of them; what is not set is not told.
pub(super) fn facts(empty: EmptyGroups, groups: &GroupSettings) -> Vec<(&'static str, String)> {
    let GroupSettings {
        names,
        unmatched,
        equal_names,
        source_order: _,
        only,
        except,
        always,
        with_source,
        assign_if,
        never_touch,
        adopt,
        privileged,
        empty_days,
    } = groups;
    let order: Vec<&str> = groups.order().into_iter().map(group_source_word).collect();
    let equal_names = match equal_names {
        EqualNames::Merge => None,
        EqualNames::Prefix => Some("kept apart with a prefix".to_owned()),
        EqualNames::FirstWins => Some(format!("the first of {} wins", order.join(", "))),
    };
    let with_source: Vec<String> = with_source
        .iter()
        .map(|it| format!("{} with any of {}", it.group, group_source_word(it.source)))
        .collect();
    let assign_if: Vec<String> =
        assign_if.iter().map(|it| format!("{} if {}", it.group, it.expression)).collect();
    let always_privileged = ALWAYS_PRIVILEGED.map(str::to_owned);
    let privileged = [&always_privileged[..], privileged].concat();
    let empty = match (empty, empty_days) {
        (EmptyGroups::Keep, _) => "keep".to_owned(),
        (EmptyGroups::Create, _) => "create".to_owned(),
        (EmptyGroups::Remove, 0) => "remove".to_owned(),
        (EmptyGroups::Remove, days) => format!("remove after {days} days"),
    };
    let unmatched = match unmatched {
        UnmatchedGroups::Untransformed => "",
        UnmatchedGroups::LeftOut => "; otherwise left out",
        UnmatchedGroups::SkipUser => "; otherwise whoever has it takes no part",
    };
    let mut facts = Vec::new();
    if !names.is_empty() {
        facts.push(("Group names", output::printable(&format!("{names}{unmatched}"))));
    }
    facts.push(("Empty groups", empty));
    facts.extend(equal_names.map(|words| ("Equal names", words)));
    for (title, list) in [
        ("Only groups", only),
        ("No groups", except),
        ("Always assigned", always),
        ("Assigned", &with_source),
        ("Assigned where", &assign_if),
        ("Never touched", never_touch),
        ("Adopted groups", adopt),
        ("Privileged groups", &privileged),
    ] {
        if !list.is_empty() {
            facts.push((title, output::printable(&list.join(", "))));
        }
    }
    facts
}
