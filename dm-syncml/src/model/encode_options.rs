//! How a message is written, where the standard leaves a choice.

use dm_wbxml::wbxml::Version;

/// How a message is written, where the standard leaves a choice. The default is what every peer reads: WBXML 1.2 without a
/// string table, text as it is, nested documents as they came.
///
/// ```
/// # #[cfg(feature = "xml")]
/// # fn main() -> Result<(), dm_syncml::DecodeError> {
/// use dm_syncml::elements::WbxmlVersion;
/// use dm_syncml::{DecodeOptions, EncodeOptions, Encoding, Fragment, StringTables, TextCarriage};
///
/// let xml = br#"<Add xmlns="SYNCML:SYNCML1.2"><CmdID>1</CmdID><Item><Data>a &lt; b</Data></Item></Add>"#;
/// let fragment = Fragment::decode(Encoding::Xml, xml, &DecodeOptions::new())?;
/// let options = EncodeOptions::new()
///     .with_wbxml_version(WbxmlVersion::V1_3)
///     .with_string_tables(StringTables::Automatic)
///     .with_text(TextCarriage::Section);
/// let mut out = Vec::with_capacity(fragment.encoded_len(Encoding::Xml, &options));
/// fragment.encode_into(Encoding::Xml, &options, &mut out);
/// assert!(String::from_utf8(out).unwrap().contains("<Data><![CDATA[a < b]]></Data>"));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "xml"))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// The version of WBXML. Answer with the peer's; nearly all handsets say 1.2.
    pub wbxml_version: Version,
    /// Whether text that repeats stands in a string table.
    pub string_tables: StringTables,
    /// How the text of Data travels.
    pub text: TextCarriage,
    /// How a management tree inside Data (TNDS, DDF) travels.
    pub documents: DocumentCarriage,
}

/// Whether WBXML text that repeats stands in a string table. Names outside the code space always do: they can stand nowhere else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum StringTables {
    /// In no table: what handsets expect.
    #[default]
    None,
    /// Whatever is shorter so.
    Automatic,
}

/// How the text of an item's Data travels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum TextCarriage {
    /// Escaped in XML, an inline string in WBXML. Octets stay octets.
    #[default]
    Plain,
    /// A CDATA section in XML, OPAQUE in WBXML. Microsoft's documents say that Windows takes no CDATA.
    Section,
}

/// How a management tree (an element `MgmtTree`: TNDS or DDF) inside an item's Data travels. A change changes the Type of the item with it,
/// between `+xml` and `+wbxml`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum DocumentCarriage {
    /// As it came, or as it was built.
    #[default]
    AsIs,
    /// Elements of the message: mark-up in XML, tokens of page 2 in WBXML. What clients of the SyncML toolkit read.
    Inline,
    /// A WBXML document of its own, in OPAQUE. What libwbxml writes, and bootstrap demands. In XML, which has no octets, inline.
    Wbxml,
    /// An XML document of its own, as text.
    #[cfg(feature = "xml")]
    Xml,
}

impl EncodeOptions {
    /// The default.
    pub const DEFAULT: Self = Self {
        wbxml_version: Version::V1_2,
        string_tables: StringTables::None,
        text: TextCarriage::Plain,
        documents: DocumentCarriage::AsIs,
    };

    /// The default.
    #[must_use]
    pub const fn new() -> Self {
        Self::DEFAULT
    }

    /// Sets the version of WBXML.
    #[must_use]
    pub const fn with_wbxml_version(mut self, version: Version) -> Self {
        self.wbxml_version = version;
        self
    }

    /// Sets whether text that repeats stands in a string table.
    #[must_use]
    pub const fn with_string_tables(mut self, string_tables: StringTables) -> Self {
        self.string_tables = string_tables;
        self
    }

    /// Sets how the text of Data travels.
    #[must_use]
    pub const fn with_text(mut self, text: TextCarriage) -> Self {
        self.text = text;
        self
    }

    /// Sets how a management tree inside Data travels.
    #[must_use]
    pub const fn with_documents(mut self, documents: DocumentCarriage) -> Self {
        self.documents = documents;
        self
    }
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}
