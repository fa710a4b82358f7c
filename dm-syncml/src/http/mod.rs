//! The HTTP binding.

pub(crate) mod field;
