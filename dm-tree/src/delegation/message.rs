//! What two servers say to each other, and how an alert carries it.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use dm_syncml::session::GenericAlert;
use dm_syncml::{Data, Format, LocUri, StatusCode};

use crate::acl::Acl;
use crate::authority::{DelegationKind, MoType, Priority, Scope, Terms};
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::timestamp::Timestamp;
use crate::uri::NodeUri;

/// Names a negotiation between two servers: made from the entropy of who began it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct NegotiationId([u8; 16]);

impl NegotiationId {
    /// The negotiation of these octets.
    #[must_use]
    pub const fn new(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let mut octets = [0; 16];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            *octet = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Some(Self(octets))
    }
}

impl fmt::Display for NegotiationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for NegotiationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is to be delegated: on which device, and on what terms.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Proposal {
    device: String,
    terms: Terms,
}

impl Proposal {
    /// On the device of this address (its `DevId`), on these terms.
    ///
    /// # Errors
    ///
    /// [`MessageErrorKind::TooLarge`] when that is more than an alert carries; [`MessageErrorKind::Value`] when the address of the
    /// device is none.
    pub fn new(device: &str, terms: Terms) -> Result<Self, MessageError> {
        LocUri::new(device.to_string()).map_err(|_| MessageErrorKind::Value("device"))?;
        let proposal = Self { device: device.into(), terms };
        let mut text = String::new();
        proposal.write(&mut text);
        // What names the two servers and the negotiation comes on top of it.
        if text.len() > DelegationMessage::MAX_LEN - 2048 {
            return Err(MessageErrorKind::TooLarge.into());
        }
        Ok(proposal)
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The terms.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Whether all of the delegator's rights on the scope go over (full), or it keeps what it has (partial).
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.terms.kind() == DelegationKind::Full
    }

