//! Subtrees served by handlers.

extern crate alloc;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use std::sync::Mutex;

use dm_syncml::StatusCode;
use dm_tree::{
    AccessType, Acl, ChangeKind, Children, Content, Context, ExecReply, Format, Handler, HandlerMap,
    Handlers, MountId, NewNode, NoAnswer, NodeFacts, NodeUri, Rights, ServerId, Tree, TreeLimits, Value,
};

/// `Devices/<serial>/{Name,State,Run}`: names can be written, devices added and deleted, `Run` executed.
#[derive(Default)]
struct Fleet {
    names: BTreeMap<u32, String>,
    /// Every call that may change something, so that tests can see that there was none.
    acted: Arc<Mutex<Vec<String>>>,
}

impl Fleet {
    fn of(count: u32) -> Self {
        Self {
            names: (1..=count).map(|serial| (serial, format!("device {serial}"))).collect(),
            ..Self::default()
        }
    }

    fn note(&self, what: &str, path: &[&str]) {
        self.acted.lock().unwrap().push(format!("{what} {}", path.join("/")));
    }
}

impl Handler for Fleet {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        let known = |serial: &str| serial.parse().is_ok_and(|serial| self.names.contains_key(&serial));
        match path {
            [] => Some(NodeFacts::interior().with_type("com.example/1.0/Fleet")),
            ["Devices"] => Some(NodeFacts::interior().with_access(AccessType::GET | AccessType::ADD)),
            ["Devices", serial] if known(serial) => {
                let access = AccessType::GET | AccessType::DELETE | AccessType::ADD;
                Some(NodeFacts::interior().with_access(access).dynamic())
            }
            ["Devices", serial, "Name"] if known(serial) => {
                Some(NodeFacts::leaf(Format::Chr).with_access(AccessType::GET | AccessType::REPLACE))
            }
            ["Devices", serial, "State"] if known(serial) => Some(NodeFacts::leaf(Format::Bool)),
            ["Devices", serial, "Run"] if known(serial) => {
                Some(NodeFacts::leaf(Format::Null).with_access(AccessType::EXEC))
            }
            _ => None,
        }
    }

    fn get(&mut self, cx: &Context<'_>, path: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        match path {
            ["Devices", serial, "Name"] => Ok(self.names[&serial.parse().unwrap()].clone().into_bytes()),
            // Answers differ with the rights of the server, for the sake of the context.
            ["Devices", _, "State"] => {
                let server = cx.server().unwrap();
                let may_write = cx.may_below(server, Rights::REPLACE, path);
                assert_eq!(may_write, cx.may(server, Rights::REPLACE, &cx.uri(path)));
                Ok(may_write.to_string().into_bytes())
            }
            _ => Err(StatusCode::DATA_STORE_FAILURE.into()),
        }
    }

    fn children(&mut self, _: &Context<'_>, path: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
        match path {
            ["Devices"] => {
                for serial in self.names.keys() {
                    if !out.push(&serial.to_string()) {
                        break;
                    }
                }
            }
            [] => _ = out.push("Devices"),
            _ => ["Name", "State", "Run", "a b", "..", "x/y"].iter().for_each(|name| _ = out.push(name)),
        }
        Ok(())
    }

    fn replace(&mut self, _: &Context<'_>, path: &[&str], value: &Value) -> Result<(), NoAnswer> {
        self.note("replace", path);
        let name = value.as_str().unwrap();
        if name.is_empty() {
            return Err(StatusCode::FORBIDDEN.into());
        }
        self.names.insert(path[1].parse().unwrap(), name.into());
        Ok(())
    }

    fn add(&mut self, _: &Context<'_>, path: &[&str], new: &NewNode) -> Result<(), NoAnswer> {
        self.note("add", path);
        let (["Devices", serial], NewNode::Interior { .. }) = (path, new) else {
            return Err(StatusCode::COMMAND_FAILED.into());
        };
        let serial = serial.parse().map_err(|_| StatusCode::COMMAND_FAILED)?;
        self.names.insert(serial, String::new());
        Ok(())
    }

    fn delete(&mut self, _: &Context<'_>, path: &[&str]) -> Result<(), NoAnswer> {
        self.note("delete", path);
        self.names.remove(&path[1].parse().unwrap());
        Ok(())
    }

    fn exec(&mut self, cx: &Context<'_>, path: &[&str], argument: &[u8]) -> ExecReply {
        self.note("exec", path);
        match (argument, cx.correlator()) {
            (b"now", _) => ExecReply::Done(StatusCode::OK),
            (_, Some(_)) => ExecReply::Accepted,
            (_, None) => ExecReply::Done(StatusCode::COMMAND_FAILED),
        }
    }
}

