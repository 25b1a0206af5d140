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
);

insert into run_change_blocks (run_id, first_seq, last_seq, marks, words)
select run_id, min(seq), max(seq),
    ',' || string_agg(distinct kind, ',') || ',' || string_agg(distinct outcome, ',') || ',',
    string_agg(lower(coalesce(username, '') || chr(10) || coalesce(group_name, '') || chr(10)
        || coalesce(external_id, '')), chr(10))
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
);

insert into plan_change_blocks (plan_id, first_seq, last_seq, marks, words)
select plan_id, min(seq), max(seq),
    ',' || string_agg(distinct kind, ',') || ',' || string_agg(distinct verdict, ',') || ','
        || string_agg(distinct cast(cause as text), ',') || ',',
    string_agg(lower(coalesce(username, '') || chr(10) || coalesce(group_name, '') || chr(10)
        || coalesce(external_id, '')), chr(10))
from plan_changes
group by plan_id, (seq - 1) / 250;
