//! Servers learnt from devices (use case B.7, second part), and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    ListedServer, PeerEvent, PeerState, Peers, PeersConfig, PeersErrorKind, PeersOutput, PeersRecord,
    PeersRestoreErrorKind, PeersSnapshot, Serial, ServerList,
};
use proptest::prelude::*;

const HOUR: Duration = Duration::from_secs(3600);

fn server(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

/// Everything that is wanted, records stored at once.
struct Desk {
    peers: Peers,
    now: Instant,
    snapshot: PeersSnapshot,
    records: Vec<PeersRecord>,
    requests: Vec<String>,
    audit: Vec<(String, PeerEvent)>,
    unparsed: Vec<String>,
}

impl Desk {
    fn new(config: PeersConfig) -> Self {
        let peers = Peers::new(config);
        Self {
            snapshot: peers.snapshot(Instant::EPOCH),
            peers,
            now: Instant::EPOCH,
            records: Vec::new(),
            requests: Vec::new(),
            audit: Vec::new(),
            unparsed: Vec::new(),
        }
    }

    fn run(&mut self) -> Option<Instant> {
        loop {
            match self.peers.poll_output() {
                PeersOutput::Persist(seq, record) => {
                    self.records.push(record);
                    self.peers.handle_persisted(self.now, seq);
                }
                PeersOutput::RequestBootstrap { server, address } => {
                    let address = address.map(|address| format!(" {address}")).unwrap_or_default();
                    self.requests.push(format!("{server}{address}"));
                }
                PeersOutput::Audit { server, event, .. } => self.audit.push((server.to_string(), event)),
                PeersOutput::Unparsed { text, .. } => self.unparsed.push(text.into()),
                PeersOutput::Wait(at) => return at,
                other => panic!("{other:?}"),
            }
        }
    }

    fn list(&mut self, from: u32, payload: &str) {
        self.peers.handle_server_list(self.now, serial(from), &ServerList::parse(payload), |id| {
            id.as_str() == "own"
        });
        self.run();
    }

    fn allow(&mut self, name: &str) {
        self.peers.handle_allowed(self.now, server(name)).unwrap();
        self.run();
    }

    fn auto(&mut self, auto: bool) {
        self.peers.handle_auto(self.now, auto);
        self.run();
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.peers.handle_tick(self.now);
        self.run();
    }

    fn state(&self, name: &str) -> Option<PeerState> {
        self.peers.known().find(|peer| peer.server.as_str() == name).map(|peer| peer.state)
    }

    fn events(&mut self) -> Vec<PeerEvent> {
        std::mem::take(&mut self.audit).into_iter().map(|(_, event)| event).collect()
    }

    fn restart(&mut self, config: PeersConfig) {
        let records = self.records.clone();
        self.peers = Peers::restore(self.now, config, self.snapshot.clone(), records).unwrap();
        self.run();
    }
}

#[test]
fn use_case_b_7_second_part_unbootstrapped_gateway_asks_the_servers_of_a_device() {
    let mut desk = Desk::new(PeersConfig::default());
    desk.auto(true);
    desk.allow("S1");
    desk.list(1, "own,S1");
    assert_eq!(desk.requests, ["S1"]);
    assert_eq!(desk.state("S1"), Some(PeerState::Requested));
    assert_eq!(desk.state("own"), None);
    assert_eq!(desk.events(), [PeerEvent::Learnt, PeerEvent::Requested]);
    desk.list(2, "S1");
    assert_eq!(desk.requests.len(), 1, "once");
    desk.peers.handle_bootstrapped(desk.now, &server("S1"));
    desk.run();
    assert_eq!(
        (desk.state("S1"), desk.events()),
        (Some(PeerState::Bootstrapped), vec![PeerEvent::Bootstrapped])
    );
    desk.list(1, "S1");
    assert_eq!((desk.requests.len(), desk.events()), (1, vec![]));
}

#[test]
fn use_case_b_7_second_part_a_server_that_is_not_allowed_is_only_audited() {
    let mut desk = Desk::new(PeersConfig::default());
    desk.auto(true);
    desk.list(1, "S1");
    assert_eq!(desk.events(), [PeerEvent::Learnt, PeerEvent::NotAllowed]);
    assert_eq!((desk.state("S1"), desk.requests.len()), (Some(PeerState::Seen), 0));
    desk.list(1, "S1");
    assert_eq!(desk.events(), [], "said once");
    desk.allow("S1");
    assert_eq!(desk.requests, ["S1"], "what is known is looked at again");
}

#[test]
fn nothing_happens_by_itself_unless_it_is_switched_on() {
    let mut desk = Desk::new(PeersConfig::default());
    assert!(!desk.peers.auto());
    desk.allow("S1");
    desk.list(1, "S1");
    assert_eq!((desk.events(), desk.requests.len()), (vec![PeerEvent::Learnt, PeerEvent::AutoOff], 0));
    desk.auto(true);
    assert_eq!(desk.requests, ["S1"]);
}

#[test]
fn requests_have_an_end() {
    let config = PeersConfig::default().with_requests(HOUR, 2);
    let mut desk = Desk::new(config);
    desk.auto(true);
    desk.allow("S1");
    desk.list(1, "S1");
    assert_eq!(desk.run(), Some(desk.now + HOUR));
    desk.pass(HOUR);
    assert_eq!(desk.state("S1"), Some(PeerState::Seen));
    // A device that forgets and remembers does not start the count anew.
    desk.list(1, "");
    desk.list(1, "S1");
    assert_eq!(desk.requests.len(), 2);
    desk.pass(HOUR);
    assert_eq!((desk.state("S1"), desk.run()), (Some(PeerState::Refused), None));
    desk.list(1, "");
    desk.list(1, "S1");
    assert_eq!(desk.requests.len(), 2, "it is left alone");
    desk.peers.handle_disallowed(desk.now, &server("S1")).unwrap();
    desk.allow("S1");
    assert_eq!(desk.requests.len(), 3, "unless somebody says so");
}

#[test]
fn addresses_and_payloads_nobody_knows_are_kept() {
    let mut desk = Desk::new(PeersConfig::default());
    desk.auto(true);
    desk.allow("S1");
    desk.list(1, "<DMAcc>S1</DMAcc>");
    assert_eq!(
        (desk.unparsed.as_slice(), desk.peers.known().len()),
        (&["<DMAcc>S1</DMAcc>".to_string()][..], 0)
    );
    let listed = ListedServer::new(server("S1")).with_address("https://s1/boot");
    desk.peers.handle_server_list(desk.now, serial(1), &ServerList::new([listed]), |_| false);
    desk.run();
    assert_eq!(desk.requests, ["S1 https://s1/boot"]);
}

#[test]
fn no_device_fills_the_memory() {
    let mut desk = Desk::new(PeersConfig::default().with_max_known(5).with_max_per_device(3));
    desk.list(1, "a,b,c,d");
    assert_eq!(desk.peers.known().len(), 3);
    assert!(desk.events().contains(&PeerEvent::TooMany));
    desk.list(2, "e,f,g");
    assert_eq!(desk.peers.known().len(), 5);
    desk.list(1, "a");
    assert_eq!(desk.peers.known().map(|peer| peer.server.as_str()).collect::<Vec<_>>(), ["a", "e", "f"]);
    desk.list(2, "e,f,g");
    assert_eq!(desk.peers.known().len(), 4);
    desk.peers.handle_device_forgotten(desk.now, serial(2));
    desk.run();
    assert_eq!(desk.peers.known().len(), 1);
    // The allow list is a list too.
    let mut desk = Desk::new(PeersConfig::default().with_max_allowed(1));
    desk.allow("a");
    let error =
        |result: Result<(), gwmo_model::PeersError>| result.map_err(|error| (error.kind(), error.status()));
    let now = desk.now;
    assert_eq!(
        error(desk.peers.handle_allowed(now, server("a"))),
        Err((PeersErrorKind::AlreadyAllowed, StatusCode::ALREADY_EXISTS))
    );
    assert_eq!(
        error(desk.peers.handle_allowed(now, server("b"))),
        Err((PeersErrorKind::TooManyAllowed, StatusCode::DEVICE_FULL))
    );
    assert_eq!(
        error(desk.peers.handle_disallowed(now, &server("b"))),
        Err((PeersErrorKind::UnknownServer, StatusCode::NOT_FOUND))
    );
}

/// Every state with every event, for a server that is allowed, or not, while the gateway bootstraps by itself.
#[test]
fn table_of_states() {
    type Event = (&'static str, fn(&mut Desk));
    let events: [Event; 7] = [
        ("listed", |desk| desk.list(1, "S")),
        ("gone from the list", |desk| desk.list(1, "")),
        ("bootstrapped", |desk| desk.peers.handle_bootstrapped(desk.now, &server("S"))),
        ("unbootstrapped", |desk| desk.peers.handle_unbootstrapped(desk.now, &server("S"))),
        ("refused", |desk| desk.peers.handle_refused(desk.now, &server("S"))),
        ("time", |desk| desk.pass(HOUR)),
        ("allowed", |desk| _ = desk.peers.handle_allowed(desk.now, server("S"))),
    ];
    let enter = |desk: &mut Desk, state: Option<PeerState>| {
        desk.auto(true);
        let Some(state) = state else { return };
        desk.list(1, "S");
        if state == Bootstrapped {
            desk.peers.handle_bootstrapped(desk.now, &server("S"));
        } else if state != Seen {
            desk.allow("S");
            if state == Refused {
                desk.peers.handle_refused(desk.now, &server("S"));
            }
            desk.peers.handle_disallowed(desk.now, &server("S")).unwrap();
        }
        desk.run();
        desk.requests.clear();
        assert_eq!(desk.state("S"), Some(state));
    };
    use PeerState::{Bootstrapped, Refused, Requested, Seen};
    let mut table = String::new();
    for state in [None, Some(Seen), Some(Requested), Some(Bootstrapped), Some(Refused)] {
        for (name, event) in events {
            let mut desk = Desk::new(PeersConfig::default());
            enter(&mut desk, state);
            event(&mut desk);
            desk.run();
            let show = |state: Option<PeerState>| state.map_or("-".into(), |state| format!("{state:?}"));
            let asked = if desk.requests.is_empty() { "" } else { ", asked" };
            writeln!(table, "{} + {name}: {}{asked}", show(state), show(desk.state("S"))).unwrap();
        }
    }
    let expected = "\
- + listed: Seen
- + gone from the list: -
- + bootstrapped: -
- + unbootstrapped: -
- + refused: -
- + time: -
- + allowed: -
Seen + listed: Seen
Seen + gone from the list: -
Seen + bootstrapped: Bootstrapped
Seen + unbootstrapped: Seen
Seen + refused: Seen
Seen + time: Seen
Seen + allowed: Requested, asked
Requested + listed: Requested
Requested + gone from the list: Requested
Requested + bootstrapped: Bootstrapped
Requested + unbootstrapped: Requested
Requested + refused: Refused
Requested + time: Seen
Requested + allowed: Requested
Bootstrapped + listed: Bootstrapped
Bootstrapped + gone from the list: Bootstrapped
Bootstrapped + bootstrapped: Bootstrapped
Bootstrapped + unbootstrapped: Seen
Bootstrapped + refused: Bootstrapped
Bootstrapped + time: Bootstrapped
Bootstrapped + allowed: Bootstrapped
Refused + listed: Refused
Refused + gone from the list: Refused
Refused + bootstrapped: Bootstrapped
Refused + unbootstrapped: Refused
Refused + refused: Refused
Refused + time: Refused
Refused + allowed: Requested, asked
";
    assert_eq!(table, expected);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut desk = Desk::new(PeersConfig::default());
    desk.auto(true);
    desk.allow("S1");
    desk.list(1, "S1");
    let config = PeersConfig::default();
    let twice = desk.records.iter().chain(&desk.records).cloned();
    let restored = Peers::restore(desk.now, config, desk.snapshot.clone(), twice).unwrap();
    assert_eq!(
        restored.snapshot(desk.now),
        desk.peers.snapshot(desk.now),
        "what was made before is not made again"
    );
    let missing = desk.records.iter().skip(3).cloned();
    let error = Peers::restore(desk.now, config, desk.snapshot.clone(), missing).unwrap_err();
    assert_eq!(error.kind(), PeersRestoreErrorKind::Misfit { at: 0 });
    let restored = Peers::restore(desk.now, config, desk.peers.snapshot(desk.now), []).unwrap();
    assert_eq!(restored.snapshot(desk.now), desk.peers.snapshot(desk.now));
}

#[cfg(feature = "serde")]
#[test]
fn snapshots_of_strangers_are_checked() {
    let mut desk = Desk::new(PeersConfig::default());
    desk.auto(true);
    desk.allow("S1");
    desk.list(1, "S1,S2");
    let good = serde_json::to_value(desk.peers.snapshot(desk.now)).unwrap();
    let restore = |value: serde_json::Value| {
        let snapshot: PeersSnapshot = serde_json::from_value(value).unwrap();
        Peers::restore(desk.now, PeersConfig::default(), snapshot, []).map(drop).map_err(|error| error.kind())
    };
    assert_eq!(restore(good.clone()), Ok(()));
    let changed = |change: fn(&mut serde_json::Value)| {
        let mut value = good.clone();
        change(&mut value);
        restore(value)
    };
    let inconsistent = Err(PeersRestoreErrorKind::Inconsistent);
    assert_eq!(changed(|value| value["version"] = 1.into()), Err(PeersRestoreErrorKind::Version(1)));
    assert_eq!(changed(|value| value["known"][0]["left"] = serde_json::Value::Null), inconsistent);
    assert_eq!(changed(|value| value["known"][1]["server"] = "S1".into()), inconsistent);
    assert_eq!(changed(|value| value["known"][1]["address"] = "a\nb".into()), inconsistent);
    assert_eq!(changed(|value| value["allowed"] = vec!["S1", "S1"].into()), inconsistent);
    let record = serde_json::to_string(&desk.records).unwrap();
    assert_eq!(serde_json::from_str::<Vec<PeersRecord>>(&record).unwrap(), desk.records);
}

#[derive(Clone, Debug)]
enum Step {
    Auto(bool),
    Allow(usize),
    Disallow(usize),
    List(u32, Vec<usize>),
    Bootstrapped(usize),
    Unbootstrapped(usize),
    Refused(usize),
    Pass(u64),
    Restart,
    Save,
}

const NAMES: [&str; 4] = ["S0", "S1", "S2", "own"];

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    prop_oneof![
        any::<bool>().prop_map(Step::Auto),
        name.clone().prop_map(Step::Allow),
        name.clone().prop_map(Step::Disallow),
        (1..4_u32, prop::collection::vec(name.clone(), 0..4)).prop_map(|(from, list)| Step::List(from, list)),
        name.clone().prop_map(Step::Bootstrapped),
        name.clone().prop_map(Step::Unbootstrapped),
        name.prop_map(Step::Refused),
        (0..5000_u64).prop_map(Step::Pass),
        Just(Step::Restart),
        Just(Step::Save),
    ]
}

/// What a naive reader would expect: who may be asked, and how often.
#[derive(Default)]
struct Oracle {
    auto: bool,
    allowed: BTreeSet<&'static str>,
    tries: BTreeMap<String, u32>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn only_allowed_servers_are_asked_and_a_restart_changes_nothing(steps in prop::collection::vec(step(), 0..60)) {
        let config = PeersConfig::default().with_requests(HOUR, 2);
        let mut desk = Desk::new(config);
        let mut oracle = Oracle::default();
        for step in steps {
            let now = desk.now;
            let before: Vec<_> = NAMES.iter().map(|name| desk.state(name)).collect();
            let restart = matches!(step, Step::Restart);
            match step {
                Step::Auto(auto) => {
                    oracle.auto = auto;
                    desk.peers.handle_auto(now, auto);
                }
                Step::Allow(at) => {
                    let new = oracle.allowed.insert(NAMES[at]);
                    prop_assert_eq!(desk.peers.handle_allowed(now, server(NAMES[at])).is_ok(), new);
                    if before[at] == Some(PeerState::Refused) && new {
                        oracle.tries.remove(NAMES[at]);
                    }
                }
                Step::Disallow(at) => {
                    let there = oracle.allowed.remove(NAMES[at]);
                    prop_assert_eq!(desk.peers.handle_disallowed(now, &server(NAMES[at])).is_ok(), there);
                }
                Step::List(from, list) => {
                    let names: Vec<_> = list.into_iter().map(|at| NAMES[at]).collect();
                    desk.list(from, &names.join(","));
                }
                Step::Bootstrapped(at) => desk.peers.handle_bootstrapped(now, &server(NAMES[at])),
                Step::Unbootstrapped(at) => desk.peers.handle_unbootstrapped(now, &server(NAMES[at])),
                Step::Refused(at) => desk.peers.handle_refused(now, &server(NAMES[at])),
                Step::Pass(seconds) => desk.pass(Duration::from_secs(seconds)),
                Step::Restart => desk.restart(config),
                Step::Save => {
                    desk.snapshot = desk.peers.snapshot(now);
                    desk.records.clear();
                }
            }
            desk.run();
            for name in NAMES {
                if desk.state(name) == Some(PeerState::Bootstrapped) {
                    oracle.tries.remove(name);
                }
            }
            for asked in std::mem::take(&mut desk.requests) {
                prop_assert_ne!(&asked, "own");
                prop_assert_eq!(desk.state(&asked), Some(PeerState::Requested));
                if restart {
                    continue; // what was asked is asked again
                }
                prop_assert!(oracle.auto && oracle.allowed.contains(&*asked), "{} may not be asked", asked);
                let tries = oracle.tries.entry(asked.clone()).or_default();
                *tries += 1;
                prop_assert!(*tries <= 2, "{} is asked too often", asked);
            }
            // Whoever can be asked was.
            let waiting = desk.peers.known().filter(|peer| peer.state == PeerState::Seen);
            let missed = waiting.filter(|peer| oracle.auto && oracle.allowed.contains(peer.server.as_str()));
            let missed: Vec<_> = missed.map(|peer| peer.server.to_string()).collect();
            let excused = |name: &String| {
                // Unless it did not answer the last time, or was lost: then the next list has it asked.
                let at = NAMES.iter().position(|other| other == name).unwrap_or(0);
                matches!(before[at], Some(PeerState::Requested | PeerState::Bootstrapped | PeerState::Seen))
            };
            prop_assert!(missed.iter().all(excused), "{:?}", missed);
            let restored = Peers::restore(desk.now, config, desk.snapshot.clone(), desk.records.clone());
            let restored = restored.expect("records fit");
            let (mut one, mut two) = (Vec::new(), Vec::new());
            one.extend(restored.known().map(|peer| (peer.server.clone(), peer.from, peer.state)));
            two.extend(desk.peers.known().map(|peer| (peer.server.clone(), peer.from, peer.state)));
            // A restart has those asked again that had not answered.
            let settle = |peers: &mut Vec<(ServerId, Serial, PeerState)>| {
                peers.iter_mut().filter(|(.., state)| *state == PeerState::Seen).for_each(|(id, _, state)| {
                    if oracle.auto && oracle.allowed.contains(id.as_str()) {
                        *state = PeerState::Requested;
                    }
                });
            };
            settle(&mut two);
            prop_assert_eq!(one, two);
            prop_assert_eq!(restored.auto(), oracle.auto);
            prop_assert!(restored.allowed().map(ServerId::as_str).eq(oracle.allowed.iter().copied()));
        }
    }
}
