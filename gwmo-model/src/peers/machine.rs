//! What becomes of servers that devices name.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::{Instant, Journal, RecordSeq};
use dm_tree::ServerId;

use super::config::{PeersConfig, PeersError, PeersErrorKind};
use super::list::{ListedServer, ServerList};
use super::output::{PeerEvent, PeersOutput};
use super::record::{
    Change, PeerRow, PeerState, PeersRecord, PeersRestoreError, PeersRestoreErrorKind, PeersSnapshot,
};
use crate::device::Serial;
use crate::identifier::unprintable;
use crate::stored_count::can_go_on;

#[derive(Clone, PartialEq, Eq, Debug)]
struct Peer {
    state: PeerState,
    from: Serial,
    address: Option<Box<str>>,
    tries: u8,
    /// When a request counts as failed.
    until: Option<Instant>,
}

impl Peer {
    /// Whether nothing came of it yet. What was asked is remembered, or forgetting it would be a way to have it asked
    /// for ever.
    fn is_idle(&self) -> bool {
        self.state == PeerState::Seen && self.tries == 0
    }
}

/// One learnt server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PeerView<'a> {
    /// The server (`ServerID`).
    pub server: &'a ServerId,
    /// Where it stands (`State`).
    pub state: PeerState,
    /// The device that named it last (`From`).
    pub from: Serial,
    /// Where it can be asked for a bootstrap, as that device says.
    pub address: Option<&'a str>,
}

/// Servers that devices behind the gateway are bootstrapped to and the gateway is not (use case B.7): a device that
/// moved here from another gateway stays manageable by its servers if this gateway gets to know them.
///
/// Devices say whom they know, and anybody may own a device. So nothing follows from it unless the server is on
/// the allow list and the gateway may bootstrap by itself ([`handle_auto`](Self::handle_auto), off by default); it is
/// remembered and put into the audit log.
///
/// ```
/// use dm_syncml::Instant;
/// use dm_tree::ServerId;
/// use gwmo_model::{Peers, PeersConfig, PeersOutput, Serial, ServerList};
///
/// let (now, server) = (Instant::EPOCH, ServerId::new("com.example.dms")?);
/// let mut peers = Peers::new(PeersConfig::default());
/// peers.handle_auto(now, true);
/// peers.handle_allowed(now, server.clone())?;
/// peers.handle_server_list(now, Serial::FIRST, &ServerList::parse("com.example.dms"), |_| false);
/// let mut asked = None;
/// loop {
///     match peers.poll_output() {
///         PeersOutput::Persist(seq, _) => peers.handle_persisted(now, seq), // once it is stored
///         PeersOutput::RequestBootstrap { server, .. } => asked = Some(server),
///         PeersOutput::Wait(_) => break,
///         _ => {}
///     }
/// }
/// assert_eq!(asked, Some(server));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Peers {
    config: PeersConfig,
    now: Instant,
    core: Core,
    journal: Journal<PeersRecord, PeersOutput>,
}

/// What survives: changed by records only.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Core {
    /// Changes made so far.
    changes: u64,
    auto: bool,
    allowed: BTreeSet<ServerId>,
    known: BTreeMap<ServerId, Peer>,
}

impl Core {
    /// Makes the change of a record, unless it was made before; `None` if it does not fit, or one before it is missing.
    fn replay(&mut self, now: Instant, record: &PeersRecord) -> Option<()> {
        match record.at.checked_sub(self.changes) {
            Some(1) => self.apply(now, &record.change),
            Some(0) | None => Some(()),
            Some(_) => None,
        }
    }

    /// Makes a change; `None`, and no change, for one that does not fit.
    fn apply(&mut self, now: Instant, change: &Change) -> Option<()> {
        let until = |left: Option<Duration>| left.map(|left| now + left);
        match change {
            Change::Auto(auto) => self.auto = *auto,
            Change::Allowed(server) => self.allowed.insert(server.clone()).then_some(())?,
            Change::Disallowed(server) => self.allowed.remove(server).then_some(())?,
            Change::Learnt(row) => {
                let absent = !self.known.contains_key(&row.server) && fits(row);
                absent.then(|| self.put(now, row.clone()))?;
            }
            Change::Source { server, from, address } => {
                let peer = self.known.get_mut(server).filter(|_| is_address(address.as_deref()))?;
                (peer.from, peer.address) = (*from, address.clone());
            }
            Change::State { server, state, tries, left } => {
                let fits = left.is_some() == (*state == PeerState::Requested);
                let peer = self.known.get_mut(server).filter(|_| fits)?;
                (peer.state, peer.tries, peer.until) = (*state, *tries, until(*left));
            }
            Change::Forgotten(server) => _ = self.known.remove(server)?,
        }
        self.changes += 1;
        Some(())
    }

