//! Any octets as a WSP push.

use dm_notification::push::{Content, Push, TextHeaders};
use dm_notification::{Arrival, DropReason, ReceiverPolicy, ReplayMemory, Verdict, receive};

/// What decodes encodes to a push that decodes to the same; its headers can all be read, as they are and as text;
/// a device without accounts drops it, whatever it is.
pub(crate) fn run(data: &[u8]) {
    let mut memory = ReplayMemory::new();
    let verdict = receive(Arrival::Push(data), &ReceiverPolicy::FIELD, |_| None, &mut memory, false);
    let Verdict::Drop(reason) = verdict else { panic!("nobody is known: {verdict:?}") };
    let push = match Push::decode(data) {
        Ok(push) => push,
        Err(error) => {
            assert_eq!(reason, DropReason::Carriage(error));
            assert!(error.offset() <= data.len(), "{error}");
            return;
        }
    };
    let again = push.to_vec();
    assert!(again.len() <= data.len() && again.len() == push.encoded_len());
    assert_eq!(Push::decode(&again), Ok(push));

    let parameters = push.content_type().parameters().count();
    let headers = push.headers().count();
    assert!(parameters + headers <= data.len());
    let _ = (push.content_type().sec(), push.content_type().mac(), push.headers().push_flag());
    assert!(push.headers().gwmo().count() <= headers);
    match (reason, push.content()) {
        (DropReason::OtherContent(other), content) => assert_eq!(other, content),
        (DropReason::Unverifiable, content) => assert_eq!(content, Content::DmNotification13),
        (DropReason::UnknownServer | DropReason::Malformed(_), content) => {
            assert_eq!(content, Content::DmNotification);
        }
        (reason, _) => panic!("{reason}"),
    }

    let text = TextHeaders::of_push(&push);
    assert_eq!(TextHeaders::parse(&text.to_string()), Ok(text));
    if let Ok(text) = core::str::from_utf8(data)
        && let Ok(headers) = TextHeaders::parse(text)
    {
        let _ = (
            headers.content(),
            headers.content_type().map(|value| (value.dm_sec(), value.cp_sec(), value.mac())),
        );
        assert_eq!(TextHeaders::parse(&headers.to_string()), Ok(headers));
    }
}
