//! Commands for many devices: jobs, their targets, and what becomes of them.

mod code;
mod entry;
mod job;
mod ledger;
mod limits;
mod machine;
mod operation;
mod output;
mod policy;
mod report;
mod target;

pub use code::ResultCode;
pub use entry::JobView;
pub use job::{JobKey, JobNo, JobSpec, JobState, OrderReply, SessionEnd, Ticket};
pub use limits::FanoutLimits;
pub use machine::Fanout;
pub use operation::{Answer, Op, OpClass};
pub use output::FanoutOutput;
pub use policy::{Offline, Policy, UnsafePolicy};
pub use report::{Bucket, Counters, OpRecord, Report, SerialRange, TargetRecord};
pub use target::TargetState;
