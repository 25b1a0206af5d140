-- Sizes of what is published, counted when it is published: a page that tells them reads one row.
alter table targets add column users bigint not null default 0;
alter table targets add column active_users bigint not null default 0;
alter table targets add column groups bigint not null default 0;
alter table targets add column memberships bigint not null default 0;

update targets set
    users = (select count(*) from directory_users u where u.target_id = targets.id),
    active_users = (select count(*) from directory_users u
        where u.target_id = targets.id and u.active = 1),
    groups = (select count(*) from directory_groups g where g.target_id = targets.id),
    memberships = (select count(*) from directory_memberships m
        join directory_groups g on g.id = m.group_id where g.target_id = targets.id);

-- E-mail and display name in the case that searches are in.
alter table directory_users add column search text not null default '';
update directory_users set search = lower(email) || chr(10) || lower(display_name);

-- PostgreSQL takes no index of long texts; it reads the table, which is as fast there.

-- How many changes of a plan are of a kind and have been decided alike.
create table plan_counts (
    plan_id bigint not null references plans (id),
    verdict text not null,
    decision text not null,
    kind text not null,
    changes bigint not null,
    primary key (plan_id, verdict, decision, kind)
);

insert into plan_counts (plan_id, verdict, decision, kind, changes)
select plan_id, verdict, decision, kind, count(*) from plan_changes
group by plan_id, verdict, decision, kind;
