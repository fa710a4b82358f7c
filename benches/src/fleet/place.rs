//! Who there is in a town, what they send each other, and what they have agreed on before the run.

use core::fmt;
use core::time::Duration;

use dm_notification::{Credential, ServerIdentifier};
use dm_syncml::LocUri;
use dm_syncml::auth::{Credentials, Password};
use dm_tree::{ServerId, Timestamp};
use gwmo_model::{DeviceAccount, DeviceId};

/// Where packets go to and who is woken. Some have several, since a node of a network has one wake-up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    /// The DM server.
    Server,
    /// The server's session with a gateway.
    Desk(u16),
    /// A gateway, towards its devices.
    Gateway(u16),
    /// A gateway's client, towards the server.
    Uplink(u16),
    /// What a gateway stores on.
    Disk(u16),
    /// A device in session.
    Device(u32),
    /// A device between sessions: its power, its heartbeat, what it has to do later.
    Life(u32),
    /// What a gateway's program does that takes its time.
    Chores(u16),
    /// The device of a gateway that is managed transparently.
    Neighbour(u16),
    /// The hub of a gateway that speaks for a device of another kind.
    Bus(u16),
    /// What goes wrong.
    Weather,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Desk(gateway) => write!(f, "desk {gateway}"),
            Self::Gateway(gateway) => write!(f, "gateway {gateway}"),
            Self::Uplink(gateway) => write!(f, "uplink {gateway}"),
            Self::Disk(gateway) => write!(f, "disk {gateway}"),
            Self::Device(number) => write!(f, "device {number}"),
            Self::Life(number) => write!(f, "life {number}"),
            Self::Chores(gateway) => write!(f, "chores {gateway}"),
            Self::Neighbour(gateway) => write!(f, "neighbour {gateway}"),
            Self::Bus(gateway) => write!(f, "bus {gateway}"),
            Self::Weather => f.write_str("weather"),
        }
    }
}

/// What is sent.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Packet {
    /// A WSP push with Package 0.
    Push(Vec<u8>),
    /// A message of a client.
    Request(Vec<u8>),
    /// The answer to one.
    Answer(Vec<u8>),
    /// A gateway had to give up the session (HTTP 503).
    Unavailable,
    /// A device is there, in this epoch.
    Here { epoch: u64 },
    /// A device goes, in this epoch.
    Leaving { epoch: u64 },
    /// One gateway to another: the device is here now.
    MovedHere { device: u32, epoch: u64 },
    /// A bootstrap message.
    Bootstrap(Vec<u8>),
    /// A device asks for an image.
    Pull { uri: String },
    /// And gets it.
    Octets { uri: String, octets: Vec<u8> },
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// The DM server's address.
pub(super) const SERVER_URL: &str = "http://dms.example/dm";

pub(super) fn uri(text: impl Into<String>) -> LocUri<'static> {
    LocUri::new(text.into()).expect("names here are made of letters and digits")
}

pub(super) fn server_id() -> ServerId {
    ServerId::new("dms.example").expect("a fixed name")
}

pub(super) fn gateway_id(gateway: u16) -> ServerId {
    ServerId::new(&gateway_name(gateway)).expect("a short name")
}

pub(super) fn gateway_name(gateway: u16) -> String {
    format!("gw-{gateway}.example")
}

pub(super) fn gateway_url(gateway: u16) -> LocUri<'static> {
    uri(format!("http://gw-{gateway}.example/dm"))
}

/// What a gateway calls itself to the server.
pub(super) fn gateway_address(gateway: u16) -> LocUri<'static> {
    uri(format!("urn:gateway:{gateway}"))
}

pub(super) fn device_id(device: u32) -> DeviceId {
    DeviceId::new(&format!("IMEI:{device:015}")).expect("a short name")
}

/// Which device it is.
pub(super) fn device_number(id: &DeviceId) -> Option<u32> {
    id.as_str().strip_prefix("IMEI:")?.parse().ok()
}

/// The device of a gateway that is managed transparently.
pub(super) fn neighbour_id(gateway: u16) -> DeviceId {
    DeviceId::new(&format!("neighbour:{gateway}")).expect("a short name")
}

/// The device that the hub of a gateway speaks for.
pub(super) fn hub_id(gateway: u16) -> DeviceId {
    DeviceId::new(&format!("zigbee:{gateway}")).expect("a short name")
}

/// What time of day it is.
pub(super) fn time_of_day(now: Duration) -> Timestamp {
    // Some time in 2026.
    const BEGINNING: i64 = 1_780_000_000;
    Timestamp::from_unix(BEGINNING + now.as_secs() as i64).expect("a few hours later at the most")
}

/// What a device calls itself to its gateways.
pub(super) fn device_name(device: u32) -> String {
    format!("device-{device}")
}

/// What it knows with one of them.
pub(super) fn device_secret(device: u32, gateway: u16) -> String {
    format!("secret of {device} for {gateway}")
}

/// What a device shows to a gateway.
pub(super) fn device_credentials(device: u32, gateway: u16) -> Credentials {
    Credentials::new(device_name(device), Password::new(device_secret(device, gateway)))
}

/// What a gateway shows to a device.
pub(super) fn gateway_secret(device: u32, gateway: u16) -> String {
    format!("secret of gateway {gateway} for {device}")
}

/// The account as the gateway has it.
pub(super) fn account(device: u32, gateway: u16) -> DeviceAccount {
    let secret = gateway_secret(device, gateway);
    DeviceAccount::new(&gateway_id(gateway), device_credentials(device, gateway), &secret)
}

/// What a gateway shows to the server.
pub(super) fn uplink_credentials(gateway: u16) -> Credentials {
    Credentials::new(gateway_name(gateway), Password::new(format!("secret of uplink {gateway}")))
}

/// What the server shows to a gateway, and signs with.
pub(super) fn server_secret(gateway: u16) -> String {
    format!("secret of the server for {gateway}")
}

pub(super) fn server_credentials(gateway: u16) -> Credentials {
    Credentials::new(server_id().as_str(), Password::new(server_secret(gateway)))
}

/// What Package 0 of `signer` is signed with.
pub(super) fn signing(signer: &ServerId, secret: String) -> Credential {
    let identifier = ServerIdentifier::new(signer.as_str()).expect("a short name");
    Credential::new(identifier, secret)
}
