-- The fields of a person that a change alters, by their numbers between commas: ,1,4,
alter table plan_changes add column fields text not null default '';
alter table run_changes add column fields text not null default '';

-- The fields that the changes of a plan or run alter, and how many changes each. What is older has none.
create table plan_fields (
    plan_id bigint not null references plans (id),
    number bigint not null,
    -- As pages call it: e-mail, title.
    field text not null,
    changes bigint not null,
    primary key (plan_id, number)
) without rowid;

create table run_fields (
    run_id bigint not null references runs (id),
    number bigint not null,
    field text not null,
    changes bigint not null,
    primary key (run_id, number)
) without rowid;
