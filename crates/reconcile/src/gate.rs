//! The gate: what may be applied at once, and what waits for a person.

use crate::plan::Change;

/// The changes that may be applied. Only this module can make one.
#[derive(Clone, Debug)]
pub struct Approved {
    changes: Vec<Change>,
}

impl Approved {
    /// In the order in which they are to be applied.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = &Change> {
        self.changes.iter()
    }
}
