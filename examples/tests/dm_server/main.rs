//! The program `dm-server`, started as people start it, with devices and gateways of the tests' own.
#![allow(clippy::disallowed_methods, reason = "real programs have real time")]

mod corpus;
mod device;
mod gateway;
mod hostile;
mod operators;
mod restarts;
mod resuming;
mod schemes;
mod sessions;
mod world;
