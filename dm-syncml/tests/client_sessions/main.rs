//! The client's machine against a server that says exactly what each rule is about, on virtual time.
#![cfg(feature = "xml")]

mod device;

mod alerts;
mod authentication;
mod containers;
mod ends;
mod interaction;
mod large_objects;
mod limits;
mod packages;
#[cfg(feature = "serde")]
mod snapshots;
