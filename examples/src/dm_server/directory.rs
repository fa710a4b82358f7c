//! Everything the server knows, in memory as in the store.
//!
//! What is in memory is what the store has: [`Changes`](super::changes::Changes) are written first and made known then.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use dm_syncml::Instant;
use dm_syncml::session::{Lockout, LockoutPolicy};
use serde::{Deserialize, Serialize};

use crate::store::Kind;

use super::account::{Device, Learnt};
use super::gateway::{Group, Job};
use super::requests::Requests;
use super::sitting::Seat;
use super::work::{Work, WorkState};

pub(super) const META: Kind = Kind::new("meta");
pub(super) const DEVICES: Kind = Kind::new("devices");
/// Nonces, and what else sessions bring to light.
pub(super) const LEARNT: Kind = Kind::new("learnt");
pub(super) const WORK: Kind = Kind::new("work");
pub(super) const SESSIONS: Kind = Kind::new("sessions");
/// Large objects whose transfer broke off.
pub(super) const PARTIAL: Kind = Kind::new("partial_objects");
pub(super) const PAST: Kind = Kind::new("past_sessions");
pub(super) const JOBS: Kind = Kind::new("jobs");
pub(super) const GROUPS: Kind = Kind::new("groups");
pub(super) const REQUESTS: Kind = Kind::new("requests");

/// Sessions that are over and remembered.
pub(super) const MAX_PAST: usize = 50;
/// Octets of answers that are remembered, besides those of one command.
const MAX_ENDED_OCTETS: usize = 64 << 20;
/// Fanouts that are remembered, and groups.
pub(super) const MAX_STANDING: usize = 200;

/// A device: what the operator says, and what it has told.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) device: Device,
    pub(super) learnt: Learnt,
}

/// A session that is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Past {
    pub(super) no: u64,
    pub(super) peer: String,
    pub(super) began: u64,
    pub(super) messages: u32,
    pub(super) end: String,
}

/// A session that goes on, for who looks.
#[derive(Clone, Debug)]
pub(super) struct Present {
    pub(super) peer: String,
    pub(super) began: u64,
    pub(super) messages: u32,
    pub(super) proven: bool,
    pub(super) over: bool,
    pub(super) deadline: Option<Instant>,
}

/// Everything that is known. It is locked for moments, never across a wait.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) devices: BTreeMap<String, Known>,
    pub(super) work: BTreeMap<u64, Work>,
    /// Work that waits for its device, and is in no session.
    pub(super) open: HashMap<String, BTreeSet<u64>>,
    /// Work that has ended, by when it did: the oldest makes room.
    pub(super) ended: VecDeque<u64>,
    /// What it takes up, in octets.
    ended_octets: usize,
    /// How much work each device has that has not ended.
    unended: HashMap<String, usize>,
    pub(super) next_work: u64,
    pub(super) seats: HashMap<String, Arc<tokio::sync::Mutex<Seat>>>,
    pub(super) present: BTreeMap<u64, Present>,
    pub(super) deadlines: BTreeSet<(Instant, u64)>,
    pub(super) next_sitting: u64,
    pub(super) past: VecDeque<Past>,
    pub(super) jobs: BTreeMap<(String, String), Job>,
    pub(super) groups: BTreeMap<(String, String), Group>,
    pub(super) next_standing: u64,
    /// Requests that may come again.
    pub(super) requests: Requests,
    /// Who has shown wrong credentials too often gets no challenge to guess for.
    pub(super) lockout: Lockout,
}

impl Directory {
    pub(super) fn new() -> Self {
        Self {
            devices: BTreeMap::new(),
            work: BTreeMap::new(),
            open: HashMap::new(),
            ended: VecDeque::new(),
            ended_octets: 0,
            unended: HashMap::new(),
            next_work: 1,
            seats: HashMap::new(),
            present: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            next_sitting: 1,
            past: VecDeque::new(),
            jobs: BTreeMap::new(),
            groups: BTreeMap::new(),
            next_standing: 1,
            requests: Requests::default(),
            lockout: Lockout::new(LockoutPolicy::DEFAULT),
        }
    }

