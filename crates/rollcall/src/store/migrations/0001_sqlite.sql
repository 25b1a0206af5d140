-- Times are microseconds since 1970-01-01T00:00Z. Booleans are 0 and 1.

create table settings (
    key text primary key,
    value text not null
);

create table connectors (
    id integer primary key autoincrement,
    name text not null,
    name_folded text not null unique,
    provider text not null,
    settings text not null,
    client_secret blob not null,
    created_at bigint not null,
    updated_at bigint not null
);

create table targets (
    id integer primary key autoincrement,
    connector_id bigint not null references connectors (id),
    name text not null,
    name_folded text not null unique,
    kind text not null,
    application text not null unique,
    password_hash blob not null,
    -- Part of every event token; a new one makes all earlier tokens worthless.
    epoch text not null,
    -- Counts publications. 0: nothing has been published yet.
    generation bigint not null default 0,
    -- Event tokens of generations before this one are answered with 410.
    events_floor bigint not null default 0,
    created_at bigint not null,
    published_at bigint,
    last_read_at bigint
);

-- The published directory of a target: what Crowd clients are served.
create table directory_users (
    id integer primary key,
    target_id bigint not null references targets (id),
    external_id text not null,
    username text not null,
    username_folded text not null,
    email text not null,
    display_name text not null,
    first_name text not null,
    last_name text not null,
    active bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    unique (target_id, external_id)
);

-- Not unique: two people may swap usernames within one publication. Publishing checks it at the end.
create index directory_users_by_username on directory_users (target_id, username_folded);

create table directory_groups (
    id integer primary key,
    target_id bigint not null references targets (id),
    name text not null,
    name_folded text not null,
    unique (target_id, name_folded)
);

create table directory_memberships (
    group_id bigint not null,
    user_id bigint not null,
    primary key (group_id, user_id)
) without rowid;

create index directory_memberships_by_user on directory_memberships (user_id);

-- What changed in which generation. A reader is told the present state of what is named here.
create table directory_events (
    target_id bigint not null,
    generation bigint not null,
    -- user, group or membership (of the user that is named)
    kind text not null,
    name text not null,
    name_folded text not null,
    primary key (target_id, generation, kind, name_folded)
) without rowid;

-- Full reads that may still be under way, so that the token at their end covers what changed since
-- they began. A read that is known to have ended leaves no row.
create table directory_reads (
    id integer primary key autoincrement,
    target_id bigint not null,
    reader text not null,
    generation bigint not null,
    started_at bigint not null
);

create index directory_reads_by_target on directory_reads (target_id, started_at);

create table runs (
    id integer primary key autoincrement,
    connector_id bigint not null,
    -- Kept beside the id: a report outlives its connector.
    connector_name text not null,
    trigger text not null,
    status text not null,
    started_at bigint not null,
    -- Set again and again while the run is alive. Long ago: its process has died.
    beat_at bigint not null,
    finished_at bigint,
    -- One sentence: how it ended and what to do.
    message text not null default '',
    -- JSON: phases, calls, counts, budget, objections.
    report text not null default '{}'
);

create index runs_by_connector on runs (connector_id, started_at);

create table run_changes (
    run_id bigint not null references runs (id),
    seq bigint not null,
    target_id bigint not null,
    kind text not null,
    external_id text,
    username text,
    group_name text,
    detail text not null,
    reason text not null,
    outcome text not null,
    primary key (run_id, seq)
) without rowid;

create table run_findings (
    run_id bigint not null references runs (id),
    seq bigint not null,
    kind text not null,
    external_id text,
    username text,
    message text not null,
    primary key (run_id, seq)
) without rowid;

create index run_findings_by_user on run_findings (external_id, run_id);
