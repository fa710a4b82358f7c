//! The program `dm-server`: [`ServerSession`](dm_syncml::session::ServerSession) machines behind HTTPS, over a store that survives.
//!
//! Two sockets: one for devices, which post messages; one for the operator, who has the page, a JSON API, and the subcommands of this very
//! program on top of it. What arrives at either goes through one [`Engine`], and nothing is answered before what the answer rests on is on
//! the disk.
//!
//! | file | what it is about |
//! |---|---|
//! | `answering` | a message comes in, an answer goes out |
//! | `sitting`, `seating` | the sessions of a device, which of them a message belongs to, and who makes room |
//! | `happening`, `offering`, `following` | what happens in a session, what goes into it, and what follows |
//! | `resuming` | large objects that go on in the next session |
//! | `changes`, `committing` | what a message changes, written as one, then made known |
//! | `engine`, `directory`, `loading` | everything known, in memory as in the store |
//! | `ticking`, `waking` | time passes; notifications |
//! | `account`, `enrolling`, `vault` | a device and its secrets |
//! | `operation`, `work`, `queueing`, `requests` | commands of the operator, from asked once or twice to answered |
//! | `throttle` | how many messages each may send |
//! | `twins` | two clients with one account |
//! | `gateway` | what a gateway can be asked |
//! | `device_http`, `operator_http`, `views`, `metrics` | the two sockets |
//! | `config`, `run` | from a file and flags to a running server |
//! | `cli`, `report` | the operator's subcommands |

mod account;
mod answering;
mod changes;
mod cli;
mod committing;
mod config;
mod device_http;
mod directory;
mod engine;
mod enrolling;
mod following;
mod gateway;
mod happening;
mod loading;
mod metrics;
mod offering;
mod operation;
mod operator_http;
mod queueing;
mod report;
mod requests;
mod resuming;
mod run;
mod seating;
mod sitting;
mod ticking;
mod twins;
mod vault;
mod views;
mod waking;
mod within;
mod work;

use crate::throttle;

pub use cli::main;
pub use engine::Engine;
pub use within::run_within;
