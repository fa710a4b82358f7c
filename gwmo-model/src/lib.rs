//! The machines of an OMA-DM gateway (GwMO): which devices are behind it, groups of them, commands fanned out to
//! many, and the alerts its servers are owed.
//!
//! A gateway stands between DM servers and devices that the servers cannot reach. This crate holds what such a
//! gateway has to know and to decide, and does no I/O: no sockets, no clock, no storage, no randomness. Time,
//! messages and rights come in by `handle_*` calls; what is to be done comes out of `poll_output`. So the same
//! machine runs on any runtime, in a simulator, or in a test. Each machine is usable alone:
//!
//! - [`Inventory`]: registered devices, whether they are attached, and what is known of them.
//! - [`Groups`] and [`TargetSet`]: who is meant.
//! - [`Fanout`]: jobs, each a list of operations for many devices, with a window, retries, and an honest outcome for
//!   every device; [`Report`] is the aggregated result.
//! - [`Outbox`]: alerts for the servers, kept until acknowledged.
//!
//! # The contract
//!
//! Call a `handle_*` method, then call `poll_output` until it gives `Wait`; only then is it known when to call
//! `handle_tick` at the latest. Ticks that are not needed and clocks that step back do no harm. An error belongs to
//! the call that returned it, and left the machine as it was. The same inputs give the same outputs.
//!
//! # Example
//!
//! One setting for three devices. The first does it, the second refuses, the third never answers:
//!
//! ```
//! use dm_syncml::{Instant, StatusCode};
//! use dm_tree::ServerId;
//! use gwmo_model::{
//!     Answer, Fanout, FanoutLimits, FanoutOutput, JobKey, JobSpec, Op, Serial, SessionEnd,
//! };
//!
//! let mut now = Instant::EPOCH;
//! let mut fanout = Fanout::new(FanoutLimits::default());
//! let targets = (1..=3).filter_map(Serial::new);
//! let spec = JobSpec::new(ServerId::new("com.example.dms")?, JobKey::new("J7")?, targets, [Op::replace()]);
//! let job = fanout.handle_add(now, spec)?;
//! fanout.handle_start(now, job)?;
//!
//! let result = loop {
//!     match fanout.poll_output() {
//!         // Send the notification. Here the third device is switched off; the others open a session.
//!         FanoutOutput::Notify { ticket } => {
//!             fanout.handle_notify_sent(now, ticket);
//!             if ticket.serial.get() != 3 {
//!                 fanout.handle_session_opened(now, ticket.serial);
//!             }
//!         }
//!         // Send the operations in that session, and report what comes back.
//!         FanoutOutput::Deliver { ticket, ops } => {
//!             let status = if ticket.serial.get() == 2 { StatusCode::PERMISSION_DENIED } else { StatusCode::OK };
//!             for op in ops {
//!                 fanout.handle_answer(now, ticket, op, Answer::new(status));
//!             }
//!             fanout.handle_session_closed(now, ticket.serial, SessionEnd::Clean);
//!         }
//!         FanoutOutput::JobEnded { result, .. } => break result,
//!         FanoutOutput::Wait(Some(at)) => {
//!             now = at; // a runtime sleeps until then, or until something comes in
//!             fanout.handle_tick(now);
//!         }
//!         _ => {}
//!     }
//! };
//!
//! let report = fanout.job(job).expect("it was not removed").report();
//! assert_eq!(result.get(), 1201); // over, and not everybody is ok
//! assert_eq!((report.counters.ok, report.counters.refused, report.counters.unreachable), (1, 1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How a target ends
//!
//! A device that does not answer a notification is not a device that answered with an error, and neither is one that
//! fell silent in the middle of an Exec. The outcomes are kept apart:
//!
//! | [`TargetState`] | what is known |
//! |---|---|
//! | `Ok` | every operation was done |
//! | `Failed` | everything was answered, at least once with an error |
//! | `Refused` | the device refused the gateway: 401, 407 or 425 |
//! | `Unreachable` | it never answered a notification, or was never attached |
//! | `TimedOut` | it was in session and answers are missing, all of them of operations that may be repeated; or it never had its turn |
//! | `Indeterminate` | an operation that must not be repeated was delivered, and its answer is missing |
//! | `Skipped` | the gateway did not serve it, by policy or for want of a right |
//! | `Cancelled` | the job was cancelled, and nothing that was delivered is in doubt |
//!
//! # Limits
//!
//! Everything that servers and devices can make grow has a limit with a documented default: [`InventoryConfig`],
//! [`GroupLimits`], [`FanoutLimits`], [`OutboxConfig`]. Every error has a kind, and the Status to answer with.
//! Outputs are not limited by themselves: a caller that does not drain them lets them pile up.
//!
//! # Requirements
//!
//! The requirements are those of GwMO 1.0. Its technical specification is not public, so result codes and state
//! numbers are this crate's own.
//!
//! | requirement | where |
//! |---|---|
//! | GwMO-DI-001 one device | [`Inventory::record`], [`Inventory::serial_of`] |
//! | GwMO-DI-002 summary | [`Inventory::summary`], [`Inventory::records`] |
//! | GwMO-DI-003 attached or detached | [`DeviceRecord::status`] |
//! | GwMO-DI-004 telling servers of new devices | [`Outbox`] |
//! | GwMO-DI-005 switching that | [`Subscription`] |
//! | GwMO-Group-001 groups | [`Groups`] |
//! | GwMO-FORA-001 fan out | [`Fanout`] |
//! | GwMO-FORA-002 aggregate | [`Report`] |
//! | GwMO-HLF-002 devices that move | epochs of [`Inventory`] |
//! | GwMO-HLF-003 adding a device | [`Inventory::handle_registered`] |
//!
//! # Features
//!
//! The crate is `no_std` and needs `alloc`. `xml` (default) is forwarded to `dm-syncml` and `dm-tree`, and needs std.
#![forbid(unsafe_code)]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod console;
mod device;
mod error;
mod fanout;
mod gateway;
mod group;
mod identifier;
mod inventory;
pub mod mo;
mod outbox;

pub use device::{DeviceId, Serial};
pub use error::{
    GatewayError, GroupError, GroupErrorKind, IdError, IdErrorKind, InventoryError, InventoryErrorKind,
    JobError, JobErrorKind, OutboxError, OutboxErrorKind,
};
pub use fanout::{
    Answer, Bucket, Counters, Fanout, FanoutLimits, FanoutOutput, JobKey, JobNo, JobSpec, JobState, JobView,
    Offline, Op, OpClass, OpRecord, OrderReply, Policy, Report, ResultCode, SerialRange, SessionEnd,
    TargetRecord, TargetState, Ticket, UnsafePolicy,
};
pub use gateway::{
    DeviceAccount, Gateway, GatewayConfig, GatewayEvent, GatewayOutput, NonceRecord, PersistSeq,
    SessionLimits,
};
pub use group::{Group, GroupId, GroupLimits, Groups, ResolvedTargets, TargetSet};
pub use inventory::{
    AttachStatus, DetachReason, DeviceRecord, Fact, Inventory, InventoryConfig, InventoryOutput, Sighting,
    Summary,
};
pub use mo::ObjectLimits;
pub use outbox::{Alert, AlertBody, AlertSeq, Outbox, OutboxConfig, OutboxOutput, Subscription};
