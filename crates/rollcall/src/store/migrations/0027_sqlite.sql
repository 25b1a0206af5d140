-- People of a target on whom new rules could not decide, and since when.
create table target_hidden (
    target_id bigint not null references targets (id),
    external_id text not null,
    since bigint not null,
    primary key (target_id, external_id)
) without rowid;
