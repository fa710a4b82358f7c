//! Orders about jobs, and what follows for a job as a whole.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use dm_tree::ServerId;

use super::audit::Audit;
use super::code::ResultCode;
use super::entry::Job;
use super::job::{JobNo, JobSpec, JobState, OrderReply, StartOptions, Trace};
use super::limits::FanoutLimits;
use super::lives::Lane;
use super::machine::{Fanout, Held, Timer};
use super::outcome::Outcomes;
use super::policy::{OnLimit, Policy};
use super::record::{Draft, Round, Step};
use super::retry::Which;
use super::target::{AGAIN, AWAY, CANCELLED, LATE, LISTED, MET, OLD, READY, STARTED, Target, TargetState};
use super::transition::Event;
use crate::device::Serial;
use crate::error::{JobError, JobErrorKind};

impl Fanout {
    pub(super) fn add(&mut self, spec: JobSpec) -> Result<JobNo, JobError> {
        let JobSpec { owner, key, targets, detached, ops, policy, trace, live } = spec;
        if let Some(job) = self.find(&owner, &key) {
            return Err(JobErrorKind::JobExists { job }.into());
        }
        if ops.is_empty() {
            return Err(JobErrorKind::NoOperations.into());
        }
        if self.gateway.as_ref().is_some_and(|gateway| trace.contains(gateway)) {
            return Err(JobErrorKind::Loop.into());
        }
        if trace.gateways().len() >= Trace::MAX_DEPTH {
            return Err(JobErrorKind::TooDeep.into());
        }
        let FanoutLimits { max_ops, max_targets, max_jobs, .. } = self.limits;
        if ops.len() > usize::from(max_ops) {
            return Err(JobErrorKind::TooManyOperations { max: max_ops }.into());
        }
        if targets.len() > max_targets as usize {
            return Err(JobErrorKind::TooManyTargets { max: max_targets }.into());
        }
        if self.jobs.len() >= max_jobs as usize && !self.make_room() {
            return Err(JobErrorKind::TooManyJobs.into());
        }
        let number = JobNo::new(self.next);
        self.next = self.next.checked_add(1).ok_or(JobErrorKind::TooManyJobs)?;
        let draft = Draft { owner, key, ops, policy, trace, live, targets, detached };
        self.record(Step::Added(number, Box::new(draft.clone())));
        let at = self.insert(number, draft);
        self.touch(at);
        Ok(number)
    }

    /// Puts a draft among the jobs; its number is higher than all others.
    pub(super) fn insert(&mut self, number: JobNo, draft: Draft) -> usize {
        let Draft { owner, key, ops, policy, trace, live, targets, detached } = draft;
        let mut away = detached.iter().copied().peekable();
        let target = |serial: Serial| {
            let mut target = Target::new(serial, 0);
            while away.next_if(|next| *next < serial).is_some() {}
            target.set(AWAY, away.peek() == Some(&serial));
            target
        };
        let targets: Vec<Target> = targets.into_iter().map(target).collect();
        let open = targets.len() as u32; // at most `max_targets`
        let mut counts = [0; TargetState::COUNT];
        counts[TargetState::Queued.index()] = open;
        let owner_no = self.turns.enter(&owner);
        self.places.add(number, targets.iter().map(|target| target.serial));
        self.by_key.insert((owner.clone(), key.clone()), number);
        self.numbers.push(number);
        self.jobs.push(Job {
            number,
            owner,
            key,
            ops: ops.into(),
            policy,
            trace,
            live,
            options: StartOptions::default(),
            state: JobState::Draft,
            ending: None,
            expired: false,
            base: self.now,
            due: None,
            result: None,
            round: 1,
            targets,
            counts,
            open,
            in_flight: 0,
            cursor: 0,
            fresh: VecDeque::new(),
            again: VecDeque::new(),
            ready: VecDeque::new(),
            flip: true,
            next_start: self.now,
            rate_waits: false,
            stage: 0,
            quota: open,
            fixed: open,
            begun: 0,
            begun_open: 0,
            round_ended: 0,
            round_failed: 0,
            limit_hit: false,
            unsettled: false,
            lanes: [Lane::default(); 3],
            outcomes: Outcomes::default(),
            formers: BTreeMap::new(),
            children: BTreeMap::new(),
            cut: false,
            stored: 0,
            late: 0,
            rev: 0,
            served: 0,
            owner_no,
            waits: false,
            alarm: None,
            changed: false,
            reported: false,
        });
        if self.jobs.len() == 2 {
            // From now on there are turns.
            self.stir(0);
        }
        self.find_places();
        self.jobs.len() - 1
    }

