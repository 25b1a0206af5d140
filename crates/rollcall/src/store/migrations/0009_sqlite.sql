-- What people look at before it is done: what a run holds, what a simulation shows, what an undo would do.
create table plans (
    id integer primary key autoincrement,
    connector_id bigint not null,
    -- Kept beside the id: a plan outlives its connector.
    connector_name text not null,
    -- held, simulated or undo
    kind text not null,
    -- The run that left it, or that it would undo.
    run_id bigint,
    -- ready, waiting, approved, rejected, applied or superseded
    status text not null,
    made_by text not null,
    made_at bigint not null,
    -- From then on nobody decides over it any more.
    expires_at bigint not null,
    -- What the rules were known by, and the settings as JSON, without secrets.
    fingerprint text not null,
    settings text not null,
    -- How many people the source had.
    people bigint not null,
    -- JSON: what was read, counts, calls.
    report text not null,
    decided_by text not null default '',
    decided_at bigint,
    reason text not null default '',
    -- What became of it, in one sentence.
    message text not null default ''
);

create index plans_by_connector on plans (connector_id, id);

create table plan_changes (
    plan_id bigint not null references plans (id),
    seq bigint not null,
    -- 0 where the connector has no target yet.
    target_id bigint not null,
    -- passes or held
    verdict text not null,
    -- approved, rejected or left-out; nothing until somebody decides
    decision text not null default '',
    kind text not null,
    external_id text,
    username text,
    group_name text,
    -- The change in words, and its reason.
    words text not null,
    reason text not null,
    -- By which a later run knows it again, and what the source said of the person.
    identity text not null,
    state text not null,
    -- The number of its cause; 0 where it is not held.
    cause bigint not null,
    -- JSON of the person, or nothing.
    before text not null,
    after text not null,
    primary key (plan_id, seq)
) without rowid;

create table plan_causes (
    plan_id bigint not null references plans (id),
    seq bigint not null,
    target_id bigint not null,
    title text not null,
    changes bigint not null,
    primary key (plan_id, seq)
) without rowid;

create table plan_objections (
    plan_id bigint not null references plans (id),
    seq bigint not null,
    target_id bigint not null,
    kind text not null,
    words text not null,
    primary key (plan_id, seq)
) without rowid;

create table plan_findings (
    plan_id bigint not null references plans (id),
    seq bigint not null,
    kind text not null,
    external_id text,
    username text,
    message text not null,
    primary key (plan_id, seq)
) without rowid;

-- What people have said about changes they saw, for the runs that follow.
create table plan_decisions (
    target_id bigint not null references targets (id),
    -- sync or undo: what the decision is about.
    origin text not null,
    -- Of a change; nothing where it is about how many people the source has.
    identity text not null,
    -- approved, rejected or left-out
    verdict text not null,
    plan_id bigint not null,
    external_id text,
    state text not null,
    people bigint,
    until bigint not null,
    primary key (target_id, origin, identity)
) without rowid;

-- By which rules a connector last ran well.
create table tried_rules (
    connector_id bigint primary key,
    fingerprint text not null,
    run_id bigint not null
);
