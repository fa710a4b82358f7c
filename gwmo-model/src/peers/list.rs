//! The list of servers in the alert `BootstrappedDMSList`.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use dm_tree::ServerId;

use crate::identifier::unprintable;

/// A server that a device says it is bootstrapped to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ListedServer {
    /// The server.
    pub id: ServerId,
    /// Where it can be asked for a bootstrap, if the device knows. It comes from a device, so whoever connects to it
    /// asks its own policy first.
    pub address: Option<Box<str>>,
}

impl ListedServer {
    /// A server without an address.
    #[must_use]
    pub const fn new(id: ServerId) -> Self {
        Self { id, address: None }
    }

    /// Sets [`address`](Self::address).
    #[must_use]
    pub fn with_address(mut self, address: &str) -> Self {
        self.address = Some(address.into());
        self
    }
}

/// What a device sent as its list of servers: all of them, not what changed.
///
/// What the payload of the registered alert looks like is not public. Identifiers are read that are separated by
/// commas, semicolons or white space, in quotes or not; what can be none is kept beside them.
///
/// ```
/// use gwmo_model::ServerList;
///
/// let list = ServerList::parse("com.example.a, \"com.example.b\";a=b");
/// let ids: Vec<_> = list.servers().iter().map(|server| server.id.as_str()).collect();
/// assert_eq!(ids, ["com.example.a", "com.example.b"]);
/// assert_eq!(list.unparsed(), Some("a=b"));
///
/// let list = ServerList::parse("<MgmtTree>...</MgmtTree>");
/// assert_eq!((list.servers().len(), list.unparsed()), (0, Some("<MgmtTree>...</MgmtTree>")));
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ServerList {
    servers: Vec<ListedServer>,
    unparsed: String,
    truncated: bool,
}

impl ServerList {
    /// Most servers read of one list. Devices have a handful of accounts.
    pub const MAX_SERVERS: usize = 32;

    /// Most octets kept of what could not be read.
    pub const MAX_UNPARSED: usize = 1024;

    /// Reads the payload of an alert.
    #[must_use]
    pub fn parse(payload: &str) -> Self {
        let mut list = Self::default();
        if payload.trim_start().starts_with('<') {
            list.keep(payload.trim());
            return list;
        }
        let separator = |c: char| matches!(c, ',' | ';' | '\0') || c.is_whitespace();
        for part in payload.split(separator) {
            let part = part.trim_matches(['"', '\'']);
            if part.is_empty() {
                continue;
            }
            match ServerId::new(part) {
                Ok(id) => list.add(ListedServer::new(id)),
                Err(_) => list.keep(part),
            }
        }
        list
    }

    /// A list that was read elsewhere, such as from the device's accounts.
    #[must_use]
    pub fn new(servers: impl IntoIterator<Item = ListedServer>) -> Self {
        let mut list = Self::default();
        servers.into_iter().for_each(|server| list.add(server));
        list
    }

    /// The servers, each once, in the order of the list.
    #[must_use]
    pub fn servers(&self) -> &[ListedServer] {
        &self.servers
    }

    /// What could not be read, its parts separated by a space.
    #[must_use]
    pub fn unparsed(&self) -> Option<&str> {
        Some(&*self.unparsed).filter(|text| !text.is_empty())
    }

    /// Whether the list is longer than is read or kept.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }

    fn add(&mut self, server: ListedServer) {
        let bad = |address: &str| address.len() > Self::MAX_UNPARSED || unprintable(address).is_some();
        if self.servers.iter().any(|known| known.id == server.id) {
            return;
        }
        if self.servers.len() >= Self::MAX_SERVERS {
            self.truncated = true;
            return;
        }
        let address = server.address.filter(|address| !bad(address));
        self.servers.push(ListedServer { id: server.id, address });
    }

    fn keep(&mut self, part: &str) {
        let gap = if self.unparsed.is_empty() { "" } else { " " };
        for c in gap.chars().chain(part.chars()) {
            // It may end in a log, so what no log line should meet is shown.
            let c = if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
            if self.unparsed.len() + c.len_utf8() > Self::MAX_UNPARSED {
                self.truncated = true;
                return;
            }
            self.unparsed.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(payload: &str) -> Vec<String> {
        ServerList::parse(payload).servers().iter().map(|server| server.id.as_str().into()).collect()
    }

    #[test]
    fn lists_are_read_as_they_come() {
        assert_eq!(ids("a,b,c"), ["a", "b", "c"]);
        assert_eq!(ids(" a ;\r\n'b'\tc,,a,"), ["a", "b", "c"]);
        assert_eq!(ids(""), [""; 0]);
        assert_eq!(ServerList::parse("").unparsed(), None);
        let list = ServerList::parse("a,*,b=c,\u{1}");
        assert_eq!((list.servers().len(), list.unparsed()), (1, Some("* b=c \u{fffd}")));
    }

    #[test]
    fn long_lists_end_somewhere() {
        let many: Vec<_> = (0..100).map(|n| alloc::format!("s{n}")).collect();
        let list = ServerList::parse(&many.join(","));
        assert_eq!((list.servers().len(), list.is_truncated()), (32, true));
        let list = ServerList::parse(&alloc::format!("<{}", "é".repeat(2000)));
        assert!(list.unparsed().is_some_and(|kept| kept.len() <= 1024 && kept.len() > 1000));
        assert!(list.is_truncated());
        let list = ServerList::parse(&"=,".repeat(100_000));
        assert!(list.is_truncated() && list.unparsed().is_some_and(|kept| kept.len() <= 1024));
    }

    #[test]
    fn addresses_are_checked() {
        let server = |address: &str| ListedServer::new(ServerId::new("s").unwrap()).with_address(address);
        let kept = |address: &str| ServerList::new([server(address)]).servers()[0].address.is_some();
        assert_eq!([kept("https://s/boot"), kept("a\nb"), kept(&"a".repeat(1025))], [true, false, false]);
    }
}
