//! What a transport does for the secrecy of what it carries.

/// Whether others can read what a transport carries (DM Security 1.2.1, confidentiality): a fact that the caller knows and messages do not
/// say.
///
/// Nothing said is [`Clear`](Self::Clear), so that who forgets to say it discloses nothing.
///
/// ```
/// use dm_syncml::session::TransportSecurity;
///
/// assert_eq!(TransportSecurity::default(), TransportSecurity::Clear);
/// // A session is as safe as the worst of what it uses.
/// let worst = TransportSecurity::Confidential.min(TransportSecurity::Clear);
/// assert!(!worst.is_confidential());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[non_exhaustive]
pub enum TransportSecurity {
    /// Anyone on the way can read along, as far as is known.
    #[default]
    Clear,
    /// Only the two ends can read: TLS whose certificate was verified, an encrypted bearer, a connection that does not leave the machine.
    Confidential,
}

impl TransportSecurity {
    /// Confidential if it is so.
    #[must_use]
    pub const fn confidential_if(is_so: bool) -> Self {
        if is_so { Self::Confidential } else { Self::Clear }
    }

    /// Whether it is confidential.
    #[must_use]
    pub const fn is_confidential(self) -> bool {
        matches!(self, Self::Confidential)
    }
}
