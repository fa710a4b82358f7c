//! Code spaces as data: which token stands for which element.

use crate::attribute_page::AttributePage;
use crate::name::Tag;

/// One code page: its number, the XML namespaces it stands for, and its elements.
///
/// A page is a constant; both directions of lookup are tables made at compile time.
///
/// ```
/// use dm_wbxml::{CodePage, CodeSpace, PublicId, Tag};
///
/// static LAMPS: CodePage = CodePage::new(0, &["urn:example:lamps"], &[(0x05, "Lamp"), (0x06, "Colour")]);
/// static SPACE: CodeSpace = CodeSpace::new(PublicId::UNKNOWN, "-//EXAMPLE//DTD Lamps 1.0//EN", &[&LAMPS]);
///
/// assert_eq!(SPACE.name(Tag::new(0, 0x06)), Some("Colour"));
/// assert_eq!(SPACE.pages()[0].tag("Lamp"), Some(Tag::new(0, 0x05)));
/// ```
#[derive(Debug)]
pub struct CodePage {
    number: u8,
    namespaces: &'static [&'static str],
    elements: &'static [(u8, &'static str)],
    /// For each token its name, empty when it has none.
    names: [&'static str; 0x40],
    by_name: [u8; SLOTS],
    /// For each token its XML tags, ready to be written.
    #[cfg(feature = "xml")]
    tags: [Tags; 0x40],
}

/// `<name></name>`, when that is short enough, and else nothing.
#[cfg(feature = "xml")]
#[derive(Clone, Copy, Debug)]
struct Tags {
    octets: [u8; 48],
    /// Length of the start tag.
    start: u8,
    /// Length of both.
    both: u8,
}

#[cfg(feature = "xml")]
impl Tags {
    const NONE: Self = Self { octets: [0; 48], start: 0, both: 0 };

    const fn new(name: &[u8]) -> Self {
        let mut tags = Self::NONE;
        if name.len() * 2 + "<></>".len() > tags.octets.len() {
            return tags;
        }
        let (mut at, mut round) = (0, 0);
        while round < 2 {
            tags.octets[at] = b'<';
            at += 1;
            if round == 1 {
                tags.octets[at] = b'/';
                at += 1;
            }
            let mut i = 0;
            while i < name.len() {
                tags.octets[at] = name[i];
                at += 1;
                i += 1;
            }
            tags.octets[at] = b'>';
            at += 1;
            if round == 0 {
                tags.start = at as u8;
            }
            round += 1;
        }
        tags.both = at as u8;
        tags
    }
}

/// Slots of the name table: a power of two, more than twice the 59 elements a page can have.
const SLOTS: usize = 128;
const FREE: u8 = 0xFF;