struct World {
    tree: Tree,
    handlers: HandlerMap,
    mount: MountId,
    acted: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new(fleet: Fleet, limits: TreeLimits) -> Self {
        let mut tree = Tree::new(limits);
        let mut handlers = HandlerMap::new();
        let acted = fleet.acted.clone();
        let mount = handlers.mount(&mut tree, "./Gw/Fleet", fleet).unwrap();
        tree.set_acl("./Gw/Fleet", Acl::parse("Add=S+T&Delete=S&Exec=S&Get=*&Replace=S").unwrap()).unwrap();
        Self { tree, handlers, mount, acted }
    }

    fn run(&mut self, server: &str, verb: &str, path: &str, data: &str) -> (u16, String) {
        let server = ServerId::new(server).unwrap();
        let mut acting = self.tree.act_for(&server, &mut self.handlers).with_correlator(Some("corr"));
        let uri = format!("./Gw/Fleet{path}");
        let content = match data {
            "(node)" => Content::interior(""),
            data => Content::new(data.as_bytes()),
        };
        let done = match verb {
            "get" => acting.get(&uri).map(|got| String::from_utf8(got.into_data()).unwrap()),
            "replace" => acting.replace(&uri, &content).map(|()| String::new()),
            "add" => acting.add(&uri, &content).map(|()| String::new()),
            "delete" => acting.delete(&uri).map(|()| String::new()),
            _ => match acting.exec(&uri, data.as_bytes()) {
                Ok(status) => return (status.get(), String::new()),
                Err(refusal) => Err(refusal),
            },
        };
        match done {
            Ok(text) => (200, text),
            Err(refusal) => (refusal.status().get(), String::new()),
        }
    }
}

#[test]
fn reading() {
    let mut world = World::new(Fleet::of(3), TreeLimits::default());
    for (server, path, expected) in [
        ("X", "", (200, "Devices")),
        ("X", "/Devices", (200, "1/2/3")),
        ("X", "/Devices/2", (200, "Name/State/Run/a%20b/x%2Fy")),
        ("X", "/Devices/2/Name", (200, "device 2")),
        ("X", "/Devices/%32/Name", (200, "device 2")),
        ("X", "/Devices/2/State", (200, "false")),
        ("S", "/Devices/2/State", (200, "true")),
        ("X", "/Devices/2/Run", (405, "")),
        ("X", "/Devices/4/Name", (404, "")),
        ("X", "/Devices/2/Name/x", (404, "")),
        ("X", "?prop=Type", (200, "com.example/1.0/Fleet")),
        ("X", "?prop=Name", (200, "Fleet")),
        ("X", "?prop=ACL", (200, "Add=S+T&Delete=S&Exec=S&Get=*&Replace=S")),
        ("X", "/Devices/2/Name?prop=ACL", (200, "")),
        ("X", "/Devices/2/State?prop=Format", (200, "bool")),
        ("X", "/Devices/2?prop=Format", (200, "node")),
        ("X", "/Devices/2?prop=Name", (200, "2")),
        ("X", "/Devices/2/Name?prop=Size", (406, "")),
        ("X", "/Devices/2/Name?prop=VerNo", (406, "")),
    ] {
        assert_eq!(
            world.run(server, "get", path, ""),
            (expected.0, expected.1.to_string()),
            "{server} {path}"
        );
    }
    assert_eq!(world.tree.len(), 3, "nothing a handler serves is stored");
}

