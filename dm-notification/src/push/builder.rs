//! Builds pushes.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::application_id::ApplicationId;
use super::content_type::ParameterName;
use super::cursor::put_uintvar;
use super::error::{PushError, PushErrorKind, PushField};
use super::header::{HeaderName, PushFlag};
use super::media_type::MediaType;
use super::pdu::{PushKind, put_push};
use super::value::Value;
use crate::bootstrap::{CpSec, DmSec, Mac};

/// Builds a push, header by header. What it has taken can be encoded.
///
/// ```
/// use dm_notification::push::{HeaderName, PushBuilder, Value};
///
/// let push = PushBuilder::dm_notification().with_transaction_id(1);
/// assert_eq!(push.to_vec(b""), [0x01, 0x06, 0x03, 0xC4, 0xAF, 0x87]);
///
/// let push = push.with_header(HeaderName::GWMO, Value::Text(b"device-7"))?;
/// assert_eq!(push.headers_len(), 13);
/// # Ok::<(), dm_notification::push::PushError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PushBuilder {
    transaction_id: u8,
    kind: PushKind,
    media_type: Vec<u8>,
    is_short: bool,
    parameters: Vec<u8>,
    headers: Vec<u8>,
    page: u8,
}

impl PushBuilder {
    /// A push of this media type, with transaction id 1. Types with a number are written by number, as the DM
    /// binding asks for.
    ///
    /// # Errors
    ///
    /// [`PushErrorKind::NotAName`] for text that is not visible ASCII.
    pub fn new(media_type: MediaType<'_>) -> Result<Self, PushError> {
        let mut encoded = Vec::new();
        let mut is_short = true;
        match (media_type.code(), media_type.text()) {
            (Some(code), _) => {
                is_short = code < 0x80;
                Value::put_integer(&mut encoded, code);
            }
            (None, Some(text)) if !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic()) => {
                Value::Text(text.as_bytes()).encode(&mut encoded);
            }
            _ => return Err(PushError::new(PushErrorKind::NotAName, PushField::ContentType, 0)),
        }
        Ok(Self {
            transaction_id: 1,
            kind: PushKind::Push,
            media_type: encoded,
            is_short,
            parameters: Vec::new(),
            headers: Vec::new(),
            page: 1,
        })
    }

    /// A registered type, without text in it.
    fn of_code(code: u8) -> Self {
        Self {
            transaction_id: 1,
            kind: PushKind::Push,
            media_type: Vec::from([0x80 | code]),
            is_short: true,
            parameters: Vec::new(),
            headers: Vec::new(),
            page: 1,
        }
    }

    /// For a notification of DM 1.0 to 1.2, as the DM binding has it: type and application by number, in this order.
    #[must_use]
    pub fn dm_notification() -> Self {
        Self::of_code(0x44).with_application_id(ApplicationId::SYNCML_DM)
    }

    /// For a notification of Data Sync 1.2.
    #[must_use]
    pub fn ds_notification() -> Self {
        Self::of_code(0x4E).with_application_id(ApplicationId::PUSH_SYNCML)
    }

    /// For a provisioning document in WBXML. There is no `mac` with [`CpSec::USERPINMAC`].
    #[must_use]
    pub fn cp_bootstrap(sec: CpSec, mac: Option<&Mac>) -> Self {
        let mut push = Self::of_code(0x36);
        push.put_parameter(ParameterName::SEC, Value::Short(sec.code()));
        if let Some(mac) = mac {
            push.put_parameter(ParameterName::MAC, Value::Text(mac.to_string().as_bytes()));
        }
        push
    }

    /// For a bootstrap message of the DM profile, in WBXML. The method is written as a word: no number is assigned.
    #[must_use]
    pub fn dm_bootstrap(sec: &DmSec, mac: &Mac) -> Self {
        let mut push = Self::of_code(0x42);
        push.put_parameter(ParameterName::SEC, Value::Text(sec.as_str().as_bytes()));
        push.put_parameter(ParameterName::MAC, Value::Text(mac.to_string().as_bytes()));
        push
    }

    /// The same with another transaction id.
    #[must_use]
    pub const fn with_transaction_id(mut self, id: u8) -> Self {
        self.transaction_id = id;
        self
    }

    /// The same as another kind of push.
    #[must_use]
    pub const fn with_kind(mut self, kind: PushKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same with one more parameter of the content type.
    ///
    /// # Errors
    ///
    /// [`PushErrorKind::NotAName`] for a name that is not visible ASCII, [`PushErrorKind::Unexpected`] for text with
    /// a zero in it and for octets that are no integer of up to 30 octets.
    pub fn with_parameter(mut self, name: ParameterName<'_>, value: Value<'_>) -> Result<Self, PushError> {
        let wrong = |kind| PushError::new(kind, PushField::Parameter, 0);
        if !value.is_encodable() || matches!(value, Value::Octets(octets) if octets.len() > 30) {
            return Err(wrong(PushErrorKind::Unexpected(0)));
        }
        match name {
            // The weight is no value of the general forms.
            ParameterName::Code(0) => return Err(wrong(PushErrorKind::Unexpected(0))),
            ParameterName::Code(code) => Value::put_integer(&mut self.parameters, code),
            ParameterName::Text(name) => put_name(&mut self.parameters, name, PushField::Parameter)?,
        }
        value.encode_parameter(&mut self.parameters);
        Ok(self)
    }

    fn put_parameter(&mut self, code: u32, value: Value<'_>) {
        Value::put_integer(&mut self.parameters, code);
        value.encode_parameter(&mut self.parameters);
    }

    /// The same with one more header.
    ///
    /// # Errors
    ///
    /// [`PushErrorKind::NotAName`] for a name that is not visible ASCII or a code of more than seven bits,
    /// [`PushErrorKind::Unexpected`] for text with a zero in it.
    pub fn with_header(mut self, name: HeaderName<'_>, value: Value<'_>) -> Result<Self, PushError> {
        let wrong = |kind| PushError::new(kind, PushField::Header, 0);
        if !value.is_encodable() {
            return Err(wrong(PushErrorKind::Unexpected(0)));
        }
        match name {
            HeaderName::Code { code: 0x80.., .. } => return Err(wrong(PushErrorKind::NotAName)),
            HeaderName::Code { page, code } => self.put_code(page, code),
            HeaderName::Text(name) => put_name(&mut self.headers, name, PushField::Header)?,
        }
        value.encode(&mut self.headers);
        Ok(self)
    }

    fn put_code(&mut self, page: u8, code: u8) {
        if page != self.page {
            self.headers.extend_from_slice(&[0x7F, page]);
            self.page = page;
        }
        self.headers.push(0x80 | code);
    }

    /// The same with the application it is for. One with a number is written by number. A URI with a zero in it,
    /// which no header can carry, ends before the zero.
    #[must_use]
    pub fn with_application_id(mut self, id: ApplicationId<'_>) -> Self {
        self.put_code(1, 0x2F);
        match (id.code(), id.uri()) {
            (None, Some(uri)) => {
                let uri = uri.split('\0').next().unwrap_or_default();
                Value::Text(uri.as_bytes()).encode(&mut self.headers);
            }
            (code, _) => Value::put_integer(&mut self.headers, code.unwrap_or_default()),
        }
        self
    }

    /// The same with what a push proxy says of it.
    #[must_use]
    pub fn with_push_flag(mut self, flag: PushFlag) -> Self {
        self.put_code(1, 0x34);
        self.headers.push(0x80 | flag.bits());
        self
    }

    /// The content type alone.
    fn content_type(&self) -> Vec<u8> {
        if self.parameters.is_empty()
            && (self.is_short || matches!(self.media_type.as_slice(), [32..=126, ..]))
        {
            return self.media_type.clone();
        }
        let length = self.media_type.len() + self.parameters.len();
        let mut out = Vec::with_capacity(length + 6);
        match u8::try_from(length) {
            Ok(short @ 0..=30) => out.push(short),
            _ => {
                out.push(31);
                put_uintvar(&mut out, u32::try_from(length).unwrap_or(u32::MAX));
            }
        }
        out.extend_from_slice(&self.media_type);
        out.extend_from_slice(&self.parameters);
        out
    }

    /// Octets of content type and headers, which the headers' length counts.
    #[must_use]
    pub fn headers_len(&self) -> usize {
        self.content_type().len() + self.headers.len()
    }

    /// The push with this body.
    #[must_use]
    pub fn to_vec(&self, body: &[u8]) -> Vec<u8> {
        let content_type = self.content_type();
        let mut out = Vec::with_capacity(7 + content_type.len() + self.headers.len() + body.len());
        put_push(&mut out, self.transaction_id, self.kind, &[&content_type, &self.headers], body);
        out
    }
}

fn put_name(out: &mut Vec<u8>, name: &str, field: PushField) -> Result<(), PushError> {
    if name.is_empty() || !name.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(PushError::new(PushErrorKind::NotAName, field, 0));
    }
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    Ok(())
}
