//! Access control lists (TND 1.2.1 §7.7.1).

use alloc::vec::Vec;
use core::fmt;

use dm_syncml::StatusCode;

use crate::rights::Rights;
use crate::server_id::{ServerId, ServerIdError};

/// An access control list: which server may send which command.
///
/// Parsed once into a sorted table, so a check is one binary search. A command that appears twice adds up, `*`
/// makes the identifiers beside it superfluous, and [`Display`](fmt::Display) writes one normal form: commands and
/// identifiers in byte order, each once. The empty list is legal; a node that has it inherits.
///
/// ```
/// use dm_tree::{Acl, Rights, ServerId};
///
/// let acl = Acl::parse("Get=ServerB&Replace=ServerA&Get=ServerA")?;
/// let a = ServerId::new("ServerA")?;
/// assert_eq!(acl.rights_of(&a), Rights::GET | Rights::REPLACE);
/// assert_eq!(acl.to_string(), "Get=ServerA+ServerB&Replace=ServerA");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Acl {
    anyone: Rights,
    /// Sorted by identifier, each once; rights that `anyone` has are left out, and none is empty.
    servers: Vec<(ServerId, Rights)>,
}

impl Acl {
    /// The list without entries: inherit.
    pub const EMPTY: Self = Self { anyone: Rights::NONE, servers: Vec::new() };

    /// The list that grants `rights` to every authenticated server.
    #[must_use]
    pub const fn anyone(rights: Rights) -> Self {
        Self { anyone: rights, servers: Vec::new() }
    }

    /// Reads the text of the ACL property. The work is that of sorting the identifiers in it.
    ///
    /// # Errors
    ///
    /// [`AclError`] when the text does not follow the grammar: an unknown command, a command without identifiers,
    /// an identifier [`ServerId`] refuses, a stray separator.
    pub fn parse(text: &str) -> Result<Self, AclError> {
        if text.is_empty() {
            return Ok(Self::EMPTY);
        }
        let mut anyone = Rights::NONE;
        let mut grants = Vec::new();
        let mut at = 0;
        for entry in text.split('&') {
            let fail = |kind, offset| Err(AclError { kind, offset });
            let Some((command, ids)) = entry.split_once('=') else {
                return fail(AclErrorKind::NoIdentifiers, at + entry.len());
            };
            let Some(right) = Rights::from_name(command) else {
                return fail(AclErrorKind::UnknownCommand, at);
            };
            let mut id_at = at + command.len() + 1;
            for id in ids.split('+') {
                match id {
                    "" => return fail(AclErrorKind::NoIdentifiers, id_at),
                    "*" => anyone |= right,
                    _ => match ServerId::new(id) {
                        Ok(server) => grants.push((server, right)),
                        Err(error) => return fail(AclErrorKind::ServerId(error), id_at),
                    },
                }
                id_at += id.len() + 1;
            }
            at += entry.len() + 1;
        }
        grants.sort_unstable();
        let mut acl = Self { anyone, servers: Vec::new() };
        for (server, right) in grants {
            match acl.servers.last_mut() {
                Some((last, rights)) if *last == server => *rights |= right,
                _ => acl.servers.push((server, right)),
            }
        }
        acl.normalise();
        Ok(acl)
    }

