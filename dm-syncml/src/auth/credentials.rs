//! User name and password, and what is made of them (DM Security 1.2.1, nonces).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Encoding as _};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::error::ValueError;
use crate::model::{Cred, Data, MediaType};

use super::mac_header::MacHeader;
use super::nonce::Nonce;

/// How a side proves who it is.
///
/// The order is that of strength: a challenge may raise the scheme of a side, never lower it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum AuthScheme {
    /// Not in SyncML: the transport has done it (mutual TLS, DMAcc `TRANSPORT`), or nobody has to.
    None,
    /// `syncml:auth-basic`: user name and password in base64. Only inside TLS.
    Basic,
    /// `syncml:auth-md5`: a digest over user name, password and a nonce.
    Md5,
    /// `syncml:auth-MAC`: a digest over user name, password, a nonce and the octets of the message, in a header beside it. Every
    /// message has its own nonce.
    Mac,
}

impl AuthScheme {
    /// The Type of credentials and challenges; `None` when there are none.
    #[must_use]
    pub const fn media_type(self) -> Option<MediaType<'static>> {
        match self {
            Self::None => None,
            Self::Basic => Some(MediaType::AUTH_BASIC),
            Self::Md5 => Some(MediaType::AUTH_MD5),
            Self::Mac => Some(MediaType::AUTH_MAC),
        }
    }

    /// The scheme that a Type of credentials or of a challenge names, whatever its case; `None` when it names none of these.
    #[must_use]
    pub fn from_media_type(media_type: &MediaType<'_>) -> Option<Self> {
        [Self::Basic, Self::Md5, Self::Mac].into_iter().find(|scheme| {
            scheme
                .media_type()
                .is_some_and(|own| own.as_str().eq_ignore_ascii_case(media_type.as_str().trim_ascii()))
        })
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

    /// The `x-syncml-hmac` header of a message: `B64(H(B64(H(user:password)):nonce:B64(H(body))))` over the octets of the nonce and of
    /// the body as it travels (DM Security 1.2.1 §5.4). It is not an HMAC of RFC 2104, whatever its name.
    ///
    /// # Errors
    /// The user name holds characters that no header can carry.
    pub fn mac(&self, nonce: &Nonce, body: &[u8]) -> Result<MacHeader, ValueError> {
        self.mac_of(nonce, &Md5::digest(body).into())
    }

    /// Whether basic credentials are these, in constant time. The user name ends at the first colon, so that nobody with a colon in the
    /// name is ever let in: another user with another password would have the same credentials.
    #[must_use]
    pub fn verify_basic(&self, cred: &Cred<'_>) -> bool {
        let mut plain = self.plain();
        let genuine = proof_octets(cred).is_some_and(|mut proof| {
            let same = proof.as_slice().ct_eq(plain.as_bytes()).into();
            proof.zeroize();
            same
        });
        plain.zeroize();
        genuine && !self.user.contains(':')
    }

    /// Whether MD5 credentials were made from these with `nonce`, in constant time.
    #[must_use]
    pub fn verify_md5(&self, cred: &Cred<'_>, nonce: &Nonce) -> bool {
        proof_octets(cred).is_some_and(|proof| proof.as_slice().ct_eq(&self.digest(nonce)).into())
    }

    /// Whether the header was made from these for `body` with `nonce`, in constant time.
    #[must_use]
    pub fn verify_mac(&self, header: &MacHeader, nonce: &Nonce, body: &[u8]) -> bool {
        self.verify_mac_of(header, nonce, &Md5::digest(body).into())
    }

    /// As [`mac`](Self::mac), for a body of which the digest is known.
    pub(super) fn mac_of(&self, nonce: &Nonce, body: &[u8; 16]) -> Result<MacHeader, ValueError> {
        MacHeader::new(self.user.as_str(), self.mac_digest(nonce, body))
    }

    /// As [`verify_mac`](Self::verify_mac), for a body of which the digest is known.
    pub(super) fn verify_mac_of(&self, header: &MacHeader, nonce: &Nonce, body: &[u8; 16]) -> bool {
        let right = header.is(&self.mac_digest(nonce, body));
        // Not only the digest: `a:b` with password `c` has that of `a` with `b:c`.
        right && header.user() == self.user
    }

    fn plain(&self) -> String {
        let mut plain = String::with_capacity(self.user.len() + 1 + self.password.0.len());
        plain.push_str(&self.user);
        plain.push(':');
        plain.push_str(&self.password.0);
        plain
    }

    fn digest(&self, nonce: &Nonce) -> [u8; 16] {
        let mut secret = self.secret();
        let digest = Md5::new()
            .chain_update(secret)
            .chain_update(":")
            .chain_update(nonce.as_bytes())
            .finalize()
            .into();
        secret.zeroize();
        digest
    }

    fn mac_digest(&self, nonce: &Nonce, body: &[u8; 16]) -> [u8; 16] {
        let mut secret = self.secret();
        let digest = Md5::new()
            .chain_update(secret)
            .chain_update(":")
            .chain_update(nonce.as_bytes())
            .chain_update(":")
            .chain_update(base64(body))
            .finalize()
            .into();
        secret.zeroize();
        digest
    }

    /// `B64(H(user:password))`, as good as the password.
    fn secret(&self) -> [u8; 24] {
        let mut inner: [u8; 16] = Md5::new()
            .chain_update(&self.user)
            .chain_update(":")
            .chain_update(&self.password.0)
            .finalize()
            .into();
        let secret = base64(&inner);
        inner.zeroize();
        secret
    }
}

