//! Large objects: items whose data spans messages (DM Protocol 1.2.1, large objects).
//!
//! The sender cuts data where it may be cut, marks every chunk but the last with MoreData, and says the whole size with the first. The
//! receiver joins the chunks, within its MaxObjSize, and applies nothing before the last one has come.

//!
//! Where both sides announce it, an object whose transfer broke off goes on in a later session: `resuming` has what is said of that on
//! the wire, `partial_objects` what is kept in between.

mod assembler;
mod cutter;
mod partial_objects;
mod resuming;

pub use partial_objects::{PartialObject, PartialObjects};

pub(super) use assembler::{Assembler, ChunkOf, Taken};
pub(super) use cutter::{Cut, Cutter, carried_len};
#[cfg(feature = "serde")]
pub use partial_objects::PartialObjectsSnapshot;
pub(super) use resuming::Announcement;
#[cfg(feature = "serde")]
pub(super) use {
    assembler::{Joining, Keeping, Partial},
    cutter::{Carried, Cuts},
    resuming::Digest,
};