    /// Removes the job that has been over for longest, if somebody took note of its end.
    fn make_room(&mut self) -> bool {
        let idle = |job: &&Job| job.state.is_over() && job.reported;
        let Some(number) = self.jobs.iter().find(idle).map(|job| job.number) else { return false };
        self.forget(number);
        true
    }

    /// Removes a job without being asked to.
    fn forget(&mut self, number: JobNo) {
        if let Some(at) = self.position(number) {
            self.take_out(at);
            self.record(Step::Removed(number));
            self.journal.hold(Held::JobRemoved(number));
        }
    }

    pub(super) fn remove(&mut self, number: JobNo) -> Result<(), JobError> {
        let at = self.known(number)?;
        let state = self.jobs[at].state;
        if !state.is_over() && state != JobState::Draft {
            return Err(JobErrorKind::WrongState.into());
        }
        self.take_out(at);
        self.record(Step::Removed(number));
        Ok(())
    }

    /// Takes out a job none of whose targets is under way.
    pub(super) fn take_out(&mut self, at: usize) {
        self.set_due(at, None);
        self.calm(at);
        self.numbers.remove(at);
        let job = self.jobs.remove(at);
        self.ready.remove(&job.number);
        if let Some(alarm) = job.alarm {
            self.alarms.remove(&(alarm, job.number));
        }
        self.stored -= job.stored;
        self.turns.leave(job.owner_no);
        self.places.remove(job.targets.len(), self.jobs.len());
        self.by_key.remove(&(job.owner, job.key));
        if self.jobs.len() == 1 {
            self.calm(0);
        }
    }

    pub(super) fn start(&mut self, number: JobNo, options: StartOptions) -> Result<OrderReply, JobError> {
        let at = self.known(number)?;
        if self.jobs[at].state != JobState::Draft {
            return Ok(OrderReply::AlreadyDone);
        }
        self.record(Step::Started(number, Box::new(options.clone())));
        let waits = options.gated || options.after > Duration::ZERO;
        let after = (options.after > Duration::ZERO).then_some(options.after);
        self.jobs[at].options = options;
        self.jobs[at].state = JobState::Scheduled;
        self.set_due(at, after);
        if waits {
            self.touch(at);
        } else {
            self.run(at);
        }
        Ok(OrderReply::Accepted)
    }

    pub(super) fn reschedule(&mut self, number: JobNo, rest: Duration) -> Result<(), JobError> {
        let at = self.known(number)?;
        if self.jobs[at].state != JobState::Scheduled {
            return Err(JobErrorKind::WrongState.into());
        }
        let mut options = self.jobs[at].options.clone();
        options.after = rest;
        self.record(Step::Started(number, Box::new(options.clone())));
        self.jobs[at].options = options;
        self.set_due(at, (rest > Duration::ZERO).then_some(rest));
        self.run_if_ready(at);
        Ok(())
    }

