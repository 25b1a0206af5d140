//! What makes tampering visible: every entry carries a hash over itself and the hash before it.

use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA256};

use crate::store::audit::{self, Recorded};
use crate::store::{Db, StoreError};
use crate::with_pool;

/// A point of the chain that somebody keeps elsewhere: a number and the hash of that entry. What was
/// cut off or rewritten since is seen by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub seq: i64,
    pub hash: String,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "\"{0}\" is no anchor. Give the number and the hash that `rollcall audit verify` printed, \
     for example 42:9f86d081.."
)]
pub struct AnchorError(String);

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every entry is as it was written. The anchor is the end of the chain.
    Whole(Anchor),
    Broken(Break),
}

/// The first thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    #[error("Entry {seq} is missing.")]
    Missing { seq: i64 },
    #[error("Entry {seq} was changed after it was written.")]
    Changed { seq: i64 },
    #[error("Entry {seq} does not follow the one before it: one of the two was replaced.")]
    Unlinked { seq: i64 },
    #[error("The end of the log was cut off: the last entry is {last}, and there were {head}.")]
    CutOff { last: i64, head: i64 },
    #[error("Entry {last} was added past the end of the log, which is {head}.")]
    Added { last: i64, head: i64 },
    #[error("The note of where the log ends is missing or was changed.")]
    Head,
    #[error("The log ends at entry {last}, before the anchor {seq}: its end was cut off.")]
    BeforeAnchor { last: i64, seq: i64 },
    #[error("Entry {seq} is not the one of the anchor: the log was rewritten.")]
    NotTheAnchor { seq: i64 },
}

const HASH_BEFORE_THE_FIRST: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";
const HASH_CHARS: usize = HASH_BEFORE_THE_FIRST.len();
/// Bounds the memory that a walk takes.
const ROWS_PER_PAGE: u32 = 1_000;

/// The hash of an entry: over the hash before it and every other field, each with its length, so
/// that nothing can be moved from one field to its neighbour.
pub(super) fn hash(entry: &Recorded) -> String {
    let Recorded {
        seq,
        at,
        actor_kind,
        actor,
        origin,
        noun,
        verb,
        object_id,
        object_name,
        changes,
        reason,
        previous_hash,
        hash: _,
    } = entry;
    let numbers = [seq.to_be_bytes(), at.as_microsecond().to_be_bytes()];
    let texts = [
        previous_hash,
        actor_kind,
        actor,
        origin,
        noun,
        verb,
        object_id,
        object_name,
        changes,
        reason,
    ];
    let mut context = Context::new(&SHA256);
    let mut add = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    add(b"rollcall audit entry 1");
    for number in &numbers {
        add(number);
    }
    for text in texts {
        add(text.as_bytes());
    }
    let mut text = String::with_capacity(HASH_CHARS);
    for byte in context.finish().as_ref() {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 0xf));
    }
    text
}

/// Walks along the whole chain, and past the anchor where one is given.
pub async fn verify(db: &Db, anchor: Option<&Anchor>) -> Result<Verdict, StoreError> {
    let Some(head_before) = head(db).await? else { return Ok(Verdict::Broken(Break::Head)) };
    let mut walk = Walk { last: Anchor::beginning(), head: head_before, anchor };
    loop {
        let page = audit::after(db, walk.last.seq, ROWS_PER_PAGE).await?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            if let Err(found) = walk.step(entry) {
                return Ok(Verdict::Broken(found));
            }
        }
    }
    // Others may have appended meanwhile, so the end is where it is now.
    let Some(head_after) = head(db).await? else { return Ok(Verdict::Broken(Break::Head)) };
    Ok(match walk.end(&head_after) {
        Ok(last) => Verdict::Whole(last),
        Err(found) => Verdict::Broken(found),
    })
}

struct Walk<'a> {
    last: Anchor,
    head: Anchor,
    anchor: Option<&'a Anchor>,
}

