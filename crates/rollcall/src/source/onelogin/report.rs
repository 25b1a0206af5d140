//! What a read, a search and a check tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reconcile::finding::Finding;
use reconcile::principal::{ExternalId, FieldPaths, Grant, Record};

use super::wire::UserRow;

/// Everybody in scope, provably complete: there is no value for "some of the people".
#[derive(Clone, Debug)]
pub struct Read {
    /// Ordered by id.
    pub records: Vec<Record>,
    /// In the source, but not to be decided on.
    pub unreadable: BTreeSet<ExternalId>,
    /// The groups of the source that are known of whether or not somebody has them.
    pub groups: Vec<Arc<Grant>>,
    pub findings: Vec<Finding>,
    /// People in the source, in scope or not.
    pub seen: usize,
    pub out_of_scope: usize,
    /// The chosen way to read, with its arithmetic, in one sentence.
    pub strategy: String,
    pub proof: Proof,
}

/// Why a read is complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    pub pages: usize,
    pub page_size: usize,
    /// What OneLogin announced, on the first page and on the last.
    pub announced_first: usize,
    pub announced_last: usize,
    /// Different ids that arrived.
    pub distinct: usize,
    pub without_id: usize,
    /// Pages read again because the list grew meanwhile.
    pub pages_again: usize,
    /// Whole walks; more than one where the list shrank meanwhile.
    pub walks: usize,
    /// Members of required roles who were deleted while the roles were read.
    pub gone_meanwhile: usize,
    /// What stands in for the announced total where the API has none.
    pub instead_of_total: Option<&'static str>,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} different ids", self.distinct)?;
        if 0 < self.without_id {
            write!(f, " and {} rows without id", self.without_id)?;
        }
        match self.instead_of_total {
            Some(instead) => write!(f, ", {instead}")?,
            None => write!(f, " of {} announced", self.announced_last)?,
        }
        let pages = if self.pages == 1 { "page" } else { "pages" };
        write!(f, ", {} {pages} of {}", self.pages, self.page_size)?;
        if 0 < self.pages_again {
            write!(f, ", {} read again because the list grew", self.pages_again)?;
        }
        if 0 < self.gone_meanwhile {
            write!(f, ", {} of them deleted meanwhile", self.gone_meanwhile)?;
        }
        if 1 < self.walks {
            write!(f, ", {} walks because the list changed", self.walks)?;
        }
        Ok(())
    }
}

/// What is going on, for a person who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The chosen way to read, and why.
    Strategy(String),
    Pages {
        done: usize,
        total: usize,
        people: usize,
    },
    /// Names of roles or groups that have arrived.
    Names {
        what: &'static str,
        names: usize,
    },
    Waiting {
        wait: Duration,
        reason: String,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Progress::Strategy(strategy) => f.write_str(strategy),
            Progress::Pages { done, total, people } => {
                write!(f, "page {done} of {total}, {people} people")
            }
            Progress::Names { what, names } => write!(f, "{names} names of {what}"),
            Progress::Waiting { wait, reason } => {
                write!(f, "Waiting {} s: {reason}", wait.as_secs())
            }
        }
    }
}

/// The API calls of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// By endpoint, retries included: `GET /api/2/users`.
    pub by_endpoint: BTreeMap<&'static str, u64>,
    pub retries: u64,
    pub budget_before: Option<Allowance>,
    /// As far as we know: told by OneLogin, or counted down by us.
    pub budget_after: Option<Allowance>,
    /// Calls that the chosen way to read was expected to cost.
    pub predicted: Option<u64>,
}

impl Calls {
    pub fn total(&self) -> u64 {
        self.by_endpoint.values().sum()
    }
}

/// The API calls of the account in the current hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u64,
    pub remaining: u64,
    pub resets_in: Duration,
}

/// One person, as a search finds them.
#[derive(Clone, Debug)]
pub struct Found {
    pub record: Record,
    pub scope: ScopeVerdict,
    /// As OneLogin writes it.
    pub updated_at: Option<Box<str>>,
    /// Roles and groups whose name OneLogin does not tell, for example `role #12`.
    pub unnamed: Vec<String>,
    /// As it came.
    pub(super) row: UserRow,
}

impl Found {
    /// Whoever came without an attribute that others have has no value of it. Alone, nobody can tell that
    /// from an attribute that is not there.
    pub fn settle(people: &mut [Found], is_known: impl Fn(&str) -> bool) {
        for Found { record, .. } in people {
            if record.fields.has_untold() {
                let untold = record.fields.untold().filter(|path| !is_known(path));
                let untold = FieldPaths::new(untold);
                record.fields = record.fields.with_untold(untold);
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeVerdict {
    /// The words say by which required group, or that none is required.
    InScope {
        words: Arc<str>,
    },
    OutOfScope {
        needs: Arc<str>,
        has: Arc<str>,
    },
}

/// The result of a connection test.
#[derive(Clone, Debug)]
pub struct Checklist {
    pub steps: Vec<CheckStep>,
    pub calls: u64,
    /// The API calls that are left, and how long ago OneLogin told of them.
    pub left: Option<(Allowance, Duration)>,
    pub sample: Option<Record>,
}

impl Checklist {
    pub fn count(&self, word: CheckWord) -> usize {
        self.steps.iter().filter(|it| it.word == word).count()
    }

    pub fn is_usable(&self) -> bool {
        self.count(CheckWord::Failed) == 0
    }
}

/// One line of a connection test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckStep {
    pub name: &'static str,
    pub word: CheckWord,
    pub text: String,
    /// What would mend it.
    pub fix: Option<String>,
    pub took: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckWord {
    Ok,
    Warning,
    Failed,
    NotTried,
}

impl CheckWord {
    pub fn word(self) -> &'static str {
        match self {
            CheckWord::Ok => "ok",
            CheckWord::Warning => "warning",
            CheckWord::Failed => "failed",
            CheckWord::NotTried => "not tried",
        }
    }
}
