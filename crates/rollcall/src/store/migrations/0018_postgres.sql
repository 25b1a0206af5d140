-- The plan that a run was to carry out exactly as it was seen.
alter table runs add column plan_id bigint;
-- How many changes and findings a plan has, so that what is too much can be told without counting.
alter table plans add column row_count bigint not null default 0;
update plans set row_count =
    (select count(*) from plan_changes c where c.plan_id = plans.id)
    + (select count(*) from plan_findings f where f.plan_id = plans.id);
create index plans_by_run on plans (run_id);
