//! Elements that hold one text: identifiers, names, references.

use alloc::borrow::Cow;
use core::fmt;

use dm_wbxml::{Tag, is_xml_text};

use crate::error::{DecodeError, ValueError};

use super::mapping::{Content, IntoOwned};
use super::reading::Reading;
use super::writing::Writing;

/// What a constructor demands beyond text that both encodings can carry.
struct Rule {
    name: &'static str,
    may_be_empty: bool,
    white_space: bool,
    reserved: &'static str,
    /// The only values there are; empty for any.
    one_of: &'static [&'static str],
}

/// Octets of the longest value that a constructor takes: far above what any peer takes, and far below what a message may hold.
const LONGEST: usize = 65_535;

impl Rule {
    const fn text(name: &'static str) -> Self {
        Self { name, may_be_empty: false, white_space: true, reserved: "", one_of: &[] }
    }

    const fn token(name: &'static str) -> Self {
        Self { white_space: false, ..Self::text(name) }
    }

    const fn or_empty(self) -> Self {
        Self { may_be_empty: true, ..self }
    }

    const fn but_not(self, reserved: &'static str) -> Self {
        Self { reserved, ..self }
    }

    const fn one_of(self, one_of: &'static [&'static str]) -> Self {
        Self { one_of, ..self }
    }

    fn check(&self, text: &str) -> Result<(), ValueError> {
        if text.is_empty() {
            return if self.may_be_empty { Ok(()) } else { Err(ValueError::Empty(self.name)) };
        }
        if text.len() > LONGEST {
            return Err(ValueError::TooLong(self.name, LONGEST));
        }
        if !is_xml_text(text) {
            return Err(ValueError::NotText(self.name));
        }
        // A reader trims around these elements, so outer white space would not come back.
        if (!self.white_space && text.contains(char::is_whitespace)) || text.trim() != text {
            return Err(ValueError::WhiteSpace(self.name));
        }
        if text == self.reserved {
            return Err(ValueError::Reserved(self.name));
        }
        if !self.one_of.is_empty() && !self.one_of.contains(&text) {
            return Err(ValueError::Unknown(self.name));
        }
        Ok(())
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident $rule:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// A decoded one may break the constructor's rules, except that it is text.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<'a>(Cow<'a, str>);

        impl<'a> $name<'a> {
            /// Checks and wraps a text.
            ///
            /// # Errors
            /// The text is empty, longer than 65,535 octets, has white space around or (in a token) inside it, control characters, or is not
            /// one of the values there are.
            pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, ValueError> {
                const RULE: Rule = $rule;
                let text = text.into();
                RULE.check(&text).map(|()| Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The same value, owning its text.
            #[must_use]
            pub fn into_owned(self) -> $name<'static> {
                $name(Cow::Owned(self.0.into_owned()))
            }

            /// The same value, borrowing from this one.
            #[must_use]
            pub fn borrowed(&self) -> $name<'_> {
                $name(Cow::Borrowed(&self.0))
            }
        }

        impl<'a> Content<'a> for $name<'a> {
            #[inline]
            fn decode<S: Reading<'a>>(source: &mut S, _: Tag) -> Result<Self, DecodeError> {
                let text = source.text()?;
                Ok(Self(if is_trimmed(&text) { text } else { trim(text) }))
            }

            #[inline]
            fn encode<K: Writing>(&self, tag: Tag, sink: &mut K) {
                sink.leaf(tag, &self.0);
            }
        }

        impl IntoOwned for $name<'_> {
            type Owned = $name<'static>;

            fn into_owned(self) -> Self::Owned {
                self.into_owned()
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $name<'_> {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name<'_> {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name<'_> {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    )*};
}

texts! {
    /// `VerDTD`: the version of the representation (`1.2`).
    VerDtd Rule::token("VerDTD");
    /// `VerProto`: the version of the protocol (`DM/1.2`).
    VerProto Rule::token("VerProto");
    /// `SessionID`: opaque; compare it exactly (DM Protocol 1.2.1, SyncHdr).
    SessionId Rule::token("SessionID");
    /// `MsgID` or `MsgRef`: each side counts its messages from 1.
    MsgId Rule::token("MsgID");
    /// `CmdID`: any token but `0`, unique in its message.
    CmdId Rule::token("CmdID").but_not("0");
    /// `CmdRef`: the CmdID answered, `0` for the SyncHdr.
    CmdRef Rule::token("CmdRef").or_empty();
    /// `Cmd`: the name of the command answered, or `SyncHdr`.
    CmdName Rule::token("Cmd");
    /// `LocURI`: an address, or a place in a management tree.
    LocUri Rule::token("LocURI");
    /// `LocName`: a name for people, or the user name of credentials.
    LocName Rule::text("LocName");
    /// `TargetRef` or `SourceRef`: a LocURI referred to.
    Reference Rule::token("TargetRef").or_empty();
    /// `Correlator`: ties the later generic alert to its Exec.
    Correlator Rule::text("Correlator");
    /// `Format` (MetInf): how Data is to be read.
    Format Rule::token("Format").one_of(&[
        "b64", "bin", "bool", "chr", "int", "node", "null", "xml", "date", "time", "float",
    ]);
    /// `Type` (MetInf): the media type of Data, the type of an alert or of a credential.
    MediaType Rule::text("Type");
    /// `Mark` (MetInf): how grave a generic alert is.
    Mark Rule::token("Mark").one_of(&[
        "fatal", "critical", "minor", "warning", "informational", "harmless", "indeterminate",
    ]);
    /// `Version` (MetInf).
    Version Rule::text("Version");
}

macro_rules! constants {
    ($($type:ident { $($(#[$doc:meta])* $name:ident = $text:literal;)* })*) => {$(
        impl $type<'_> {
            $($(#[$doc])* pub const $name: $type<'static> = $type(Cow::Borrowed($text));)*
        }
    )*};
}

constants! {
    VerDtd {
        /// SyncML 1.2.
        V1_2 = "1.2";
        /// SyncML 1.1.
        V1_1 = "1.1";
    }
    VerProto {
        /// DM 1.2.
        DM_1_2 = "DM/1.2";
        /// DM 1.1.
        DM_1_1 = "DM/1.1";
        /// DM 1.3.
        DM_1_3 = "DM/1.3";
    }
    Format {
        /// Base64 text.
        B64 = "b64";
        /// Octets.
        BIN = "bin";
        /// `true` or `false`.
        BOOL = "bool";
        /// Text: what is meant when nothing is said.
        CHR = "chr";
        /// An ISO 8601 date.
        DATE = "date";
        /// A floating-point number.
        FLOAT = "float";
        /// A 32-bit decimal number.
        INT = "int";
        /// An interior node.
        NODE = "node";
        /// Nothing.
        NULL = "null";
        /// An ISO 8601 time.
        TIME = "time";
        /// XML.
        XML = "xml";
    }
    MediaType {
        /// Text: what is meant when nothing is said.
        TEXT_PLAIN = "text/plain";
        /// Octets.
        OCTET_STREAM = "application/octet-stream";
        /// A serialised management tree (TNDS) as XML.
        TNDS_XML = "application/vnd.syncml.dmtnds+xml";
        /// A serialised management tree (TNDS) as WBXML.
        TNDS_WBXML = "application/vnd.syncml.dmtnds+wbxml";
        /// A description of a management tree (DDF) as XML.
        DDF_XML = "application/vnd.syncml.dmddf+xml";
        /// A description of a management tree (DDF) as WBXML.
        DDF_WBXML = "application/vnd.syncml.dmddf+wbxml";
        /// Basic credentials.
        AUTH_BASIC = "syncml:auth-basic";
        /// MD5 digest credentials.
        AUTH_MD5 = "syncml:auth-md5";
        /// A MAC over the whole message, beside it.
        AUTH_MAC = "syncml:auth-MAC";
    }
    Mark {
        /// Nothing works any more.
        FATAL = "fatal";
        /// Needs attention at once.
        CRITICAL = "critical";
        /// Needs attention.
        MINOR = "minor";
        /// May need attention.
        WARNING = "warning";
        /// Worth knowing: what is meant when nothing is said.
        INFORMATIONAL = "informational";
        /// Of no consequence.
        HARMLESS = "harmless";
        /// Nobody can tell.
        INDETERMINATE = "indeterminate";
    }
    CmdRef {
        /// The header of a message.
        SYNC_HDR = "0";
        /// A command whose CmdID nobody can tell.
        EMPTY = "";
    }
    CmdName {
        /// The header of a message.
        SYNC_HDR = "SyncHdr";
        /// The command Add; the names of the others are alike.
        ADD = "Add";
        /// Alert
        ALERT = "Alert";
        /// Atomic
        ATOMIC = "Atomic";
        /// Copy
        COPY = "Copy";
        /// Delete
        DELETE = "Delete";
        /// Exec
        EXEC = "Exec";
        /// Get
        GET = "Get";
        /// Replace
        REPLACE = "Replace";
        /// Results
        RESULTS = "Results";
        /// Sequence
        SEQUENCE = "Sequence";
        /// Status
        STATUS = "Status";
    }
}

impl MsgId<'_> {
    /// The MsgID with this number.
    #[must_use]
    pub fn number(number: u32) -> MsgId<'static> {
        MsgId(Cow::Owned(alloc::format!("{number}")))
    }

    /// The number, when it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<u32> {
        parse_decimal(&self.0)
    }
}

impl CmdId<'_> {
    /// Stands where a command has none (see [`Quirks::MISSING_CMD_ID`](crate::Quirks::MISSING_CMD_ID)).
    pub(crate) const MISSING: CmdId<'static> = CmdId(Cow::Borrowed(""));
    /// As long as the longest that a session makes.
    pub(crate) const LONGEST: CmdId<'static> = CmdId(Cow::Borrowed("4294967295"));

    /// The CmdID with this number.
    #[must_use]
    pub fn number(number: core::num::NonZeroU32) -> CmdId<'static> {
        CmdId(Cow::Owned(alloc::format!("{number}")))
    }
}