    /// Whether it ends by itself (temporary), or not (permanent).
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        self.terms.not_after().is_some()
    }

    /// The ACL that gives the delegatee what was agreed, where ACLs are all that the device has: beside the delegator's entries, or,
    /// with a full delegation, in place of them. What `now` says of others stays. To be written at the top of the scope and
    /// at every node below that has an ACL of its own (TND 1.2.1 §7.7.1).
    #[must_use]
    pub fn granting(&self, now: &Acl, delegator: &ServerId, delegatee: &ServerId) -> Acl {
        let mut acl = now.clone();
        if self.is_full() {
            let given = acl.remove(delegator);
            acl.grant(delegatee, given.union(self.terms.commands()));
        } else {
            acl.grant(delegatee, self.terms.commands());
        }
        acl
    }

    fn write(&self, text: &mut String) {
        let terms = &self.terms;
        let mut put = |key: &str, value: &str| put(text, key, value);
        put("device", &self.device);
        put("kind", terms.kind().name());
        match terms.scope() {
            Scope::Subtree(uri) => put("subtree", uri.as_str()),
            Scope::Instance(uri) => put("instance", uri.as_str()),
            Scope::Type(mo_type) => put("type", mo_type.as_str()),
        }
        let commands: Vec<_> = terms.commands().iter().map(|(_, name)| name).collect();
        put("commands", &commands.join("+"));
        if let Some(not_after) = terms.not_after() {
            put("not-after", &not_after.to_string());
        }
        if terms.depth() > 0 {
            put("depth", &terms.depth().to_string());
        }
        if terms.priority() != Priority::default() {
            put("priority", &terms.priority().0.to_string());
        }
        let prohibited: Vec<_> = terms.prohibited().map(ServerId::as_str).collect();
        if !prohibited.is_empty() {
            put("prohibited", &prohibited.join("+"));
        }
        for restriction in terms.other_restrictions() {
            put("restriction", restriction);
        }
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let device = fields.take("device")?;
        LocUri::new(device.clone()).map_err(|_| MessageErrorKind::Value("device"))?;
        let kind = fields.take("kind")?;
        let kind = DelegationKind::from_name(&kind).ok_or(MessageErrorKind::Value("kind"))?;
        let uri = |text: String, name| {
            NodeUri::parse(&text).map(NodeUri::into_owned).map_err(|_| MessageErrorKind::Value(name))
        };
        let scopes =
            [fields.named.remove("subtree"), fields.named.remove("instance"), fields.named.remove("type")];
        let scope = match scopes {
            [Some(subtree), None, None] => Scope::Subtree(uri(subtree, "subtree")?),
            [None, Some(instance), None] => Scope::Instance(uri(instance, "instance")?),
            [None, None, Some(mo_type)] => {
                Scope::Type(MoType::new(&mo_type).map_err(|_| MessageErrorKind::Value("type"))?)
            }
            _ => return Err(MessageErrorKind::Missing("subtree, instance or type").into()),
        };
        let mut commands = Rights::NONE;
        for name in fields.take("commands")?.split('+').filter(|name| !name.is_empty()) {
            commands |= Rights::from_name(name).ok_or(MessageErrorKind::Value("commands"))?;
        }
        let mut terms = Terms::new(kind, scope, commands);
        if let Some(text) = fields.named.remove("not-after") {
            terms = terms.until(Timestamp::parse(&text).ok_or(MessageErrorKind::Value("not-after"))?);
        }
        let small = |text: String, name| text.parse::<u8>().map_err(|_| MessageErrorKind::Value(name));
        if let Some(text) = fields.named.remove("depth") {
            terms = terms.with_depth(small(text, "depth")?);
        }
        if let Some(text) = fields.named.remove("priority") {
            terms = terms.with_priority(Priority(small(text, "priority")?));
        }
        for name in fields.named.remove("prohibited").iter().flat_map(|text| text.split('+')) {
            terms =
                terms.prohibiting(ServerId::new(name).map_err(|_| MessageErrorKind::Value("prohibited"))?);
        }
        // What is not known here may be a restriction, and is kept as one: who does not know it must not pass anything on.
        let unknown =
            core::mem::take(&mut fields.named).into_iter().map(|(name, value)| format!("{name}={value}"));
        for restriction in core::mem::take(&mut fields.restrictions).into_iter().chain(unknown) {
            terms = terms.with_other_restriction(restriction);
        }
        Ok(Self { device, terms })
    }
}

/// One message of a negotiation.
///
/// It travels as a generic alert of a type of ours, `urn:oma:at:x-dm-delegation:1.0:` and the name of the step, whose data are
/// names and values in the manner of a form. No standard type for it is publicly known.
///
/// ```
/// use dm_tree::ServerId;
/// use dm_tree::delegation::{DelegationMessage, NegotiationId, Step};
///
/// let message = DelegationMessage {
///     id: NegotiationId::new([1; 16]),
///     delegator: ServerId::new("com.example.operator")?,
///     delegatee: ServerId::new("com.example.partner")?,
///     step: Step::Completed,
/// };
/// let alert = message.to_alert();
/// assert_eq!(alert.name(), "urn:oma:at:x-dm-delegation:1.0:completed");
/// assert_eq!(DelegationMessage::read(&alert)?, message);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a message is what it says; another version has another type")]
pub struct DelegationMessage {
    /// The negotiation.
    pub id: NegotiationId,
    /// Who gives.
    pub delegator: ServerId,
    /// Who receives.
    pub delegatee: ServerId,
    /// What is said.
    pub step: Step,
}