impl Walk<'_> {
    fn step(&mut self, entry: Recorded) -> Result<(), Break> {
        let seq = entry.seq;
        if seq != self.last.seq + 1 {
            return Err(Break::Missing { seq: self.last.seq + 1 });
        }
        if hash(&entry) != entry.hash {
            return Err(Break::Changed { seq });
        }
        if entry.previous_hash != self.last.hash {
            return Err(Break::Unlinked { seq });
        }
        self.last = Anchor { seq, hash: entry.hash };
        if self.anchor.is_some_and(|it| it.seq == seq && *it != self.last) {
            return Err(Break::NotTheAnchor { seq });
        }
        if self.head.seq == seq && self.head != self.last {
            return Err(Break::Head);
        }
        Ok(())
    }

    fn end(self, head_after: &Anchor) -> Result<Anchor, Break> {
        let last = self.last.seq;
        if last < self.head.seq {
            return Err(Break::CutOff { last, head: self.head.seq });
        }
        if head_after.seq < last {
            return Err(Break::Added { last, head: head_after.seq });
        }
        if head_after.seq == last && head_after.hash != self.last.hash {
            return Err(Break::Head);
        }
        match self.anchor {
            Some(anchor) if last < anchor.seq => Err(Break::BeforeAnchor { last, seq: anchor.seq }),
            Some(_) | None => Ok(self.last),
        }
    }
}

async fn head(db: &Db) -> Result<Option<Anchor>, StoreError> {
    const SQL: &str = "select seq, hash from audit_head where id = 1";
    let row: Option<(i64, String)> =
        with_pool!(db, pool => sqlx::query_as(SQL).fetch_optional(pool).await)?;
    Ok(row.map(|(seq, hash)| Anchor { seq, hash }))
}

impl Anchor {
    fn beginning() -> Anchor {
        Anchor { seq: 0, hash: HASH_BEFORE_THE_FIRST.to_owned() }
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for Anchor {
    type Err = AnchorError;

    fn from_str(text: &str) -> Result<Anchor, AnchorError> {
        let refused = || AnchorError(text.chars().take(100).collect());
        let (seq, hash) = text.trim().split_once(':').ok_or_else(refused)?;
        let seq: i64 = seq.parse().map_err(|_| refused())?;
        let hash = hash.to_ascii_lowercase();
        let is_hash = hash.len() == HASH_CHARS && hash.bytes().all(|it| it.is_ascii_hexdigit());
        if seq < 1 || !is_hash {
            return Err(refused());
        }
        Ok(Anchor { seq, hash })
    }
}

fn digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('?')
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn entry() -> Recorded {
        Recorded {
            seq: 1,
            at: Timestamp::UNIX_EPOCH,
            actor_kind: "command-line".to_owned(),
            actor: "ada".to_owned(),
            origin: "host".to_owned(),
            noun: "connector".to_owned(),
            verb: "create".to_owned(),
            object_id: "1".to_owned(),
            object_name: "OneLogin".to_owned(),
            changes: "[]".to_owned(),
            reason: String::new(),
            previous_hash: HASH_BEFORE_THE_FIRST.to_owned(),
            hash: String::new(),
        }
    }

    /// Kept logs and anchors of earlier versions must stay verifiable.
    #[test]
    fn the_hash_of_an_entry_stays_what_it_is() {
        let expected = "cbfd30c206f76b42aad765ea0cdc7ba82f80dd5e16e931d175eec55fc7cd8769";
        assert_eq!(hash(&entry()), expected);
    }

    #[test]
    fn nothing_can_be_moved_from_one_field_to_the_next() {
        let moved = Recorded { actor: "adah".to_owned(), origin: "ost".to_owned(), ..entry() };
        assert_ne!(hash(&moved), hash(&entry()));
    }

    #[test]
    fn an_anchor_is_read_as_it_is_written_and_nothing_else_is() {
        let anchor = Anchor { seq: 42, hash: "ab".repeat(32) };
        assert_eq!(anchor.to_string().parse::<Anchor>().unwrap(), anchor);
        for wrong in ["", "42", "42:", "0:00", "x:ab", "42:zz", &format!("-1:{}", "ab".repeat(32))]
        {
            assert!(wrong.parse::<Anchor>().is_err(), "{wrong}");
        }
    }
}
