//! The trigger: everything behind the digest.

use alloc::vec::Vec;
use core::fmt;

use bytes::BufMut;

use crate::{ServerIdentifier, SessionId, Version};

/// Octets of the header: the trigger up to the server identifier.
pub(crate) const HEAD: usize = 8;

// Where the fields of the header stand when it is read as one big-endian number of 64 bits.
const VERSION: u32 = 54;
const UI_MODE: u32 = 52;
const INITIATOR: u32 = 51;
const FUTURE_USE: u32 = 24;
const SESSION_ID: u32 = 8;
const FUTURE_USE_BITS: u64 = (1 << 27) - 1;

/// What the server asks for: which server it is, which session it wants, and how the user is to notice.
///
/// A value of this type can always be encoded. [`Trigger::new`] gives what the standard has senders write; the
/// `with_*` methods change one field each. What was decoded encodes to the same octets again, reserved bits
/// included.
///
/// ```
/// use dm_notification::{Initiator, ServerIdentifier, SessionId, Trigger, UiMode};
///
/// let trigger = Trigger::new(ServerIdentifier::new("a")?, SessionId::new(1)?)
///     .with_ui_mode(UiMode::Informative)
///     .with_initiator(Initiator::Client);
/// assert_eq!(trigger.to_vec(), [0x02, 0xE0, 0, 0, 0, 0, 1, 1, b'a']);
/// # Ok::<(), dm_notification::ValueError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trigger<'a> {
    version: Version,
    ui_mode: UiMode,
    initiator: Initiator,
    future_use: u32,
    session_id: SessionId,
    server_identifier: ServerIdentifier<'a>,
    vendor_body: &'a [u8],
}

impl<'a> Trigger<'a> {
    /// A trigger from this server for this session: version 1.1, no opinion on the user interface, started by the
    /// server, no vendor body.
    #[must_use]
    pub const fn new(server_identifier: ServerIdentifier<'a>, session_id: SessionId) -> Self {
        Self {
            version: Version::V1_1,
            ui_mode: UiMode::NotSpecified,
            initiator: Initiator::Server,
            future_use: 0,
            session_id,
            server_identifier,
            vendor_body: &[],
        }
    }

    /// From the header's octets and what follows them.
    pub(crate) const fn from_parts(
        head: [u8; HEAD],
        server_identifier: ServerIdentifier<'a>,
        vendor_body: &'a [u8],
    ) -> Self {
        let head = u64::from_be_bytes(head);
        Self {
            version: Version::from_bits(head >> VERSION),
            ui_mode: UiMode::from_bits(head >> UI_MODE),
            initiator: Initiator::from_bits(head >> INITIATOR),
            future_use: (head >> FUTURE_USE & FUTURE_USE_BITS) as u32,
            session_id: SessionId::from_bits(head >> SESSION_ID),
            server_identifier,
            vendor_body,
        }
    }

    /// The same with another version. Receivers are free to refuse others than 11, and some do.
    #[must_use]
    pub const fn with_version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The same with another recommendation for the user interface.
    #[must_use]
    pub const fn with_ui_mode(mut self, ui_mode: UiMode) -> Self {
        self.ui_mode = ui_mode;
        self
    }

    /// The same with another initiator.
    #[must_use]
    pub const fn with_initiator(mut self, initiator: Initiator) -> Self {
        self.initiator = initiator;
        self
    }

    /// The same with a vendor-specific body: any octets. It has no length field; it ends where the message ends.
    #[must_use]
    pub const fn with_vendor_body(mut self, body: &'a [u8]) -> Self {
        self.vendor_body = body;
        self
    }

    /// The version of the notification format.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// How the user should notice. A recommendation.
    #[must_use]
    pub const fn ui_mode(&self) -> UiMode {
        self.ui_mode
    }

    /// Who wanted the session, as the server sees it.
    #[must_use]
    pub const fn initiator(&self) -> Initiator {
        self.initiator
    }

    /// The 27 reserved bits. Senders write zero; a receiver ignores them. The digest covers them.
    #[must_use]
    pub const fn future_use(&self) -> u32 {
        self.future_use
    }

