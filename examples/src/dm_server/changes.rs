//! What one message changes: written as one, then made known.

use std::collections::BTreeMap;

use dm_syncml::session::PartialObjectsSnapshot;

use crate::store::{Batch, StoreError};

use super::account::Learnt;
use super::directory::{
    Directory, GROUPS, JOBS, LEARNT, MAX_PAST, MAX_STANDING, PARTIAL, PAST, Past, Present, REQUESTS,
    SESSIONS, WORK, session_key,
};
use super::engine::Engine;
use super::gateway::{Group, Job};
use super::requests::Request;
use super::sitting::{SavedSitting, Sitting};
use super::work::Work;

/// Changes that are made together or not at all.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// What a device has told.
    pub(super) learnt: Option<(String, Learnt)>,
    /// What has come of large objects of a device.
    pub(super) partial: Option<(String, Option<PartialObjectsSnapshot>)>,
    /// Work, and whether it is in a session now.
    pub(super) work: BTreeMap<u64, (Work, bool)>,
    /// Sessions to be forgotten, by their keys in the store and their numbers.
    gone: Vec<(Vec<u8>, u64)>,
    /// Sessions to be kept.
    kept: Vec<(Vec<u8>, Option<SavedSitting>, u64, Present)>,
    pub(super) past: Vec<Past>,
    /// Jobs and groups of gateways, and whether they are remembered.
    pub(super) jobs: Vec<(Job, bool)>,
    pub(super) groups: Vec<(Group, bool)>,
    /// A request that may come again.
    pub(super) request: Option<Request>,
    /// The device is in session: it needs no waking any more.
    pub(super) started: bool,
}

impl Changes {
    /// A session is over and forgotten.
    pub(super) fn forget(&mut self, sitting: &Sitting) {
        let (peer, id) = (&sitting.peer, &sitting.session_id);
        // It may have been written before it had proved itself.
        for proven in [false, true] {
            self.gone.push((session_key(peer, id, proven), sitting.no));
        }
    }

    /// The numbers of the commands that have ended.
    pub(super) fn ended(&self) -> impl Iterator<Item = u64> {
        self.work.values().filter(|(work, _)| work.ended.is_some()).map(|(work, _)| work.number)
    }

    /// A session goes on; `saved` unless it is with nobody that is known.
    pub(super) fn keep(&mut self, sitting: &Sitting, saved: Option<SavedSitting>) {
        let present = Present {
            peer: sitting.peer.clone(),
            began: sitting.began,
            messages: sitting.messages,
            proven: sitting.proven,
            over: sitting.session.is_over(),
            deadline: sitting.deadline,
        };
        let (peer, id) = (&sitting.peer, &sitting.session_id);
        if sitting.proven {
            self.gone.push((session_key(peer, id, false), 0));
        }
        self.kept.push((session_key(peer, id, sitting.proven), saved, sitting.no, present));
    }

    /// All of it for the store, with what makes room for it.
    pub(super) fn batch(&self, directory: &Directory, max_ended: usize) -> Result<Batch, StoreError> {
        let mut batch = Batch::new();
        if let Some((device, learnt)) = &self.learnt {
            batch.put(LEARNT, device, learnt)?;
        }
        match &self.partial {
            Some((device, Some(objects))) => batch.put(PARTIAL, device, objects)?,
            Some((device, None)) => batch.remove(PARTIAL, device),
            None => {}
        }
        for (key, _) in &self.gone {
            batch.remove(SESSIONS, key);
        }
        for (key, saved, _, _) in &self.kept {
            if let Some(saved) = saved {
                batch.put(SESSIONS, key, saved)?;
            }
        }
        for (number, (work, _)) in &self.work {
            batch.put(WORK, number.to_be_bytes(), work)?;
        }
        for number in directory.ended.iter().take(directory.superfluous_work(max_ended)) {
            batch.remove(WORK, number.to_be_bytes());
        }
        for past in &self.past {
            batch.put(PAST, past.no.to_be_bytes(), past)?;
        }
        for past in
            directory.past.iter().take((directory.past.len() + self.past.len()).saturating_sub(MAX_PAST))
        {
            batch.remove(PAST, past.no.to_be_bytes());
        }
        for (job, there) in &self.jobs {
            let key = standing_key(&job.owner, &job.key);
            if *there {
                batch.put(JOBS, key, job)?;
            } else {
                batch.remove(JOBS, key);
            }
        }
        for (group, there) in &self.groups {
            let key = standing_key(&group.gateway, &group.id);
            if *there {
                batch.put(GROUPS, key, group)?;
            } else {
                batch.remove(GROUPS, key);
            }
        }
        if let Some(request) = &self.request {
            batch.put(REQUESTS, &request.key, request)?;
            for former in directory.requests.superfluous() {
                batch.remove(REQUESTS, former);
            }
        }
        Ok(batch)
    }

    /// It is on the disk: everyone may know.
    pub(super) fn apply(self, engine: &Engine, directory: &mut Directory, max_ended: usize) {
        directory.make_room(max_ended);
        if let Some((device, learnt)) = self.learnt
            && let Some(known) = directory.devices.get_mut(&device)
        {
            known.learnt = learnt;
        }
        for (work, in_session) in self.work.into_values() {
            engine.metrics.note_work(directory.work.get(&work.number).map(|work| work.state), work.state);
            directory.file(work, in_session);
        }
        for (_, no) in self.gone {
            directory.forget(no);
        }
        for (_, _, no, present) in self.kept {
            engine.events.tell("session", &serde_json::json!({ "peer": present.peer }));
            directory.note(no, present);
        }
        for past in self.past {
            engine.events.tell("session", &past);
            engine.events.tell("device", &serde_json::json!({ "id": past.peer }));
            directory.past.push_back(past);
            if directory.past.len() > MAX_PAST {
                directory.past.pop_front();
            }
        }
        for (job, there) in self.jobs {
            let key = (job.owner.clone(), job.key.clone());
            if there {
                engine.events.tell("job", &job);
                directory.jobs.insert(key, job);
            } else {
                engine.events.tell("job", &Job { state: "deleted".into(), ..job });
                directory.jobs.remove(&key);
            }
        }
        while directory.jobs.len() > MAX_STANDING {
            let oldest = directory.jobs.iter().min_by_key(|(_, job)| job.no).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            directory.jobs.remove(&oldest);
        }
        for (group, there) in self.groups {
            engine.events.tell("group", &group);
            let key = (group.gateway.clone(), group.id.clone());
            if there {
                directory.groups.insert(key, group);
            } else {
                directory.groups.remove(&key);
            }
        }
        while directory.groups.len() > MAX_STANDING {
            let oldest = directory.groups.iter().min_by_key(|(_, group)| group.no);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { break };
            directory.groups.remove(&oldest);
        }
        if let Some(request) = self.request {
            directory.requests.note(request);
        }
    }
}

/// The key of something that a gateway has, in the store.
pub(super) fn standing_key(gateway: &str, name: &str) -> Vec<u8> {
    session_key(gateway, name, false)
}
