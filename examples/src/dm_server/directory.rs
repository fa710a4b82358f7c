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
use super::sitting::Seat;
use super::work::{Work, WorkState};

pub(super) const META: Kind = Kind::new("meta");
pub(super) const DEVICES: Kind = Kind::new("devices");
/// Nonces, and what else sessions bring to light.
pub(super) const LEARNT: Kind = Kind::new("learnt");
pub(super) const WORK: Kind = Kind::new("work");
pub(super) const SESSIONS: Kind = Kind::new("sessions");
pub(super) const PAST: Kind = Kind::new("past_sessions");
pub(super) const JOBS: Kind = Kind::new("jobs");
pub(super) const GROUPS: Kind = Kind::new("groups");

/// Sessions that are over and remembered.
pub(super) const MAX_PAST: usize = 50;
/// Fanouts that are remembered.
pub(super) const MAX_JOBS: usize = 200;

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

/// A fanout at a gateway, as last heard of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Job {
    /// Numbers them in the order they were started.
    pub(super) no: u64,
    /// The gateway.
    pub(super) owner: String,
    pub(super) key: String,
    pub(super) state: String,
    pub(super) result: Option<u16>,
    pub(super) total: u32,
    pub(super) queued: u32,
    pub(super) in_flight: u32,
    pub(super) outcomes: BTreeMap<String, u32>,
    /// How many operations it has.
    pub(super) ops: u16,
}

/// A group at a gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) gateway: String,
    pub(super) id: String,
    pub(super) count: usize,
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
    pub(super) next_work: u64,
    pub(super) seats: HashMap<String, Arc<tokio::sync::Mutex<Seat>>>,
    pub(super) present: BTreeMap<u64, Present>,
    pub(super) deadlines: BTreeSet<(Instant, u64)>,
    pub(super) next_sitting: u64,
    pub(super) past: VecDeque<Past>,
    pub(super) jobs: BTreeMap<(String, String), Job>,
    pub(super) next_job: u64,
    pub(super) groups: BTreeMap<(String, String), Group>,
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
            next_work: 1,
            seats: HashMap::new(),
            present: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            next_sitting: 1,
            past: VecDeque::new(),
            jobs: BTreeMap::new(),
            next_job: 1,
            groups: BTreeMap::new(),
            lockout: Lockout::new(LockoutPolicy::DEFAULT),
        }
    }

    /// The seat of a device, made if need be.
    pub(super) fn seat(&mut self, peer: &str) -> Arc<tokio::sync::Mutex<Seat>> {
        Arc::clone(self.seats.entry(peer.to_owned()).or_default())
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
        let had_ended = self.work.get(&number).is_some_and(|work| work.ended.is_some());
        if work.ended.is_some() && !had_ended {
            self.ended.push_back(number);
        }
        self.work.insert(number, work);
    }

    /// How much work a device has that has not ended.
    pub(super) fn unsettled(&self, device: &str) -> usize {
        self.open.get(device).map_or(0, BTreeSet::len)
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
