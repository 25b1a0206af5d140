//! Blocks of changes: where in a long run or plan a search has to look.
//!
//! A part of a name is found by no index, and reading hundreds of thousands of changes takes longer
//! than a page may. A block is a short text that tells which names and kinds occur in a few hundred
//! consecutive changes; a search reads the blocks, and then only the changes of those that match.

use reconcile::principal::fold;

use super::batch::{cells, execute};
use super::{StoreError, Tx, containing};

/// How many consecutive changes a block tells of.
///
/// A match costs a search as many rows as this, in one place; blocks of fewer changes are more text to
/// look through.
const CHANGES: i64 = 250;
/// Bounds the memory that writing them takes.
const BLOCKS_AT_ONCE: usize = 50;

/// The blocks of changes that are being written, in their order.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    done: Vec<Block>,
    last: Block,
}

#[derive(Debug, Default)]
struct Block {
    first_seq: i64,
    last_seq: i64,
    /// Each between commas: `,create,applied,`.
    marks: String,
    /// A line each, folded as searches are.
    words: String,
    /// The same of e-mail addresses and reasons, for plans alone.
    emails: String,
    reasons: String,
    /// The words of the change before: those of one person, or of one group, follow each other.
    before: [String; 3],
    email_before: String,
}

impl Blocks {
    /// Takes note of the next change: what it is filtered by, and what a search may find in it.
    pub(super) fn add(&mut self, seq: i64, marks: [&str; 2], words: [Option<&str>; 3]) {
        if self.last.last_seq - self.last.first_seq + 1 >= CHANGES {
            self.done.push(std::mem::take(&mut self.last));
        }
        let block = &mut self.last;
        if block.first_seq == 0 {
            block.first_seq = seq;
        }
        block.last_seq = seq;
        for mark in marks {
            block.mark(mark);
        }
        for (word, before) in words.into_iter().zip(&mut block.before) {
            let Some(word) = word.filter(|it| it != before) else { continue };
            block.words.push_str(&fold(word));
            block.words.push('\n');
            before.replace_range(.., word);
        }
    }

    /// A further thing that the change added last is filtered by.
    pub(super) fn mark(&mut self, mark: &str) {
        self.last.mark(mark);
    }

    /// The e-mail addresses and the reason of the change added last. Few reasons occur in a block, and the
    /// changes of one person follow each other.
    pub(super) fn tell(&mut self, emails: &str, reason: &str) {
        let block = &mut self.last;
        if block.email_before != emails {
            block.emails.push_str(&fold(emails));
            block.emails.push('\n');
            block.email_before.replace_range(.., emails);
        }
        let reason = fold(reason);
        if !block.reasons.lines().any(|it| it == &*reason) {
            block.reasons.push_str(&reason);
            block.reasons.push('\n');
        }
    }

    /// Writes them down. `sql` inserts `{rows}`: first and last number, marks, words, e-mail addresses
    /// and reasons, of which runs have none.
    pub(super) async fn write(
        mut self,
        tx: &mut Tx,
        sql: &'static str,
        of: i64,
    ) -> Result<(), StoreError> {
        if self.last.first_seq != 0 {
            self.done.push(self.last);
        }
        let row = |out: &mut Vec<u8>, block: &Block| {
            let Block { first_seq, last_seq, marks, words, emails, reasons, .. } = block;
            cells(out, &(first_seq, last_seq, marks, words, emails, reasons))
        };
        // A block is as long as a hundred other rows.
        for blocks in self.done.chunks(BLOCKS_AT_ONCE) {
            execute(tx, sql, blocks, row, &[of]).await?;
        }
        Ok(())
    }
}

/// What is searched for in names.
pub(super) struct Needle {
    folded: Box<str>,
    /// For `like .. escape '\'`: finds all that is searched for, and maybe more, because SQLite knows
    /// no letter case but that of ASCII.
    pub(super) pattern: String,
}

impl Needle {
    pub(super) fn new(text: &str) -> Needle {
        let folded = fold(text.trim());
        // Any text may stand where other letters are, and next to each other it is the same as once.
        let known = |char: char| if char.is_ascii() { char } else { '\u{fffd}' };
        let known: String = folded.chars().map(known).collect();
        let pattern = containing(&known).replace('\u{fffd}', "%");
        Needle { folded, pattern }
    }

    /// Whether the text is in another one.
    pub(super) fn is_part_of(&self, text: &str) -> bool {
        self.folded.is_empty() || fold(text).contains(&*self.folded)
    }

    /// Whether the text is in one of these names, or is the whole of the id.
    pub(super) fn is_in(&self, id: Option<&str>, names: [Option<&str>; 2]) -> bool {
        self.folded.is_empty()
            || id.is_some_and(|it| *fold(it) == *self.folded)
            || names.into_iter().flatten().any(|it| fold(it).contains(&*self.folded))
    }
}

impl Block {
    fn mark(&mut self, mark: &str) {
        if self.marks.is_empty() {
            self.marks.push(',');
        }
        if !self.marks.split(',').any(|it| it == mark) {
            self.marks.push_str(mark);
            self.marks.push(',');
        }
    }
}
