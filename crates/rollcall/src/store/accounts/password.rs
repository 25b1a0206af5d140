//! Passwords that people choose: what is asked of them, and how they are kept.

use std::sync::{Arc, LazyLock};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::seal::{self, SealError};
use crate::secret::Secret;

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("A password has at least {CHARS_MIN} characters. 15 or more are better.")]
    TooShort,
    #[error("A password has at most {CHARS_MAX} characters.")]
    TooLong,
    #[error("This password is among the ones that everybody tries first. Choose another one.")]
    Common,
    #[error("This password is made of your own name or address. Choose another one.")]
    OfYours,
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("The password could not be hashed.")]
    Hash,
}

pub const CHARS_MIN: usize = 8;
pub const CHARS_MAX: usize = 128;

/// Passwords that are hashed at once: each takes 19 MiB and a core for a while.
const HASHERS_MAX: usize = 2;

static HASHERS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(HASHERS_MAX)));

/// Refuses a password that somebody would guess. `context` is what an attacker knows of its owner.
pub fn check(password: &Secret, context: &[&str]) -> Result<(), PasswordError> {
    let text = password.expose();
    let chars = text.chars().count();
    if chars < CHARS_MIN {
        return Err(PasswordError::TooShort);
    }
    if CHARS_MAX < chars {
        return Err(PasswordError::TooLong);
    }
    let lower = text.to_lowercase();
    if is_common(&lower) {
        return Err(PasswordError::Common);
    }
    if is_of_context(&lower, context) {
        return Err(PasswordError::OfYours);
    }
    Ok(())
}

/// What is stored of a password: Argon2id with a salt of its own.
pub async fn hash(password: &Secret) -> Result<String, PasswordError> {
    let salt = seal::random::<16>()?;
    let password = password.clone();
    on_a_hasher(move || {
        let hash = Argon2::default().hash_password_with_salt(password.expose().as_bytes(), &salt);
        hash.map(|it| it.to_string()).map_err(|_| PasswordError::Hash)
    })
    .await?
}

/// Whether the password is the one of the hash. Without a hash it takes as long, and is not.
pub async fn verify(password: &Secret, hash: Option<String>) -> Result<bool, PasswordError> {
    let is_somebody = hash.is_some();
    let hash = hash.unwrap_or_else(|| NOBODY.clone());
    let password = password.clone();
    // A text of any length would be hashed for as long as it is.
    if CHARS_MAX < password.expose().chars().count() {
        return Ok(false);
    }
    let is_right = on_a_hasher(move || {
        Argon2::default().verify_password(password.expose().as_bytes(), hash.as_str()).is_ok()
    })
    .await?;
    Ok(is_right && is_somebody)
}

/// The hash of a password that nobody knows.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let hash = Argon2::default().hash_password_with_salt(b"nobody", b"no account has it");
    hash.map(|it| it.to_string()).unwrap_or_default()
});

async fn on_a_hasher<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PasswordError> {
    let turn = Arc::clone(&HASHERS).acquire_owned().await.map_err(|_| PasswordError::Hash)?;
    let worked = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(turn);
        done
    });
    worked.await.map_err(|_| PasswordError::Hash)
}

static COMMON: &str = include_str!("common_passwords.txt");

fn is_common(lower: &str) -> bool {
    // As it is, and without the digits and signs that people put at its end.
    let bare = lower.trim_end_matches(|it: char| !it.is_alphabetic());
    let is_listed = |it: &str| COMMON.lines().any(|common| common == it);
    let first = lower.chars().next();
    let is_one_character = first.is_some_and(|first| lower.chars().all(|it| it == first));
    let is_row = is_row(lower);
    is_one_character || is_row || is_listed(lower) || (4 <= bare.len() && is_listed(bare))
}

/// `abcdefgh`, `87654321`
fn is_row(lower: &str) -> bool {
    let codes: Vec<u32> = lower.chars().map(u32::from).collect();
    let goes = |step: i64| {
        codes.windows(2).all(|pair| match pair {
            [one, next] => i64::from(*next) - i64::from(*one) == step,
            _ => true,
        })
    };
    goes(1) || goes(-1)
}

/// Whether little is left once what is known of its owner is taken out.
fn is_of_context(lower: &str, context: &[&str]) -> bool {
    const CHARS_LEFT_MIN: usize = 5;
    let mut left = lower.to_owned();
    let words = context.iter().flat_map(|it| it.split(|it: char| !it.is_alphanumeric()));
    for word in words.chain(["rollcall", "onelogin", "atlassian", "jira", "confluence"]) {
        let word = word.to_lowercase();
        if 3 <= word.chars().count() {
            left = left.replace(&word, "");
        }
    }
    left.len() < lower.len() && left.chars().count() < CHARS_LEFT_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_password(typed: &str, expected: &str) {
        let told = match check(&Secret::new(typed.to_owned()), &["ana.silva@acme.com", "Ana"]) {
            Ok(()) => "good".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected, "{typed}");
    }

    #[test]
    fn a_password_is_long_enough_and_not_what_everybody_tries() {
        let common =
            "This password is among the ones that everybody tries first. Choose another one.";
        let yours = "This password is made of your own name or address. Choose another one.";
        check_password("seven77", "A password has at least 8 characters. 15 or more are better.");
        check_password("correct horse battery", "good");
        check_password(&"x y".repeat(42), "good");
        check_password(&"x y".repeat(43), "A password has at most 128 characters.");
        check_password("Password", common);
        check_password("password123!", common);
        check_password("aaaaaaaaaaaa", common);
        check_password("abcdefghij", common);
        check_password("987654321", common);
        check_password("ana.silva1", yours);
        check_password("acmeacme2026", yours);
        check_password("rollcall1", common);
        check_password("rollcall-ana", yours);
        check_password("ana likes green tea", "good");
        check_password("größer als sonst", "good");
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let password = Secret::new("correct horse battery".to_owned());
        let hashed = hash(&password).await.unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert_ne!(hashed, hash(&password).await.unwrap());
        assert!(verify(&password, Some(hashed.clone())).await.unwrap());
        let other = Secret::new("correct horse batterie".to_owned());
        assert!(!verify(&other, Some(hashed)).await.unwrap());
        assert!(!verify(&password, None).await.unwrap());
        let nobody = Secret::new("nobody".to_owned());
        assert!(!verify(&nobody, None).await.unwrap());
    }
}
