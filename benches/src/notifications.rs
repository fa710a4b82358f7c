//! Notifications to measure with, and what they are measured against: a cursor by hand, and bare MD5.

use dm_notification::{Credential, Digest, Notification, ServerIdentifier, SessionId, Trigger, UiMode};
use md5::{Digest as _, Md5};

/// The nonce of every notification here.
pub const NONCE: [u8; 16] = *b"sixteen octets!!";

/// The credential that signs them.
///
/// # Panics
/// Never: the identifier fits.
#[must_use]
pub fn credential() -> Credential {
    Credential::new(server(), "a password of some length")
}

fn server() -> ServerIdentifier<'static> {
    ServerIdentifier::new("com.mgmtsrv.manage").expect("it fits")
}

/// A signed notification with a vendor body of so many octets.
///
/// # Panics
/// Never: the session id is not zero.
#[must_use]
pub fn signed(body: usize) -> Vec<u8> {
    let body = vec![0x5A; body];
    let session_id = SessionId::new(0x1234).expect("not zero");
    let trigger = Trigger::new(server(), session_id).with_ui_mode(UiMode::Background).with_vendor_body(&body);
    Notification::sign(trigger, &credential(), &NONCE).to_vec()
}

/// The fields of a notification, as a cursor finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ByHand<'a> {
    /// The first 16 octets.
    pub digest: [u8; 16],
    /// Ten bits.
    pub version: u16,
    /// Two bits.
    pub ui_mode: u8,
    /// One bit.
    pub initiator: u8,
    /// 27 bits.
    pub future_use: u32,
    /// Sixteen bits.
    pub session_id: u16,
    /// As long as its length says.
    pub server_identifier: &'a [u8],
    /// The rest.
    pub body: &'a [u8],
}

/// Reads a notification with a cursor over its octets, and checks what has to be checked: lengths, version, session.
#[must_use]
pub fn by_hand(octets: &[u8]) -> Option<ByHand<'_>> {
    if octets.len() < 25 || octets.len() > 255 * 128 {
        return None;
    }
    let digest = octets[..16].try_into().ok()?;
    let version = u16::from(octets[16]) << 2 | u16::from(octets[17] >> 6);
    let ui_mode = octets[17] >> 4 & 3;
    let initiator = octets[17] >> 3 & 1;
    let future_use = u32::from_be_bytes([octets[17] & 7, octets[18], octets[19], octets[20]]);
    let session_id = u16::from_be_bytes([octets[21], octets[22]]);
    let end = 24 + usize::from(octets[23]);
    if end == 24 || end > octets.len() || version != 11 || session_id == 0 {
        return None;
    }
    let (server_identifier, body) = (&octets[24..end], &octets[end..]);
    Some(ByHand { digest, version, ui_mode, initiator, future_use, session_id, server_identifier, body })
}

/// The two MD5 that verifying needs, over input that lies ready: the trigger, and 50 octets with the nonce.
#[must_use]
pub fn bare_md5(trigger: &[u8], input: &[u8]) -> [u8; Digest::OCTETS] {
    let first: [u8; 16] = Md5::digest(trigger).into();
    let mut second: [u8; 16] = Md5::digest(input).into();
    second[0] ^= first[0];
    second
}
