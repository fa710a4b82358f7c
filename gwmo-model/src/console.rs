//! The server's side: the commands a DM server sends to a gateway, and what it reads in the answers.
//!
//! Nobody has to write an address by hand: every function here makes a command (or several, to be sent in order) on
//! the nodes of [`mo`](crate::mo), and every `read_*` takes the items that the Get of the same name brought back, in
//! whatever order. The commands carry a CmdID that a [`ServerSession`](dm_syncml::session::ServerSession) replaces.
//!
//! ```
//! use dm_syncml::session::{Outcome, ServerConfig};
//! use dm_syncml::{Instant, LocUri};
//! use dm_tree::{ServerId, Tree};
//! use gwmo_model::{DeviceId, Gateway, GatewayConfig, Sighting, Subscription, console};
//!
//! let now = Instant::EPOCH;
//! let config = GatewayConfig::new(ServerId::new("gw")?, ServerConfig::new(LocUri::new("http://gw.local/dm")?));
//! let mut gateway = Gateway::new(now, config, Tree::default())?;
//! let server = ServerId::new("dms")?;
//! gateway.handle_server(now, server.clone(), Subscription::default())?;
//! gateway.handle_device_seen(now, &DeviceId::new("camera:1")?, &Sighting::new(0))?;
//!
//! let outcome = gateway.execute(now, &server, &console::get_summary());
//! let items: Vec<_> = outcome.items.into_iter().flat_map(|item| item.results).collect();
//! assert_eq!(console::read_summary(&items)?.attached, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alert;
mod commands;
mod job;
mod read;

pub use alert::{GatewayAlert, read_alert};
pub use commands::{add_members, create_group, delete_group, set_alerts, set_device_acl, set_members};
pub use job::{JobRequest, OpAnswer, cancel_job, delete_job, get_answers, read_answers, start_job};
pub use read::{
    DeviceLine, DevicePage, JobStatus, Outcomes, ReadError, ReadErrorKind, RecordLine, RecordPage,
    get_devices, get_job, get_outcomes, get_records, get_summary, read_devices, read_job, read_outcomes,
    read_records, read_summary,
};
