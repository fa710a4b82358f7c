//! The adapter of a CoAP device: operations of [`gwmo_model::Adaptation`] become requests, responses become results.
//!
//! | DM | CoAP |
//! |---|---|
//! | Get `./LwM2M/3/0/0` | GET `/3/0/0` |
//! | Replace `./LwM2M/3311/0/5851` | PUT `/3311/0/5851`, plain text; octets for `bin` |
//! | Exec `./LwM2M/3/0/4` | POST `/3/0/4`, the argument as plain text |
//!
//! Add, Delete and Copy have no counterpart here, nor has a node that is no resource (`./LwM2M/3/0`): LwM2M answers for those in formats of
//! its own, which this adapter does not read.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use coap_lite::{ContentFormat, RequestType, ResponseType};
use dm_tree::{Format, NodeUri, Value};
use gwmo_model::{AdapterCapabilities, NativeCommands, NativeOp, NativeResult, NativeToken};

use super::client::{CoapClient, CoapError, Response};
use super::resources::{from_text, to_text};

/// The longest value that goes into one datagram beside the rest of it; nothing is sent block by block.
const MAX_VALUE: u32 = 1_024;
/// Operations whose results are remembered.
const MAX_REMEMBERED: usize = 64;

/// Does for one device what is asked of it in DM.
#[derive(Debug)]
pub struct CoapAdapter {
    client: CoapClient,
    /// The node that stands for the device: its resources are below.
    root: NodeUri<'static>,
    /// The last results: the same token is the same operation.
    results: Mutex<VecDeque<(NativeToken, NativeResult)>>,
}

impl CoapAdapter {
    /// The adapter of the device that `client` talks to; its resources are the nodes below `root`.
    #[must_use]
    pub const fn new(client: CoapClient, root: NodeUri<'static>) -> Self {
        Self { client, root, results: Mutex::new(VecDeque::new()) }
    }

    /// What it can do, for [`gwmo_model::Adaptation::handle_adapter`].
    #[must_use]
    pub const fn capabilities() -> AdapterCapabilities {
        let commands = NativeCommands::GET.with(NativeCommands::REPLACE).with(NativeCommands::EXEC);
        AdapterCapabilities::new(commands).with_max_octets(MAX_VALUE)
    }

    /// Does an operation and says what came of it, for [`gwmo_model::Adaptation::handle_result`]. `None`: the device does not answer, and may
    /// or may not have done it; the machine then gives it up when its time is over.
    pub async fn perform(&self, token: NativeToken, op: &NativeOp) -> Option<NativeResult> {
        let known = {
            let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
            results.iter().find(|(known, _)| *known == token).map(|(_, result)| result.clone())
        };
        if known.is_some() {
            return known;
        }
        let result = self.ask(op).await?;
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        if results.len() >= MAX_REMEMBERED {
            results.pop_front();
        }
        results.push_back((token, result.clone()));
        Some(result)
    }

    async fn ask(&self, op: &NativeOp) -> Option<NativeResult> {
        let (method, target, value) = match op {
            NativeOp::Get { target } => (RequestType::Get, target, None),
            NativeOp::Replace { target, value } => (RequestType::Put, target, Some(value)),
            NativeOp::Exec { target, value } => (RequestType::Post, target, value.as_ref()),
            _ => return Some(NativeResult::Unsupported),
        };
        let Some(path) = self.path(target) else { return Some(NativeResult::NotFound) };
        if path.split('/').count() < 3 {
            return Some(NativeResult::Unsupported);
        }
        let payload = value.filter(|value| value.format() != Format::Null).map(payload);
        match self.client.request(method, &path, payload).await {
            Ok(response) => Some(result(&path, &response)),
            Err(CoapError::TooLarge) => Some(NativeResult::TooLarge),
            // It has just begun anew, or does not know what to do with it now.
            Err(CoapError::Reset) => Some(NativeResult::Busy),
            Err(CoapError::NoAnswer | CoapError::Socket(_)) => None,
        }
    }

