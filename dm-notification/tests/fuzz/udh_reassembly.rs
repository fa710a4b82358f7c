//! Any octets as short messages that arrive one after the other.

use core::time::Duration;

use dm_notification::push::{Reassembler, ReassemblyLimits, ReassemblyOutput, UserDataHeader};

/// Each message is an octet of length, one of source and time, and the user data. Limits hold whatever comes, no
/// octets appear that did not arrive, and time makes an end of everything.
pub(crate) fn run(mut data: &[u8]) {
    let limits = ReassemblyLimits::DEFAULT.with_messages(6, 3).with_octets(2000);
    let mut reassembler = Reassembler::new(limits);
    let mut now = Duration::ZERO;
    let (mut arrived, mut delivered) = (0, 0);
    while let [length, head, rest @ ..] = data {
        let (user_data, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        now += Duration::from_secs(u64::from(head >> 3));
        match reassembler.handle_part(now, head & 7, user_data) {
            Ok(()) => {
                let (header, payload) = UserDataHeader::decode(user_data).expect("it was taken");
                assert_eq!(header.encoded_len() + payload.len(), user_data.len());
                assert!(header.elements().count() <= user_data.len());
                arrived += payload.len();
            }
            Err(error) => assert!(error.offset() <= user_data.len(), "{error}"),
        }
        assert!(reassembler.pending() <= 6 && reassembler.octets() <= 2000);
        loop {
            match reassembler.poll_output() {
                ReassemblyOutput::Message(message) => delivered += message.payload.len(),
                ReassemblyOutput::Dropped { parts, total, .. } => assert!(parts < total),
                ReassemblyOutput::Wait(at) => {
                    assert_eq!(at.is_some(), reassembler.pending() > 0);
                    assert!(at.is_none_or(|at| at > now));
                    break;
                }
                _ => {}
            }
        }
        assert!(delivered <= arrived);
    }
    reassembler.handle_tick(now + limits.timeout);
    assert_eq!((reassembler.pending(), reassembler.octets()), (0, 0));
}
