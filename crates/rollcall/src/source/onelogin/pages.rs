//! Reads a whole list, page by page, and proves that it was the whole.
//!
//! Pages are numbers over a living list: whoever is deleted meanwhile moves everybody behind them
//! forward, and the one who crosses the edge of a page is read by nobody. So each page must agree
//! with the total it announces, all totals must agree with each other, and the different ids must
//! be as many as announced. A list that grew is read again at its end, one that shrank from its
//! beginning.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::api::{CallError, Endpoint, IN_FLIGHT, Odd, Session};
use super::error::{RequestId, SourceError};
use super::report::{Progress, Proof};
use super::wire::Row;
use crate::http::Reply;
use crate::http::fault::Fault;

/// More pages than any account has: a total beyond is a lie.
const PAGES_MAX: usize = 200_000;

/// How often a list is read from its beginning before it counts as unreadable.
const WALKS_MAX: usize = 3;

/// One list of v2: its address, and how its rows are read.
pub(super) struct List<R> {
    pub(super) endpoint: Endpoint,
    pub(super) path: String,
    /// All of the query but `limit` and `page`.
    pub(super) query: String,
    /// Page sizes to try, the best first.
    pub(super) sizes: &'static [usize],
    pub(super) decode: fn(&[u8]) -> Result<Vec<R>, Odd>,
    /// Whether somebody waits for news of it.
    pub(super) is_told: bool,
}

/// Takes the rows of a walk as they arrive.
pub(super) trait Sink<R>: Send {
    /// Whatever was taken counts no more: the walk begins again.
    fn restart(&mut self);

    fn take(&mut self, rows: Vec<R>);
}

impl<R: Send> Sink<R> for Vec<R> {
    fn restart(&mut self) {
        self.clear();
    }

    fn take(&mut self, mut rows: Vec<R>) {
        self.append(&mut rows);
    }
}

/// The first page, and what it tells of the others.
pub(super) struct First<R> {
    pub(super) rows: Vec<R>,
    pub(super) total: usize,
    pub(super) size: usize,
}

impl<R> First<R> {
    pub(super) fn pages(&self) -> usize {
        pages(self.total, self.size)
    }
}

struct Page<R> {
    rows: Vec<R>,
    total: usize,
}

/// What one walk came to.
enum Walked {
    Whole(Proof),
    Changed(String),
}

pub(super) fn pages(total: usize, size: usize) -> usize {
    total.div_ceil(size.max(1)).max(1)
}

