//! Which application a push is for.

/// The value of `X-Wap-Application-Id`: a number of OMNA's registry, or a URI. Both forms of one are equal.
///
/// ```
/// use dm_notification::push::ApplicationId;
///
/// assert_eq!(ApplicationId::SYNCML_DM, ApplicationId::Uri("x-wap-application:syncml.dm"));
/// assert_ne!(ApplicationId::SYNCML_DM, ApplicationId::LWM2M_DM);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ApplicationId<'a> {
    /// A number of the registry.
    Code(u32),
    /// A URI.
    Uri(&'a str),
}

const KNOWN: [(u32, &str); 3] = [
    (0x05, "x-wap-application:push.syncml"),
    (0x07, "x-wap-application:syncml.dm"),
    (0x1A, "x-wap-application:lwm2m.dm"),
];

impl<'a> ApplicationId<'a> {
    /// Data Sync.
    pub const PUSH_SYNCML: Self = Self::Code(0x05);
    /// Device management.
    pub const SYNCML_DM: Self = Self::Code(0x07);
    /// LwM2M, which uses the same media type as device management for another message.
    pub const LWM2M_DM: Self = Self::Code(0x1A);

    /// The registered number, if it has one that is known here. In text headers numbers are written in hexadecimal
    /// too.
    #[must_use]
    pub fn code(self) -> Option<u32> {
        match self {
            Self::Code(code) => Some(code),
            Self::Uri(uri) => {
                let uri = uri.trim();
                let known = KNOWN.iter().find(|(_, known)| known.eq_ignore_ascii_case(uri));
                known.map(|(code, _)| *code).or_else(|| {
                    let digits = !uri.is_empty() && uri.bytes().all(|octet| octet.is_ascii_hexdigit());
                    digits.then(|| u32::from_str_radix(uri, 16).ok()).flatten()
                })
            }
        }
    }

    /// The URI, if it is known here.
    #[must_use]
    pub fn uri(self) -> Option<&'a str> {
        match self {
            Self::Code(code) => KNOWN.iter().find(|(known, _)| *known == code).map(|(_, uri)| *uri),
            Self::Uri(uri) => Some(uri),
        }
    }
}

impl PartialEq for ApplicationId<'_> {
    fn eq(&self, other: &ApplicationId<'_>) -> bool {
        match (self.code(), other.code()) {
            (Some(one), Some(other)) => one == other,
            (None, None) => match (self.uri(), other.uri()) {
                (Some(one), Some(other)) => one.trim().eq_ignore_ascii_case(other.trim()),
                _ => false,
            },
            _ => false,
        }
    }
}

impl Eq for ApplicationId<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_every_id() {
        for (code, uri) in KNOWN {
            assert_eq!(ApplicationId::Code(code), ApplicationId::Uri(uri));
            assert_eq!(ApplicationId::Code(code).uri(), Some(uri));
        }
        assert_eq!(ApplicationId::Uri("7"), ApplicationId::SYNCML_DM);
        assert_eq!(ApplicationId::Uri("1a"), ApplicationId::LWM2M_DM);
        assert_ne!(ApplicationId::Uri("x-wap-application:other"), ApplicationId::SYNCML_DM);
        assert_ne!(ApplicationId::Uri(""), ApplicationId::Code(0));
    }
}
