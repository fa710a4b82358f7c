//! What a receiver takes.

use crate::VersionPolicy;

/// What a receiver takes beyond, or short of, the letter of the standard.
///
/// ```
/// use dm_notification::{Policy, VersionPolicy};
///
/// let policy = Policy::STRICT.with_versions(VersionPolicy::FIELD).with_max_octets(1024);
/// assert!(!policy.zero_session_id);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Policy {
    /// The versions of the message to take.
    pub versions: VersionPolicy,
    /// Whether session id 0 is taken. The standard counts from 1; Windows uses 0 in the trigger a device sends to
    /// itself.
    pub zero_session_id: bool,
    /// The longest message to read, in octets, digest included.
    ///
    /// 32 640 in the named policies: what a concatenated SMS carries at most, 255 parts of 128 octets. The work
    /// that verifying costs grows with this number and with nothing else.
    pub max_octets: usize,
}

impl Policy {
    /// What the standard has senders write: version 11, no session 0.
    pub const STRICT: Self =
        Self { versions: VersionPolicy::STRICT, zero_session_id: false, max_octets: 255 * 128 };

    /// What real servers send too: versions 10 to 12, session 0.
    pub const FIELD: Self = Self { versions: VersionPolicy::FIELD, zero_session_id: true, ..Self::STRICT };

    /// The same with other versions.
    #[must_use]
    pub const fn with_versions(mut self, versions: VersionPolicy) -> Self {
        self.versions = versions;
        self
    }

    /// The same with session id 0 taken or not.
    #[must_use]
    pub const fn with_zero_session_id(mut self, taken: bool) -> Self {
        self.zero_session_id = taken;
        self
    }

    /// The same with another limit on the length of a message.
    #[must_use]
    pub const fn with_max_octets(mut self, max_octets: usize) -> Self {
        self.max_octets = max_octets;
        self
    }
}

impl Default for Policy {
    /// [`Policy::STRICT`].
    fn default() -> Self {
        Self::STRICT
    }
}
