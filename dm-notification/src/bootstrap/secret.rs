//! What sender and receiver both know.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::{BootstrapError, BootstrapErrorKind};

/// What the network knows about the subscriber, as the octets that go into a key. Wiped on drop, not shown.
#[derive(Clone)]
pub struct NetworkSecret(Zeroizing<Vec<u8>>);

impl NetworkSecret {
    /// The octets of an IMSI as connectivity provisioning has them: an octet of the first digit in the high half
    /// and, in the low half, 9 for an odd number of digits or 1 for an even one; then pairs of digits, the earlier
    /// in the low half, filled up with F.
    ///
    /// The DM profile does not say how an IMSI becomes octets; devices seen use the same form.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::Imsi`] unless `digits` is 6 to 15 decimal digits (3GPP TS 23.003 §2.2).
    pub fn from_imsi(digits: &str) -> Result<Self, BootstrapError> {
        let octets = digits.as_bytes();
        if !(6..=15).contains(&octets.len()) || !octets.iter().all(u8::is_ascii_digit) {
            return Err(BootstrapError::new(BootstrapErrorKind::Imsi));
        }
        let mut digits = octets.iter().map(|octet| octet - b'0');
        let parity = if octets.len() % 2 == 1 { 0x9 } else { 0x1 };
        let mut key = Zeroizing::new(Vec::with_capacity(8));
        key.push(digits.next().unwrap_or_default() << 4 | parity);
        while let Some(low) = digits.next() {
            key.push(digits.next().unwrap_or(0xF) << 4 | low);
        }
        Ok(Self(key))
    }

    /// Octets that are known otherwise: an ESN, or whatever the network and the device agree upon.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::EmptySecret`] without any: a key that everyone knows proves nothing.
    pub fn from_octets(octets: impl Into<Vec<u8>>) -> Result<Self, BootstrapError> {
        let octets = Zeroizing::new(octets.into());
        if octets.is_empty() {
            return Err(BootstrapError::new(BootstrapErrorKind::EmptySecret));
        }
        Ok(Self(octets))
    }

    /// The octets. **They are a secret.**
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for NetworkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NetworkSecret(..)")
    }
}

/// A PIN that the user was told by other means. Wiped on drop, not shown.
#[derive(Clone)]
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// The PIN with these characters.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::Pin`] unless they are 1 to 255 visible ASCII characters. The standard's are digits.
    pub fn new(text: impl Into<String>) -> Result<Self, BootstrapError> {
        let text = Zeroizing::new(text.into());
        if !(1..=255).contains(&text.len()) || !text.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(BootstrapError::new(BootstrapErrorKind::Pin));
        }
        Ok(Self(text))
    }

    /// The characters. **They are a secret.**
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// What is known on this side: of the network, of the user, or of both.
#[derive(Clone, Debug, Default)]
pub struct SharedSecrets {
    network: Option<NetworkSecret>,
    pin: Option<Pin>,
}

impl SharedSecrets {
    /// Nothing is known.
    #[must_use]
    pub const fn new() -> Self {
        Self { network: None, pin: None }
    }

    /// The same, and what the network knows.
    #[must_use]
    pub fn with_network(mut self, secret: NetworkSecret) -> Self {
        self.network = Some(secret);
        self
    }

    /// The same, and what the user was told.
    #[must_use]
    pub fn with_pin(mut self, pin: Pin) -> Self {
        self.pin = Some(pin);
        self
    }

    pub(super) fn network(&self) -> Result<&[u8], BootstrapError> {
        let missing = BootstrapError::new(BootstrapErrorKind::NetworkSecretMissing);
        self.network.as_ref().map(NetworkSecret::expose).ok_or(missing)
    }

    pub(super) fn pin(&self) -> Result<&[u8], BootstrapError> {
        let missing = BootstrapError::new(BootstrapErrorKind::PinMissing);
        self.pin.as_ref().map(|pin| pin.expose().as_bytes()).ok_or(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    /// Reads semi-octets the naive way: swap the halves, drop the parity and the filler.
    fn digits_of(key: &[u8]) -> String {
        let swapped: String = key.iter().map(|octet| format!("{:X}{:X}", octet & 0xF, octet >> 4)).collect();
        swapped[1..].trim_end_matches('F').to_string()
    }

    #[test]
    fn semi_octets_of_every_length() {
        for length in 0..20 {
            let digits: String = "123456789012345678901".chars().take(length).collect();
            match NetworkSecret::from_imsi(&digits) {
                Ok(secret) => {
                    assert!((6..=15).contains(&length));
                    assert_eq!(digits_of(secret.expose()), digits);
                    assert_eq!(secret.expose()[0] & 0xF, if length % 2 == 1 { 9 } else { 1 });
                }
                Err(_) => assert!(!(6..=15).contains(&length), "{length}"),
            }
        }
        assert!(NetworkSecret::from_imsi("00101012345678A").is_err());
        assert!(NetworkSecret::from_imsi("\u{661}23456").is_err());
    }

    #[test]
    fn nothing_is_shown() {
        let secrets = SharedSecrets::new()
            .with_network(NetworkSecret::from_octets(*b"topsecret").expect("some"))
            .with_pin(Pin::new("98765").expect("a pin"));
        let shown = format!("{secrets:?}");
        assert!(
            !shown.contains("98765") && !shown.contains("topsecret") && !shown.contains("116"),
            "{shown}"
        );
        assert!(NetworkSecret::from_octets([]).is_err());
        assert!(Pin::new("").is_err() && Pin::new("12 34").is_err() && Pin::new("1".repeat(256)).is_err());
    }
}
