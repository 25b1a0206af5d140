-- Who did what from where. Each entry carries the hash of the one before, and no entry is ever changed
-- or deleted.
create table audit_entries (
    seq bigint primary key,
    at bigint not null,
    -- command-line, account or service
    actor_kind text not null,
    actor text not null,
    -- The host or the network address that it was done from.
    origin text not null,
    noun text not null,
    verb text not null,
    object_id text not null,
    object_name text not null,
    -- JSON: the settings that changed, before and after. Of a secret, only that it changed.
    changes text not null,
    reason text not null,
    previous_hash text not null,
    hash text not null
);

create index audit_entries_by_time on audit_entries (at);

-- The end of the chain, in one row: whoever appends writes it first, so that two never append to the
-- same end, and entries that were cut off are missed.
create table audit_head (
    id bigint primary key check (id = 1),
    seq bigint not null,
    hash text not null
);

insert into audit_head (id, seq, hash)
values (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

create trigger audit_entries_never_change before update on audit_entries
begin
    select raise(abort, 'the audit log is append-only');
end;

create trigger audit_entries_never_go before delete on audit_entries
begin
    select raise(abort, 'the audit log is append-only');
end;

create trigger audit_head_never_goes before delete on audit_head
begin
    select raise(abort, 'the audit log is append-only');
end;

create trigger audit_head_moves_on before update on audit_head
when new.seq <> old.seq and new.seq <> old.seq + 1
begin
    select raise(abort, 'the audit log is append-only');
end;
