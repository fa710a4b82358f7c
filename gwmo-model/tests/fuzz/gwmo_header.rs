//! Any octets as a value of `X-Oma-GwMO`, and as the pushes around one.

use dm_notification::push::{Push, TextHeaders};
use gwmo_model::GwmoHeader;

/// What is read is written in one way, which is read again and fits; what is not read says where.
pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = core::str::from_utf8(data) {
        match text.parse::<GwmoHeader>() {
            Ok(header) => again(&header),
            Err(error) => assert!(error.offset() <= text.len().max(GwmoHeader::MAX_LEN), "{error}"),
        }
        if let Ok(headers) = TextHeaders::parse(text)
            && let Ok(header) = GwmoHeader::of_text_headers(&headers)
        {
            again(&header);
        }
    }
    if let Ok(push) = Push::decode(data)
        && let Ok(header) = GwmoHeader::of_push(&push)
    {
        again(&header);
    }
}

fn again(header: &GwmoHeader) {
    let written = header.to_string();
    assert!(written.len() <= GwmoHeader::MAX_LEN && written.bytes().all(|octet| octet.is_ascii_graphic()));
    assert_eq!(written.parse().as_ref(), Ok(header));
}
