//! Adaptation mode: the scenarios of the requirements, and restarts at any point.

use std::collections::BTreeMap;
use std::time::Duration;

use dm_syncml::{
    Add, Atomic, CmdId, Command, Copy, Data, Delete, Exec, Format, Get, Instant, Item, LocUri, Meta, Replace,
    Source, StatusCode,
};
use dm_tree::Value;
use gwmo_model::{
    Adaptation, AdaptationConfig, AdaptationErrorKind, AdaptationOutput, AdaptationRecord,
    AdapterCapabilities, DeviceAnswer, JobNo, NativeCommands, NativeOp, NativeResult, NativeToken, Serial,
    Ticket,
};
use proptest::prelude::*;

const START: Instant = Instant::EPOCH;

fn at(seconds: u64) -> Instant {
    START + Duration::from_secs(seconds)
}

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

fn ticket(device: u32) -> Ticket {
    Ticket::new(JobNo::new(1), serial(device), 1)
}

fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn to(uri: &str) -> Item<'_> {
    Item::to(LocUri::new(uri).unwrap())
}

fn get(uri: &str) -> Command<'_> {
    Get::single(id(), to(uri)).into()
}

fn replace<'a>(uri: &'a str, text: &'a str) -> Command<'a> {
    Replace::single(id(), to(uri).with_data(Data::text(text).unwrap())).into()
}

fn exec(uri: &str) -> Command<'_> {
    Exec::new(id(), to(uri)).into()
}

fn all() -> NativeCommands {
    let some = NativeCommands::GET.with(NativeCommands::REPLACE).with(NativeCommands::EXEC);
    some.with(NativeCommands::ADD).with(NativeCommands::DELETE)
}

fn with_adapter(capabilities: AdapterCapabilities) -> Adaptation {
    let mut adaptation = Adaptation::new(AdaptationConfig::default());
    adaptation.handle_adapter(START, serial(1), capabilities).unwrap();
    adaptation
}

#[derive(Default, Debug, PartialEq)]
struct Out {
    native: Vec<(NativeToken, NativeOp)>,
    accepted: Vec<u16>,
    answered: Vec<(u16, u16, Option<Value>)>,
    lost: Vec<(u16, bool)>,
    wait: Option<Instant>,
}

