//! Secrets at rest: sealed with a key that is kept beside the store, not in it.
//!
//! Who has a copy of the store alone (a backup, a disk that was sold) has no password. Who has the key file too has them all: it belongs on
//! another medium than the backups do.

use std::fs;
use std::io;
use std::path::Path;

use base64ct::{Base64, Encoding as _};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

use crate::clock::entropy;
use crate::tls::write_secret;

const KEY_LEN: usize = 32;

/// A secret that only a [`Vault`] with the right key can open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Sealed(String);

/// Seals and opens secrets.
#[derive(Debug)]
pub(super) struct Vault(LessSafeKey);

/// The key is another one, or the secret was changed or belongs to another name.
#[derive(Debug, thiserror::Error)]
#[error("the secret of {0} cannot be opened: the key file is not the one it was sealed with")]
pub(super) struct Locked(String);

impl Vault {
    /// The vault whose key is in this file. The first time it is made, readable by its owner only; returns whether it was made now.
    pub(super) fn kept_in(path: &Path) -> io::Result<(Self, bool)> {
        match fs::read_to_string(path) {
            Ok(text) => {
                let octets = Base64::decode_vec(text.trim()).ok().filter(|octets| octets.len() == KEY_LEN);
                let octets =
                    octets.ok_or_else(|| io::Error::other("this is no key of 32 octets in base64"))?;
                Ok((Self::new(&octets), false))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let octets = [entropy(), entropy()].concat();
                write_secret(path, Base64::encode_string(&octets).as_bytes())?;
                Ok((Self::new(&octets), true))
            }
            Err(error) => Err(error),
        }
    }

    fn new(octets: &[u8]) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, octets).expect("the key has 32 octets");
        Self(LessSafeKey::new(key))
    }

    /// Seals a secret under a name, with which alone it opens again.
    pub(super) fn seal(&self, name: &str, secret: &str) -> Sealed {
        // Random nonces of 96 bits: fewer secrets than 2^32 are ever sealed with one key.
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&entropy()[..NONCE_LEN]);
        let mut octets = secret.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(name), &mut octets)
            .expect("a secret is shorter than the cipher's limit of 256 GiB");
        Sealed(Base64::encode_string(&[&nonce[..], &octets].concat()))
    }

    /// Opens what was sealed under this name.
    pub(super) fn open(&self, name: &str, sealed: &Sealed) -> Result<String, Locked> {
        let locked = || Locked(name.into());
        let octets = Base64::decode_vec(&sealed.0).map_err(|_| locked())?;
        let (nonce, octets) = octets.split_at_checked(NONCE_LEN).ok_or_else(locked)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| locked())?;
        let mut octets = octets.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(name), &mut octets).map_err(|_| locked())?;
        String::from_utf8(opened.to_vec()).map_err(|_| locked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_its_name_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.key");
        let (vault, made) = Vault::kept_in(&path).expect("made");
        assert!(made);
        let sealed = vault.seal("IMEI:1", "secret");
        assert!(!sealed.0.contains("secret") && sealed != vault.seal("IMEI:1", "secret"));
        let (again, made) = Vault::kept_in(&path).expect("kept");
        assert!(!made && again.open("IMEI:1", &sealed).expect("ours") == "secret");
        assert!(vault.open("IMEI:2", &sealed).is_err(), "another's");
        let (other, _) = Vault::kept_in(&folder.path().join("other")).expect("made");
        let error = other.open("IMEI:1", &sealed).expect_err("another key").to_string();
        assert!(error.contains("IMEI:1") && error.contains("key file"), "{error}");
        for text in ["", "AAAA", "!"] {
            assert!(vault.open("IMEI:1", &Sealed(text.into())).is_err());
        }
        assert!(!format!("{vault:?}").contains(&fs::read_to_string(&path).expect("there")));
    }

    #[test]
    fn a_file_that_is_no_key_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.key");
        fs::write(&path, "a letter").expect("written");
        assert!(Vault::kept_in(&path).is_err());
        assert_eq!(fs::read_to_string(&path).expect("there"), "a letter");
    }
}