#[test]
fn nothing_reaches_a_handler_that_the_tree_can_refuse() {
    let mut world = World::new(Fleet::of(2), TreeLimits::default().with_max_value_len(16));
    for (server, verb, path, data, status) in [
        ("T", "replace", "/Devices/1/Name", "x", 425),
        ("S", "replace", "/Devices/1/State", "true", 405),
        ("S", "replace", "/Devices/1", "x", 405),
        ("S", "replace", "/Devices/9/Name", "x", 404),
        ("S", "replace", "/Devices/1/Name", "longer than sixteen", 413),
        ("S", "replace", "/Devices/1?prop=Name", "7", 405),
        ("S", "replace", "/Devices/1/Name?prop=Title", "7", 406),
        ("X", "add", "/Devices/3", "(node)", 425),
        ("S", "add", "/Devices/2", "(node)", 418),
        ("S", "add", "/Devices/2/Name/x", "v", 405),
        ("S", "add", "/Devices/7/x", "v", 404),
        ("S", "add", "/Other", "(node)", 405),
        ("S", "delete", "", "", 405),
        ("S", "delete", "/Devices", "", 405),
        ("T", "delete", "/Devices/1", "", 425),
        ("S", "delete", "/Devices/9", "", 404),
        ("T", "exec", "/Devices/1/Run", "now", 425),
        ("S", "exec", "/Devices/1/Name", "now", 405),
        ("S", "exec", "/Devices/1/Run?prop=ACL", "now", 405),
    ] {
        assert_eq!(world.run(server, verb, path, data).0, status, "{server} {verb} {path}");
    }
    assert!(world.acted.lock().unwrap().is_empty(), "{:?}", world.acted.lock().unwrap());
}

#[test]
fn changing() {
    let mut world = World::new(Fleet::of(2), TreeLimits::default());
    assert_eq!(world.run("S", "replace", "/Devices/1/Name", "first").0, 200);
    assert_eq!(world.run("S", "get", "/Devices/1/Name", ""), (200, "first".into()));
    assert_eq!(world.run("S", "replace", "/Devices/1/Name", "").0, 403);
    assert_eq!(world.run("S", "exec", "/Devices/1/Run", "now").0, 200);
    assert_eq!(world.run("S", "exec", "/Devices/1/Run", "later").0, 202);
    // T may add but not replace: it gets rights on what it adds, kept beside the handler's node.
    assert_eq!(world.run("T", "add", "/Devices/7", "(node)").0, 200);
    let acl = world.run("T", "get", "/Devices/7?prop=ACL", "");
    assert_eq!(acl, (200, "Add=S+T&Delete=S+T&Exec=S&Get=*&Replace=S+T".into()));
    assert_eq!(world.run("T", "replace", "/Devices/7/Name", "mine").0, 200);
    assert_eq!(world.run("T", "replace", "/Devices/1/Name", "mine").0, 425);
    assert_eq!(world.run("T", "delete", "/Devices/7", "").0, 200);
    assert_eq!(world.tree.mounted_acls(world.mount).count(), 0, "the acl goes with the node");
    // What the handler refuses leaves no ACL behind.
    assert_eq!(world.run("T", "add", "/Devices/seven", "(node)").0, 500);
    assert_eq!(world.tree.mounted_acls(world.mount).count(), 0);
}

