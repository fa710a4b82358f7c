//! Puts the parts of long messages together: a small machine with limits and a timeout.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use super::error::{PushError, PushErrorKind, PushField};
use super::user_data::{Concatenation, PartReference, Ports, UserDataHeader};

/// What a [`Reassembler`] may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReassemblyLimits {
    /// Messages of which parts are missing, of all sources. 32: more are not on the way to one device.
    pub messages: usize,
    /// The same of one source. 4, so that one source cannot push out the parts of all others.
    pub messages_per_source: usize,
    /// Octets of all parts that are kept. 65 536, two messages of the largest size.
    pub octets: usize,
    /// How long a message may take from its first part to its last. Five minutes: parts are sent in a row.
    pub timeout: Duration,
}

impl ReassemblyLimits {
    /// What the fields say they are.
    pub const DEFAULT: Self =
        Self { messages: 32, messages_per_source: 4, octets: 1 << 16, timeout: Duration::from_secs(300) };

    /// The same with other numbers of messages: of all sources, and of each.
    #[must_use]
    pub const fn with_messages(mut self, messages: usize, per_source: usize) -> Self {
        self.messages = messages;
        self.messages_per_source = per_source;
        self
    }

    /// The same with another number of octets.
    #[must_use]
    pub const fn with_octets(mut self, octets: usize) -> Self {
        self.octets = octets;
        self
    }

    /// The same with another timeout.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl Default for ReassemblyLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A message whose parts are all there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reassembled<S> {
    /// Who sent it: what the caller said.
    pub source: S,
    /// Its ports, if it has any.
    pub ports: Option<Ports>,
    /// What was carried: a WSP push, on the ports of one.
    pub payload: Vec<u8>,
}

/// Why a message is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Dropped {
    /// Not all parts came in time.
    #[error("parts are missing and time is up")]
    TimedOut,
    /// There was no room left for it, and others were newer.
    #[error("no room left")]
    Crowded,
    /// A part came that cannot belong to it: the sender uses the reference again.
    #[error("another message has the same reference")]
    Superseded,
}

/// What a [`Reassembler`] wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReassemblyOutput<S> {
    /// A message is complete.
    Message(Reassembled<S>),
    /// A message is given up; a line for a log.
    Dropped {
        /// Who sent it.
        source: S,
        /// What its parts shared.
        reference: PartReference,
        /// How many parts were there.
        parts: u8,
        /// How many there should have been.
        total: u8,
        /// Why it is given up.
        reason: Dropped,
    },
    /// Nothing more until then, or until the next part. Always the last one.
    Wait(Option<Duration>),
}

/// Puts short messages together. `S` is who sent them, an address in any form.
///
/// Parts may come in any order and more than once. Time is the caller's: any monotonic clock, as the time since
/// any epoch. What is kept is bounded by [`ReassemblyLimits`] whatever comes; where there is no room, the oldest
/// message goes, of the same source first.
///
/// ```
/// use core::time::Duration;
/// use dm_notification::push::{
///     PartReference, Ports, Reassembler, ReassemblyLimits, ReassemblyOutput, segment,
/// };
///
/// let payload = [7; 300];
/// let parts = segment(Ports::WAP_PUSH, &payload, Some(PartReference::Eight(1)))?;
/// let mut reassembler = Reassembler::new(ReassemblyLimits::DEFAULT);
/// for part in parts.iter().rev() {
///     reassembler.handle_part(Duration::from_secs(1), "+1555", part)?;
/// }
/// let ReassemblyOutput::Message(message) = reassembler.poll_output() else { panic!("all parts are there") };
/// assert_eq!((message.source, message.payload), ("+1555", payload.to_vec()));
/// assert_eq!(reassembler.poll_output(), ReassemblyOutput::Wait(None));
/// # Ok::<(), dm_notification::push::PushError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reassembler<S> {
    limits: ReassemblyLimits,
    now: Duration,
    /// Counts messages, so that the oldest one is known.
    next: u64,
    octets: usize,
    pending: BTreeMap<Key<S>, Pending>,
    /// The same messages, oldest first: when each is given up.
    ages: BTreeSet<(Duration, u64, Key<S>)>,
    out: VecDeque<ReassemblyOutput<S>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key<S> {
    source: S,
    ports: Option<Ports>,
    reference: PartReference,
}

#[derive(Clone, Debug)]
struct Pending {
    until: Duration,
    number: u64,
    /// One for each part.
    parts: Vec<Option<Box<[u8]>>>,
    present: u8,
    octets: usize,
}

impl Pending {
    fn total(&self) -> u8 {
        u8::try_from(self.parts.len()).unwrap_or(u8::MAX)
    }
}

impl<S: Ord + Clone> Reassembler<S> {
    /// One that has nothing.
    #[must_use]
    pub const fn new(limits: ReassemblyLimits) -> Self {
        Self {
            limits,
            now: Duration::ZERO,
            next: 0,
            octets: 0,
            pending: BTreeMap::new(),
            ages: BTreeSet::new(),
            out: VecDeque::new(),
        }
    }

