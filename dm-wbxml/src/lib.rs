//! Elements in, elements out: WBXML, and bounded XML behind the same pair of traits.
#![forbid(unsafe_code)]
#![no_std]

extern crate alloc;
