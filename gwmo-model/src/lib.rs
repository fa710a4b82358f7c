//! The machines of an OMA-DM gateway (GwMO)
#![forbid(unsafe_code)]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod device;
mod error;
mod fanout;
mod group;
mod identifier;
mod inventory;
mod outbox;
mod server;

pub use device::{DeviceId, Serial};
pub use error::{
    GroupError, GroupErrorKind, IdError, IdErrorKind, InventoryError, InventoryErrorKind, JobError,
    JobErrorKind, OutboxError, OutboxErrorKind,
};
pub use fanout::{
    Answer, Bucket, Counters, Fanout, FanoutLimits, FanoutOutput, JobKey, JobNo, JobSpec, JobState, JobView,
    Offline, Op, OpClass, OpRecord, OrderReply, Policy, Report, ResultCode, SerialRange, SessionEnd,
    TargetRecord, TargetState, Ticket, UnsafePolicy,
};
pub use group::{Group, GroupId, GroupLimits, Groups, ResolvedTargets, TargetSet};
pub use inventory::{
    AttachStatus, DetachReason, DeviceRecord, Fact, Inventory, InventoryConfig, InventoryOutput, Sighting,
    Summary,
};
pub use outbox::{Alert, AlertBody, AlertSeq, Outbox, OutboxConfig, OutboxOutput, Subscription};
pub use server::ServerId;
