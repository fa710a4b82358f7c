//! The OMA-DM management tree: URIs, ACLs, commands, handlers, standard objects.
#![forbid(unsafe_code)]
#![no_std]

extern crate alloc;
