-- When a plan by rules that nobody had tried noticed it; nothing where tried rules did. Whatever
-- comes of it is asked about.
alter table target_suspicions add column by_new_rules bigint;
alter table target_empty_groups add column by_new_rules bigint;

-- How the plan was decided over when somebody asked for exactly what it showed; nothing for runs of
-- earlier versions.
alter table runs add column plan_seen text;
