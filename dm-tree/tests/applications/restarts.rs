//! None is lost across restarts: an application that reads again what it is told to read knows, in the end, what is
//! in the tree, wherever the device lost its power.

use std::collections::BTreeMap;
use std::time::Duration;

use dm_syncml::Instant;
use dm_tree::application::{
    ApplicationIdentity, ApplicationLimits, ApplicationOutput, ApplicationRecord, Applications,
    ApplicationsSnapshot, Grant, NoticeKind, Notification,
};
use dm_tree::{
    Acl, ApplicationId, Change, ChangeKind, Content, NodeSpec, NodeUri, Rights, Tree, TreeLimits, TreeRecord,
    TreeSnapshot,
};
use proptest::prelude::*;

use crate::{admitting, app, server};

/// What survives.
struct Storage {
    tree: (TreeSnapshot, Vec<TreeRecord>),
    applications: (ApplicationsSnapshot, Vec<ApplicationRecord>),
    /// What the application has stored of its settings.
    mirror: BTreeMap<String, String>,
}

struct Device {
    tree: Tree,
    applications: Applications,
    storage: Storage,
    now: Instant,
    /// Told, and not worked on by the application.
    inbox: Vec<Notification>,
}

fn limits() -> ApplicationLimits {
    ApplicationLimits::default().with_max_notices(3).with_settle(Duration::from_millis(50))
}

impl Device {
    fn new() -> Self {
        let mut tree = Tree::default();
        tree.set_acl(".", Acl::parse("Add=*&Get=*&Replace=srv&Delete=srv").unwrap()).unwrap();
        tree.insert("./S/hid/x", NodeSpec::leaf(dm_tree::Value::chr("secret"))).unwrap();
        tree.set_acl("./S/hid", Acl::parse("Get=srv&Add=srv").unwrap()).unwrap();
        tree.set_acl("./S/hid/x", Acl::parse("Get=srv&Replace=srv").unwrap()).unwrap();
        let mut applications = Applications::new(limits());
        let now = Instant::EPOCH;
        let grants =
            [Grant::subtree("./S", Rights::ALL).unwrap(), Grant::subtree("./S/hid", Rights::NONE).unwrap()];
        applications.register(now, &tree, &ApplicationIdentity::new("a"), &admitting(&grants)).unwrap();
        applications.subscribe(now, &tree, &app("a"), &NodeUri::parse("./S").unwrap()).unwrap();
        tree.set_journaling(true);
        let storage = Storage {
            tree: (tree.snapshot().unwrap(), Vec::new()),
            applications: (applications.snapshot(), Vec::new()),
            mirror: BTreeMap::from([("./S".into(), String::new())]),
        };
        let mut device = Self { tree, applications, storage, now, inbox: Vec::new() };
        device.drain(usize::MAX);
        device
    }

    /// Stores records, at most so many; then the tree's, unless the power was lost before.
    fn drain(&mut self, max: usize) -> bool {
        let mut stored = 0;
        loop {
            match self.applications.poll_output() {
                ApplicationOutput::Persist(seq, record) => {
                    if stored == max {
                        return false;
                    }
                    stored += 1;
                    self.storage.applications.1.push(record);
                    self.applications.handle_persisted(self.now, seq);
                }
                ApplicationOutput::Notify(_, notification) => {
                    for notice in notification.notices() {
                        assert!(!notice.uri().as_str().contains("hid"), "{notification:?}");
                    }
                    self.inbox.push(notification);
                }
                ApplicationOutput::Wait(_) => break,
                _ => {}
            }
        }
        if stored == max {
            return false;
        }
        self.storage.tree.1.extend(self.tree.take_record());
        true
    }

