//! SyncML for OMA Device Management: messages, authentication, client and server sessions.
#![forbid(unsafe_code)]
#![no_std]

extern crate alloc;

mod codes;
mod time;

pub use codes::{AlertCode, StatusCode};
pub use time::Instant;
