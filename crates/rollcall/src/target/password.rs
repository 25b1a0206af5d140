//! The password of an application that reads a target: made by us, shown once, stored hashed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::seal::{self, SealError};
use crate::secret::Secret;

/// A new password of 256 random bits, without a character that a form or a shell could mangle.
pub fn new_password() -> Result<Secret, SealError> {
    let bytes = Zeroizing::new(seal::random::<32>()?);
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(*bytes)))
}

/// What is stored of a password.
///
/// One round of SHA-256 is enough for a password that nobody chose: 256 random bits cannot be
/// guessed, however fast the guesses are. A slow hash would only make every poll slow, because
/// Crowd clients send the password with each request.
pub fn hash(password: &str) -> Vec<u8> {
    digest(&SHA256, password.as_bytes()).as_ref().to_vec()
}

/// Whether the password is the one of the hash, in a time that tells nothing of either.
pub fn verify(password: &str, expected: &[u8]) -> bool {
    hash(password).ct_eq(expected).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_alone() {
        let password = new_password().unwrap();
        let other = new_password().unwrap();
        assert!(verify(password.expose(), &hash(password.expose())));
        assert!(!verify(other.expose(), &hash(password.expose())));
        assert!(!verify("", &hash(password.expose())));
        assert!(!verify("", b""));
    }

    #[test]
    fn a_password_has_256_bits_and_only_letters_that_travel() {
        let password = new_password().unwrap();
        assert_eq!(password.expose().len(), 43);
        let travels = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
        assert!(password.expose().chars().all(travels));
    }
}
