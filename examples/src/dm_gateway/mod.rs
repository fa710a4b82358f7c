//! The program `dm-gateway`: the [`Gateway`](gwmo_model::Gateway) machine between DM servers and devices, over a store that survives.
//!
//! Three sockets: HTTP for devices, which post messages and read images; UDP, where devices announce themselves and notifications come and
//! go; HTTP for the operator, who has the page, a JSON API, and the subcommands of this very program on top of it. Everything that arrives is
//! one input of one machine, and nothing leaves before what it rests on is on the disk.
//!
//! | file | what it is about |
//! |---|---|
//! | `driver` | one input, and then everything the machine wants |
//! | `upstream` | sessions with servers |
//! | `asking` | servers that are asked for an account |
//! | `device_http`, `datagrams`, `devices`, `neighbours` | devices: messages, images, announcements |
//! | `outgoing`, `bootstraps` | what goes out to devices: notifications and bootstrap messages |
//! | `fetch`, `fetch_policy`, `images`, `image_files` | images: from where, and on which disk |
//! | `timekeeping` | the time of day |
//! | `journal` | records and snapshots |
//! | `account`, `book`, `keyring` | whom the gateway knows, and their secrets |
//! | `operator_http`, `telling`, `views`, `revisions`, `metrics`, `session_log` | what the operator sees |
//! | `config`, `run` | from a file and flags to a running gateway |
//! | `cli` | the operator's subcommands |

mod account;
mod asking;
mod book;
mod bootstraps;
mod cli;
mod config;
mod datagrams;
mod device_http;
mod devices;
mod driver;
mod fetch;
mod fetch_policy;
mod image_files;
mod images;
mod journal;
mod keyring;
mod metrics;
mod neighbours;
mod operator_http;
mod outgoing;
mod revisions;
mod run;
mod session_log;
mod telling;
mod timekeeping;
mod upstream;
mod views;
mod within;

use crate::program::failure;

pub use cli::main;
pub use within::run_within;
