//! The descriptions of the standard objects (StdObj 1.2.1), and of our own, as documents.

/// DMAcc, `urn:oma:mo:oma-dm-dmacc:1.0`: an account of a server, at `./DMAcc/*`.
pub const DM_ACC: &str = include_str!("standard/dm_acc.xml");

/// DevInfo, `urn:oma:mo:oma-dm-devinfo:1.0`, at `./DevInfo`.
pub const DEV_INFO: &str = include_str!("standard/dev_info.xml");

/// DevDetail, `urn:oma:mo:oma-dm-devdetail:1.0`, at `./DevDetail`.
pub const DEV_DETAIL: &str = include_str!("standard/dev_detail.xml");

/// Inbox, `urn:oma:mo:oma-dm-inbox:1.0`, at `./Inbox`: objects are added to it, and found where the device puts them.
pub const INBOX: &str = include_str!("standard/inbox.xml");

/// What a client offers, `urn:oma:mo:x-dm-capabilities:1.0`, at `./x-Capabilities`; an object of this family, see
/// [`CapabilitiesObject`](crate::CapabilitiesObject).
pub const CAPABILITIES: &str = include_str!("standard/x_capabilities.xml");

/// The ledger of authorities, [`AUTHORITY_MO`](crate::authority::AUTHORITY_MO), wherever
/// [`Tree::mount_ledger`](crate::Tree::mount_ledger) shows it; ours, not the standard's.
pub const DM_AUTHORITY: &str = include_str!("standard/dm_authority.xml");
