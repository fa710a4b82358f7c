//! What a document may cost, and what is read all the same.

use core::fmt;
use core::ops::BitOr;

use dm_syncml::elements::Limits;

/// How documents are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DocumentOptions {
    /// What the document may cost.
    pub limits: Limits,
    /// Nodes in a document. Default 65 536, as many as a tree holds by default.
    pub max_nodes: usize,
    /// What other software gets wrong and is taken. Default none.
    pub quirks: DocumentQuirks,
}

impl DocumentOptions {
    /// Default limits and no quirk.
    pub const STRICT: Self =
        Self { limits: Limits::DEFAULT, max_nodes: 65_536, quirks: DocumentQuirks::NONE };

    /// Default limits, and all that real documents get wrong.
    pub const FIELD: Self = Self { quirks: DocumentQuirks::FIELD, ..Self::STRICT };

    /// Sets [`limits`](Self::limits).
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets [`max_nodes`](Self::max_nodes).
    #[must_use]
    pub const fn with_max_nodes(mut self, nodes: usize) -> Self {
        self.max_nodes = nodes;
        self
    }

    /// Sets [`quirks`](Self::quirks).
    #[must_use]
    pub const fn with_quirks(mut self, quirks: DocumentQuirks) -> Self {
        self.quirks = quirks;
        self
    }
}

impl Default for DocumentOptions {
    fn default() -> Self {
        Self::STRICT
    }
}

/// A set of departures from the document type.
///
/// What loses nothing is read without asking: any order of elements, elements nobody knows (they are kept), a node
/// without `RTProperties` (the example of the specification has one), `MIME` for an interior node, a public
/// identifier with white space in it, processing instructions in a DOCTYPE, white space before the XML declaration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DocumentQuirks(u8);

impl DocumentQuirks {
    /// None: the strict reading.
    pub const NONE: Self = Self(0);
    /// Text between elements is passed over: no-break spaces that indent samples, dots for something left out.
    pub const STRAY_TEXT: Self = Self(1);
    /// The elements may be in a namespace that is nearly right: in another case, in that of the message around, or
    /// `syncml:dmddf`. Samples are. (In none they may be anyway, as the DTD has it.)
    pub const LOOSE_NAMESPACE: Self = Self(1 << 1);
    /// `DFProperties` may lack AccessType, DFFormat or DFType. The descriptions that AOSP's client starts from do.
    pub const INCOMPLETE_DESCRIPTION: Self = Self(1 << 2);
    /// An empty `DDFName` beside a `MIME`, or in a `DFType` beside another, says nothing. Three of Microsoft's
    /// descriptions.
    pub const EMPTY_DDF_NAME: Self = Self(1 << 3);
    /// All of them.
    pub const FIELD: Self = Self(0b1111);

    /// Whether all of `other` are in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for DocumentQuirks {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl fmt::Debug for DocumentQuirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_set();
        for (quirk, name) in [
            (Self::STRAY_TEXT, "STRAY_TEXT"),
            (Self::LOOSE_NAMESPACE, "LOOSE_NAMESPACE"),
            (Self::INCOMPLETE_DESCRIPTION, "INCOMPLETE_DESCRIPTION"),
            (Self::EMPTY_DDF_NAME, "EMPTY_DDF_NAME"),
        ] {
            if self.contains(quirk) {
                set.entry(&format_args!("{name}"));
            }
        }
        set.finish()
    }
}
