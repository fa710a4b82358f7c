//! How a job goes about its targets.

use core::time::Duration;

use super::stages::Stages;

/// What to do about a device that is detached when its turn comes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Offline {
    /// Wait until it is attached, as long as the job lasts.
    #[default]
    Wait,
    /// Leave it out: skipped, with code 1410.
    Skip,
    /// Count it as failed: unreachable, with code 1410.
    Fail,
    /// Notify it all the same; for gateways that do not follow presence.
    Try,
}

/// What to do about an unsafe operation that was delivered and never answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum UnsafePolicy {
    /// Never send it again: the target ends indeterminate.
    #[default]
    Indeterminate,
    /// Send it again if there is a retry left, at the risk of running it twice.
    Resend,
}

/// What to do when too many targets fail.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum OnLimit {
    /// Say so, and go on.
    #[default]
    Note,
    /// Pause the job, until somebody resumes it.
    Pause,
    /// Stop it: nothing more is begun.
    Abort,
}

/// The kinds of failure after which another attempt is made, as bits of a job's `RetryOn`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RetryOn(u8);

impl RetryOn {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The notification was not answered, or could not be sent.
    pub const UNANSWERED: Self = Self(1);
    /// The session was lost.
    pub const SESSION_LOST: Self = Self(2);
    /// The device was busy, or answered "retry later" (417).
    pub const BUSY: Self = Self(4);
    /// The device answered with a Status from 500 to 599.
    pub const DEVICE_ERROR: Self = Self(8);

    /// The kinds with these bits; unknown bits are dropped.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 15)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// These kinds and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of these are among them.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// How a job goes about its targets. Every duration is counted on the monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Policy {
    /// Most devices of this job in flight at a time; the gateway's own window bounds it further. 0 counts as 1.
    /// Default 16.
    pub window: u32,
    /// Time a notification may stay unanswered. Default 60 s.
    pub t_notify: Duration,
    /// Silence a session may keep while answers are due. Default 30 s.
    pub t_session: Duration,
    /// Time until what a device accepted (202 to an asynchronous operation) is reported as done. Default 10 minutes.
    pub t_async: Duration,
    /// Most devices notified a minute, one at a time at even distances; 0 for no limit. Default 0.
    pub rate: u32,
    /// How many targets may be begun with before those are known to do well. Default: all.
    pub stages: Stages,
    /// Further attempts after a failure of a kind in [`retry_on`](Self::retry_on). Default 0.
    pub retries: u16,
    /// What is retried. Default: everything but what a device answered.
    pub retry_on: RetryOn,
    /// Pause before the first retry; each further pause is twice as long. Default 30 s.
    pub retry_wait: Duration,
    /// Longest pause before a retry. Default 10 minutes.
    pub max_retry_wait: Duration,
    /// Time the whole job may take, from its start. Default one hour.
    pub job_time: Duration,
    /// What to do about detached devices. Default [`Offline::Wait`].
    pub offline: Offline,
    /// Devices that come back are served after a pause of up to this, another one for each, so that not all of a
    /// building begin at once. Default 0.
    pub release_jitter: Duration,
    /// What to do about unsafe operations of unknown outcome. Default [`UnsafePolicy::Indeterminate`].
    pub on_unsafe: UnsafePolicy,
    /// How many percent of the targets of the stage may fail; more are too many. The base is the number of targets
    /// that the stage was opened with, however many are done. Default 100, which is never exceeded.
    pub max_fail: u8,
    /// How many targets (or all of a smaller stage) must be done before failures are counted. Default 10.
    pub min_sample: u32,
    /// What to do when too many fail. Default [`OnLimit::Note`].
    pub on_limit: OnLimit,
    /// How long the results stay after the end; `None` until the job is removed. Default `None`.
    pub keep: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            window: 16,
            t_notify: Duration::from_secs(60),
            t_session: Duration::from_secs(30),
            t_async: Duration::from_secs(600),
            rate: 0,
            stages: Stages::default(),
            retries: 0,
            retry_on: RetryOn(7),
            retry_wait: Duration::from_secs(30),
            max_retry_wait: Duration::from_secs(600),
            job_time: Duration::from_secs(3600),
            offline: Offline::default(),
            release_jitter: Duration::ZERO,
            on_unsafe: UnsafePolicy::default(),
            max_fail: 100,
            min_sample: 10,
            on_limit: OnLimit::default(),
            keep: None,
        }
    }
}