    /// Takes the user data of a short message that has a header: a part, or a message of its own.
    ///
    /// # Errors
    ///
    /// As [`UserDataHeader::decode`], and [`PushErrorKind::TooLong`] for a part of more octets than may be kept.
    /// Nothing changes then.
    pub fn handle_part(&mut self, now: Duration, source: S, user_data: &[u8]) -> Result<(), PushError> {
        self.handle_tick(now);
        let (header, payload) = UserDataHeader::decode(user_data)?;
        let ports = header.ports();
        let concatenation = header.concatenation().filter(|part| part.total() > 1);
        let Some(concatenation) = concatenation else {
            let payload = payload.to_vec();
            self.out.push_back(ReassemblyOutput::Message(Reassembled { source, ports, payload }));
            return Ok(());
        };
        // An empty part costs something too.
        let cost = payload.len().max(1);
        if cost > self.limits.octets || self.limits.messages.min(self.limits.messages_per_source) == 0 {
            return Err(PushError::new(PushErrorKind::TooLong, PushField::Message, 0));
        }
        self.put(Key { source, ports, reference: concatenation.reference() }, concatenation, payload, cost);
        Ok(())
    }

    fn put(&mut self, key: Key<S>, part: Concatenation, payload: &[u8], cost: usize) {
        let at = usize::from(part.sequence() - 1);
        if let Some(pending) = self.pending.get(&key) {
            let same_message = pending.total() == part.total();
            match pending.parts.get(at) {
                Some(Some(there)) if same_message && **there == *payload => return,
                Some(None) if same_message => {}
                // Another text in the same place: references come round again.
                _ => self.give_up(&key, Dropped::Superseded),
            }
        }
        if !self.pending.contains_key(&key) {
            self.make_room_for_message(&key);
            let pending = Pending {
                until: self.now.saturating_add(self.limits.timeout),
                number: self.next,
                parts: alloc::vec![None; usize::from(part.total())],
                present: 0,
                octets: 0,
            };
            self.next += 1;
            self.ages.insert((pending.until, pending.number, key.clone()));
            self.pending.insert(key.clone(), pending);
        }
        while self.octets + cost > self.limits.octets {
            // The message itself may be all there is: then it is too large, and its other parts go.
            let oldest =
                self.ages.iter().map(|(_, _, oldest)| oldest).find(|oldest| **oldest != key).cloned();
            match oldest {
                Some(oldest) => self.give_up(&oldest, Dropped::Crowded),
                None => return self.give_up(&key, Dropped::Crowded),
            }
        }
        let Some(pending) = self.pending.get_mut(&key) else { return };
        if let Some(room) = pending.parts.get_mut(at) {
            *room = Some(payload.into());
            pending.present += 1;
            pending.octets += cost;
            self.octets += cost;
        }
        if pending.present == pending.total() {
            self.complete(key);
        }
    }

    fn make_room_for_message(&mut self, key: &Key<S>) {
        let own = self.pending.range(Self::first_of(&key.source)..);
        let own = own.take_while(|(other, _)| other.source == key.source);
        // At most the limit per source: it was kept to before.
        let (count, oldest) =
            own.fold((0, None), |(count, oldest): (usize, Option<(u64, &Key<S>)>), (other, pending)| {
                let oldest =
                    oldest.filter(|(number, _)| *number < pending.number).or(Some((pending.number, other)));
                (count + 1, oldest)
            });
        if count >= self.limits.messages_per_source
            && let Some((_, oldest)) = oldest
        {
            let oldest = oldest.clone();
            self.give_up(&oldest, Dropped::Crowded);
        }
        if self.pending.len() >= self.limits.messages
            && let Some((_, _, oldest)) = self.ages.first()
        {
            let oldest = oldest.clone();
            self.give_up(&oldest, Dropped::Crowded);
        }
    }

    fn first_of(source: &S) -> Key<S> {
        Key { source: source.clone(), ports: None, reference: PartReference::Eight(0) }
    }

    fn complete(&mut self, key: Key<S>) {
        let Some(pending) = self.remove(&key) else { return };
        let payload = pending.parts.into_iter().flatten().fold(
            Vec::with_capacity(pending.octets),
            |mut payload, part| {
                payload.extend_from_slice(&part);
                payload
            },
        );
        let Key { source, ports, .. } = key;
        self.out.push_back(ReassemblyOutput::Message(Reassembled { source, ports, payload }));
    }

    fn give_up(&mut self, key: &Key<S>, reason: Dropped) {
        let Some(pending) = self.remove(key) else { return };
        self.out.push_back(ReassemblyOutput::Dropped {
            source: key.source.clone(),
            reference: key.reference,
            parts: pending.present,
            total: pending.total(),
            reason,
        });
    }

    fn remove(&mut self, key: &Key<S>) -> Option<Pending> {
        let pending = self.pending.remove(key)?;
        self.octets -= pending.octets;
        self.ages.remove(&(pending.until, pending.number, key.clone()));
        Some(pending)
    }

    /// Lets time pass. One too many is harmless, and so is a clock that steps back.
    pub fn handle_tick(&mut self, now: Duration) {
        self.now = self.now.max(now);
        while let Some((until, _, key)) = self.ages.first()
            && *until <= self.now
        {
            let key = key.clone();
            self.give_up(&key, Dropped::TimedOut);
        }
    }

    /// What is to be done; [`ReassemblyOutput::Wait`] when that is nothing.
    pub fn poll_output(&mut self) -> ReassemblyOutput<S> {
        let wait = || ReassemblyOutput::Wait(self.ages.first().map(|(until, _, _)| *until));
        self.out.pop_front().unwrap_or_else(wait)
    }

    /// Messages of which parts are missing.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Octets of the parts that are kept.
    #[must_use]
    pub const fn octets(&self) -> usize {
        self.octets
    }
}
