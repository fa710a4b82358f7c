//! Global tokens (WAP-192 §7.1) and multi-byte integers (§5.1).

use crate::octets::Octets;

pub(super) const SWITCH_PAGE: u8 = 0x00;
pub(super) const END: u8 = 0x01;
pub(super) const ENTITY: u8 = 0x02;
pub(super) const STR_I: u8 = 0x03;
pub(super) const LITERAL: u8 = 0x04;
pub(super) const EXT_I_0: u8 = 0x40;
pub(super) const EXT_I_2: u8 = 0x42;
pub(super) const PI: u8 = 0x43;
pub(super) const EXT_T_0: u8 = 0x80;
pub(super) const EXT_T_2: u8 = 0x82;
pub(super) const STR_T: u8 = 0x83;
pub(super) const EXT_0: u8 = 0xC0;
pub(super) const EXT_2: u8 = 0xC2;
pub(super) const OPAQUE: u8 = 0xC3;

/// Set on a tag token whose element has content.
pub(super) const CONTENT: u8 = 0x40;
/// Set on a tag token whose element has attributes.
pub(super) const ATTRIBUTES: u8 = 0x80;
/// The tag identity.
pub(super) const IDENTITY: u8 = 0x3F;

/// Writes `value` in as few octets as it needs.
pub(super) fn put_mb_u32(out: &mut impl Octets, value: u32) {
    let groups = (32 - value.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let bits = (value >> (7 * group)) as u8 & 0x7F;
        out.put_u8(if group > 0 { bits | 0x80 } else { bits });
    }
}
