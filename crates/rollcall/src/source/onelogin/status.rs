//! What each status and state of OneLogin means for an account, which an admin may change row by row.

use std::collections::BTreeMap;
use std::sync::Arc;

use reconcile::principal::Standing;

/// The rows that were changed; every other has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusTable(BTreeMap<&'static str, Action>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The account is active, and made where there is none.
    Activate,
    /// The account is inactive, and none is made.
    Deactivate,
    /// The account stays active or inactive as it is; where there is none, one is made.
    Keep,
    /// The account stays active or inactive as it is; where there is none, none is made.
    DoNotCreate,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// `password-expired`
    pub word: &'static str,
    /// `Password expired (status 4)`
    pub words: &'static str,
    code: Code,
    pub default: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Status(i64),
    State(i64),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StatusError(String);

const fn status(word: &'static str, words: &'static str, number: i64, default: Action) -> Row {
    Row { word, words, code: Code::Status(number), default }
}

const fn state(word: &'static str, words: &'static str, number: i64) -> Row {
    Row { word, words, code: Code::State(number), default: Action::Deactivate }
}

/// Every status and state that decides something. Of state 1, approved, the status decides.
pub const ROWS: [Row; 11] = [
    status("unactivated", "Unactivated (status 0)", 0, Action::Deactivate),
    status("active", "Active (status 1)", 1, Action::Activate),
    status("suspended", "Suspended (status 2)", 2, Action::Deactivate),
    status("locked", "Locked (status 3)", 3, Action::Activate),
    status("password-expired", "Password expired (status 4)", 4, Action::Activate),
    status("awaiting-password-reset", "Awaiting password reset (status 5)", 5, Action::Activate),
    status("password-pending", "Password pending (status 7)", 7, Action::Deactivate),
    status("security-questions", "Security questions required (status 8)", 8, Action::Activate),
    state("unapproved", "Unapproved (state 0)", 0),
    state("rejected", "Rejected (state 2)", 2),
    state("unlicensed", "Unlicensed (state 3)", 3),
];

impl Action {
    pub const ALL: [Action; 4] =
        [Action::Activate, Action::Deactivate, Action::Keep, Action::DoNotCreate];

    pub fn word(self) -> &'static str {
        match self {
            Action::Activate => "activate",
            Action::Deactivate => "deactivate",
            Action::Keep => "keep",
            Action::DoNotCreate => "do-not-create",
        }
    }

    fn from_word(word: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|it| it.word() == word)
    }
}

impl StatusTable {
    /// Reads rows like `locked = keep`.
    pub fn parse(typed: &[String]) -> Result<StatusTable, StatusError> {
        let mut table = BTreeMap::new();
        for text in typed {
            let refuse = |why: String| {
                StatusError(format!("The row \"{}\" cannot be used. {why}", text.trim()))
            };
            let Some((word, action)) = text.split_once('=') else {
                return Err(refuse("Write a status and what it means: locked = keep.".to_owned()));
            };
            let plain = |it: &str| it.trim().to_ascii_lowercase().replace([' ', '_'], "-");
            let Some(row) = ROWS.iter().find(|it| it.word == plain(word)) else {
                let words: Vec<&str> = ROWS.iter().map(|it| it.word).collect();
                return Err(refuse(format!("There are the statuses {}.", words.join(", "))));
            };
            let Some(action) = Action::from_word(&plain(action)) else {
                let words = Action::ALL.map(Action::word).join(", ");
                return Err(refuse(format!("It can mean one of {words}.")));
            };
            if table.insert(row.word, action).is_some() {
                return Err(refuse(format!("{} is in another row, too.", row.word)));
            }
        }
        Ok(StatusTable(table))
    }

    pub fn action(&self, row: &Row) -> Action {
        self.0.get(row.word).copied().unwrap_or(row.default)
    }

    /// What OneLogin's numbers mean for an account, and in its words.
    pub(super) fn standing(&self, status: Option<i64>, state: Option<i64>) -> (Standing, Arc<str>) {
        let of_state = |number| ROWS.iter().find(|it| it.code == Code::State(number));
        let of_status = |number| ROWS.iter().find(|it| it.code == Code::Status(number));
        let is_suspended = status == Some(2);
        let row = match state {
            Some(1) => status.and_then(of_status),
            Some(number) => of_state(number).or(of_status(2).filter(|_| is_suspended)),
            None => of_status(2).filter(|_| is_suspended),
        };
        let Some(row) = row else {
            let unheard = |what: &str, number: Option<i64>| match number {
                Some(number) => format!("{what} {number}, which is unknown to us"),
                None => format!("no {what}"),
            };
            let words = match state {
                Some(1) => unheard("status", status),
                state => unheard("state", state),
            };
            return (Standing::Unknown, words.into());
        };
        let standing = match (self.action(row), row.code) {
            (Action::Activate, _) => Standing::Active,
            // Invited and not in yet: that is no decision of somebody's against them.
            (Action::Deactivate, Code::Status(0 | 7)) => Standing::Pending,
            (Action::Deactivate, _) => Standing::Inactive,
            (Action::Keep, _) => Standing::Kept,
            (Action::DoNotCreate, _) => Standing::KeptOnly,
        };
        (standing, row.words.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&str]) -> Result<StatusTable, StatusError> {
        StatusTable::parse(&rows.iter().map(|&it| it.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn every_status_and_state_has_a_meaning() {
        use Standing::{Active, Inactive, Pending, Unknown};
        for (status, state, expected) in [
            (Some(1), Some(1), Active),
            (Some(3), Some(1), Active),
            (Some(4), Some(1), Active),
            (Some(5), Some(1), Active),
            (Some(8), Some(1), Active),
            (Some(0), Some(1), Pending),
            (Some(7), Some(1), Pending),
            (Some(2), Some(1), Inactive),
            (Some(2), None, Inactive),
            (Some(2), Some(9), Inactive),
            (Some(1), Some(0), Inactive),
            (Some(1), Some(2), Inactive),
            (None, Some(3), Inactive),
            (Some(6), Some(1), Unknown),
            (Some(99), Some(1), Unknown),
            (Some(-1), Some(1), Unknown),
            (None, Some(1), Unknown),
            (Some(1), Some(9), Unknown),
            (Some(1), None, Unknown),
        ] {
            let (standing, words) = StatusTable::default().standing(status, state);
            assert_eq!(standing, expected, "{status:?} {state:?} {words}");
        }
        assert_eq!(&*StatusTable::default().standing(Some(2), Some(1)).1, "Suspended (status 2)");
    }

    #[test]
    fn a_row_of_the_table_can_be_changed() {
        let table = table(&["locked = keep", "Password Pending = do not create"]).unwrap();
        for (status, expected) in [
            (1, Standing::Active),
            (2, Standing::Inactive),
            (3, Standing::Kept),
            (0, Standing::Pending),
            (7, Standing::KeptOnly),
        ] {
            assert_eq!(table.standing(Some(status), Some(1)).0, expected, "{status}");
        }
    }

    #[test]
    fn a_row_that_means_nothing_is_refused() {
        for (rows, why) in [
            (&["locked"][..], "Write a status and what it means"),
            (&["away = keep"], "There are the statuses unactivated, active,"),
            (&["locked = stay"], "activate, deactivate, keep, do-not-create"),
            (&["locked = keep", "Locked = activate"], "locked is in another row, too"),
        ] {
            let error = table(rows).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
