//! What was sent, by whom, to whom: counted, written down if asked for, and remembered as evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dm_notification::Notification;
use dm_syncml::{Command, DecodeOptions, Encoding, Message};
use gwmo_model::DetachReason;
use gwmo_model::console::{Console, GatewayAlert};

use super::capture::{Capture, Connection, From};

/// Hears everything; clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Recorder(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    trace: Option<PathBuf>,
    capture: Option<Capture>,
    /// Why trace or capture are not whole.
    failed: Option<io::Error>,
    evidence: Evidence,
}

/// What the story is judged by.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Messages and notifications, and their octets.
    pub(super) messages: u64,
    pub(super) octets: u64,
    /// Each of them, in the order in which they were sent.
    pub(super) sent: Vec<Sent>,
    /// Devices that a gateway has told of, with whether it saw them for the first time.
    pub(super) attached: BTreeMap<(String, String), bool>,
    /// Devices that a gateway has told the end of, and why.
    pub(super) detached: BTreeMap<(String, String), DetachReason>,
    /// Fanouts that gateways have reported as over.
    pub(super) ended: BTreeSet<(String, String)>,
    /// What a device said last of a node.
    pub(super) values: BTreeMap<(String, String), String>,
    /// Octets of images that were read from this party, by how many requests.
    pub(super) images: BTreeMap<String, (u64, u64)>,
    /// Notifications that were pushed with `X-Oma-GwMO`.
    pub(super) pushes: Vec<Vec<u8>>,
    /// Notifications to devices, as they are.
    pub(super) notifications: Vec<(String, Vec<u8>)>,
    /// Requests and answers over CoAP.
    pub(super) coap: u64,
}

/// A message or a notification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sent {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) octets: usize,
    pub(super) is_notification: bool,
}

impl Recorder {
    /// Writes each message into the folder `trace` and everything into the file `capture`, if they are given.
    ///
    /// # Errors
    /// Folder or file cannot be made.
    pub(super) fn new(trace: Option<&Path>, capture: Option<&Path>) -> io::Result<Self> {
        if let Some(folder) = trace {
            std::fs::create_dir_all(folder)?;
        }
        let capture = capture.map(Capture::create).transpose()?;
        let trace = trace.map(Into::into);
        let inner = Inner { trace, capture, failed: None, evidence: Evidence::default() };
        Ok(Self(Arc::new(Mutex::new(inner))))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at what is known.
    pub(super) fn look<T>(&self, at: impl FnOnce(&Evidence) -> T) -> T {
        at(&self.lock().evidence)
    }

    /// Trace and capture are whole.
    ///
    /// # Errors
    /// They are not.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.capture(Capture::finish);
        inner.failed.take().map_or(Ok(()), Err)
    }

    /// Who posted this message, in the words of the message.
    pub(super) fn sender(encoding: Encoding, body: &[u8]) -> Option<String> {
        let message = Message::decode(encoding, body, &DecodeOptions::new()).ok()?;
        Some(name_of(message.header.source.loc_uri.as_str()))
    }

    /// A DM message was sent.
    pub(super) fn message(&self, from: &str, to: &str, encoding: Encoding, body: &[u8]) {
        let mut inner = self.lock();
        let decoded = Message::decode(encoding, body, &DecodeOptions::new()).ok();
        let (session, number) = decoded.as_ref().map_or_else(
            || ("unreadable".to_owned(), "0".to_owned()),
            |message| (message.header.session_id.to_string(), message.header.msg_id.to_string()),
        );
        let extension = if encoding == Encoding::Wbxml { "wbxml" } else { "xml" };
        inner.note(from, to, &session, &number, extension, body);
        if let Some(message) = &decoded {
            inner.evidence.learn(from, message);
        }
    }

    /// A notification was sent.
    pub(super) fn notification(&self, from: &str, to: &str, octets: &[u8]) {
        let mut inner = self.lock();
        let session = match Notification::decode(octets) {
            Ok(notification) => notification.trigger().session_id().to_string(),
            Err(_) => "unreadable".into(),
        };
        inner.note(from, to, &session, "0", "p0", octets);
        inner.evidence.notifications.push((to.to_owned(), octets.to_owned()));
    }

    /// A notification was pushed to a gateway that is to pass it on.
    pub(super) fn pushed(&self, octets: &[u8]) {
        self.lock().evidence.pushes.push(octets.to_owned());
    }

