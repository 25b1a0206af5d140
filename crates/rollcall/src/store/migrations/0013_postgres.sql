-- What there is to know of a connector's schedule besides its settings.
create table schedules (
    connector_id bigint primary key,
    -- It was set, changed or resumed then: slots before are nobody's loss.
    since bigint not null,
    -- Nothing runs by itself while this is set.
    paused_at bigint,
    paused_by text not null default '',
    pause_reason text not null default ''
);

-- Instants for which a run was started, or skipped for a reason. A slot is never taken twice.
create table schedule_slots (
    connector_id bigint not null,
    slot bigint not null,
    run_id bigint not null,
    primary key (connector_id, slot)
);

-- The slot that a run is for; nothing where a person asked for it.
alter table runs add column slot bigint;
-- Whether its process was killed or went silent, so that somebody else ended it.
alter table runs add column abandoned bigint not null default 0;

create index runs_of_connector on runs (connector_id, id);
create index runs_that_went_well on runs (connector_id, id)
where status in ('succeeded', 'succeeded-with-skips', 'held');
