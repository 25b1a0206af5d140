-- The external id of the one whom a run was about; nothing where it was about everybody.
alter table runs add column person text;

-- Who was synced alone, and when: a run that began before leaves them as they are.
create table target_singles (
    target_id bigint not null,
    external_id text not null,
    run_id bigint not null,
    synced_at bigint not null,
    primary key (target_id, external_id)
);

create index run_changes_by_user on run_changes (external_id, run_id);