fn drain(adaptation: &mut Adaptation, now: Instant) -> Out {
    let mut out = Out::default();
    loop {
        match adaptation.poll_output() {
            AdaptationOutput::Persist(seq, _) => adaptation.handle_persisted(now, seq),
            AdaptationOutput::Native { token, op, .. } => out.native.push((token, op)),
            AdaptationOutput::Accepted { op, .. } => out.accepted.push(op),
            AdaptationOutput::Answered { op, answer: DeviceAnswer { status, value, .. }, .. } => {
                out.answered.push((op, status.get(), value));
            }
            AdaptationOutput::Lost { op, was_sent, .. } => out.lost.push((op, was_sent)),
            AdaptationOutput::Wait(wait) => {
                out.wait = wait;
                return out;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn gwmo_amode_001_a_device_that_does_not_speak_oma_dm() {
    // An adapter that reads and writes, and has no Exec.
    let mut adaptation =
        with_adapter(AdapterCapabilities::new(NativeCommands::GET.with(NativeCommands::REPLACE)));
    adaptation.handle_deliver(START, ticket(1), 0, &exec("./Lamp/Blink")).unwrap();
    let out = drain(&mut adaptation, START);
    assert_eq!((out.answered, out.native.len()), (vec![(0, 406, None)], 0), "without asking it");
    adaptation.handle_deliver(START, ticket(1), 1, &get("./Lamp/Level")).unwrap();
    let out = drain(&mut adaptation, START);
    let [(token, NativeOp::Get { target })] = &out.native[..] else { panic!("{out:?}") };
    assert_eq!(target.as_str(), "./Lamp/Level");
    adaptation.handle_result(START, *token, NativeResult::Done(Some(Value::int(80))));
    assert_eq!(drain(&mut adaptation, START).answered, [(1, 200, Some(Value::int(80)))]);
    adaptation.handle_deliver(START, ticket(1), 2, &replace("./Lamp/Level", "9")).unwrap();
    let token = drain(&mut adaptation, START).native[0].0;
    adaptation.handle_result(START, token, NativeResult::Failed(0xE7));
    assert_eq!(drain(&mut adaptation, START).answered, [(2, 500, None)], "it has no counterpart");
}

#[test]
fn gwmo_iop_001_results_and_statuses() {
    for (result, status) in [
        (NativeResult::Done(None), 200),
        (NativeResult::Unsupported, 406),
        (NativeResult::NotFound, 404),
        (NativeResult::AlreadyExists, 418),
        (NativeResult::Denied, 425),
        (NativeResult::BadValue, 400),
        (NativeResult::TooLarge, 413),
        (NativeResult::Busy, 417),
        (NativeResult::Failed(1), 500),
        (NativeResult::Pending, 500), // it said that it never does
    ] {
        let mut adaptation = with_adapter(AdapterCapabilities::new(all()));
        adaptation.handle_deliver(START, ticket(1), 0, &exec("./A")).unwrap();
        let token = drain(&mut adaptation, START).native[0].0;
        adaptation.handle_result(START, token, result);
        assert_eq!(drain(&mut adaptation, START).answered, [(0, status, None)]);
        assert_eq!(adaptation.open(), 1);
        adaptation.handle_acknowledged(START, ticket(1), 0);
        assert_eq!(adaptation.open(), 0);
    }
}

#[test]
fn gwmo_amode_001_an_answer_that_follows() {
    let mut adaptation = with_adapter(AdapterCapabilities::new(all()).with_asynchronous(true));
    adaptation.handle_deliver(START, ticket(1), 0, &exec("./Update")).unwrap();
    let out = drain(&mut adaptation, START);
    assert_eq!(out.wait, Some(at(60)));
    let token = out.native[0].0;
    for _ in 0..2 {
        adaptation.handle_result(at(1), token, NativeResult::Pending);
    }
    let out = drain(&mut adaptation, at(1));
    assert_eq!((out.accepted, out.answered, out.wait), (vec![0], vec![], Some(at(601))));
    adaptation.handle_result(at(500), token, NativeResult::Done(None));
    assert_eq!(drain(&mut adaptation, at(500)).answered, [(0, 200, None)]);
    adaptation.handle_result(at(501), token, NativeResult::Busy);
    assert_eq!(drain(&mut adaptation, at(501)), Out::default(), "nothing new");
}

#[test]
fn use_case_b_10_one_thing_at_a_time_for_each_device() {
    let mut adaptation = with_adapter(AdapterCapabilities::new(all()));
    adaptation.handle_adapter(START, serial(2), AdapterCapabilities::new(all())).unwrap();
    for op in 0..3 {
        adaptation.handle_deliver(START, ticket(1), op, &get("./A")).unwrap();
        adaptation.handle_deliver(START, ticket(2), op, &get("./B")).unwrap();
    }
    adaptation.handle_deliver(START, ticket(1), 0, &get("./A")).unwrap();
    let mut answers = Vec::new();
    loop {
        let out = drain(&mut adaptation, START);
        answers.extend(out.answered.iter().map(|(op, ..)| *op));
        if out.native.is_empty() {
            break;
        }
        assert!(out.native.len() <= 2);
        for (token, _) in out.native {
            adaptation.handle_result(START, token, NativeResult::Done(None));
        }
    }
    assert_eq!(answers, [0, 0, 1, 1, 2, 2]);
}

#[test]
fn commands_are_read_item_by_item() {
    let ops = |command: Command<'_>| NativeOp::of_command(&command).map_err(StatusCode::get);
    let two: Command<'_> = Get::new(id(), vec![to("./A"), to("./B")]).into();
    assert_eq!(ops(two.clone()).unwrap().len(), 2);
    let copy = Copy::single(id(), to("./B").with_source(Source::new(LocUri::new("./A").unwrap())));
    let [NativeOp::Copy { source, target }] = &ops(copy.into()).unwrap()[..] else { panic!() };
    assert_eq!((source.as_str(), target.as_str()), ("./A", "./B"));
    let meta = |format| Meta::new().with_format(format);
    let add = |item| ops(Add::single(id(), item).into());
    let interior = add(to("./A").with_meta(meta(Format::NODE)));
    assert!(matches!(&interior.unwrap()[..], [NativeOp::Add { value: None, .. }]));
    let int = add(to("./A").with_meta(meta(Format::INT)).with_data(Data::text("7").unwrap()));
    assert!(
        matches!(&int.unwrap()[..], [NativeOp::Add { value: Some(value), .. }] if *value == Value::int(7))
    );
    let octets = add(to("./A").with_meta(meta(Format::B64)).with_data(Data::text("AAE=").unwrap()));
    assert!(
        matches!(&octets.unwrap()[..], [NativeOp::Add { value: Some(value), .. }] if value.data() == [0, 1])
    );
    let status = |command| ops(command).unwrap_err();
    assert_eq!(status(add_bad()), 415);
    assert_eq!(status(Get::new(id(), vec![]).into()), 412);
    assert_eq!(status(Replace::single(id(), to("./A")).into()), 412);
    assert_eq!(status(get("./A?list=TNDS")), 406);
    assert_eq!(status(Atomic::new(id(), vec![get("./A")]).into()), 406);
    assert_eq!(status(Delete::single(id(), Item::from(LocUri::new("./A").unwrap())).into()), 412);

    // Several items have one answer: the first failure, and the first value.
    let mut adaptation = with_adapter(AdapterCapabilities::new(all()));
    adaptation.handle_deliver(START, ticket(1), 0, &two).unwrap();
    for result in [NativeResult::NotFound, NativeResult::Done(Some(Value::chr("b")))] {
        let token = drain(&mut adaptation, START).native[0].0;
        adaptation.handle_result(START, token, result);
    }
    assert_eq!(drain(&mut adaptation, START).answered, [(0, 404, Some(Value::chr("b")))]);
}

fn add_bad() -> Command<'static> {
    let item = Item::to(LocUri::new("./A").unwrap()).with_meta(Meta::new().with_format(Format::INT));
    Add::single(id(), item.with_data(Data::text("seven").unwrap())).into()
}

#[test]
fn what_gets_no_answer_is_lost() {
    let mut adaptation = with_adapter(AdapterCapabilities::new(all()));
    adaptation.handle_deliver(START, ticket(1), 0, &exec("./A")).unwrap();
    adaptation.handle_deliver(START, ticket(1), 1, &get("./A")).unwrap();
    drain(&mut adaptation, START);
    adaptation.handle_tick(at(60));
    let out = drain(&mut adaptation, at(60));
    assert_eq!((out.lost, out.native.len()), (vec![(0, true)], 1));
    adaptation.handle_deliver(at(60), ticket(1), 2, &get("./A")).unwrap();
    adaptation.handle_adapter_gone(at(61), serial(1));
    assert_eq!(drain(&mut adaptation, at(61)).lost, [(1, true), (2, false)]);
    let gone = adaptation.handle_deliver(at(61), ticket(1), 3, &get("./A")).unwrap_err();
    assert_eq!((gone.kind(), gone.status().get()), (AdaptationErrorKind::NoAdapter, 406));
}

#[test]
fn what_is_abandoned_is_not_done() {
    let mut adaptation = with_adapter(AdapterCapabilities::new(all()));
    let other = Ticket::new(JobNo::new(2), serial(1), 1);
    adaptation.handle_deliver(START, ticket(1), 0, &get("./A")).unwrap();
    adaptation.handle_deliver(START, ticket(1), 1, &get("./B")).unwrap();
    adaptation.handle_deliver(START, other, 0, &get("./C")).unwrap();
    let token = drain(&mut adaptation, START).native[0].0;
    adaptation.handle_abandoned(START, ticket(1));
    let out = drain(&mut adaptation, START);
    assert!(matches!(&out.native[..], [(_, NativeOp::Get { target })] if target.as_str() == "./C"));
    adaptation.handle_result(START, token, NativeResult::Done(None));
    assert_eq!(drain(&mut adaptation, START).answered, []);
}

#[test]
fn limits() {
    let config = AdaptationConfig::default().with_max_devices(1).with_max_orders(9, 2).with_max_sizes(1, 4);
    let mut adaptation = Adaptation::new(config);
    adaptation.handle_adapter(START, serial(1), AdapterCapabilities::new(all()).with_max_octets(3)).unwrap();
    let full = adaptation.handle_adapter(START, serial(2), AdapterCapabilities::new(all())).unwrap_err();
    assert_eq!(full.status().get(), 420);
    adaptation.handle_deliver(START, ticket(1), 0, &replace("./A", "long")).unwrap();
    let two: Command<'_> = Get::new(id(), vec![to("./A"), to("./B")]).into();
    adaptation.handle_deliver(START, ticket(1), 1, &two).unwrap();
    assert_eq!(drain(&mut adaptation, START).answered, [(0, 413, None), (1, 413, None)]);
    adaptation.handle_deliver(START, ticket(1), 2, &get("./A")).unwrap();
    adaptation.handle_deliver(START, ticket(1), 3, &get("./A")).unwrap();
    let busy = adaptation.handle_deliver(START, ticket(1), 4, &get("./A")).unwrap_err();
    assert_eq!(busy.status().get(), 417);
    let token = drain(&mut adaptation, START).native[0].0;
    adaptation.handle_result(START, token, NativeResult::Done(Some(Value::chr("12345"))));
    assert_eq!(drain(&mut adaptation, START).answered, [(2, 413, None)]);
}

#[test]
fn only_what_may_be_repeated_is_given_to_the_adapter_again() {
    let config = AdaptationConfig::default();
    for (command, again) in [(get("./A"), 1), (replace("./A", "1"), 1), (exec("./A"), 0)] {
        let mut adaptation = with_adapter(AdapterCapabilities::new(all()));
        adaptation.handle_deliver(START, ticket(1), 0, &command).unwrap();
        let first = drain(&mut adaptation, START).native;
        let mut back = Adaptation::restore(at(9), config, adaptation.snapshot(START), []).unwrap();
        let out = drain(&mut back, at(9));
        assert_eq!((out.native.len(), out.wait), (again, Some(at(69))));
        assert!(out.native.iter().all(|native| first.contains(native)), "under its token");
        back.handle_result(at(10), first[0].0, NativeResult::Done(None));
        assert_eq!(drain(&mut back, at(10)).answered.len(), 1, "the adapter answers late");
        // Until it is acknowledged, it comes again.
        let mut again = Adaptation::restore(at(11), config, back.snapshot(at(11)), []).unwrap();
        assert_eq!(drain(&mut again, at(11)).answered.len(), 1);
    }
}

#[derive(Clone, Debug)]
enum Action {
    Adapter(u32, bool),
    Gone(u32),
    Deliver { device: u32, job: u32, op: u16, which: u8 },
    Result { which: usize, result: u8 },
    Acknowledge { device: u32, job: u32, op: u16 },
    Abandon { device: u32, job: u32 },
    Pass(u64),
    Store(usize),
    Restart,
}

fn action() -> impl Strategy<Value = Action> {
    let (device, job, op) = (|| 1..3_u32, || 1..3_u32, || 0..3_u16);
    prop_oneof![
        2 => (device(), any::<bool>()).prop_map(|(device, wait)| Action::Adapter(device, wait)),
        1 => device().prop_map(Action::Gone),
        8 => (device(), job(), op(), 0..4_u8)
            .prop_map(|(device, job, op, which)| Action::Deliver { device, job, op, which }),
        8 => (0..3_usize, 0..4_u8).prop_map(|(which, result)| Action::Result { which, result }),
        3 => (device(), job(), op()).prop_map(|(device, job, op)| Action::Acknowledge { device, job, op }),
        1 => (device(), job()).prop_map(|(device, job)| Action::Abandon { device, job }),
        1 => prop_oneof![Just(1), Just(70), Just(700)].prop_map(Action::Pass),
        4 => (1..9_usize).prop_map(Action::Store),
        1 => Just(Action::Restart),
    ]
}

#[cfg(feature = "serde")]
fn kept<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[cfg(not(feature = "serde"))]
fn kept<T: Clone>(value: &T) -> T {
    value.clone()
}

proptest! {
    /// Every operation has one end, which does not change; an Exec is given to the adapter once, whatever happens;
    /// and nothing is given to it before that is stored.
    #[test]
    fn one_end_for_each_and_no_exec_twice(actions in prop::collection::vec(action(), 1..80)) {
        let config = AdaptationConfig::default().with_max_orders(8, 3);
        let mut now = START;
        let mut adaptation = Adaptation::new(config);
        let mut snapshot = adaptation.snapshot(now);
        let (mut stored, mut on_the_way): (Vec<AdaptationRecord>, Vec<_>) = (Vec::new(), Vec::new());
        let mut is_new = false;
        let mut last = None;
        let mut open: Vec<NativeToken> = Vec::new();
        let mut execs: BTreeMap<NativeToken, u32> = BTreeMap::new();
        let mut ends: BTreeMap<(Ticket, u16), String> = BTreeMap::new();
        for action in actions.into_iter().chain([Action::Store(usize::MAX), Action::Restart, Action::Store(usize::MAX)]) {
            match action {
                Action::Adapter(device, wait) => {
                    let capabilities = AdapterCapabilities::new(all()).with_asynchronous(wait);
                    adaptation.handle_adapter(now, serial(device), capabilities).unwrap();
                }
                Action::Gone(device) => adaptation.handle_adapter_gone(now, serial(device)),
                Action::Deliver { device, job, op, which } => {
                    let two = Get::new(id(), vec![to("./A"), to("./B")]).into();
                    let commands = [get("./A"), exec("./A"), two, get("./A?list=TNDS")];
                    let command = commands[usize::from(which)].clone();
                    let ticket = Ticket::new(JobNo::new(job), serial(device), 1);
                    let _ = adaptation.handle_deliver(now, ticket, op, &command);
                }
                Action::Result { which, result } => if !open.is_empty() {
                    let token = open.remove(which % open.len());
                    let result = [NativeResult::Done(Some(Value::chr("v"))), NativeResult::Done(None), NativeResult::Busy,
                        NativeResult::Pending].into_iter().nth(usize::from(result)).unwrap();
                    if result == NativeResult::Pending {
                        open.push(token);
                    }
                    adaptation.handle_result(now, token, result);
                },
                Action::Acknowledge { device, job, op } => {
                    let ticket = Ticket::new(JobNo::new(job), serial(device), 1);
                    // Only what came out was taken.
                    if ends.remove(&(ticket, op)).is_some() {
                        adaptation.handle_acknowledged(now, ticket, op);
                    }
                }
                Action::Abandon { device, job } => {
                    let ticket = Ticket::new(JobNo::new(job), serial(device), 1);
                    adaptation.handle_abandoned(now, ticket);
                    ends.retain(|(other, _), _| *other != ticket);
                }
                Action::Pass(seconds) => {
                    now = now + Duration::from_secs(seconds);
                    adaptation.handle_tick(now);
                }
                Action::Store(count) => {
                    for (seq, record) in on_the_way.drain(..count.min(on_the_way.len())) {
                        stored.extend(record);
                        last = Some(seq);
                    }
                    if let Some(seq) = last {
                        adaptation.handle_persisted(now, seq);
                    }
                    if on_the_way.is_empty() {
                        let records: Vec<_> = stored.iter().map(kept).collect();
                        let back = Adaptation::restore(now, config, kept(&snapshot), records).unwrap();
                        prop_assert_eq!(back.open(), adaptation.open());
                        let own = adaptation.snapshot(now);
                        let twice = Adaptation::restore(now, config, kept(&own), []).unwrap();
                        prop_assert_eq!(twice.snapshot(now), own);
                    }
                }
                Action::Restart => {
                    adaptation = Adaptation::restore(now, config, kept(&snapshot), stored.drain(..)).unwrap();
                    is_new = true;
                    on_the_way.clear();
                    last = None;
                    // What was not stored did not happen: it may come to another end.
                    ends.clear();
                }
            }
            loop {
                match adaptation.poll_output() {
                    // The snapshot that is taken at the end of a start stands for the records before it.
                    AdaptationOutput::Persist(seq, record) => on_the_way.push((seq, Some(record).filter(|_| !is_new))),
                    AdaptationOutput::Native { token, op, .. } => {
                        let dispatched = format!("token: {token:?} }}");
                        let is_open = on_the_way.iter().any(|(_, record)| format!("{record:?}").contains(&dispatched));
                        prop_assert!(!is_open, "not stored");
                        if !open.contains(&token) {
                            open.push(token);
                        }
                        if matches!(op, NativeOp::Exec { .. }) {
                            *execs.entry(token).or_default() += 1;
                            prop_assert_eq!(execs[&token], 1, "{:?}", token);
                        }
                    }
                    AdaptationOutput::Answered { ticket, op, answer } => {
                        let end = format!("{answer:?}");
                        let first = ends.entry((ticket, op)).or_insert_with(|| end.clone());
                        prop_assert_eq!(&*first, &end);
                    }
                    AdaptationOutput::Lost { ticket, op, was_sent } => {
                        let end = format!("lost {was_sent}");
                        let first = ends.entry((ticket, op)).or_insert_with(|| end.clone());
                        prop_assert_eq!(&*first, &end);
                    }
                    AdaptationOutput::Wait(_) => break,
                    _ => {}
                }
            }
            if std::mem::take(&mut is_new) {
                snapshot = adaptation.snapshot(now);
            }
            prop_assert!(adaptation.open() <= 8);
        }
        // Time ends what is open.
        for _ in 0..20 {
            now = now + Duration::from_secs(1000);
            adaptation.handle_tick(now);
            if drain(&mut adaptation, now).wait.is_none() {
                break;
            }
        }
        prop_assert_eq!(drain(&mut adaptation, now).wait, None);
    }
}
