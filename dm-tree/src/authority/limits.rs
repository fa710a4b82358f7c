//! How much a ledger may hold.

/// What bounds the growth of a ledger that servers can cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerLimits {
    /// Delegations in force; exceeding answers 420. Default 4096, four for each of the thousand authorities of a large
    /// gateway.
    pub max_delegations: usize,
    /// Delegations that one authority is making up through the management object and has not granted yet; exceeding
    /// answers 420. Default 16.
    pub max_drafts: usize,
    /// Nodes that have an owner, or of which is known who wrote them last; exceeding answers 420. Default 65 536, as
    /// many as a tree may have nodes by default.
    pub max_marks: usize,
    /// Authorities and restrictions that the terms of one delegation may name; exceeding answers 413. Default 64.
    pub max_restrictions: usize,
}

impl LedgerLimits {
    /// Sets [`max_delegations`](Self::max_delegations).
    #[must_use]
    pub const fn with_max_delegations(mut self, delegations: usize) -> Self {
        self.max_delegations = delegations;
        self
    }

    /// Sets [`max_drafts`](Self::max_drafts).
    #[must_use]
    pub const fn with_max_drafts(mut self, drafts: usize) -> Self {
        self.max_drafts = drafts;
        self
    }

    /// Sets [`max_marks`](Self::max_marks).
    #[must_use]
    pub const fn with_max_marks(mut self, marks: usize) -> Self {
        self.max_marks = marks;
        self
    }

    /// Sets [`max_restrictions`](Self::max_restrictions).
    #[must_use]
    pub const fn with_max_restrictions(mut self, restrictions: usize) -> Self {
        self.max_restrictions = restrictions;
        self
    }
}

impl Default for LedgerLimits {
    fn default() -> Self {
        Self { max_delegations: 4096, max_drafts: 16, max_marks: 65_536, max_restrictions: 64 }
    }
}
