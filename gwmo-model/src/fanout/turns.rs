//! Whose turn it is: servers one after the other, and the jobs of each.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use dm_tree::ServerId;

use super::job::JobNo;

/// Some in order, most of whom leave in front and come back behind: a list is quicker than a tree for that.
#[derive(Debug)]
pub(super) struct Line<T>(VecDeque<T>);

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Ord + Copy> Line<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn pop_first(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    pub(super) fn first(&self) -> Option<T> {
        self.0.front().copied()
    }

    /// Puts one in its place, if it is not there.
    pub(super) fn insert(&mut self, one: T) {
        if self.0.back().is_none_or(|last| *last < one) {
            self.0.push_back(one);
        } else if self.0.front().is_some_and(|first| one < *first) {
            self.0.push_front(one);
        } else if let Err(place) = self.0.binary_search(&one) {
            self.0.insert(place, one);
        }
    }

    pub(super) fn remove(&mut self, one: &T) {
        if self.0.front() == Some(one) {
            self.0.pop_front();
        } else if let Ok(place) = self.0.binary_search(one) {
            self.0.remove(place);
        }
    }
}

/// The turn a job had last, and the job.
type Place = (u64, JobNo);

/// Who has had which turn, and who waits for the next.
#[derive(Debug, Default)]
pub(super) struct Turns {
    last: u64,
    owners: Vec<Owner>,
    /// Owners with jobs that wait, each with the first of these: its turns count first, and of those that had none
    /// the one with the oldest job is the first.
    line: Line<(u64, Place, u32)>,
}

#[derive(Debug)]
struct Owner {
    id: ServerId,
    /// All of its jobs.
    jobs: u32,
    served: u64,
    /// Those that wait.
    line: Line<Place>,
}

impl Turns {
    /// The number of an owner, who has one job more.
    pub(super) fn enter(&mut self, owner: &ServerId) -> u32 {
        let known = self.owners.iter().position(|known| known.id == *owner);
        let vacant = || self.owners.iter().position(|known| known.jobs == 0);
        let at = match known.or_else(vacant) {
            Some(at) => at,
            None => {
                self.owners.push(Owner { id: owner.clone(), jobs: 0, served: 0, line: Line::default() });
                self.owners.len() - 1
            }
        };
        let entry = &mut self.owners[at];
        if known.is_none() {
            (entry.id, entry.served) = (owner.clone(), 0);
        }
        entry.jobs += 1;
        at as u32 // at most one for each job
    }

    /// An owner has one job less; it must not be waiting.
    pub(super) fn leave(&mut self, owner: u32) {
        self.owners[owner as usize].jobs -= 1;
    }

    /// A job waits for its turn.
    pub(super) fn wait(&mut self, owner: u32, served: u64, job: JobNo) {
        self.edit(owner, |entry| entry.line.insert((served, job)));
    }

    /// A job does not wait any more.
    pub(super) fn give_up(&mut self, owner: u32, served: u64, job: JobNo) {
        self.edit(owner, |entry| entry.line.remove(&(served, job)));
    }

    fn edit(&mut self, no: u32, edit: impl FnOnce(&mut Owner)) {
        let entry = &mut self.owners[no as usize];
        let was = entry.line.first().map(|first| (entry.served, first, no));
        edit(entry);
        let is = entry.line.first().map(|first| (entry.served, first, no));
        if was != is {
            if let Some(was) = was {
                self.line.remove(&was);
            }
            if let Some(is) = is {
                self.line.insert(is);
            }
        }
    }

    /// The job whose turn is next.
    pub(super) fn next(&self) -> Option<JobNo> {
        self.line.first().map(|(_, (_, job), _)| job)
    }

    /// A job has a turn, and waits for the next if it `waits`: which turn that is.
    pub(super) fn take(&mut self, owner: u32, served: u64, job: JobNo, waits: bool) -> u64 {
        self.last += 1;
        let turn = self.last;
        self.edit(owner, |entry| {
            if waits {
                entry.line.remove(&(served, job));
                entry.line.insert((turn, job));
            }
            entry.served = turn;
        });
        turn
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_is_an_ordered_set(steps in prop::collection::vec((any::<bool>(), 0..40u32), 0..200)) {
            let (mut line, mut set) = (Line::default(), BTreeSet::new());
            for (comes, one) in steps {
                if comes {
                    line.insert(one);
                    set.insert(one);
                } else {
                    line.remove(&one);
                    set.remove(&one);
                }
                prop_assert!(line.0.iter().eq(&set));
                prop_assert_eq!(line.first(), set.first().copied());
            }
        }

        /// Whoever waits is found by the plain rule: the owner with the oldest turn, of its jobs the one with the oldest
        /// turn, and the oldest job of those that had none.
        #[test]
        fn the_oldest_turn_is_the_next(
            jobs in prop::collection::vec(0..3usize, 1..8),
            steps in prop::collection::vec((0..4u8, 0..8usize), 0..60),
        ) {
            let names = ["a", "b", "c"].map(|name| ServerId::new(name).unwrap());
            let mut turns = Turns::default();
            let owner_of: Vec<u32> = jobs.iter().map(|owner| turns.enter(&names[*owner])).collect();
            let (mut served, mut waits) = (vec![0; jobs.len()], vec![false; jobs.len()]);
            let mut of_owner = [0; 3];
            for (kind, job) in steps {
                let job = job % jobs.len();
                let number = JobNo::new(job as u32 + 1);
                match kind {
                    0 => {
                        turns.give_up(owner_of[job], served[job], number);
                        waits[job] = false;
                    }
                    1 | 2 => {
                        turns.wait(owner_of[job], served[job], number);
                        waits[job] = true;
                    }
                    _ => {
                        served[job] = turns.take(owner_of[job], served[job], number, waits[job]);
                        of_owner[jobs[job]] = served[job];
                    }
                }
                let all = (0..jobs.len()).filter(|job| waits[*job]);
                let next = all.min_by_key(|job| (of_owner[jobs[*job]], served[*job], *job));
                prop_assert_eq!(turns.next(), next.map(|job| JobNo::new(job as u32 + 1)));
            }
        }
    }
}