    pub(super) fn gate(&mut self, number: JobNo, verdict: Result<(), ResultCode>) -> Result<(), JobError> {
        let at = self.known(number)?;
        if self.jobs[at].state != JobState::Scheduled || !self.jobs[at].options.gated {
            return Err(JobErrorKind::WrongState.into());
        }
        match verdict {
            Ok(()) => {
                self.jobs[at].options.gated = false;
                let left = self.jobs[at].due.map_or(Duration::ZERO, |due| due - self.now);
                let options = StartOptions { after: left, ..self.jobs[at].options.clone() };
                self.record(Step::Started(number, Box::new(options)));
                self.run_if_ready(at);
            }
            Err(code) => {
                self.jobs[at].result = code.is_of_gate().then_some(code);
                self.stop(at, code);
            }
        }
        Ok(())
    }

    fn run_if_ready(&mut self, at: usize) {
        if self.jobs[at].options.gated || self.jobs[at].due.is_some_and(|due| due > self.now) {
            self.touch(at);
        } else {
            self.run(at);
        }
    }

    /// The job begins, or a round of it.
    pub(super) fn run(&mut self, at: usize) {
        let number = self.jobs[at].number;
        self.record(Step::Running(number));
        self.open_round(at);
        let time = self.jobs[at].policy.job_time;
        self.set_due(at, Some(time));
        self.touch(at);
        let sleepers = !self.asleep.is_empty();
        for index in 0..self.jobs[at].targets.len() as u32 {
            let target = &self.jobs[at].targets[index as usize];
            if target.state == TargetState::Queued && (sleepers || target.is(AWAY)) {
                self.apply(at, index, Event::Released);
            }
        }
        self.make_way(at);
        self.offer_sessions(at);
        self.unsettle(at);
    }

    /// Makes room for as many targets as may get under way at once, so that none is moved then.
    fn make_way(&mut self, at: usize) {
        /// A window that is larger is not filled at once.
        const AT_MOST: u32 = 1 << 16;
        let job = &self.jobs[at];
        let room = self.limits.window.saturating_sub(self.in_flight);
        let wanted = room.min(job.policy.window.max(1)).min(job.open).min(AT_MOST);
        self.lives.reserve(wanted);
        self.devices.reserve(wanted);
    }

    /// Makes a job ready to run from its first target on.
    pub(super) fn open_round(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        job.state = JobState::Running;
        let queued = job.targets.iter_mut().filter(|target| target.state == TargetState::Queued);
        let mut fixed = 0;
        for target in queued {
            target.set(LISTED, true);
            fixed += 1;
        }
        job.fixed = fixed;
        (job.stage, job.quota) = (0, job.policy.stages.quota(0, fixed));
        job.cursor = 0;
        job.next_start = job.next_start.max(self.now);
    }

    pub(super) fn pause(&mut self, number: JobNo) -> Result<OrderReply, JobError> {
        let at = self.known(number)?;
        match self.jobs[at].state {
            JobState::Running => {
                self.record(Step::Paused(number));
                self.jobs[at].state = JobState::Paused;
                self.touch(at);
                Ok(OrderReply::Accepted)
            }
            JobState::Paused => Ok(OrderReply::AlreadyDone),
            _ => Err(JobErrorKind::WrongState.into()),
        }
    }

    pub(super) fn resume(&mut self, number: JobNo) -> Result<OrderReply, JobError> {
        let at = self.known(number)?;
        match self.jobs[at].state {
            JobState::Paused => {
                self.record(Step::Running(number));
                self.jobs[at].state = JobState::Running;
                self.offer_sessions(at);
                self.touch(at);
                self.unsettle(at);
                Ok(OrderReply::Accepted)
            }
            JobState::Running => Ok(OrderReply::AlreadyDone),
            _ => Err(JobErrorKind::WrongState.into()),
        }
    }

    pub(super) fn cancel(&mut self, number: JobNo, code: ResultCode) -> Result<OrderReply, JobError> {
        let at = self.known(number)?;
        if self.jobs[at].state.is_over() || self.jobs[at].state == JobState::Cancelling {
            return Ok(OrderReply::AlreadyDone);
        }
        self.stop(at, code);
        Ok(OrderReply::Accepted)
    }

