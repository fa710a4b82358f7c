//! SyncML for OMA Device Management: messages, authentication, client and server sessions.
#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "xml"), no_std)]

extern crate alloc;

mod codes;
mod error;
mod model;
mod time;

pub use codes::{AlertCode, StatusCode};
pub use error::{DecodeError, DecodeErrorKind, ValueError};
pub use model::{
    Add, Alert, Atomic, Chal, CmdId, CmdName, CmdRef, Command, Copy, Correlator, Cred, Data, DecodeOptions,
    Delete, Encoding, Exec, Extensions, Format, Fragment, Get, Item, LocName, LocUri, Mark, MediaType,
    Message, Meta, MsgId, NextNonce, Reference, Replace, Results, Sequence, SessionId, Source, Status,
    SyncBody, SyncHdr, Target, VerDtd, VerProto, Version,
};
pub use time::Instant;

/// What elements are made of, for those who look into [`Extensions`] and [`Data::as_nodes`], and set [`Limits`](elements::Limits).
pub mod elements {
    pub use dm_wbxml::{Attribute, Element, ErrorKind, Limits, Name, Node, Tag, dmddf, metinf, syncml};
}
