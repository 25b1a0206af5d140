-- The API calls that were left of a connector's account when the source told of them last.
create table budgets (
    connector_id bigint primary key references connectors (id) on delete cascade,
    limit_per_hour bigint not null,
    remaining bigint not null,
    told_at bigint not null
);
