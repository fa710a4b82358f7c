//! **Experimental.** Notifications of DM 1.3, of which only fragments are publicly known.
//!
//! It is another message than that of DM 1.2, told apart by its media type
//! (`application/vnd.syncml.dm.notification`, WSP number 0x58) and never by its octets. Its layout is not publicly
//! known, nor is how it is signed: it is recognised and kept, it cannot be verified, and it starts no session. What
//! is known of its options is a table here. All of this changes when the document is at hand, without regard for
//! compatibility.

use core::fmt;

/// A notification of DM 1.3, as it came.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpaqueNotification<'a>(&'a [u8]);

impl<'a> OpaqueNotification<'a> {
    /// The message with these octets, whatever they say.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[must_use]
    pub const fn as_octets(&self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for OpaqueNotification<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpaqueNotification({} octets)", self.0.len())
    }
}

/// The number of an option: four bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionNumber(u8);

impl OptionNumber {
    /// 1: the server.
    pub const SERVER_ID: Self = Self(1);
    /// 2: the management object the session is about.
    pub const TARGETED_MO: Self = Self(2);
    /// 3: a management object the server wants to see.
    pub const REQUESTED_MO: Self = Self(3);
    /// 4: the bearer to use.
    pub const PREFERRED_BEARER: Self = Self(4);
    /// 5: why.
    pub const CONNECT_REASON: Self = Self(5);
    /// 6: anything.
    pub const VENDOR_INFO: Self = Self(6);

    /// The option with these four bits.
    #[must_use]
    pub const fn new(bits: u8) -> Self {
        Self(bits & 0x0F)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// What is known of it.
    #[must_use]
    pub fn facts(self) -> Option<&'static OptionFacts> {
        OPTIONS.iter().find(|facts| facts.number == self)
    }
}

impl fmt::Debug for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.facts() {
            Some(facts) => f.write_str(facts.name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// What is known of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionFacts {
    /// Its number.
    pub number: OptionNumber,
    /// Its name.
    pub name: &'static str,
    /// Whether it is text; a number otherwise.
    pub is_text: bool,
    /// Octets of its value, at least.
    pub min_octets: u16,
    /// Octets of its value, at most.
    pub max_octets: u16,
    /// Whether a client must support it.
    pub client_must: bool,
    /// Whether a server must support it.
    pub server_must: bool,
    /// How often it occurs, at least.
    pub min_occurs: u8,
    /// How often it occurs, at most; none for any number.
    pub max_occurs: Option<u8>,
}

/// All options that are known, in the order they must have in a message.
pub const OPTIONS: [OptionFacts; 6] = [
    option(OptionNumber::SERVER_ID, "Server-ID", (true, 1, 256), (true, true), (1, Some(1))),
    option(OptionNumber::TARGETED_MO, "Targeted-MO", (false, 1, 2), (false, true), (0, None)),
    option(OptionNumber::REQUESTED_MO, "Requested-MO", (false, 1, 2), (true, true), (0, None)),
    option(OptionNumber::PREFERRED_BEARER, "Preferred-Bearer", (false, 1, 1), (true, true), (0, None)),
    option(OptionNumber::CONNECT_REASON, "Connect-Reason", (true, 1, 4095), (false, false), (0, Some(1))),
    option(OptionNumber::VENDOR_INFO, "Vendor-Info", (true, 1, 4095), (false, false), (0, Some(1))),
];

const fn option(
    number: OptionNumber,
    name: &'static str,
    (is_text, min_octets, max_octets): (bool, u16, u16),
    (client_must, server_must): (bool, bool),
    (min_occurs, max_occurs): (u8, Option<u8>),
) -> OptionFacts {
    OptionFacts {
        number,
        name,
        is_text,
        min_octets,
        max_octets,
        client_must,
        server_must,
        min_occurs,
        max_occurs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_in_order_and_found() {
        assert!(OPTIONS.windows(2).all(|pair| pair[0].number < pair[1].number));
        for facts in &OPTIONS {
            assert_eq!(facts.number.facts(), Some(facts));
            assert!(facts.min_octets <= facts.max_octets);
        }
        assert_eq!(OptionNumber::new(0x11), OptionNumber::SERVER_ID);
        assert_eq!(OptionNumber::new(7).facts(), None);
        assert_eq!(alloc::format!("{:?} {:?}", OptionNumber::new(6), OptionNumber::new(9)), "Vendor-Info 9");
    }
}
