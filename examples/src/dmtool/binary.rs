//! Binary messages as data for people and scripts: notifications, pushes, short messages.

use std::io::{self, Write};

use dm_notification::push::{
    ApplicationId, Concatenation, Content, HeaderName, PartReference, Push, PushError, PushErrorKind,
    PushKind, UserDataHeader, Value as Carried,
};
use dm_notification::{
    DecodeError, DecodeErrorKind, DsNotification, Initiator, Notification, Policy, Trigger, UiMode,
};
use serde_json::{Map, Value, json};

use super::failure::{Described, Failure};
use super::kind::Kind;

impl Described for DecodeError {
    fn line(&self) -> String {
        let kind = match self.kind() {
            DecodeErrorKind::Truncated { .. } => "truncated",
            DecodeErrorKind::TooLong { .. } => "too-long",
            DecodeErrorKind::EmptyServerIdentifier => "empty-server-identifier",
            DecodeErrorKind::VersionRefused(_) => "version-refused",
            DecodeErrorKind::ZeroSessionId => "zero-session-id",
            _ => "malformed",
        };
        let sentence = self.kind().to_string();
        let sentence = sentence.trim_end_matches(',');
        format!("{kind} at byte {} in {}: {sentence}", self.offset(), self.field())
    }
}

impl Described for PushError {
    fn line(&self) -> String {
        let kind = match self.kind() {
            PushErrorKind::Truncated => "truncated",
            PushErrorKind::NumberTooLarge => "number-too-large",
            PushErrorKind::Unterminated => "unterminated",
            PushErrorKind::NotAName => "not-a-name",
            PushErrorKind::OtherPdu(_) => "other-pdu",
            PushErrorKind::Length => "length",
            PushErrorKind::TooLong => "too-long",
            PushErrorKind::Empty => "empty",
            _ => "malformed",
        };
        let field = self.field().to_string().replace(' ', "-");
        format!("{kind} at byte {} in {field}: {}", self.offset(), self.kind())
    }
}

/// A binary message, taken apart as far as it goes.
#[derive(Debug)]
pub(super) struct Binary<'a> {
    pub(super) kind: Kind,
    /// Its own fields; what it carries is not among them.
    fields: Map<String, Value>,
    carried: Option<Result<Box<Self>, &'a [u8]>>,
}

impl<'a> Binary<'a> {
    /// Reads a message of this kind.
    pub(super) fn read(kind: Kind, octets: &'a [u8]) -> Result<Self, Failure> {
        let leaf = |fields| Self { kind, fields, carried: None };
        match kind {
            Kind::DsSan => {
                let san = DsNotification::decode(octets).map_err(|error| Failure::malformed(&error))?;
                Ok(leaf(ds_fields(&san)))
            }
            Kind::WapPush => Self::push(octets),
            Kind::Sms => {
                let (header, payload) =
                    UserDataHeader::decode(octets).map_err(|error| Failure::malformed(&error))?;
                let whole = header.concatenation().is_none_or(|part| part.total() == 1);
                // What is in a part can only be told where it begins.
                let carried = match Push::decode(payload) {
                    Ok(_) if whole => Self::push(payload).map(Box::new).map_err(|_| payload),
                    _ => Err(payload),
                };
                Ok(Self { kind, fields: sms_fields(&header), carried: Some(carried) })
            }
            _ => {
                let notification = Notification::decode_with(octets, &Policy::FIELD)
                    .map_err(|error| Failure::malformed(&error))?;
                Ok(leaf(notification_fields(&notification)))
            }
        }
    }

    fn push(octets: &'a [u8]) -> Result<Self, Failure> {
        let push = Push::decode(octets).map_err(|error| Failure::malformed(&error))?;
        let inside = match push.content() {
            Content::DmNotification => Some(Kind::Package0),
            Content::DsNotification => Some(Kind::DsSan),
            _ => None,
        };
        let body = push.body();
        let carried = inside.ok_or(body).and_then(|kind| match Self::read(kind, body) {
            Ok(inner) => Ok(Box::new(inner)),
            Err(_) => Err(body),
        });
        Ok(Self { kind: Kind::WapPush, fields: push_fields(&push), carried: Some(carried) })
    }

    /// One object.
    pub(super) fn to_json(&self) -> Value {
        let mut fields = self.fields.clone();
        match &self.carried {
            None => {}
            Some(Ok(inner)) => {
                let inner = json!({ "kind": inner.kind.name(), "document": inner.to_json() });
                fields.insert(self.carries().into(), inner);
            }
            Some(Err(octets)) => {
                fields.insert(self.carries().into(), json!({ "hex": hex(octets) }));
            }
        }
        Value::Object(fields)
    }

    fn carries(&self) -> &'static str {
        if self.kind == Kind::Sms { "payload" } else { "body" }
    }

    /// A line for each field, what is inside further in.
    pub(super) fn write(&self, depth: usize, out: &mut dyn Write) -> io::Result<()> {
        for (name, value) in &self.fields {
            write_field(name, value, depth, out)?;
        }
        match &self.carried {
            None => Ok(()),
            Some(Err(octets)) => {
                writeln!(
                    out,
                    "{:1$}{2}: {3} octets {4}",
                    "",
                    2 * depth,
                    self.carries(),
                    octets.len(),
                    hex(octets)
                )
            }
            Some(Ok(inner)) => {
                writeln!(out, "{:1$}{2}: {3}", "", 2 * depth, self.carries(), inner.kind.described())?;
                inner.write(depth + 1, out)
            }
        }
    }
}