    /// The resource that a node stands for: all numbers, so that no name can say anything else on the wire.
    fn path(&self, node: &NodeUri<'_>) -> Option<String> {
        let below = node.as_str().strip_prefix(self.root.as_str())?.strip_prefix('/')?;
        let is_number = |segment: &str| segment.parse::<u16>().is_ok_and(|n| n.to_string() == segment);
        (below.split('/').count() <= 4 && below.split('/').all(is_number)).then(|| below.into())
    }
}

fn payload(value: &Value) -> (ContentFormat, Vec<u8>) {
    match to_text(value) {
        Some(text) if value.format() != Format::Bin => (ContentFormat::TextPlain, text.into_bytes()),
        _ => (ContentFormat::ApplicationOctetStream, value.data().to_vec()),
    }
}

/// What a response says, in terms of DM.
fn result(path: &str, response: &Response) -> NativeResult {
    match response.kind() {
        ResponseType::Content | ResponseType::Valid => match read(path, response) {
            Some(value) => NativeResult::Done(Some(value)),
            None => NativeResult::Failed(415),
        },
        ResponseType::Changed | ResponseType::Created | ResponseType::Deleted => NativeResult::Done(None),
        ResponseType::BadRequest
        | ResponseType::NotAcceptable
        | ResponseType::UnsupportedContentFormat
        | ResponseType::UnprocessableEntity => NativeResult::BadValue,
        ResponseType::Unauthorized | ResponseType::Forbidden => NativeResult::Denied,
        ResponseType::NotFound => NativeResult::NotFound,
        ResponseType::MethodNotAllowed | ResponseType::NotImplemented => NativeResult::Unsupported,
        ResponseType::RequestEntityTooLarge => NativeResult::TooLarge,
        ResponseType::TooManyRequests | ResponseType::ServiceUnavailable => NativeResult::Busy,
        _ => NativeResult::Failed(response.number()),
    }
}

/// A value in a format that is understood; without a format it is text if it can be (RFC 7252 §5.5.1).
fn read(path: &str, response: &Response) -> Option<Value> {
    let text = || std::str::from_utf8(&response.payload).ok().map(|text| from_text(path, text));
    match response.format {
        Some(ContentFormat::TextPlain) => text(),
        Some(ContentFormat::ApplicationOctetStream) => Some(Value::bin(response.payload.clone())),
        None => Some(text().unwrap_or_else(|| Value::bin(response.payload.clone()))),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_status() {
        for (code, status) in [
            (0x44, 200),
            (0x45, 200),
            (0x80, 400),
            (0x81, 425),
            (0x83, 425),
            (0x84, 404),
            (0x85, 406),
            (0x8D, 413),
            (0x8F, 400),
            (0xA0, 500),
            (0xA1, 406),
            (0xA3, 417),
            (0x00, 500),
            (0xFF, 500),
        ] {
            let response = Response { code, format: None, payload: Vec::new() };
            assert_eq!(result("3/0/0", &response).status().get(), status, "{code:02X}");
        }
        let conflict = Response { code: 0x89, format: None, payload: Vec::new() };
        assert_eq!(result("3/0/0", &conflict), NativeResult::Failed(409));
        let foreign = Response {
            code: 0x45,
            format: Some(ContentFormat::ApplicationVndOmaLwm2mTlv),
            payload: vec![0xC8, 0x00],
        };
        assert_eq!(result("3/0/0", &foreign), NativeResult::Failed(415));
    }

    #[tokio::test]
    async fn only_numbers_are_resources() {
        let nowhere = ([127, 0, 0, 1], 9).into();
        let client = CoapClient::connect(nowhere, super::super::client::Timing::default()).await.unwrap();
        let adapter = CoapAdapter::new(client, NodeUri::parse("./LwM2M").unwrap().into_owned());
        let path = |text: &str| adapter.path(&NodeUri::parse(text).unwrap());
        assert_eq!(path("./LwM2M/3/0/0").as_deref(), Some("3/0/0"));
        assert_eq!(path("./LwM2M/3/0").as_deref(), Some("3/0"));
        for other in ["./LwM2M", "./LwM2Mx/3/0/0", "./Other/3/0/0", "./LwM2M/3/0/x", "./LwM2M/03/0/0"] {
            assert_eq!(path(other), None, "{other}");
        }
    }
}
