//! What may be wrong with a message that is read all the same.

use core::fmt;

/// A set of quirks: departures from the standard that a decoder takes, or has met. None is taken unless it is asked for.
///
/// What the standard itself allows (any order of elements, any prefix, CDATA, a DOCTYPE, a missing Final) is always read, and needs no quirk.
///
/// ```
/// # #[cfg(feature = "xml")]
/// # fn main() -> Result<(), dm_syncml::DecodeError> {
/// use dm_syncml::{DecodeOptions, Encoding, Fragment, Quirks};
///
/// let profile = b"<Add><Item><Meta><A:Format>int</A:Format></Meta><Data>0</Data></Item></Add>";
/// let options = DecodeOptions::new().with_quirks(Quirks::FLEET);
/// let (fragment, used) = Fragment::decode_reporting(Encoding::Xml, profile, &options)?;
/// assert_eq!(fragment.body.commands[0].cmd_id().unwrap().as_str(), "");
/// assert_eq!(used, Quirks::NO_NAMESPACE | Quirks::UNDECLARED_PREFIXES | Quirks::MISSING_CMD_ID);
/// assert_eq!(used.to_string(), "no-namespace, undeclared-prefixes, missing-cmd-id");
/// assert!(Fragment::decode(Encoding::Xml, profile, &DecodeOptions::new()).is_err());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "xml"))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Quirks(u16);

macro_rules! quirks {
    ($($(#[$doc:meta])* $name:ident = $bit:literal $text:literal;)*) => {
        impl Quirks {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// Each quirk alone, in the order of their declaration.
            pub const NAMED: &'static [Self] = &[$(Self::$name),*];

            /// All of them: what real peers send can be read.
            pub const FIELD: Self = Self($((1 << $bit))|*);

            /// The name of one quirk alone, for tools: lower case, words joined by `-`.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

quirks! {
    /// XML: an element in the namespace of its parent, where it has another, is taken for what its name says: `<Meta><Type>` without
    /// `xmlns="syncml:metinf"`. MetInf wants the namespace on each child of Meta; Fleet's documents, many of Microsoft's and most messages
    /// written by hand leave it out.
    INHERITED_NAMESPACE = 0 "inherited-namespace";
    /// XML: elements in no namespace are taken for what their names say. Microsoft's samples and Fleet's profiles have no `xmlns` at all.
    NO_NAMESPACE = 1 "no-namespace";
    /// XML: a prefix that nobody declared is passed over. Fleet's profiles say `<A:Format>` and count on the message they are put into.
    UNDECLARED_PREFIXES = 2 "undeclared-prefixes";
    /// XML: namespaces in any case. Horde's server says `syncml:syncml1.1`, others `syncml:SYNCML1.2`.
    NAMESPACE_CASE = 3 "namespace-case";
    /// XML: an `&` that begins no reference stands for itself. The test messages of AOSP's client say `MINDT=15&DR=1` in the options of an
    /// alert.
    BARE_AMPERSANDS = 4 "bare-ampersands";
    /// XML: an XML declaration may stand inside. Microsoft's documents show a whole document put into Data as it is.
    INNER_DECLARATIONS = 5 "inner-declarations";
    /// XML, fragments: several commands one after the other, without an element around them. Fleet's profiles.
    SEVERAL_ROOTS = 6 "several-roots";
    /// A command without a CmdID is kept, with an empty one. Fleet's profiles leave it to the server to number their commands; to such a
    /// command Windows answers 400 with an empty CmdRef.
    MISSING_CMD_ID = 7 "missing-cmd-id";
    /// Commands beside SyncBody count as its own. A test of Fleet's server.
    COMMANDS_OUTSIDE_BODY = 8 "commands-outside-body";
    /// A SyncHdr without elements is none. Microsoft's samples leave out what it holds.
    EMPTY_HEADER = 9 "empty-header";
    /// Text among elements is passed over: no-break spaces that indent Microsoft's samples, and dots that stand for something left out.
    STRAY_TEXT = 10 "stray-text";
}

impl Quirks {
    /// None: the strict reading.
    pub const STRICT: Self = Self(0);

    /// What Windows' clients, and servers and samples made for them, need.
    pub const WINDOWS: Self = Self::INHERITED_NAMESPACE
        .with(Self::NO_NAMESPACE)
        .with(Self::INNER_DECLARATIONS)
        .with(Self::MISSING_CMD_ID)
        .with(Self::EMPTY_HEADER)
        .with(Self::STRAY_TEXT);

    /// What Fleet's configuration profiles need: commands as people write them, for a server to complete.
    pub const FLEET: Self = Self::INHERITED_NAMESPACE
        .with(Self::NO_NAMESPACE)
        .with(Self::UNDECLARED_PREFIXES)
        .with(Self::SEVERAL_ROOTS)
        .with(Self::MISSING_CMD_ID)
        .with(Self::COMMANDS_OUTSIDE_BODY);

    /// What the client of AOSP, of Motorola's making, was tested with.
    pub const AOSP: Self = Self::BARE_AMPERSANDS;

    /// The profiles by name, for tools.
    pub const PROFILES: &'static [(&'static str, Self)] = &[
        ("STRICT", Self::STRICT),
        ("FIELD", Self::FIELD),
        ("WINDOWS", Self::WINDOWS),
        ("FLEET", Self::FLEET),
        ("AOSP", Self::AOSP),
    ];

    /// The profile of this name, in any case.
    ///
    /// ```
    /// use dm_syncml::Quirks;
    ///
    /// assert_eq!(Quirks::from_profile("field"), Some(Quirks::FIELD));
    /// assert_eq!(Quirks::from_profile("Nokia"), None);
    /// ```
    #[must_use]
    pub fn from_profile(name: &str) -> Option<Self> {
        Self::PROFILES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, quirks)| *quirks)
    }

    /// The name of the profile that is this set.
    #[must_use]
    pub fn profile_name(self) -> Option<&'static str> {
        Self::PROFILES.iter().find(|(_, quirks)| *quirks == self).map(|(name, _)| *name)
    }

    /// The quirk of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMED.iter().copied().find(|quirk| quirk.name() == Some(name))
    }

    /// Those of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of this set that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` are in this set.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each quirk of the set alone, in the order of [`NAMED`](Self::NAMED).
    pub fn iter(self) -> impl Iterator<Item = Self> {
        Self::NAMED.iter().copied().filter(move |quirk| self.contains(*quirk))
    }
}

