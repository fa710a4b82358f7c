//! OMA-DM notifications (Package 0): decode, encode, sign, verify.
#![forbid(unsafe_code)]
#![no_std]

extern crate alloc;
