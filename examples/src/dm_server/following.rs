//! What follows from the end of a command: those that were to come after it go out or fail with it, and what it decides about is known.

use std::collections::BTreeSet;

use super::changes::Changes;
use super::engine::{Engine, unix_now};
use super::gateway;
use super::work::{Work, WorkState};

/// Whether a command may go out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// Now.
    Now,
    /// When others are done.
    Later,
    /// Never: this one was not done.
    Never(u64),
}

impl Engine {
    /// Whether it is the turn of a command, as the message being answered leaves things.
    pub(super) fn turn(&self, work: &Work, changes: &Changes) -> Turn {
        let mut turn = Turn::Now;
        for number in &work.after {
            // One that is not remembered was done: otherwise this one would have failed with it.
            let Some(before) = self.work_of(*number, changes) else { continue };
            match before.state {
                WorkState::Done | WorkState::Accepted => {}
                WorkState::Queued | WorkState::Sent => turn = Turn::Later,
                _ => return Turn::Never(*number),
            }
        }
        turn
    }

    /// Follows up everything that has ended in these changes.
    pub(super) fn follow_up(&self, changes: &mut Changes) {
        let mut ended: Vec<u64> = changes.ended().collect();
        while let Some(number) = ended.pop() {
            let Some(work) = self.work_of(number, changes) else { continue };
            gateway::settled(self, changes, &work);
            if matches!(work.state, WorkState::Done | WorkState::Accepted) {
                continue;
            }
            let mut waiting: BTreeSet<u64> =
                self.directory().open.get(&work.device).cloned().unwrap_or_default();
            waiting.extend(changes.work.keys());
            for other in waiting {
                let Some(mut other) = self.work_of(other, changes) else { continue };
                if other.state == WorkState::Queued && other.after.contains(&number) {
                    other.fail(unix_now(), format!("command {number} before it was not done"));
                    ended.push(other.number);
                    changes.work.insert(other.number, (other, false));
                }
            }
        }
    }
}
