//! User name and password, and what is made of them (DM Security 1.2.1, nonces).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Encoding as _};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::model::{Cred, Data, MediaType};

use super::nonce::Nonce;

/// How a side proves who it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum AuthScheme {
    /// Not in SyncML: the transport has done it (mutual TLS, DMAcc `TRANSPORT`), or nobody has to.
    None,
    /// `syncml:auth-basic`: user name and password in base64. Only inside TLS.
    Basic,
    /// `syncml:auth-md5`: a digest over user name, password and a nonce.
    Md5,
}

impl AuthScheme {
    /// The Type of credentials and challenges; `None` when there are none.
    #[must_use]
    pub const fn media_type(self) -> Option<MediaType<'static>> {
        match self {
            Self::None => None,
            Self::Basic => Some(MediaType::AUTH_BASIC),
            Self::Md5 => Some(MediaType::AUTH_MD5),
        }
    }
}

/// A password. `Debug` does not show it, comparison takes constant time, and it is wiped on drop.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Takes over a password.
    #[must_use]
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }
}

impl Drop for Password {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A user name and its password.
///
/// ```
/// use dm_syncml::auth::{Credentials, Nonce, Password};
///
/// // The worked example of the DM 1.2 security text.
/// let credentials = Credentials::new("Bruce2", Password::new("OhBehave"));
/// let cred = credentials.md5(&Nonce::new(*b"Nonce"));
/// assert_eq!(cred.data.as_text(), Some("Zz6EivR3yeaaENcRN6lpAQ=="));
/// assert!(credentials.verify_md5(&cred, &Nonce::new(*b"Nonce")));
/// assert!(!credentials.verify_md5(&cred, &Nonce::new(*b"another")));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    user: String,
    password: Password,
}

impl Credentials {
    /// The credentials of `user`.
    #[must_use]
    pub fn new(user: impl Into<String>, password: Password) -> Self {
        Self { user: user.into(), password }
    }

    /// The user name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// `syncml:auth-basic` credentials: base64 of `user:password`.
    #[must_use]
    pub fn basic(&self) -> Cred<'static> {
        let mut plain = self.plain();
        let cred = cred(MediaType::AUTH_BASIC, Base64::encode_string(plain.as_bytes()));
        plain.zeroize();
        cred
    }

    /// `syncml:auth-md5` credentials: `B64(H(B64(H(user:password)):nonce))`, over the octets of the nonce. An empty nonce leaves the colon.
    #[must_use]
    pub fn md5(&self, nonce: &Nonce) -> Cred<'static> {
        cred(MediaType::AUTH_MD5, Base64::encode_string(&self.digest(nonce)))
    }

    /// Whether basic credentials are these, in constant time.
    #[must_use]
    pub fn verify_basic(&self, cred: &Cred<'_>) -> bool {
        let mut plain = self.plain();
        let genuine = proof_octets(cred).is_some_and(|mut proof| {
            let same = proof.as_slice().ct_eq(plain.as_bytes()).into();
            proof.zeroize();
            same
        });
        plain.zeroize();
        genuine
    }

    /// Whether MD5 credentials were made from these with `nonce`, in constant time.
    #[must_use]
    pub fn verify_md5(&self, cred: &Cred<'_>, nonce: &Nonce) -> bool {
        proof_octets(cred).is_some_and(|proof| proof.as_slice().ct_eq(&self.digest(nonce)).into())
    }

    fn plain(&self) -> String {
        let mut plain = String::with_capacity(self.user.len() + 1 + self.password.0.len());
        plain.push_str(&self.user);
        plain.push(':');
        plain.push_str(&self.password.0);
        plain
    }

    fn digest(&self, nonce: &Nonce) -> [u8; 16] {
        let mut inner: [u8; 16] = Md5::new()
            .chain_update(&self.user)
            .chain_update(":")
            .chain_update(&self.password.0)
            .finalize()
            .into();
        let mut text = [0; 24];
        // 16 octets are always 24 of base64, so there is nothing to fail.
        let encoded = Base64::encode(&inner, &mut text).unwrap_or_default();
        let digest = Md5::new()
            .chain_update(encoded)
            .chain_update(":")
            .chain_update(nonce.as_bytes())
            .finalize()
            .into();
        inner.zeroize();
        text.zeroize();
        digest
    }
}

