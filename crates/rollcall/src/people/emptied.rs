//! Settings that let nobody take part: noticed before a run is held because of them.

use super::{PeopleError, last_read, retold};
use crate::store::Db;
use crate::store::connectors::Connector;
use crate::store::connectors::settings::ConnectorSettings;

/// What whoever saves such settings is told.
pub const NOBODY: &str = "By the last read, these settings put nobody in scope. A run with them would be \
     held and would change nothing.";

/// Whether nobody would take part with these settings, where somebody was read. Settings that look
/// for the same people as those of the connector are not gone through again, and a read that does
/// not go with them tells nothing.
pub async fn puts_nobody_in_scope(
    db: &Db,
    connector: &Connector,
    settings: &ConnectorSettings,
) -> Result<bool, PeopleError> {
    if settings.source == connector.settings.source {
        return Ok(false);
    }
    let stored = match last_read(db, connector).await {
        Ok(stored) => stored,
        Err(PeopleError::NoRead { .. } | PeopleError::Replay(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    let settings = settings.clone();
    // A hundred thousand people keep a core busy for a while.
    let gone_through = tokio::task::spawn_blocking(move || {
        let retold = retold(&stored.replay, &settings);
        retold.is_ok_and(|it| stored.replay.has_people() && it.takes_part().is_empty())
    });
    gone_through.await.map_err(|_| PeopleError::Broken)
}
