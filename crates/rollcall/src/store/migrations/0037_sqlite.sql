-- What was asked of a target last, of the sorts that its page tells beside when it was read.
create table target_calls (
    target_id bigint not null references targets (id),
    kind text not null,
    at bigint not null,
    address text not null,
    program text not null,
    primary key (target_id, kind)
) without rowid;