#[test]
fn acls_of_served_nodes() {
    let mut world = World::new(Fleet::of(2), TreeLimits::default().with_max_mounted_acls(1));
    // A leaf's ACL belongs to who may replace its parent.
    assert_eq!(world.run("T", "replace", "/Devices/1/Name?prop=ACL", "Get=T").0, 425);
    assert_eq!(world.run("S", "replace", "/Devices/1?prop=ACL", "Get=T&Replace=T").0, 200);
    assert_eq!(world.run("S", "get", "/Devices/1/Name", "").0, 425);
    assert_eq!(world.run("T", "replace", "/Devices/1/Name", "x").0, 200);
    // No room for a second one; changing and removing the first is possible.
    assert_eq!(world.run("S", "replace", "/Devices/2?prop=ACL", "Get=T").0, 420);
    assert_eq!(world.run("T", "add", "/Devices/7", "(node)").0, 420);
    assert!(!world.acted.lock().unwrap().iter().any(|call| call.starts_with("add")));
    assert_eq!(world.run("S", "replace", "/Devices/1?prop=ACL", "").0, 200);
    assert_eq!(world.run("S", "get", "/Devices/1/Name", "").0, 200);
    assert_eq!(world.run("S", "replace", "/Devices/2?prop=ACL", "Get=T").0, 200);
    let uri = NodeUri::parse("./Gw/Fleet/Devices/2/Name").unwrap();
    assert!(world.tree.may(&ServerId::new("T").unwrap(), Rights::GET, &uri));
    assert!(!world.tree.may(&ServerId::new("S").unwrap(), Rights::GET, &uri));
    // What is added where something went without a word does not inherit its ACL either.
    world.tree.set_acl("./Gw/Fleet/Devices/5/Name", Acl::parse("Get=*").unwrap()).unwrap_err();
    world.tree.set_acl("./Gw/Fleet/Devices/2", Acl::EMPTY).unwrap();
    world.tree.set_acl("./Gw/Fleet/Devices/5/Name", Acl::parse("Exec=*").unwrap()).unwrap();
    assert_eq!(world.run("S", "add", "/Devices/5", "(node)").0, 200);
    assert_eq!(world.run("S", "get", "/Devices/5/Name", "").0, 200);
    world.tree.set_acl("./Gw/Fleet/Devices/2", Acl::parse("Get=T").unwrap()).unwrap();
    // The handler drops a device on its own; a new one of that serial does not inherit.
    world.tree.forget_acls("./Gw/Fleet/Devices/2").unwrap();
    assert!(world.tree.may(&ServerId::new("S").unwrap(), Rights::GET, &uri));
}

#[test]
fn records_of_what_happened() {
    let mut world = World::new(Fleet::of(1), TreeLimits::default());
    let server = ServerId::new("S").unwrap();
    let mut acting = world.tree.act_for(&server, &mut world.handlers).with_correlator(Some("c1"));
    acting.exec("./Gw/Fleet/Devices/1/Run", b"later").unwrap();
    acting.replace("Gw/Fleet/Devices/%31/Name", &Content::new(b"x")).unwrap();
    acting.add("./Gw/Fleet/Devices/2", &Content::interior("")).unwrap();
    acting.delete("./Gw/Fleet/Devices/2").unwrap();
    let requests = acting.take_exec_requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].uri.as_str(), "./Gw/Fleet/Devices/1/Run");
    assert_eq!(requests[0].correlator.as_deref(), Some("c1"));
    assert_eq!((&requests[0].server, &*requests[0].argument), (&server, &b"later"[..]));
    let changes = acting.take_changes();
    assert_eq!(changes.len(), 3);
    assert_eq!(changes[0].uri.as_str(), "./Gw/Fleet/Devices/1/Name");
    assert_eq!(changes[0].kind, ChangeKind::Replaced);
    assert_eq!(changes[1].uri.as_str(), "./Gw/Fleet/Devices/2");
    assert!(matches!(changes[1].kind, ChangeKind::Added { ancestors: 0, .. }));
    assert_eq!(changes[2].kind, ChangeKind::Deleted);
}

#[test]
fn long_lists_meet_a_limit() {
    let mut world = World::new(Fleet::of(1000), TreeLimits::default().with_max_child_list_len(500));
    assert_eq!(world.run("X", "get", "/Devices", "").0, 413);
    let mut world = World::new(Fleet::of(1000), TreeLimits::default());
    assert_eq!(world.run("X", "get", "/Devices", "").1.split('/').count(), 1000);
}

#[test]
fn a_missing_handler_is_a_failure_of_the_store() {
    let mut tree = Tree::default();
    tree.mount("./V").unwrap();
    let server = ServerId::new("S").unwrap();
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    assert_eq!(acting.get("./V").unwrap_err().status(), StatusCode::DATA_STORE_FAILURE);
    assert_eq!(acting.get("./V/x?prop=ACL").unwrap_err().status(), StatusCode::DATA_STORE_FAILURE);
    assert_eq!(acting.add("./V/x", &Content::new(b"")).unwrap_err().status().get(), 510);
    assert_eq!(acting.get(".").unwrap().data(), b"V");
}

/// One owner of everything, as a gateway is: it lends itself for both of its mounts.
struct Owner {
    first: MountId,
}

impl Handlers for Owner {
    fn handler(&mut self, _: MountId) -> Option<&mut dyn Handler> {
        Some(self)
    }
}

