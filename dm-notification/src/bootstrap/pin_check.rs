//! USERPINMAC: a PIN with check digits, for a message that carries no code itself.

use alloc::string::String;
use core::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::key::hmac_sha1;
use super::{BootstrapError, BootstrapErrorKind, Mac};

/// The fewest digits that the standard has for the PIN itself, without its check digits.
pub const MIN_PIN_DIGITS: usize = 5;

/// A PIN followed by as many check digits over a document: what the user types for a USERPINMAC message (OMA
/// Provisioning Bootstrap 1.1). Wiped on drop, not shown.
///
/// Check digit `i` is octet `i` of HMAC-SHA1(PIN, document), modulo 10.
///
/// ```
/// use dm_notification::bootstrap::CheckedPin;
///
/// let document: Vec<u8> = (0..0x20).collect();
/// let typed = CheckedPin::new("12345", &document)?;
/// assert_eq!(typed.expose(), "1234551095");
/// CheckedPin::verify("1234551095", &document)?;
/// # Ok::<(), dm_notification::bootstrap::BootstrapError>(())
/// ```
pub struct CheckedPin(Zeroizing<String>);

impl CheckedPin {
    /// The PIN of a document, for the server's operator to tell the user. The digits should be random.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::Pin`] unless `pin` is 5 to 20 decimal digits.
    pub fn new(pin: &str, document: &[u8]) -> Result<Self, BootstrapError> {
        Self::with_minimum(pin, document, MIN_PIN_DIGITS)
    }

    /// The same with other than [`MIN_PIN_DIGITS`] at least: some operators use 4.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::Pin`] unless `pin` is `minimum` to 20 decimal digits, and at least one.
    pub fn with_minimum(pin: &str, document: &[u8], minimum: usize) -> Result<Self, BootstrapError> {
        let fits = (minimum.max(1)..=Mac::OCTETS).contains(&pin.len());
        if !fits || !pin.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(BootstrapError::new(BootstrapErrorKind::Pin));
        }
        let mac = hmac_sha1(pin.as_bytes(), document);
        let mut typed = Zeroizing::new(String::with_capacity(2 * pin.len()));
        typed.push_str(pin);
        typed.extend(mac.as_octets().iter().take(pin.len()).map(|octet| char::from(b'0' + octet % 10)));
        Ok(Self(typed))
    }

    /// Checks what the user typed against a document, in constant time for each length.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::Pin`] for what can be no PIN with check digits,
    /// [`BootstrapErrorKind::WrongDigits`] where they are not those of the document.
    pub fn verify(typed: &str, document: &[u8]) -> Result<(), BootstrapError> {
        Self::verify_with_minimum(typed, document, MIN_PIN_DIGITS)
    }

    /// The same with other than [`MIN_PIN_DIGITS`] at least.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn verify_with_minimum(typed: &str, document: &[u8], minimum: usize) -> Result<(), BootstrapError> {
        let wrong = BootstrapError::new(BootstrapErrorKind::Pin);
        if !typed.len().is_multiple_of(2) {
            return Err(wrong);
        }
        let (pin, _) = typed.split_at_checked(typed.len() / 2).ok_or(wrong)?;
        let expected = Self::with_minimum(pin, document, minimum)?;
        if bool::from(expected.0.as_bytes().ct_eq(typed.as_bytes())) {
            Ok(())
        } else {
            Err(BootstrapError::new(BootstrapErrorKind::WrongDigits))
        }
    }

    /// The digits to type. **They are a secret.**
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CheckedPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CheckedPin(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_belong_to_one_document() {
        let typed = CheckedPin::new("00000", b"document").expect("five digits");
        assert_eq!(typed.expose().len(), 10);
        assert_eq!(CheckedPin::verify(typed.expose(), b"document"), Ok(()));
        let other = CheckedPin::verify(typed.expose(), b"another").map_err(|e| e.kind());
        assert_eq!(other, Err(BootstrapErrorKind::WrongDigits));
        for at in 0..10 {
            let mut changed = typed.expose().as_bytes().to_vec();
            changed[at] = b'0' + (changed[at] - b'0' + 1) % 10;
            let changed = core::str::from_utf8(&changed).expect("digits");
            assert!(CheckedPin::verify(changed, b"document").is_err());
        }
    }

    #[test]
    fn lengths_and_characters() {
        for wrong in
            ["", "1234", "12345678", "123456789", "1234\u{661}12345x", "1".repeat(42).as_str(), "abcde12345"]
        {
            let kind = CheckedPin::verify(wrong, b"").map_err(|e| e.kind());
            assert_eq!(kind, Err(BootstrapErrorKind::Pin), "{wrong}");
        }
        assert!(CheckedPin::new("1234", b"").is_err());
        assert!(CheckedPin::with_minimum("1234", b"", 4).is_ok());
        assert!(CheckedPin::with_minimum("", b"", 0).is_err());
        assert!(CheckedPin::new(&"9".repeat(20), b"").is_ok());
        assert!(CheckedPin::new(&"9".repeat(21), b"").is_err());
    }
}
