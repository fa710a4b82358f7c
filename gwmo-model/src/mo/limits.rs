//! How much servers may keep in the objects.

/// How much servers may keep in the objects of a gateway, beside what the machines behind them allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ObjectLimits {
    /// Octets of one operation (`Cmd`), as written; beyond it 413. Default 64 KiB, a usual MaxMsgSize: a larger
    /// command could not be sent in one message anyway.
    pub max_op: usize,
    /// Octets of the operations of all jobs; beyond it 420. Default 4 MiB.
    pub max_ops: usize,
    /// Devices, groups or exceptions that one job names one by one, each; beyond it 420. Default 1 024: more are a
    /// group.
    pub max_named: usize,
    /// Queries of all servers; beyond it 420. Default 64.
    pub max_queries: usize,
    /// Octets of a page, a membership list or a `Sum` that is read in one piece. Pages and sums are cut there, and
    /// say so; a longer list is answered 413. Default 32 KiB, so that it fits a message of 64 KiB in XML, too.
    pub max_page: usize,
}

impl Default for ObjectLimits {
    fn default() -> Self {
        Self { max_op: 64 << 10, max_ops: 4 << 20, max_named: 1024, max_queries: 64, max_page: 32 << 10 }
    }
}

impl ObjectLimits {
    /// Sets [`max_op`](Self::max_op).
    #[must_use]
    pub const fn with_max_op(mut self, octets: usize) -> Self {
        self.max_op = octets;
        self
    }

    /// Sets [`max_ops`](Self::max_ops).
    #[must_use]
    pub const fn with_max_ops(mut self, octets: usize) -> Self {
        self.max_ops = octets;
        self
    }

    /// Sets [`max_named`](Self::max_named).
    #[must_use]
    pub const fn with_max_named(mut self, count: usize) -> Self {
        self.max_named = count;
        self
    }

    /// Sets [`max_queries`](Self::max_queries).
    #[must_use]
    pub const fn with_max_queries(mut self, count: usize) -> Self {
        self.max_queries = count;
        self
    }

    /// Sets [`max_page`](Self::max_page).
    #[must_use]
    pub const fn with_max_page(mut self, octets: usize) -> Self {
        self.max_page = octets;
        self
    }
}
