//! The server's session against a device that is played by hand, so that it can do what no machine of ours would.
#![cfg(feature = "xml")]

mod alerts;
mod capabilities;
mod commands;
mod device;
mod endings;
mod identity;
mod large_objects;
mod limits;
mod packing;
#[cfg(feature = "serde")]
mod snapshots;
mod stories;
