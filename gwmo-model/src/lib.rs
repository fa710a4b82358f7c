//! The machines of an OMA-DM gateway (GwMO): inventory, groups, fanout, gateway.
#![forbid(unsafe_code)]
#![no_std]

extern crate alloc;
