//! Management trees as documents: descriptions (DDF) and serialised values (TNDS), which share one document type.
//!
//! A [`MgmtTree`] is what the DTD calls by that name (TND 1.2.1, DDF and TNDS): nodes in document order, each with
//! the properties it has when it runs ([`RtProperties`], TNDS) and those that describe it ([`DfProperties`], DDF).
//! It is read from XML and WBXML, and from the three shapes in which messages carry it; what is written reads the
//! same again.
//!
//! What a document means is told elsewhere: [`tnds`](crate::tnds) brings values into a tree and out of it,
//! [`ddf`](crate::ddf) makes a schema of a description.
//!
//! ```
//! # #[cfg(feature = "xml")] {
//! use dm_syncml::Encoding;
//! use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree};
//!
//! let xml = br#"<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD>
//!     <Node><NodeName>Mail</NodeName><RTProperties><Format><node/></Format><Type><DDFName/></Type></RTProperties>
//!         <Node><NodeName>Port</NodeName><RTProperties><Format><int/></Format>
//!             <Type><MIME>text/plain</MIME></Type></RTProperties><Value>25</Value></Node>
//!     </Node></MgmtTree>"#;
//! let tree = MgmtTree::decode(Encoding::Xml, xml, &DocumentOptions::STRICT)?;
//! let names: Vec<_> = tree.nodes().iter().map(|node| node.name.as_str()).collect();
//! assert_eq!(names, ["Mail", "Port"]);
//! let wbxml = tree.encode(Encoding::Wbxml);
//! assert_eq!(MgmtTree::decode(Encoding::Wbxml, &wbxml, &DocumentOptions::STRICT)?, tree);
//! # }
//! # Ok::<(), dm_tree::mgmt_tree::DocumentError>(())
//! ```

mod df_properties;
mod document;
mod element_source;
mod error;
mod node;
mod options;
mod reading;
mod rt_properties;
mod writing;

pub use df_properties::{CaseSense, DfProperties, Occurrence, Scope};
pub use document::MgmtTree;
pub use error::{DocumentError, DocumentErrorKind};
pub use node::{Node, NodeType, NodeValue};
pub use options::{DocumentOptions, DocumentQuirks};
pub use rt_properties::RtProperties;
