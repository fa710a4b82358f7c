//! The server's side: the commands a DM server sends to a gateway, and what it reads in the answers.
//!
//! Nobody has to write an address by hand: every method of a [`Console`] makes a command (or several, to be sent in order) on
//! the nodes of [`mo`](crate::mo), and every `read_*` takes the items that the `get_*` of the same name brought back, in
//! whatever order. The commands carry a CmdID that a [`ServerSession`](dm_syncml::session::ServerSession) replaces.
//!
//! ```
//! use dm_syncml::session::{Outcome, ServerConfig};
//! use dm_syncml::{Instant, LocUri};
//! use dm_tree::{ServerId, Tree};
//! use gwmo_model::console::Console;
//! use gwmo_model::{DeviceId, Gateway, GatewayConfig, Sighting, Subscription};
//!
//! let now = Instant::EPOCH;
//! let config = GatewayConfig::new(ServerId::new("gw")?, ServerConfig::new(LocUri::new("http://gw.local/dm")?));
//! let mut gateway = Gateway::new(now, config, Tree::default())?;
//! let server = ServerId::new("dms")?;
//! gateway.handle_server(now, server.clone(), Subscription::default())?;
//! gateway.handle_device_seen(now, &DeviceId::new("camera:1")?, &Sighting::new(0))?;
//!
//! let console = Console::new();
//! let outcome = gateway.execute(now, &server, &console.get_summary());
//! let items: Vec<_> = outcome.items.into_iter().flat_map(|item| item.results).collect();
//! assert_eq!(console.read_summary(&items)?.attached, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alert;
mod build;
mod config;
mod devices;
mod groups;
mod images;
mod job;
mod queries;
mod read;
mod result;
mod triggers;

use crate::mo::Binding;

pub use crate::mo::query::QueryField;
pub use alert::GatewayAlert;
pub use config::{GatewayCapacity, GatewaySettings, PeerLine, PeerList, PresenceSettings};
pub use devices::{CredentialError, DeviceDetails, DeviceLine, DevicePage};
pub use groups::GroupStatus;
pub use images::{ImageReader, ImageStatus, StorageStatus};
pub use job::{JobRequest, OpRequest, Told};
pub use queries::{QueryLine, QueryPage, QueryStatus};
pub use read::{ReadError, ReadErrorKind};
pub use result::{JobStatus, OpAnswer, Outcomes, RecordLine, RecordPage};
pub use triggers::{TriggerLine, TriggerProgress, TriggerRequest, TriggerStatus};

/// Makes commands for a gateway, and reads its answers and alerts.
///
/// It holds nothing but the [`Binding`], which must be the gateway's.
#[derive(Clone, Debug, Default)]
pub struct Console {
    binding: Binding,
}

impl Console {
    /// A console for gateways whose objects are where [`Binding::ours`] has them.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A console for gateways with this binding.
    #[must_use]
    pub const fn with_binding(binding: Binding) -> Self {
        Self { binding }
    }

    /// Where the nodes are.
    #[must_use]
    pub const fn binding(&self) -> &Binding {
        &self.binding
    }
}
