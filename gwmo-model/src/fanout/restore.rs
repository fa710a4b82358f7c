//! A fanout from what was stored of it.

use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::Instant;
use thiserror::Error;

use super::code::{ResultCode, is_code_or_none};
use super::contention::Places;
use super::job::{JobNo, JobState};
use super::ledger::Ledger;
use super::limits::FanoutLimits;
use super::lives::Clock;
use super::machine::{Fanout, Held, Timer};
use super::policy::UnsafePolicy;
use super::record::{Draft, FanoutRecord};
use super::snapshot::{FanoutSnapshot, JobSnapshot, TargetSnapshot, VERSION};
use super::target::{AGAIN, AWAY, FACTS, LISTED, LIVE, NONE, OLD, READY, STARTED, Target, TargetState};
use super::transition::{Event, Stage};
use crate::stored_count::can_go_on;

/// Why something that was stored is no fanout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind}")]
pub struct FanoutRestoreError {
    kind: FanoutRestoreErrorKind,
}

/// The reasons of a [`FanoutRestoreError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum FanoutRestoreErrorKind {
    /// The snapshot has a version this crate does not know.
    #[error("snapshot of unknown version {found}")]
    UnknownVersion {
        /// Which.
        found: u16,
    },
    /// A job contradicts itself.
    #[error("{job} contradicts itself: {what}")]
    BadJob {
        /// The job.
        job: JobNo,
        /// In what.
        what: &'static str,
    },
    /// A record does not follow from what is before it.
    #[error("record {index} does not follow from what is before it")]
    BadRecord {
        /// Which, from 0.
        index: usize,
    },
}

impl FanoutRestoreError {
    pub(super) const fn new(kind: FanoutRestoreErrorKind) -> Self {
        Self { kind }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> FanoutRestoreErrorKind {
        self.kind
    }
}

impl Fanout {
    /// The fanout that a snapshot and the records made after it stand for.
    ///
    /// What was in flight is no longer. A target that was notified and delivered nothing is begun with again, as the
    /// same attempt. One that was delivered something is begun with once more, which costs it no retry; unless
    /// something is in doubt that must not run twice: then it ends indeterminate (1502), or the policy says otherwise.
    /// Time that was left is left still. Ends of jobs that nobody took note of are told again.
    ///
    /// Name the gateway and the seed again ([`with_gateway`](Self::with_gateway), [`with_seed`](Self::with_seed)), and
    /// tell the presence of devices that may have changed.
    ///
    /// # Errors
    ///
    /// When the snapshot is of an unknown version, or it or a record contradicts itself or the others. Limits that
    /// became smaller since are no contradiction.
    pub fn restore(
        now: Instant,
        limits: FanoutLimits,
        snapshot: FanoutSnapshot,
        records: impl IntoIterator<Item = FanoutRecord>,
    ) -> Result<Self, FanoutRestoreError> {
        if snapshot.version != VERSION {
            let found = snapshot.version;
            return Err(FanoutRestoreError::new(FanoutRestoreErrorKind::UnknownVersion { found }));
        }
        let mut fanout = Self::new(limits);
        fanout.now = now;
        fanout.late = snapshot.late;
        for (serial, rest) in snapshot.asleep {
            fanout.fall_asleep(serial, rest);
        }
        for job in snapshot.jobs {
            let number = job.number;
            let bad = |what| FanoutRestoreError::new(FanoutRestoreErrorKind::BadJob { job: number, what });
            if !can_go_on(job.late) || !can_go_on(job.rev) || !can_go_on(snapshot.late) {
                return Err(bad("a count"));
            }
            if number.get() >= snapshot.next || number.get() == 0 {
                return Err(bad("its number was not given yet"));
            }
            fanout.restore_job(job).map_err(bad)?;
        }
        fanout.next = snapshot.next.max(1);
        for (index, record) in records.into_iter().enumerate() {
            let bad = FanoutRestoreError::new(FanoutRestoreErrorKind::BadRecord { index });
            fanout.replay(record.0).ok_or(bad)?;
        }
        fanout.begin_again();
        Ok(fanout)
    }

