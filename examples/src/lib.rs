//! What the example programs are made of: drivers.
//!
//! A driver connects a machine to the world: it feeds it messages and time, and carries out what it asks for. Each is one short file,
//! written to be read and to be copied into another runtime. Nothing that knows the protocol stands here.
//!
//! - [`device`]: a device that waits for notifications and answers with sessions; [`lamp`]: what it serves.
//! - [`server`]: a DM server, and [`operator`] who works there.
//! - [`wire`]: DM messages over HTTP.
//! - [`account_file`]: what a device and its server share, as the programs hand it to each other.
//! - [`listener`], [`http_client`], [`resolver`], [`tls`], [`store`], [`operator_api`]: what long-running programs stand on: HTTP within bounds, certificates, a store on disk, and
//!   what their operator sees.
//! - [`announcing`]: how a device tells a gateway that it is there.
//! - [`program`]: how programs begin and end, where they keep things, and what their subcommands print.
//! - [`dm_device`]: the `dm-device` program: a device with storage, downloads, a user and bad manners.
//! - [`coap`]: a device that does not speak OMA DM, and the adapter for it; [`event_log`], [`misbehaviour`]: what simulated devices share.
//! - [`dm_server`], [`dm_gateway`]: what the `dm-server` and `dm-gateway` programs are made of.
//! - [`fleet`]: what the `fleet` program has all of these programs do, and what it proves by it.
//! - [`dmtool`]: what the `dmtool` program does with documents, a file for each of its subcommands.
#![allow(clippy::disallowed_methods, reason = "programs have a clock; machines are told")]
#![allow(clippy::exhaustive_enums, reason = "not published")]

pub mod account_file;
pub mod announcing;
pub mod clock;
pub mod coap;
pub mod device;
pub mod dm_device;
pub mod dm_gateway;
pub mod dm_server;
pub mod dmtool;
pub mod event_log;
pub mod fleet;
pub mod http_client;
pub mod lamp;
pub mod listener;
pub mod misbehaviour;
pub mod operator;
pub mod operator_api;
pub mod program;
pub mod resolver;
pub mod server;
pub mod store;
mod throttle;
pub mod tls;
pub mod wire;

/// The Rust examples of the project's README run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;
