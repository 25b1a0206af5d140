//! Odd records: what could not be synchronised as it is, and why.

use crate::principal::ExternalId;

/// Something odd about one record. It never stops the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: FindingKind,
    /// Absent where the record has no readable id.
    pub id: Option<ExternalId>,
    pub username: Option<Box<str>>,
    /// One sentence that says what is odd and what would mend it.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// The source sent something that is not a user: no id, a wrong type.
    Unreadable,
    /// A value that a directory cannot hold: too long, control characters, no username at all.
    Invalid,
    /// Two people, or two groups, that a directory cannot tell apart.
    Conflict,
    /// Inactive or pending in the source and without an account, so none is made.
    NotCreated,
    /// A status that nobody has told us of; whatever is there stays as it is.
    UnknownStatus,
    /// Absent from the read although the source still has them.
    PassedOver,
    /// Gone or out of scope, but not for as long as it has to be before it counts.
    Suspected,
    /// Would have been changed, but is to stay as they are.
    Protected,
    /// A group whose name the source does not tell.
    UnnamedGroup,
    /// A field that a row names and the source does not have; whatever accounts hold of it stays.
    UnknownField,
    /// Would have been cleaned up, but an expression says that they are kept.
    Kept,
    /// An expression that says nothing of this person; what is safe was done instead.
    Expression,
    /// Was to be taken back, but is not as the run left it.
    NotUndone,
}

impl FindingKind {
    /// The word in reports, exports and the database.
    pub fn word(self) -> &'static str {
        match self {
            FindingKind::Unreadable => "unreadable",
            FindingKind::Invalid => "invalid",
            FindingKind::Conflict => "conflict",
            FindingKind::NotCreated => "not-created",
            FindingKind::UnknownStatus => "unknown-status",
            FindingKind::PassedOver => "passed-over",
            FindingKind::Suspected => "suspected",
            FindingKind::Protected => "protected",
            FindingKind::UnnamedGroup => "unnamed-group",
            FindingKind::UnknownField => "unknown-field",
            FindingKind::Kept => "kept",
            FindingKind::Expression => "expression",
            FindingKind::NotUndone => "not-undone",
        }
    }
}
