//! WBXML and bounded XML behind one element source and one element sink, for SyncML and OMA-DM.
//!
//! A SyncML message travels as XML or as WBXML, the same elements in either. This crate reads and writes both through one
//! pair of traits, [`Source`] and [`Sink`], so that whatever knows the elements is written once; it knows names and tokens,
//! and nothing of what they mean. `dm-syncml` builds its messages on it, `dm-tree` its descriptions of management trees.
//!
//! ```
//! # #[cfg(feature = "xml")]
//! # fn main() -> Result<(), dm_wbxml::Error> {
//! use dm_wbxml::{Element, Event, Limits, Node, SYNCML_1_2, Sink, Source, metinf, syncml, wbxml, xml};
//!
//! // Elements out: the same calls write either encoding.
//! fn write(sink: &mut impl Sink) {
//!     sink.open(syncml::ITEM);
//!     sink.open(syncml::META);
//!     sink.leaf(metinf::FORMAT, "chr");
//!     sink.close();
//!     sink.leaf(syncml::DATA, "a < b");
//!     sink.close();
//! }
//! let table = wbxml::StringTable::new();
//! let (mut binary, mut text) = (Vec::new(), Vec::new());
//! write(&mut wbxml::Writer::new(&mut binary, wbxml::Version::V1_2, SYNCML_1_2.public_id(), &table));
//! write(&mut xml::Writer::new(&mut text, &SYNCML_1_2));
//! assert_eq!(binary, b"\x02\xA4\x01\x6A\0\x54\x5A\0\x01\x47\x03chr\0\x01\x01\0\0\x4F\x03a < b\0\x01\x01");
//! let meta = r#"<Meta><Format xmlns="syncml:metinf">chr</Format></Meta>"#;
//! let item = format!(r#"<Item xmlns="SYNCML:SYNCML1.2">{meta}<Data>a &lt; b</Data></Item>"#);
//! assert_eq!(text, item.as_bytes());
//!
//! // Elements in: one event at a time, or an element as a tree.
//! fn read<'a>(source: &mut impl Source<'a>) -> Result<Element<'a>, dm_wbxml::Error> {
//!     match source.next()? {
//!         Some(Event::Start(name)) => Element::decode(source, name),
//!         _ => unreachable!("a document begins with an element"),
//!     }
//! }
//! let limits = Limits::default().with_depth(16);
//! let from_wbxml = read(&mut wbxml::Reader::new(&binary, &SYNCML_1_2, limits)?)?;
//! let from_xml = read(&mut xml::Reader::new(&text, &SYNCML_1_2, xml::Options::new(limits))?)?;
//! let Node::Element(data) = &from_wbxml.children[1] else { panic!("Item holds Meta and Data") };
//! assert_eq!(data.children, [Node::Text("a < b".into())]);
//! assert_eq!(from_wbxml.name, from_xml.name);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "xml"))]
//! # fn main() {}
//! ```
//!
//! # Limits
//!
//! Each reader takes [`Limits`] and keeps them whatever the input says: size of the document, depth, elements and
//! attributes, string table and what it expands to, names. Reading is linear in the input. A reader never panics; after an
//! error, which names its kind, its offset and the elements around it, it says the same error again. The WBXML reader
//! borrows its text from its input and allocates next to nothing; the XML reader keeps a list of open elements and of namespaces
//! in force. A tree ([`Element`]) is bounded by the limits of the source it was read from, and walked by recursion.
//!
//! What is passed over on purpose is listed with each reader: [`wbxml::Reader`] and, with the feature, `xml::Reader`.
//!
//! # Whole documents
//!
//! `wbxml_to_xml` and `xml_to_wbxml` choose the code space among [`CODE_SPACES`] and look after documents inside documents: DM
//! DDF/TNDS and DevInf as OPAQUE in WBXML, as elements in XML. [`transcode()`] is the plain step below them, from any source into any
//! sink. [`wbxml::Listing`] shows a WBXML document token by token, for people.
//!
//! # What survives
//!
//! A token that no code page names is a [`Tag`] all the same, and an element outside the code space a [`ForeignName`]: both
//! can be written again. In XML the former become `<t-PP-TT xmlns="urn:x-dm-wbxml:token">`, page and token in hexadecimal. So do
//! attribute tokens that no [`AttributePage`] names, as attributes in that namespace; a value token that none names becomes the
//! character U+10PPTT, of private use, in the value.
//! What does not survive the change of encoding: WBXML has no namespaces for names outside its code space (`xml_to_wbxml` keeps markup
//! in `Data` as text for that reason); XML has no octets, which become CDATA where they are text, else base64, nor the second of
//! two pages that name the same elements; and CDATA becomes text like any other in WBXML.
//!
//! # Non-goals
//!
//! - Validation against a DTD, and document types beside those of [`CODE_SPACES`]. Any other code space can be declared as data, with
//!   its attribute tokens, see [`CodeSpace`].
//! - WBXML 1.0, UTF-16 and other character sets than UTF-8, US-ASCII and ISO-8859-1; XML other than UTF-8 and, by
//!   `xml::to_utf8`, UTF-16.
//! - External or internal entities, pretty-printing, comments, streaming over several buffers.
//!
//! # Spec map
//!
//! | WAP-192 WBXML 1.3 | here |
//! |---|---|
//! | §5.1 multi-byte integers | at most five octets and 32 bits, padded or not; written shortest |
//! | §5.4 version, §5.5 public identifier, §5.6 charset | [`wbxml::Header`]: [`Version`](wbxml::Version), [`DocumentId`](wbxml::DocumentId), [`Charset`](wbxml::Charset) |
//! | §5.7 string table | [`wbxml::StringTable`], [`wbxml::TableWriter`] |
//! | §5.8 body, tokens, code pages | [`wbxml::Reader`], [`wbxml::Writer`], [`Tag`], [`CodePage`] |
//! | §5.8.4 strings, character entities | [`Event::Text`] |
//! | §5.8.4 literals | [`Name::Foreign`], [`Attribute`] |
//! | §5.8.4 opaque data | [`Event::Opaque`] |
//! | §5.8.3 attribute code space: start tokens with value prefixes, value tokens, pages | [`AttributePage`], [`CodeSpace::with_attributes`] |
//! | §5.8.4 extension tokens, processing instructions | passed over |
//! | SyncML RepPro 1.2.2, MetInf 1.2, OMA TND 1.2.1: code pages 0, 1, 2 | [`syncml`], [`metinf`], [`dmddf`] |
//! | SyncML 1.0, 1.1, 1.2; OMA TND 1.2.1 as a document | [`SYNCML_1_0`], [`SYNCML_1_1`], [`SYNCML_1_2`]; [`DM_DDF_1_2`] |
//! | DevInf 1.0, 1.1, 1.2 | [`DEVINF_1_0`], [`DEVINF_1_1`], [`DEVINF_1_2`], [`devinf`] |
//! | PROV 1.0 (WAP-183, OMA ProvCont) | [`PROV_1_0`], [`provisioning`] |
//!
//! XML 1.0 and Namespaces in XML 1.0: `xml::Reader` and `xml::Writer`.
//!
//! # Features
//!
//! - `xml` (default): XML beside WBXML, on quick-xml; needs std. Without it the crate is `no_std` with `alloc`.
#![forbid(unsafe_code)]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![cfg_attr(not(feature = "xml"), no_std)]

