-- Further attributes as a JSON object of texts, or nothing where there are none.
alter table directory_users add column attributes text not null default '';

-- The source's own id, where a connector's key is another attribute; nothing where it is the id.
alter table directory_users add column source_id text not null default '';