impl Session<'_> {
    /// Reads all of a list and proves it.
    pub(super) async fn all<R: Row + Send>(
        self,
        list: &List<R>,
        sink: &mut dyn Sink<R>,
    ) -> Result<Proof, CallError> {
        let first = self.first_page(list).await?;
        self.all_after(list, first, sink).await
    }

    /// Reads the first page with the largest size that OneLogin takes.
    pub(super) async fn first_page<R: Row>(self, list: &List<R>) -> Result<First<R>, CallError> {
        let key = list.endpoint.name();
        let known = self.api.shared.page_size(key);
        let sizes = known.into_iter().chain(list.sizes.iter().copied());
        let mut sizes = sizes.filter(|it| known.is_none_or(|known| *it <= known));
        let Some(mut asked) = sizes.next() else {
            return Err(CallError::Odd(SourceError::incomplete("No page size is left to try.")));
        };
        loop {
            let decode = |reply: &Reply| first(list, reply, asked);
            let error = match self.get(list.endpoint, &list.page(asked, 1), decode).await {
                Ok(first) => {
                    if first.size != asked || known != Some(asked) {
                        self.api.shared.remember_page_size(key, Some(first.size));
                    }
                    return Ok(first);
                }
                Err(error) => error,
            };
            match sizes.find(|it| *it < asked) {
                Some(smaller) if may_be_the_size(&error) => asked = smaller,
                Some(_) | None => return Err(error),
            }
        }
    }

    /// Reads what comes after the first page and proves the whole.
    pub(super) async fn all_after<R: Row + Send>(
        self,
        list: &List<R>,
        mut first: First<R>,
        sink: &mut dyn Sink<R>,
    ) -> Result<Proof, CallError> {
        let mut walks = 1;
        loop {
            let reason = match self.walk(list, first, sink).await? {
                Walked::Whole(proof) => return Ok(Proof { walks, ..proof }),
                Walked::Changed(reason) => reason,
            };
            if WALKS_MAX <= walks {
                // Perhaps the size that was found out is to blame.
                self.api.shared.remember_page_size(list.endpoint.name(), None);
                let reason = format!(
                    "{} changed each time it was read ({walks} times); the last time {reason}.",
                    list.endpoint.name()
                );
                return Err(CallError::Odd(SourceError::incomplete(reason)));
            }
            tracing::info!(reason, "the list changed while it was read; it is read again");
            walks += 1;
            sink.restart();
            first = self.first_page(list).await?;
        }
    }

    async fn walk<R: Row + Send>(
        self,
        list: &List<R>,
        first: First<R>,
        sink: &mut dyn Sink<R>,
    ) -> Result<Walked, CallError> {
        let First { rows, total, size } = first;
        let mut tally = Tally::new(total, size);
        tally.take(&rows, total);
        sink.take(rows);
        self.tell(list, &tally);
        self.read_pages(list, 2, &mut tally, sink).await?;
        if !tally.is_whole() && tally.grew() && tally.shrank.is_none() {
            // Only the end of the list is new: from the page that was its last.
            let again = total / size.max(1) + 1;
            tally.pages_again = pages(tally.announced_last, size).saturating_sub(again - 1);
            self.read_pages(list, again, &mut tally, sink).await?;
        }
        Ok(tally.conclude())
    }

    /// Reads from a page to the last, several at a time; the last one is what the latest page
    /// announces.
    async fn read_pages<R: Row + Send>(
        self,
        list: &List<R>,
        from: usize,
        tally: &mut Tally,
        sink: &mut dyn Sink<R>,
    ) -> Result<(), CallError> {
        let size = tally.size;
        let mut next = from;
        let mut flying = FuturesUnordered::new();
        loop {
            let end = pages(tally.announced_last, size);
            if PAGES_MAX < end {
                let reason = format!("{} announces {end} pages.", list.endpoint.name());
                return Err(CallError::Odd(SourceError::incomplete(reason)));
            }
            // One more than may be called for: it waits for its turn while another is decoded.
            while flying.len() <= IN_FLIGHT && next <= end {
                flying.push(self.page(list, size, next));
                next += 1;
            }
            let Some(page) = flying.next().await else { return Ok(()) };
            let page = page?;
            tally.take(&page.rows, page.total);
            sink.take(page.rows);
            self.tell(list, tally);
            if tally.shrank.is_some() {
                return Ok(()); // the walk begins again anyway
            }
        }
    }

    async fn page<R: Row>(
        self,
        list: &List<R>,
        size: usize,
        number: usize,
    ) -> Result<Page<R>, CallError> {
        let decode = |reply: &Reply| later(list, reply, size, number);
        self.get(list.endpoint, &list.page(size, number), decode).await
    }

    fn tell<R>(self, list: &List<R>, tally: &Tally) {
        if list.is_told {
            (self.progress)(Progress::Pages {
                done: tally.pages,
                total: pages(tally.announced_last, tally.size) + tally.pages_again,
                people: tally.ids.len() + tally.without_id,
            });
        }
    }
}

impl<R> List<R> {
    fn page(&self, size: usize, number: usize) -> String {
        let List { path, query, .. } = self;
        let and = if query.is_empty() { "" } else { "&" };
        format!("{path}?{query}{and}limit={size}&page={number}")
    }
}

/// Counts what has arrived.
struct Tally {
    size: usize,
    announced_first: usize,
    announced_last: usize,
    pages: usize,
    pages_again: usize,
    ids: Vec<u64>,
    without_id: usize,
    /// The totals before and after somebody disappeared.
    shrank: Option<(usize, usize)>,
}

impl Tally {
    fn new(total: usize, size: usize) -> Tally {
        Tally {
            size,
            announced_first: total,
            announced_last: total,
            pages: 0,
            pages_again: 0,
            ids: Vec::with_capacity(total.min(2_000_000)),
            without_id: 0,
            shrank: None,
        }
    }

    fn take<R: Row>(&mut self, rows: &[R], total: usize) {
        self.pages += 1;
        for row in rows {
            match row.id() {
                Some(id) => self.ids.push(id),
                None => self.without_id += 1,
            }
        }
        if total < self.announced_last {
            self.shrank = self.shrank.or(Some((self.announced_last, total)));
        }
        self.announced_last = total;
    }

