//! How much a fanout takes on.

/// How much a fanout takes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FanoutLimits {
    /// Most devices in flight at a time over all jobs. 0 counts as 1. Default 64.
    pub window: u32,
    /// Most jobs at a time, finished ones included until they are removed. Default 64.
    pub max_jobs: u32,
    /// Most targets of one job. Default 65 536, the default size of an inventory; 24 octets each.
    pub max_targets: u32,
    /// Most operations of one job. Default 64; 16 octets each for a device in flight,
    /// and for each outcome that is not alike for all of them.
    pub max_ops: u16,
    /// Most octets stored of what one device returns for one job. Default 4 096.
    pub max_result: u32,
    /// Most octets stored of what all devices return for all jobs; what several return alike is stored once.
    /// Default 16 MiB.
    pub max_stored: u64,
    /// Whether decisions about single devices are told ([`FanoutOutput::Audit`](crate::FanoutOutput::Audit)).
    /// Default true.
    pub audit: bool,
}

impl Default for FanoutLimits {
    fn default() -> Self {
        Self {
            window: 64,
            max_jobs: 64,
            max_targets: 65_536,
            max_ops: 64,
            max_result: 4096,
            max_stored: 16 << 20,
            audit: true,
        }
    }
}

impl FanoutLimits {
    /// Sets [`window`](Self::window).
    #[must_use]
    pub const fn with_window(mut self, window: u32) -> Self {
        self.window = window;
        self
    }

    /// Sets [`max_jobs`](Self::max_jobs).
    #[must_use]
    pub const fn with_max_jobs(mut self, max: u32) -> Self {
        self.max_jobs = max;
        self
    }

    /// Sets [`max_targets`](Self::max_targets).
    #[must_use]
    pub const fn with_max_targets(mut self, max: u32) -> Self {
        self.max_targets = max;
        self
    }

    /// Sets [`max_ops`](Self::max_ops).
    #[must_use]
    pub const fn with_max_ops(mut self, max: u16) -> Self {
        self.max_ops = max;
        self
    }

    /// Sets [`max_result`](Self::max_result).
    #[must_use]
    pub const fn with_max_result(mut self, max: u32) -> Self {
        self.max_result = max;
        self
    }

    /// Sets [`max_stored`](Self::max_stored).
    #[must_use]
    pub const fn with_max_stored(mut self, max: u64) -> Self {
        self.max_stored = max;
        self
    }

    /// Sets [`audit`](Self::audit).
    #[must_use]
    pub const fn with_audit(mut self, on: bool) -> Self {
        self.audit = on;
        self
    }
}
