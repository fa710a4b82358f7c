//! The sessions with devices: found by what messages carry, bounded, with one index of deadlines.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use dm_syncml::session::{CommandHandle, Incoming, ServerSession, SessionKey, TransportSecurity};
use dm_syncml::{Encoding, Instant};

use super::SessionLimits;
use super::children::ChildStep;
use crate::device::Serial;
use crate::fanout::Ticket;

/// Numbers sessions, in the order they began.
pub(super) type SessionNo = u64;

/// One session, and what the gateway has to know about it.
#[derive(Debug)]
pub(super) struct DeviceSession {
    pub(super) session: ServerSession,
    key: SessionKey,
    /// The device it claims to be with, if that one is registered.
    pub(super) serial: Option<Serial>,
    proven: bool,
    /// The fanout knows of it and was not told of its end.
    pub(super) open: bool,
    /// The exchange whose answer is due.
    pub(super) exchange: Option<u64>,
    /// Where the message that was taken last came from, as far as the caller says.
    pub(super) origin: Option<String>,
    /// Who else can read it: as its first message was transported, so are all.
    pub(super) transport: TransportSecurity,
    /// Tells the first message from another one.
    first: u64,
    /// The operations that wait for an answer.
    pub(super) sent: BTreeMap<CommandHandle, (Ticket, u16)>,
    /// Commands for a gateway that wait for an answer.
    pub(super) children: BTreeMap<CommandHandle, ChildStep>,
    deadline: Option<Instant>,
}

impl DeviceSession {
    pub(super) fn new(session: ServerSession, incoming: &Incoming<'_>, serial: Option<Serial>) -> Self {
        Self {
            session,
            key: incoming.key(),
            serial,
            proven: false,
            open: false,
            exchange: None,
            origin: incoming.origin().map(String::from),
            transport: incoming.transport(),
            first: fingerprint(incoming),
            sent: BTreeMap::new(),
            children: BTreeMap::new(),
            deadline: None,
        }
    }

    /// The address the peer gave.
    pub(super) fn peer(&self) -> &str {
        self.key.peer()
    }

    /// Whether the peer has proved to be the device.
    pub(super) const fn is_proven(&self) -> bool {
        self.proven
    }

    /// Whether this message, a first one, is the one the session began with.
    pub(super) fn began_with(&self, incoming: &Incoming<'_>) -> bool {
        self.first == fingerprint(incoming)
    }
}

/// All sessions.
///
/// Anyone can claim to be a device, so a session takes the place of the device's former one only when it has proved
/// itself. Until then it stands beside it, even under the same SessionID, and can do it no harm.
#[derive(Debug)]
pub(super) struct SessionTable {
    limits: SessionLimits,
    next: SessionNo,
    sessions: BTreeMap<SessionNo, DeviceSession>,
    /// By key, and whether it is proven.
    by_key: BTreeMap<(SessionKey, bool), SessionNo>,
    unproven: BTreeSet<SessionNo>,
    /// The proven session of each device.
    current: BTreeMap<Serial, SessionNo>,
    deadlines: BTreeSet<(Instant, SessionNo)>,
}