    /// Whether there is no entry, which means that the node inherits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.anyone.is_empty() && self.servers.is_empty()
    }

    /// What `server` may do under this list.
    #[must_use]
    pub fn rights_of(&self, server: &ServerId) -> Rights {
        // Few are found sooner by comparing for equality, which lengths mostly decide.
        let found = if self.servers.len() <= 8 {
            self.servers.iter().position(|(id, _)| id == server)
        } else {
            self.servers.binary_search_by(|(id, _)| id.cmp(server)).ok()
        };
        match found {
            Some(at) => self.anyone | self.servers[at].1,
            None => self.anyone,
        }
    }

    /// What every authenticated server may do: the commands with `*`.
    #[must_use]
    pub const fn rights_of_anyone(&self) -> Rights {
        self.anyone
    }

    /// The servers named, in byte order, with what they have beyond [`rights_of_anyone`](Self::rights_of_anyone).
    pub fn servers(&self) -> impl Iterator<Item = (&ServerId, Rights)> {
        self.servers.iter().map(|(server, rights)| (server, *rights))
    }

    /// Adds `rights` for `server`.
    pub fn grant(&mut self, server: &ServerId, rights: Rights) {
        let rights = rights - self.anyone;
        if rights.is_empty() {
            return;
        }
        match self.servers.binary_search_by(|(id, _)| id.cmp(server)) {
            Ok(at) => self.servers[at].1 |= rights,
            Err(at) => self.servers.insert(at, (server.clone(), rights)),
        }
    }

    /// Adds `rights` for every authenticated server.
    pub fn grant_anyone(&mut self, rights: Rights) {
        self.anyone |= rights;
        self.normalise();
    }

    /// Takes every entry of `server` away and says what it had; what `*` grants stays.
    pub fn remove(&mut self, server: &ServerId) -> Rights {
        match self.servers.binary_search_by(|(id, _)| id.cmp(server)) {
            Ok(at) => self.servers.remove(at).1,
            Err(_) => Rights::NONE,
        }
    }

    /// The commands that have any identifier at all.
    #[must_use]
    pub fn commands(&self) -> Rights {
        self.servers.iter().fold(self.anyone, |all, (_, rights)| all | *rights)
    }

    /// The length of the text in bytes.
    #[must_use]
    pub fn text_len(&self) -> usize {
        struct Count(usize);
        impl fmt::Write for Count {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0 += text.len();
                Ok(())
            }
        }
        if self.is_empty() {
            return 0;
        }
        let mut count = Count(0);
        // Counting cannot fail.
        let _ = fmt::write(&mut count, format_args!("{self}"));
        count.0
    }

    fn normalise(&mut self) {
        let anyone = self.anyone;
        self.servers.retain_mut(|(_, rights)| {
            *rights = *rights - anyone;
            !rights.is_empty()
        });
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (right, command) in self.commands().iter() {
            write!(f, "{between}{command}")?;
            between = "&";
            let mut before = "=";
            if self.anyone.contains(right) {
                f.write_str("=*")?;
            } else {
                for (server, _) in self.servers.iter().filter(|(_, rights)| rights.contains(right)) {
                    write!(f, "{before}{server}")?;
                    before = "+";
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Acl({self})")
    }
}

/// A text that is no access control list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset} of the acl")]
pub struct AclError {
    kind: AclErrorKind,
    offset: usize,
}

impl AclError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> AclErrorKind {
        self.kind
    }

    /// The byte at which it was noticed.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What to answer: 500.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        StatusCode::COMMAND_FAILED
    }
}

