//! Parts in any order, lost, repeated and mixed with others; against a model that keeps everything.

use std::collections::BTreeMap;
use std::time::Duration;

use dm_notification::push::{
    Dropped, PartReference, Ports, PushErrorKind, Reassembler, ReassemblyLimits, ReassemblyOutput,
    UserDataHeader, segment,
};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn drain(reassembler: &mut Reassembler<u8>) -> (Vec<ReassemblyOutput<u8>>, Option<Duration>) {
    let mut out = Vec::new();
    loop {
        match reassembler.poll_output() {
            ReassemblyOutput::Wait(at) => return (out, at),
            other => out.push(other),
        }
    }
}

fn parts(octets: usize, fill: u8, reference: u8) -> Vec<Vec<u8>> {
    let payload: Vec<u8> = (0..octets).map(|at| fill ^ at as u8).collect();
    segment(Ports::WAP_PUSH, &payload, Some(PartReference::Eight(reference))).expect("at most 255 parts")
}

fn reasons(out: &[ReassemblyOutput<u8>]) -> Vec<Dropped> {
    let reason = |output: &ReassemblyOutput<u8>| match output {
        ReassemblyOutput::Dropped { reason, .. } => Some(*reason),
        _ => None,
    };
    out.iter().filter_map(reason).collect()
}

#[test]
fn a_message_that_fits_needs_no_other_part() {
    let mut reassembler = Reassembler::new(ReassemblyLimits::DEFAULT);
    for part in [parts(100, 0, 0).remove(0), b"\x05\x00\x03\x01\x01\x01whole".to_vec(), b"\x00bare".to_vec()]
    {
        reassembler.handle_part(SECOND, 1, &part).expect("well-formed");
        let (_, payload) = UserDataHeader::decode(&part).expect("well-formed");
        let (out, wait) = drain(&mut reassembler);
        assert!(
            matches!(&out[..], [ReassemblyOutput::Message(message)] if message.payload == payload),
            "{out:?}"
        );
        assert_eq!(wait, None);
    }
}

#[test]
fn time_is_up_after_the_first_part_and_not_the_last() {
    let mut reassembler = Reassembler::new(ReassemblyLimits::DEFAULT.with_timeout(10 * SECOND));
    let parts = parts(300, 0, 9);
    reassembler.handle_part(100 * SECOND, 1, &parts[2]).expect("well-formed");
    assert_eq!(drain(&mut reassembler), (vec![], Some(110 * SECOND)));
    // A clock that steps back, and a tick too early.
    reassembler.handle_part(50 * SECOND, 1, &parts[1]).expect("well-formed");
    reassembler.handle_tick(109 * SECOND);
    assert_eq!(drain(&mut reassembler), (vec![], Some(110 * SECOND)));
    reassembler.handle_part(110 * SECOND, 1, &parts[0]).expect("well-formed");
    let (out, wait) = drain(&mut reassembler);
    let dropped = ReassemblyOutput::Dropped {
        source: 1,
        reference: PartReference::Eight(9),
        parts: 2,
        total: 3,
        reason: Dropped::TimedOut,
    };
    assert_eq!((out, wait), (vec![dropped], Some(120 * SECOND)));
    assert_eq!(reassembler.pending(), 1);
}

#[test]
fn a_part_that_does_not_fit_begins_another_message() {
    let mut reassembler = Reassembler::new(ReassemblyLimits::DEFAULT);
    let (old, new) = (parts(300, 0x11, 5), parts(300, 0x22, 5));
    reassembler.handle_part(SECOND, 1, &old[0]).expect("well-formed");
    reassembler.handle_part(SECOND, 1, &old[0]).expect("repeated");
    assert_eq!(drain(&mut reassembler).0, []);
    reassembler.handle_part(SECOND, 1, &new[0]).expect("well-formed");
    assert_eq!(reasons(&drain(&mut reassembler).0), [Dropped::Superseded]);
    // Other ports, another source, another form of reference: other messages.
    let elsewhere = segment(Ports::WAP_PUSH_BOTH, &[7; 300], Some(PartReference::Eight(5))).expect("fits");
    reassembler.handle_part(SECOND, 1, &elsewhere[0]).expect("well-formed");
    reassembler.handle_part(SECOND, 2, &old[0]).expect("well-formed");
    let wide = segment(Ports::WAP_PUSH, &[7; 300], Some(PartReference::Sixteen(5))).expect("fits");
    reassembler.handle_part(SECOND, 1, &wide[0]).expect("well-formed");
    assert_eq!((drain(&mut reassembler).0, reassembler.pending()), (vec![], 4));
    new[1..].iter().for_each(|part| reassembler.handle_part(SECOND, 1, part).expect("well-formed"));
    let (out, _) = drain(&mut reassembler);
    assert!(matches!(&out[..], [ReassemblyOutput::Message(_)]), "{out:?}");
}

