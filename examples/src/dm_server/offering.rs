//! What waits for a device goes into its session.

use std::collections::BTreeSet;

use dm_syncml::session::{CommandHandle, Misuse};

use super::changes::Changes;
use super::engine::{Engine, unix_now};
use super::following::Turn;
use super::sitting::Sitting;
use super::work::{Work, WorkState};

impl Engine {
    /// Queues everything that waits for the device in its session.
    pub(super) fn offer(&self, at: &mut Sitting, changes: &mut Changes) {
        if !at.session.is_authenticated() || at.session.is_over() {
            return;
        }
        let mut waiting: BTreeSet<u64> = self.directory().open.get(&at.peer).cloned().unwrap_or_default();
        // What this message itself has brought to light: follow-ups, and what a former session has not sent.
        waiting.extend(changes.work.keys());
        for taken in at.work.values() {
            waiting.remove(taken);
        }
        for number in waiting {
            let Some(mut work) = self.work_of(number, changes) else { continue };
            if work.state != WorkState::Queued {
                continue;
            }
            match self.turn(&work, changes) {
                Turn::Now => {}
                Turn::Later => continue,
                Turn::Never(before) => {
                    work.fail(unix_now(), format!("command {before} before it was not done"));
                    changes.work.insert(number, (work, false));
                    continue;
                }
            }
            match work.unpack().map(|command| at.session.queue(command)) {
                Some(Ok(handle)) => {
                    at.work.insert(handle, number);
                    changes.work.insert(number, (work, true));
                }
                Some(Err(Misuse::Ended)) => return,
                Some(Err(error)) => {
                    work.fail(unix_now(), error.to_string());
                    changes.work.insert(number, (work, false));
                }
                None => {
                    work.fail(unix_now(), "the command cannot be read any more");
                    changes.work.insert(number, (work, false));
                }
            }
        }
    }

    /// Work by its number, as the message being answered leaves it.
    pub(super) fn work_of(&self, number: u64, changes: &Changes) -> Option<Work> {
        let changed = changes.work.get(&number).map(|(work, _)| work.clone());
        changed.or_else(|| self.directory().work.get(&number).cloned())
    }

    /// The work that a session has under this handle.
    pub(super) fn work_at<'c>(
        &self,
        at: &Sitting,
        handle: CommandHandle,
        changes: &'c mut Changes,
    ) -> Option<&'c mut Work> {
        let number = *at.work.get(&handle)?;
        let work = self.work_of(number, changes)?;
        changes.work.insert(number, (work, true));
        changes.work.get_mut(&number).map(|(work, _)| work)
    }

    /// The session has nothing more to say about a command.
    pub(super) fn settle(&self, at: &mut Sitting, handle: CommandHandle, changes: &mut Changes) {
        if let Some((_, in_session)) = at.work.remove(&handle).and_then(|no| changes.work.get_mut(&no)) {
            *in_session = false;
        }
    }
}
