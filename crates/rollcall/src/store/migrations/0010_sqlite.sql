-- The person before and after as JSON, for whoever takes a change back; nothing where the other columns
-- say it all.
alter table run_changes add column before text not null default '';
alter table run_changes add column after text not null default '';
-- What the source said of the person when the change was planned.
alter table run_changes add column state text not null default '';
-- The run that this one takes back.
alter table runs add column undo_of bigint;
