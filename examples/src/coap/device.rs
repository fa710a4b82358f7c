//! A device that speaks CoAP: what it is, and what it answers. It has no socket; [`program`](super::program) has.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use coap_lite::{CoapOption, ContentFormat, MessageClass, MessageType, Packet, RequestType, ResponseType};
use dm_syncml::Instant;
use serde::{Deserialize, Serialize};

use super::client::empty;
use super::resources::{Operations, RESOURCES, find};

/// Requests whose answers are remembered, to be given again.
const MAX_EXCHANGES: usize = 256;
/// `EXCHANGE_LIFETIME` (RFC 7252 §4.8.2): how long a message id is not used again.
const EXCHANGE_LIFETIME: Duration = Duration::from_secs(247);
/// The longest text of a resource.
const MAX_TEXT: usize = 255;

/// Who asked, and under which message id.
type ExchangeId = (SocketAddr, u16);

/// What a device keeps while it is off.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// `/3/0/0`.
    pub manufacturer: String,
    /// `/3/0/1`.
    pub model: String,
    /// `/3/0/3`.
    pub firmware: String,
    /// `/3311/0/5850`.
    pub is_on: bool,
    /// `/3311/0/5851`, in percent.
    pub dimmer: u8,
    /// `/5/0/1`.
    pub package_uri: String,
    /// `/5/0/3`.
    pub state: UpdateState,
    /// `/5/0/5`: 0 nothing yet, 1 updated, 4 connection lost, 7 invalid URI, 8 failed.
    pub update_result: u8,
    /// What the firmware will be called once it is updated.
    pub next_firmware: Option<String>,
    /// How often it was started.
    pub boots: u64,
}

/// `/5/0/3` (LwM2M, object 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum UpdateState {
    /// There is no package.
    Idle = 0,
    /// The package is coming.
    Downloading = 1,
    /// The package is there.
    Downloaded = 2,
    /// It is being installed.
    Updating = 3,
}

/// What a request has set going.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Begin anew.
    Reboot,
    /// Fetch the package.
    Download(String),
    /// Install the package.
    Update,
    /// Something was written.
    Written {
        /// The resource.
        path: String,
        /// Its value.
        value: String,
    },
}

/// What becomes of a datagram.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Handled {
    /// What to answer.
    pub reply: Option<Vec<u8>>,
    /// What to do then. The settings are to be stored before the answer goes out.
    pub effect: Option<Effect>,
    /// Whether it was answered before: nothing was done again.
    pub is_repeated: bool,
}

/// A device.
#[derive(Debug)]
pub struct CoapDevice {
    /// What it keeps.
    pub settings: Settings,
    /// What it answered to whom, the oldest first in `order`.
    answered: BTreeMap<ExchangeId, (Instant, Option<Vec<u8>>)>,
    order: VecDeque<ExchangeId>,
    next_id: u16,
}

impl CoapDevice {
    /// A device that has just started.
    #[must_use]
    pub fn new(mut settings: Settings) -> Self {
        settings.boots += 1;
        if settings.state == UpdateState::Downloading {
            // A package that was on its way is lost with the power.
            settings.state = UpdateState::Idle;
            settings.update_result = 4;
        }
        Self { settings, answered: BTreeMap::new(), order: VecDeque::new(), next_id: 0 }
    }

    /// A datagram came.
    pub fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Handled {
        // What is no CoAP is ignored, and so are versions to come (RFC 7252 §3).
        let Ok(packet) = Packet::from_bytes(datagram) else { return Handled::default() };
        if packet.header.get_version() != 1 {
            return Handled::default();
        }
        let id = packet.header.message_id;
        let kind = packet.header.get_type();
        let MessageClass::Request(method) = packet.header.code else {
            // A ping, or what belongs to no exchange (§4.2, §4.3).
            let reply = (kind == MessageType::Confirmable).then(|| empty(MessageType::Reset, id).to_vec());
            return Handled { reply, ..Handled::default() };
        };
        if !matches!(kind, MessageType::Confirmable | MessageType::NonConfirmable) {
            return Handled::default();
        }
        self.forget(now);
        if let Some((_, reply)) = self.answered.get(&(from, id)) {
            return Handled { reply: reply.clone(), effect: None, is_repeated: true };
        }
        let (answer, effect) = self.answer(&packet, method);
        let reply = self.encode(&packet, answer);
        self.answered.insert((from, id), (now, reply.clone()));
        self.order.push_back((from, id));
        Handled { reply, effect, is_repeated: false }
    }