    /// The seat of a device, made if need be.
    pub(super) fn seat(&mut self, peer: &str) -> Arc<tokio::sync::Mutex<Seat>> {
        Arc::clone(self.seats.entry(peer.to_owned()).or_default())
    }

    /// A number for a group or a job that was not known before.
    pub(super) fn next_standing(&mut self) -> u64 {
        self.next_standing += 1;
        self.next_standing - 1
    }

    /// Whether a device is in session, so that nobody has to wake it.
    pub(super) fn is_in_session(&self, device: &str) -> bool {
        self.present.values().any(|present| present.proven && !present.over && present.peer == device)
    }

    /// Files work under where it stands.
    pub(super) fn file(&mut self, work: Work, in_session: bool) {
        let number = work.number;
        let open = self.open.entry(work.device.clone()).or_default();
        if work.state == WorkState::Queued && !in_session {
            open.insert(number);
        } else {
            open.remove(&number);
        }
        if open.is_empty() {
            self.open.remove(&work.device);
        }
        let (device, octets, has_ended) = (work.device.clone(), work.octets(), work.ended.is_some());
        let former = self.work.insert(number, work);
        let (was_there, had_ended) = (former.is_some(), former.as_ref().is_some_and(|it| it.ended.is_some()));
        if had_ended {
            self.ended_octets -= former.map_or(0, |work| work.octets());
        }
        if has_ended {
            self.ended_octets += octets;
            if !had_ended {
                self.ended.push_back(number);
            }
        }
        let (before, after) = (was_there && !had_ended, !has_ended);
        if before != after {
            let count = self.unended.entry(device.clone()).or_default();
            *count = if after { *count + 1 } else { count.saturating_sub(1) };
            if *count == 0 {
                self.unended.remove(&device);
            }
        }
    }

    /// How many of the oldest entries of ended work make room.
    pub(super) fn superfluous_work(&self, max_ended: usize) -> usize {
        let mut count = self.ended.len().saturating_sub(max_ended);
        let octets_of = |number: &u64| self.work.get(number).map_or(0, Work::octets);
        let mut octets = self.ended_octets - self.ended.iter().take(count).map(octets_of).sum::<usize>();
        for number in self.ended.iter().skip(count) {
            if octets <= MAX_ENDED_OCTETS {
                break;
            }
            octets -= octets_of(number);
            count += 1;
        }
        count
    }

    /// Forgets them.
    pub(super) fn make_room(&mut self, max_ended: usize) {
        for _ in 0..self.superfluous_work(max_ended) {
            if let Some(work) = self.ended.pop_front().and_then(|number| self.work.remove(&number)) {
                self.ended_octets -= work.octets();
            }
        }
    }

    /// How much work waits for a device, and is in no session.
    pub(super) fn waiting(&self, device: &str) -> usize {
        self.open.get(device).map_or(0, BTreeSet::len)
    }

    /// How much work a device has that has not ended.
    pub(super) fn unended(&self, device: &str) -> usize {
        self.unended.get(device).copied().unwrap_or(0)
    }

    /// Notes where a session stands.
    pub(super) fn note(&mut self, no: u64, present: Present) {
        let former = self.present.get(&no).and_then(|present| present.deadline);
        if let Some(at) = former {
            self.deadlines.remove(&(at, no));
        }
        if let Some(at) = present.deadline {
            self.deadlines.insert((at, no));
        }
        self.present.insert(no, present);
    }

    /// A session is gone.
    pub(super) fn forget(&mut self, no: u64) {
        if let Some(at) = self.present.remove(&no).and_then(|present| present.deadline) {
            self.deadlines.remove(&(at, no));
        }
    }
}

/// The key of a session in the store.
pub(super) fn session_key(peer: &str, session_id: &str, proven: bool) -> Vec<u8> {
    // The length first: either name may hold any octet.
    let mut key = (peer.len() as u64).to_be_bytes().to_vec();
    key.extend_from_slice(peer.as_bytes());
    key.push(u8::from(proven));
    key.extend_from_slice(session_id.as_bytes());
    key
}
