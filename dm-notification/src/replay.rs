//! What a device remembers, so that one notification starts one session.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::{Digest, Notification, ServerIdentifier, SessionId, ValueError, ValueErrorKind};

/// The notifications a device has acted upon, per server: the last ones, bounded.
///
/// A notification does not use its nonce up, so the same octets verify until a session has brought a new nonce, and
/// for good where nonces are not in use. Remembered are digests, which tell the same octets; and, until the session
/// that follows has ended, session ids: the same id sent again, signed anew, is the same wish.
///
/// Only what was verified gets in here, so strangers cannot push anything out, and one server cannot push out what
/// others sent. [`snapshot`](Self::snapshot) goes wherever the nonces go: what is forgotten can be replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayMemory {
    per_server: usize,
    /// The server heard of most recently is the last one.
    servers: Vec<Server>,
    max_servers: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    identifier: Box<[u8]>,
    /// The oldest first.
    seen: VecDeque<Seen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    digest: Digest,
    /// None once a session with the server has ended.
    session_id: Option<SessionId>,
}

impl ReplayMemory {
    /// Notifications of one server that are remembered, unless said otherwise.
    pub const PER_SERVER: usize = 16;
    /// Servers that are remembered, unless said otherwise: more accounts than devices have.
    pub const SERVERS: usize = 32;
    const VERSION: u8 = 1;

    /// Remembers nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { per_server: Self::PER_SERVER, servers: Vec::new(), max_servers: Self::SERVERS }
    }

    /// Remembers nothing yet, and later so many notifications of each of so many servers; at least one of one.
    #[must_use]
    pub fn with_capacity(servers: usize, per_server: usize) -> Self {
        Self { per_server: per_server.max(1), servers: Vec::new(), max_servers: servers.max(1) }
    }

    /// Whether this notification, or another one for the same session that has not ended, was acted upon.
    #[must_use]
    pub fn contains(&self, notification: &Notification<'_>) -> bool {
        let trigger = notification.trigger();
        let Some(server) = self.position(trigger.server_identifier()).and_then(|at| self.servers.get(at))
        else {
            return false;
        };
        let same = |seen: &Seen| {
            seen.digest == notification.digest() || seen.session_id == Some(trigger.session_id())
        };
        // Not `any` with an early end: how long this takes shall not tell which one it was.
        server.seen.iter().fold(false, |found, seen| found | same(seen))
    }

    /// Remembers a notification that was verified and is acted upon.
    pub fn remember(&mut self, notification: &Notification<'_>) {
        let trigger = notification.trigger();
        let identifier = trigger.server_identifier();
        let mut server = match self.position(identifier) {
            Some(at) => self.servers.remove(at),
            None => {
                if self.servers.len() >= self.max_servers {
                    self.servers.remove(0);
                }
                Server { identifier: identifier.as_octets().into(), seen: VecDeque::new() }
            }
        };
        if server.seen.len() >= self.per_server {
            server.seen.pop_front();
        }
        let session_id = Some(trigger.session_id());
        server.seen.push_back(Seen { digest: notification.digest(), session_id });
        self.servers.push(server);
    }

    /// A session with this server has ended, however it began: its session ids are free again. The digests stay.
    pub fn session_ended(&mut self, server: ServerIdentifier<'_>) {
        if let Some(server) = self.position(server).and_then(|at| self.servers.get_mut(at)) {
            server.seen.iter_mut().for_each(|seen| seen.session_id = None);
        }
    }

    /// The account of this server is gone, or has new secrets: nothing signed before verifies any more.
    pub fn forget(&mut self, server: ServerIdentifier<'_>) {
        if let Some(at) = self.position(server) {
            self.servers.remove(at);
        }
    }

    fn position(&self, server: ServerIdentifier<'_>) -> Option<usize> {
        self.servers.iter().position(|own| *own.identifier == *server.as_octets())
    }

    /// All that is remembered, for storage. It holds no secrets.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::from([Self::VERSION]);
        for server in &self.servers {
            // Held to 255 by the type it came from.
            out.push(server.identifier.len() as u8);
            out.extend_from_slice(&server.identifier);
            let count = u32::try_from(server.seen.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&count.to_be_bytes());
            for seen in &server.seen {
                out.extend_from_slice(seen.digest.as_octets());
                out.push(u8::from(seen.session_id.is_some()));
                out.extend_from_slice(&seen.session_id.map_or(0, SessionId::get).to_be_bytes());
            }
        }
        out
    }

    /// Takes what [`snapshot`](Self::snapshot) wrote in place of what is remembered; of more than fits, the newest.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::Snapshot`] if that is of another version, or no snapshot; nothing changes then.
    pub fn restore(&mut self, snapshot: &[u8]) -> Result<(), ValueError> {
        let servers = Self::read(snapshot).ok_or(ValueError::new(ValueErrorKind::Snapshot))?;
        self.servers = servers;
        let surplus = self.servers.len().saturating_sub(self.max_servers);
        self.servers.drain(..surplus);
        for server in &mut self.servers {
            let surplus = server.seen.len().saturating_sub(self.per_server);
            server.seen.drain(..surplus);
        }
        Ok(())
    }

    fn read(snapshot: &[u8]) -> Option<Vec<Server>> {
        let (version, mut rest) = snapshot.split_first()?;
        if *version != Self::VERSION {
            return None;
        }
        let mut servers: Vec<Server> = Vec::new();
        while let Some((length, behind)) = rest.split_first() {
            let (identifier, behind) = behind.split_at_checked(usize::from(*length))?;
            ServerIdentifier::from_octets(identifier).ok()?;
            let (count, mut behind) = behind.split_first_chunk::<4>()?;
            let mut seen = VecDeque::new();
            for _ in 0..u32::from_be_bytes(*count) {
                let (digest, after) = behind.split_first_chunk()?;
                let (&[is_some, s1, s0], after) = after.split_first_chunk()?;
                let session_id = SessionId::from_bits(u64::from(u16::from_be_bytes([s1, s0])));
                let session_id = match is_some {
                    0 => None,
                    1 => Some(session_id),
                    _ => return None,
                };
                seen.push_back(Seen { digest: Digest::new(*digest), session_id });
                behind = after;
            }
            if servers.iter().any(|other| *other.identifier == *identifier) {
                return None;
            }
            servers.push(Server { identifier: identifier.into(), seen });
            rest = behind;
        }
        Some(servers)
    }
}

