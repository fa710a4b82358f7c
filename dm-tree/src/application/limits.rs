//! How much is kept for applications, and when they are told.

use core::time::Duration;

/// What bounds the applications of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApplicationLimits {
    /// Applications registered at a time. Default 64.
    pub max_applications: usize,
    /// Grants of one application. Default 32; each costs a lookup whenever it acts.
    pub max_grants: usize,
    /// Subscriptions of one application. Default 16.
    pub max_subscriptions: usize,
    /// Addresses kept apart in one notification. Beyond it the notification says that the whole instance is to be
    /// read again. Default 64.
    pub max_notices: usize,
    /// How long changes are collected before an application is told, so that what a server does in one go is one notification.
    /// Default 200 ms.
    pub settle: Duration,
    /// After how long an application that has not acknowledged is told again. Default one minute.
    pub remind: Duration,
}

impl ApplicationLimits {
    /// Sets [`max_applications`](Self::max_applications).
    #[must_use]
    pub const fn with_max_applications(mut self, applications: usize) -> Self {
        self.max_applications = applications;
        self
    }

    /// Sets [`max_grants`](Self::max_grants).
    #[must_use]
    pub const fn with_max_grants(mut self, grants: usize) -> Self {
        self.max_grants = grants;
        self
    }

    /// Sets [`max_subscriptions`](Self::max_subscriptions).
    #[must_use]
    pub const fn with_max_subscriptions(mut self, subscriptions: usize) -> Self {
        self.max_subscriptions = subscriptions;
        self
    }

    /// Sets [`max_notices`](Self::max_notices).
    #[must_use]
    pub const fn with_max_notices(mut self, notices: usize) -> Self {
        self.max_notices = notices;
        self
    }

    /// Sets [`settle`](Self::settle).
    #[must_use]
    pub const fn with_settle(mut self, time: Duration) -> Self {
        self.settle = time;
        self
    }

    /// Sets [`remind`](Self::remind), at least a millisecond.
    #[must_use]
    pub const fn with_remind(mut self, time: Duration) -> Self {
        self.remind = if time.is_zero() { Duration::from_millis(1) } else { time };
        self
    }
}

impl Default for ApplicationLimits {
    fn default() -> Self {
        Self {
            max_applications: 64,
            max_grants: 32,
            max_subscriptions: 16,
            max_notices: 64,
            settle: Duration::from_millis(200),
            remind: Duration::from_secs(60),
        }
    }
}