    /// An image, or a part of it, was read.
    pub(super) fn image(&self, from: &str, octets: usize) {
        let mut inner = self.lock();
        let (requests, total) = inner.evidence.images.entry(from.to_owned()).or_default();
        *requests += 1;
        *total += octets as u64;
    }

    /// A datagram was sent.
    pub(super) fn datagram(&self, from: (&str, u16), to: (&str, u16), octets: &[u8]) {
        let mut inner = self.lock();
        inner.evidence.coap +=
            u64::from(from.1 == super::datagram_tap::COAP || to.1 == super::datagram_tap::COAP);
        inner.capture(|capture| capture.datagram(from, to, octets));
    }

    /// A connection was opened.
    pub(super) fn open(&self, client: &str, server: &str, port: u16) -> Option<Connection> {
        let mut inner = self.lock();
        inner.capture(|capture| capture.open(client, server, port))
    }

    /// Octets of a connection came by.
    pub(super) fn octets(&self, connection: &mut Connection, from: From, octets: &[u8]) {
        self.lock().capture(|capture| capture.send(connection, from, octets));
    }

    /// One side of a connection has nothing more to say; both, if `is_broken`.
    pub(super) fn close(&self, connection: &mut Connection, from: From, is_broken: bool) {
        self.lock().capture(|capture| match is_broken {
            true => capture.reset(connection, from),
            false => capture.close(connection, from),
        });
    }
}

impl Inner {
    /// Writes to the capture, if there is one, and none of it failed before.
    fn capture<T>(&mut self, write: impl FnOnce(&mut Capture) -> io::Result<T>) -> Option<T> {
        let capture = self.capture.as_mut().filter(|_| self.failed.is_none())?;
        write(capture).map_err(|error| self.failed = Some(error)).ok()
    }

    fn note(&mut self, from: &str, to: &str, session: &str, number: &str, extension: &str, octets: &[u8]) {
        let order = self.evidence.messages;
        self.evidence.messages += 1;
        self.evidence.octets += octets.len() as u64;
        let is_notification = extension == "p0";
        let (from, to) = (from.to_owned(), to.to_owned());
        if let Some(folder) = &self.trace {
            let name = format!("{order:06}-{from}-{to}-{session}-{number}.{extension}");
            if let Err(error) = std::fs::write(folder.join(name), octets) {
                self.failed.get_or_insert(error);
            }
        }
        self.evidence.sent.push(Sent { from, to, octets: octets.len(), is_notification });
    }
}

impl Evidence {
    fn learn(&mut self, from: &str, message: &Message<'_>) {
        for command in &message.body.commands {
            match command {
                Command::Alert(alert) => {
                    if let Ok(Some(told)) = Console::new().read_alert(alert) {
                        self.told(from, told);
                    }
                }
                Command::Results(results) => {
                    for item in &results.items {
                        let text = item.data.as_ref().and_then(|data| data.as_text());
                        if let (Some(uri), Some(text)) = (item.source_uri(), text) {
                            let key = (from.to_owned(), uri.as_str().to_owned());
                            // What is larger than this is looked at by nobody here.
                            if text.len() <= 255 {
                                self.values.insert(key, text.to_owned());
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn told(&mut self, gateway: &str, told: GatewayAlert) {
        match told {
            GatewayAlert::DeviceAttached { id, first, .. } => {
                let key = (gateway.to_owned(), name_of(id.as_str()));
                let is_first = self.attached.entry(key).or_insert(first);
                *is_first |= first;
            }
            GatewayAlert::DeviceDetached { id, reason, .. } => {
                self.detached.insert((gateway.to_owned(), name_of(id.as_str())), reason);
            }
            GatewayAlert::JobEnded { key, .. } => {
                self.ended.insert((gateway.to_owned(), key.as_str().to_owned()));
            }
            _ => {}
        }
    }

    /// What a device said last of a node.
    pub(super) fn value(&self, device: &str, uri: &str) -> Option<&str> {
        self.values.get(&(device.to_owned(), uri.to_owned())).map(String::as_str)
    }
}

/// How a party is called here: its DevId without what all have, in letters that a file name may have.
pub(super) fn name_of(dev_id: &str) -> String {
    let name = dev_id.strip_prefix("urn:uuid:").unwrap_or(dev_id);
    let letter = |char: char| if char.is_ascii_alphanumeric() || "-_.".contains(char) { char } else { '_' };
    name.chars().take(64).map(letter).collect()
}
