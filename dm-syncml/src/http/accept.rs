//! `Accept`: which encoding the answer may have.

use crate::model::Encoding;

use super::field;

/// What all messages can be written in.
pub(super) const ENCODINGS: &[Encoding] = &[
    Encoding::Wbxml,
    #[cfg(feature = "xml")]
    Encoding::Xml,
];

/// The encoding of the answer to a request: the request's own unless Accept prefers only the other (SyncML HTTP binding). `None` when all are
/// ruled out. An Accept that names none of them is passed over (RFC 9110 §12.5.1 lets a server do so), as is one that cannot be read.
pub(super) fn negotiate(accept: Option<&[u8]>, request: Encoding) -> Option<Encoding> {
    let accept = accept.and_then(|accept| core::str::from_utf8(accept).ok()).unwrap_or_default();
    if quality(accept, request).is_some_and(|quality| quality > 0) {
        return Some(request);
    }
    let other = ENCODINGS
        .iter()
        .copied()
        .filter(|encoding| *encoding != request)
        .find(|encoding| quality(accept, *encoding).is_some_and(|quality| quality > 0));
    match (other, quality(accept, request)) {
        (Some(other), _) => Some(other),
        (None, None) => Some(request),
        (None, Some(_)) => None,
    }
}

/// The weight, in thousandths, that an Accept gives an encoding by its most specific range; `None` when no range covers it.
fn quality(accept: &str, encoding: Encoding) -> Option<u16> {
    let mut best: Option<(u8, u16)> = None;
    for range in field::elements(accept, ',') {
        let mut parts = field::elements(range, ';');
        let name = parts.next().unwrap_or_default();
        let specificity = match name {
            "*/*" => 0,
            name if name.eq_ignore_ascii_case("application/*") => 1,
            name if Encoding::from_media_type(name) == Some(encoding) => 2,
            _ => continue,
        };
        let weight = parts
            .filter_map(field::parameter)
            .find(|(name, _)| name.eq_ignore_ascii_case("q"))
            .map_or(1000, |(_, value)| thousandths(&value));
        // Of two ranges that say the same the heavier counts: a type may stand with several sets of parameters.
        if best.is_none_or(|best| best < (specificity, weight)) {
            best = Some((specificity, weight));
        }
    }
    best.map(|(_, weight)| weight)
}

/// A weight: `0` to `1` with up to three decimals. What is none weighs all, so that a typing error rules nothing out.
fn thousandths(text: &str) -> u16 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) || whole != "0" {
        return 1000;
    }
    let places = [100, 10, 1];
    decimals.bytes().zip(places).map(|(digit, place)| u16::from(digit - b'0') * place).sum()
}

#[cfg(all(test, feature = "xml"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers_are_in_the_encoding_of_the_request_unless_accept_forbids() {
        use Encoding::{Wbxml, Xml};
        const BOTH: &str =
            "application/vnd.syncml.dm+xml, application/vnd.syncml.dm+wbxml, application/octet-stream";
        let table = [
            (None, Xml, Some(Xml)),
            (None, Wbxml, Some(Wbxml)),
            (Some(""), Xml, Some(Xml)),
            (Some(BOTH), Xml, Some(Xml)),
            (Some(BOTH), Wbxml, Some(Wbxml)),
            (Some("application/vnd.syncml.dm+wbxml"), Xml, Some(Wbxml)),
            (Some("APPLICATION/VND.SYNCML+XML;charset=utf-8"), Wbxml, Some(Xml)),
            (
                Some("application/vnd.syncml.dm+wbxml;q=0.1, application/vnd.syncml.dm+xml;q=0.9"),
                Wbxml,
                Some(Wbxml),
            ),
            (Some("application/vnd.syncml.dm+xml;q=0, */*"), Xml, Some(Wbxml)),
            (Some("application/vnd.syncml.dm+xml;q=0.000, application/*;q=0"), Xml, None),
            (Some("*/*;q=0"), Wbxml, None),
            (Some("*/*"), Wbxml, Some(Wbxml)),
            (Some("application/*;q=0.001"), Xml, Some(Xml)),
            (Some("text/html"), Xml, Some(Xml)),
            (Some("application/vnd.syncml.dm+xml;q=0"), Xml, None),
            (Some("application/vnd.syncml.dm+xml;q=x"), Xml, Some(Xml)),
            (Some("application/vnd.syncml.dm+xml;q=0.1234"), Xml, Some(Xml)),
            (Some(",,;;,\",\\"), Xml, Some(Xml)),
        ];
        for (accept, request, answer) in table {
            assert_eq!(negotiate(accept.map(str::as_bytes), request), answer, "{accept:?} to {request}");
        }
        assert_eq!(negotiate(Some(b"\xFF"), Xml), Some(Xml));
    }

    proptest! {
        #[test]
        fn any_octets_are_read(accept in prop::collection::vec(any::<u8>(), 0..80)) {
            for encoding in ENCODINGS {
                let _ = negotiate(Some(&accept), *encoding);
            }
        }
    }
}
