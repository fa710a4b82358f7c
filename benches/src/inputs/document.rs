//! One document, written as XML and as WBXML side by side.

/// The elements generated messages are made of: name, code page, token (SyncML RepPro 1.2 and MetInf 1.2 tables).
macro_rules! tags {
    ($($name:ident $page:literal $token:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[allow(clippy::upper_case_acronyms, reason = "element names as on the wire")]
        pub(super) enum Tag { $($name),* }

        impl Tag {
            const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// Code page and token.
            const fn code(self) -> (u8, u8) {
                match self { $(Self::$name => ($page, $token)),* }
            }
        }
    };
}

tags! {
    Add 0 0x05, Alert 0 0x06, Atomic 0 0x08, Cmd 0 0x0A, CmdID 0 0x0B, CmdRef 0 0x0C, Cred 0 0x0E, Data 0 0x0F,
    Exec 0 0x11, Final 0 0x12, Get 0 0x13, Item 0 0x14, LocName 0 0x16, LocURI 0 0x17, Meta 0 0x1A, MsgID 0 0x1B,
    MsgRef 0 0x1C, Replace 0 0x20, Results 0 0x22, SessionID 0 0x25, Source 0 0x27, SourceRef 0 0x28, Status 0 0x29,
    SyncBody 0 0x2B, SyncHdr 0 0x2C, SyncML 0 0x2D, Target 0 0x2E, TargetRef 0 0x2F, VerDTD 0 0x31, VerProto 0 0x32,
    Format 1 0x07, MaxMsgSize 1 0x0C, Type 1 0x13, MaxObjSize 1 0x15,
}

/// WBXML 1.2, public id SyncML 1.2, UTF-8, no string table.
const WBXML_HEADER: [u8; 5] = [0x02, 0xA4, 0x01, 0x6A, 0x00];
const SWITCH_PAGE: u8 = 0x00;
const END: u8 = 0x01;
const STR_I: u8 = 0x03;
const OPAQUE: u8 = 0xC3;
const HAS_CONTENT: u8 = 0x40;

pub(super) struct Document {
    xml: String,
    wbxml: Vec<u8>,
    page: u8,
    open: Vec<Tag>,
}

impl Document {
    pub(super) fn new() -> Self {
        Self { xml: String::new(), wbxml: WBXML_HEADER.to_vec(), page: 0, open: Vec::new() }
    }

    /// Bytes of XML so far.
    pub(super) fn xml_len(&self) -> usize {
        self.xml.len()
    }

    pub(super) fn open(&mut self, tag: Tag) {
        self.start(tag, true);
        self.xml.push('>');
        self.open.push(tag);
    }

    pub(super) fn close(&mut self) {
        let tag = self.open.pop().expect("every close has its open in the generator");
        self.end(tag);
    }

    pub(super) fn empty(&mut self, tag: Tag) {
        self.start(tag, false);
        self.xml.push_str("/>");
    }

    /// An element with text, as an inline string in WBXML.
    pub(super) fn text(&mut self, tag: Tag, text: &str) {
        self.open_text(tag, text);
        self.wbxml.push(STR_I);
        self.wbxml.extend_from_slice(text.as_bytes());
        self.wbxml.push(0);
        self.end(tag);
    }

    /// An element with text, as an opaque in WBXML: how libwbxml writes Data below Add and Replace.
    pub(super) fn octets(&mut self, tag: Tag, text: &str) {
        self.open_text(tag, text);
        self.wbxml.push(OPAQUE);
        self.mb_u_int32(text.len());
        self.wbxml.extend_from_slice(text.as_bytes());
        self.end(tag);
    }

    pub(super) fn finish(self) -> (String, Vec<u8>) {
        assert!(self.open.is_empty(), "every element is closed");
        (self.xml, self.wbxml)
    }

    fn open_text(&mut self, tag: Tag, text: &str) {
        self.start(tag, true);
        self.xml.push('>');
        for c in text.chars() {
            match c {
                '&' => self.xml.push_str("&amp;"),
                '<' => self.xml.push_str("&lt;"),
                '>' => self.xml.push_str("&gt;"),
                _ => self.xml.push(c),
            }
        }
    }

    fn start(&mut self, tag: Tag, has_content: bool) {
        let (page, token) = tag.code();
        self.xml.push('<');
        self.xml.push_str(tag.name());
        if tag == Tag::SyncML {
            self.xml.push_str(" xmlns=\"SYNCML:SYNCML1.2\"");
        } else if page == 1 {
            self.xml.push_str(" xmlns=\"syncml:metinf\"");
        }
        if page != self.page {
            self.wbxml.extend_from_slice(&[SWITCH_PAGE, page]);
            self.page = page;
        }
        self.wbxml.push(if has_content { token | HAS_CONTENT } else { token });
    }

    fn end(&mut self, tag: Tag) {
        self.xml.push_str("</");
        self.xml.push_str(tag.name());
        self.xml.push('>');
        self.wbxml.push(END);
    }

    /// Seven bits an octet, most significant first, the top bit on all but the last (WBXML 1.3 §5.1).
    fn mb_u_int32(&mut self, value: usize) {
        let value = u32::try_from(value).expect("generated values are at most a megabyte");
        let groups = (32 - (value | 1).leading_zeros()).div_ceil(7);
        for group in (0..groups).rev() {
            let bits = (value >> (group * 7)) as u8 & 0x7F;
            self.wbxml.push(if group == 0 { bits } else { bits | 0x80 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_say_the_same() {
        let mut doc = Document::new();
        doc.open(Tag::Meta);
        doc.text(Tag::Format, "b64");
        doc.close();
        doc.octets(Tag::Data, "a&b");
        doc.empty(Tag::Final);
        let (xml, wbxml) = doc.finish();
        assert_eq!(
            xml,
            "<Meta><Format xmlns=\"syncml:metinf\">b64</Format></Meta><Data>a&amp;b</Data><Final/>"
        );
        // SyncML RepPro 1.2 tokens; page switches are lazy.
        let body = [
            &[0x5A, 0x00, 0x01, 0x47, 0x03, b'b', b'6', b'4', 0x00, 0x01, 0x01][..],
            &[0x00, 0x00, 0x4F, 0xC3, 0x03, b'a', b'&', b'b', 0x01, 0x12],
        ];
        assert_eq!(wbxml[5..], body.concat());
    }

    #[test]
    fn numbers_take_as_few_octets_as_they_can() {
        for (value, octets) in [
            (0, &[0x00][..]),
            (127, &[0x7F]),
            (128, &[0x81, 0x00]),
            (0x1201, &[0xA4, 0x01]),
            (16384, &[0x81, 0x80, 0x00]),
        ] {
            let mut doc = Document::new();
            doc.mb_u_int32(value);
            assert_eq!(doc.wbxml[5..], *octets, "{value}");
        }
    }
}