impl Policy {
    /// Sets [`window`](Self::window).
    #[must_use]
    pub const fn with_window(mut self, window: u32) -> Self {
        self.window = window;
        self
    }

    /// Sets [`t_notify`](Self::t_notify).
    #[must_use]
    pub const fn with_t_notify(mut self, time: Duration) -> Self {
        self.t_notify = time;
        self
    }

    /// Sets [`t_session`](Self::t_session).
    #[must_use]
    pub const fn with_t_session(mut self, time: Duration) -> Self {
        self.t_session = time;
        self
    }

    /// Sets [`retries`](Self::retries).
    #[must_use]
    pub const fn with_retries(mut self, retries: u16) -> Self {
        self.retries = retries;
        self
    }

    /// Sets [`retry_wait`](Self::retry_wait) and [`max_retry_wait`](Self::max_retry_wait).
    #[must_use]
    pub const fn with_retry_wait(mut self, first: Duration, max: Duration) -> Self {
        self.retry_wait = first;
        self.max_retry_wait = max;
        self
    }

    /// Sets [`job_time`](Self::job_time).
    #[must_use]
    pub const fn with_job_time(mut self, time: Duration) -> Self {
        self.job_time = time;
        self
    }

    /// Sets [`offline`](Self::offline).
    #[must_use]
    pub const fn with_offline(mut self, offline: Offline) -> Self {
        self.offline = offline;
        self
    }

    /// Sets [`on_unsafe`](Self::on_unsafe).
    #[must_use]
    pub const fn with_on_unsafe(mut self, on_unsafe: UnsafePolicy) -> Self {
        self.on_unsafe = on_unsafe;
        self
    }

    /// Sets [`t_async`](Self::t_async).
    #[must_use]
    pub const fn with_t_async(mut self, t_async: Duration) -> Self {
        self.t_async = t_async;
        self
    }

    /// Sets [`rate`](Self::rate).
    #[must_use]
    pub const fn with_rate(mut self, rate: u32) -> Self {
        self.rate = rate;
        self
    }

    /// Sets [`stages`](Self::stages).
    #[must_use]
    pub const fn with_stages(mut self, stages: Stages) -> Self {
        self.stages = stages;
        self
    }

    /// Sets [`retry_on`](Self::retry_on).
    #[must_use]
    pub const fn with_retry_on(mut self, retry_on: RetryOn) -> Self {
        self.retry_on = retry_on;
        self
    }

    /// Sets [`release_jitter`](Self::release_jitter).
    #[must_use]
    pub const fn with_release_jitter(mut self, release_jitter: Duration) -> Self {
        self.release_jitter = release_jitter;
        self
    }

    /// Sets [`keep`](Self::keep).
    #[must_use]
    pub const fn with_keep(mut self, keep: Option<Duration>) -> Self {
        self.keep = keep;
        self
    }

    /// Sets [`max_fail`](Self::max_fail), [`min_sample`](Self::min_sample) and [`on_limit`](Self::on_limit).
    #[must_use]
    pub const fn with_max_fail(mut self, percent: u8, sample: u32, then: OnLimit) -> Self {
        self.max_fail = percent;
        self.min_sample = sample;
        self.on_limit = then;
        self
    }

    /// The pause after this many attempts: doubled each time, up to the longest.
    pub(super) fn pause_after(&self, tries: u16) -> Duration {
        let doublings = u32::from(tries.saturating_sub(1)).min(31);
        self.retry_wait.saturating_mul(1 << doublings).min(self.max_retry_wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let policy = Policy::default().with_retry_wait(Duration::from_secs(30), Duration::from_secs(100));
        assert_eq!([1, 2, 3, 4].map(|n| policy.pause_after(n).as_secs()), [30, 60, 100, 100]);
        assert_eq!(policy.pause_after(u16::MAX).as_secs(), 100);
        let endless = policy.with_retry_wait(Duration::MAX, Duration::MAX);
        assert_eq!(endless.pause_after(u16::MAX), Duration::MAX);
    }
}
