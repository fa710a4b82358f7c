//! Keys, one for each method.

use alloc::vec::Vec;
use core::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use zeroize::Zeroizing;

use super::{BootstrapError, BootstrapErrorKind, CpSec, DmSec, Mac, SharedSecrets};

/// The key of a message authentication code. Wiped on drop, not shown.
pub struct MacKey(Zeroizing<Vec<u8>>);

impl MacKey {
    /// The key of a connectivity provisioning document (OMA Provisioning Bootstrap 1.1): the network's secret, the
    /// PIN, or the secret followed by the PIN.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::PinMissing`] and [`BootstrapErrorKind::NetworkSecretMissing`] where the method needs
    /// what is not in `secrets`; [`BootstrapErrorKind::NoKey`] for USERPINMAC and for unknown numbers.
    pub fn for_cp(sec: CpSec, secrets: &SharedSecrets) -> Result<Self, BootstrapError> {
        match sec {
            CpSec::NETWPIN => Ok(Self::joined(&[secrets.network()?])),
            CpSec::USERPIN => Ok(Self::joined(&[secrets.pin()?])),
            CpSec::USERNETWPIN => Ok(Self::joined(&[secrets.network()?, secrets.pin()?])),
            _ => Err(BootstrapError::new(BootstrapErrorKind::NoKey)),
        }
    }

    /// The key of a message of the DM profile (DM Security 1.2.1): the network's secret, the PIN, or the PIN, a
    /// colon and the secret; the other way round than in connectivity provisioning.
    ///
    /// # Errors
    ///
    /// As [`for_cp`](Self::for_cp); [`BootstrapErrorKind::NoKey`] for words that are not the standard's.
    pub fn for_dm(sec: &DmSec, secrets: &SharedSecrets) -> Result<Self, BootstrapError> {
        if *sec == DmSec::NETWORKID {
            Ok(Self::joined(&[secrets.network()?]))
        } else if *sec == DmSec::USERPIN {
            Ok(Self::joined(&[secrets.pin()?]))
        } else if *sec == DmSec::USERPIN_NETWORKID {
            Ok(Self::joined(&[secrets.pin()?, b":", secrets.network()?]))
        } else {
            Err(BootstrapError::new(BootstrapErrorKind::NoKey))
        }
    }

    /// A key that was derived otherwise, for methods of one's own and for senders that derive it in another way.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::EmptySecret`] without any octets.
    pub fn from_octets(octets: impl Into<Vec<u8>>) -> Result<Self, BootstrapError> {
        let octets = Zeroizing::new(octets.into());
        if octets.is_empty() {
            return Err(BootstrapError::new(BootstrapErrorKind::EmptySecret));
        }
        Ok(Self(octets))
    }

    fn joined(pieces: &[&[u8]]) -> Self {
        // All room at once: a vector that grows leaves copies of a secret behind.
        let mut octets = Zeroizing::new(Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum()));
        for piece in pieces {
            octets.extend_from_slice(piece);
        }
        Self(octets)
    }

    /// The code of a document: of the octets of its WBXML, as they travel.
    #[must_use]
    pub fn mac(&self, document: &[u8]) -> Mac {
        hmac_sha1(&self.0, document)
    }

    /// Checks that whoever made `mac` for this document knew the key. In constant time.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::WrongMac`].
    pub fn verify(&self, document: &[u8], mac: &Mac) -> Result<(), BootstrapError> {
        if self.mac(document) == *mac {
            Ok(())
        } else {
            Err(BootstrapError::new(BootstrapErrorKind::WrongMac))
        }
    }

    /// The octets. **They are a secret.**
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}

pub(super) fn hmac_sha1(key: &[u8], document: &[u8]) -> Mac {
    let mut hmac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
    hmac.update(document);
    Mac::new(hmac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::super::{NetworkSecret, Pin};
    use super::*;
    use alloc::string::ToString;

    fn secrets() -> SharedSecrets {
        SharedSecrets::new()
            .with_network(NetworkSecret::from_imsi("123456789012345").expect("an imsi"))
            .with_pin(Pin::new("1234").expect("a pin"))
    }

    /// A document of the octets 00 to 1F, and the codes of every method for it.
    #[test]
    fn codes_of_every_method() {
        let document: Vec<u8> = (0..0x20).collect();
        let cp = [
            (CpSec::NETWPIN, "B7462165A5A08520CA16CC366CD0D72C59BDAE0D"),
            (CpSec::USERPIN, "CCEE02B1B70F6840895D407C9A5DCB513EA60550"),
            (CpSec::USERNETWPIN, "FD37FD38FB9399E094F95CB1A24BFD0116E7064E"),
        ];
        for (sec, expected) in cp {
            let key = MacKey::for_cp(sec, &secrets()).expect("all secrets are there");
            assert_eq!(key.mac(&document).to_string(), expected, "{sec}");
            assert_eq!(key.verify(&document, &expected.parse().expect("40 digits")), Ok(()));
            let wrong = key.verify(&document[1..], &expected.parse().expect("40 digits"));
            assert_eq!(wrong.map_err(|e| e.kind()), Err(BootstrapErrorKind::WrongMac));
        }
        let dm = [
            (DmSec::NETWORKID, "B7462165A5A08520CA16CC366CD0D72C59BDAE0D"),
            (DmSec::USERPIN, "CCEE02B1B70F6840895D407C9A5DCB513EA60550"),
            (DmSec::USERPIN_NETWORKID, "909148EB8FF176534BDD541262B7CE2CFC231C6B"),
        ];
        for (sec, expected) in dm {
            let key = MacKey::for_dm(&sec, &secrets()).expect("all secrets are there");
            assert_eq!(key.mac(&document).to_string(), expected, "{sec}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        use BootstrapErrorKind::{NetworkSecretMissing, NoKey, PinMissing};
        let none = SharedSecrets::new();
        let kind = |sec| MacKey::for_cp(sec, &none).map(|_| ()).map_err(|e| e.kind());
        assert_eq!(kind(CpSec::NETWPIN), Err(NetworkSecretMissing));
        assert_eq!(kind(CpSec::USERPIN), Err(PinMissing));
        assert_eq!(kind(CpSec::USERNETWPIN), Err(NetworkSecretMissing));
        assert_eq!(kind(CpSec::USERPINMAC), Err(NoKey));
        assert_eq!(kind(CpSec::new(9)), Err(NoKey));
        let kind = |sec| MacKey::for_dm(&sec, &none).map(|_| ()).map_err(|e| e.kind());
        assert_eq!(kind(DmSec::NETWORKID), Err(NetworkSecretMissing));
        assert_eq!(kind(DmSec::USERPIN), Err(PinMissing));
        assert_eq!(kind(DmSec::USERPIN_NETWORKID), Err(PinMissing));
        assert_eq!(kind(DmSec::new("X").expect("a word")), Err(NoKey));
        assert!(MacKey::from_octets([]).is_err());
    }

    /// RFC 2202, test cases 2 and 6: a short key, and one longer than a block.
    #[test]
    fn hmac_is_hmac() {
        let mac = hmac_sha1(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(mac.to_string(), "EFFCDF6AE5EB2FA2D27416D5F184DF9C259A7C79");
        let mac = hmac_sha1(&[0xAA; 80], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(mac.to_string(), "AA4AE5E15272D00E95705637CE8A3B55ED402112");
    }
}
