//! A notification as it is passed on.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// A notification, digest included, as it goes to a device: octets that are passed on and never changed.
///
/// Cheap to clone; `Debug` shows its length only, since the body may be a vendor's own.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SignedNotification(Arc<[u8]>);

impl SignedNotification {
    /// Takes the octets as they are.
    #[must_use]
    pub fn new(octets: impl Into<Arc<[u8]>>) -> Self {
        Self(octets.into())
    }

    /// The octets.
    #[must_use]
    pub fn as_octets(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for SignedNotification {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets.into())
    }
}

impl AsRef<[u8]> for SignedNotification {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SignedNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedNotification({} octets)", self.0.len())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for SignedNotification {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(to)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for SignedNotification {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::deserialize(from).map(Self::from)
    }
}