    fn restart(&mut self) {
        let mut tree = Tree::restore(&self.storage.tree.0, TreeLimits::default()).unwrap();
        for record in &self.storage.tree.1 {
            tree.replay(record).unwrap();
        }
        tree.set_journaling(true);
        let mut applications = Applications::restore(limits(), &self.storage.applications.0).unwrap();
        for record in &self.storage.applications.1 {
            applications.replay(record).unwrap();
        }
        (self.tree, self.applications) = (tree, applications);
        self.inbox.clear();
        self.now = Instant::EPOCH;
    }

    fn server_does(&mut self, what: u8, a: &str, b: &str) -> Vec<Change> {
        let server = server("srv");
        let handlers = &mut ();
        let mut acting = self.tree.act_for(&server, handlers);
        act(&mut acting, what, a, b);
        acting.take_changes()
    }

    /// The application reads again what it was told, and only then acknowledges.
    fn work(&mut self) {
        let Some(notification) = self.inbox.pop() else { return };
        self.inbox.clear();
        let id = app("a");
        let mut mirror = self.storage.mirror.clone();
        if notification.is_whole() {
            mirror.clear();
            self.read(&id, notification.instance().as_str(), &mut mirror);
        }
        for notice in notification.notices() {
            if let NoticeKind::Moved { .. } = notice.kind() {
                mirror.clear();
            }
            self.read(&id, notice.uri().as_str(), &mut mirror);
        }
        self.storage.mirror = mirror;
        let (subscription, seq) = (notification.subscription(), notification.seq());
        self.applications.handle_acknowledged(self.now, &id, subscription, seq).unwrap();
    }

    fn read(&mut self, id: &ApplicationId, at: &str, mirror: &mut BTreeMap<String, String>) {
        mirror.retain(|known, _| known != at && !known.starts_with(&format!("{at}/")));
        let handlers = &mut ();
        let mut acting = self.applications.act(&mut self.tree, id, handlers).unwrap();
        let Ok(mut walk) = acting.walk(at, None) else { return };
        while let Ok(Some(visit)) = walk.next() {
            let value = visit.value().and_then(|value| value.as_str()).unwrap_or_default();
            mirror.insert(visit.uri().to_string(), value.to_string());
        }
    }
}

fn act(acting: &mut dm_tree::Acting<'_>, what: u8, a: &str, b: &str) {
    let content = Content::new(b.as_bytes());
    // What is kept from the application stays where it is.
    let what = if what == 5 && a.contains("hid") { 2 } else { what };
    let done = match what {
        0 | 1 => acting.add(a, &content),
        2 | 3 => acting.replace(a, &content),
        4 => acting.delete(a),
        5 => acting.replace(&format!("{a}?prop=Name"), &content),
        6 => acting.replace_subtree(a, &[]),
        _ => acting.add(a, &Content::interior("")),
    };
    // Refusals are part of life.
    let _ = done;
}