impl SessionTable {
    pub(super) fn new(limits: SessionLimits) -> Self {
        Self {
            limits: limits
                .with_max_proven(limits.max_proven.max(1))
                .with_max_unproven(limits.max_unproven.max(1)),
            next: 1,
            sessions: BTreeMap::new(),
            by_key: BTreeMap::new(),
            unproven: BTreeSet::new(),
            current: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    /// The sessions a message may belong to, the proven one first.
    pub(super) fn candidates(&self, key: &SessionKey) -> impl Iterator<Item = SessionNo> + use<> {
        let find = |proven| self.by_key.get(&(key.clone(), proven)).copied();
        find(true).into_iter().chain(find(false))
    }

    pub(super) fn get(&self, no: SessionNo) -> Option<&DeviceSession> {
        self.sessions.get(&no)
    }

    pub(super) fn get_mut(&mut self, no: SessionNo) -> Option<&mut DeviceSession> {
        self.sessions.get_mut(&no)
    }

    /// The proven session of a device.
    pub(super) fn current(&self, serial: Serial) -> Option<SessionNo> {
        self.current.get(&serial).copied()
    }

    pub(super) fn current_mut(&mut self, serial: Serial) -> Option<&mut DeviceSession> {
        self.sessions.get_mut(self.current.get(&serial)?)
    }

    /// Adds a session that is not proven, in place of one under the same key, and of the oldest beyond the limit.
    pub(super) fn insert(&mut self, session: DeviceSession) -> SessionNo {
        if let Some(&old) = self.by_key.get(&(session.key.clone(), false)) {
            self.remove(old);
        }
        while self.unproven.len() >= self.limits.max_unproven {
            let Some(&oldest) = self.unproven.first() else { break };
            self.remove(oldest);
        }
        let no = self.next;
        self.next += 1;
        self.by_key.insert((session.key.clone(), false), no);
        self.unproven.insert(no);
        self.sessions.insert(no, session);
        no
    }

    /// A session has proved itself: it is the session of its device from now on. Returns the sessions that have to
    /// make way, which the caller closes: the former one, and the one nearest to its timeout beyond the limit.
    pub(super) fn prove(&mut self, no: SessionNo, serial: Serial) -> (Option<SessionNo>, Option<SessionNo>) {
        let Some(session) = self.sessions.get_mut(&no) else { return (None, None) };
        if session.proven {
            return (None, None);
        }
        session.proven = true;
        self.unproven.remove(&no);
        self.by_key.remove(&(session.key.clone(), false));
        let same_key = self.by_key.insert((session.key.clone(), true), no);
        let former = self.current.insert(serial, no).or(same_key);
        let proven = self.sessions.len() - self.unproven.len();
        let beyond = proven - usize::from(former.is_some()) > self.limits.max_proven;
        let is_other =
            |other: &SessionNo| *other != no && Some(*other) != former && !self.unproven.contains(other);
        let evicted = if beyond {
            let nearest = self.deadlines.iter().map(|(_, other)| *other).find(is_other);
            nearest.or_else(|| self.sessions.keys().copied().find(is_other))
        } else {
            None
        };
        (former, evicted)
    }

    pub(super) fn remove(&mut self, no: SessionNo) -> Option<DeviceSession> {
        let session = self.sessions.remove(&no)?;
        self.unproven.remove(&no);
        let key = (session.key.clone(), session.proven);
        if self.by_key.get(&key) == Some(&no) {
            self.by_key.remove(&key);
        }
        if let Some(serial) = session.serial
            && self.current.get(&serial) == Some(&no)
        {
            self.current.remove(&serial);
        }
        if let Some(deadline) = session.deadline {
            self.deadlines.remove(&(deadline, no));
        }
        Some(session)
    }

    /// Sets when a session is to be ticked. What is overdue already waits for something else than time.
    pub(super) fn schedule(&mut self, no: SessionNo, now: Instant, at: Option<Instant>) {
        let Some(session) = self.sessions.get_mut(&no) else { return };
        if let Some(old) = session.deadline.take() {
            self.deadlines.remove(&(old, no));
        }
        session.deadline = at.filter(|at| *at > now);
        if let Some(at) = session.deadline {
            self.deadlines.insert((at, no));
        }
    }

    /// The next session whose time has come, taken out of the index.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<SessionNo> {
        let &(at, no) = self.deadlines.first().filter(|(at, _)| *at <= now)?;
        self.deadlines.remove(&(at, no));
        if let Some(session) = self.sessions.get_mut(&no) {
            session.deadline = None;
        }
        Some(no)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(at, _)| at)
    }

    /// How many there are: proven, and not.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.sessions.len() - self.unproven.len(), self.unproven.len())
    }
}

/// FNV-1a over the message in one normal form. It only tells a late copy of a session's first message from the first
/// message of another session; who can forge a collision has the copy dropped, which it could be anyway.
fn fingerprint(incoming: &Incoming<'_>) -> u64 {
    let octets = incoming.message().encode(Encoding::Wbxml);
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
