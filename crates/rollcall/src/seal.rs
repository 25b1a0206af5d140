//! Secrets at rest: sealed with one key that lives beside the database, or is handed in.
//!
//! A sealed value is bound to what it belongs to, so that it cannot be moved to another row and
//! opened there, and begins with the id of the key that sealed it, so that a wrong key is told
//! from a damaged value.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Seals and opens with one key.
pub struct Seal {
    key: LessSafeKey,
    id: KeyId,
}

/// Names a key without telling anything of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; KEY_ID_LEN]);

/// Where the key comes from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A file that the operator keeps. Never made by us.
    File(PathBuf),
    /// Handed over in base64.
    Given(Secret),
    /// The file in the data directory, made on the first start.
    DataDirectory(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(
        "There is no key file {}. Name the file that holds the key, or leave the setting out to \
         keep the key in the data directory.", path.display()
    )]
    NoKeyFile { path: PathBuf },
    #[error(
        "The key file {} is missing, but the database holds secrets that were sealed with it. \
         Restore the file from a backup. If it is lost for good, `rollcall init --replace-lost-key` \
         makes a new one, and each connector needs its client secret again.",
        path.display()
    )]
    KeyLost { path: PathBuf },
    #[error(
        "The key is not the one that sealed the secrets in this database. \
         Give the key file that belongs to it."
    )]
    OtherKey,
    #[error(
        "Everybody on this machine may read or change the key file {0}. \
         Run `chmod 600 {0}`, and replace the secrets if others had access.", path.display()
    )]
    TooOpen { path: PathBuf },
    #[error(
        "{what} is not a key: it has to be 32 bytes in base64, as `openssl rand -base64 32` prints them."
    )]
    NotAKey { what: String },
    #[error("The key file {} cannot be used: {source}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "The stored client secret cannot be opened: it is damaged, was moved, or its key was \
         replaced. Enter it again: rollcall connector edit NAME --client-secret-file FILE"
    )]
    Damaged,
    #[error("The operating system gave no random numbers.")]
    NoRandomness,
}

const KEY_LEN: usize = 32;
const KEY_ID_LEN: usize = 8;
const FORMAT: u8 = 1;

impl Seal {
    /// The seal of a source. `sealed_with` names the key of the secrets that exist already.
    pub fn open(source: &KeySource, sealed_with: Option<KeyId>) -> Result<Seal, SealError> {
        let seal = match source {
            KeySource::File(path) => match read_key_file(path)? {
                Some(text) => Seal::from_text(&text, &path.display().to_string())?,
                None => return Err(SealError::NoKeyFile { path: path.clone() }),
            },
            KeySource::Given(text) => Seal::from_text(text, "The given key")?,
            KeySource::DataDirectory(path) => match read_key_file(path)? {
                Some(text) => Seal::from_text(&text, &path.display().to_string())?,
                None if sealed_with.is_some() => {
                    return Err(SealError::KeyLost { path: path.clone() });
                }
                None => {
                    make_key_file(path)?;
                    // Read back: another process may have been first.
                    return Seal::open(&KeySource::File(path.clone()), sealed_with);
                }
            },
        };
        if sealed_with.is_some_and(|id| id != seal.id) {
            return Err(SealError::OtherKey);
        }
        Ok(seal)
    }

    /// Seals a secret. Only the same `belongs_to` opens it again.
    pub fn seal(&self, secret: &Secret, belongs_to: &str) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut text = secret.expose().as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(belongs_to.as_bytes()),
                &mut text,
            )
            .map_err(|_| SealError::Damaged)?;
        let mut sealed = Vec::with_capacity(1 + KEY_ID_LEN + NONCE_LEN + text.len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.id.0);
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// Opens what [`Seal::seal`] made for the same `belongs_to`.
    pub fn unseal(&self, sealed: &[u8], belongs_to: &str) -> Result<Secret, SealError> {
        let id = key_id_of(sealed).ok_or(SealError::Damaged)?;
        if id != self.id {
            return Err(SealError::OtherKey);
        }
        let rest = sealed.get(1 + KEY_ID_LEN..).ok_or(SealError::Damaged)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Damaged)?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(belongs_to.as_bytes()),
                &mut text,
            )
            .map_err(|_| SealError::Damaged)?;
        let opened = std::str::from_utf8(opened).map_err(|_| SealError::Damaged)?;
        Ok(Secret::new(opened.to_owned()))
    }

    fn from_text(text: &Secret, what: &str) -> Result<Seal, SealError> {
        let not_a_key = || SealError::NotAKey { what: what.to_owned() };
        let bytes = STANDARD.decode(text.expose().trim()).map_err(|_| not_a_key())?;
        let bytes = Zeroizing::new(bytes);
        if bytes.len() != KEY_LEN {
            return Err(not_a_key());
        }
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).map_err(|_| not_a_key())?;
        Ok(Seal { key: LessSafeKey::new(key), id: KeyId::of(&bytes) })
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("id", &self.id).finish_non_exhaustive()
    }
}

