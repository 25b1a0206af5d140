-- What a complete read of a source told, so that it can be thought through again without a call.
create table reads (
    id integer primary key autoincrement,
    connector_id bigint not null,
    -- None: it was read for a simulation.
    run_id bigint,
    read_at bigint not null,
    people bigint not null,
    -- Of all parts together.
    bytes bigint not null
);

create index reads_by_connector on reads (connector_id, id);
create index reads_by_run on reads (run_id);

create table read_parts (
    read_id bigint not null,
    part bigint not null,
    content blob not null,
    primary key (read_id, part)
) without rowid;
