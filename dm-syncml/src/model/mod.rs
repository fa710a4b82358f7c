//! Messages as Rust types (RepPro 1.2.2 as DM 1.2.1 uses it).

mod mapping;

mod body;
mod command;
mod credential;
mod data;
mod differences;
mod encode_options;
mod extensions;
mod header;
mod item;
mod management_tree;
mod message;
mod meta;
mod printer;
mod quirks;
mod reading;
mod representation;
mod room;
mod status;
mod token;
mod unknown_command;
mod writing;

pub use body::SyncBody;
pub use command::{Add, Alert, Atomic, Command, Copy, Delete, Exec, Get, Replace, Sequence};
pub use credential::{Chal, Cred};
pub use data::Data;
pub use differences::Difference;
pub use encode_options::{DocumentCarriage, EncodeOptions, StringTables, TextCarriage};
pub use extensions::Extensions;
pub use header::{Source, SyncHdr, Target};
pub use item::Item;
pub use message::{DecodeOptions, Encoding, Fragment, Message};
pub use meta::{Meta, NextNonce};
pub use printer::Printer;
pub use quirks::Quirks;
pub use representation::Representation;
pub use status::{Results, Status};
pub(crate) use token::parse_decimal;
pub use token::{
    CmdId, CmdName, CmdRef, Correlator, Format, LocName, LocUri, Mark, MediaType, MsgId, Reference,
    SessionId, VerDtd, VerProto, Version,
};
