//! Atlassian directories that a connector keeps equal to its source.

pub mod crowd;
pub mod password;

use jiff::Timestamp;
use reconcile::directory::Directory;
use reconcile::plan::Memory;

use crate::store::StoreError;
use crate::store::plans::decisions::InForce;
use crate::store::targets::TargetId;

/// What a target holds, and which of its publications that is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actual {
    pub directory: Directory,
    /// 0 where nothing has been published yet.
    pub generation: i64,
    /// When this was read, by the clock that all nodes share.
    pub read_at: Timestamp,
    /// What earlier plans for it noticed.
    pub memory: Memory,
    /// What people have said of earlier plans for it.
    pub in_force: InForce,
}

/// What became of an approved plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The publication that holds the plan; the one that was read, where the plan was empty.
    pub generation: i64,
    /// Changes that were made. All of the plan or none of it.
    pub changes: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("The target {0} does not exist.")]
    Unknown(TargetId),
    #[error(
        "The directory was changed by another run or by hand since it was read (publication {found} instead of {read}), \
         so nothing was changed. Run the sync again."
    )]
    Stale { read: i64, found: i64 },
    #[error(
        "The users {first} and {second} would share the username {username:?}, which no product can tell apart, \
         so nothing was changed."
    )]
    Conflict { username: String, first: String, second: String },
    #[error(
        "The first publication has no user, so nothing was published: a product that already holds \
         users would remove them all. Check the required groups and the group sources."
    )]
    NoUsers,
    #[error(
        "The plan does not fit the directory ({what}: {expected} expected, {found} found), so nothing was changed. \
         This is a defect of Rollcall."
    )]
    Misfit { what: &'static str, expected: usize, found: usize },
    #[error(transparent)]
    Store(#[from] StoreError),
}
