//! At the start: everything is taken up where the store has it.

use std::collections::{BTreeMap, BTreeSet};

use dm_syncml::session::{GivenUp, Lockout, LockoutPolicy, LockoutSnapshot, ServerSession};

use crate::store::{Batch, StoreError};

use super::account::{Device, Learnt};
use super::changes::{Changes, standing_key};
use super::directory::{
    DEVICES, GROUPS, JOBS, Known, LEARNT, MAX_STANDING, META, PAST, Past, REQUESTS, SESSIONS, WORK,
};
use super::engine::{Engine, unix_now};
use super::gateway::{Group, Job};
use super::requests::Request;
use super::sitting::{SavedSitting, Sitting};
use super::work::{Work, WorkState};

/// Where who is locked out is kept.
const LOCKOUT: &str = "lockout";

impl Engine {
    pub(super) async fn load(&self) -> Result<(), StoreError> {
        let now = unix_now();
        let store = &self.store;
        if let Some(snapshot) = store.get::<LockoutSnapshot>(META, LOCKOUT)? {
            let restored = Lockout::restore(self.clock.now(), LockoutPolicy::DEFAULT, snapshot);
            match restored {
                Ok(lockout) => self.directory().lockout = lockout,
                Err(error) => tracing::warn!(%error, "who was locked out is not known any more"),
            }
        }
        let mut learnt: BTreeMap<Vec<u8>, Learnt> = store.all(LEARNT)?.into_iter().collect();
        let mut batch = Batch::new();
        {
            let mut directory = self.directory();
            for (key, device) in store.all::<Device>(DEVICES)? {
                let learnt = learnt.remove(&key).unwrap_or_default();
                directory.devices.insert(device.id.clone(), Known { device, learnt });
            }
            for (_, past) in store.all::<Past>(PAST)? {
                directory.next_sitting = directory.next_sitting.max(past.no + 1);
                directory.past.push_back(past);
            }
            let mut jobs: Vec<Job> = store.all(JOBS)?.into_iter().map(|(_, job)| job).collect();
            jobs.sort_by_key(|job| job.no);
            for job in jobs.drain(..jobs.len().saturating_sub(MAX_STANDING)) {
                batch.remove(JOBS, standing_key(&job.owner, &job.key));
            }
            for job in jobs {
                directory.next_standing = directory.next_standing.max(job.no + 1);
                directory.jobs.insert((job.owner.clone(), job.key.clone()), job);
            }
            let mut groups: Vec<Group> = store.all(GROUPS)?.into_iter().map(|(_, group)| group).collect();
            groups.sort_by_key(|group| group.no);
            for group in groups.drain(..groups.len().saturating_sub(MAX_STANDING)) {
                batch.remove(GROUPS, standing_key(&group.gateway, &group.id));
            }
            for group in groups {
                directory.next_standing = directory.next_standing.max(group.no + 1);
                directory.groups.insert((group.gateway.clone(), group.id.clone()), group);
            }
            let mut requests: Vec<Request> =
                store.all(REQUESTS)?.into_iter().map(|(_, request)| request).collect();
            requests.sort_by_key(|request| request.no);
            requests.into_iter().for_each(|request| directory.requests.note(request));
        }
        let mut held = BTreeSet::new();
        for (key, saved) in store.all::<SavedSitting>(SESSIONS)? {
            let no = {
                let mut directory = self.directory();
                let no = directory.next_sitting;
                directory.next_sitting += 1;
                no
            };
            let (peer, session_id) = (saved.peer.clone(), saved.session_id.clone());
            match self.restore(no, saved) {
                Ok(sitting) => {
                    held.extend(sitting.work.values().copied());
                    let mut changes = Changes::default();
                    changes.keep(&sitting, None);
                    let seat = self.directory().seat(&peer);
                    seat.lock().await.insert(sitting);
                    changes.apply(self, &mut self.directory(), self.limits.ended_work);
                }
                Err(error) => {
                    // What it had sent is answered for below, as of a session that broke off.
                    tracing::warn!(peer, session_id, %error, "a session cannot go on");
                    batch.remove(SESSIONS, key);
                }
            }
        }
        let mut awaited = BTreeSet::new();
        let mut changes = Changes::default();
        {
            let mut directory = self.directory();
            let mut all: Vec<Work> = store.all::<Work>(WORK)?.into_iter().map(|(_, work)| work).collect();
            all.sort_by_key(|work| (work.ended, work.number));
            for work in all {
                directory.next_work = directory.next_work.max(work.number + 1);
                self.metrics.note_work(None, work.state);
                let in_session = held.contains(&work.number);
                if work.state == WorkState::Queued && !in_session {
                    awaited.insert(work.device.clone());
                }
                if work.state == WorkState::Sent && !in_session {
                    let mut broken_off = work.clone();
                    broken_off.given_up(now, GivenUp::Unanswered);
                    if broken_off.state == WorkState::Queued {
                        awaited.insert(work.device.clone());
                    }
                    changes.work.insert(work.number, (broken_off, false));
                }
                directory.file(work, in_session);
            }
        }
        self.follow_up(&mut changes);
        let followed = changes.batch(&self.directory(), self.limits.ended_work)?;
        self.write(followed).await?;
        changes.apply(self, &mut self.directory(), self.limits.ended_work);
        for device in awaited {
            self.waking.want(self.clock.now(), &device);
        }
        if !batch.is_empty() {
            self.write(batch).await?;
        }
        Ok(())
    }

    /// Remembers who has shown wrong credentials, so that a restart is no way out of a lock.
    pub(super) async fn save_lockout(&self) {
        let snapshot = {
            let directory = self.directory();
            (!directory.lockout.is_empty()).then(|| directory.lockout.snapshot(self.clock.now()))
        };
        let Some(snapshot) = snapshot else { return };
        let mut batch = Batch::new();
        if batch.put(META, LOCKOUT, &snapshot).is_ok()
            && let Err(error) = self.write(batch).await
        {
            tracing::warn!(%error, "who is locked out is not written down");
        }
    }

    /// A session as the store has it.
    pub(super) fn restore(&self, no: u64, saved: SavedSitting) -> Result<Sitting, String> {
        let now = self.clock.now();
        let known = self.directory().devices.get(&saved.peer).cloned();
        let known = known.ok_or("the device is not known any more")?;
        let account = known.device.account(&self.vault, &known.learnt).map_err(|error| error.to_string())?;
        let config = self.session.clone().with_profile(known.device.class.profile());
        let session = ServerSession::restore(now, config, Some(account), saved.snapshot)
            .map_err(|error| error.to_string())?;
        Ok(Sitting {
            no,
            peer: saved.peer,
            session_id: saved.session_id,
            session,
            proven: saved.proven,
            work: saved.work.into_iter().collect(),
            began: saved.began,
            messages: saved.messages,
            // The tick of the first second finds what is due.
            deadline: Some(now),
            closed: false,
            has_partial_objects: true,
            origin: None,
        })
    }
}
