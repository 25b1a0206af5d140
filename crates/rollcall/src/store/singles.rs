//! Who was synced alone, and when: a run that began before leaves them as they are.

use jiff::Timestamp;
use reconcile::principal::ExternalId;

use crate::store::runs::RunId;
use crate::store::targets::TargetId;
use crate::store::{StoreError, Tx};
use crate::with_tx;

/// Marks a run as one of a single person.
pub async fn mark(tx: &mut Tx, run: RunId, person: &ExternalId) -> Result<(), StoreError> {
    const SQL: &str = "update runs set person = $2 where id = $1";
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(run.0)
        .bind(person.as_str())
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Notes that somebody was synced alone. To be called with the target locked.
pub async fn insert(
    tx: &mut Tx,
    target: TargetId,
    person: &ExternalId,
    run: RunId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into target_singles (target_id, external_id, run_id, synced_at) \
         values ($1, $2, $3, $4) \
         on conflict (target_id, external_id) \
         do update set run_id = excluded.run_id, synced_at = excluded.synced_at";
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(target.0)
        .bind(person.as_str())
        .bind(run.0)
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Whoever was synced alone since a run began. To be called with the target locked.
pub async fn since_begin_of(
    tx: &mut Tx,
    target: TargetId,
    run: RunId,
) -> Result<Vec<ExternalId>, StoreError> {
    const SQL: &str = "select s.external_id from target_singles s \
         join runs r on r.id = $2 and r.started_at <= s.synced_at \
         where s.target_id = $1 order by s.external_id";
    let ids: Vec<String> = with_tx!(tx, conn => sqlx::query_scalar(SQL)
        .bind(target.0)
        .bind(run.0)
        .fetch_all(conn)
        .await?);
    Ok(ids.iter().map(|id| ExternalId::new(id)).collect())
}

/// Forgets whoever was synced before a run began: later runs know better.
pub async fn forget_before(tx: &mut Tx, target: TargetId, run: RunId) -> Result<(), StoreError> {
    const SQL: &str = "delete from target_singles where target_id = $1 \
         and synced_at < (select started_at from runs where id = $2)";
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(target.0)
        .bind(run.0)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}
