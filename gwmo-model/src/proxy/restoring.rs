//! Snapshots, and the way back.

use dm_syncml::Instant;

use super::record::{CommandState, Entry, ProxyRecord, ProxyRestoreError, ProxySnapshot, Stored};
use super::{Proxy, ProxyConfig, ProxyRequest, Relation, RelationNo};
use crate::stored_count::can_go_on;

impl Proxy {
    /// All that has to be kept. Sessions do not outlive the process.
    ///
    /// Drain the outputs first: it stands for every record that was handed out before it, which are not replayed onto it.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> ProxySnapshot {
        let stored = self.relations.iter().map(|(&relation, known)| Stored {
            relation,
            request: known.request.clone(),
            commands: known.commands.clone(),
            attempt: known.attempt,
            left: known.deadline.map(|at| at.saturating_since(now)),
        });
        ProxySnapshot { version: ProxySnapshot::VERSION, next: self.next, relations: stored.collect() }
    }

    /// The proxy that a snapshot was taken of, as it became by the records stored since. No device is in session:
    /// what was delivered and not answered is delivered again if it may be repeated, and devices are notified again.
    /// Relations that are done are said to be done again.
    ///
    /// # Errors
    ///
    /// [`ProxyRestoreError`] for a version that is not known, and for anything that cannot be.
    pub fn restore(
        now: Instant,
        config: ProxyConfig,
        snapshot: ProxySnapshot,
        records: impl IntoIterator<Item = ProxyRecord>,
    ) -> Result<Self, ProxyRestoreError> {
        if snapshot.version != ProxySnapshot::VERSION {
            return Err(ProxyRestoreError::Version(snapshot.version));
        }
        if !can_go_on(snapshot.next) {
            return Err(ProxyRestoreError::TooMuch);
        }
        let mut proxy = Self::new(config);
        for stored in snapshot.relations {
            let Stored { relation, request, commands, attempt, left } = stored;
            proxy.check(relation, &request)?;
            let is_done = commands.iter().all(CommandState::is_final);
            if relation.0 >= snapshot.next
                || commands.len() != request.repeatable.len()
                || is_done && left.is_none()
            {
                return Err(ProxyRestoreError::Relation(relation));
            }
            let most = if is_done { config.keep } else { config.t_notify };
            let deadline = left.map(|left| now + left.min(most));
            proxy.insert(relation, Relation { request, commands, attempt, deadline });
        }
        proxy.next = snapshot.next.max(1);
        for ProxyRecord(entry) in records {
            if let Entry::Related { relation, request } = &entry {
                proxy.check(*relation, request)?;
            }
            proxy.apply(now, entry);
        }
        if proxy.relations.len() > config.max_relations {
            return Err(ProxyRestoreError::TooMuch);
        }
        proxy.resume(now);
        Ok(proxy)
    }

    fn check(&self, relation: RelationNo, request: &ProxyRequest) -> Result<(), ProxyRestoreError> {
        let is_known = self.relations.contains_key(&relation)
            || self.by_request.contains_key(&(request.server.clone(), request.upstream));
        let all = request.repeatable.len();
        let is_sound = (1..=usize::from(self.config.max_commands)).contains(&all) && relation.0 > 0;
        if is_known || !is_sound { Err(ProxyRestoreError::Relation(relation)) } else { Ok(()) }
    }

    fn resume(&mut self, now: Instant) {
        let all: alloc::vec::Vec<_> = self.relations.keys().copied().collect();
        for relation in all {
            let Some(known) = self.relations.get(&relation) else { continue };
            if known.commands.contains(&CommandState::Delivered) {
                self.step(now, Entry::Interrupted { relation });
                self.notify(now, relation);
            } else if known.is_done() {
                self.say_done(relation);
            } else if known.deadline.is_none() || known.attempt == 0 {
                self.notify(now, relation);
            }
        }
    }
}