impl CodePage {
    /// A page with its elements as (token, name). The first namespace is the one written; the others are read too.
    ///
    /// # Panics
    /// When a token is out of range (0x05 to 0x3F), a token or a name is given twice, a name is empty, or there is no namespace. In a
    /// constant these are compile errors.
    #[must_use]
    pub const fn new(
        number: u8,
        namespaces: &'static [&'static str],
        elements: &'static [(u8, &'static str)],
    ) -> Self {
        assert!(!namespaces.is_empty(), "a page needs a namespace");
        let mut names = [""; 0x40];
        let mut by_name = [FREE; SLOTS];
        #[cfg(feature = "xml")]
        let mut tags = [Tags::NONE; 0x40];
        let mut i = 0;
        while i < elements.len() {
            let (token, name) = elements[i];
            assert!(token >= 0x05 && token <= 0x3F, "a tag identity has 6 bits and is not a global token");
            assert!(names[token as usize].is_empty(), "a token is given twice");
            assert!(!name.is_empty(), "an element needs a name");
            names[token as usize] = name;
            #[cfg(feature = "xml")]
            (tags[token as usize] = Tags::new(name.as_bytes()));
            let mut slot = slot_of(name.as_bytes());
            while by_name[slot] != FREE {
                let (_, other) = elements[by_name[slot] as usize];
                assert!(!is_same(name.as_bytes(), other.as_bytes()), "a name is given twice");
                slot = (slot + 1) % SLOTS;
            }
            by_name[slot] = i as u8;
            i += 1;
        }
        Self {
            number,
            namespaces,
            elements,
            names,
            by_name,
            #[cfg(feature = "xml")]
            tags,
        }
    }

    /// The page number, as in SWITCH_PAGE.
    #[must_use]
    pub const fn number(&self) -> u8 {
        self.number
    }

    /// The namespace that is written.
    #[must_use]
    pub const fn namespace(&self) -> &'static str {
        self.namespaces[0]
    }

    /// All namespaces that are read.
    #[must_use]
    pub const fn namespaces(&self) -> &'static [&'static str] {
        self.namespaces
    }

    /// The element called `name`.
    #[inline]
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<Tag> {
        if name.is_empty() {
            return None;
        }
        let mut slot = slot_of(name.as_bytes());
        loop {
            let (token, known) = self.elements.get(usize::from(self.by_name[slot]))?;
            if *known == name {
                return Some(Tag::from_wire(self.number, *token));
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// `<name>` and `</name>` of the element with this token; `None` for one without a name or with a long one.
    #[cfg(feature = "xml")]
    #[inline]
    pub(crate) fn xml_tags(&'static self, token: u8) -> Option<(&'static [u8], &'static [u8])> {
        let tags = self.tags.get(usize::from(token))?;
        let both = tags.octets.get(..usize::from(tags.both))?;
        if both.is_empty() { None } else { both.split_at_checked(usize::from(tags.start)) }
    }

    /// The name of the element with this token.
    #[inline]
    #[must_use]
    pub fn name(&self, token: u8) -> Option<&'static str> {
        self.names.get(usize::from(token)).copied().filter(|name| !name.is_empty())
    }
}

/// A cheap spread over first, middle and last octet and the length; `name` is not empty.
#[inline]
const fn slot_of(name: &[u8]) -> usize {
    let (first, middle, last) =
        (name[0] as usize, name[name.len() / 2] as usize, name[name.len() - 1] as usize);
    (first.wrapping_mul(7) ^ middle.wrapping_mul(29) ^ last.wrapping_mul(3) ^ name.len().wrapping_mul(17))
        % SLOTS
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut same = a.len() == b.len();
    let mut i = 0;
    while same && i < a.len() {
        same = a[i] == b[i];
        i += 1;
    }
    same
}

/// A document's public identifier in WBXML: a number from the WINA registry (WAP-192 §5.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PublicId(u32);

impl PublicId {
    /// "Unknown or missing public identifier".
    pub const UNKNOWN: Self = Self(1);
    /// SyncML 1.0.
    pub const SYNCML_1_0: Self = Self(0x0FD1);
    /// SyncML 1.1.
    pub const SYNCML_1_1: Self = Self(0x0FD3);
    /// SyncML 1.2.
    pub const SYNCML_1_2: Self = Self(0x1201);
    /// DevInf 1.0.
    pub const DEVINF_1_0: Self = Self(0x0FD2);
    /// DevInf 1.1.
    pub const DEVINF_1_1: Self = Self(0x0FD4);
    /// DevInf 1.2.
    pub const DEVINF_1_2: Self = Self(0x1203);
    /// Connectivity provisioning 1.0.
    pub const PROV_1_0: Self = Self(0x0B);

    /// The identifier with this number, which is not 0: 0 means "by name, in the string table".
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The code pages of one kind of document.
///
/// A code space is data: declare one, and everything here reads and writes its documents.
///
/// ```
/// use dm_wbxml::wbxml::{StringTable, Version, Writer};
/// use dm_wbxml::{Attribute, AttributePage, CodePage, CodeSpace, Event, Limits, PublicId, Sink, Source, Tag, wbxml};
///
/// const LAMP: Tag = Tag::new(0, 0x05);
/// static ELEMENTS: CodePage = CodePage::new(0, &["urn:example:lamps"], &[(0x05, "Lamp")]);
/// static ATTRIBUTES: AttributePage =
///     AttributePage::new(0, &[(0x05, "colour", ""), (0x06, "colour", "dark-")], &[(0x85, "red"), (0x86, "blue")]);
/// static LAMPS: CodeSpace = CodeSpace::new(PublicId::UNKNOWN, "-//EXAMPLE//DTD Lamps 1.0//EN", &[&ELEMENTS])
///     .with_attributes(&[&ATTRIBUTES]);
///
/// // One octet for `colour="dark-`, one for `blue`.
/// let (mut out, table) = (Vec::new(), StringTable::new());
/// let mut writer = Writer::new(&mut out, Version::V1_3, LAMPS.public_id(), &table).with_attributes(&LAMPS);
/// let colour = Attribute::new("colour", "dark-blue").ok_or("not XML")?;
/// writer.element(&LAMP.into(), std::slice::from_ref(&colour), false);
/// assert!(writer.finish());
/// assert_eq!(out, b"\x03\x01\x6A\x00\x85\x06\x86\x01");
///
/// let mut reader = wbxml::Reader::new(&out, &LAMPS, Limits::default())?;
/// assert_eq!(reader.next()?, Some(Event::Start(LAMP.into())));
/// assert_eq!(reader.next()?, Some(Event::Attribute(colour)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CodeSpace {
    public_id: PublicId,
    formal_public_id: &'static str,
    pages: &'static [&'static CodePage],
    by_number: [u8; 256],
    attribute_pages: &'static [&'static AttributePage],
}