impl<'a> CmdId<'a> {
    /// A reference to the command with this id.
    #[must_use]
    pub fn to_ref(&self) -> CmdRef<'static> {
        CmdRef(Cow::Owned(self.0.clone().into_owned()))
    }
}

impl LocUri<'_> {
    /// A reference to this address.
    #[must_use]
    pub fn to_ref(&self) -> Reference<'static> {
        Reference(Cow::Owned(self.0.clone().into_owned()))
    }
}

/// Whether neither end is white space; that nothing is there is seen at once.
#[inline]
fn is_trimmed(text: &str) -> bool {
    let is_text = |b: Option<&u8>| b.is_none_or(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
    is_text(text.as_bytes().first()) && is_text(text.as_bytes().last())
}

/// White space around is a habit of XML writers; it says nothing (RepPro 1.2.2, markup).
#[cold]
fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
        Cow::Owned(text) => Cow::Owned(text.trim_ascii().into()),
    }
}

/// Decimal digits and nothing else.
pub(crate) fn parse_decimal<N: core::str::FromStr>(text: &str) -> Option<N> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each constructor refuses, and what it takes.
    #[test]
    fn constructors_refuse_what_is_not_legal_on_the_wire() {
        let long = "n".repeat(LONGEST + 1);
        macro_rules! check {
            ($($type:ident $name:literal: [$($good:literal)*] $($bad:literal $error:ident)*;)*) => {$(
                for good in [$($good),*] {
                    assert_eq!($type::new(good).unwrap().as_str(), good);
                    let owned = $type::new(alloc::string::String::from(good)).unwrap();
                    assert_eq!(owned.borrowed().into_owned(), owned);
                }
                for (bad, error) in [
                    ("a\u{0}", ValueError::NotText($name)),
                    ("\u{FFFE}", ValueError::NotText($name)),
                    (" a", ValueError::WhiteSpace($name)),
                    ("a\n", ValueError::WhiteSpace($name)),
                    (&long[..], ValueError::TooLong($name, LONGEST)),
                    $(($bad, ValueError::$error($name)),)*
                ] {
                    assert_eq!($type::new(bad), Err(error), "{bad:?}");
                }
            )*};
        }
        check! {
            VerDtd "VerDTD": ["1.2" "1.1"] "" Empty "1 2" WhiteSpace;
            VerProto "VerProto": ["DM/1.2" "DM/1.3"] "" Empty "DM 1.2" WhiteSpace;
            SessionId "SessionID": ["1A" "0"] "" Empty "1 A" WhiteSpace;
            MsgId "MsgID": ["1" "01"] "" Empty "1 2" WhiteSpace;
            // Fleet numbers its commands with UUIDs.
            CmdId "CmdID": ["1" "5b6c3f5e-6e43-4f6e-a6b3-1c9c2a1d7f00"] "" Empty "a b" WhiteSpace "0" Reserved;
            CmdRef "CmdRef": ["" "0" "1"] "1 2" WhiteSpace;
            CmdName "Cmd": ["Get" "SyncHdr"] "" Empty "Get it" WhiteSpace;
            LocUri "LocURI": ["." "./DevInfo/DevId" "./A?prop=ACL" "https://dm.example.net/é"] "" Empty
                "./A B" WhiteSpace "./A\tB" WhiteSpace "./A\u{A0}B" WhiteSpace;
            LocName "LocName": ["Jürgen Müller"] "" Empty;
            Reference "TargetRef": ["" "./A"] "./A B" WhiteSpace;
            Correlator "Correlator": ["abc" "a b"] "" Empty;
            Format "Format": ["b64" "bin" "bool" "chr" "int" "node" "null" "xml" "date" "time" "float"] "" Empty
                "BIN" Unknown "base64" Unknown "b 64" WhiteSpace;
            MediaType "Type": ["text/plain" "text/plain; charset=utf-8"] "" Empty;
            Mark "Mark": ["fatal" "critical" "minor" "warning" "informational" "harmless" "indeterminate"] "" Empty
                "Fatal" Unknown "bad" Unknown;
            Version "Version": ["1.0" "1 beta"] "" Empty;
        }
    }

    /// What takes a number makes something that the checked constructor takes as well.
    #[test]
    fn numbers_make_legal_ids() {
        for number in [1, 10, u32::MAX] {
            let id = CmdId::number(number.try_into().unwrap());
            assert_eq!(CmdId::new(id.as_str()).as_ref(), Ok(&id));
            assert_eq!(id.to_ref().as_str(), id.as_str());
            assert_eq!(MsgId::new(MsgId::number(number).as_str()), Ok(MsgId::number(number)));
            assert_eq!(MsgId::number(number).as_number(), Some(number));
        }
        assert_eq!(CmdId::LONGEST, CmdId::number(u32::MAX.try_into().unwrap()));
    }

    /// Constants are legal too.
    #[test]
    fn constants_pass_their_own_check() {
        macro_rules! check {
            ($($type:ident $($name:ident)*;)*) => {$($(
                assert_eq!($type::new($type::$name.as_str()), Ok($type::$name));
            )*)*};
        }
        check! {
            VerDtd V1_1 V1_2;
            VerProto DM_1_1 DM_1_2 DM_1_3;
            Format B64 BIN BOOL CHR DATE FLOAT INT NODE NULL TIME XML;
            MediaType TEXT_PLAIN OCTET_STREAM TNDS_XML TNDS_WBXML DDF_XML DDF_WBXML AUTH_BASIC AUTH_MD5;
            Mark FATAL CRITICAL MINOR WARNING INFORMATIONAL HARMLESS INDETERMINATE;
            CmdRef SYNC_HDR EMPTY;
            CmdName SYNC_HDR ADD ALERT ATOMIC COPY DELETE EXEC GET REPLACE RESULTS SEQUENCE STATUS;
        }
    }

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(MsgId::new("17").unwrap().as_number(), Some(17));
        for text in ["+1", "-1", "1.0", "0x1", "99999999999"] {
            assert_eq!(MsgId::new(text).unwrap().as_number(), None, "{text}");
        }
    }
}