    /// Stops what is under way or scheduled of this owner: how many jobs that are.
    pub(super) fn revoke(&mut self, owner: &ServerId) -> u32 {
        let mut count = 0;
        for at in 0..self.jobs.len() {
            let job = &self.jobs[at];
            let goes_on = matches!(job.state, JobState::Scheduled | JobState::Running | JobState::Paused);
            if goes_on && job.owner == *owner {
                self.stop(at, ResultCode::AUTHORIZATION_LOST);
                count += 1;
            }
        }
        count
    }

    /// Nothing is begun any more, and what was delivered may still be answered.
    fn stop(&mut self, at: usize, code: ResultCode) {
        let number = self.jobs[at].number;
        self.record(Step::Ending(number, code));
        if !self.jobs[at].state.is_under_way() {
            self.set_due(at, None);
        }
        let job = &mut self.jobs[at];
        job.state = JobState::Cancelling;
        job.ending = Some(code);
        self.touch(at);
        for index in 0..self.jobs[at].targets.len() as u32 {
            self.apply(at, index, Event::Ending(code));
        }
        self.unsettle(at);
    }

    pub(super) fn retry(&mut self, number: JobNo, which: &Which) -> Result<u32, JobError> {
        let at = self.known(number)?;
        let job = &self.jobs[at];
        if !job.state.is_over() {
            return Err(JobErrorKind::WrongState.into());
        }
        let chosen = job.targets.iter().filter(|target| which.takes(target));
        let targets: Vec<Serial> = chosen.map(|target| target.serial).collect();
        if targets.is_empty() || job.round == u16::MAX {
            return Ok(0);
        }
        let detached = job.targets.iter().filter(|target| target.is(AWAY) && which.takes(target));
        let detached: Vec<Serial> = detached.map(|target| target.serial).collect();
        let count = targets.len() as u32; // at most `max_targets`
        self.requeue(at, &targets);
        self.record(Step::Retried(number, Box::new(Round { targets, detached })));
        self.run(at);
        Ok(count)
    }

    /// Begins another round with these targets, ascending.
    pub(super) fn requeue(&mut self, at: usize, serials: &[Serial]) {
        let stamp = self.jobs[at].stamp(self.now);
        let job = &mut self.jobs[at];
        job.round += 1;
        job.reported = false;
        (job.result, job.ending, job.expired, job.limit_hit) = (None, None, false, false);
        (job.begun, job.begun_open, job.round_ended, job.round_failed) = (0, 0, 0, 0);
        let mut serials = serials.iter().copied().peekable();
        for target in &mut job.targets {
            if serials.next_if_eq(&target.serial).is_none() {
                target.set(OLD, true);
                continue;
            }
            job.counts[target.state.index()] -= 1;
            job.counts[TargetState::Queued.index()] += 1;
            job.open += 1;
            target.state = TargetState::Queued;
            target.since = stamp;
            target.set(OLD | STARTED | MET | CANCELLED | LATE, false);
            // The queues of the round before are gone.
            target.set(LISTED | AGAIN | READY, false);
        }
    }

    pub(super) fn join(&mut self, number: JobNo, serial: Serial, attached: bool) -> Result<(), JobError> {
        let at = self.known(number)?;
        let job = &self.jobs[at];
        if job.state.is_over() || !job.live || job.state == JobState::Cancelling {
            return Err(JobErrorKind::WrongState.into());
        }
        if job.index_of(serial).is_some() {
            return Ok(());
        }
        if job.targets.len() >= self.limits.max_targets as usize {
            return Err(JobErrorKind::TooManyTargets { max: self.limits.max_targets }.into());
        }
        self.record(Step::Joined(number, serial, !attached));
        let index = self.insert_target(at, serial);
        self.jobs[at].targets[index as usize].set(AWAY, !attached);
        self.touch(at);
        self.audit(Audit::Joined { job: number, serial });
        if self.jobs[at].state.is_under_way() {
            self.enqueue_again(at, index);
            self.apply(at, index, Event::Released);
        }
        Ok(())
    }