    fn grew(&self) -> bool {
        self.announced_first < self.announced_last
    }

    fn distinct(&mut self) -> usize {
        self.ids.sort_unstable();
        self.ids.dedup();
        self.ids.len()
    }

    fn is_whole(&mut self) -> bool {
        self.shrank.is_none() && self.distinct() + self.without_id == self.announced_last
    }

    fn conclude(mut self) -> Walked {
        if let Some((before, after)) = self.shrank {
            return Walked::Changed(format!("{before} were announced first and {after} later"));
        }
        let arrived = self.ids.len() + self.without_id;
        let distinct = self.distinct();
        if !self.is_whole() {
            return Walked::Changed(format!(
                "{} were announced and {} different ones arrived ({arrived} rows)",
                self.announced_last,
                distinct + self.without_id
            ));
        }
        Walked::Whole(Proof {
            pages: self.pages,
            page_size: self.size,
            announced_first: self.announced_first,
            announced_last: self.announced_last,
            distinct,
            without_id: self.without_id,
            pages_again: self.pages_again,
            walks: 1,
            gone_meanwhile: 0,
            instead_of_total: None,
        })
    }
}

/// Judges a first page. A page that is shorter than asked and not the last tells the real size.
fn first<R: Row>(list: &List<R>, reply: &Reply, asked: usize) -> Result<First<R>, Odd> {
    let rows = (list.decode)(&reply.body)?;
    let total = number(reply, "total-count")
        .ok_or_else(|| Odd::new("does not announce a total (header Total-Count)"))?;
    check_number(reply, 1)?;
    let count = rows.len();
    if count == total.min(asked) {
        return Ok(First { rows, total, size: asked });
    }
    let announced_size = number(reply, "page-items");
    let is_size = announced_size == Some(count) || matches!(count, 50 | 100 | 650 | 1000);
    if count < total && is_size {
        return Ok(First { rows, total, size: count });
    }
    Err(Odd::new(format!("brought {count} rows on page 1 of {total} that it announced")))
}

/// Judges a later page: it must hold exactly what its own total leaves for it.
fn later<R: Row>(
    list: &List<R>,
    reply: &Reply,
    size: usize,
    number_asked: usize,
) -> Result<Page<R>, Odd> {
    let rows = (list.decode)(&reply.body)?;
    let total = number(reply, "total-count")
        .ok_or_else(|| Odd::new("does not announce a total (header Total-Count)"))?;
    check_number(reply, number_asked)?;
    let expected = total.saturating_sub((number_asked - 1) * size).min(size);
    if rows.len() != expected {
        return Err(Odd::new(format!(
            "brought {} rows on page {number_asked} instead of {expected} of {total}",
            rows.len()
        )));
    }
    Ok(Page { rows, total })
}

fn check_number(reply: &Reply, asked: usize) -> Result<(), Odd> {
    match number(reply, "current-page") {
        Some(current) if current != asked => {
            Err(Odd::new(format!("answered with page {current} when asked for page {asked}")))
        }
        Some(_) | None => Ok(()),
    }
}

fn number(reply: &Reply, header: &str) -> Option<usize> {
    reply.header(header)?.trim().parse().ok()
}

/// Whether a smaller page may fare better: the limit was refused, or the page was too much.
fn may_be_the_size(error: &CallError) -> bool {
    match error {
        CallError::Refused(_, refusal) => {
            matches!(refusal.status, 400 | 422) && !refusal.blames_a_field()
        }
        CallError::Fatal(SourceError::Unreachable { fault }) => match fault {
            Fault::TooLarge { .. } => true,
            Fault::Blocked(_)
            | Fault::Url(_)
            | Fault::Unresolved { .. }
            | Fault::Tls { .. }
            | Fault::Connect { .. }
            | Fault::Timeout { .. }
            | Fault::Broken => false,
        },
        CallError::Odd(_) | CallError::Fatal(_) => false,
    }
}

/// An incomplete read whose reason is found after its replies.
pub(super) fn incomplete(reason: impl Into<String>) -> CallError {
    let request_id = RequestId::none();
    CallError::Odd(SourceError::Incomplete { reason: reason.into(), request_id })
}
