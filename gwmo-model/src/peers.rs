//! Servers that a gateway learns of from its devices.

mod list;
mod machine;
mod record;

pub use list::{ListedServer, ServerList};
pub use machine::{PeerEvent, PeerView, Peers, PeersConfig, PeersError, PeersErrorKind, PeersOutput};
pub use record::{PeerState, PeersRecord, PeersRestoreError, PeersRestoreErrorKind, PeersSnapshot};
