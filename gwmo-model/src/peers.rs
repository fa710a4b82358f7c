//! Servers that a gateway learns of from its devices.

mod config;
mod list;
mod machine;
mod output;
mod record;

pub use config::{PeersConfig, PeersError, PeersErrorKind};
pub use list::{ListedServer, ServerList};
pub use machine::{PeerView, Peers};
pub use output::{PeerEvent, PeersOutput};
pub use record::{PeerState, PeersRecord, PeersRestoreError, PeersRestoreErrorKind, PeersSnapshot};
