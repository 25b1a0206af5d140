//! v2 paging: page numbers in disguise, told in headers.

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    answer::{Answer, Shape},
    call::{Call, Query},
    quirks::{AfterCursor, CursorEncoding, OverMax, PageItems, Quirks},
};

#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) default: u32,
    pub(super) max: u32,
    pub(super) over_max: OverMax,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    limit: u64,
    number: u64,
    /// A fault can serve the rows of a neighbour under this page's number.
    shift: i64,
    descending: bool,
}

impl Page {
    pub(super) fn read(
        call: &Call,
        sizes: Sizes,
        shift: i64,
        shape: Shape,
    ) -> Result<Page, Answer> {
        let query = &call.query;
        let descending = query.text("sort").is_some_and(|it| it.starts_with('-'));
        if let Some(cursor) = query.text("cursor") {
            if query.text("limit").is_some() || query.text("page").is_some() {
                let message = "Requests can only have cursor xor pagination arguments";
                return Err(Answer::error(400, Shape::Described, message));
            }
            let invalid = || Answer::error(400, Shape::Described, "Invalid pagination cursor");
            let cursor = decoded_cursor(cursor).ok_or_else(invalid)?;
            let limit = cursor.number("limit").ok_or_else(invalid)?;
            let number = cursor.number("page").ok_or_else(invalid)?;
            return Ok(Page {
                limit: limit.clamp(1, u64::from(sizes.max)),
                number,
                shift,
                descending,
            });
        }
        let limit = limit(query, sizes, shape)?;
        let number = match query.text("page") {
            Some(page) => page
                .parse()
                .ok()
                .filter(|it| 0 < *it)
                .ok_or_else(|| Answer::error(400, shape, "page must be a positive number"))?,
            None => 1,
        };
        Ok(Page { limit, number, shift, descending })
    }

    /// Which of `ids`, all matches in ascending order, are on this page.
    pub(super) fn of(self, ids: &[i64]) -> Vec<i64> {
        let number = self.number.saturating_add_signed(self.shift).max(1);
        let skip = usize::try_from((number - 1).saturating_mul(self.limit)).unwrap_or(usize::MAX);
        let take = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if self.descending {
            ids.iter().rev().skip(skip).take(take).copied().collect()
        } else {
            ids.iter().skip(skip).take(take).copied().collect()
        }
    }

    pub(super) fn headers(self, answer: &mut Answer, total: usize, rows: usize, quirks: &Quirks) {
        let total = total as u64;
        let pages = total.div_ceil(self.limit);
        answer.set("current-page", self.number.to_string());
        let items = match quirks.page_items {
            PageItems::Limit => self.limit,
            PageItems::Count => rows as u64,
        };
        answer.set("page-items", items.to_string());
        answer.set("total-count", total.to_string());
        answer.set("total-pages", pages.to_string());
        answer.set("cursor", self.cursor(self.number, quirks));
        if 1 < self.number {
            answer.set("before-cursor", self.cursor(self.number - 1, quirks));
        }
        let next = self.number.saturating_add(1);
        let has_after = match quirks.after_cursor {
            AfterCursor::AbsentAtEnd => self.number < pages,
            AfterCursor::BeyondEnd => true,
            AfterCursor::Missing => false,
        };
        if has_after {
            answer.set("after-cursor", self.cursor(next, quirks));
        }
        // As recorded: the path does not exist.
        let link =
            format!("<https://acme.test/api/v5/?limit={}&page={next}>; rel=\"next\"", self.limit);
        answer.set("link", link);
    }

    fn cursor(self, number: u64, quirks: &Quirks) -> String {
        let direction = if self.descending { "desc" } else { "asc" };
        let cursor = STANDARD.encode(format!(
            "limit={}&sort=id&page={number}&sort_direction={direction}",
            self.limit
        ));
        match quirks.cursor_encoding {
            CursorEncoding::Plain => cursor,
            CursorEncoding::PercentEncoded => {
                utf8_percent_encode(&cursor, NON_ALPHANUMERIC).to_string()
            }
        }
    }
}

pub(super) fn decoded_cursor(cursor: &str) -> Option<Query> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    Some(Query::parse(&text))
}

fn limit(query: &Query, sizes: Sizes, shape: Shape) -> Result<u64, Answer> {
    let max = u64::from(sizes.max);
    let Some(text) = query.text("limit") else {
        return Ok(u64::from(sizes.default).min(max));
    };
    let limit: u64 = text
        .parse()
        .ok()
        .filter(|it| 0 < *it)
        .ok_or_else(|| Answer::error(400, shape, "limit must be a positive number"))?;
    if limit <= max {
        return Ok(limit);
    }
    let message = format!("limit must be at most {max}");
    match sizes.over_max {
        OverMax::Clamp => Ok(max),
        OverMax::BadRequest => Err(Answer::error(400, shape, &message)),
        OverMax::Unprocessable => Err(Answer::error(422, shape, &message)),
    }
}