    fn put(&mut self, now: Instant, row: PeerRow) {
        let until = row.left.map(|left| now + left);
        let PeerRow { server, state, from, address, tries, .. } = row;
        self.known.insert(server, Peer { state, from, address, tries, until });
    }
}

fn fits(row: &PeerRow) -> bool {
    row.left.is_some() == (row.state == PeerState::Requested) && is_address(row.address.as_deref())
}

fn is_address(address: Option<&str>) -> bool {
    address.is_none_or(|text| text.len() <= ServerList::MAX_UNPARSED && unprintable(text).is_none())
}

impl Peers {
    /// Nothing known yet, nobody allowed, nothing done by itself.
    #[must_use]
    pub fn new(config: PeersConfig) -> Self {
        Self { config, now: Instant::EPOCH, core: Core::default(), journal: Journal::new() }
    }

    /// All that is known as a value. Records made before it are in it, handed out or not; stored after it they do no
    /// harm.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> PeersSnapshot {
        let now = self.now.max(now);
        let row = |(server, peer): (&ServerId, &Peer)| PeerRow {
            server: server.clone(),
            state: peer.state,
            from: peer.from,
            address: peer.address.clone(),
            tries: peer.tries,
            left: peer.until.map(|at| at.saturating_since(now)),
        };
        PeersSnapshot {
            version: PeersSnapshot::VERSION,
            changes: self.core.changes,
            auto: self.core.auto,
            allowed: self.core.allowed.iter().cloned().collect(),
            known: self.core.known.iter().map(row).collect(),
        }
    }

    /// What the last snapshot and the records stored since say. Servers that were asked are asked again.
    ///
    /// # Errors
    ///
    /// The snapshot is of another version or contradicts itself, or a record does not fit.
    pub fn restore(
        now: Instant,
        config: PeersConfig,
        snapshot: PeersSnapshot,
        records: impl IntoIterator<Item = PeersRecord>,
    ) -> Result<Self, PeersRestoreError> {
        if snapshot.version != PeersSnapshot::VERSION {
            return Err(PeersRestoreError::new(PeersRestoreErrorKind::Version(snapshot.version)));
        }
        let inconsistent = PeersRestoreError::new(PeersRestoreErrorKind::Inconsistent);
        let mut core = Core { auto: snapshot.auto, ..Core::default() };
        for server in snapshot.allowed {
            core.apply(now, &Change::Allowed(server)).ok_or(inconsistent)?;
        }
        for row in snapshot.known {
            core.apply(now, &Change::Learnt(row)).ok_or(inconsistent)?;
        }
        core.changes = Some(snapshot.changes).filter(|&changes| can_go_on(changes)).ok_or(inconsistent)?;
        for (at, record) in records.into_iter().enumerate() {
            let misfit = PeersRestoreError::new(PeersRestoreErrorKind::Misfit { at });
            core.replay(now, &record).ok_or(misfit)?;
        }
        let mut peers = Self { config, now, core, journal: Journal::new() };
        let asked = peers.core.known.iter().filter(|(_, peer)| peer.state == PeerState::Requested);
        for (server, address) in
            asked.map(|(id, peer)| (id.clone(), peer.address.clone())).collect::<Vec<_>>()
        {
            peers.journal.hold(PeersOutput::RequestBootstrap { server, address });
        }
        // A crash may have come between what allowed a request and the request.
        peers.ask_all();
        Ok(peers)
    }

    /// May the gateway bootstrap by itself to allowed servers that its devices know (`Auto`)? What is known already is
    /// looked at again.
    pub fn handle_auto(&mut self, now: Instant, auto: bool) {
        self.advance(now);
        if self.core.auto != auto {
            self.change(Change::Auto(auto));
            self.ask_all();
        }
    }

    /// A server is put on the allow list. If it refused before, it may be asked again.
    ///
    /// # Errors
    ///
    /// It is on the list, or the list is full.
    pub fn handle_allowed(&mut self, now: Instant, server: ServerId) -> Result<(), PeersError> {
        self.advance(now);
        if self.core.allowed.contains(&server) {
            return Err(PeersErrorKind::AlreadyAllowed.into());
        }
        if self.core.allowed.len() >= self.config.max_allowed as usize {
            return Err(PeersErrorKind::TooManyAllowed.into());
        }
        self.change(Change::Allowed(server.clone()));
        if self.core.known.get(&server).is_some_and(|peer| peer.state == PeerState::Refused) {
            self.set_state(&server, PeerState::Seen, 0);
        }
        self.ask(&server);
        Ok(())
    }

    /// A server is taken off the allow list. A request that is out stays so, and its answer counts.
    ///
    /// # Errors
    ///
    /// It is not on the list.
    pub fn handle_disallowed(&mut self, now: Instant, server: &ServerId) -> Result<(), PeersError> {
        self.advance(now);
        if !self.core.allowed.contains(server) {
            return Err(PeersErrorKind::UnknownServer.into());
        }
        self.change(Change::Disallowed(server.clone()));
        Ok(())
    }

    /// A device says to which servers it is bootstrapped (`BootstrappedDMSList`). `is_own` tells of each whether the
    /// gateway is too; the others are remembered, and asked for a bootstrap if that is allowed.
    pub fn handle_server_list(
        &mut self,
        now: Instant,
        from: Serial,
        list: &ServerList,
        is_own: impl Fn(&ServerId) -> bool,
    ) {
        self.advance(now);
        if let Some(text) = list.unparsed() {
            self.journal.hold(PeersOutput::Unparsed { from, text: text.into() });
        }
        // What the list may have said beyond its end is not known to be gone.
        if list.unparsed().is_none() && !list.is_truncated() {
            let listed: BTreeSet<_> = list.servers().iter().map(|server| &server.id).collect();
            let gone = self
                .core
                .known
                .iter()
                .filter(|(server, peer)| peer.is_idle() && peer.from == from && !listed.contains(server));
            for server in gone.map(|(server, _)| server.clone()).collect::<Vec<_>>() {
                self.audit(&server, PeerEvent::Forgotten);
                self.change(Change::Forgotten(server));
            }
        }
        for server in list.servers() {
            self.learn(from, server, is_own(&server.id));
        }
    }

    /// A device is gone for good; what only it said is forgotten.
    pub fn handle_device_forgotten(&mut self, now: Instant, device: Serial) {
        self.handle_server_list(now, device, &ServerList::default(), |_| false);
    }

    /// The gateway is bootstrapped to a server, however that came about. From now on alerts can go to it.
    pub fn handle_bootstrapped(&mut self, now: Instant, server: &ServerId) {
        self.advance(now);
        if self.core.known.get(server).is_some_and(|peer| peer.state != PeerState::Bootstrapped) {
            self.set_state(server, PeerState::Bootstrapped, 0);
            self.audit(server, PeerEvent::Bootstrapped);
        }
    }

    /// The gateway is no longer bootstrapped to a server. It is asked again when a device names it the next time.
    pub fn handle_unbootstrapped(&mut self, now: Instant, server: &ServerId) {
        self.advance(now);
        if self.core.known.get(server).is_some_and(|peer| peer.state == PeerState::Bootstrapped) {
            self.set_state(server, PeerState::Seen, 0);
            self.audit(server, PeerEvent::Unbootstrapped);
        }
    }

    /// A server that was asked will not bootstrap the gateway. It is not asked again until it is put on the allow list
    /// anew.
    pub fn handle_refused(&mut self, now: Instant, server: &ServerId) {
        self.advance(now);
        if let Some(tries) = self.requested(server) {
            self.set_state(server, PeerState::Refused, tries);
            self.audit(server, PeerEvent::Refused);
        }
    }

    /// Everything up to this record is stored.
    pub fn handle_persisted(&mut self, now: Instant, seq: RecordSeq) {
        self.advance(now);
        self.journal.persisted(seq);
    }

    /// Takes note of the time.
    pub fn handle_tick(&mut self, now: Instant) {
        self.advance(now);
    }

    /// The next thing to do; [`PeersOutput::Wait`] when there is nothing left.
    pub fn poll_output(&mut self) -> PeersOutput {
        if let Some((seq, record)) = self.journal.next_record() {
            return PeersOutput::Persist(seq, record);
        }
        self.journal.next_released().unwrap_or_else(|| PeersOutput::Wait(self.next_at()))
    }

    /// Whether the gateway bootstraps by itself.
    #[must_use]
    pub const fn auto(&self) -> bool {
        self.core.auto
    }

    /// The allow list, in the order of the identifiers.
    pub fn allowed(&self) -> impl ExactSizeIterator<Item = &ServerId> {
        self.core.allowed.iter()
    }

    /// The servers learnt of, in the order of their identifiers.
    pub fn known(&self) -> impl ExactSizeIterator<Item = PeerView<'_>> {
        self.core.known.iter().map(|(server, peer)| PeerView {
            server,
            state: peer.state,
            from: peer.from,
            address: peer.address.as_deref(),
        })
    }

    fn next_at(&self) -> Option<Instant> {
        self.core.known.values().filter_map(|peer| peer.until).min()
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.next_at().is_none_or(|at| at > self.now) {
            return;
        }
        let now = self.now;
        let due = self.core.known.iter().filter(|(_, peer)| peer.until.is_some_and(|at| at <= now));
        for (server, tries) in due.map(|(server, peer)| (server.clone(), peer.tries)).collect::<Vec<_>>() {
            self.audit(&server, PeerEvent::NotAnswered);
            if tries >= self.config.max_tries {
                self.set_state(&server, PeerState::Refused, tries);
                self.audit(&server, PeerEvent::Refused);
            } else {
                // The next one who names it has it asked again.
                self.set_state(&server, PeerState::Seen, tries);
            }
        }
    }

    fn learn(&mut self, from: Serial, listed: &ListedServer, is_own: bool) {
        let server = &listed.id;
        if let Some(peer) = self.core.known.get(server) {
            let address = listed.address.clone().or_else(|| peer.address.clone());
            if is_own && peer.state != PeerState::Bootstrapped {
                self.set_state(server, PeerState::Bootstrapped, 0);
                self.audit(server, PeerEvent::Bootstrapped);
            } else if peer.from != from || peer.address != address {
                self.change(Change::Source { server: server.clone(), from, address });
            }
        } else if !is_own {
            let of_device = self.core.known.values().filter(|peer| peer.from == from && peer.is_idle());
            if of_device.count() >= self.config.max_per_device as usize
                || self.core.known.len() >= self.config.max_known as usize
            {
                let (server, event) = (server.clone(), PeerEvent::TooMany);
                self.journal.hold(PeersOutput::Audit { server, from, event });
                return;
            }
            let (server, address) = (server.clone(), listed.address.clone());
            let state = PeerState::Seen;
            self.change(Change::Learnt(PeerRow { server, state, from, address, tries: 0, left: None }));
            self.audit(&listed.id, PeerEvent::Learnt);
            if !self.core.allowed.contains(&listed.id) {
                self.audit(&listed.id, PeerEvent::NotAllowed);
            } else if !self.core.auto {
                self.audit(&listed.id, PeerEvent::AutoOff);
            }
        }
        self.ask(server);
    }

    fn ask_all(&mut self) {
        for server in self.core.known.keys().cloned().collect::<Vec<_>>() {
            self.ask(&server);
        }
    }

    /// Asks a server for a bootstrap, if that is allowed and there is reason to.
    fn ask(&mut self, server: &ServerId) {
        let Some(peer) = self.core.known.get(server).filter(|peer| peer.state == PeerState::Seen) else {
            return;
        };
        if !self.core.auto || !self.core.allowed.contains(server) {
            return;
        }
        let (address, tries) = (peer.address.clone(), peer.tries.saturating_add(1));
        self.set_state(server, PeerState::Requested, tries);
        self.audit(server, PeerEvent::Requested);
        self.journal.hold(PeersOutput::RequestBootstrap { server: server.clone(), address });
    }

    fn requested(&self, server: &ServerId) -> Option<u8> {
        let peer = self.core.known.get(server)?;
        (peer.state == PeerState::Requested).then_some(peer.tries)
    }

    fn set_state(&mut self, server: &ServerId, state: PeerState, tries: u8) {
        let left = (state == PeerState::Requested).then_some(self.config.request_time);
        self.change(Change::State { server: server.clone(), state, tries, left });
    }

    fn audit(&mut self, server: &ServerId, event: PeerEvent) {
        if let Some(peer) = self.core.known.get(server) {
            self.journal.hold(PeersOutput::Audit { server: server.clone(), from: peer.from, event });
        }
    }

    fn change(&mut self, change: Change) {
        if self.core.apply(self.now, &change).is_some() {
            self.journal.record(PeersRecord { at: self.core.changes, change });
        } else {
            debug_assert!(false, "a change that does not fit");
        }
    }
}
