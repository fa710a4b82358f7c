//! A message that has arrived, before anyone knows whose session it belongs to.

use alloc::string::String;

use md5::{Digest, Md5};

use crate::auth::{MacHeader, MacHeaderError, Presented};
use crate::error::DecodeError;
use crate::model::{Command, DecodeOptions, Encoding, Message, MsgId};

use super::{PeerError, TransportSecurity};

/// A message that has arrived: decoded once, to find its session, and then handed to it.
///
/// ```
/// use dm_syncml::session::Incoming;
/// use dm_syncml::{DecodeOptions, Encoding};
///
/// let body = include_bytes!("../../tests/vectors/session/01-c2s-pkg1-nocred.wbxml");
/// let incoming = Incoming::decode(Encoding::Wbxml, body, &DecodeOptions::new())?;
/// assert_eq!(incoming.key().peer(), "IMEI:004999010640000");
/// assert_eq!(incoming.key().session_id(), "1A");
/// # Ok::<(), dm_syncml::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Incoming<'a> {
    pub(super) message: Message<'a>,
    /// How the answer is to be encoded.
    pub(super) answer: Encoding,
    /// Tells whether a message with the same MsgID is the same message.
    pub(super) fingerprint: [u8; 16],
    /// How long its body is.
    octets: u64,
    /// The MAC that came beside it.
    mac: Option<Result<MacHeader, MacHeaderError>>,
    /// Whom the transport has authenticated.
    pub(super) transport_identity: Option<&'a str>,
    /// Where it came from.
    origin: Option<&'a str>,
    /// Whether others could read it.
    transport: TransportSecurity,
}

impl<'a> Incoming<'a> {
    /// Decodes the body of a request or an answer.
    ///
    /// # Errors
    /// As [`Message::decode`].
    pub fn decode(encoding: Encoding, body: &'a [u8], options: &DecodeOptions) -> Result<Self, DecodeError> {
        let message = Message::decode(encoding, body, options)?;
        Ok(Self {
            message,
            answer: encoding,
            fingerprint: Md5::digest(body).into(),
            octets: body.len() as u64,
            mac: None,
            transport_identity: None,
            origin: None,
            transport: TransportSecurity::Clear,
        })
    }

    /// Sets the encoding of the answer; it is that of the message itself otherwise. A session keeps to that of its first message.
    #[must_use]
    pub const fn answered_in(mut self, encoding: Encoding) -> Self {
        self.answer = encoding;
        self
    }

    /// Adds the value of the `x-syncml-hmac` header that came beside the body, if one did. A value that cannot be read counts as a wrong
    /// MAC, for a peer that must show one.
    #[must_use]
    pub fn with_hmac(mut self, value: Option<&[u8]>) -> Self {
        self.mac = value.map(MacHeader::parse);
        self
    }

    /// Adds the name that the transport has authenticated: that of a TLS client certificate whose chain the caller has verified. It counts
    /// for accounts that name it ([`Account::with_certificate`](crate::session::Account::with_certificate)) and for no other.
    #[must_use]
    pub const fn with_transport_identity(mut self, name: Option<&'a str>) -> Self {
        self.transport_identity = name;
        self
    }

    /// Adds where the message came from, as the caller tells senders apart: a network address. Sessions take no notice of it; it is for
    /// who keeps a [`Lockout`](crate::session::Lockout).
    #[must_use]
    pub const fn with_origin(mut self, origin: Option<&'a str>) -> Self {
        self.origin = origin;
        self
    }

    /// Where it came from, if the caller [said so](Self::with_origin).
    #[must_use]
    pub const fn origin(&self) -> Option<&'a str> {
        self.origin
    }

    /// Adds whether others can read the message and its answer. Sessions take no notice of it; it is for who decides what may be sent in
    /// the answer.
    #[must_use]
    pub const fn over(mut self, transport: TransportSecurity) -> Self {
        self.transport = transport;
        self
    }

    /// Whether others can read it, as the caller [said](Self::over).
    #[must_use]
    pub const fn transport(&self) -> TransportSecurity {
        self.transport
    }

    /// What the message shows of its sender.
    pub(super) fn presented(&self) -> Presented<'_> {
        Presented {
            cred: self.message.header.cred.as_ref(),
            mac: self.mac.as_ref(),
            user: self.user(),
            body_digest: &self.fingerprint,
        }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Message<'a> {
        &self.message
    }

    /// Whether it is larger than a peer that knows our MaxMsgSize may send.
    pub(super) fn exceeds(&self, max_msg_size: Option<u64>) -> bool {
        max_msg_size.is_some_and(|limit| self.octets > limit)
    }

    /// Its MsgID as the sender wrote it, to refer to; each answer repeats it, so it must not be any length.
    pub(super) fn msg_ref(&self) -> MsgId<'static> {
        const LONGEST: usize = 16;
        let msg_id = &self.message.header.msg_id;
        match msg_id.as_number() {
            Some(number) if msg_id.as_str().len() > LONGEST => MsgId::number(number),
            _ => msg_id.clone().into_owned(),
        }
    }

    /// Whether there are no more commands that need an answer than `limit`, members of containers included.
    pub(super) fn check_commands(&self, limit: usize) -> Result<(), PeerError> {
        fn count(commands: &[Command<'_>]) -> usize {
            let needs_answer =
                |command: &&Command<'_>| !matches!(command, Command::Status(_) | Command::Results(_));
            commands.iter().filter(needs_answer).map(|command| 1 + count(command.members())).sum()
        }
        if count(&self.message.body.commands) > limit {
            Err(PeerError::TooManyCommands(limit))
        } else {
            Ok(())
        }
    }

    /// Which session it belongs to.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        SessionKey {
            peer: self.message.header.source.loc_uri.as_str().into(),
            session_id: self.message.header.session_id.as_str().into(),
        }
    }

    /// The user name that stands beside the credentials, if one does.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.message.header.source.loc_name.as_ref().map(|name| name.as_str())
    }

    /// Whether this is the first message of a session.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.message.header.msg_id == "1"
    }
}

/// Tells sessions apart: the peer's address and the SessionID, both compared exactly (DM Protocol 1.2.1, SyncHdr).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionKey {
    peer: String,
    session_id: String,
}

impl SessionKey {
    /// The peer: Source LocURI of its messages.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// The SessionID.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session_id
    }
}
