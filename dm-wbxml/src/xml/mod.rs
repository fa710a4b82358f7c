//! XML behind the same traits: quick-xml parses what is not a plain tag or text, the rules of depth, size, names and entities are kept here.

mod encoding;
mod leniencies;
mod markup;
mod namespaces;
mod reader;
mod writer;

pub use encoding::to_utf8;
pub use leniencies::Leniencies;
pub use reader::{Options, Reader};
pub use writer::{Size, Writer};

use crate::attribute_page::UNNAMED;

/// The namespace that the prefix `xml` stands for without being declared (Namespaces in XML 1.0 §3).
const XML: &str = "http://www.w3.org/XML/1998/namespace";
