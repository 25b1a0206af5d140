//! The plan: what has to change so that what is becomes what should be.

use std::sync::Arc;

use crate::principal::{Name, User};

/// One atomic step. Its `Display` is what the preview, the report and the log show.
///
/// Users are named by the record that a directory holds of them, never by a free id: an account
/// that was never linked cannot appear here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Create {
        user: Arc<User>,
    },
    /// Back from inactive. The user is as they were before.
    Reactivate {
        user: Arc<User>,
    },
    Rename {
        user: Arc<User>,
        to: Name,
    },
    /// E-mail and names; never username or active, which are changes of their own.
    Update {
        before: Arc<User>,
        after: Arc<User>,
    },
    CreateGroup {
        group: Name,
    },
    AddMember {
        group: Name,
        user: Arc<User>,
    },
    RemoveMember {
        group: Name,
        user: Arc<User>,
    },
    Deactivate {
        user: Arc<User>,
    },
    Remove {
        user: Arc<User>,
    },
    RemoveGroup {
        group: Name,
    },
}

/// What became of somebody whom a read did not contain, asked for by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The source does not know the id any more.
    Gone,
    /// The source knows them, outside of the required groups. The words say what they have instead.
    OutOfScope(Arc<str>),
    /// The source knows them as inactive, in the words of its status.
    Inactive(Arc<str>),
    /// Still there and in scope: the read passed them over. Nothing may be taken from them.
    Present,
}
