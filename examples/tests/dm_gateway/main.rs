//! `dm-gateway` as a program: between a server and devices, killed, restarted, and attacked.

mod bootstrap;
mod coap;
mod devices;
mod hostile;
mod images;
mod operator;
#[path = "../program/mod.rs"]
mod program;
mod restarts;
mod servers;
mod tls;
mod twins;
mod world;
