//! The page of `dm-server` and of `dm-gateway`, looked at with a real browser. Pictures of it are put into `artefacts` of the target folder.
//!
//! Runs Chromium. Without it the tests pass by and say so, unless `CI` or `DM_PEERS=required` is set.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "real programs have real time, and say so"
)]

mod bad_days;
mod chromium;
#[path = "../daemon/mod.rs"]
mod daemon;
mod fanouts;
mod keyboard;
mod login;
mod looks;
#[path = "../program/mod.rs"]
mod program;
mod scene;
