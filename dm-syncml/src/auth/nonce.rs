//! Nonces.

#[cfg(feature = "serde")]
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroize;

/// A nonce: octets that make a digest good for one time.
///
/// The specification recommends 16 octets or more from a random source; [`Nonce::LEN`] is what this crate makes of the entropy it
/// is given. `Debug` does not show them, and they are wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce(Vec<u8>);

impl Nonce {
    /// How many octets of entropy a session takes for a nonce.
    pub const LEN: usize = 16;

    /// A nonce of these octets, as they go into the digest (not base64).
    #[must_use]
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(octets.into())
    }

    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; Self::LEN]> for Nonce {
    fn from(entropy: [u8; Self::LEN]) -> Self {
        Self(entropy.to_vec())
    }
}

impl Drop for Nonce {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({} octets)", self.0.len())
    }
}

/// As base64, like on the wire. It is a secret until it has been used.
#[cfg(feature = "serde")]
impl serde::Serialize for Nonce {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64ct::{Base64, Encoding as _};
        let mut text = Base64::encode_string(&self.0);
        let done = serializer.serialize_str(&text);
        text.zeroize();
        done
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Nonce {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64ct::{Base64, Encoding as _};
        let mut text = <String as serde::Deserialize>::deserialize(deserializer)?;
        let octets = Base64::decode_vec(&text).map_err(|_| serde::de::Error::custom("a nonce is base64"));
        text.zeroize();
        octets.map(Self)
    }
}
