//! All checks a device makes of a notification, in their order, and what comes of it.

use core::fmt;

use crate::push::{Content, Push, PushError};
use crate::{
    Credential, DecodeError, Digest, Initiator, Notification, Policy, ReplayMemory, ServerIdentifier,
    SessionId, Trigger, UiMode, VerifyErrorKind,
};

/// How a message came: what says which kind of message it is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Arrival<'a> {
    /// A WSP push, whole.
    Push(&'a [u8]),
    /// A message alone, and what its carrier said it is.
    Message(Content, &'a [u8]),
}

/// An account of the device, as far as notifications are concerned.
#[derive(Clone, Copy, Debug)]
pub struct Account<'c> {
    credentials: &'c [(Credential, &'c [u8])],
    resync: bool,
}

impl<'c> Account<'c> {
    /// The credentials that the server may present, each with the nonce it was last given, as raw octets; the
    /// preferred one (`AAuthPref`) first. Without any nothing can be verified, as with a server that the transport
    /// authenticates.
    #[must_use]
    pub const fn new(credentials: &'c [(Credential, &'c [u8])]) -> Self {
        Self { credentials, resync: false }
    }

    /// The same, with nonce resynchronisation on or off. Off unless switched on: whoever has seen one message signed
    /// with the zero nonce can send it again. Only for servers that change their secret after each use.
    #[must_use]
    pub const fn with_resync(mut self, on: bool) -> Self {
        self.resync = on;
        self
    }
}

/// What the device does with notifications at large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverPolicy {
    /// What is taken.
    pub policy: Policy,
    /// What [`UiMode::NotSpecified`] means, where the client chooses: run silently unless said otherwise. Itself it
    /// means the same as [`UiMode::Background`].
    pub not_specified: UiMode,
}

impl ReceiverPolicy {
    /// [`Policy::STRICT`]; run silently where the server has no opinion.
    pub const STRICT: Self = Self { policy: Policy::STRICT, not_specified: UiMode::Background };
    /// [`Policy::FIELD`]; the same otherwise.
    pub const FIELD: Self = Self { policy: Policy::FIELD, ..Self::STRICT };

    /// The same with another meaning of [`UiMode::NotSpecified`].
    #[must_use]
    pub const fn with_not_specified(mut self, mode: UiMode) -> Self {
        self.not_specified = mode;
        self
    }
}

impl Default for ReceiverPolicy {
    fn default() -> Self {
        Self::STRICT
    }
}

/// What to do with a message that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict<'a> {
    /// Open the session, silently.
    Start(Wish<'a>),
    /// Open the session, and tell the user that it starts.
    TellUser(Wish<'a>),
    /// Ask the user; open the session if he agrees. If not, nothing is sent.
    AskUser(Wish<'a>),
    /// Do nothing and answer nothing. The reason is for a local log.
    Drop(DropReason),
}

/// The session that a verified notification asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Wish<'a> {
    trigger: Trigger<'a>,
    digest: Digest,
    credential: usize,
    resync: bool,
}

impl<'a> Wish<'a> {
    /// The server to open the session with.
    #[must_use]
    pub const fn server_identifier(&self) -> ServerIdentifier<'a> {
        self.trigger.server_identifier()
    }

    /// The id the session must have, and announce with Alert 1200.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.trigger.session_id()
    }

    /// Who wanted it, as the server sees it.
    #[must_use]
    pub const fn initiator(&self) -> Initiator {
        self.trigger.initiator()
    }

    /// All that was asked, the vendor's body included.
    #[must_use]
    pub const fn trigger(&self) -> &Trigger<'a> {
        &self.trigger
    }

    /// The digest, verified.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Which of the account's credentials it was signed with.
    #[must_use]
    pub const fn credential(&self) -> usize {
        self.credential
    }

    /// Whether it was signed with the zero nonce. Then the client's first credentials use
    /// [`RESYNC_NONCE`](crate::RESYNC_NONCE) too, and both sides give each other fresh nonces in the session
    /// (DM Security 1.2.1, nonce resynchronisation).
    #[must_use]
    pub const fn is_resync(&self) -> bool {
        self.resync
    }
}

impl fmt::Debug for Wish<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wish")
            .field("trigger", &self.trigger)
            .field("resync", &self.resync)
            .finish_non_exhaustive()
    }
}

/// Why a message is dropped, in the order in which it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DropReason {
    /// The push around it is malformed.
    #[error("{0}")]
    Carriage(PushError),
    /// It is something else, or for another application. Others may want it: bootstrap messages among them.
    #[error("not a notification of device management")]
    OtherContent(Content),
    /// It is a notification of DM 1.3, which cannot be verified.
    #[error("notifications of dm 1.3 are not understood")]
    Unverifiable,
    /// It is malformed, or the policy does not take it.
    #[error("{0}")]
    Malformed(DecodeError),
    /// There is no account of the server.
    #[error("no account of this server")]
    UnknownServer,
    /// There is an account, but nothing to verify with.
    #[error("account has no credential of the server")]
    NoCredential,
    /// The digest is wrong.
    #[error("digest does not match")]
    WrongDigest,
    /// It was acted upon before.
    #[error("seen before")]
    Replayed,
    /// A session is running.
    #[error("a session is running")]
    InSession,
}

