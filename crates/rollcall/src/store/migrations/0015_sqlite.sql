-- Who may sign in.
create table accounts (
    id integer primary key autoincrement,
    email text not null,
    email_folded text not null unique,
    name text not null,
    role text not null,
    -- Empty while nobody has chosen a password.
    password_hash text not null,
    password_set_at bigint,
    enabled bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    signed_in_at bigint
);

-- Who is signed in. The token itself is in the cookie alone.
create table sessions (
    id integer primary key autoincrement,
    token_hash blob not null unique,
    account_id bigint not null references accounts (id) on delete cascade,
    created_at bigint not null,
    seen_at bigint not null,
    -- When the password was last typed.
    proved_at bigint not null,
    address text not null,
    program text not null
);

create index sessions_by_account on sessions (account_id);

-- Links and codes that are good for one use: to set up, to sign in, to choose a password.
create table one_time_codes (
    code_hash blob primary key,
    purpose text not null,
    account_id bigint references accounts (id) on delete cascade,
    expires_at bigint not null,
    tries_left bigint not null
) without rowid;
