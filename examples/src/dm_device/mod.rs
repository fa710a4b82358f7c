//! `dm-device`: a simulated device as a program of its own, which keeps what it is told through any end of its process.
//!
//! - [`Program`]: its command line.
//! - `life`: from one start to the next: what it waits for, and what it does then.
//! - `managing`: one session: the driver of [`ClientSession`](dm_syncml::session::ClientSession) and its tree.
//! - `waking`: what comes over UDP: notifications and bootstrap messages.
//! - `bootstrapping`: how it comes to know its servers.
//! - `appliance`: what servers can do with it: its firmware, a reboot, a blinking light.
//! - `download`: how a package comes, piece by piece.
//! - `report`: what it tells its servers in generic alerts.
//! - `user`: whoever answers questions.
//! - `keeping`: what is on disk.

mod appliance;
mod bootstrapping;
mod download;
mod factory;
mod keeping;
mod life;
mod managing;
mod program;
mod report;
mod user;
mod waking;

use crate::program::failure;

pub use program::Program;
