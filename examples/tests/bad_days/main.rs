//! The real programs on bad days: what peers, disks, clocks and people do to them. Each is answered clearly, nothing is lost, and others are
//! served meanwhile.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "real programs have real time, and say so"
)]

mod clocks;
mod crowds;
#[path = "../daemon/mod.rs"]
mod daemon;
mod disks;
mod garbage;
mod peers;
mod served;
mod stores;
mod tls;