extern crate alloc;

mod attribute_page;
mod code_space;
#[cfg(feature = "xml")]
mod code_space_choice;
mod code_spaces;
#[cfg(feature = "xml")]
mod conversion;
#[cfg(feature = "xml")]
mod data_labels;
mod element;
mod error;
mod limits;
mod name;
mod octets;
mod sink;
mod source;
mod text;
mod transcode;
pub mod wbxml;
#[cfg(feature = "xml")]
pub mod xml;

pub use attribute_page::AttributePage;
pub use code_space::{CodePage, CodeSpace, PublicId};
pub use code_spaces::{
    CODE_SPACES, DEVINF_1_0, DEVINF_1_1, DEVINF_1_2, DM_DDF_1_2, PROV_1_0, SYNCML_1_0, SYNCML_1_1, SYNCML_1_2,
};
pub use code_spaces::{devinf, dmddf, metinf, provisioning, syncml};
#[cfg(feature = "xml")]
pub use conversion::{wbxml_to_xml, xml_to_wbxml, xml_to_wbxml_reporting};
pub use element::{Element, Node};
pub use error::{Error, ErrorKind};
pub use limits::Limits;
pub use name::{Attribute, ForeignName, Name, Tag};
pub use sink::Sink;
pub use source::{Event, Source};
pub use text::is_xml_text;
pub use transcode::transcode;