    /// The download that a request began has ended: with the name of what came, or the result to show.
    pub fn downloaded(&mut self, uri: &str, outcome: Result<String, u8>) {
        if self.settings.state != UpdateState::Downloading || self.settings.package_uri != uri {
            return;
        }
        match outcome {
            Ok(name) => {
                self.settings.state = UpdateState::Downloaded;
                self.settings.next_firmware = Some(name);
            }
            Err(result) => {
                self.settings.state = UpdateState::Idle;
                self.settings.update_result = result;
            }
        }
    }

    /// The package is installed.
    pub fn updated(&mut self) {
        if let Some(firmware) = self.settings.next_firmware.take() {
            self.settings.firmware = firmware;
            self.settings.update_result = 1;
        }
        self.settings.state = UpdateState::Idle;
        self.settings.package_uri.clear();
    }

    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front().copied() {
            let is_old = self
                .answered
                .get(&oldest)
                .is_none_or(|(at, _)| now.saturating_since(*at) > EXCHANGE_LIFETIME);
            if !is_old && self.order.len() < MAX_EXCHANGES {
                return;
            }
            self.order.pop_front();
            self.answered.remove(&oldest);
        }
    }

    fn answer(&mut self, packet: &Packet, method: RequestType) -> (Answer, Option<Effect>) {
        use ResponseType as Code;
        let is_understood = |number: &u16| {
            // Host, Port, Path, Content-Format, Query, Accept and Block2 are; odd numbers are critical (§5.4.1).
            number.is_multiple_of(2) || matches!(number, 3 | 7 | 11 | 15 | 17 | 23)
        };
        if !packet.options().all(|(number, _)| is_understood(number)) {
            return (Answer::code(Code::BadOption), None);
        }
        let mut segments = Vec::new();
        for segment in packet.get_option(CoapOption::UriPath).into_iter().flatten() {
            match std::str::from_utf8(segment) {
                Ok(text) => segments.push(text),
                Err(_) => return (Answer::code(Code::BadOption), None),
            }
        }
        let path = segments.join("/");
        if path == ".well-known/core" {
            return match method {
                RequestType::Get => (Answer::links(), None),
                _ => (Answer::code(Code::MethodNotAllowed), None),
            };
        }
        let Some(resource) = find(&path) else { return (Answer::code(Code::NotFound), None) };
        match (method, resource.operations) {
            (RequestType::Get, Operations::Read | Operations::ReadWrite) => {
                (Answer::text(self.read(&path)), None)
            }
            (RequestType::Put, Operations::ReadWrite) => {
                if packet.get_content_format().is_some_and(|format| format != ContentFormat::TextPlain) {
                    return (Answer::code(Code::UnsupportedContentFormat), None);
                }
                if packet.payload.len() > MAX_TEXT {
                    return (Answer::code(Code::RequestEntityTooLarge), None);
                }
                match std::str::from_utf8(&packet.payload).ok().and_then(|text| self.write(&path, text)) {
                    Some(effect) => (Answer::code(Code::Changed), Some(effect)),
                    None => (Answer::code(Code::BadRequest), None),
                }
            }
            (RequestType::Post, Operations::Execute) if path == "3/0/4" => {
                (Answer::code(Code::Changed), Some(Effect::Reboot))
            }
            (RequestType::Post, Operations::Execute) => {
                if self.settings.state != UpdateState::Downloaded {
                    return (Answer::code(Code::MethodNotAllowed), None);
                }
                self.settings.state = UpdateState::Updating;
                (Answer::code(Code::Changed), Some(Effect::Update))
            }
            _ => (Answer::code(Code::MethodNotAllowed), None),
        }
    }

    fn read(&self, path: &str) -> String {
        let own = &self.settings;
        match path {
            "3/0/0" => own.manufacturer.clone(),
            "3/0/1" => own.model.clone(),
            "3/0/3" => own.firmware.clone(),
            "5/0/1" => own.package_uri.clone(),
            "5/0/3" => (own.state as u8).to_string(),
            "5/0/5" => own.update_result.to_string(),
            "3311/0/5850" => u8::from(own.is_on).to_string(),
            _ => own.dimmer.to_string(),
        }
    }

    /// Writes a resource; `None` when the value is none for it.
    fn write(&mut self, path: &str, text: &str) -> Option<Effect> {
        let own = &mut self.settings;
        match path {
            "3311/0/5850" => {
                own.is_on = match text {
                    "0" => false,
                    "1" => true,
                    _ => return None,
                }
            }
            "3311/0/5851" => own.dimmer = text.parse().ok().filter(|percent| *percent <= 100)?,
            // An empty URI takes the package back (LwM2M, object 5, resource 1).
            "5/0/1" => {
                own.package_uri = text.into();
                own.next_firmware = None;
                own.update_result = 0;
                own.state = UpdateState::Idle;
                if !text.is_empty() {
                    own.state = UpdateState::Downloading;
                    return Some(Effect::Download(text.into()));
                }
            }
            _ => return None,
        }
        Some(Effect::Written { path: path.into(), value: text.into() })
    }

    /// The answer rides on the acknowledgement of a confirmable request; any other gets one of its own.
    fn encode(&mut self, request: &Packet, answer: Answer) -> Option<Vec<u8>> {
        let mut packet = Packet::new();
        packet.header.set_version(1);
        if request.header.get_type() == MessageType::Confirmable {
            packet.header.set_type(MessageType::Acknowledgement);
            packet.header.message_id = request.header.message_id;
        } else {
            packet.header.set_type(MessageType::NonConfirmable);
            packet.header.message_id = self.next_id;
            self.next_id = self.next_id.wrapping_add(1);
        }
        packet.header.code = MessageClass::Response(answer.code);
        packet.set_token(request.get_token().to_vec());
        if let Some(format) = answer.format {
            packet.set_content_format(format);
            packet.payload = answer.payload;
        }
        packet.to_bytes().ok()
    }
}

