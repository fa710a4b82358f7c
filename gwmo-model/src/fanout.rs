//! Commands for many devices: jobs, their targets, and what becomes of them.

mod code;
mod job;
mod ledger;
mod machine;
mod operation;
mod policy;
mod report;
mod target;

pub use code::ResultCode;
pub use job::{JobKey, JobNo, JobSpec, JobState, OrderReply, SessionEnd, Ticket};
pub use machine::{Fanout, FanoutLimits, FanoutOutput, JobView};
pub use operation::{Answer, Op, OpClass};
pub use policy::{Offline, Policy, UnsafePolicy};
pub use report::{Bucket, Counters, OpRecord, Report, SerialRange, TargetRecord};
pub use target::TargetState;
