//! PLACEHOLDER
#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "xml"), no_std)]

extern crate alloc;

mod code_space;
mod code_spaces;
mod element;
mod error;
mod limits;
mod name;
mod sink;
mod source;
mod text;
pub mod wbxml;
#[cfg(feature = "xml")]
pub mod xml;

pub use code_space::{CodePage, CodeSpace, PublicId};
pub use code_spaces::{SYNCML_1_2, dmddf, metinf, syncml};
pub use element::{Element, Node};
pub use error::{Error, ErrorKind};
pub use limits::Limits;
pub use name::{Attribute, ForeignName, Name, Tag};
pub use sink::Sink;
pub use source::{Event, Source};
pub use text::is_xml_text;
