-- A local group was made by hand, and the source does not decide who is in it. Who made it and when
-- stay with it when it is adopted; there is nobody where a run made it.
alter table directory_groups add column is_local bigint not null default 0;
alter table directory_groups add column made_by text;
alter table directory_groups add column made_at bigint;

-- Who added somebody by hand, and when; nobody where a run did.
alter table directory_memberships add column added_by text;
alter table directory_memberships add column added_at bigint;
