//! The machines of an OMA-DM gateway (GwMO): which devices are behind it, groups of them, commands fanned out to
//! many, and the alerts its servers are owed.
//!
//! A gateway stands between DM servers and devices that the servers cannot reach. This crate holds what such a
//! gateway has to know and to decide, and does no I/O: no sockets, no clock, no storage, no randomness. Time,
//! messages and rights come in by `handle_*` calls; what is to be done comes out of `poll_output`. So the same
//! machine runs on any runtime, in a simulator, or in a test. Each machine is usable alone:
//!
//! - [`Inventory`]: registered devices, whether they are attached, and what is known of them.
//! - [`Groups`] and [`TargetSet`]: who is meant, by list, by rule and of other groups; [`Selector`] is what a rule is written in.
//! - [`Fanout`]: jobs, each a list of operations for many devices, with a window, retries, and an honest outcome for
//!   every device; [`Report`] is the aggregated result.
//! - [`Outbox`]: alerts for the servers, kept until acknowledged.
//! - [`Relay`] and [`Triggers`]: notifications of servers for devices that talk to them themselves (transparent mode).
//! - [`Proxy`] and [`Adaptation`]: a server's commands in a session of the gateway's own, or for an adapter.
//! - [`DeviceBootstrap`] and [`AccountScopes`]: how devices come to know the gateway and servers, and whom a server reaches.
//! - [`Images`]: content that devices read here instead of from far away; [`substitute`] puts its address into commands.
//! - [`Peers`]: servers that devices know and the gateway does not.
//! - [`ModePolicy`]: in which mode a device is managed.
//!
//! [`Gateway`] composes them: it shows them to its servers as the management objects of [`mo`], runs the sessions with
//! the devices, signs the notifications, and asks for rights. [`console`] is the other end: the commands a server
//! sends, and how to read what it gets.
//!
//! # The contract
//!
//! Call a `handle_*` method, then call `poll_output` until it gives `Wait`; only then is it known when to call
//! `handle_tick` at the latest. Ticks that are not needed and clocks that step back do no harm. An error belongs to
//! the call that returned it, and left the machine as it was. The same inputs give the same outputs.
//!
//! # Example
//!
//! A server asks a camera behind the gateway for its software version:
//!
//! ```
//! use dm_syncml::auth::{Credentials, Password};
//! use dm_syncml::session::ServerConfig;
//! use dm_syncml::{CmdId, Get, Instant, Item, LocUri};
//! use dm_tree::{ServerId, Tree};
//! use gwmo_model::{
//!     DeviceAccount, DeviceId, Fact, Gateway, GatewayConfig, GatewayOutput, JobKey, Sighting, Subscription,
//! };
//! use gwmo_model::console::{Console, JobRequest};
//!
//! // A gateway, the server it answers to, and a device that is there.
//! let now = Instant::EPOCH;
//! let own_id = ServerId::new("gateway.example")?;
//! let config = GatewayConfig::new(own_id.clone(), ServerConfig::new(LocUri::new("http://10.0.0.1/dm")?));
//! let mut gateway = Gateway::new(now, config, Tree::default())?;
//! let server = ServerId::new("com.example.dms")?;
//! gateway.handle_server(now, server.clone(), Subscription::default())?;
//!
//! let camera = DeviceId::new("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6")?;
//! let shown = Credentials::new("camera", Password::new("what the camera shows"));
//! gateway.handle_device_registered(now, camera.clone(), DeviceAccount::new(&own_id, shown, "what we show"))?;
//! gateway.handle_device_seen(now, &camera, &Sighting::new(1).with(Fact::LocalAddress, "10.0.0.7"))?;
//!
//! // What the server sends in its session, and the gateway executes.
//! let get = Get::new(CmdId::new("1")?, vec![Item::to(LocUri::new("./DevDetail/SwV")?)]);
//! let key = JobKey::new("J7")?;
//! let console = Console::new();
//! let mut commands = console.add_job(&JobRequest::new(key.clone()).with_device(camera).with_command(get));
//! commands.push(console.start_job(&key, None));
//! for command in &commands {
//!     let outcome = gateway.execute(now, &server, command);
//!     assert!(outcome.items.iter().all(|item| item.code.is_success()));
//! }
//!
//! // The camera is notified, and will open a session: `handle_device_message` takes what it sends.
//! loop {
//!     match gateway.poll_output() {
//!         GatewayOutput::Notify { ticket, address, package_0, .. } => {
//!             assert_eq!((address.as_deref(), package_0.is_empty()), (Some("10.0.0.7"), false));
//!             gateway.handle_notify_sent(now, ticket);
//!         }
//!         GatewayOutput::Reply { .. } => {}        // the answer to a device's message
//!         GatewayOutput::Persist(seq, _) => gateway.handle_persisted(now, seq), // once it is stored
//!         GatewayOutput::OpenSession { .. } => {}  // an alert waits: the camera is new
//!         GatewayOutput::Wait(_) => break,         // sleep until then, or until something comes in
//!         _ => {}
//!     }
//! }
//! assert_eq!(gateway.fanout().in_flight(), 1);
//!
//! // Where the job stands, as the server sees it.
//! let outcome = gateway.execute(now, &server, &console.get_job(&key));
//! let items: Vec<_> = outcome.items.into_iter().flat_map(|item| item.results).collect();
//! assert_eq!(console.read_job(&key, &items)?.counters.in_flight, 1);
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
//! [`GroupLimits`], [`FanoutLimits`], [`OutboxConfig`], [`ImageConfig`], [`PeersConfig`], [`ObjectLimits`], [`SessionLimits`],
//! [`RelayConfig`], [`TriggerLimits`], [`ProxyConfig`], [`AdaptationConfig`], [`DeviceBootstrapConfig`]. Every error has a kind, and the Status to answer with.
//! Outputs are not limited by themselves: a caller that does not drain them lets them pile up.
//!
//! # Requirements
//!
//! The requirements are those of GwMO 1.0. Its technical specification is not public, so object trees, alert
//! payloads, result codes and state numbers are this crate's own, under names of the registry's private range.
//!
//! | requirement | where |
//! |---|---|
//! | GwMO-DI-001 one device | [`Inventory::record`], [`Inventory::serial_of`] |
//! | GwMO-DI-002 summary | [`Inventory::summary`], [`Inventory::records`], [`Inventory::select`] |
//! | GwMO-DI-003 attached or detached | [`DeviceRecord::status`] |
//! | GwMO-DI-004 telling servers of new devices | [`Outbox`] |
//! | GwMO-DI-005 switching that | [`Subscription`], [`console::Console::set_alerts`] |
//! | GwMO-Group-001 groups | [`Groups`], [`Selector`] |
//! | GwMO-FORA-001 fan out | [`Fanout`] |
//! | GwMO-DCIS-001 data for devices to read here | [`Images`] |
//! | GwMO-DCIS-002 the same data once | [`StoragePolicy::dedup`] |
//! | GwMO-DCIS-003 storing can be forbidden | [`StoragePolicy::enabled`], [`ImageSpec::cacheable`] |
//! | GwMO-MOO-001 the gateway chooses the mode | [`ModePolicy`] |
//! | GwMO-FORA-002 aggregate | [`Report`], [`ResultPages`] |
//! | GwMO-HLF-001 devices that cannot be reached | [`GatewayOutput::Notify`], [`Gateway::handle_device_message`] |
//! | GwMO-PMoDe-001 proxy mode | [`Gateway`], [`Proxy`] |
//! | GwMO-ADM-001 managing the gateway | [`Gateway::execute`], [`mo`] |
//! | GwMO-SECACATE-001 and 002 authentication | [`DeviceAccount`]; one upstream session for many devices |
//! | GwMO-SECARIZE-001 authorization | the anchor of rights in [`mo`] |
//! | DM-SECONF-001 confidentiality | [`ConfidentialityPolicy`] |
//! | GwMO-HLF-002 devices that move | epochs of [`Inventory`] |
//! | GwMO-HLF-003 adding a device | [`Inventory::handle_registered`], [`DeviceBootstrap::handle_credential`] |
//! | GwMO-HLF-004, GwMO-SECACATE-002 one account for a group | [`AccountScopes`] |
//! | GwMO-HLF-005 and 006, GwMO-PMoDe-003 bootstrap of devices | [`DeviceBootstrap`] |
//! | GwMO-TMode-001 transparent mode | [`Relay`], [`Triggers`] |
//! | GwMO-IOP-001, GwMO-AMoDe-001 adaptation mode | [`Adaptation`] |
//!
//! # Features
//!
//! The crate is `no_std` and needs `alloc`. `xml` (default) is forwarded to `dm-syncml` and `dm-tree`, and needs std. `serde` lets
//! snapshots, records and identifiers go into any store.
#![forbid(unsafe_code)]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod account_scope;
mod adaptation;
pub mod console;
mod device;
mod device_bootstrap;
mod error;
mod fanout;
mod gateway;
mod group;
mod identifier;
mod image;
mod inventory;
pub mod mo;
mod mode;
mod outbox;
mod peers;
mod proxy;
mod relay;
mod selector;
#[cfg(feature = "serde")]
mod status_number;
mod stored_count;
mod trigger;