    /// The id the session must have.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// The server to open the session with.
    #[must_use]
    pub const fn server_identifier(&self) -> ServerIdentifier<'a> {
        self.server_identifier
    }

    /// What follows the server identifier. Opaque: a receiver that does not know it ignores it.
    #[must_use]
    pub const fn vendor_body(&self) -> &'a [u8] {
        self.vendor_body
    }

    /// Octets of the encoded trigger.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        HEAD + self.server_identifier.as_octets().len() + self.vendor_body.len()
    }

    /// Appends the encoded trigger, without a digest.
    ///
    /// # Panics
    ///
    /// If `out` cannot grow and has less room than [`encoded_len`](Self::encoded_len).
    pub fn encode_into(&self, out: &mut impl BufMut) {
        for piece in self.pieces(&self.head()) {
            out.put_slice(piece);
        }
    }

    /// The encoded trigger, without a digest.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode_into(&mut out);
        out
    }

    /// The header's octets.
    pub(crate) const fn head(&self) -> [u8; HEAD] {
        let head = (self.version.get() as u64) << VERSION
            | (self.ui_mode.bits() as u64) << UI_MODE
            | (self.initiator.bits() as u64) << INITIATOR
            | (self.future_use as u64) << FUTURE_USE
            | (self.session_id.get() as u64) << SESSION_ID
            | self.server_identifier.length_identifier() as u64;
        head.to_be_bytes()
    }

    /// The encoded trigger in pieces, of which [`head`](Self::head) is the first.
    pub(crate) const fn pieces<'b>(&self, head: &'b [u8; HEAD]) -> [&'b [u8]; 3]
    where
        'a: 'b,
    {
        [head, self.server_identifier.as_octets(), self.vendor_body]
    }
}

/// Shows the length of the vendor body, not the body, and the reserved bits only where some are set.
impl fmt::Debug for Trigger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Trigger");
        shown
            .field("version", &self.version)
            .field("ui_mode", &self.ui_mode)
            .field("initiator", &self.initiator);
        if self.future_use != 0 {
            shown.field("future_use", &self.future_use);
        }
        shown
            .field("session_id", &self.session_id)
            .field("server_identifier", &self.server_identifier)
            .field("vendor_octets", &self.vendor_body.len())
            .finish()
    }
}

/// How the user should notice the session; the client should follow it (DM Notification 1.2.1, ui-mode).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "two bits, four values")]
pub enum UiMode {
    /// 0: the server has no opinion, the client chooses.
    #[default]
    NotSpecified,
    /// 1: run silently.
    Background,
    /// 2: run, and let the user know.
    Informative,
    /// 3: ask the user first. A refusal means no session, and nothing is sent.
    UserInteraction,
}

impl UiMode {
    /// The mode in the low two bits.
    const fn from_bits(bits: u64) -> Self {
        match bits & 0b11 {
            0 => Self::NotSpecified,
            1 => Self::Background,
            2 => Self::Informative,
            _ => Self::UserInteraction,
        }
    }

    /// The two bits on the wire.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self as u8
    }
}

/// Who wanted the session, as the server sees it: a hint about its origin (DM Notification 1.2.1, initiator).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "one bit, two values")]
pub enum Initiator {
    /// 0: the end user asked for it.
    Client,
    /// 1: the server, its operator or an enterprise wants it.
    Server,
}

impl Initiator {
    /// The initiator in the lowest bit.
    const fn from_bits(bits: u64) -> Self {
        if bits & 1 == 0 { Self::Client } else { Self::Server }
    }