#[test]
fn one_source_pushes_out_only_its_own() {
    let limits = ReassemblyLimits::DEFAULT.with_messages(6, 2);
    let mut reassembler = Reassembler::new(limits);
    reassembler.handle_part(SECOND, 1, &parts(300, 1, 1)[0]).expect("well-formed");
    for reference in 0..100 {
        reassembler.handle_part(SECOND, 2, &parts(300, 2, reference)[0]).expect("well-formed");
    }
    let (out, _) = drain(&mut reassembler);
    assert_eq!(reasons(&out), vec![Dropped::Crowded; 98]);
    assert_eq!(reassembler.pending(), 3);
    parts(300, 1, 1)[1..]
        .iter()
        .for_each(|part| reassembler.handle_part(SECOND, 1, part).expect("well-formed"));
    assert!(
        matches!(&drain(&mut reassembler).0[..], [ReassemblyOutput::Message(message)] if message.source == 1)
    );
}

#[test]
fn octets_are_bounded() {
    let mut reassembler = Reassembler::new(ReassemblyLimits::DEFAULT.with_octets(300));
    parts(500, 1, 1).iter().for_each(|part| reassembler.handle_part(SECOND, 1, part).expect("well-formed"));
    let (out, _) = drain(&mut reassembler);
    assert_eq!(reasons(&out), [Dropped::Crowded]);
    assert!(reassembler.octets() <= 300);
    let mut reassembler = Reassembler::new(ReassemblyLimits::DEFAULT.with_octets(100));
    let error = reassembler.handle_part(SECOND, 1, &parts(500, 1, 1)[0]).expect_err("more than all");
    assert_eq!(error.kind(), PushErrorKind::TooLong);
    assert_eq!(reassembler.pending(), 0);
}

proptest! {
    /// Some messages of some sources, shuffled, some parts repeated: all come out, each once, as they were.
    #[test]
    fn any_order(
        messages in prop::collection::vec((0..3_u8, 134..1500_usize), 1..6),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
        wide: bool,
    ) {
        let mut sent = BTreeMap::new();
        let mut queue = Vec::new();
        for (reference, (source, octets)) in messages.iter().enumerate() {
            let payload: Vec<u8> = (0..*octets).map(|at| (at * 7 + reference) as u8).collect();
            let number = match wide {
                true => PartReference::Sixteen(reference as u16 * 257),
                false => PartReference::Eight(reference as u8),
            };
            queue.extend(segment(Ports::WAP_PUSH, &payload, Some(number)).expect("fits").into_iter().map(|part| (*source, part)));
            sent.entry(*source).or_insert_with(Vec::new).push(payload);
        }
        for (at, index) in order.iter().enumerate() {
            let (from, to) = (at % queue.len(), index.index(queue.len()));
            queue.swap(from, to);
        }
        let limits = ReassemblyLimits::DEFAULT.with_messages(32, 32);
        let mut reassembler = Reassembler::new(limits);
        let mut received: BTreeMap<u8, Vec<Vec<u8>>> = BTreeMap::new();
        for (at, (source, part)) in queue.iter().enumerate() {
            reassembler.handle_part(Duration::from_millis(at as u64), *source, part).expect("well-formed");
            // Parts of messages that are complete begin new ones; so only what is pending is repeated.
            if at % 3 == 0 && reassembler.pending() > 0 {
                let before = (reassembler.pending(), reassembler.octets());
                let (out, _) = drain(&mut reassembler);
                if out.is_empty() {
                    reassembler.handle_part(Duration::ZERO, *source, part).expect("well-formed");
                    prop_assert_eq!((reassembler.pending(), reassembler.octets()), before);
                }
                for output in out {
                    let ReassemblyOutput::Message(message) = output else { panic!("nothing is given up") };
                    received.entry(message.source).or_default().push(message.payload);
                }
            }
        }
        for output in drain(&mut reassembler).0 {
            let ReassemblyOutput::Message(message) = output else { panic!("nothing is given up") };
            received.entry(message.source).or_default().push(message.payload);
        }
        prop_assert_eq!((reassembler.pending(), reassembler.octets()), (0, 0));
        sent.values_mut().chain(received.values_mut()).for_each(|list| list.sort());
        prop_assert_eq!(sent, received);
    }

    /// Whatever comes, the limits hold, what is kept is what the counters say, and the same input gives the same output.
    #[test]
    fn limits_hold(
        inputs in prop::collection::vec(
            (0..4_u8, 0..3_u8, 0..6_u8, 0..6_u8, prop::collection::vec(any::<u8>(), 0..40), 0..5_u64), 0..200,
        ),
    ) {
        let limits = ReassemblyLimits::DEFAULT.with_messages(5, 2).with_octets(200).with_timeout(20 * SECOND);
        let mut one = Reassembler::new(limits);
        let mut other = one.clone();
        let mut now = Duration::ZERO;
        for (source, reference, total, sequence, payload, step) in inputs {
            now += Duration::from_secs(step);
            let part = [&[5, 0, 3, reference, total, sequence], payload.as_slice()].concat();
            prop_assert_eq!(one.handle_part(now, source, &part), Ok(()));
            prop_assert_eq!(other.handle_part(now, source, &part), Ok(()));
            prop_assert!(one.pending() <= 5 && one.octets() <= 200);
            let (out, wait) = drain(&mut one);
            prop_assert_eq!((&out, wait), (&drain(&mut other).0, wait));
            prop_assert_eq!(wait.is_some(), one.pending() > 0);
            prop_assert!(wait.is_none_or(|at| at > now && at <= now + 20 * SECOND));
        }
        one.handle_tick(now + 20 * SECOND);
        drain(&mut one);
        prop_assert_eq!((one.pending(), one.octets()), (0, 0));
    }
}
