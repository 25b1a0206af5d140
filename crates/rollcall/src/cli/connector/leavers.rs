//! What becomes of leavers, as `connector show` tells it.

use crate::cli::output;
use crate::store::connectors::settings::leavers::{Cleanup, LeaverSettings};

/// What `connector show` tells of them; what is not set is not told.
pub(super) fn facts(cleanup: Cleanup, leavers: &LeaverSettings) -> Vec<(&'static str, String)> {
    let LeaverSettings {
        create_if,
        cleanup_expression,
        anonymise_usernames,
        leave_groups,
        keep_groups,
        grace_reads,
        grace_hours,
        protected,
    } = leavers;
    let what = match cleanup {
        Cleanup::Disable => "disable",
        Cleanup::Delete => "delete",
        Cleanup::Anonymise if *anonymise_usernames => "anonymise, with the username",
        Cleanup::Anonymise => "anonymise",
        Cleanup::Keep => "keep",
    };
    let what = match (leave_groups, keep_groups.as_slice()) {
        (false, _) => what.to_owned(),
        (true, []) => format!("{what}, and take out of all groups"),
        (true, kept) => format!("{what}, and take out of all groups but {}", kept.join(", ")),
    };
    let mut facts = vec![("Gone or out of scope", output::printable(&what))];
    for (title, text) in
        [("Cleanup expression", cleanup_expression), ("Accounts only where", create_if)]
    {
        if !text.is_empty() {
            facts.push((title, output::printable(text)));
        }
    }
    if (*grace_reads, *grace_hours) != (1, 0) {
        let grace = format!("after {grace_reads} reads and {grace_hours} h");
        facts.push(("Counts as gone", grace));
    }
    if !protected.is_empty() {
        facts.push(("Protected", output::printable(&protected.join(", "))));
    }
    facts
}