fn write_field(name: &str, value: &Value, depth: usize, out: &mut dyn Write) -> io::Result<()> {
    match value {
        Value::Object(fields) => {
            writeln!(out, "{:1$}{name}", "", 2 * depth)?;
            fields.iter().try_for_each(|(name, value)| write_field(name, value, depth + 1, out))
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().try_for_each(|item| write_field(name, item, depth, out))
        }
        // Escapes what the sender may have put in.
        Value::String(text) => writeln!(out, "{:1$}{name}: {2}", "", 2 * depth, text.escape_debug()),
        other => writeln!(out, "{:1$}{name}: {other}", "", 2 * depth),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn notification_fields(notification: &Notification<'_>) -> Map<String, Value> {
    let trigger = notification.trigger();
    let mut fields = object(json!({ "digest": hex(notification.digest().as_octets()) }));
    fields.extend(trigger_fields(trigger));
    fields.insert("body".into(), hex(trigger.vendor_body()).into());
    fields
}

fn trigger_fields(trigger: &Trigger<'_>) -> Map<String, Value> {
    let server = trigger.server_identifier();
    object(json!({
        "version": trigger.version().get(),
        "ui_mode": trigger.ui_mode().bits(),
        "ui_mode_name": ui_mode_name(trigger.ui_mode()),
        "initiator": trigger.initiator().bits(),
        "initiator_name": match trigger.initiator() {
            Initiator::Client => "client",
            Initiator::Server => "server",
        },
        "future_use": trigger.future_use(),
        "session_id": trigger.session_id().get(),
        "session_id_element": trigger.session_id().to_string(),
        "length_identifier": server.as_octets().len(),
        "server_identifier": server.to_string(),
    }))
}

/// The name of a mode in arguments and output.
pub(super) const fn ui_mode_name(mode: UiMode) -> &'static str {
    match mode {
        UiMode::NotSpecified => "not-specified",
        UiMode::Background => "background",
        UiMode::Informative => "informative",
        UiMode::UserInteraction => "user-interaction",
    }
}

fn ds_fields(san: &DsNotification<'_>) -> Map<String, Value> {
    let mut fields = object(json!({ "digest": hex(san.notification().digest().as_octets()) }));
    fields.extend(trigger_fields(san.notification().trigger()));
    let syncs: Vec<Value> = san
        .syncs()
        .map(|sync| {
            json!({
                "sync_type": sync.sync_type().alert(),
                "content_type": sync.content_type(),
                "server_uri": String::from_utf8_lossy(sync.server_uri()),
            })
        })
        .collect();
    fields.insert("num_syncs".into(), san.count().into());
    fields.insert("syncs".into(), syncs.into());
    fields.insert("trailing".into(), hex(san.vendor_body()).into());
    fields
}

fn push_fields(push: &Push<'_>) -> Map<String, Value> {
    let content_type = push.content_type();
    let media = content_type.media_type();
    let parameters: Vec<Value> = content_type
        .parameters()
        .map(|parameter| {
            let name = match parameter.name {
                dm_notification::push::ParameterName::Code(0x11) => "SEC".into(),
                dm_notification::push::ParameterName::Code(0x12) => "MAC".into(),
                dm_notification::push::ParameterName::Code(0x01) => "charset".into(),
                dm_notification::push::ParameterName::Text(name) => name.to_owned(),
                other => format!("{other:?}"),
            };
            json!({ "name": name, "value": value(parameter.value) })
        })
        .collect();
    let headers: Vec<Value> = push
        .headers()
        .map(|header| {
            let name = header.name.text().map_or_else(|| format!("{:?}", header.name), str::to_owned);
            let mut fields = object(json!({ "name": name, "value": value(header.value) }));
            if header.name.is(HeaderName::APPLICATION_ID) {
                let id = match header.value {
                    Carried::Text(_) => header.value.as_str().map(ApplicationId::Uri),
                    other => other.as_integer().map(ApplicationId::Code),
                };
                if let Some(uri) = id.and_then(ApplicationId::uri) {
                    fields.insert("uri".into(), uri.into());
                }
            }
            Value::Object(fields)
        })
        .collect();
    object(json!({
        "transaction_id": push.transaction_id(),
        "pdu_type": match push.kind() {
            PushKind::Push => 6,
            PushKind::ConfirmedPush => 7,
        },
        "media_type": media.text(),
        "media_type_code": media.code(),
        "parameters": parameters,
        "headers": headers,
    }))
}

/// A number, text, or octets in hexadecimal.
fn value(carried: Carried<'_>) -> Value {
    match (carried, carried.as_integer(), carried.as_str()) {
        (_, Some(number), _) => number.into(),
        (_, _, Some(text)) => text.into(),
        (Carried::Octets(octets) | Carried::Text(octets), ..) => json!({ "hex": hex(octets) }),
        _ => Value::Null,
    }
}

fn sms_fields(header: &UserDataHeader<'_>) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(ports) = header.ports() {
        fields.insert("destination_port".into(), ports.destination.into());
        fields.insert("source_port".into(), ports.source.into());
    }
    if let Some(part) = header.concatenation() {
        fields.insert("concatenation".into(), concatenation(part));
    }
    let elements: Vec<Value> =
        header.elements().map(|element| json!({ "id": element.id, "data": hex(element.data) })).collect();
    fields.insert("elements".into(), elements.into());
    fields
}

fn concatenation(part: Concatenation) -> Value {
    let (bits, reference) = match part.reference() {
        PartReference::Eight(reference) => (8, u16::from(reference)),
        PartReference::Sixteen(reference) => (16, reference),
    };
    json!({ "reference": reference, "bits": bits, "total": part.total(), "sequence": part.sequence() })
}

/// Octets as hexadecimal digits.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Hexadecimal digits, white space between them passed over, as octets.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |octet, digit| octet << 4 | digit)).collect())
}
