-- Up to a few hundred consecutive changes of a run in one row: what a search looks at first, so that it
-- reads the changes themselves only where it may find something.
create table run_change_blocks (
    run_id bigint not null references runs (id),
    first_seq bigint not null,
    last_seq bigint not null,
    -- The kinds and outcomes that occur, each between commas.
    marks text not null,
    -- Usernames, groups and external ids, a line each, in the case that searches are in.
    words text not null,
    primary key (run_id, first_seq)
) without rowid;

insert into run_change_blocks (run_id, first_seq, last_seq, marks, words)
select run_id, min(seq), max(seq),
    ',' || group_concat(distinct kind) || ',' || group_concat(distinct outcome) || ',',
    group_concat(lower(coalesce(username, '') || char(10) || coalesce(group_name, '') || char(10)
        || coalesce(external_id, '')), char(10))
from run_changes
group by run_id, (seq - 1) / 250;

-- The same for plans: kinds, verdicts and the numbers of causes.
create table plan_change_blocks (
    plan_id bigint not null references plans (id),
    first_seq bigint not null,
    last_seq bigint not null,
    marks text not null,
    words text not null,
    primary key (plan_id, first_seq)
) without rowid;

insert into plan_change_blocks (plan_id, first_seq, last_seq, marks, words)
select plan_id, min(seq), max(seq),
    ',' || group_concat(distinct kind) || ',' || group_concat(distinct verdict) || ','
        || group_concat(distinct cause) || ',',
    group_concat(lower(coalesce(username, '') || char(10) || coalesce(group_name, '') || char(10)
        || coalesce(external_id, '')), char(10))
from plan_changes
group by plan_id, (seq - 1) / 250;
