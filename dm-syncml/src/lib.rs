//! SyncML for OMA Device Management: messages, authentication, client and server sessions.
//!
//! This is the one place of its family that knows SyncML elements. A [`Message`] is decoded from WBXML or XML by one mapping,
//! borrows its text from the input, and keeps the order of its commands. Two machines speak the protocol with such messages: a
//! [`ClientSession`](session::ClientSession) for the device, a [`ServerSession`](session::ServerSession) for the server. Nothing here
//! does I/O: bytes, time and entropy come in as arguments, and whatever is to be done comes out.
//!
//! ```
//! use dm_syncml::{AlertCode, Command, DecodeOptions, Encoding, Message};
//!
//! # #[cfg(feature = "xml")]
//! # fn main() -> Result<(), dm_syncml::DecodeError> {
//! let xml = br#"<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>
//!     <SessionID>1A</SessionID><MsgID>1</MsgID><Target><LocURI>https://dm.example.net</LocURI></Target>
//!     <Source><LocURI>IMEI:004999010640000</LocURI></Source></SyncHdr>
//!     <SyncBody><Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Final/></SyncBody></SyncML>"#;
//!
//! let message = Message::decode(Encoding::Xml, xml, &DecodeOptions::new())?;
//! assert_eq!(message.header.source.loc_uri, "IMEI:004999010640000");
//! let Command::Alert(alert) = &message.body.commands[0] else { unreachable!() };
//! assert_eq!(alert.code, Some(AlertCode::CLIENT_INITIATED));
//!
//! // The same message in fewer octets, owned so that it can be kept and sent.
//! let wbxml = message.encode(Encoding::Wbxml);
//! let again = Message::decode(Encoding::Wbxml, &wbxml, &DecodeOptions::new())?.into_owned();
//! assert_eq!(again, message);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "xml"))]
//! # fn main() {}
//! ```
//!
//! # Where to go
//!
//! - Messages: [`Message`], [`Fragment`] (a body without a header), [`Command`], [`Item`], [`Meta`], [`Data`].
//! - Reading: [`DecodeOptions`] with limits and [`Quirks`], what real peers get wrong. Writing: [`EncodeOptions`], and
//!   [`Message::encoded_len`] for the exact size before.
//! - Looking: [`Printer`] shows a message to people, [`Message::differences`] tells what two say differently.
//! - Codes: [`StatusCode`], [`AlertCode`]; unknown ones survive.
//! - Sessions: [`session`], with [`session::Incoming`] to find the session a message belongs to.
//! - Credentials: [`auth`]. The HTTP around it all: [`http`].
//!
//! # What is kept, and what is refused
//!
//! Decoding keeps what it can represent: unknown elements stay in their place (among commands as [`Command::Unknown`], in other
//! elements as [`Extensions`]) and are encoded again, commands keep their order, codes nobody knows keep their number, a
//! message remembers its [`Representation`]. A message that lacks an
//! element the DTD demands, holds one twice, or is beyond a limit is an error with its kind, its offset, the path of elements around it
//! and the Status to answer with. Constructors refuse what would not be legal on the wire, so that encoding cannot fail.
//!
//! # Limits and non-goals
//!
//! - Every decoder takes [`elements::Limits`]: octets, depth, elements, string table and its expansion. Work and memory are linear in the
//!   input: beside its text, which it borrows, a message takes at most 512 octets for each element.
//! - Sessions keep nothing beyond their limits: octets of an object, commands of a message, messages of a session, results of a command;
//!   [`ServerConfig`](session::ServerConfig) and [`ClientConfig`](session::ClientConfig) name them. A message that is put together is as large as
//!   the peer's MaxMsgSize allows, to the octet.
//! - Reading is strict, save what the standard itself allows: any order of elements, any prefix, CDATA, white space around
//!   ids and codes. [`Quirks`] name what real peers get wrong, in profiles such as [`Quirks::FIELD`].
//! - Data synchronization, the elder sister of this protocol, is not in scope; its elements are read as unknown ones.
//!
//! # Spec map
//!
//! | clause | here |
//! |---|---|
//! | RepPro 1.2.2, elements | [`SyncHdr`], [`Item`], [`Meta`], [`Cred`], [`Chal`] |
//! | RepPro 1.2.2, commands | [`Command`] and its variants |
//! | RepPro 1.2.2 §10, codes | [`StatusCode`] |
//! | RepPro 1.2.2, versions 1.0 to 1.2 | [`Representation`] |
//! | MetInf 1.2 | [`Meta`] |
//! | TND 1.2.1 §7.7.2, binary values | [`Message::encode`], [`Data::decoded`] |
//! | TND 1.2.1, trees in Data | [`Data::management_tree`], [`DocumentCarriage`] |
//! | DM Protocol 1.2.1, media types | [`Encoding`] |
//! | DM Protocol 1.2.1, packages 1 to 4, several messages per package, large objects | [`session`] |
//! | DM Protocol 1.2.1, user interaction alerts | [`session::Interaction`] |
//! | DM Protocol 1.2.1, generic alerts, client events | [`session::GenericAlert`], [`session::DeviceEvent`], [`session::Correlators`] |
//! | DM Protocol 1.2.1, Atomic and Sequence | [`session::AllOrNothing`], [`session::InOrder`] |
//! | TND 1.2.1, properties and listings in addresses | [`session::Query`] |
//! | DM 2.0 RD HLF-019, optional features | [`session::Capabilities`] |
//! | DM 2.0 RD HLF-021, large objects that go on later | [`session::PartialObjects`], [`session::ClientConfig::resume`] |
//! | DM 2.0 RD HLF-010, media | [`session::InteractionMedia`] |
//! | DM Notification 1.2, nonce resynchronisation | [`session::Account::resynchronizing`] |
//! | DM Security 1.2.1, authentication; §5.4, `x-syncml-hmac` | [`auth`], [`auth::MacHeader`] |
//! | SyncML HTTP binding 1.2 | [`http`] |
//!
//! # Features
//!
//! `xml` (default) adds XML beside WBXML and needs std. Without it the crate is `no_std` with `alloc`. `serde` adds snapshots of sessions,
//! which other processes can go on with.
#![forbid(unsafe_code)]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![cfg_attr(not(feature = "xml"), no_std)]

extern crate alloc;

pub mod auth;
mod codes;
mod error;
pub mod http;
mod journal;
mod model;
pub mod session;
mod time;

pub use codes::{AlertCode, StatusCode};
pub use error::{DecodeError, DecodeErrorKind, ValueError};
pub use journal::{Journal, RecordSeq};
pub use model::{
    Add, Alert, Atomic, Chal, CmdId, CmdName, CmdRef, Command, Copy, Correlator, Cred, Data, DecodeOptions,
    Delete, Difference, DocumentCarriage, EncodeOptions, Encoding, Exec, Extensions, Format, Fragment, Get,
    Item, LocName, LocUri, Mark, MediaType, Message, Meta, MsgId, NextNonce, Printer, Quirks, Reference,
    Replace, Representation, Results, Sequence, SessionId, Source, Status, StringTables, SyncBody, SyncHdr,
    Target, TextCarriage, VerDtd, VerProto, Version,
};
pub use time::Instant;

/// What elements are made of, for those who look into [`Extensions`] and [`Data::as_nodes`], and set [`Limits`](elements::Limits).
pub mod elements {
    pub use dm_wbxml::wbxml::Version as WbxmlVersion;
    #[cfg(feature = "xml")]
    pub use dm_wbxml::xml::Leniencies;
    pub use dm_wbxml::{Attribute, Element, ErrorKind, Limits, Name, Node, Tag, dmddf, metinf, syncml};
}