impl Default for ReplayMemory {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Credential, Trigger};

    fn with(server: &str, session: u16, body: &[u8], run: impl FnOnce(&Notification<'_>)) {
        let server = ServerIdentifier::new(server).expect("fits");
        let trigger = Trigger::new(server, SessionId::new(session).expect("not zero")).with_vendor_body(body);
        run(&Notification::sign(trigger, &Credential::new(server, "p"), b"n"));
    }

    #[test]
    fn digests_stay_and_session_ids_go() {
        let mut memory = ReplayMemory::new();
        with("a", 1, b"", |one| {
            assert!(!memory.contains(one));
            memory.remember(one);
            assert!(memory.contains(one));
        });
        with("a", 1, b"x", |same_session| assert!(memory.contains(same_session)));
        with("a", 2, b"", |other| assert!(!memory.contains(other)));
        with("b", 1, b"", |other| assert!(!memory.contains(other)));
        memory.session_ended(ServerIdentifier::new("a").expect("fits"));
        with("a", 1, b"x", |next| assert!(!memory.contains(next)));
        with("a", 1, b"", |replayed| assert!(memory.contains(replayed)));
        memory.forget(ServerIdentifier::new("a").expect("fits"));
        assert_eq!(memory, ReplayMemory::new());
    }

    #[test]
    fn the_oldest_go_and_servers_do_not_push_each_other_out() {
        let mut memory = ReplayMemory::with_capacity(2, 3);
        with("a", 9, b"", |n| memory.remember(n));
        (1..=5).for_each(|id| with("b", id, b"", |n| memory.remember(n)));
        with("a", 9, b"", |n| assert!(memory.contains(n)));
        (1..=5).for_each(|id| with("b", id, b"", |n| assert_eq!(memory.contains(n), id > 2)));
        with("a", 10, b"", |n| memory.remember(n));
        with("c", 1, b"", |n| memory.remember(n));
        with("b", 5, b"", |n| assert!(!memory.contains(n)));
        with("a", 9, b"", |n| assert!(memory.contains(n)));
    }

    #[test]
    fn snapshots_come_back() {
        let mut memory = ReplayMemory::with_capacity(4, 8);
        for server in ["a", "b", "c"] {
            (1..=8).for_each(|id| with(server, id, b"", |n| memory.remember(n)));
        }
        memory.session_ended(ServerIdentifier::new("b").expect("fits"));
        let snapshot = memory.snapshot();
        let mut back = ReplayMemory::with_capacity(4, 8);
        assert_eq!(back.restore(&snapshot), Ok(()));
        assert_eq!(back, memory);
        let mut smaller = ReplayMemory::with_capacity(1, 2);
        assert_eq!(smaller.restore(&snapshot), Ok(()));
        with("c", 8, b"", |n| assert!(smaller.contains(n)));
        with("c", 6, b"", |n| assert!(!smaller.contains(n)));
        with("b", 8, b"", |n| assert!(!smaller.contains(n)));
        for length in 0..snapshot.len() {
            let before = back.clone();
            // A cut between two servers is a smaller snapshot.
            if back.restore(&snapshot[..length]).is_err() {
                assert_eq!(back, before);
            }
        }
        let mut other = snapshot;
        other[0] = 2;
        assert_eq!(back.restore(&other).map_err(|e| e.kind()), Err(ValueErrorKind::Snapshot));
    }
}
