-- How many rows a run has of its own: changes, findings and lines of its log.
alter table runs add column row_count bigint not null default 0;

update runs set row_count = (select count(*) from run_changes c where c.run_id = runs.id)
    + (select count(*) from run_findings f where f.run_id = runs.id)
    + (select count(*) from run_events e where e.run_id = runs.id);

create index runs_by_time on runs (started_at, id);

-- JSON; what it does not name is as it is by default.
insert into settings (key, value) values ('retention', '{}');
