//! A read, kept: what OneLogin told of everybody it was asked for, compressed, so that it can be
//! thought through again with other settings and without a call.
//!
//! Rows are kept as they came, before scope and rules: whoever takes no part is in it as far as the
//! read came by them. A row is compressed when it arrives, so a read of a hundred thousand costs a
//! few megabytes more while it lasts.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

use super::names::{Kind, Looked, Names};
use super::wire::{self, Keys, Text, UserRow};

/// Everything of one complete read, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub people: usize,
    pub content: Vec<u8>,
}

/// Why a kept read cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    #[error(
        "The stored read was written by another version of Rollcall (form {found}, this version reads {VERSION}). \
         Simulate once: that stores one anew."
    )]
    Version { found: u32 },
    #[error("The stored read is damaged ({0}). Simulate once: that stores one anew.")]
    Damaged(String),
}

/// The form of what is stored. Another one cannot be read, and is not guessed at.
const VERSION: u32 = 1;

/// A read that takes more than this is not kept: a few million people.
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// What is stored beside the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) base_url: String,
    /// What each person was asked for.
    pub(super) fields: Vec<String>,
    /// Whose members were read; nothing where everybody was.
    pub(super) only: Option<Only>,
    roles: Vec<NameCells>,
    groups: Vec<NameCells>,
    /// What people have and no list names, asked for one by one.
    looked: Vec<LookedCells>,
    pub(super) seen: usize,
    /// People asked for by id after the read, who are there.
    asked: Vec<OwnedCells>,
    /// People asked for by id after the read, who are not.
    pub(super) gone: Vec<String>,
}

/// The roles and groups that were read alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Only {
    pub(super) roles: Vec<u64>,
    pub(super) groups: Vec<u64>,
}

/// A kept read, opened.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) header: Header,
    pub(super) rows: Vec<UserRow>,
}

type NameCells = (u64, Option<Box<str>>);

/// Kind, id, name, and whether OneLogin knows it.
type LookedCells = (String, u64, Option<Box<str>>, bool);

/// One row, on its way out.
type Cells<'a> = (
    Option<u64>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<i64>,
    Option<i64>,
    Option<u64>,
    (&'a [u64], Option<&'a str>, &'a [(&'static str, Box<str>)], &'a [(Box<str>, Text)]),
    Keys,
    Option<&'a str>,
);

/// The same on its way in.
type OwnedCells = (
    Option<u64>,
    Option<Box<str>>,
    Option<Box<str>>,
    Option<Box<str>>,
    Option<Box<str>>,
    Option<i64>,
    Option<i64>,
    Option<u64>,
    (Vec<u64>, Option<Box<str>>, Vec<(Box<str>, Box<str>)>, Vec<(Box<str>, Text)>),
    Keys,
    Option<Box<str>>,
);

/// Takes rows as they arrive.
#[derive(Debug)]
pub(super) struct Keeper {
    rows: usize,
    /// Rows that are not compressed yet: an encoder that is given a few bytes at a time takes as
    /// long as all of reading.
    waiting: Vec<u8>,
    /// Nothing once there was too much to keep.
    encoder: Option<ZlibEncoder<Vec<u8>>>,
}

const WAITING_BYTES: usize = 64 * 1024;

impl Keeper {
    pub(super) fn new() -> Keeper {
        let encoder = Some(ZlibEncoder::new(Vec::new(), Compression::fast()));
        Keeper { rows: 0, waiting: Vec::new(), encoder }
    }

    pub(super) fn take(&mut self, row: &UserRow) {
        let Some(encoder) = &mut self.encoder else { return };
        let written =
            serde_json::to_writer(&mut self.waiting, &cells(row)).map_err(io::Error::from);
        self.waiting.push(b'\n');
        let written = written.and_then(|()| {
            if self.waiting.len() < WAITING_BYTES {
                return Ok(());
            }
            let compressed = encoder.write_all(&self.waiting);
            self.waiting.clear();
            compressed
        });
        if written.is_err() || BYTES_MAX < encoder.get_ref().len() {
            tracing::warn!("the read is too large to be kept");
            self.encoder = None;
            self.waiting = Vec::new();
            return;
        }
        self.rows += 1;
    }

    /// The rows, compressed; nothing where they were too many.
    pub(super) fn finish(self) -> Option<KeptRows> {
        let mut encoder = self.encoder?;
        encoder.write_all(&self.waiting).ok()?;
        Some(KeptRows { people: self.rows, rows: encoder.finish().ok()? })
    }
}

