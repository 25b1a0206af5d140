//! What a target's plans noticed, for decisions that are made after a while.

use jiff::Timestamp;
use reconcile::plan::{Memory, Past, Suspicion};
use reconcile::principal::{ExternalId, Name};

use crate::store::batch::{cells, execute};
use crate::store::targets::TargetId;
use crate::store::{StoreError, Tx, instant};
use crate::with_tx;

/// What was noticed, and the time by the clock that all nodes share.
pub async fn read(tx: &mut Tx, target: TargetId) -> Result<Past, StoreError> {
    const SUSPICIONS: &str =
        "select external_id, since, reads from target_suspicions where target_id = $1";
    const EMPTY: &str = "select name, since from target_empty_groups where target_id = $1";
    let now = tx.now().await?;
    let suspicions: Vec<(String, i64, i64)> =
        with_tx!(tx, conn => sqlx::query_as(SUSPICIONS).bind(target.0).fetch_all(conn).await?);
    let empty: Vec<(String, i64)> =
        with_tx!(tx, conn => sqlx::query_as(EMPTY).bind(target.0).fetch_all(conn).await?);
    let suspected = suspicions.into_iter().map(|(id, since, reads)| {
        let reads = u32::try_from(reads).unwrap_or(u32::MAX);
        (ExternalId::new(&id), Suspicion { since: instant(since), reads })
    });
    let empty = empty.into_iter().map(|(name, since)| (Name::new(&name), instant(since)));
    Ok(Past { now, memory: Memory { suspected: suspected.collect(), empty: empty.collect() } })
}

/// Writes what has changed since it was read.
pub async fn write(
    tx: &mut Tx,
    target: TargetId,
    before: &Memory,
    after: &Memory,
) -> Result<(), StoreError> {
    if before == after {
        return Ok(());
    }
    write_suspicions(tx, target, before, after).await?;
    write_empty_groups(tx, target, before, after).await
}

async fn write_suspicions(
    tx: &mut Tx,
    target: TargetId,
    before: &Memory,
    after: &Memory,
) -> Result<(), StoreError> {
    const DELETE: &str = "delete from target_suspicions \
         where target_id = $2 and external_id in (select batch.value ->> 0 from {rows})";
    const UPSERT: &str = "insert into target_suspicions (target_id, external_id, since, reads) \
         select $2, batch.value ->> 0, cast(batch.value ->> 1 as bigint), \
           cast(batch.value ->> 2 as bigint) from {rows} where true \
         on conflict (target_id, external_id) \
         do update set since = excluded.since, reads = excluded.reads";
    let (old, new) = (&before.suspected, &after.suspected);
    let forgotten: Vec<&ExternalId> = old.keys().filter(|id| !new.contains_key(*id)).collect();
    let row = |out: &mut Vec<u8>, id: &&ExternalId| cells(out, &(id.as_str(),));
    execute(tx, DELETE, &forgotten, row, &[target.0]).await?;
    let changed = new.iter().filter(|(id, suspicion)| old.get(*id) != Some(*suspicion));
    let changed: Vec<(&ExternalId, &Suspicion)> = changed.collect();
    let row = |out: &mut Vec<u8>, (id, suspicion): &(&ExternalId, &Suspicion)| {
        let Suspicion { since, reads } = suspicion;
        cells(out, &(id.as_str(), since.as_microsecond(), reads))
    };
    execute(tx, UPSERT, &changed, row, &[target.0]).await?;
    Ok(())
}

async fn write_empty_groups(
    tx: &mut Tx,
    target: TargetId,
    before: &Memory,
    after: &Memory,
) -> Result<(), StoreError> {
    const DELETE: &str = "delete from target_empty_groups \
         where target_id = $2 and name_folded in (select batch.value ->> 0 from {rows})";
    const UPSERT: &str = "insert into target_empty_groups (target_id, name_folded, name, since) \
         select $2, batch.value ->> 0, batch.value ->> 1, cast(batch.value ->> 2 as bigint) \
         from {rows} where true \
         on conflict (target_id, name_folded) do update set since = excluded.since";
    let (old, new) = (&before.empty, &after.empty);
    let forgotten: Vec<&Name> = old.keys().filter(|name| !new.contains_key(*name)).collect();
    let row = |out: &mut Vec<u8>, name: &&Name| cells(out, &(name.folded(),));
    execute(tx, DELETE, &forgotten, row, &[target.0]).await?;
    let changed = new.iter().filter(|(name, since)| old.get(*name) != Some(*since));
    let changed: Vec<(&Name, &Timestamp)> = changed.collect();
    let row = |out: &mut Vec<u8>, (name, since): &(&Name, &Timestamp)| {
        cells(out, &(name.folded(), name.as_str(), since.as_microsecond()))
    };
    execute(tx, UPSERT, &changed, row, &[target.0]).await?;
    Ok(())
}
