-- Why the change was planned that somebody decided over, and by which rules: an approval is for no other
-- reason and by no other rules.
alter table plan_decisions add column reason text not null default '';
alter table plan_decisions add column fingerprint text not null default '';