/// What is wrong with an access control list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AclErrorKind {
    /// Not one of Add, Delete, Exec, Get and Replace.
    #[error("unknown command")]
    UnknownCommand,
    /// A command without identifiers, or nothing between two `+`.
    #[error("command without a server identifier")]
    NoIdentifiers,
    /// An identifier that cannot be one.
    #[error("{0}")]
    ServerId(ServerIdError),
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> ServerId {
        ServerId::new(text).unwrap()
    }

    #[test]
    fn reads_and_writes_the_normal_form() {
        for (text, normal) in [
            ("", ""),
            ("Add=*&Get=*", "Add=*&Get=*"),
            ("Get=*&Add=*", "Add=*&Get=*"),
            ("Get=ServerA&Replace=ServerA&Get=ServerB", "Get=ServerA+ServerB&Replace=ServerA"),
            ("Get=b+a+b", "Get=a+b"),
            ("Get=*+S2&Replace=S2", "Get=*&Replace=S2"),
            ("Get=S2&Get=*", "Get=*"),
            ("Exec=a&Delete=a&Add=a", "Add=a&Delete=a&Exec=a"),
        ] {
            let acl = Acl::parse(text).unwrap();
            assert_eq!(acl.to_string(), normal);
            assert_eq!(acl.text_len(), normal.len());
            assert_eq!(Acl::parse(normal).unwrap(), acl);
        }
    }

    #[test]
    fn refuses_what_is_malformed() {
        use AclErrorKind::*;
        for (text, kind, offset) in [
            ("Get=", NoIdentifiers, 4),
            ("Get", NoIdentifiers, 3),
            ("&", NoIdentifiers, 0),
            ("Get=a&", NoIdentifiers, 6),
            ("Get=a+", NoIdentifiers, 6),
            ("Get=+a", NoIdentifiers, 4),
            ("Copy=a", UnknownCommand, 0),
            ("get=a", UnknownCommand, 0),
            (" Get=a", UnknownCommand, 0),
            ("Add=*&amp;Get=*", UnknownCommand, 6),
            ("Get=a&Put=b", UnknownCommand, 6),
            ("Get=a b", ServerId(ServerIdError::BadCharacter(' ')), 4),
            ("Get=a=b", ServerId(ServerIdError::BadCharacter('=')), 4),
            ("Get=a+**", ServerId(ServerIdError::BadCharacter('*')), 6),
        ] {
            let error = Acl::parse(text).unwrap_err();
            assert_eq!((error.kind(), error.offset()), (kind, offset), "{text}");
            assert_eq!(error.status(), StatusCode::COMMAND_FAILED);
        }
    }

    #[test]
    fn whole_identifiers_decide() {
        let acl = Acl::parse("Get=srv1+srv2").unwrap();
        assert!(acl.rights_of(&id("srv")).is_empty());
        assert_eq!(acl.rights_of(&id("srv1")), Rights::GET);
        assert!(acl.rights_of(&id("SRV1")).is_empty());
    }

    #[test]
    fn grants_and_removals() {
        let mut acl = Acl::parse("Get=S+T&Replace=S").unwrap();
        assert_eq!(acl.remove(&id("S")), Rights::GET | Rights::REPLACE);
        assert_eq!(acl.to_string(), "Get=T");
        acl.grant(&id("S"), Rights::ADD | Rights::GET);
        assert_eq!(acl.to_string(), "Add=S&Get=S+T");
        acl.grant_anyone(Rights::GET);
        assert_eq!(acl.to_string(), "Add=S&Get=*");
        acl.grant(&id("Z"), Rights::GET);
        assert_eq!(acl.to_string(), "Add=S&Get=*");
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,60}|((Add|Get|Copy|Exec|Replace|)=?([ab*]?[+]?){0,4}&?){0,6}") {
            if let Ok(acl) = Acl::parse(&text) {
                let normal = acl.to_string();
                prop_assert_eq!(acl.text_len(), normal.len());
                prop_assert!(normal.len() <= text.len());
                prop_assert_eq!(Acl::parse(&normal).unwrap(), acl);
            }
        }

        #[test]
        fn agrees_with_reading_the_text(
            entries in proptest::collection::vec(
                ("Add|Delete|Exec|Get|Replace", proptest::collection::vec("[abc*]", 1..4)), 1..6),
            asked in "[abcd]",
        ) {
            let text: String = entries.iter()
                .map(|(command, ids)| alloc::format!("{command}={}", ids.join("+")))
                .collect::<Vec<_>>().join("&");
            let acl = Acl::parse(&text).unwrap();
            for (right, name) in Rights::ALL.iter() {
                let naive = entries.iter()
                    .any(|(command, ids)| command == name && ids.iter().any(|id| id == "*" || *id == asked));
                prop_assert_eq!(acl.rights_of(&id(&asked)).contains(right), naive);
            }
        }
    }
}