impl Handler for Owner {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        path.is_empty().then(|| NodeFacts::leaf(Format::Chr))
    }

    fn get(&mut self, cx: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        Ok(if cx.mount() == self.first { b"first".into() } else { b"second".into() })
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], _: &mut Children) -> Result<(), NoAnswer> {
        Err(StatusCode::COMMAND_FAILED.into())
    }
}

#[test]
fn one_owner_of_several_mounts() {
    let mut tree = Tree::default();
    let first = tree.mount("./A").unwrap();
    tree.mount("./B/C").unwrap();
    let mut owner = Owner { first };
    let server = ServerId::new("S").unwrap();
    let mut acting = tree.act_for(&server, &mut owner);
    assert_eq!(acting.get("./A").unwrap().data(), b"first");
    assert_eq!(acting.get("./B/C").unwrap().data(), b"second");
    assert_eq!(acting.get("./B/C/D").unwrap_err().status().get(), 404);
}

#[test]
fn maps_can_be_sent() {
    fn assert_send<T: Send + 'static>() {}
    assert_send::<HandlerMap>();
}

/// Beds of a garden that are made up when somebody asks.
struct Garden {
    beds: u32,
    asked: u32,
}

impl Handler for Garden {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        self.asked += 1;
        match path {
            [] => Some(NodeFacts::interior()),
            [bed] if bed.parse().is_ok_and(|bed: u32| bed < self.beds) => Some(NodeFacts::leaf(Format::Int)),
            _ => None,
        }
    }

    fn get(&mut self, _: &Context<'_>, path: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        self.asked += 1;
        Ok(path[0].as_bytes().to_vec())
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
        self.asked += 1;
        // It stops as soon as the list is longer than anybody wants.
        let _ = (0..self.beds).try_for_each(|bed| out.push(&bed.to_string()).then_some(()));
        Ok(())
    }
}

/// A handler serves a million children, none of which is a node: the tree stays as small as it was, and a Get of one of
/// them asks the handler a handful of questions.
#[test]
fn a_million_served_children_are_no_nodes() {
    const BEDS: u32 = 1_000_000;
    let garden = Arc::new(Mutex::new(Garden { beds: BEDS, asked: 0 }));
    struct Shared(Arc<Mutex<Garden>>);
    impl Handler for Shared {
        fn node(&mut self, cx: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
            self.0.lock().unwrap().node(cx, path)
        }
        fn get(&mut self, cx: &Context<'_>, path: &[&str]) -> Result<Vec<u8>, NoAnswer> {
            self.0.lock().unwrap().get(cx, path)
        }
        fn children(&mut self, cx: &Context<'_>, path: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
            self.0.lock().unwrap().children(cx, path, out)
        }
    }
    let limits = TreeLimits::default().with_max_child_list_len(8 << 20).with_max_list_items(1000);
    let mut tree = Tree::new(limits);
    let mut handlers = HandlerMap::new();
    handlers.mount(&mut tree, "./Garden", Shared(Arc::clone(&garden))).unwrap();
    let (nodes, server) = (tree.len(), ServerId::new("S").unwrap());
    let mut acting = tree.act_for(&server, &mut handlers);
    for bed in [0, 1, 499_999, BEDS - 1] {
        garden.lock().unwrap().asked = 0;
        assert_eq!(acting.get(&format!("./Garden/{bed}")).unwrap().data(), bed.to_string().as_bytes());
        assert!(garden.lock().unwrap().asked <= 4, "{bed}");
    }
    assert_eq!(acting.get(&format!("./Garden/{BEDS}")).unwrap_err().status().get(), 404);
    let names = acting.get("./Garden").unwrap().into_data();
    assert_eq!(names.split(|octet| *octet == b'/').count(), BEDS as usize);
    // One page of them, as far as anybody reads.
    let mut listing = acting.list("./Garden?list=StructData").unwrap();
    garden.lock().unwrap().asked = 0;
    assert_eq!(listing.next_page(&mut acting).unwrap().len(), 1000);
    assert!(garden.lock().unwrap().asked < 2100);
    assert_eq!(listing.next_page(&mut acting).unwrap().len(), 1000);
    assert!(!listing.is_finished());
    assert_eq!(tree.len(), nodes);
}