/// The rows of a read that has ended, without what was learned beside them.
#[derive(Clone, Debug)]
pub(super) struct KeptRows {
    people: usize,
    rows: Vec<u8>,
}

impl KeptRows {
    /// The length of the compressed header comes first, then the header, then the rows.
    pub(super) fn with(self, header: &Header) -> Option<Kept> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&serde_json::to_vec(header).ok()?).ok()?;
        let header = encoder.finish().ok()?;
        let length = u32::try_from(header.len()).ok()?;
        let mut content = Vec::with_capacity(8 + header.len() + self.rows.len());
        content.extend(VERSION.to_be_bytes());
        content.extend(length.to_be_bytes());
        content.extend(header);
        content.extend(self.rows);
        Some(Kept { people: self.people, content })
    }
}

impl Header {
    pub(super) fn new(
        base_url: &str,
        fields: &[&'static str],
        only: Option<Only>,
        names: (&Names, &Names),
        seen: usize,
    ) -> Header {
        Header {
            base_url: base_url.to_owned(),
            fields: fields.iter().map(|&it| it.to_owned()).collect(),
            only,
            roles: name_cells(names.0),
            groups: name_cells(names.1),
            looked: Vec::new(),
            seen,
            asked: Vec::new(),
            gone: Vec::new(),
        }
    }

    pub(super) fn look(&mut self, kind: Kind, id: u64, looked: &Looked) {
        let (name, is_known) = match looked {
            Looked::Named(name) => (Some(name.clone()), true),
            Looked::Nameless => (None, true),
            Looked::Gone => (None, false),
        };
        self.looked.push((kind.word().to_owned(), id, name, is_known));
    }

    pub(super) fn looked(&self, wanted: Kind) -> impl Iterator<Item = (u64, Looked)> {
        let of_kind = self.looked.iter().filter(move |(kind, ..)| *kind == wanted.word());
        of_kind.map(|(_, id, name, is_known)| {
            let looked = match (name, is_known) {
                (Some(name), _) => Looked::Named(name.clone()),
                (None, true) => Looked::Nameless,
                (None, false) => Looked::Gone,
            };
            (*id, looked)
        })
    }

    pub(super) fn names(&self, kind: Kind) -> Names {
        let cells = match kind {
            Kind::Role => &self.roles,
            Kind::Group => &self.groups,
        };
        cells.iter().cloned().collect()
    }

    pub(super) fn ask(&mut self, row: &UserRow) {
        self.asked.push(owned(cells(row)));
    }

    pub(super) fn asked(&self) -> impl Iterator<Item = UserRow> {
        self.asked.iter().cloned().map(row)
    }
}

impl Kept {
    pub(super) fn open(&self) -> Result<Opened, KeptError> {
        let damaged = |what: &str| KeptError::Damaged(what.to_owned());
        let (version, rest) = number(&self.content).ok_or_else(|| damaged("too short"))?;
        if version != VERSION {
            return Err(KeptError::Version { found: version });
        }
        let (length, rest) = number(rest).ok_or_else(|| damaged("too short"))?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (header, rows) = rest.split_at_checked(length).ok_or_else(|| damaged("cut off"))?;
        let header: Header = serde_json::from_slice(&inflated(header)?)
            .map_err(|error| KeptError::Damaged(error.to_string()))?;
        let lines = inflated(rows)?;
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let rows = lines.map(|line| serde_json::from_slice(line).map(row));
        let rows: Vec<UserRow> = rows
            .collect::<Result<_, _>>()
            .map_err(|error| KeptError::Damaged(error.to_string()))?;
        if rows.len() != self.people {
            return Err(damaged("people are missing"));
        }
        Ok(Opened { header, rows })
    }
}

fn name_cells(names: &Names) -> Vec<NameCells> {
    names.all().map(|(id, name)| (id, name.map(Into::into))).collect()
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

fn inflated(bytes: &[u8]) -> Result<Vec<u8>, KeptError> {
    /// Text shrinks to a quarter or less; a hundredth would be no text of ours.
    const GROWTH_MAX: u64 = 1_000;
    let bytes_max = u64::try_from(bytes.len()).unwrap_or(u64::MAX).saturating_mul(GROWTH_MAX);
    let mut inflated = Vec::new();
    ZlibDecoder::new(bytes)
        .take(bytes_max)
        .read_to_end(&mut inflated)
        .map_err(|error| KeptError::Damaged(error.to_string()))?;
    Ok(inflated)
}

fn cells(row: &UserRow) -> Cells<'_> {
    let UserRow {
        id,
        username,
        email,
        first_name,
        last_name,
        status,
        state,
        group_id,
        role_ids,
        member_of,
        // Told of one person when they are asked for; nothing is decided by it.
        updated_at: _,
        further,
        custom_attributes,
        keys,
        odd,
    } = row;
    (
        *id,
        username.as_deref(),
        email.as_deref(),
        first_name.as_deref(),
        last_name.as_deref(),
        *status,
        *state,
        *group_id,
        (role_ids, member_of.as_deref(), further, custom_attributes),
        *keys,
        *odd,
    )
}

fn owned(cells: Cells<'_>) -> OwnedCells {
    let (id, username, email, first, last, status, state, group, rest, keys, odd) = cells;
    let (roles, member_of, further, custom_attributes) = rest;
    let text = |it: Option<&str>| it.map(Into::into);
    let further = further.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    (
        id,
        text(username),
        text(email),
        text(first),
        text(last),
        status,
        state,
        group,
        (roles.to_vec(), text(member_of), further, custom_attributes.to_vec()),
        keys,
        text(odd),
    )
}

fn row(cells: OwnedCells) -> UserRow {
    let (
        id,
        username,
        email,
        first_name,
        last_name,
        status,
        state,
        group_id,
        (role_ids, member_of, further, custom_attributes),
        keys,
        odd,
    ) = cells;
    let further = further.into_iter().map(|(name, value)| (wire::field_named(&name), value));
    UserRow {
        id,
        username,
        email,
        first_name,
        last_name,
        status,
        state,
        group_id,
        role_ids,
        member_of,
        updated_at: None,
        further: further.collect(),
        custom_attributes,
        keys,
        odd: odd.map(|odd| wire::field_named(&odd)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<UserRow> {
        let plain =
            br#"[{"id":7,"username":"ada","email":null,"firstname":"Ada","lastname":"\u00d6",
            "status":1,"state":1,"group_id":3,"role_ids":[1,2],"member_of":"CN=A;CN=B",
            "department":"Sales","custom_attributes":{"floor":3,"odd":[1],"none":null}},
            {"id":8,"username":"bo","status":{"no":1}},{"username":"nobody"}]"#;
        wire::user_rows(plain).unwrap()
    }

    fn kept(rows: &[UserRow], header: &Header) -> Kept {
        let mut keeper = Keeper::new();
        for row in rows {
            keeper.take(row);
        }
        keeper.finish().unwrap().with(header).unwrap()
    }

    fn header() -> Header {
        let names: Names = [(1, Some("Staff".into())), (2, None)].into_iter().collect();
        let fields = ["id", "role_ids"];
        Header::new("https://acme.test", &fields, None, (&names, &Names::default()), 3)
    }

    #[test]
    fn what_was_kept_comes_back_odd_rows_and_unnamed_roles_included() {
        let (rows, mut header) = (rows(), header());
        header.look(Kind::Role, 9, &Looked::Gone);
        header.look(Kind::Role, 10, &Looked::Nameless);
        header.look(Kind::Group, 9, &Looked::Named("Nine".into()));
        header.ask(&rows[0]);
        header.gone.push("12".to_owned());
        let opened = kept(&rows, &header).open().unwrap();
        assert_eq!((&opened.rows, &opened.header), (&rows, &header));
        assert_eq!(opened.header.asked().collect::<Vec<_>>(), [rows[0].clone()]);
        let looked: Vec<_> = opened.header.looked(Kind::Role).collect();
        assert_eq!(looked, [(9, Looked::Gone), (10, Looked::Nameless)]);
        let names = opened.header.names(Kind::Role);
        assert_eq!((names.get(1), names.knows(2), names.get(2)), (Some("Staff"), true, None));
    }

    #[test]
    fn many_rows_come_back_in_their_order() {
        let mut many = Vec::new();
        for id in 1..=2_000 {
            many.push(UserRow { id: Some(id), ..rows()[0].clone() });
        }
        assert_eq!(kept(&many, &header()).open().unwrap().rows, many);
    }

    #[test]
    fn what_is_cut_or_of_another_version_is_refused_and_not_guessed_at() {
        let whole = kept(&rows(), &header());
        for length in [0, 6, 20, whole.content.len() - 9] {
            let content = whole.content.get(..length).unwrap().to_vec();
            let cut = Kept { content, ..whole.clone() };
            assert!(matches!(cut.open(), Err(KeptError::Damaged(_))), "{length}");
        }
        let mut later = whole.clone();
        later.content[3] = 99;
        assert!(matches!(later.open(), Err(KeptError::Version { found: 99 })));
        let fewer = Kept { people: 4, ..whole };
        assert!(matches!(fewer.open(), Err(KeptError::Damaged(_))));
    }
}
