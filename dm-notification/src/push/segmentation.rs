//! How much fits into short messages, and cutting what does not fit into one.

use alloc::vec::Vec;

use super::error::{PushError, PushErrorKind, PushField};
use super::user_data::{InformationElement, PartReference, Ports};

/// Octets of user data in one short message (3GPP TS 23.040 §9.2.3.16).
pub const SMS_OCTETS: usize = 140;
/// Parts of one message: their number is one octet.
pub const MAX_PARTS: usize = 255;
/// Octets of a notification that fit into one short message: 140 less 7 of ports and 6 of WSP headers.
pub const PACKAGE0_IN_ONE_SMS: usize = 127;
/// Octets of WDP and WSP headers that the DM binding allows together.
pub const WSP_HEADERS_MAX: usize = 48;

/// A length octet and the element of the ports.
const PORTS_HEADER: usize = 7;

/// Octets of payload in each short message, which has ports and, with a reference, is a part of several.
///
/// ```
/// use dm_notification::push::{PartReference, room_per_part};
///
/// assert_eq!(room_per_part(None), 133);
/// assert_eq!(room_per_part(Some(PartReference::Eight(0))), 128);
/// assert_eq!(room_per_part(Some(PartReference::Sixteen(0))), 127);
/// ```
#[must_use]
pub const fn room_per_part(reference: Option<PartReference>) -> usize {
    SMS_OCTETS
        - PORTS_HEADER
        - match reference {
            None => 0,
            Some(PartReference::Eight(_)) => 5,
            Some(PartReference::Sixteen(_)) => 6,
        }
}

/// How many short messages a payload of so many octets takes, with a reference of this form where it takes several.
/// May be more than [`MAX_PARTS`].
#[must_use]
pub const fn parts_needed(octets: usize, reference: PartReference) -> usize {
    if octets <= room_per_part(None) { 1 } else { octets.div_ceil(room_per_part(Some(reference))) }
}

/// Cuts a payload, a WSP push, into the user data of short messages. One if it fits; else parts that carry
/// `reference`, which messages to the same device within a few hours should not share. Only the first part begins
/// with the push's headers.
///
/// # Errors
///
/// [`PushErrorKind::TooLong`] if it takes more than 255 parts, or several and there is no reference.
pub fn segment(
    ports: Ports,
    payload: &[u8],
    reference: Option<PartReference>,
) -> Result<Vec<Vec<u8>>, PushError> {
    if payload.len() <= room_per_part(None) {
        return Ok(Vec::from([part(ports, None, payload)]));
    }
    let too_long = PushError::new(PushErrorKind::TooLong, PushField::Message, 0);
    let reference = reference.ok_or(too_long)?;
    let total = u8::try_from(parts_needed(payload.len(), reference)).map_err(|_| too_long)?;
    let pieces = payload.chunks(room_per_part(Some(reference)));
    Ok((1..=total)
        .zip(pieces)
        .map(|(sequence, piece)| part(ports, Some((reference, total, sequence)), piece))
        .collect())
}

fn part(ports: Ports, concatenation: Option<(PartReference, u8, u8)>, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(SMS_OCTETS);
    out.push(0);
    out.extend_from_slice(&[InformationElement::PORTS_16, 4]);
    out.extend_from_slice(&ports.destination.to_be_bytes());
    out.extend_from_slice(&ports.source.to_be_bytes());
    match concatenation {
        None => {}
        Some((PartReference::Eight(reference), total, sequence)) => {
            out.extend_from_slice(&[InformationElement::CONCATENATION_8, 3, reference, total, sequence]);
        }
        Some((PartReference::Sixteen(reference), total, sequence)) => {
            let [r1, r0] = reference.to_be_bytes();
            out.extend_from_slice(&[InformationElement::CONCATENATION_16, 4, r1, r0, total, sequence]);
        }
    }
    if let (Ok(length), Some(first)) = (u8::try_from(out.len() - 1), out.first_mut()) {
        *first = length;
    }
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::super::UserDataHeader;
    use super::*;
    use alloc::vec;

    #[test]
    fn sizes_add_up() {
        for reference in [PartReference::Eight(7), PartReference::Sixteen(0x1234)] {
            for octets in [0, 1, 132, 133, 134, 254, 255, 256, 257, 1000, 127 * 255, 128 * 255] {
                let payload = vec![0x5A; octets];
                let parts = segment(Ports::WAP_PUSH, &payload, Some(reference));
                let needed = parts_needed(octets, reference);
                match parts {
                    Ok(parts) => {
                        assert_eq!(parts.len(), needed);
                        assert!(parts.iter().all(|part| part.len() <= SMS_OCTETS));
                        let whole: usize = parts
                            .iter()
                            .map(|part| UserDataHeader::decode(part).expect("ours").1.len())
                            .sum();
                        assert_eq!(whole, octets);
                    }
                    Err(error) => {
                        assert!(needed > MAX_PARTS);
                        assert_eq!(error.kind(), PushErrorKind::TooLong);
                    }
                }
            }
        }
        assert!(segment(Ports::WAP_PUSH, &[0; 134], None).is_err());
        assert_eq!(PACKAGE0_IN_ONE_SMS, room_per_part(None) - 6);
    }
}
