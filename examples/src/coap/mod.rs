//! Devices that speak CoAP instead of OMA DM, and how a gateway manages them all the same.
//!
//! - [`device`]: such a device: resources as LwM2M numbers them, served over UDP. Program: `coap-device`.
//! - [`client`]: one request at a time, confirmable, sent again until it is answered (RFC 7252 §4.2).
//! - [`adapter`]: what turns an operation of [`gwmo_model::Adaptation`] into such a request, and the answer into a result.
//! - [`resources`]: what both sides know about the resources.

pub mod adapter;
pub mod client;
pub mod device;
pub mod program;
pub mod resources;
