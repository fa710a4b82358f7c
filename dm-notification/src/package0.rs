//! The whole message: digest and trigger.

use alloc::vec::Vec;

use bytes::BufMut;

use crate::trigger::HEAD;
use crate::{
    Credential, DecodeError, DecodeErrorKind, Digest, Field, Policy, ServerIdentifier, Trigger, VerifyError,
    VerifyErrorKind,
};

/// The nonce of resynchronisation, written `0x00000000` in the standard: four zero octets (DM Security 1.2.1).
///
/// A server whose nonce a device seems to have lost can sign with it. A device that accepted such a notification
/// ([`Notification::verify_resync`]) computes its session credentials with the same nonce until both sides have
/// given each other fresh ones.
pub const RESYNC_NONCE: [u8; 4] = [0; 4];

/// The smallest message: digest, header, one octet of server identifier.
const MIN_OCTETS: usize = Digest::OCTETS + HEAD + 1;

/// A notification, Package 0 of DM 1.0 to 1.2: a [`Trigger`] and the [`Digest`] that vouches for it.
///
/// Borrows identifier and vendor body from where it was decoded or built; nothing is copied or allocated.
/// Decoding says nothing about who sent it. [`verify`](Self::verify) does.
///
/// ```
/// use dm_notification::{Digest, Notification, UiMode};
///
/// let octets = b"\x0c\xbe\x9e\x8f\x16\xe4\x09\x30\xdc\x4e\xce\xc6\x8c\x2c\x2f\xdd\
///     \x02\xc8\x00\x00\x00\x00\x01\x01a";
/// let notification = Notification::decode(octets)?;
/// assert_eq!(notification.trigger().server_identifier(), "a");
/// assert_eq!(notification.trigger().ui_mode(), UiMode::NotSpecified);
/// assert_eq!(notification.to_vec(), octets);
/// # Ok::<(), dm_notification::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Notification<'a> {
    digest: Digest,
    trigger: Trigger<'a>,
}

impl<'a> Notification<'a> {
    /// A trigger with a digest that was made elsewhere. [`sign`](Self::sign) makes one.
    #[must_use]
    pub const fn new(digest: Digest, trigger: Trigger<'a>) -> Self {
        Self { digest, trigger }
    }

    /// The trigger, signed: `nonce` is what the device last told the server in `NextNonce`, as raw octets, after
    /// Base64 decoding (DM Notification 1.2.1, digest).
    ///
    /// To send a lost notification again, send the same octets: the session id stays and the device starts one
    /// session. The trigger should name the server of the credential, or no device will take it.
    #[must_use]
    pub fn sign(trigger: Trigger<'a>, credential: &Credential, nonce: &[u8]) -> Self {
        Self { digest: credential.digest(&trigger, nonce), trigger }
    }

