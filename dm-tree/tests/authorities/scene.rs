//! A tree with two owners, and commands of its servers.

use dm_tree::authority::{DelegationKind, Scope, Terms};
use dm_tree::{Content, NodeSpec, NodeUri, Refusal, Rights, ServerId, Timestamp, Tree};

pub(crate) const SCOMO: &str = "urn:oma:mo:oma-scomo:1.0";
pub(crate) const OTHER: &str = "urn:oma:mo:example-other:1.0";

pub(crate) fn id(text: &str) -> ServerId {
    ServerId::new(text).unwrap()
}

pub(crate) fn uri(text: &str) -> NodeUri<'_> {
    NodeUri::parse(text).unwrap()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_780_000_000 + seconds).unwrap()
}

pub(crate) fn status<T>(done: Result<T, Refusal>) -> u16 {
    done.err().map_or(200, |refusal| refusal.status().get())
}

/// The statuses of commands of one server; the first word is the command.
pub(crate) fn run(tree: &mut Tree, server: &str, commands: &[&str]) -> Vec<u16> {
    let server = id(server);
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    let one = |command: &&str| {
        let (verb, rest) = command.split_once(' ').unwrap();
        let (target, data) = rest.split_once(' ').unwrap_or((rest, "new"));
        match verb {
            "Get" => status(acting.get(target)),
            "Replace" => status(acting.replace(target, &Content::new(data.as_bytes()))),
            "Add" => status(acting.add(target, &Content::new(data.as_bytes()))),
            "AddNode" => {
                status(acting.add(target, &Content::interior(if data == "new" { "" } else { data })))
            }
            "Delete" => status(acting.delete(target)),
            "Exec" => status(acting.exec(target, b"")),
            "Copy" => status(acting.copy(target, data)),
            "List" => status(acting.walk(target, None)),
            _ => panic!("{verb}"),
        }
    };
    commands.iter().map(one).collect()
}

pub(crate) fn value(tree: &mut Tree, server: &str, uri: &str) -> String {
    let got = tree.act_for(&id(server), &mut ()).get(uri).unwrap();
    String::from_utf8(got.into_data()).unwrap()
}

pub(crate) fn terms(kind: DelegationKind, scope: &str, commands: Rights) -> Terms {
    Terms::new(kind, Scope::Subtree(uri(scope).into_owned()), commands)
}

/// `./SW` is everyone's to add to; `./SW/a` is of A and `./SW/b` of B, who have added them.
pub(crate) fn two_instances() -> Tree {
    let mut tree = Tree::default();
    tree.begin_ledger();
    tree.set_wall_clock(at(0));
    tree.insert("./SW", NodeSpec::interior()).unwrap();
    for (server, name) in [("A", "a"), ("B", "b")] {
        let (top, sub, leaf, deep) = (
            format!("AddNode ./SW/{name} {SCOMO}"),
            format!("AddNode ./SW/{name}/sub"),
            format!("Add ./SW/{name}/leaf secret"),
            format!("Add ./SW/{name}/sub/deep secret"),
        );
        assert_eq!(run(&mut tree, server, &[&top, &sub, &leaf, &deep]), [200; 4]);
    }
    tree
}

pub(crate) const ALL_OF_A: [&str; 7] = [
    "Get ./SW/a/leaf",
    "Get ./SW/a",
    "Get ./SW/a?prop=ACL",
    "List ./SW/a?list=Struct",
    "Replace ./SW/a/leaf",
    "Add ./SW/a/new",
    "Delete ./SW/a/sub",
];
