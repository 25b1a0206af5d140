-- What a plan can be searched for besides names: the e-mail addresses that a change is about, a line each.
alter table plan_changes add column email text not null default '';
-- The same of a block, in the case that searches are in, and its reasons. Nothing where the plan is older.
alter table plan_change_blocks add column emails text not null default '';
alter table plan_change_blocks add column reasons text not null default '';
