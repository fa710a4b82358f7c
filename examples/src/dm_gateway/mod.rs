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
//! | `device_http`, `datagrams`, `neighbours` | devices: messages, images, announcements |
//! | `fetch`, `fetch_policy`, `image_files` | images: from where, and on which disk |
//! | `journal` | records and snapshots |
//! | `account`, `book` | whom the gateway knows, and their secrets |
//! | `operator_http`, `views`, `revisions`, `metrics`, `session_log` | what the operator sees |
//! | `config`, `run` | from a file and flags to a running gateway |
//! | `cli`, `client` | the operator's subcommands |

mod account;
mod book;
mod cli;
mod client;
mod config;
mod datagrams;
mod device_http;
mod driver;
mod failure;
mod fetch;
mod fetch_policy;
mod image_files;
mod journal;
mod metrics;
mod neighbours;
mod operator_http;
mod revisions;
mod run;
mod session_log;
mod upstream;
mod views;

pub use cli::main;
