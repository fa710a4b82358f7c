//! Which client speaks, by its `User-Agent`.

use crate::model::Quirks;
use crate::session::DeviceProfile;

/// A client that is known by its `User-Agent`.
///
/// Anyone can say anything there, so it chooses leniencies and nothing else: what a client may do does not depend on it. A server that
/// must not look at it (Microsoft asks for that) can take [`Client::Unknown`] for all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Client {
    /// Windows: `MSFT OMA DM Client/1.2.0.1`.
    Windows,
    /// Samsung's firmware update client and its relatives: `Samsung MODEL SyncML_DM Client`.
    Samsung,
    /// None of these.
    Unknown,
}

impl Client {
    /// The client that names itself so.
    #[must_use]
    pub fn of_user_agent(user_agent: &[u8]) -> Self {
        let holds = |name: &[u8]| user_agent.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name));
        // Nobody's name is that long, and the search must not be a peer's to lengthen.
        if user_agent.len() > 1024 {
            Self::Unknown
        } else if holds(b"MSFT OMA DM Client") {
            Self::Windows
        } else if holds(b"SyncML_DM Client") {
            Self::Samsung
        } else {
            Self::Unknown
        }
    }

    /// What its messages need to be read. An unknown client gets every leniency of the field: the first message of a session comes before
    /// anybody knows who sent it.
    #[must_use]
    pub const fn quirks(self) -> Quirks {
        match self {
            Self::Windows => Quirks::WINDOWS,
            Self::Samsung | Self::Unknown => Quirks::FIELD,
        }
    }

    /// What a server is to send it, and what not.
    #[must_use]
    pub const fn device_profile(self) -> DeviceProfile {
        match self {
            Self::Windows => DeviceProfile::WINDOWS,
            Self::Samsung | Self::Unknown => DeviceProfile::STANDARD,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_windows_is_spoken_to_otherwise() {
        assert_eq!(Client::Windows.device_profile(), DeviceProfile::WINDOWS);
        assert_eq!(Client::Unknown.device_profile(), DeviceProfile::default());
    }

    #[test]
    fn clients_by_name() {
        let table: [(&[u8], Client); 7] = [
            (b"MSFT OMA DM Client/1.2.0.1", Client::Windows),
            (b"msft oma dm client/2", Client::Windows),
            (b"Samsung SM-G900F SyncML_DM Client", Client::Samsung),
            (b"Mozilla/5.0", Client::Unknown),
            (b"", Client::Unknown),
            (b"\xFF\x00", Client::Unknown),
            (&[b'a'; 100_000], Client::Unknown),
        ];
        for (name, client) in table {
            assert_eq!(Client::of_user_agent(name), client, "{}", name.escape_ascii());
        }
    }
}