    /// Puts a target in its place, and moves all places after it.
    pub(super) fn insert_target(&mut self, at: usize, serial: Serial) -> u32 {
        let stamp = self.jobs[at].stamp(self.now);
        let job = &mut self.jobs[at];
        let place = job.targets.partition_point(|target| target.serial < serial);
        let index = place as u32; // at most `max_targets`
        if place < job.targets.len() {
            let queues = [&mut job.fresh, &mut job.again, &mut job.ready];
            for moved in queues.into_iter().flatten().filter(|moved| **moved >= index) {
                *moved += 1;
            }
            job.cursor += u32::from(job.cursor > index);
            let number = job.number;
            for live in self.lives.rooms_mut().filter(|live| live.job == number && live.index >= index) {
                live.index += 1;
            }
        }
        let job = &mut self.jobs[at];
        job.targets.insert(place, Target::new(serial, stamp));
        self.places.add(job.number, [serial].into_iter());
        job.counts[TargetState::Queued.index()] += 1;
        job.open += 1;
        // Those that join are beyond the stages, which were counted when the job began, and open with the last.
        if job.stage >= job.policy.stages.count() || !job.state.is_under_way() {
            job.quota = job.quota.saturating_add(1);
        }
        index
    }

    pub(super) fn adjust(&mut self, number: JobNo, change: impl FnOnce(&mut Policy)) -> Result<(), JobError> {
        let at = self.known(number)?;
        let job = &mut self.jobs[at];
        if job.state.is_over() {
            return Err(JobErrorKind::WrongState.into());
        }
        let mut wish = job.policy;
        change(&mut wish);
        if job.state != JobState::Draft {
            let Policy { window, rate, stages, max_fail, min_sample, on_limit, keep, .. } = wish;
            wish = Policy { window, rate, stages, max_fail, min_sample, on_limit, keep, ..job.policy };
        }
        self.record(Step::Adjusted(number, Box::new(wish)));
        self.set_policy(at, wish);
        self.touch(at);
        self.offer_sessions(at);
        self.unsettle(at);
        Ok(())
    }

    pub(super) fn set_policy(&mut self, at: usize, policy: Policy) {
        let job = &mut self.jobs[at];
        job.policy = policy;
        job.rate_waits = false;
        let total = job.round_total();
        job.quota = match job.state {
            JobState::Draft | JobState::Scheduled => total,
            _ if job.stage >= policy.stages.count() => total,
            // A stage that was opened is not closed again for those that were begun with.
            _ => policy.stages.quota(job.stage, job.fixed).max(job.begun),
        };
    }

    /// Sets when the next thing happens to a job as a whole.
    pub(super) fn set_due(&mut self, at: usize, after: Option<Duration>) {
        let job = &mut self.jobs[at];
        let timer = Timer::Job(job.number);
        if let Some(old) = job.due.take() {
            self.odd.remove(&(old, timer));
        }
        if let Some(after) = after {
            let due = self.now + after;
            self.jobs[at].due = Some(due);
            self.odd.insert((due, timer));
            self.due_at(due);
        }
    }

    /// The time has come for a job as a whole.
    pub(super) fn job_due(&mut self, number: JobNo) {
        let Some(at) = self.position(number) else { return };
        self.jobs[at].due = None;
        match self.jobs[at].state {
            JobState::Draft => {}
            JobState::Scheduled => self.run_if_ready(at),
            state if state.is_over() => self.forget(number),
            _ => {
                self.jobs[at].expired = true;
                for index in 0..self.jobs[at].targets.len() as u32 {
                    self.apply(at, index, Event::JobTimeUp);
                }
                self.unsettle(at);
            }
        }
    }

