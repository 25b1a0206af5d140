//! What somebody else saved since a form was opened. Only what both changed stands in its way: who
//! pauses a connector, or saves another tab or another field, does not.

use jiff::Timestamp;

use super::draft::Draft;
use super::opened::Opened;
use super::saved::{self, Saved};
use crate::store::audit::Recorded;
use crate::store::connectors::Connector;
use crate::web::App;
use crate::web::moment::Moment;
use crate::web::refusal::Refusal;

/// The place of the secret, of which nobody can tell whether it is still the same.
const SECRET: &str = "client_secret";

/// Somebody else saved meanwhile.
#[derive(Debug, Default)]
pub struct Conflict {
    pub saved: Vec<Saved>,
}

/// What the draft would put over what somebody else saved after `version`, in microseconds; nothing
/// where it would not.
pub async fn since(
    app: &App,
    now: &Connector,
    draft: &Draft,
    opened: Option<&Opened>,
    version: i64,
    shown_at: Timestamp,
) -> Result<Option<Conflict>, Refusal> {
    if version == now.updated_at.as_microsecond() {
        return Ok(None);
    }
    let mut touched = draft.touches(now);
    if let Some(opened) = opened {
        touched.retain(|path| *path == SECRET || !opened.is_still(now, path));
    }
    if touched.is_empty() {
        return Ok(None);
    }
    let is_known = opened.is_some() && touched.iter().any(|it| *it != SECRET);
    let since = Timestamp::from_microsecond(version).unwrap_or(Timestamp::MIN);
    let entries = saved::entries(app, now).await?;
    // If the log does not reach back so far, nobody knows what else was saved.
    let is_cut = entries.len() == saved::ENTRIES_MAX && entries.iter().all(|it| since < it.at);
    let row = |it: Recorded| Saved {
        rows: saved::told(&it.changes, |path| is_cut || touched.contains(path)),
        at: Moment::new(it.at, shown_at),
        by: it.actor,
    };
    let since_then = entries.into_iter().filter(|it| since < it.at).map(row);
    let saved: Vec<Saved> = since_then.filter(|it| !it.rows.is_empty()).collect();
    Ok((is_known || is_cut || !saved.is_empty()).then_some(Conflict { saved }))
}
