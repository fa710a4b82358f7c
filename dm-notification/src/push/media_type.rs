//! Media types, by number or by name, and what they announce.

/// A media type: a number of WSP's registry, or text.
///
/// Both forms of one type are equal.
///
/// ```
/// use dm_notification::push::MediaType;
///
/// assert_eq!(MediaType::DM_NOTIFICATION, MediaType::Text("application/vnd.syncml.notification"));
/// assert_eq!(MediaType::Code(0x44).text(), Some("application/vnd.syncml.notification"));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum MediaType<'a> {
    /// A number of the registry.
    Code(u32),
    /// Text, visible ASCII.
    Text(&'a str),
}

const KNOWN: [(u32, &str); 10] = [
    (0x35, "text/vnd.wap.connectivity-xml"),
    (0x36, "application/vnd.wap.connectivity-wbxml"),
    (0x42, "application/vnd.syncml.dm+wbxml"),
    (0x43, "application/vnd.syncml.dm+xml"),
    (0x44, "application/vnd.syncml.notification"),
    (0x4E, "application/vnd.syncml.ds.notification"),
    (0x58, "application/vnd.syncml.dm.notification"),
    (0x0302, "application/vnd.syncml+xml"),
    (0x0303, "application/vnd.syncml+wbxml"),
    (0x0306, "application/vnd.omads-email+xml"),
];

impl<'a> MediaType<'a> {
    /// A notification of DM 1.0 to 1.2.
    pub const DM_NOTIFICATION: Self = Self::Code(0x44);
    /// A notification of DM 1.3: another message.
    pub const DM_NOTIFICATION_1_3: Self = Self::Code(0x58);
    /// A notification of Data Sync 1.2.
    pub const DS_NOTIFICATION: Self = Self::Code(0x4E);
    /// A DM message in WBXML: a bootstrap message where it is pushed.
    pub const DM_WBXML: Self = Self::Code(0x42);
    /// A DM message in XML.
    pub const DM_XML: Self = Self::Code(0x43);
    /// A provisioning document in WBXML.
    pub const CP_WBXML: Self = Self::Code(0x36);
    /// A provisioning document in XML.
    pub const CP_XML: Self = Self::Code(0x35);

    /// The registered number, if it has one that is known here.
    #[must_use]
    pub fn code(self) -> Option<u32> {
        match self {
            Self::Code(code) => Some(code),
            Self::Text(text) => {
                KNOWN.iter().find(|(_, name)| name.eq_ignore_ascii_case(text.trim())).map(|(code, _)| *code)
            }
        }
    }

    /// The name, if it is known here.
    #[must_use]
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Code(code) => KNOWN.iter().find(|(known, _)| *known == code).map(|(_, name)| *name),
            Self::Text(text) => Some(text),
        }
    }

    /// What a message of this type is to device management.
    #[must_use]
    pub fn content(self) -> Content {
        match self.code() {
            Some(0x44) => Content::DmNotification,
            Some(0x58) => Content::DmNotification13,
            Some(0x4E) => Content::DsNotification,
            Some(0x42) => Content::DmBootstrap,
            Some(0x36) => Content::CpBootstrap,
            _ => Content::Other,
        }
    }
}

impl PartialEq for MediaType<'_> {
    fn eq(&self, other: &MediaType<'_>) -> bool {
        match (self.code(), other.code()) {
            (Some(one), Some(other)) => one == other,
            (None, None) => match (self.text(), other.text()) {
                (Some(one), Some(other)) => one.trim().eq_ignore_ascii_case(other.trim()),
                _ => false,
            },
            _ => false,
        }
    }
}

impl Eq for MediaType<'_> {}

/// What a pushed message is to device management.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Content {
    /// A notification of DM 1.0 to 1.2: [`Notification`](crate::Notification).
    DmNotification,
    /// A notification of DM 1.3: [`experimental_dm13`](crate::experimental_dm13).
    DmNotification13,
    /// A notification of Data Sync 1.2: [`DsNotification`](crate::DsNotification).
    DsNotification,
    /// A bootstrap message of the DM profile, in WBXML.
    DmBootstrap,
    /// A connectivity provisioning document, in WBXML.
    CpBootstrap,
    /// Not for device management, or in a form that is not to be pushed.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_every_type() {
        for (code, text) in KNOWN {
            assert_eq!(MediaType::Code(code), MediaType::Text(text));
            assert_eq!(MediaType::Text(&text.to_ascii_uppercase()).code(), Some(code));
            assert_eq!(MediaType::Code(code).text(), Some(text));
            assert_eq!(MediaType::Code(code).content(), MediaType::Text(text).content());
        }
        assert_eq!(MediaType::Text("a/b"), MediaType::Text("A/B"));
        assert_ne!(MediaType::Text("a/b"), MediaType::Code(1));
        assert_ne!(MediaType::Code(2), MediaType::Code(1));
        assert_eq!(MediaType::Text("a/b").content(), Content::Other);
    }
}