    /// Draws what follows from the ends of targets: the threshold, the next stage, the end of the job.
    pub(super) fn settle(&mut self) {
        let mut jobs = core::mem::take(&mut self.unsettled);
        jobs.sort_unstable();
        for number in jobs.drain(..) {
            if let Some(at) = self.position(number)
                && core::mem::take(&mut self.jobs[at].unsettled)
            {
                self.check_threshold(at);
                self.check_stage(at);
                self.check_end(at);
            }
        }
        if self.unsettled.is_empty() {
            self.unsettled = jobs;
        }
    }

    /// Something about a job is to be [drawn conclusions from](Self::settle).
    pub(super) fn unsettle(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        if !job.unsettled {
            job.unsettled = true;
            self.unsettled.push(job.number);
        }
    }

    fn check_threshold(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        let policy = &job.policy;
        let of = job.quota.min(job.fixed);
        let failed = job.round_failed;
        let exceeded = u64::from(failed) * 100 > u64::from(policy.max_fail) * u64::from(of);
        let known = job.round_ended >= policy.min_sample.min(of);
        if job.limit_hit || !exceeded || !known || !matches!(job.state, JobState::Running | JobState::Paused)
        {
            return;
        }
        job.limit_hit = true;
        let (number, then, open) = (job.number, policy.on_limit, job.open);
        self.audit(Audit::TooManyFailed { job: number, failed, of });
        match then {
            OnLimit::Note => self.touch(at),
            // When nobody is left there is nothing to stop.
            OnLimit::Pause | OnLimit::Abort if open == 0 => self.touch(at),
            OnLimit::Pause => drop(self.pause(number)),
            OnLimit::Abort => self.stop(at, ResultCode::STOPPED),
        }
        // After what follows from it: without that, it would be found out once more after a restart.
        self.record(Step::LimitHit(number));
    }

    fn check_stage(&mut self, at: usize) {
        loop {
            let job = &mut self.jobs[at];
            let more = job.stage < job.policy.stages.count();
            if job.state != JobState::Running || !more || job.begun < job.quota || job.begun_open > 0 {
                return;
            }
            job.stage += 1;
            job.quota = if job.stage < job.policy.stages.count() {
                job.policy.stages.quota(job.stage, job.fixed)
            } else {
                job.round_total()
            };
            let (number, stage, quota) = (job.number, job.stage, job.quota);
            self.record(Step::Stage(number, stage));
            self.audit(Audit::StageOpened { job: number, stage, quota });
            self.touch(at);
            self.offer_sessions(at);
        }
    }

    fn check_end(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        if job.open > 0 {
            return;
        }
        // A draft without targets is still a draft; what is over stays over.
        let Some(end) = job.end_state() else { return };
        let (number, round, keep) = (job.number, job.round, job.policy.keep);
        job.end(end);
        self.record(Step::JobEnded(number, end));
        self.journal.hold(Held::JobEnded(number, round));
        self.relaxes = true;
        self.set_due(at, keep);
        self.touch(at);
    }
}

impl Job {
    /// The targets of this round, those that joined included.
    fn round_total(&self) -> u32 {
        self.targets.iter().filter(|target| !target.is(OLD)).count() as u32 // at most `max_targets`
    }

    /// How it ends when it does now; `None` if it is not under way.
    pub(super) fn end_state(&self) -> Option<JobState> {
        Some(match self.state {
            JobState::Running | JobState::Paused if self.expired => JobState::Expired,
            JobState::Running | JobState::Paused => JobState::Completed,
            JobState::Cancelling => match self.ending {
                _ if self.result.is_some() => JobState::Error,
                Some(ResultCode::STOPPED | ResultCode::AUTHORIZATION_LOST) => JobState::Aborted,
                _ => JobState::Cancelled,
            },
            _ => return None,
        })
    }

    /// The job is over: what is only for running goes.
    pub(super) fn end(&mut self, state: JobState) {
        self.state = state;
        self.result = Some(self.result.unwrap_or_else(|| self.outcome_code()));
        (self.fresh, self.again, self.ready) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        self.rate_waits = false;
    }
}
