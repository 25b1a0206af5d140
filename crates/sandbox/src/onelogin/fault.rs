//! Faults on demand: which call is spoiled, and how.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{answer::Shape, call::Call};

/// Which calls to an endpoint are meant: "the third", "those for page 2", "all".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// As in the ledger, `GET /api/2/users`, or `*`.
    pub endpoint: String,
    /// The first call that counts; 1 is the next one.
    #[serde(default = "one")]
    pub nth: u64,
    /// Only calls for this page.
    #[serde(default)]
    pub page: Option<u64>,
}

impl When {
    pub fn next(endpoint: &str) -> When {
        When::nth(endpoint, 1)
    }

    pub fn nth(endpoint: &str, nth: u64) -> When {
        When { endpoint: endpoint.to_owned(), nth, page: None }
    }

    pub fn page(endpoint: &str, page: u64) -> When {
        When { endpoint: endpoint.to_owned(), nth: 1, page: Some(page) }
    }

    pub(super) fn concerns(&self, call: &Call) -> bool {
        let endpoint = self.endpoint == "*" || self.endpoint == call.endpoint.key();
        endpoint && self.page.is_none_or(|it| it == call.page())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    #[serde(flatten)]
    pub when: When,
    /// How many calls from there on; `None` is all of them.
    #[serde(default)]
    pub times: Option<u64>,
    pub kind: Kind,
}

impl Fault {
    pub fn once(when: When, kind: Kind) -> Fault {
        Fault { when, times: Some(1), kind }
    }

    pub fn always(when: When, kind: Kind) -> Fault {
        Fault { when, times: None, kind }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    // Instead of an answer
    Status {
        status: u16,
        shape: Shape,
        message: String,
    },
    HtmlPage {
        status: u16,
    },
    /// 401 as each generation of the API says it.
    Unauthorized,
    Forbidden,
    UnknownField {
        field: String,
    },
    TooManyRequests {
        retry_after: RetryAfter,
    },
    /// The older way to say "too many": 400 with `rate_limit_exceeded`.
    RateLimitExceeded,
    Redirect {
        to: String,
    },
    /// This text as JSON with status 200: empty, `null`, `{}`, `[]`, anything.
    Body {
        text: String,
    },
    InvalidUtf8,
    DeepJson {
        depth: usize,
    },
    HugeBody {
        bytes: usize,
    },
    /// This many spaces, compressed to a 160th of them.
    GzipBomb {
        bytes: usize,
    },
    // On the way
    StallBeforeHeaders {
        ms: u64,
    },
    StallMidBody {
        after_bytes: usize,
        ms: u64,
    },
    SlowBody {
        bytes_per_second: u64,
    },
    TruncatedJson {
        bytes: usize,
    },
    /// The socket closes after so many bytes of the body.
    Reset {
        after_bytes: usize,
    },
    // Wrong in itself
    NoPagingHeaders,
    TotalCount {
        added: i64,
    },
    RepeatedPage,
    SkippedPage,
    ReversedRows,
    /// Leaves a key out of one row, or of all.
    DropKey {
        key: String,
        row: Option<usize>,
    },
    /// Gives a key another value in one row, or in all.
    SetKey {
        key: String,
        value: Value,
        row: Option<usize>,
    },
    /// Shifts the `Date` header.
    DateSkew {
        seconds: i64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    Absent,
    Seconds(u64),
    /// An HTTP date this many seconds from now, or before it.
    DateIn(i64),
    Text(String),
}

#[derive(Debug)]
pub(super) struct Armed {
    fault: Fault,
    seen: u64,
}

impl Armed {
    pub(super) fn new(fault: Fault) -> Armed {
        Armed { fault, seen: 0 }
    }

    /// Counts the call; the kind of fault if this one is hit.
    pub(super) fn strike(&mut self, call: &Call) -> Option<Kind> {
        if !self.fault.when.concerns(call) {
            return None;
        }
        self.seen += 1;
        let first = self.fault.when.nth.max(1);
        let is_over =
            self.fault.times.is_some_and(|times| first.saturating_add(times) <= self.seen);
        (first <= self.seen && !is_over).then(|| self.fault.kind.clone())
    }
}

fn one() -> u64 {
    1
}