    /// Reads a message under [`Policy::STRICT`].
    ///
    /// # Errors
    ///
    /// As [`decode_with`](Self::decode_with).
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        Self::decode_with(octets, &Policy::STRICT)
    }

    /// Reads a message. It fills `octets` to the end: what follows the server identifier is the vendor body.
    ///
    /// # Errors
    ///
    /// The first of these that holds:
    /// - [`DecodeErrorKind::Truncated`] for less than 25 octets,
    /// - [`DecodeErrorKind::TooLong`] for more than [`Policy::max_octets`],
    /// - [`DecodeErrorKind::EmptyServerIdentifier`] for length-identifier 0, [`DecodeErrorKind::Truncated`] for one
    ///   that says more octets than there are,
    /// - [`DecodeErrorKind::VersionRefused`] for a version not in [`Policy::versions`],
    /// - [`DecodeErrorKind::ZeroSessionId`] for session id 0 unless [`Policy::zero_session_id`].
    ///
    /// Reserved bits are no reason to refuse: they are for future use, and the digest covers them.
    pub fn decode_with(octets: &'a [u8], policy: &Policy) -> Result<Self, DecodeError> {
        let truncated = |missing| {
            let (field, offset) = Field::cut_at(octets.len());
            DecodeError::new(DecodeErrorKind::Truncated { missing }, field, offset)
        };
        let too_short = || truncated(MIN_OCTETS.saturating_sub(octets.len()));
        let (digest, rest) = octets.split_first_chunk().ok_or_else(too_short)?;
        let (head, rest) = rest.split_first_chunk::<HEAD>().ok_or_else(too_short)?;
        if rest.is_empty() {
            return Err(too_short());
        }
        if octets.len() > policy.max_octets {
            let kind = DecodeErrorKind::TooLong { limit: policy.max_octets };
            return Err(DecodeError::new(kind, Field::Message, 0));
        }

        let [.., length] = *head;
        let length = usize::from(length);
        let (identifier, vendor_body) =
            rest.split_at_checked(length).ok_or_else(|| truncated(length.saturating_sub(rest.len())))?;
        let server_identifier = ServerIdentifier::from_octets(identifier).map_err(|_| {
            // One octet of length: the only way to be refused is to be empty.
            DecodeError::new(DecodeErrorKind::EmptyServerIdentifier, Field::LengthIdentifier, 23)
        })?;

        let trigger = Trigger::from_parts(*head, server_identifier, vendor_body);
        if !policy.versions.accepts(trigger.version()) {
            let kind = DecodeErrorKind::VersionRefused(trigger.version());
            return Err(DecodeError::new(kind, Field::Version, 16));
        }
        if trigger.session_id().get() == 0 && !policy.zero_session_id {
            return Err(DecodeError::new(DecodeErrorKind::ZeroSessionId, Field::SessionId, 21));
        }
        Ok(Self { digest: Digest::new(*digest), trigger })
    }

    /// Checks that the server of `credential` sent this for this `nonce`: the one the device last gave that server,
    /// as raw octets. An empty nonce is a nonce too.
    ///
    /// Allocates nothing and compares in constant time. A notification does not use its nonce up; replays verify
    /// until a session has brought a new one, so remember the [`Digest`]s that were acted upon. Where an account
    /// has several credentials, try them in turn, the preferred one (`AAuthPref`) first.
    ///
    /// # Errors
    ///
    /// [`VerifyErrorKind::OtherServer`] if the trigger names another server than the credential,
    /// [`VerifyErrorKind::WrongDigest`] if the digest does not match. Either way: drop it, answer nothing.
    pub fn verify(&self, credential: &Credential, nonce: &[u8]) -> Result<(), VerifyError> {
        if self.trigger.server_identifier() != credential.server_identifier() {
            return Err(VerifyError::new(VerifyErrorKind::OtherServer));
        }
        if self.digest != credential.digest(&self.trigger, nonce) {
            return Err(VerifyError::new(VerifyErrorKind::WrongDigest));
        }
        Ok(())
    }

    /// Checks the message against [`RESYNC_NONCE`], for a device whose nonce no longer matches the server's (DM
    /// Security 1.2.1, nonce resynchronisation). Call it after [`verify`](Self::verify) failed, and only if
    /// resynchronisation was switched on for the account.
    ///
    /// Leave it off by default: whoever has seen one such notification can send it again and again. It is safe only
    /// with servers that change their secret after every use.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn verify_resync(&self, credential: &Credential) -> Result<(), VerifyError> {
        self.verify(credential, &RESYNC_NONCE)
    }

    /// The digest. It is worth nothing before [`verify`](Self::verify).
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The trigger.
    #[must_use]
    pub const fn trigger(&self) -> &Trigger<'a> {
        &self.trigger
    }

    /// Octets of the encoded message.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        Digest::OCTETS + self.trigger.encoded_len()
    }

    /// Appends the encoded message.
    ///
    /// # Panics
    ///
    /// If `out` cannot grow and has less room than [`encoded_len`](Self::encoded_len).
    pub fn encode_into(&self, out: &mut impl BufMut) {
        out.put_slice(self.digest.as_octets());
        self.trigger.encode_into(out);
    }

    /// The encoded message.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode_into(&mut out);
        out
    }
}
