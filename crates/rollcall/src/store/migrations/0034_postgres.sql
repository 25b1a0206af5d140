-- What was decided over, for lists of what is in force: a plan is forgotten sooner, and an undo has none.
alter table plan_decisions add column words text not null default '';
alter table plan_decisions add column username text;
-- The run that took the change back, where it was rejected by that.
alter table plan_decisions add column run_id bigint;

-- Whom of a run an undo was to take back, and whether the next run may do it again; nothing for runs of
-- earlier versions.
alter table runs add column undo_user text;
alter table runs add column undo_may_return bigint;
