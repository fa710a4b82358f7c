//! How many groups there may be, and how large.

/// How many groups there may be, and how large.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GroupLimits {
    /// Most groups at a time. Default 1 024: groups are made by people and by jobs, for buildings and kinds of devices.
    pub max_groups: u32,
    /// Most devices listed, and most barred, in one group. Default 65 536, the default size of an inventory.
    pub max_members: u32,
    /// Most entries of all lists together. Default 1 048 576; one takes some 150 octets.
    pub max_listed: u32,
    /// How deep groups may be nested. Default 8; organisations have fewer levels.
    pub max_nesting: u8,
    /// Longest label, in octets. Default 255.
    pub max_label: usize,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self { max_groups: 1024, max_members: 65_536, max_listed: 1_048_576, max_nesting: 8, max_label: 255 }
    }
}

impl GroupLimits {
    /// Sets [`max_groups`](Self::max_groups).
    #[must_use]
    pub const fn with_max_groups(mut self, max: u32) -> Self {
        self.max_groups = max;
        self
    }

    /// Sets [`max_members`](Self::max_members).
    #[must_use]
    pub const fn with_max_members(mut self, max: u32) -> Self {
        self.max_members = max;
        self
    }

    /// Sets [`max_listed`](Self::max_listed).
    #[must_use]
    pub const fn with_max_listed(mut self, max: u32) -> Self {
        self.max_listed = max;
        self
    }

    /// Sets [`max_nesting`](Self::max_nesting).
    #[must_use]
    pub const fn with_max_nesting(mut self, max: u8) -> Self {
        self.max_nesting = max;
        self
    }

    /// Sets [`max_label`](Self::max_label).
    #[must_use]
    pub const fn with_max_label(mut self, max: usize) -> Self {
        self.max_label = max;
        self
    }
}