impl KeyId {
    fn of(key: &[u8]) -> KeyId {
        let mut context = Context::new(&SHA256);
        context.update(b"rollcall key id");
        context.update(key);
        let mut id = [0; KEY_ID_LEN];
        for (to, from) in id.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        KeyId(id)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Which key sealed a value; none if it is no sealed value at all.
pub fn key_id_of(sealed: &[u8]) -> Option<KeyId> {
    let (&format, rest) = sealed.split_first()?;
    let (id, _) = rest.split_first_chunk::<KEY_ID_LEN>()?;
    (format == FORMAT).then_some(KeyId(*id))
}

/// Random bytes of the operating system.
pub fn random<const LEN: usize>() -> Result<[u8; LEN], SealError> {
    let mut bytes = [0; LEN];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SealError::NoRandomness)?;
    Ok(bytes)
}

fn read_key_file(path: &Path) -> Result<Option<Secret>, SealError> {
    let failed = |source| SealError::File { path: path.to_owned(), source };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // The group may read: that is how systemd and Kubernetes hand a file to a service.
    let open_to_others = metadata.permissions().mode() & 0o027 != 0;
    if open_to_others {
        return Err(SealError::TooOpen { path: path.to_owned() });
    }
    fs::read_to_string(path).map(|text| Some(Secret::new(text))).map_err(failed)
}

/// Makes the key file whole or not at all, and never over one that is there.
fn make_key_file(path: &Path) -> Result<(), SealError> {
    let failed = |source| SealError::File { path: path.to_owned(), source };
    let key = Zeroizing::new(random::<KEY_LEN>()?);
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(*key)));
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft).map_err(failed)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal() -> Seal {
        Seal::from_text(&Secret::new(STANDARD.encode([7; KEY_LEN])), "key").unwrap()
    }

    #[test]
    fn what_was_sealed_opens_again() {
        let sealed = seal().seal(&Secret::new("s3cret".to_owned()), "connectors/1").unwrap();
        assert_eq!(seal().unseal(&sealed, "connectors/1").unwrap().expose(), "s3cret");
    }

    #[test]
    fn a_sealed_value_does_not_open_in_another_place() {
        let sealed = seal().seal(&Secret::new("s3cret".to_owned()), "connectors/1").unwrap();
        let moved = seal().unseal(&sealed, "connectors/2");
        assert!(matches!(moved, Err(SealError::Damaged)), "{moved:?}");
    }

    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let sealed = seal().seal(&Secret::new("s3cret".to_owned()), "here").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(seal().unseal(&changed, "here").is_err(), "byte {at}");
        }
        for len in 0..sealed.len() {
            assert!(seal().unseal(&sealed[..len], "here").is_err(), "cut to {len}");
        }
    }

    #[test]
    fn the_same_secret_never_looks_the_same_twice() {
        let secret = Secret::new("s3cret".to_owned());
        assert_ne!(seal().seal(&secret, "a").unwrap(), seal().seal(&secret, "a").unwrap());
    }

    #[test]
    fn another_key_is_told_from_a_damaged_value() {
        let sealed = seal().seal(&Secret::new("s3cret".to_owned()), "a").unwrap();
        let other = Seal::from_text(&Secret::new(STANDARD.encode([8; KEY_LEN])), "key").unwrap();
        assert!(matches!(other.unseal(&sealed, "a"), Err(SealError::OtherKey)));
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let source = KeySource::DataDirectory(path.clone());
        let first = Seal::open(&source, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let second = Seal::open(&source, Some(first.id)).unwrap();
        assert_eq!(first.id, second.id);
        let names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().path()).collect();
        assert_eq!(names, [path]);
    }

    #[test]
    fn a_lost_key_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let lost = Seal::open(&KeySource::DataDirectory(path.clone()), Some(seal().id));
        assert!(matches!(lost, Err(SealError::KeyLost { .. })), "{lost:?}");
        assert!(!path.exists());
    }

    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        Seal::open(&KeySource::DataDirectory(path.clone()), None).unwrap();
        for (mode, refused) in [(0o600, false), (0o440, false), (0o644, true), (0o620, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let opened = Seal::open(&KeySource::File(path.clone()), None);
            assert_eq!(matches!(opened, Err(SealError::TooOpen { .. })), refused, "{mode:o}");
        }
    }
}
