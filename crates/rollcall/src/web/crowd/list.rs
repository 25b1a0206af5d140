//! Lists of users or groups, sent while they are read.

use futures_util::TryStreamExt;

use super::answer::{Format, Refusal};
use super::entity::{Detail, Entity};
use super::request::{Ask, Snapshot};
use super::restriction::Restriction;
use super::stream::{Cut, Produce, Sink};
use super::xml;
use crate::store::Tx;
use crate::store::directory::lookup::{self, GroupRow, Groups, Rows, UserRow, Users};

const MAX_RESULTS_DEFAULT: usize = 1_000;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) start: usize,
    /// `None` for all.
    pub(super) max: Option<usize>,
}

impl Page {
    pub(super) fn of(ask: &Ask) -> Result<Page, Refusal> {
        let number = |name: &str| {
            let text = ask.parameter(name).map(str::trim);
            let number = text.map(str::parse::<i64>).transpose();
            number.map_err(|_| Refusal::bad_request(format!("`{name}` is not a whole number.")))
        };
        let start = number("start-index")?.unwrap_or(0);
        let start = usize::try_from(start)
            .map_err(|_| Refusal::bad_request("`start-index` is below 0."))?;
        let max = match number("max-results")? {
            None => Some(MAX_RESULTS_DEFAULT),
            Some(-1) => None,
            Some(max) => Some(usize::try_from(max).map_err(|_| {
                Refusal::bad_request("`max-results` is below 0, and not -1 for all.")
            })?),
        };
        Ok(Page { start, max })
    }
}

/// Entries of which a list is made.
pub(super) trait Listed: Entity + Sized {
    type Which: Copy + Send + 'static;

    fn rows(tx: &mut Tx, which: Self::Which) -> Rows<'_, Self>;
}

impl Listed for UserRow {
    type Which = Users;

    fn rows(tx: &mut Tx, which: Users) -> Rows<'_, UserRow> {
        lookup::users(tx, which)
    }
}

impl Listed for GroupRow {
    type Which = Groups;

    fn rows(tx: &mut Tx, which: Groups) -> Rows<'_, GroupRow> {
        lookup::groups(tx, which)
    }
}

pub(super) struct List<E: Listed> {
    pub(super) snapshot: Snapshot,
    pub(super) which: E::Which,
    pub(super) restriction: Restriction,
    pub(super) page: Page,
    pub(super) format: Format,
    pub(super) base: String,
    pub(super) detail: Detail,
}

impl<E: Listed> List<E> {
    /// The whole of `which`, in the page and the detail that are asked for.
    pub(super) fn asked(
        ask: &Ask,
        snapshot: Snapshot,
        which: E::Which,
    ) -> Result<List<E>, Refusal> {
        Ok(List {
            snapshot,
            which,
            restriction: Restriction::None,
            page: Page::of(ask)?,
            format: ask.format,
            base: ask.base.clone(),
            detail: detail::<E>(ask),
        })
    }
}

/// What `expand` says of the entries of a list.
pub(super) fn detail<E: Entity>(ask: &Ask) -> Detail {
    match (ask.expands(E::SINGULAR), ask.expands("attributes")) {
        (false, _) => Detail::Name,
        (true, false) => Detail::Whole,
        (true, true) => Detail::Attributes,
    }
}

impl<E: Listed> Produce for List<E> {
    async fn produce(mut self, sink: &mut Sink) -> Result<(), Cut> {
        begin::<E>(&mut sink.text, self.format);
        let mut skip = self.page.start;
        let mut left = self.page.max.unwrap_or(usize::MAX);
        let mut is_first = true;
        let mut rows = E::rows(&mut self.snapshot.tx, self.which);
        while 0 < left
            && let Some(entity) = rows.try_next().await?
        {
            if !self.restriction.holds(&entity) {
                continue;
            }
            if 0 < skip {
                skip -= 1;
                continue;
            }
            left -= 1;
            if self.format == Format::Json && !is_first {
                sink.text.push(',');
            }
            is_first = false;
            entity.write(&mut sink.text, self.format, &self.base, self.detail);
            sink.relieve().await?;
        }
        end::<E>(&mut sink.text, self.format);
        Ok(())
    }
}

fn begin<E: Entity>(out: &mut String, format: Format) {
    let (singular, plural) = (E::SINGULAR, E::PLURAL);
    let text = match format {
        Format::Xml => format!("{}<{plural} expand=\"{singular}\">", xml::DECLARATION),
        Format::Json => format!("{{\"expand\":\"{singular}\",\"{plural}\":["),
    };
    out.push_str(&text);
}

fn end<E: Entity>(out: &mut String, format: Format) {
    match format {
        Format::Xml => out.extend(["</", E::PLURAL, ">"]),
        Format::Json => out.push_str("]}"),
    }
}
