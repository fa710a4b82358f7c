//! Large objects: items whose data spans messages (DM Protocol 1.2.1, large objects).
//!
//! The sender cuts data where it may be cut, marks every chunk but the last with MoreData, and says the whole size with the first. The
//! receiver joins the chunks, within its MaxObjSize, and applies nothing before the last one has come.

mod assembler;
mod cutter;

pub(super) use assembler::{Assembler, ChunkOf, Taken};
pub(super) use cutter::{Cut, Cutter, carried_len};
#[cfg(feature = "serde")]
pub(super) use {
    assembler::{Joining, Partial},
    cutter::{Carried, Cuts},
};
