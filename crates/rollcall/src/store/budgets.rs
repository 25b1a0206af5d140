//! How many API calls a connector's account had left when its source told of them last, whoever
//! asked: a run, a test, an explanation.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::store::connectors::ConnectorId;
use crate::store::{Db, StoreError, Tx, instant};
use crate::{with_pool, with_tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Calls that are allowed in an hour.
    pub limit: u64,
    pub remaining: u64,
    /// When the source told it. Calls made since are taken off already.
    pub told_at: Timestamp,
}

/// Notes what a source told, unless something later is known.
pub async fn note(tx: &mut Tx, connector: ConnectorId, budget: &Budget) -> Result<(), StoreError> {
    const SQL: &str = "insert into budgets (connector_id, limit_per_hour, remaining, told_at) \
         select id, cast($2 as bigint), cast($3 as bigint), cast($4 as bigint) \
           from connectors where id = $1 \
         on conflict (connector_id) do update set limit_per_hour = excluded.limit_per_hour, \
           remaining = excluded.remaining, told_at = excluded.told_at \
         where budgets.told_at <= excluded.told_at";
    let Budget { limit, remaining, told_at } = *budget;
    let stored = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(connector.0)
        .bind(stored(limit))
        .bind(stored(remaining))
        .bind(told_at.as_microsecond())
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Of every connector whose source has told one.
pub async fn all(db: &Db) -> Result<BTreeMap<ConnectorId, Budget>, StoreError> {
    const SQL: &str = "select connector_id, limit_per_hour, remaining, told_at from budgets";
    let rows: Vec<(i64, i64, i64, i64)> =
        with_pool!(db, pool => sqlx::query_as(SQL).fetch_all(pool).await?);
    let budget = |(connector, limit, remaining, told_at): (i64, i64, i64, i64)| {
        let (limit, remaining) = (limit.unsigned_abs(), remaining.unsigned_abs());
        (ConnectorId(connector), Budget { limit, remaining, told_at: instant(told_at) })
    };
    Ok(rows.into_iter().map(budget).collect())
}

/// Of one connector.
pub async fn of(db: &Db, connector: ConnectorId) -> Result<Option<Budget>, StoreError> {
    Ok(all(db).await?.remove(&connector))
}
