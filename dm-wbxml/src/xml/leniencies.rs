//! What may be wrong with a document that is read all the same.

use core::fmt;

/// A set of departures from XML: those a reader takes, or those it has met.
///
/// None is taken unless it is asked for, and each costs nothing until it is met.
///
/// ```
/// use dm_wbxml::xml::{Leniencies, Options, Reader};
/// use dm_wbxml::{SYNCML_1_2, Source};
///
/// let all = Options::default().with_leniencies(Leniencies::ALL);
/// let mut reader = Reader::new(b"<Data>MINDT=2&DR=1</Data>", &SYNCML_1_2, all)?;
/// reader.next()?;
/// assert_eq!(reader.text()?, "MINDT=2&DR=1");
/// assert_eq!(reader.met(), Leniencies::NO_NAMESPACE.with(Leniencies::BARE_AMPERSANDS));
/// # Ok::<(), dm_wbxml::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Leniencies(u8);

impl Leniencies {
    /// None: the strict reading.
    pub const NONE: Self = Self(0);
    /// An element in the namespace of another page of the code space is taken for what its name says: an element of its parent's page,
    /// else of the page it is in, else of the first page that has such an element.
    pub const WRONG_PAGE: Self = Self(1);
    /// So is one in no namespace, unless it stands in a foreign element.
    pub const NO_NAMESPACE: Self = Self(1 << 1);
    /// A prefix that nobody declared says nothing: the element is in no namespace, and taken for what its name says; an
    /// attribute is in none.
    pub const UNDECLARED_PREFIXES: Self = Self(1 << 2);
    /// The namespaces of the code space in any mixture of upper and lower case.
    pub const NAMESPACE_CASE: Self = Self(1 << 3);
    /// An `&` that begins no reference stands for itself.
    pub const BARE_AMPERSANDS: Self = Self(1 << 4);
    /// XML declarations behind the start are passed over.
    pub const INNER_DECLARATIONS: Self = Self(1 << 5);
    /// A root element may follow another.
    pub const SEVERAL_ROOTS: Self = Self(1 << 6);
    /// All of them.
    pub const ALL: Self = Self(0x7F);

    /// Those of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in this set.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl fmt::Debug for Leniencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_set();
        for (flag, name) in [
            (Self::WRONG_PAGE, "WRONG_PAGE"),
            (Self::NO_NAMESPACE, "NO_NAMESPACE"),
            (Self::UNDECLARED_PREFIXES, "UNDECLARED_PREFIXES"),
            (Self::NAMESPACE_CASE, "NAMESPACE_CASE"),
            (Self::BARE_AMPERSANDS, "BARE_AMPERSANDS"),
            (Self::INNER_DECLARATIONS, "INNER_DECLARATIONS"),
            (Self::SEVERAL_ROOTS, "SEVERAL_ROOTS"),
        ] {
            if self.contains(flag) {
                set.entry(&format_args!("{name}"));
            }
        }
        set.finish()
    }
}
