//! What a target's plans noticed, for decisions that are made after a while.

use jiff::Timestamp;
use reconcile::plan::{Emptiness, Memory, Suspicion};
use reconcile::principal::{ExternalId, Name};

use crate::store::batch::{cells, execute};
use crate::store::targets::TargetId;
use crate::store::{StoreError, Tx, instant};
use crate::with_tx;

/// What was noticed, and the time by the clock that all nodes share.
pub async fn read(tx: &mut Tx, target: TargetId) -> Result<(Timestamp, Memory), StoreError> {
    const SUSPICIONS: &str = "select external_id, since, reads, by_new_rules \
         from target_suspicions where target_id = $1";
    const EMPTY: &str =
        "select name, since, by_new_rules from target_empty_groups where target_id = $1";
    const HIDDEN: &str = "select external_id, since from target_hidden where target_id = $1";
    let now = tx.now().await?;
    let suspicions: Vec<(String, i64, i64, Option<i64>)> =
        with_tx!(tx, conn => sqlx::query_as(SUSPICIONS).bind(target.0).fetch_all(conn).await?);
    let empty: Vec<(String, i64, Option<i64>)> =
        with_tx!(tx, conn => sqlx::query_as(EMPTY).bind(target.0).fetch_all(conn).await?);
    let suspected = suspicions.into_iter().map(|(id, since, reads, by_new_rules)| {
        let (since, by_new_rules) = (instant(since), by_new_rules.map(instant));
        let reads = u32::try_from(reads).unwrap_or(u32::MAX);
        (ExternalId::new(&id), Suspicion { since, reads, by_new_rules })
    });
    let empty = empty.into_iter().map(|(name, since, by_new_rules)| {
        let (since, by_new_rules) = (instant(since), by_new_rules.map(instant));
        (Name::new(&name), Emptiness { since, by_new_rules })
    });
    let hidden: Vec<(String, i64)> =
        with_tx!(tx, conn => sqlx::query_as(HIDDEN).bind(target.0).fetch_all(conn).await?);
    let hidden = hidden.into_iter().map(|(id, since)| (ExternalId::new(&id), instant(since)));
    let (suspected, empty, hidden) = (suspected.collect(), empty.collect(), hidden.collect());
    Ok((now, Memory { suspected, empty, hidden }))
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
    write_empty_groups(tx, target, before, after).await?;
    write_hidden(tx, target, before, after).await
}

async fn write_hidden(
    tx: &mut Tx,
    target: TargetId,
    before: &Memory,
    after: &Memory,
) -> Result<(), StoreError> {
    const DELETE: &str = "delete from target_hidden \
         where target_id = $2 and external_id in (select batch.value ->> 0 from {rows})";
    const UPSERT: &str = "insert into target_hidden (target_id, external_id, since) \
         select $2, batch.value ->> 0, cast(batch.value ->> 1 as bigint) from {rows} where true \
         on conflict (target_id, external_id) do update set since = excluded.since";
    let (old, new) = (&before.hidden, &after.hidden);
    let forgotten: Vec<&ExternalId> = old.keys().filter(|id| !new.contains_key(*id)).collect();
    let row = |out: &mut Vec<u8>, id: &&ExternalId| cells(out, &(id.as_str(),));
    execute(tx, DELETE, &forgotten, row, &[target.0]).await?;
    let changed = new.iter().filter(|(id, since)| old.get(*id) != Some(*since));
    let changed: Vec<(&ExternalId, &Timestamp)> = changed.collect();
    let row = |out: &mut Vec<u8>, (id, since): &(&ExternalId, &Timestamp)| {
        cells(out, &(id.as_str(), since.as_microsecond()))
    };
    execute(tx, UPSERT, &changed, row, &[target.0]).await?;
    Ok(())
}

async fn write_suspicions(
    tx: &mut Tx,
    target: TargetId,
    before: &Memory,
    after: &Memory,
) -> Result<(), StoreError> {
    const DELETE: &str = "delete from target_suspicions \
         where target_id = $2 and external_id in (select batch.value ->> 0 from {rows})";
    const UPSERT: &str = "insert into target_suspicions \
           (target_id, external_id, since, reads, by_new_rules) \
         select $2, batch.value ->> 0, cast(batch.value ->> 1 as bigint), \
           cast(batch.value ->> 2 as bigint), cast(batch.value ->> 3 as bigint) \
         from {rows} where true \
         on conflict (target_id, external_id) \
         do update set since = excluded.since, reads = excluded.reads, \
           by_new_rules = excluded.by_new_rules";
    let (old, new) = (&before.suspected, &after.suspected);
    let forgotten: Vec<&ExternalId> = old.keys().filter(|id| !new.contains_key(*id)).collect();
    let row = |out: &mut Vec<u8>, id: &&ExternalId| cells(out, &(id.as_str(),));
    execute(tx, DELETE, &forgotten, row, &[target.0]).await?;
    let changed = new.iter().filter(|(id, suspicion)| old.get(*id) != Some(*suspicion));
    let changed: Vec<(&ExternalId, &Suspicion)> = changed.collect();
    let row = |out: &mut Vec<u8>, (id, suspicion): &(&ExternalId, &Suspicion)| {
        let Suspicion { since, reads, by_new_rules } = suspicion;
        let by_new_rules = by_new_rules.map(Timestamp::as_microsecond);
        cells(out, &(id.as_str(), since.as_microsecond(), reads, by_new_rules))
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
    const UPSERT: &str = "insert into target_empty_groups \
           (target_id, name_folded, name, since, by_new_rules) \
         select $2, batch.value ->> 0, batch.value ->> 1, cast(batch.value ->> 2 as bigint), \
           cast(batch.value ->> 3 as bigint) from {rows} where true \
         on conflict (target_id, name_folded) \
         do update set since = excluded.since, by_new_rules = excluded.by_new_rules";
    let (old, new) = (&before.empty, &after.empty);
    let forgotten: Vec<&Name> = old.keys().filter(|name| !new.contains_key(*name)).collect();
    let row = |out: &mut Vec<u8>, name: &&Name| cells(out, &(name.folded(),));
    execute(tx, DELETE, &forgotten, row, &[target.0]).await?;
    let changed = new.iter().filter(|(name, emptiness)| old.get(*name) != Some(*emptiness));
    let changed: Vec<(&Name, &Emptiness)> = changed.collect();
    let row = |out: &mut Vec<u8>, (name, emptiness): &(&Name, &Emptiness)| {
        let Emptiness { since, by_new_rules } = emptiness;
        let by_new_rules = by_new_rules.map(Timestamp::as_microsecond);
        cells(out, &(name.folded(), name.as_str(), since.as_microsecond(), by_new_rules))
    };
    execute(tx, UPSERT, &changed, row, &[target.0]).await?;
    Ok(())
}