    /// The bit on the wire.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn server() -> ServerIdentifier<'static> {
        ServerIdentifier::new("a").expect("short")
    }

    fn parse(head: u64) -> Trigger<'static> {
        Trigger::from_parts(head.to_be_bytes(), server(), &[])
    }

    /// The table of octets 16 and 17 for the versions in use.
    #[test]
    fn first_two_octets() {
        let modes = [UiMode::NotSpecified, UiMode::Background, UiMode::Informative, UiMode::UserInteraction];
        for (version, first, second) in
            [(Version::V1_1, 0x02, 0xC0), (Version::V1_2, 0x03, 0x00), (Version::V1_0, 0x02, 0x80)]
        {
            for (ui, mode) in modes.into_iter().enumerate() {
                for (bit, initiator) in [Initiator::Client, Initiator::Server].into_iter().enumerate() {
                    let trigger = Trigger::new(server(), SessionId::MAX)
                        .with_version(version)
                        .with_ui_mode(mode)
                        .with_initiator(initiator);
                    let octets = trigger.to_vec();
                    assert_eq!(octets[0], first);
                    assert_eq!(usize::from(octets[1]), second + (ui << 4) + (bit << 3));
                    assert_eq!(octets[2..], [0, 0, 0, 0xFF, 0xFF, 1, b'a']);
                }
            }
        }
    }

    /// Each of the 56 bits in front of the length moves one field, by one power of two, and nothing else.
    #[test]
    fn every_header_bit_belongs_to_one_field() {
        let numbers = |t: Trigger<'_>| {
            [
                t.version().get().into(),
                t.ui_mode().bits().into(),
                t.initiator().bits().into(),
                t.future_use(),
                u32::from(t.session_id().get()),
            ]
        };
        // (field of `numbers`, lowest bit of the header, width), low to high.
        let layout = [(4, 8, 16), (3, 24, 27), (2, 51, 1), (1, 52, 2), (0, 54, 10)];
        let mut bit = 8;
        for (field, low, width) in layout {
            assert_eq!(low, bit);
            for power in 0..width {
                let mut expected = [0; 5];
                expected[field] = 1 << power;
                assert_eq!(numbers(parse(1 << bit | 1)), expected, "bit {bit}");
                expected.iter_mut().zip([0x3FF, 3, 1, 0x7FF_FFFF, 0xFFFF]).for_each(|(e, all)| *e ^= all);
                assert_eq!(numbers(parse(!(1 << bit) & !0xFF | 1)), expected, "all but bit {bit}");
                bit += 1;
            }
        }
        assert_eq!(bit, 64);
    }

    /// Every value of every field, the 27 reserved bits one at a time and in patterns: out as it came in.
    #[test]
    fn every_header_comes_back() {
        let heads = (0..=u64::from(u16::MAX))
            .flat_map(|half| [half << 48, half << 32, half << 24, half << 8])
            .chain((0..64).flat_map(|bit| [1 << bit, !(1u64 << bit)]))
            .chain([0, u64::MAX, 0x0123_4567_89AB_CDEF, 0x5555_5555_5555_5555, 0xAAAA_AAAA_AAAA_AAAA]);
        for head in heads {
            let head = head & !0xFF | 1;
            assert_eq!(parse(head).head(), head.to_be_bytes(), "{head:016x}");
        }
    }

    #[test]
    fn length_is_that_of_the_octets() {
        for (id, body) in [(1, 0), (255, 0), (1, 1000), (255, 1)] {
            let id = alloc::vec![b'i'; id];
            let body = alloc::vec![0; body];
            let server = ServerIdentifier::from_octets(&id).expect("fits");
            let trigger = Trigger::new(server, SessionId::MAX).with_vendor_body(&body);
            assert_eq!(trigger.to_vec().len(), trigger.encoded_len());
            let mut exact = alloc::vec![0; trigger.encoded_len()];
            let mut room = exact.as_mut_slice();
            trigger.encode_into(&mut room);
            assert!(room.is_empty());
            assert_eq!(exact, trigger.to_vec());
        }
    }

    #[test]
    fn debug_is_short() {
        let trigger = Trigger::new(server(), SessionId::MAX).with_vendor_body(&[7; 9]);
        assert_eq!(
            format!("{trigger:?}"),
            r#"Trigger { version: 11 (1.1), ui_mode: NotSpecified, initiator: Server, session_id: 0xFFFF, server_identifier: "a", vendor_octets: 9 }"#
        );
        assert!(format!("{:?}", parse(1 << 24 | 1)).contains("future_use: 1"));
    }
}
