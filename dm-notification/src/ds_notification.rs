//! Notifications of Data Sync 1.2: the same head and digest, and a body that says what to synchronize.

use alloc::vec::Vec;
use core::fmt;

use crate::{
    Credential, DecodeError, DecodeErrorKind, Field, Notification, Policy, Trigger, ValueError,
    ValueErrorKind, Version, VersionPolicy,
};

/// A notification of Data Sync 1.2 (Server Alerted Notification), `application/vnd.syncml.ds.notification`.
///
/// Head, digest and keys are those of device management; [`notification`](Self::notification) has them. What follows
/// the server identifier is a list of synchronizations. Borrowed; nothing is copied or allocated.
///
/// ```
/// use dm_notification::{Credential, DsNotification, DsSync, ServerIdentifier, SessionId, SyncType, ds_body};
///
/// let server = ServerIdentifier::new("sync.example.org")?;
/// let credential = Credential::new(server, "secret");
/// let body = ds_body(&[DsSync::new(SyncType::TWO_WAY, 0x07, b"Contacts")?])?;
/// let octets = DsNotification::sign(server, SessionId::new(1)?, &body, &credential, b"nonce").to_vec();
///
/// let received = DsNotification::decode(&octets)?;
/// received.notification().verify(&credential, b"nonce")?;
/// let sync = received.syncs().next().unwrap();
/// assert_eq!((sync.sync_type().alert(), sync.server_uri()), (206, &b"Contacts"[..]));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DsNotification<'a> {
    notification: Notification<'a>,
    count: u8,
    syncs: &'a [u8],
    vendor_body: &'a [u8],
}

impl<'a> DsNotification<'a> {
    /// What is read unless said otherwise: version 12, session id 0 too, since common senders use it.
    pub const POLICY: Policy = Policy::STRICT
        .with_versions(VersionPolicy::range(Version::V1_2, Version::V1_2))
        .with_zero_session_id(true);

    /// Reads a message under [`POLICY`](Self::POLICY).
    ///
    /// # Errors
    ///
    /// As [`decode_with`](Self::decode_with).
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        Self::decode_with(octets, &Self::POLICY)
    }

    /// Reads a message.
    ///
    /// # Errors
    ///
    /// As [`Notification::decode_with`], and [`DecodeErrorKind::Truncated`] in [`Field::DsBody`] where there are
    /// fewer synchronizations than the body says.
    pub fn decode_with(octets: &'a [u8], policy: &Policy) -> Result<Self, DecodeError> {
        let notification = Notification::decode_with(octets, policy)?;
        let body = notification.trigger().vendor_body();
        let at = octets.len() - body.len();
        let truncated =
            |at, missing| DecodeError::new(DecodeErrorKind::Truncated { missing }, Field::DsBody, at);
        let (head, list) = body.split_first().ok_or_else(|| truncated(at, 1))?;
        let count = head >> 4;
        let mut rest = list;
        for _ in 0..count {
            let at = octets.len() - rest.len();
            let (_, behind) = DsSync::decode(rest).map_err(|missing| truncated(at, missing))?;
            rest = behind;
        }
        let (syncs, vendor_body) = list.split_at(list.len() - rest.len());
        Ok(Self { notification, count, syncs, vendor_body })
    }

    /// A message with a body that [`ds_body`] made, and vendor data behind it if there are any; version 12.
    #[must_use]
    pub fn sign(
        server: crate::ServerIdentifier<'a>,
        session_id: crate::SessionId,
        body: &'a [u8],
        credential: &Credential,
        nonce: &[u8],
    ) -> Notification<'a> {
        let trigger = Trigger::new(server, session_id).with_version(Version::V1_2).with_vendor_body(body);
        Notification::sign(trigger, credential, nonce)
    }

    /// Head and digest. Its vendor body is the whole body.
    #[must_use]
    pub const fn notification(&self) -> &Notification<'a> {
        &self.notification
    }

    /// How many synchronizations are asked for; 0 is all that are known. Then some senders add one octet with a
    /// type for them all, which stands in [`vendor_body`](Self::vendor_body).
    #[must_use]
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// What to synchronize.
    pub fn syncs(&self) -> impl Iterator<Item = DsSync<'a>> + Clone + use<'a> {
        let mut rest = self.syncs;
        // They were read when the message was: no error is left.
        core::iter::from_fn(move || {
            let (sync, behind) = DsSync::decode(rest).ok()?;
            rest = behind;
            Some(sync)
        })
    }

    /// What follows the last synchronization.
    #[must_use]
    pub const fn vendor_body(&self) -> &'a [u8] {
        self.vendor_body
    }
}

impl fmt::Debug for DsNotification<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DsNotification")
            .field("notification", &self.notification)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// One synchronization that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DsSync<'a> {
    sync_type: SyncType,
    reserved: u8,
    content_type: u32,
    server_uri: &'a [u8],
}

impl<'a> DsSync<'a> {
    /// Octets in front of the URI.
    const HEAD: usize = 5;

    /// A synchronization of this type of the database with this URI. The content type is WSP's number, 0 for none.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::DsSync`] for a content type of more than 24 bits or a URI of more than 255 octets.
    pub const fn new(
        sync_type: SyncType,
        content_type: u32,
        server_uri: &'a [u8],
    ) -> Result<Self, ValueError> {
        if content_type > 0xFF_FFFF || server_uri.len() > 255 {
            return Err(ValueError::new(ValueErrorKind::DsSync));
        }
        Ok(Self { sync_type, reserved: 0, content_type, server_uri })
    }

