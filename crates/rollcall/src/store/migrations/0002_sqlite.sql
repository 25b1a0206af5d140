-- Who runs a connector: one process at a time.
create table leases (
    connector_id bigint primary key,
    -- Grows with every claim. Each write of a run checks it, so a process that was away for too long
    -- fails at its first write.
    fence bigint not null,
    -- The run that holds it, or held it last.
    run_id bigint
);

alter table runs add column started_by text not null default '';
-- Where it is carried out: host and process.
alter table runs add column node text not null default '';
-- JSON: the settings of the connector that it used, without secrets.
alter table runs add column settings text not null default '{}';
alter table runs add column retry_of bigint;
alter table runs add column stop_asked_by text;

create index runs_unfinished on runs (id) where finished_at is null;

-- What a run told while it was under way, in order: phases, progress, calls, lines of its log.
create table run_events (
    run_id bigint not null references runs (id),
    seq bigint not null,
    at bigint not null,
    kind text not null,
    -- JSON
    body text not null,
    primary key (run_id, seq)
) without rowid;