/// Makes all checks of a message in their order, and says what to do: media type and application, shape, version,
/// the server, the digest with each credential's nonce, where it is switched on the digest with the zero nonce,
/// whether it was seen before, whether a session is running, and at last how the user should notice (DM Notification
/// 1.2.1).
///
/// `account_of` finds the device's account of a server. `in_session` is whether a session runs now. What is acted
/// upon is remembered in `memory`; what is dropped is not, so a notification that comes while a session runs may
/// come again later.
///
/// ```
/// use dm_notification::push::{Content, PushBuilder};
/// use dm_notification::{
///     Account, Arrival, Credential, DropReason, Notification, ReceiverPolicy, ReplayMemory, ServerIdentifier,
///     SessionId, Trigger, UiMode, Verdict, receive,
/// };
///
/// let server = ServerIdentifier::new("com.mgmtsrv.manage")?;
/// let trigger = Trigger::new(server, SessionId::new(0x2A)?).with_ui_mode(UiMode::Informative);
/// let package0 = Notification::sign(trigger, &Credential::new(server, "srvpassword"), b"nonce").to_vec();
/// let push = PushBuilder::dm_notification().to_vec(&package0);
///
/// let credentials = [(Credential::new(server, "srvpassword"), &b"nonce"[..])];
/// let account_of = |id: ServerIdentifier<'_>| (id == server).then(|| Account::new(&credentials));
/// let mut memory = ReplayMemory::new();
/// let verdict = receive(Arrival::Push(&push), &ReceiverPolicy::STRICT, account_of, &mut memory, false);
/// let Verdict::TellUser(wish) = verdict else { panic!("{verdict:?}") };
/// assert_eq!(wish.session_id().to_string(), "2A");
///
/// let again = Arrival::Message(Content::DmNotification, &package0);
/// let verdict = receive(again, &ReceiverPolicy::STRICT, account_of, &mut memory, false);
/// assert_eq!(verdict, Verdict::Drop(DropReason::Replayed));
/// # Ok::<(), dm_notification::ValueError>(())
/// ```
pub fn receive<'a, 'c>(
    arrival: Arrival<'a>,
    policy: &ReceiverPolicy,
    account_of: impl FnOnce(ServerIdentifier<'a>) -> Option<Account<'c>>,
    memory: &mut ReplayMemory,
    in_session: bool,
) -> Verdict<'a> {
    match check(arrival, policy, account_of, memory, in_session) {
        Ok((wish, mode)) => match mode {
            UiMode::NotSpecified | UiMode::Background => Verdict::Start(wish),
            UiMode::Informative => Verdict::TellUser(wish),
            UiMode::UserInteraction => Verdict::AskUser(wish),
        },
        Err(reason) => Verdict::Drop(reason),
    }
}

fn check<'a, 'c>(
    arrival: Arrival<'a>,
    policy: &ReceiverPolicy,
    account_of: impl FnOnce(ServerIdentifier<'a>) -> Option<Account<'c>>,
    memory: &mut ReplayMemory,
    in_session: bool,
) -> Result<(Wish<'a>, UiMode), DropReason> {
    let (content, octets) = match arrival {
        Arrival::Message(content, octets) => (content, octets),
        Arrival::Push(octets) => {
            let push = Push::decode(octets).map_err(DropReason::Carriage)?;
            (push.content(), push.body())
        }
    };
    match content {
        Content::DmNotification => {}
        Content::DmNotification13 => return Err(DropReason::Unverifiable),
        other => return Err(DropReason::OtherContent(other)),
    }
    let notification = Notification::decode_with(octets, &policy.policy).map_err(DropReason::Malformed)?;
    let trigger = *notification.trigger();
    let account = account_of(trigger.server_identifier()).ok_or(DropReason::UnknownServer)?;
    let (credential, resync) = verify(&notification, &account)?;
    if memory.contains(&notification) {
        return Err(DropReason::Replayed);
    }
    if in_session {
        return Err(DropReason::InSession);
    }
    memory.remember(&notification);
    let mode = match trigger.ui_mode() {
        UiMode::NotSpecified => policy.not_specified,
        mode => mode,
    };
    Ok((Wish { trigger, digest: notification.digest(), credential, resync }, mode))
}

/// Which credential it was signed with, and whether with the zero nonce. All stored nonces come before that one.
fn verify(notification: &Notification<'_>, account: &Account<'_>) -> Result<(usize, bool), DropReason> {
    let mut reason = DropReason::NoCredential;
    for resync in [false, true] {
        if resync && !account.resync {
            break;
        }
        for (at, (credential, nonce)) in account.credentials.iter().enumerate() {
            let verified = match resync {
                false => notification.verify(credential, nonce),
                true => notification.verify_resync(credential),
            };
            match verified.map_err(|error| error.kind()) {
                Ok(()) => return Ok((at, resync)),
                Err(VerifyErrorKind::OtherServer) => {}
                Err(VerifyErrorKind::WrongDigest) => reason = DropReason::WrongDigest,
            }
        }
    }
    Err(reason)
}
