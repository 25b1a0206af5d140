//! Plans in words: the preview, the report and the log show the same.

use std::fmt;

use super::values::{self, Differing};
use super::{Change, Differences, Earlier, Plan, Reason, Step};

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Create { user } => {
                write!(f, "+ create {} ({})", user.username, user.display_name)
            }
            Change::Reactivate { user } => write!(f, "+ reactivate {}", user.username),
            Change::Rename { user, to } => write!(f, "~ rename {} to {to}", user.username),
            Change::Update { before, after } => {
                write!(f, "~ update {}: {}", before.username, Differences(before, after))
            }
            Change::CreateGroup { group } => write!(f, "+ create group {group}"),
            Change::AdoptGroup { group } => write!(f, "~ adopt group {group}"),
            Change::MakeLocal { group } => write!(f, "~ make group {group} local again"),
            Change::AddMember { group, user } => {
                write!(f, "+ add {} to group {group}", user.username)
            }
            Change::RemoveMember { group, user } => {
                write!(f, "- remove {} from group {group}", user.username)
            }
            Change::Deactivate { user } => write!(f, "- deactivate {}", user.username),
            Change::Anonymise { before, after } => {
                write!(f, "- anonymise {} as {}", before.username, after.display_name)
            }
            Change::Remove { user } => write!(f, "- remove {}", user.username),
            Change::RemoveGroup { group } => write!(f, "- remove group {group}"),
        }
    }
}

impl Differences<'_> {
    pub fn is_empty(&self) -> bool {
        let Differences(before, after) = self;
        before.email == after.email
            && before.display_name == after.display_name
            && before.first_name == after.first_name
            && before.last_name == after.last_name
            && before.attributes == after.attributes
            && before.source_id == after.source_id
    }
}

impl fmt::Display for Differences<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Differences(before, after) = self;
        let mut separator = "";
        for Differing { attribute, before, after } in values::differing(before, after) {
            write!(f, "{separator}{attribute} {before:?} -> {after:?}")?;
            separator = ", ";
        }
        if before.source_id != after.source_id {
            let (before, after) = (before.source_id(), after.source_id());
            write!(f, "{separator}id in the source {before} -> {after}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::New => f.write_str("new in the source"),
            Reason::Changed => f.write_str("differs from the source"),
            Reason::ActiveAgain => f.write_str("active again in the source"),
            Reason::Granted(origin) => write!(f, "granted by {origin}"),
            Reason::LeftOut(why) => f.write_str(why),
            Reason::NotGranted => f.write_str("no group source grants it any more"),
            Reason::Inactive(words) => write!(f, "the source says {words}"),
            Reason::Gone => f.write_str("gone, asked for by id"),
            Reason::OutOfScope(words) => write!(f, "out of scope: {words}"),
            Reason::Listed(origin) => write!(f, "in the source without anybody: {origin}"),
            Reason::Named => f.write_str("named to be adopted"),
            Reason::EmptySince(since) => write!(f, "nobody has been in it since {since}"),
            Reason::Empty => f.write_str("nobody is in it any more"),
            Reason::Undone(run) => write!(f, "{run} is undone"),
            Reason::NoticedByNewRules(earlier) => {
                let Earlier { reason, at } = &**earlier;
                write!(f, "{reason}; noticed at {at}, when the rules were new")
            }
            Reason::HiddenFromNewRules(earlier) => {
                let Earlier { reason, at } = &**earlier;
                write!(
                    f,
                    "{reason}; nothing could be told of them at {at}, when the rules were new"
                )
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.change, self.reason)
    }
}

/// One line a step, in the order in which they are done.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}