    fn restore_job(&mut self, job: JobSnapshot) -> Result<(), &'static str> {
        let draft = Draft {
            owner: job.owner,
            key: job.key,
            ops: job.ops,
            policy: job.policy,
            trace: job.trace,
            live: job.live,
            targets: Vec::new(),
            detached: Vec::new(),
        };
        if !self.fits(job.number, &draft) {
            return Err("its name, its operations or its number");
        }
        let ascending = job.targets.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !ascending || u32::try_from(job.targets.len()).is_err() {
            return Err("the order of its targets");
        }
        let at = self.insert(job.number, draft);
        let mut outcomes = Vec::with_capacity(job.outcomes.len());
        for slots in job.outcomes {
            // Each is found again by the first target that has it.
            let ledger = Ledger::restored(slots, &self.jobs[at].ops).ok_or("an outcome")?;
            outcomes.push((Some(ledger), NONE));
        }
        let mut lives: Vec<_> = job.lives.into_iter().map(Some).collect();
        let base = Instant::new(self.now.since_epoch().saturating_sub(job.age));
        for (index, entry) in (0..).zip(job.targets) {
            let TargetSnapshot(serial, state, code, tries, flags, status, uniform, since, link) = entry;
            let mut target = Target::new(serial, since);
            (target.state, target.code, target.tries) = (state, code, tries);
            (target.status, target.uniform) = (status, uniform);
            target.set(flags & FACTS, true);
            let live = flags & LIVE != 0;
            let under_way = state.is_in_flight() || state == TargetState::AwaitAsync;
            let fits = if live { !state.is_terminal() } else { !under_way };
            let may =
                job.state.is_under_way() || state.is_terminal() || state == TargetState::Queued && !live;
            // What was done with in an earlier round is not begun with in this one.
            let may = may && (state.is_terminal() || !target.is(OLD));
            if !fits || !may || job.state.is_over() && !state.is_terminal() || !is_code_or_none(code) {
                return Err("the state of a target");
            }
            self.jobs[at].targets.push(target);
            let Some(link) = link else {
                if live {
                    return Err("a target under way of which nothing is known");
                }
                continue;
            };
            if live {
                let kept = lives.get_mut(link as usize).and_then(Option::take).ok_or("a link")?;
                let ledger = Ledger::restored(kept.slots, &self.jobs[at].ops).ok_or("a ledger")?;
                let used = u64::from(ledger.used());
                if let Some(link) = kept.former {
                    let former = self.restore_outcome(at, &mut outcomes, link)?;
                    self.jobs[at].formers.insert(serial, former);
                }
                let room = self.ensure_live(at, index);
                let live = self.lives.get_mut(room);
                (live.ledger, live.pardoned) = (ledger, kept.pardoned.min(tries));
                live.set_until(self.now + kept.rest);
                self.jobs[at].stored += used;
                self.stored += used;
            } else {
                self.jobs[at].targets[index as usize].link = self.restore_outcome(at, &mut outcomes, link)?;
            }
        }
        let known = |serial| self.jobs[at].index_of(serial).is_some();
        if !job.children.iter().all(|(serial, _)| known(*serial)) {
            return Err("a report of a gateway that is no target");
        }
        if job.result.is_some() != job.state.is_over() && job.state != JobState::Cancelling {
            return Err("its result");
        }
        if job.ending.is_some() != (job.state == JobState::Cancelling) && !job.state.is_over() {
            return Err("its end");
        }
        let kept = &mut self.jobs[at];
        (kept.options, kept.state, kept.ending) = (job.options, job.state, job.ending);
        (kept.expired, kept.result, kept.round) = (job.expired, job.result, job.round.max(1));
        (kept.stage, kept.fixed, kept.limit_hit) = (job.stage, job.fixed, job.limit_hit);
        (kept.late, kept.rev, kept.reported) = (job.late, job.rev, job.reported);
        kept.children = job.children.into_iter().collect();
        kept.base = base;
        kept.next_start = self.now + job.gap;
        self.set_due(at, job.rest);
        Ok(())
    }

