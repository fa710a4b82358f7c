//! How a job goes about its targets.

use core::time::Duration;

/// What to do about a device that is detached when its turn comes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Offline {
    /// Wait until it is attached, as long as the job lasts.
    #[default]
    Wait,
    /// Leave it out: skipped, with code 1410.
    Skip,
    /// Notify it all the same; for gateways that do not follow presence.
    Try,
}

/// What to do about an unsafe operation that was delivered and never answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum UnsafePolicy {
    /// Never send it again: the target ends indeterminate.
    #[default]
    Indeterminate,
    /// Send it again if there is a retry left, at the risk of running it twice.
    Resend,
}

/// How a job goes about its targets. Every duration is counted on the monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// Most devices of this job in flight at a time; the gateway's own window bounds it further. 0 counts as 1.
    /// Default 16.
    pub window: u32,
    /// Time a notification may stay unanswered. Default 60 s.
    pub t_notify: Duration,
    /// Silence a session may keep while answers are due. Default 30 s.
    pub t_session: Duration,
    /// Further attempts after a notification that was not answered or a session that was lost. What a device
    /// answered is never retried. Default 0.
    pub retries: u16,
    /// Pause before the first retry; each further pause is twice as long. Default 30 s.
    pub retry_wait: Duration,
    /// Longest pause before a retry. Default 10 minutes.
    pub max_retry_wait: Duration,
    /// Time the whole job may take, from its start. Default one hour.
    pub job_time: Duration,
    /// What to do about detached devices. Default [`Offline::Wait`].
    pub offline: Offline,
    /// What to do about unsafe operations of unknown outcome. Default [`UnsafePolicy::Indeterminate`].
    pub on_unsafe: UnsafePolicy,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            window: 16,
            t_notify: Duration::from_secs(60),
            t_session: Duration::from_secs(30),
            retries: 0,
            retry_wait: Duration::from_secs(30),
            max_retry_wait: Duration::from_secs(600),
            job_time: Duration::from_secs(3600),
            offline: Offline::default(),
            on_unsafe: UnsafePolicy::default(),
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