/// A digest in base64: 16 octets are always 24.
fn base64(digest: &[u8; 16]) -> [u8; 24] {
    let mut text = [0; 24];
    let encoded = Base64::encode(digest, &mut text);
    debug_assert!(encoded.is_ok_and(|text| text.len() == 24), "16 octets are 24 of base64");
    text
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
    extern crate std;

    use super::*;
    use alloc::borrow::ToOwned;
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

    fn body(vector: &Value) -> Vec<u8> {
        let Some(file) = vector["body_file"].as_str() else { return Vec::new() };
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
        std::fs::read(path).unwrap()
    }

    #[test]
    fn mac_vectors() {
        let vectors = vectors();
        let vectors = vectors["mac"].as_array().unwrap();
        assert_eq!(vectors.len(), 6);
        for vector in vectors {
            let (credentials, nonce, body) = (credentials(vector), nonce(vector), body(vector));
            assert_eq!(Some(body.len() as u64), vector["body_len"].as_u64());
            let header = credentials.mac(&nonce, &body).unwrap();
            assert_eq!(Some(Base64::encode_string(header.mac()).as_str()), vector["mac"].as_str());
            assert_eq!(Some(alloc::format!("x-syncml-hmac: {header}").as_str()), vector["header"].as_str());
            assert!(credentials.verify_mac(&header, &nonce, &body));

            let real_hmac = Base64::decode_vec(vector["not_rfc2104"].as_str().unwrap()).unwrap();
            let real_hmac = MacHeader::new(credentials.user(), real_hmac).unwrap();
            assert!(!credentials.verify_mac(&real_hmac, &nonce, &body));

            let mut changed = body.clone();
            changed.push(b' ');
            assert!(!credentials.verify_mac(&header, &nonce, &changed), "another body");
            assert!(!credentials.verify_mac(&header, &Nonce::new(*b"another"), &body), "another nonce");
            let renamed = MacHeader::new("another", header.mac()).unwrap();
            assert!(!credentials.verify_mac(&renamed, &nonce, &body), "another user");
        }
    }

    /// Everything in the file is tested: the kinds of this file here, header values beside the parser, and the MAC of a bootstrap document
    /// in `tests/http_binding.rs`, by way of its Content-Type.
    #[test]
    fn every_kind_of_vector_is_used() {
        let vectors = vectors();
        let kinds: Vec<_> = vectors.as_object().unwrap().keys().map(String::as_str).collect();
        let used = ["bootstrap_hmac_sha1", "mac", "mac_header_parse", "md5", "md5_negative", "basic", "note"];
        assert_eq!(kinds.len(), used.len());
        assert!(kinds.iter().all(|kind| used.contains(kind)), "{kinds:?}");
    }

    /// `a:b` with `c` and `a` with `b:c` hash alike; nobody is taken for somebody else for it.
    #[test]
    fn colons_in_user_names() {
        let odd = Credentials::new("a:b", Password::new("c"));
        let plain = Credentials::new("a", Password::new("b:c"));
        let nonce = Nonce::new(*b"nonce");
        assert!(plain.verify_basic(&odd.basic()) && !odd.verify_basic(&plain.basic()));
        assert!(!plain.verify_mac(&odd.mac(&nonce, b"").unwrap(), &nonce, b""));
        assert!(!odd.verify_mac(&plain.mac(&nonce, b"").unwrap(), &nonce, b""));
        assert!(odd.verify_mac(&odd.mac(&nonce, b"").unwrap(), &nonce, b""));
    }

    #[test]
    fn empty_and_foreign_names_and_passwords() {
        for (user, password) in
            [("", ""), ("", "p"), ("u", ""), ("日本", "пароль"), ("u", ":"), ("\u{e4}\"\\", "\0")]
        {
            let credentials = Credentials::new(user, Password::new(password));
            let nonce = Nonce::new([0, b':', 0xFF]);
            assert!(credentials.verify_basic(&credentials.basic()));
            assert!(credentials.verify_md5(&credentials.md5(&nonce), &nonce));
            let header = credentials.mac(&nonce, b"body").unwrap();
            let header = MacHeader::parse(alloc::format!("{header}").as_bytes()).unwrap();
            assert!(credentials.verify_mac(&header, &nonce, b"body"));
        }
    }

    #[test]
    fn schemes_by_name_and_strength() {
        use AuthScheme::{Basic, Mac, Md5, None};
        assert!(None < Basic && Basic < Md5 && Md5 < Mac);
        for scheme in [Basic, Md5, Mac] {
            assert_eq!(AuthScheme::from_media_type(&scheme.media_type().unwrap()), Some(scheme));
        }
        let named = |name: &str| AuthScheme::from_media_type(&MediaType::new(name.to_owned()).unwrap());
        assert_eq!(named("SYNCML:AUTH-mac"), Some(Mac));
        assert_eq!(named("syncml:auth-X509"), Option::None);
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