pub use account_scope::{
    AccountKey, AccountScope, AccountScopeError, AccountScopeRecord, AccountScopeSnapshot, AccountScopes,
};
pub use adaptation::{
    Adaptation, AdaptationConfig, AdaptationError, AdaptationErrorKind, AdaptationOutput, AdaptationRecord,
    AdaptationRestoreError, AdaptationSnapshot, AdapterCapabilities, NativeCommands, NativeOp, NativeResult,
    NativeToken,
};
pub use device::{DeviceId, Serial};
pub use device_bootstrap::{
    BootstrapAccount, BootstrapFailure, BootstrapState, BootstrapTarget, DeviceBootstrap,
    DeviceBootstrapConfig, DeviceBootstrapError, DeviceBootstrapErrorKind, DeviceBootstrapOutput,
    DeviceBootstrapRecord, DeviceBootstrapRestoreError, DeviceBootstrapSnapshot, DeviceCredential,
};
pub use error::{
    GatewayError, GroupError, GroupErrorKind, IdError, IdErrorKind, InventoryError, InventoryErrorKind,
    JobError, JobErrorKind, OutboxError, OutboxErrorKind,
};
pub use fanout::{
    Answer, Audit, Bucket, Counters, Detail, DeviceOutcome, Fanout, FanoutLimits, FanoutOutput, FanoutRecord,
    FanoutRestoreError, FanoutRestoreErrorKind, FanoutSnapshot, Grouping, JobKey, JobNo, JobSpec, JobState,
    JobView, Offline, OnLimit, Op, OpClass, OpOutcome, OpRecord, OrderReply, OutcomeBucket, Policy, Report,
    ResultCode, ResultDocumentError, ResultDocumentErrorKind, ResultOptions, ResultPage, ResultPages,
    RetryOn, SerialRange, SessionEnd, Stages, StagesError, StartOptions, TargetRecord, TargetState, Ticket,
    Trace, UnsafePolicy, Which,
};
pub use gateway::{
    ConfidentialityPolicy, DeviceAccount, Forward, Gateway, GatewayConfig, GatewayEvent, GatewayOutput,
    GatewayPart, GatewayRecord, GatewayRestoreError, GatewaySnapshot, Leg, NonceRecord, PersistSeq,
    RecordSet, SessionLimits, Withheld,
};
pub use group::{
    Group, GroupId, GroupKind, GroupLimits, GroupRecord, Groups, GroupsOutput, GroupsSnapshot,
    ResolvedTargets, TargetSet,
};
pub use image::{
    AddressName, BlobNo, ByteRange, Chunk, ContentDigest, DigestError, ImageAddress, ImageConfig, ImageError,
    ImageErrorKind, ImageKey, ImageNo, ImageRecord, ImageRestoreError, ImageRestoreErrorKind, ImageSpec,
    ImageState, ImageToken, ImageView, Images, ImagesOutput, ImagesSnapshot, LocalUri, Membership, Scope,
    Serve, ServeNo, ServeRefusal, ServeRequest, StoragePolicy, Substitution, SubstitutionError, substitute,
};
pub use inventory::{
    AttachStatus, BootState, Component, CredentialRef, DetachReason, DeviceRecord, Fact, FactSet, Inventory,
    InventoryConfig, InventoryOutput, InventoryRecord, InventorySnapshot, ModeCounts, Presence, RestoreError,
    RestoreErrorKind, Selection, Sighting, Summary,
};
pub use mo::ObjectLimits;
pub use mode::{
    MatchingRules, Mode, ModeChoice, ModeFacts, ModePolicy, ModePolicyError, ModeReason, ModeRule, ModeWish,
    Modes,
};
pub use outbox::{
    Alert, AlertBody, AlertKind, AlertNames, AlertSeq, Outbox, OutboxConfig, OutboxOutput, OutboxRecord,
    OutboxSnapshot, Subscription,
};
pub use peers::{
    ListedServer, PeerEvent, PeerState, PeerView, Peers, PeersConfig, PeersError, PeersErrorKind,
    PeersOutput, PeersRecord, PeersRestoreError, PeersRestoreErrorKind, PeersSnapshot, ServerList,
};
pub use proxy::{
    CommandState, DeviceAnswer, DownstreamSession, Proxy, ProxyConfig, ProxyError, ProxyErrorKind,
    ProxyOutput, ProxyRecord, ProxyRequest, ProxyRestoreError, ProxySnapshot, RelationNo,
};
pub use relay::{
    DeliveryNo, GwmoHeader, GwmoHeaderError, GwmoHeaderErrorKind, GwmoTarget, Reach, Recipient, Relay,
    RelayAudit, RelayConfig, RelayDecision, RelayDirectory, RelayOutput, RelayRecord, RelayRefusal,
    RelayRestoreError, RelaySnapshot, SharedAccount, SignedNotification, Verification,
};
pub use selector::{Field, Selector, SelectorError, SelectorErrorKind};
pub use trigger::{
    TargetOutcome, TriggerContent, TriggerError, TriggerErrorKind, TriggerKey, TriggerLimits, TriggerNo,
    TriggerOutput, TriggerRecord, TriggerRestoreError, TriggerSnapshot, TriggerSpec, TriggerState,
    TriggerTemplate, Triggers,
};
