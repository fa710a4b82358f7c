//! What can be wrong with secrets, methods and codes.

/// Why a bootstrap cannot be proven, or a value cannot be part of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct BootstrapError {
    kind: BootstrapErrorKind,
}

impl BootstrapError {
    pub(super) const fn new(kind: BootstrapErrorKind) -> Self {
        Self { kind }
    }

    /// What was wrong.
    #[must_use]
    pub const fn kind(&self) -> BootstrapErrorKind {
        self.kind
    }
}

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapErrorKind {
    /// An IMSI has 6 to 15 decimal digits.
    #[error("imsi is not 6 to 15 decimal digits")]
    Imsi,
    /// A network secret has at least one octet.
    #[error("network secret is empty")]
    EmptySecret,
    /// A PIN has 1 to 255 visible ASCII characters; one to be checked by digits, 5 to 20 decimal digits.
    #[error("pin has characters or a length that it cannot have")]
    Pin,
    /// A method's word has 1 to 64 visible ASCII characters.
    #[error("method is not a word")]
    Method,
    /// The text is not 40 hexadecimal digits.
    #[error("message authentication code is not 40 hexadecimal digits")]
    MacText,
    /// The method needs the PIN, and there is none.
    #[error("method needs a pin")]
    PinMissing,
    /// The method needs what the network knows, and it is not there.
    #[error("method needs a network secret")]
    NetworkSecretMissing,
    /// Nobody knows a key for this method; USERPINMAC has none, see [`CheckedPin`](super::CheckedPin).
    #[error("method has no key")]
    NoKey,
    /// The code is not the one that this key gives for this document.
    #[error("message authentication code does not match")]
    WrongMac,
    /// The digits that the user typed do not belong to this document.
    #[error("check digits do not match")]
    WrongDigits,
}
