//! What the benchmarks share: generated inputs, floors and the clock.
#![forbid(unsafe_code)]

extern crate alloc;

pub mod authorities;
pub mod clock;
pub mod fanouts;
pub mod fleet;
pub mod floors;
pub mod inputs;
pub mod inventories;
pub mod messages;
pub mod notifications;
pub mod queries;
pub mod sessions;
pub mod text_prototypes;
pub mod trees;