/// What is said in a negotiation. Each may come twice, late, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The delegatee asks for a delegation.
    Request(Proposal),
    /// The delegator offers one.
    Offer(Proposal),
    /// The delegatee takes the offer.
    Accept,
    /// It is agreed; the delegator now sees to the device. On these terms, which may be narrower than was asked for.
    Proceed(Proposal),
    /// The device knows: the delegatee may take up its rights.
    Granted(Proposal),
    /// The delegatee has taken them up.
    Completed,
    /// It comes to nothing.
    Refuse(RefuseReason),
    /// The delegatee gives back what it has.
    Relinquish,
    /// The delegation has ended, on the device too.
    Ended(EndReason),
    /// The delegatee knows that it has ended.
    Acknowledged,
}

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident: $($variant:ident = $word:literal $what:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[non_exhaustive]
        pub enum $name {
            $(#[doc = $what] $variant,)*
        }

        impl $name {
            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

reasons! {
    /// Why a negotiation comes to nothing.
    RefuseReason:
    Declined = "declined" "The other side does not want it.";
    Withdrawn = "withdrawn" "Who proposed it does not want it any more.";
    TimedOut = "timed-out" "An answer did not come in time.";
    NotEffective = "not-effective" "The delegatee does not find on the device what it was granted.";
    Expired = "expired" "It would have ended by now.";
    Busy = "busy" "There is no room for another negotiation.";
    Unknown = "unknown" "The negotiation is not known (any more).";
}

reasons! {
    /// Why a delegation has ended.
    EndReason:
    Expired = "expired" "Its time is over.";
    Revoked = "revoked" "The delegator has taken it back.";
    Relinquished = "relinquished" "The delegatee has given it back.";
    TimedOut = "timed-out" "The delegatee did not take it up in time.";
    Refused = "refused" "The delegatee does not want it after all.";
    Device = "device" "The device did not do it, or not all of it.";
    Unknown = "unknown" "The delegator does not know it (any more).";
}

impl Step {
    /// Its name in the type of the alert.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Offer(_) => "offer",
            Self::Accept => "accept",
            Self::Proceed(_) => "proceed",
            Self::Granted(_) => "granted",
            Self::Completed => "completed",
            Self::Refuse(_) => "refuse",
            Self::Relinquish => "relinquish",
            Self::Ended(_) => "ended",
            Self::Acknowledged => "acknowledged",
        }
    }
}

impl DelegationMessage {
    /// What the type of every alert of this protocol begins with.
    pub const ALERT_TYPE: &'static str = "urn:oma:at:x-dm-delegation:1.0:";

    /// The longest data of an alert that are read, in octets.
    pub const MAX_LEN: usize = 16 << 10;

    /// Whether an alert is of this protocol, whatever its version: then it is for [`read`](Self::read).
    #[must_use]
    pub fn is_one(alert: &GenericAlert) -> bool {
        alert.name().starts_with("urn:oma:at:x-dm-delegation:")
    }

    /// The alert that carries it.
    ///
    /// # Panics
    ///
    /// Never: what a message holds was checked when it was made.
    #[must_use]
    pub fn to_alert(&self) -> GenericAlert {
        let mut text = String::new();
        put(&mut text, "id", &self.id.to_string());
        put(&mut text, "from", self.delegator.as_str());
        put(&mut text, "to", self.delegatee.as_str());
        match &self.step {
            Step::Request(proposal)
            | Step::Offer(proposal)
            | Step::Proceed(proposal)
            | Step::Granted(proposal) => proposal.write(&mut text),
            Step::Refuse(reason) => put(&mut text, "reason", reason.as_str()),
            Step::Ended(reason) => put(&mut text, "reason", reason.as_str()),
            Step::Accept | Step::Completed | Step::Relinquish | Step::Acknowledged => {}
        }
        let data = Data::text(text).expect("escaped text is text");
        let alert_type = format!("{}{}", Self::ALERT_TYPE, self.step.name());
        GenericAlert::new(alert_type, Format::CHR, data).expect("the type is not empty")
    }

    /// Reads an alert.
    ///
    /// # Errors
    ///
    /// [`MessageError`], with the status to answer.
    pub fn read(alert: &GenericAlert) -> Result<Self, MessageError> {
        let name = alert.name().strip_prefix(Self::ALERT_TYPE).ok_or(MessageErrorKind::Type)?;
        let octets = alert.data.decoded(Some(&alert.format)).map_err(|_| MessageErrorKind::Syntax)?;
        if octets.len() > Self::MAX_LEN {
            return Err(MessageErrorKind::TooLarge.into());
        }
        let text = core::str::from_utf8(&octets).map_err(|_| MessageErrorKind::Syntax)?;
        let mut fields = Fields::parse(text)?;
        let id = NegotiationId::parse(&fields.take("id")?).ok_or(MessageErrorKind::Value("id"))?;
        let server = |text: String, name| ServerId::new(&text).map_err(|_| MessageErrorKind::Value(name));
        let delegator = server(fields.take("from")?, "from")?;
        let delegatee = server(fields.take("to")?, "to")?;
        if delegator == delegatee {
            return Err(MessageErrorKind::Value("to").into());
        }
        // Reasons that are not known yet are reasons all the same.
        let step = match name {
            "request" => Step::Request(Proposal::read(&mut fields)?),
            "offer" => Step::Offer(Proposal::read(&mut fields)?),
            "proceed" => Step::Proceed(Proposal::read(&mut fields)?),
            "granted" => Step::Granted(Proposal::read(&mut fields)?),
            "accept" => Step::Accept,
            "completed" => Step::Completed,
            "relinquish" => Step::Relinquish,
            "acknowledged" => Step::Acknowledged,
            "refuse" => Step::Refuse(
                RefuseReason::from_word(&fields.take("reason")?).unwrap_or(RefuseReason::Declined),
            ),
            "ended" => {
                Step::Ended(EndReason::from_word(&fields.take("reason")?).unwrap_or(EndReason::Revoked))
            }
            _ => return Err(MessageErrorKind::Type.into()),
        };
        Ok(Self { id, delegator, delegatee, step })
    }
}

/// `name=value&name=value`, values with percent escapes; each name once but `restriction`.
struct Fields {
    named: BTreeMap<String, String>,
    restrictions: Vec<String>,
}

impl Fields {
    fn parse(text: &str) -> Result<Self, MessageError> {
        let mut fields = Self { named: BTreeMap::new(), restrictions: Vec::new() };
        for field in text.trim().split('&') {
            let (name, value) = field.split_once('=').ok_or(MessageErrorKind::Syntax)?;
            let value = unescape(value).ok_or(MessageErrorKind::Syntax)?;
            if name == "restriction" {
                fields.restrictions.push(value);
            } else if !is_name(name) || fields.named.insert(name.to_string(), value).is_some() {
                return Err(MessageErrorKind::Syntax.into());
            }
        }
        Ok(fields)
    }

    fn take(&mut self, name: &'static str) -> Result<String, MessageError> {
        Ok(self.named.remove(name).ok_or(MessageErrorKind::Missing(name))?)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn put(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() {
        text.push('&');
    }
    text.push_str(name);
    text.push('=');
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/+*,".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            octets.push((digit(bytes.next())? << 4 | digit(bytes.next())?) as u8);
        } else {
            octets.push(byte);
        }
    }
    String::from_utf8(octets).ok()
}

/// Why an alert is no message of a negotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct MessageError {
    kind: MessageErrorKind,
}

impl MessageError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> MessageErrorKind {
        self.kind
    }

    /// The status to answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            MessageErrorKind::Type => StatusCode::NOT_SUPPORTED,
            MessageErrorKind::TooLarge => StatusCode::TOO_LARGE,
            MessageErrorKind::Missing(_) => StatusCode::INCOMPLETE_COMMAND,
            MessageErrorKind::Syntax | MessageErrorKind::Value(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<MessageErrorKind> for MessageError {
    fn from(kind: MessageErrorKind) -> Self {
        Self { kind }
    }
}

/// What is wrong with an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageErrorKind {
    /// It is of another type, or of a version that is not known.
    #[error("not an alert of this protocol and version")]
    Type,
    /// Its data are no names and values, or name something twice.
    #[error("no names and values")]
    Syntax,
    /// Its data are longer than [`DelegationMessage::MAX_LEN`].
    #[error("longer than an alert may be")]
    TooLarge,
    /// This is not in it.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The value of this is none.
    #[error("bad value of {0}")]
    Value(&'static str),
}
