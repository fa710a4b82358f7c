//! What a document may cost.

/// Bounds that a reader keeps, whatever the input says.
///
/// The defaults fit a DM peer that accepts messages of a few megabytes. Each is a plain number: change what you
/// need with the `with_*` methods.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Octets in a document.
    pub document: usize,
    /// Elements inside one another.
    pub depth: u16,
    /// Elements in a document; each attribute counts as one.
    pub elements: u32,
    /// Octets in a WBXML string table.
    pub string_table: usize,
    /// Octets that references into the string table may expand to, all together.
    pub expansion: usize,
    /// Octets in a name, a namespace, or an attribute's name.
    pub name: usize,
    /// Attributes on one element, and as many namespace declarations. So many declarations may be in force at one place, and
    /// one more for each level of [`depth`](Self::depth).
    pub attributes: u16,
}

impl Limits {
    /// The deepest nesting any reader allows, since trees of elements are walked by recursion.
    pub const MAX_DEPTH: u16 = 256;

    /// The defaults.
    pub const DEFAULT: Self = Self {
        // Real MaxMsgSize values reach from 4 KiB (old handsets) to 512 KiB (Windows); 4 MiB leaves room for a
        // server's peers that ignore theirs.
        document: 4 << 20,
        // The deepest message of DM 1.2 (a Meta below Atomic) needs 9; trees in Data add one level a node.
        depth: 64,
        // A megabyte of ordinary commands holds 40,000.
        elements: 1 << 17,
        // The largest table seen in the field is the 29 octets of a public identifier; libwbxml writes up to 40 %
        // of the document.
        string_table: 1 << 20,
        // As much text as the largest document could spell out.
        expansion: 4 << 20,
        // The longest name of the registered code spaces has 21 octets, the longest namespace in the field 52.
        name: 256,
        // XML payloads of Windows CSPs declare up to five namespaces.
        attributes: 32,
    };

    /// Sets [`document`](Self::document).
    #[must_use]
    pub const fn with_document(mut self, octets: usize) -> Self {
        self.document = octets;
        self
    }

    /// Sets [`depth`](Self::depth), at most [`MAX_DEPTH`](Self::MAX_DEPTH); readers hold a deeper one to that too.
    #[must_use]
    pub const fn with_depth(mut self, depth: u16) -> Self {
        self.depth = if depth < Self::MAX_DEPTH { depth } else { Self::MAX_DEPTH };
        self
    }

    /// Sets [`elements`](Self::elements).
    #[must_use]
    pub const fn with_elements(mut self, elements: u32) -> Self {
        self.elements = elements;
        self
    }

    /// Sets [`string_table`](Self::string_table).
    #[must_use]
    pub const fn with_string_table(mut self, octets: usize) -> Self {
        self.string_table = octets;
        self
    }

    /// Sets [`expansion`](Self::expansion).
    #[must_use]
    pub const fn with_expansion(mut self, octets: usize) -> Self {
        self.expansion = octets;
        self
    }

    /// Sets [`name`](Self::name).
    #[must_use]
    pub const fn with_name(mut self, octets: usize) -> Self {
        self.name = octets;
        self
    }

    /// Sets [`attributes`](Self::attributes).
    #[must_use]
    pub const fn with_attributes(mut self, attributes: u16) -> Self {
        self.attributes = attributes;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