fn cred(media_type: MediaType<'static>, base64: String) -> Cred<'static> {
    // Base64 is text whatever was encoded.
    Cred::new(media_type, Data::text(base64).unwrap_or(Data::EMPTY))
}

/// The octets behind the base64 of credentials; OPAQUE octets that are no base64 are the proof itself.
fn proof_octets(cred: &Cred<'_>) -> Option<Vec<u8>> {
    let text = cred.data.as_text()?.trim_ascii();
    Base64::decode_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/vectors/auth_vectors.json")).unwrap()
    }

    fn nonce(vector: &Value) -> Nonce {
        Nonce::new(Base64::decode_vec(vector["nonce_b64"].as_str().unwrap()).unwrap())
    }

    fn credentials(vector: &Value) -> Credentials {
        Credentials::new(
            vector["user"].as_str().unwrap(),
            Password::new(vector["password"].as_str().unwrap()),
        )
    }

    #[test]
    fn basic_vectors() {
        let vectors = vectors();
        let vectors = vectors["basic"].as_array().unwrap();
        assert_eq!(vectors.len(), 2);
        for vector in vectors {
            let cred = credentials(vector).basic();
            assert_eq!(cred.data.as_text(), vector["cred_data"].as_str());
            assert!(credentials(vector).verify_basic(&cred));
            assert!(!Credentials::new("x", Password::new("y")).verify_basic(&cred));
        }
    }

    #[test]
    fn md5_vectors() {
        let vectors = vectors();
        let vectors = vectors["md5"].as_array().unwrap();
        assert_eq!(vectors.len(), 7);
        for vector in vectors {
            let cred = credentials(vector).md5(&nonce(vector));
            assert_eq!(cred.data.as_text(), vector["cred_data"].as_str());
            assert!(credentials(vector).verify_md5(&cred, &nonce(vector)));
        }
    }

    #[test]
    fn md5_negative_vectors() {
        let vectors = vectors();
        let vectors = vectors["md5_negative"].as_array().unwrap();
        assert_eq!(vectors.len(), 2);
        for vector in vectors {
            let octets: Vec<u8> = vector["nonce_hex"]
                .as_str()
                .unwrap()
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect();
            let wrong = cred(MediaType::AUTH_MD5, vector["wrong_cred_data"].as_str().unwrap().into());
            assert!(!credentials(vector).verify_md5(&wrong, &Nonce::new(octets)), "{}", vector["why"]);
        }
    }

    /// Kinds that nothing here does yet; the list must stay exact.
    #[test]
    fn every_kind_of_vector_is_used_or_listed() {
        let vectors = vectors();
        let kinds: Vec<_> = vectors.as_object().unwrap().keys().cloned().collect();
        let used = ["basic", "md5", "md5_negative", "note"];
        let left_for_later = ["bootstrap_hmac_sha1", "mac", "mac_header_parse"];
        for kind in &kinds {
            assert!(used.contains(&kind.as_str()) || left_for_later.contains(&kind.as_str()), "{kind}");
        }
        assert_eq!(kinds.len(), used.len() + left_for_later.len());
    }

    #[test]
    fn secrets_do_not_show() {
        let shown =
            alloc::format!("{:?} {:?}", Credentials::new("u", Password::new("hunter2")), Nonce::new(*b"abc"));
        assert!(!shown.contains("hunter2") && !shown.contains("abc"), "{shown}");
        let cred = Credentials::new("u", Password::new("p")).basic();
        assert!(!alloc::format!("{cred:?}").contains("dTpw"));
    }
}