impl core::ops::BitOr for Quirks {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

/// The names, joined by commas.
impl fmt::Display for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.iter().filter_map(Self::name).enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().filter_map(Self::name)).finish()
    }
}

#[cfg(feature = "xml")]
mod xml {
    use dm_wbxml::xml::Leniencies;

    use super::Quirks;

    /// The quirks that are XML's, and what the reader calls them.
    const OF_XML: [(Quirks, Leniencies); 7] = [
        (Quirks::INHERITED_NAMESPACE, Leniencies::WRONG_PAGE),
        (Quirks::NO_NAMESPACE, Leniencies::NO_NAMESPACE),
        (Quirks::UNDECLARED_PREFIXES, Leniencies::UNDECLARED_PREFIXES),
        (Quirks::NAMESPACE_CASE, Leniencies::NAMESPACE_CASE),
        (Quirks::BARE_AMPERSANDS, Leniencies::BARE_AMPERSANDS),
        (Quirks::INNER_DECLARATIONS, Leniencies::INNER_DECLARATIONS),
        (Quirks::SEVERAL_ROOTS, Leniencies::SEVERAL_ROOTS),
    ];

    impl Quirks {
        /// Those of the quirks that are XML's, for documents of other types, which are read without this crate.
        ///
        /// ```
        /// use dm_syncml::Quirks;
        /// use dm_syncml::elements::Leniencies;
        ///
        /// let quirks = Quirks::NO_NAMESPACE | Quirks::MISSING_CMD_ID;
        /// assert_eq!(quirks.leniencies(), Leniencies::NO_NAMESPACE);
        /// assert_eq!(Quirks::from_leniencies(Leniencies::NO_NAMESPACE), Quirks::NO_NAMESPACE);
        /// ```
        #[must_use]
        pub fn leniencies(self) -> Leniencies {
            OF_XML
                .iter()
                .filter(|(quirk, _)| self.contains(*quirk))
                .fold(Leniencies::NONE, |all, (_, leniency)| all.with(*leniency))
        }

        /// The quirks of these names of XML's.
        #[must_use]
        pub fn from_leniencies(met: Leniencies) -> Self {
            OF_XML
                .iter()
                .filter(|(_, leniency)| met.contains(*leniency))
                .fold(Self::STRICT, |all, (quirk, _)| all.with(*quirk))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_are_found_again() {
        for quirk in Quirks::NAMED {
            assert_eq!(Quirks::from_name(quirk.name().unwrap()), Some(*quirk));
        }
        assert_eq!(Quirks::from_name("stray"), None);
        assert_eq!(Quirks::FIELD.name(), None);
        assert_eq!(Quirks::STRICT.name(), None);
        for (name, quirks) in Quirks::PROFILES {
            assert_eq!(Quirks::from_profile(name), Some(*quirks));
            assert_eq!(quirks.profile_name(), Some(*name));
            assert!(Quirks::FIELD.contains(*quirks), "{name}");
        }
    }

    #[test]
    fn sets() {
        let both = Quirks::STRAY_TEXT | Quirks::NO_NAMESPACE;
        assert_eq!(both.to_string(), "no-namespace, stray-text");
        assert_eq!(alloc::format!("{both:?}"), r#"{"no-namespace", "stray-text"}"#);
        assert_eq!(both.without(Quirks::NO_NAMESPACE), Quirks::STRAY_TEXT);
        assert_eq!(Quirks::FIELD.iter().count(), Quirks::NAMED.len());
        assert!(Quirks::STRICT.is_empty() && Quirks::STRICT.to_string().is_empty());
    }
}
