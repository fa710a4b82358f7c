//! `dm-device`: a simulated device as a program of its own, which keeps what it is told through any end of its process.
//!
//! - [`Program`]: its command line.
//! - `life`: from one start to the next: what it waits for, and what it does then.
//! - `managing`: one session: the driver of [`ClientSession`](dm_syncml::session::ClientSession) and its tree.
//! - `waking`: notifications and bootstrap messages, and the checks of them; `pushing`: how they come by HTTP; `arriving`: what is done about
//!   them.
//! - `bootstrapping`: how it comes to know its servers.
//! - `appliance`: what servers can do with it: its firmware, a reboot, a blinking light.
//! - `download`: how a package comes, piece by piece.
//! - `report`: what it tells its servers in generic alerts.
//! - `user`: whoever answers questions.
//! - `keeping`: what is on disk.

mod appliance;
mod arriving;
mod bootstrapping;
mod download;
mod factory;
mod keeping;
mod life;
mod managing;
mod program;
mod pushing;
mod report;
mod user;
mod waking;

use crate::program::failure;

pub use program::Program;