    /// One from the front, and what is behind it; else how many octets are missing.
    fn decode(octets: &'a [u8]) -> Result<(Self, &'a [u8]), usize> {
        let missing = Self::HEAD.saturating_sub(octets.len());
        let (&[head, c2, c1, c0, length], rest) = octets.split_first_chunk().ok_or(missing)?;
        let length = usize::from(length);
        let (server_uri, rest) = rest.split_at_checked(length).ok_or(length.saturating_sub(rest.len()))?;
        let sync = Self {
            sync_type: SyncType(head >> 4),
            reserved: head & 0x0F,
            content_type: u32::from_be_bytes([0, c2, c1, c0]),
            server_uri,
        };
        Ok((sync, rest))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let [_, c2, c1, c0] = self.content_type.to_be_bytes();
        // Held to 255 at construction.
        let length = self.server_uri.len() as u8;
        out.extend_from_slice(&[self.sync_type.0 << 4 | self.reserved, c2, c1, c0, length]);
        out.extend_from_slice(self.server_uri);
    }

    /// Which way.
    #[must_use]
    pub const fn sync_type(&self) -> SyncType {
        self.sync_type
    }

    /// The content type: WSP's number, 24 bits; 0 for none.
    #[must_use]
    pub const fn content_type(&self) -> u32 {
        self.content_type
    }

    /// The server's database.
    #[must_use]
    pub const fn server_uri(&self) -> &'a [u8] {
        self.server_uri
    }

    /// Four bits that are reserved.
    #[must_use]
    pub const fn reserved(&self) -> u8 {
        self.reserved
    }
}

/// Which way to synchronize: four bits, an alert code less 200.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncType(u8);

impl SyncType {
    /// Alert 206: both ways.
    pub const TWO_WAY: Self = Self(6);
    /// Alert 207: from the client.
    pub const ONE_WAY_FROM_CLIENT: Self = Self(7);
    /// Alert 208: everything from the client.
    pub const REFRESH_FROM_CLIENT: Self = Self(8);
    /// Alert 209: from the server.
    pub const ONE_WAY_FROM_SERVER: Self = Self(9);
    /// Alert 210: everything from the server.
    pub const REFRESH_FROM_SERVER: Self = Self(10);

    /// The type with these four bits.
    #[must_use]
    pub const fn new(bits: u8) -> Self {
        Self(bits & 0x0F)
    }

    /// The four bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The alert code that stands for it in a session.
    #[must_use]
    pub const fn alert(self) -> u16 {
        200 + self.0 as u16
    }
}

impl fmt::Debug for SyncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.alert())
    }
}

/// The body of a notification of Data Sync: these synchronizations, or with none all that are known.
///
/// # Errors
///
/// [`ValueErrorKind::DsSync`] for more than 15.
pub fn ds_body(syncs: &[DsSync<'_>]) -> Result<Vec<u8>, ValueError> {
    let count = u8::try_from(syncs.len()).ok().filter(|count| *count <= 15);
    let count = count.ok_or(ValueError::new(ValueErrorKind::DsSync))?;
    let mut out = Vec::from([count << 4]);
    syncs.iter().for_each(|sync| sync.encode(&mut out));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ServerIdentifier, SessionId};

    fn message(body: &[u8]) -> Vec<u8> {
        let server = ServerIdentifier::new("s").expect("fits");
        let credential = Credential::new(server, "");
        DsNotification::sign(server, SessionId::ZERO, body, &credential, b"").to_vec()
    }

    #[test]
    fn every_number_of_syncs() {
        let long = [b'u'; 255];
        for count in 0..=16_usize {
            let syncs: Vec<_> = (0..count)
                .map(|at| {
                    DsSync::new(SyncType::new(at as u8), 0x0003_0600 + at as u32, &long[..at * 17 % 256])
                })
                .collect::<Result<_, _>>()
                .expect("all fit");
            let Ok(mut body) = ds_body(&syncs) else {
                assert_eq!(count, 16);
                continue;
            };
            body.extend_from_slice(b"vendor");
            let octets = message(&body);
            let received = DsNotification::decode(&octets).expect("well-formed");
            assert_eq!(usize::from(received.count()), count);
            assert_eq!(received.syncs().collect::<Vec<_>>(), syncs);
            assert_eq!(received.vendor_body(), b"vendor");
            // Every cut inside the list is noticed, and says what is missing at least.
            let list = octets.len() - b"vendor".len();
            for length in list - body.len() + 6..list {
                let error = DsNotification::decode(&octets[..length]).expect_err("cut");
                assert_eq!(error.field(), Field::DsBody);
                assert!(error.offset() <= length);
            }
        }
    }

    #[test]
    fn what_does_not_fit() {
        assert!(DsSync::new(SyncType::TWO_WAY, 1 << 24, b"").is_err());
        assert!(DsSync::new(SyncType::TWO_WAY, 0, &[0; 256]).is_err());
        assert_eq!(SyncType::REFRESH_FROM_SERVER.alert(), 210);
    }
}