impl CodeSpace {
    /// A code space: its WBXML public identifier, its formal public identifier, and its pages.
    ///
    /// # Panics
    /// When there is no page, more than 254, or a page number is given twice. In a constant these are compile errors.
    #[must_use]
    pub const fn new(
        public_id: PublicId,
        formal_public_id: &'static str,
        pages: &'static [&'static CodePage],
    ) -> Self {
        assert!(!pages.is_empty(), "a code space needs a page");
        assert!(pages.len() < FREE as usize, "too many pages");
        let mut by_number = [FREE; 256];
        let mut i = 0;
        while i < pages.len() {
            let number = pages[i].number as usize;
            assert!(by_number[number] == FREE, "a page number is given twice");
            by_number[number] = i as u8;
            i += 1;
        }
        Self { public_id, formal_public_id, pages, by_number, attribute_pages: &[] }
    }

    /// The same code space with tokens for attributes.
    ///
    /// # Panics
    /// When a page number is given twice. In a constant that is a compile error.
    #[must_use]
    pub const fn with_attributes(mut self, pages: &'static [&'static AttributePage]) -> Self {
        let mut i = 0;
        while i < pages.len() {
            let mut j = 0;
            while j < i {
                assert!(pages[i].number() != pages[j].number(), "an attribute page is given twice");
                j += 1;
            }
            i += 1;
        }
        self.attribute_pages = pages;
        self
    }

    /// The pages of attribute tokens; SyncML and its like have none.
    #[must_use]
    pub const fn attribute_pages(&self) -> &'static [&'static AttributePage] {
        self.attribute_pages
    }

    /// The page of attribute tokens with this number.
    #[must_use]
    pub fn attribute_page(&self, number: u8) -> Option<&'static AttributePage> {
        self.attribute_pages.iter().copied().find(|page| page.number() == number)
    }

    /// The number that stands in a WBXML header.
    #[must_use]
    pub const fn public_id(&self) -> PublicId {
        self.public_id
    }

    /// The name that may stand in a string table instead.
    #[must_use]
    pub const fn formal_public_id(&self) -> &'static str {
        self.formal_public_id
    }

    /// The pages, in the order given.
    #[must_use]
    pub const fn pages(&self) -> &'static [&'static CodePage] {
        self.pages
    }

    /// The page with this number.
    #[inline]
    #[must_use]
    pub fn page(&self, number: u8) -> Option<&'static CodePage> {
        let index = *self.by_number.get(usize::from(number))?;
        self.pages.get(usize::from(index)).copied()
    }

    /// The page that a namespace stands for.
    #[must_use]
    pub fn page_of(&self, namespace: &str) -> Option<&'static CodePage> {
        self.pages.iter().copied().find(|page| page.namespaces.contains(&namespace))
    }

    /// The name of an element, `None` when nobody named the token.
    #[inline]
    #[must_use]
    pub fn name(&self, tag: Tag) -> Option<&'static str> {
        self.page(tag.page())?.name(tag.token())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SYNCML_1_2;

    #[test]
    fn both_directions_agree_on_every_element() {
        let mut elements = 0;
        for page in SYNCML_1_2.pages() {
            for token in 0..=u8::MAX {
                if let Some(name) = page.name(token) {
                    assert_eq!(page.tag(name), Some(Tag::new(page.number(), token)));
                    assert_eq!(SYNCML_1_2.name(Tag::new(page.number(), token)), Some(name));
                    elements += 1;
                }
            }
            for namespace in page.namespaces() {
                assert_eq!(SYNCML_1_2.page_of(namespace).map(CodePage::number), Some(page.number()));
            }
        }
        // RepPro 1.2.2: 05 to 3C without 30; MetInf 1.2: 05 to 16; TND 1.2.1: 05 to 3C.
        assert_eq!(elements, 55 + 18 + 56);
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let page = SYNCML_1_2.page(0).unwrap();
        for name in ["", "add", "ADD", "Ad", "Addd", "Type", "MgmtTree", "\u{FF}"] {
            assert_eq!(page.tag(name), None, "{name}");
        }
        assert_eq!(page.name(0x30), None);
        assert_eq!(page.name(0xFF), None);
        assert!(
            SYNCML_1_2.page(3).is_none() && SYNCML_1_2.page(8).is_none() && SYNCML_1_2.page(255).is_none()
        );
        assert!(SYNCML_1_2.page_of("").is_none());
        assert_eq!(SYNCML_1_2.name(Tag::new(200, 0x05)), None);
    }

    #[test]
    #[should_panic(expected = "a token is given twice")]
    fn a_token_stands_once() {
        let _ = CodePage::new(0, &["u"], &[(5, "A"), (5, "B")]);
    }

    #[test]
    #[should_panic(expected = "a name is given twice")]
    fn a_name_stands_once() {
        let _ = CodePage::new(0, &["u"], &[(5, "A"), (6, "A")]);
    }

    #[test]
    #[should_panic(expected = "a page number is given twice")]
    fn a_page_stands_once() {
        static PAGE: CodePage = CodePage::new(7, &["u"], &[]);
        static PAGES: [&CodePage; 2] = [&PAGE, &PAGE];
        let _ = CodeSpace::new(PublicId::UNKNOWN, "", &PAGES);
    }

    #[test]
    fn no_public_identifier_is_zero() {
        assert_eq!(PublicId::new(0), None);
        assert_eq!(PublicId::new(0x1201), Some(PublicId::SYNCML_1_2));
    }
}