#[derive(Debug)]
struct Answer {
    code: ResponseType,
    format: Option<ContentFormat>,
    payload: Vec<u8>,
}

impl Answer {
    const fn code(code: ResponseType) -> Self {
        Self { code, format: None, payload: Vec::new() }
    }

    fn text(text: String) -> Self {
        let (code, format) = (ResponseType::Content, Some(ContentFormat::TextPlain));
        Self { code, format, payload: text.into_bytes() }
    }

    /// What there is (RFC 6690).
    fn links() -> Self {
        let links: Vec<_> = RESOURCES.iter().map(|resource| format!("</{}>", resource.path)).collect();
        let (code, format) = (ResponseType::Content, Some(ContentFormat::ApplicationLinkFormat));
        Self { code, format, payload: links.join(",").into_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> CoapDevice {
        CoapDevice::new(Settings {
            manufacturer: "Example".into(),
            model: "Lamp".into(),
            firmware: "1.0".into(),
            is_on: false,
            dimmer: 50,
            package_uri: String::new(),
            state: UpdateState::Idle,
            update_result: 0,
            next_firmware: None,
            boots: 0,
        })
    }

    fn from() -> SocketAddr {
        ([127, 0, 0, 1], 5683).into()
    }

    fn request(id: u16, method: RequestType, path: &str, payload: &str) -> Vec<u8> {
        let mut packet = Packet::new();
        packet.header.set_version(1);
        packet.header.set_type(MessageType::Confirmable);
        packet.header.code = MessageClass::Request(method);
        packet.header.message_id = id;
        packet.set_token(vec![1, 2]);
        for segment in path.split('/') {
            packet.add_option(CoapOption::UriPath, segment.as_bytes().to_vec());
        }
        packet.payload = payload.into();
        packet.to_bytes().unwrap()
    }

    fn ask(
        device: &mut CoapDevice,
        id: u16,
        method: RequestType,
        path: &str,
        payload: &str,
    ) -> (String, String) {
        let handled = device.handle(Instant::EPOCH, from(), &request(id, method, path, payload));
        let packet = Packet::from_bytes(&handled.reply.unwrap()).unwrap();
        assert_eq!((packet.header.message_id, packet.get_token()), (id, &[1, 2][..]));
        (packet.header.get_code(), String::from_utf8(packet.payload).unwrap())
    }

    #[test]
    fn resources_are_read_written_and_executed() {
        use RequestType::{Delete, Get, Post, Put};
        let mut device = device();
        for (at, (method, path, payload, code, answer)) in [
            (Get, "3/0/0", "", "2.05", "Example"),
            (Put, "3/0/0", "Other", "4.05", ""),
            (Put, "3311/0/5850", "1", "2.04", ""),
            (Get, "3311/0/5850", "", "2.05", "1"),
            (Put, "3311/0/5850", "on", "4.00", ""),
            (Put, "3311/0/5851", "101", "4.00", ""),
            (Put, "3311/0/5851", "100", "2.04", ""),
            (Get, "3/0/4", "", "4.05", ""),
            (Post, "3/0/4", "", "2.04", ""),
            (Post, "5/0/2", "", "4.05", ""),
            (Delete, "3/0/0", "", "4.05", ""),
            (Get, "3/0", "", "4.04", ""),
            (Get, "9/9/9", "", "4.04", ""),
        ]
        .into_iter()
        .enumerate()
        {
            let got = ask(&mut device, at as u16, method, path, payload);
            assert_eq!((got.0.as_str(), got.1.as_str()), (code, answer), "{method:?} {path}");
        }
        let (_, links) = ask(&mut device, 99, Get, ".well-known/core", "");
        assert!(links.contains("</3311/0/5851>"));
    }

    #[test]
    fn what_comes_twice_is_done_once() {
        let mut device = device();
        let reboot = request(7, RequestType::Post, "3/0/4", "");
        let first = device.handle(Instant::EPOCH, from(), &reboot);
        let second = device.handle(Instant::EPOCH, from(), &reboot);
        assert_eq!(first.effect, Some(Effect::Reboot));
        assert_eq!((second.effect, second.reply, second.is_repeated), (None, first.reply, true));
        // Another client has numbers of its own, and numbers are used again after a while.
        let other = device.handle(Instant::EPOCH, ([127, 0, 0, 1], 1).into(), &reboot);
        assert_eq!(other.effect, Some(Effect::Reboot));
        let later = Instant::EPOCH + EXCHANGE_LIFETIME * 2;
        assert_eq!(device.handle(later, from(), &reboot).effect, Some(Effect::Reboot));
    }

    #[test]
    fn memory_is_bounded() {
        let mut device = device();
        for id in 0..2_000 {
            ask(&mut device, id, RequestType::Get, "3/0/0", "");
        }
        assert!(device.answered.len() <= MAX_EXCHANGES && device.order.len() <= MAX_EXCHANGES);
    }

    #[test]
    fn garbage_is_survived() {
        let mut device = device();
        let mut random = fastrand::Rng::with_seed(1);
        let good = request(1, RequestType::Put, "3311/0/5851", "10");
        for _ in 0..20_000 {
            let mut octets = good.clone();
            if random.bool() {
                octets = (0..random.usize(..40)).map(|_| random.u8(..)).collect();
            } else {
                let at = random.usize(..octets.len());
                octets[at] = random.u8(..);
                octets.truncate(random.usize(..=octets.len()));
            }
            device.handle(Instant::EPOCH, from(), &octets);
        }
        let ping = device.handle(Instant::EPOCH, from(), &[0x40, 0, 0x12, 0x34]);
        assert_eq!(ping.reply.as_deref(), Some(&[0x70, 0, 0x12, 0x34][..]));
    }

    #[test]
    fn a_package_becomes_the_firmware() {
        let mut device = device();
        let uri = "http://127.0.0.1/fw";
        let put = device.handle(Instant::EPOCH, from(), &request(1, RequestType::Put, "5/0/1", uri));
        assert_eq!(put.effect, Some(Effect::Download(uri.into())));
        device.downloaded("http://127.0.0.1/other", Ok("no".into()));
        assert_eq!(ask(&mut device, 2, RequestType::Get, "5/0/3", "").1, "1");
        device.downloaded(uri, Ok("2.0".into()));
        assert_eq!(ask(&mut device, 3, RequestType::Get, "5/0/3", "").1, "2");
        let update = device.handle(Instant::EPOCH, from(), &request(4, RequestType::Post, "5/0/2", ""));
        assert_eq!(update.effect, Some(Effect::Update));
        device.updated();
        assert_eq!(ask(&mut device, 5, RequestType::Get, "3/0/3", "").1, "2.0");
        assert_eq!(ask(&mut device, 6, RequestType::Get, "5/0/5", "").1, "1");
    }
}
