//! The program `dm-server`, started as people start it, with devices and gateways of the tests' own.

mod corpus;
mod device;
mod gateway;
mod hostile;
mod restarts;
mod sessions;
mod world;