    /// The outcome a link leads to, among those of the job.
    fn restore_outcome(
        &mut self,
        at: usize,
        outcomes: &mut [(Option<Ledger>, u32)],
        link: u32,
    ) -> Result<u32, &'static str> {
        let (ledger, place) = outcomes.get_mut(link as usize).ok_or("a link")?;
        let job = &mut self.jobs[at];
        if let Some(mut ledger) = ledger.take() {
            let used = u64::from(ledger.used());
            let (outcome, is_new) = job.outcomes.insert(ledger.take_slots());
            if !is_new {
                return Err("an outcome that is kept twice");
            }
            job.stored += used;
            self.stored += used;
            *place = outcome;
        } else {
            job.outcomes.share(*place);
        }
        Ok(*place)
    }

    /// Whether a draft may be put after the jobs there are.
    pub(super) fn fits(&self, number: JobNo, draft: &Draft) -> bool {
        let last = self.numbers.last().is_none_or(|last| *last < number);
        let ops = (1..=usize::from(u16::MAX)).contains(&draft.ops.len());
        let ascending = |serials: &[crate::device::Serial]| serials.windows(2).all(|pair| pair[0] < pair[1]);
        let targets = u32::try_from(draft.targets.len()).is_ok();
        last && ops
            && targets
            && ascending(&draft.targets)
            && ascending(&draft.detached)
            && self.find(&draft.owner, &draft.key).is_none()
    }

    /// Draws what follows from the restart, and makes every index that is not stored.
    fn begin_again(&mut self) {
        // The targets of a job from a snapshot are put to it one by one.
        self.places = Places::default();
        for at in 0..self.jobs.len() {
            self.count_again(at);
            for index in 0..self.jobs[at].targets.len() as u32 {
                self.pick_up(at, index);
            }
            self.line_up(at);
            let job = &self.jobs[at];
            match job.state {
                // The order was stored, and not all that follows from it.
                JobState::Scheduled if !job.options.gated && job.due.is_none() => self.run(at),
                state if state.is_over() && job.result.is_none() => self.run(at),
                JobState::Cancelling => {
                    let code = job.ending.unwrap_or(ResultCode::CANCELLED);
                    for index in 0..self.jobs[at].targets.len() as u32 {
                        self.apply(at, index, Event::Ending(code));
                    }
                }
                _ => {}
            }
            let job = &self.jobs[at];
            if job.state.is_over() && !job.reported {
                self.journal.hold(Held::JobEnded(job.number, job.round));
            }
            self.unsettle(at);
            self.stir(at);
        }
        self.idle = false;
        self.handle_tick(self.now);
    }

    /// Counts everything about a job anew.
    pub(super) fn count_again(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        job.counts = [0; TargetState::COUNT];
        (job.begun, job.begun_open, job.round_ended, job.round_failed, job.in_flight) = (0, 0, 0, 0, 0);
        job.cut = false;
        for target in &job.targets {
            let terminal = target.state.is_terminal();
            job.counts[target.state.index()] += 1;
            if !target.is(OLD) {
                job.begun += u32::from(target.is(STARTED));
                job.begun_open += u32::from(target.is(STARTED) && !terminal);
                job.round_ended += u32::from(terminal);
                job.round_failed += u32::from(target.state.is_failure());
            }
            let slots = match (target.live(), target.outcome()) {
                (Some(room), _) => self.lives.get(room).ledger.slots(),
                (None, Some(outcome)) => job.outcomes.get(outcome).unwrap_or_default(),
                (None, None) => &[],
            };
            job.cut |= slots.iter().any(super::ledger::Slot::is_cut);
        }
        job.open = job.counts.iter().sum::<u32>() - job.counts[TargetState::Ok.index()..].iter().sum::<u32>();
        self.set_policy(at, self.jobs[at].policy);
    }

    /// What the restart means for one target.
    fn pick_up(&mut self, at: usize, index: u32) {
        let job = &mut self.jobs[at];
        let ending = job.ending;
        let target = &mut job.targets[index as usize];
        let was = target.state;
        let Some(room) = target.live() else { return };
        let live = self.lives.get_mut(room);
        (live.clock, live.held) = (Clock::Stopped, false);
        let until = live.until();
        match was {
            TargetState::AwaitAsync => {
                // Not longer than it would take from the beginning, so that they stay in order.
                let until = until.min(self.now + job.policy.t_async);
                self.lives.get_mut(room).set_until(until);
                self.apply(at, index, Event::Answered);
            }
            TargetState::Backoff => self.run_clock(at, room, Clock::Odd, until),
            TargetState::Notifying | TargetState::InSession => {
                let outstanding = live.ledger.work(&job.ops).outstanding > 0;
                live.ledger.lose();
                let work = live.ledger.work(&job.ops);
                if live.ledger.due(&job.ops).is_none() {
                    // Everything was answered, and the verdict was not stored.
                    job.counts[was.index()] -= 1;
                    job.counts[TargetState::InSession.index()] += 1;
                    target.state = TargetState::InSession;
                    job.in_flight += 1;
                    self.in_flight += 1;
                    self.devices.take(target.serial, room);
                    self.apply(at, index, Event::Answered);
                    return;
                }
                if outstanding || was == TargetState::InSession && work.left < job.ops.len() as u16 {
                    live.pardoned = live.pardoned.saturating_add(1);
                } else {
                    target.tries = target.tries.saturating_sub(1);
                }
                let unsure = work.doubt > 0 && matches!(job.policy.on_unsafe, UnsafePolicy::Indeterminate);
                let to = if outstanding && unsure {
                    Stage::Ended(TargetState::Indeterminate, ResultCode::STATE_LOST)
                } else if let Some(code) = ending {
                    if work.pending > 0 {
                        Stage::AwaitAsync
                    } else if work.loose > 0 {
                        Stage::Ended(TargetState::TimedOut, ResultCode::STATE_LOST)
                    } else {
                        Stage::Ended(TargetState::Cancelled, code)
                    }
                } else {
                    Stage::Queued
                };
                // It holds no slot any more, so it is as if it had waited.
                job.counts[was.index()] -= 1;
                job.counts[TargetState::Queued.index()] += 1;
                target.state = TargetState::Queued;
                if to != Stage::Queued {
                    self.move_target(at, index, to, Event::Detached, Duration::ZERO);
                }
            }
            _ => {}
        }
    }

    /// Puts every target where the dispatcher and the clocks find it.
    fn line_up(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        if !job.state.is_under_way() {
            return;
        }
        let mut awaited: Vec<(Instant, u32)> = Vec::new();
        job.cursor = 0;
        job.fresh.clear();
        job.again.clear();
        for (index, target) in (0..).zip(&mut job.targets) {
            target.set(LISTED | AGAIN | READY, false);
            match target.state {
                TargetState::Queued if target.is(STARTED) => {
                    target.set(AGAIN, true);
                    job.again.push_back(index);
                }
                TargetState::Queued | TargetState::WaitAttach => target.set(LISTED, true),
                TargetState::AwaitAsync => {
                    if let Some(room) = target.live() {
                        awaited.push((self.lives.get(room).until(), room));
                    }
                }
                _ => {}
            }
        }
        awaited.sort_unstable_by_key(|&(until, room)| (until, self.lives.get(room).index));
        for (until, room) in awaited {
            self.stop_clock(at, room);
            self.run_clock(at, room, Clock::Async, until);
        }
        // Who waits for a device that is detached or asleep now is found by its attaching or waking; who was queued
        // is looked at once more.
        for index in 0..self.jobs[at].targets.len() as u32 {
            let target = &self.jobs[at].targets[index as usize];
            match target.state {
                TargetState::Queued => self.apply(at, index, Event::Released),
                TargetState::WaitAttach if !target.is(AWAY) && !self.asleep.contains_key(&target.serial) => {
                    self.apply(at, index, Event::Attached { pause: false });
                }
                _ => {}
            }
        }
        debug_assert!(self.odd.iter().all(|(_, timer)| match timer {
            Timer::Target(number, _) | Timer::Job(number) => self.position(*number).is_some(),
            Timer::Wake(_) => true,
        }));
    }
}
