//! Commands for many devices: jobs, their targets, and what becomes of them.

mod audit;
mod code;
mod dispatch;
mod entry;
mod in_flight;
mod job;
mod ledger;
mod limits;
mod lives;
mod machine;
mod moves;
mod operation;
mod orders;
mod outcome;
mod output;
mod policy;
mod record;
mod report;
mod retry;
mod stages;
mod target;

pub use audit::Audit;
pub use code::ResultCode;
pub use entry::JobView;
pub use job::{JobKey, JobNo, JobSpec, JobState, OrderReply, SessionEnd, StartOptions, Ticket, Trace};
pub use limits::FanoutLimits;
pub use machine::Fanout;
pub use operation::{Answer, Op, OpClass};
pub use output::FanoutOutput;
pub use policy::{Offline, OnLimit, Policy, RetryOn, UnsafePolicy};
pub use record::FanoutRecord;
pub use report::{Bucket, Counters, OpRecord, Report, SerialRange, TargetRecord};
pub use retry::Which;
pub use stages::{Stages, StagesError};
pub use target::TargetState;
