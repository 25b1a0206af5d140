-- People of a target who were confirmed absent, and from whom nothing was taken yet.
create table target_suspicions (
    target_id bigint not null references targets (id),
    external_id text not null,
    since bigint not null,
    -- By how many complete reads.
    reads bigint not null,
    primary key (target_id, external_id)
) without rowid;

-- Groups of a target that nobody is in, and since when.
create table target_empty_groups (
    target_id bigint not null references targets (id),
    name_folded text not null,
    name text not null,
    since bigint not null,
    primary key (target_id, name_folded)
) without rowid;
