//! The versions of the representation protocol.

use core::fmt;

use dm_wbxml::PublicId;
use dm_wbxml::wbxml::DocumentId;

use super::token::VerDtd;

/// The version of SyncML whose elements a message is made of: its namespace in XML, its public identifier in WBXML.
///
/// DM 1.2 and 1.3 use 1.2, DM 1.1 uses 1.1. A message remembers what it was decoded from, and is encoded as that again. Elements are
/// the same in all versions, so nothing else depends on it. Some clients announce another version than the one their VerDTD says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Representation {
    /// SyncML 1.0
    SyncMl1_0,
    /// SyncML 1.1
    SyncMl1_1,
    /// SyncML 1.2
    #[default]
    SyncMl1_2,
}

impl Representation {
    const ALL: [Self; 3] = [Self::SyncMl1_2, Self::SyncMl1_1, Self::SyncMl1_0];

    /// The namespace of its elements in XML, Meta's aside.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::SyncMl1_0 => "SYNCML:SYNCML1.0",
            Self::SyncMl1_1 => "SYNCML:SYNCML1.1",
            Self::SyncMl1_2 => "SYNCML:SYNCML1.2",
        }
    }

    /// The version that a VerDTD names, 1.2 for any but 1.0 and 1.1.
    ///
    /// ```
    /// use dm_syncml::{Representation, VerDtd};
    ///
    /// assert_eq!(Representation::of(&VerDtd::V1_1), Representation::SyncMl1_1);
    /// ```
    #[must_use]
    pub fn of(ver_dtd: &VerDtd<'_>) -> Self {
        match ver_dtd.as_str() {
            "1.0" => Self::SyncMl1_0,
            "1.1" => Self::SyncMl1_1,
            _ => Self::SyncMl1_2,
        }
    }

    pub(super) const fn public_id(self) -> PublicId {
        match self {
            Self::SyncMl1_0 => PublicId::SYNCML_1_0,
            Self::SyncMl1_1 => PublicId::SYNCML_1_1,
            Self::SyncMl1_2 => PublicId::SYNCML_1_2,
        }
    }

    #[cfg(feature = "xml")]
    pub(super) fn from_namespace(namespace: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.namespace() == namespace)
    }

    /// What the header of a WBXML document says; `None` when it says nothing of the version, `Err` when it is no SyncML document.
    pub(super) fn from_document(document: &DocumentId<'_>) -> Result<Option<Self>, NotSyncMl> {
        match document {
            DocumentId::Number(PublicId::UNKNOWN) => Ok(None),
            DocumentId::Number(id) => {
                Self::ALL.into_iter().find(|version| version.public_id() == *id).map(Some).ok_or(NotSyncMl)
            }
            DocumentId::Name(name) => {
                let prefix = b"-//SYNCML//DTD SYNCML ";
                let (start, version) = name.split_at_checked(prefix.len()).ok_or(NotSyncMl)?;
                if !start.eq_ignore_ascii_case(prefix) {
                    return Err(NotSyncMl);
                }
                Ok(match version.get(..3) {
                    Some(b"1.0") => Some(Self::SyncMl1_0),
                    Some(b"1.1") => Some(Self::SyncMl1_1),
                    Some(b"1.2") => Some(Self::SyncMl1_2),
                    // A version nobody knows: devices carry names of versions they do not speak.
                    _ => None,
                })
            }
            _ => Err(NotSyncMl),
        }
    }
}

/// The document is of another kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotSyncMl;

/// `1.0`, `1.1` or `1.2`.
impl fmt::Display for Representation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SyncMl1_0 => "1.0",
            Self::SyncMl1_1 => "1.1",
            Self::SyncMl1_2 => "1.2",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wbxml_headers_tell_the_version() {
        use Representation::{SyncMl1_0, SyncMl1_1, SyncMl1_2};
        let by_name = |name: &'static str| Representation::from_document(&DocumentId::Name(name.as_bytes()));
        for (name, expected) in [
            ("-//SYNCML//DTD SyncML 1.0//EN", Ok(Some(SyncMl1_0))),
            ("-//SYNCML//DTD SyncML 1.1//EN", Ok(Some(SyncMl1_1))),
            ("-//SYNCML//DTD SYNCML 1.2//EN", Ok(Some(SyncMl1_2))),
            ("-//SYNCML//DTD SyncML 2.0//EN", Ok(None)),
            ("-//SYNCML//DTD DevInf 1.2//EN", Err(NotSyncMl)),
            ("-//SYNCML//DTD", Err(NotSyncMl)),
            ("", Err(NotSyncMl)),
        ] {
            assert_eq!(by_name(name), expected, "{name}");
        }
        for version in Representation::ALL {
            let id = DocumentId::Number(version.public_id());
            assert_eq!(Representation::from_document(&id), Ok(Some(version)));
        }
        assert_eq!(Representation::from_document(&DocumentId::Number(PublicId::UNKNOWN)), Ok(None));
        let other = PublicId::new(0x1203).unwrap();
        assert_eq!(Representation::from_document(&DocumentId::Number(other)), Err(NotSyncMl));
    }
}
