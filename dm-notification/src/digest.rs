//! The digest and the formula behind it (DM Notification 1.2.1, digest):
//! `MD5(B64(MD5(name:password)) ":" nonce ":" B64(MD5(trigger)))`.

use core::fmt;
use core::hash::{Hash, Hasher};

use base64ct::{Base64, Encoding as _};
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Octets of an MD5 hash.
pub(crate) const HASH: usize = 16;
/// Octets of its Base64 form.
pub(crate) const HASH_TEXT: usize = 24;

/// The 16 octets in front of a trigger that prove who sent it.
///
/// Compares in constant time. It can go into sets and maps, so a receiver can remember which notifications it has
/// acted upon.
#[derive(Clone, Copy, PartialOrd, Ord)]
pub struct Digest([u8; HASH]);

impl Digest {
    /// Octets on the wire.
    pub const OCTETS: usize = HASH;

    /// The digest with these octets.
    #[must_use]
    pub const fn new(octets: [u8; Self::OCTETS]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[must_use]
    pub const fn as_octets(&self) -> &[u8; Self::OCTETS] {
        &self.0
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// `B64(MD5(name ":" password))`: all that ever has to be stored of a password.
pub(crate) fn hash_credential(name: &[u8], password: &[u8]) -> Zeroizing<[u8; HASH_TEXT]> {
    let hash = Zeroizing::new(md5(&[name, b":", password]));
    let mut text = Zeroizing::new([0; HASH_TEXT]);
    // In constant time: it is a secret.
    Base64::encode(&*hash, &mut *text).expect("16 octets are 24 characters of Base64");
    text
}

/// The digest of the trigger with these octets, given in pieces, for a credential and a nonce.
pub(crate) fn digest(credential: &[u8; HASH_TEXT], nonce: &[u8], trigger: &[&[u8]]) -> Digest {
    let trigger = base64(&md5(trigger));
    Digest(md5(&[credential, b":", nonce, b":", &trigger]))
}

/// MD5 over the pieces in a row. The hasher wipes itself (its `zeroize` feature is on).
fn md5(pieces: &[&[u8]]) -> [u8; HASH] {
    let mut hasher = Md5::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.finalize().into()
}

/// Base64 of what everyone may see: the hash of a trigger. By hand, since the library takes constant time for every
/// character, which is a fifth of what verifying costs.
fn base64(hash: &[u8; HASH]) -> [u8; HASH_TEXT] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // 128 bits and four that are not there: 22 characters.
    let bits = u128::from_be_bytes(*hash);
    let mut text = [b'='; HASH_TEXT];
    for (at, character) in text.iter_mut().take(21).enumerate() {
        let six = (bits >> (122 - 6 * at)) as usize & 0x3F;
        *character = ALPHABET[six];
    }
    text[21] = ALPHABET[(bits as usize & 0b11) << 4];
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::format;

    #[test]
    fn md5_of_pieces_is_md5_of_the_whole() {
        // RFC 1321, A.5.
        let expected =
            [0xf9, 0x6b, 0x69, 0x7d, 0x7c, 0xb7, 0x93, 0x8d, 0x52, 0x5a, 0x2f, 0x31, 0xaa, 0xf1, 0x61, 0xd0];
        assert_eq!(md5(&[b"message digest"]), expected);
        assert_eq!(md5(&[b"", b"mess", b"", b"age ", b"digest"]), expected);
    }

    #[test]
    fn base64_is_that_of_the_library() {
        for bit in 0..128 {
            for hash in [1_u128 << bit, !(1 << bit), u128::MAX >> bit] {
                let hash = hash.to_be_bytes();
                let mut expected = [0; HASH_TEXT];
                Base64::encode(&hash, &mut expected).expect("24 characters");
                assert_eq!(base64(&hash), expected);
            }
        }
    }

    #[test]
    fn the_formula_step_by_step() {
        // The worked example, with the password `srvpassword`.
        assert_eq!(&*hash_credential(b"com.mgmtsrv.manage", b"srvpassword"), b"PJFom3w2SeOTLfTJ4SWl0A==");
        // The hash input with an empty nonce keeps both colons.
        let credential = b"PJFom3w2SeOTLfTJ4SWl0A==";
        let by_hand = md5(&[b"PJFom3w2SeOTLfTJ4SWl0A==::ne6BhXyhdpa6cRlZxXFamA=="]);
        let trigger: &[u8] = b"\x02\xD0\0\0\0\x12\x34\x12com.mgmtsrv.manage";
        assert_eq!(digest(credential, b"", &[trigger]).0, by_hand);
        assert_eq!(format!("{:?}", digest(credential, b"", &[trigger])), "fc5943b1506ef8683ab33e58af770c7e");
    }

    #[test]
    fn every_bit_counts_in_a_comparison() {
        let digest = Digest::new([0x5A; 16]);
        let mut seen = BTreeSet::from([digest]);
        for bit in 0..128 {
            let mut octets = *digest.as_octets();
            octets[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Digest::new(octets), digest);
            assert!(seen.insert(Digest::new(octets)));
        }
        assert_eq!(Digest::new([0x5A; 16]), digest);
    }
}
