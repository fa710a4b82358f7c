//! The program `dm-server`: [`ServerSession`](dm_syncml::session::ServerSession) machines behind HTTPS, over a store that survives.
//!
//! Two sockets: one for devices, which post messages; one for the operator, who has the page, a JSON API, and the subcommands of this very
//! program on top of it. What arrives at either goes through one [`Engine`], and nothing is answered before what the answer rests on is on
//! the disk.
//!
//! | file | what it is about |
//! |---|---|
//! | `engine` | a message comes in, an answer goes out; commands wait for their device |
//! | `sitting` | the sessions of a device, which of them a message belongs to |
//! | `changes` | what a message changes, written as one, then made known |
//! | `directory` | everything known, in memory as in the store |
//! | `account`, `vault` | a device and its secrets |
//! | `operation`, `work` | commands of the operator, from queued to answered |
//! | `waking` | notifications |
//! | `throttle` | how many messages each may send |
//! | `gateway` | what a gateway can be asked |
//! | `device_http`, `operator_http`, `views`, `metrics` | the two sockets |
//! | `config`, `run` | from a file and flags to a running server |
//! | `cli`, `client`, `report` | the operator's subcommands |

mod account;
mod changes;
mod cli;
mod client;
mod config;
mod device_http;
mod directory;
mod engine;
mod gateway;
mod metrics;
mod operation;
mod operator_http;
mod report;
mod run;
mod sitting;
mod throttle;
mod vault;
mod views;
mod waking;
mod within;
mod work;

pub use cli::main;
pub use within::run_within;
pub use engine::Engine;
