//! What a run tells, for whoever follows it: a page, a command, in this process or another.

use std::time::{Duration, Instant};

use crate::store::runs::events::{self, RunEvent};
use crate::store::runs::{self, Page, Run, RunId};
use crate::store::{Db, StoreError, leases};

/// Reads the events of a run in their order, from wherever a reader was. One that went away and
/// comes back with the number of the last event it has seen misses nothing.
#[derive(Debug)]
pub struct Follower {
    db: Db,
    run: RunId,
    after: i64,
    has_ended: bool,
    looked_for_dead_at: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// In their order; never empty.
    Events(Vec<RunEvent>),
    /// All events are told. Nothing follows.
    Ended(Box<Run>),
}

/// A run writes what it tells twice a second; together with this a reader is less than a second
/// behind.
const POLL_EVERY: Duration = Duration::from_millis(300);
/// How often a reader looks whether the run that it waits for is still alive.
const LOOK_FOR_DEAD_EVERY: Duration = Duration::from_secs(3);
const EVENTS_PER_READ_MAX: i64 = 1_000;

impl Follower {
    /// `after` is the number of the last event that was seen, or 0.
    pub fn new(db: &Db, run: RunId, after: i64) -> Follower {
        let (db, looked_for_dead_at) = (db.clone(), Instant::now());
        Follower { db, run, after, has_ended: false, looked_for_dead_at }
    }

    /// The next news, as soon as there are any. None after the end, or if there is no such run.
    ///
    /// Waiting may be given up at any time: what was not returned is told the next time.
    pub async fn next(&mut self) -> Result<Option<News>, StoreError> {
        while !self.has_ended {
            match self.at_once().await? {
                Some(news) => return Ok(Some(news)),
                None if self.has_ended => {}
                None => tokio::time::sleep(POLL_EVERY).await,
            }
            if LOOK_FOR_DEAD_EVERY <= self.looked_for_dead_at.elapsed() {
                leases::end_abandoned(&self.db).await?;
                self.looked_for_dead_at = Instant::now();
            }
        }
        Ok(None)
    }

    /// The next news, if there are any by now.
    pub async fn at_once(&mut self) -> Result<Option<News>, StoreError> {
        if self.has_ended {
            return Ok(None);
        }
        // The end of the run is looked at before what it told last.
        let Some(run) = runs::find(&self.db, self.run).await? else {
            self.has_ended = true;
            return Ok(None);
        };
        let page = Page { after: self.after, rows_max: EVENTS_PER_READ_MAX };
        let told = events::list(&self.db, self.run, page).await?;
        if let Some(last) = told.last() {
            self.after = last.seq;
            return Ok(Some(News::Events(told)));
        }
        if run.finished_at.is_none() {
            return Ok(None);
        }
        self.has_ended = true;
        Ok(Some(News::Ended(Box::new(run))))
    }
}