#[derive(Clone, Debug)]
enum Step {
    Server(u8, String, String),
    /// The server does something, and the power is lost once so many records are stored.
    ServerCut(u8, String, String, usize),
    Application(u8, String, String),
    Work,
    Time(u16),
    Cut(usize),
    Snapshot,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = || "\\./S(/[xyz]){0,3}|\\./S/hid(/x)?|\\./[RS]";
    let name = || "[xyzRS]";
    let step = prop_oneof![
        4 => (0..8_u8, place(), name()).prop_map(|(what, a, b)| Step::Server(what, a, b)),
        2 => (0..8_u8, place(), name(), 0..3_usize).prop_map(|(what, a, b, n)| Step::ServerCut(what, a, b, n)),
        2 => (0..8_u8, place(), name()).prop_map(|(what, a, b)| Step::Application(what, a, b)),
        3 => Just(Step::Work),
        3 => (0..200_u16).prop_map(Step::Time),
        1 => (0..3_usize).prop_map(Step::Cut),
        1 => Just(Step::Snapshot),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn dm_hlf_017_no_change_is_lost_wherever_the_power_goes(steps in steps()) {
        let mut device = Device::new();
        for step in steps {
            match step {
                Step::Server(what, a, b) => {
                    let changes = device.server_does(what, &a, &b);
                    device.applications.handle_changes(device.now, &device.tree, &changes);
                    device.drain(usize::MAX);
                }
                Step::ServerCut(what, a, b, records) => {
                    let changes = device.server_does(what, &a, &b);
                    device.applications.handle_changes(device.now, &device.tree, &changes);
                    // The records of a rename are one entry with the tree's: all of them are there, or none.
                    let renames = |change: &Change| matches!(change.kind, ChangeKind::Renamed { .. });
                    let is_one = records > 0 && changes.iter().any(renames);
                    device.drain(if is_one { usize::MAX } else { records });
                    device.restart();
                }
                Step::Application(what, a, b) => {
                    let id = app("a");
                    let handlers = &mut ();
                    let mut acting = device.applications.act(&mut device.tree, &id, handlers).unwrap();
                    act(&mut acting, what, &a, &b);
                    let changes = acting.take_changes();
                    device.applications.handle_changes(device.now, &device.tree, &changes);
                    device.drain(usize::MAX);
                    // What it did itself it knows: it reads again what hangs from the top there.
                    let mut mirror = device.storage.mirror.clone();
                    let instance = device.applications.subscriptions_of(&id).next().unwrap().1.to_string();
                    for change in &changes {
                        let names: Vec<_> = change.uri.as_str().splitn(4, '/').take(3).collect();
                        let is_below = names.len() == 3 && !matches!(change.kind, ChangeKind::Renamed { .. });
                        let place = if is_below { names.join("/") } else { instance.clone() };
                        if !is_below {
                            mirror.clear();
                        }
                        device.read(&id, &place, &mut mirror);
                    }
                    device.storage.mirror = mirror;
                }
                Step::Work => device.work(),
                Step::Time(millis) => {
                    device.now = device.now + Duration::from_millis(millis.into());
                    device.applications.handle_tick(device.now);
                    device.drain(usize::MAX);
                }
                Step::Cut(records) => {
                    device.drain(records);
                    device.restart();
                }
                Step::Snapshot => {
                    if device.drain(usize::MAX) {
                        device.storage.applications = (device.applications.snapshot(), Vec::new());
                    }
                }
            }
        }
        // In the end everything is told and acknowledged.
        for _ in 0..8 {
            device.now = device.now + Duration::from_secs(120);
            device.applications.handle_tick(device.now);
            device.drain(usize::MAX);
            device.work();
        }
        let id = app("a");
        let instance = device.applications.subscriptions_of(&id).next().unwrap().1.to_string();
        let mut truth = BTreeMap::new();
        device.read(&id, &instance, &mut truth);
        prop_assert_eq!(&device.storage.mirror, &truth);
        prop_assert!(truth.keys().all(|place| !place.contains("hid")));
    }
}

#[test]
#[cfg(feature = "serde")]
fn dm_hlf_017_what_is_stored_goes_through_any_store() {
    let mut device = Device::new();
    for (what, a, b) in [(0, "./S/x", "1"), (2, "./S/x", "2"), (5, "./S", "R")] {
        let changes = device.server_does(what, a, b);
        device.applications.handle_changes(device.now, &device.tree, &changes);
        device.drain(usize::MAX);
    }
    let snapshot = device.applications.snapshot();
    let text = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<ApplicationsSnapshot>(&text).unwrap(), snapshot);
    assert!(!device.storage.applications.1.is_empty());
    for record in &device.storage.applications.1 {
        let text = serde_json::to_string(record).unwrap();
        assert_eq!(&serde_json::from_str::<ApplicationRecord>(&text).unwrap(), record);
        let newer = text.replace("\"version\":1", "\"version\":2");
        let newer: ApplicationRecord = serde_json::from_str(&newer).unwrap();
        assert!(Applications::default().replay(&newer).is_err());
    }
}
