//! Five authorities who own, delegate, revoke, write ACLs and send commands, and two applications, beside a naive oracle of the rules: each
//! answer is the one the oracle gives, the tree is the one the oracle has, and it is the same tree after a restart.

use std::collections::BTreeSet;

use dm_syncml::Instant;
use dm_tree::application::{
    Admission, AllowedApplications, ApplicationIdentity, Applications, Grant, SignerDigest,
};
use dm_tree::authority::{DelegationId, DelegationKind, MoType, Priority, Scope, Terms, TypeRules};
use dm_tree::{Acl, ApplicationId, Content, NodeUri, Rights, ServerId, Timestamp, Tree, TreeLimits};

use crate::oracle::{self, Answer, COMMANDS, Delegation, Id, Kind, Oracle, Path};

const AUTHORITIES: [Id; 5] = ["A", "B", "C", "D", "E"];
const TYPES: [&str; 3] = ["", "urn:oma:mo:x-one:1.0", "urn:oma:mo:x-two:1.0"];
const NAMES: [&str; 2] = ["a", "b"];
/// Some time in 2026, in seconds of Unix.
const BEGIN: i64 = 1_780_000_000;

/// Octets as choices; none left is zero.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn octet(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.octet()) % of.len()]
    }

    fn authority(&mut self) -> Id {
        self.pick(&AUTHORITIES)
    }

    /// Never the root.
    fn path(&mut self) -> Path {
        let choice = self.octet();
        let len = [1, 2, 2, 3][usize::from(choice & 3)];
        (0..len).map(|at| NAMES[usize::from(choice >> (2 + at) & 1)]).collect()
    }

    fn set<T: Copy + Ord>(&mut self, of: &[T]) -> BTreeSet<T> {
        let choice = self.octet();
        of.iter().enumerate().filter(|(at, _)| choice >> at & 1 == 1).map(|(_, one)| *one).collect()
    }

    fn acl(&mut self) -> oracle::Acl {
        let mut acl = oracle::Acl::new();
        for command in self.set(&COMMANDS) {
            let ids = self.set(&["A", "B", "C", "D", "E", "*"]);
            if !ids.is_empty() {
                acl.insert(command, ids);
            }
        }
        acl
    }

    fn commands(&mut self) -> BTreeSet<&'static str> {
        if self.octet().is_multiple_of(2) { COMMANDS.into() } else { self.set(&COMMANDS) }
    }
}

fn id(text: &str) -> ServerId {
    ServerId::new(text).unwrap()
}

fn uri(path: &[&str]) -> String {
    path.iter().fold(String::from("."), |uri, name| format!("{uri}/{name}"))
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds).unwrap()
}

fn acl_text(acl: &oracle::Acl) -> String {
    let entry = |(command, ids): (&&str, &BTreeSet<Id>)| {
        format!("{command}={}", ids.iter().copied().collect::<Vec<_>>().join("+"))
    };
    acl.iter().map(entry).collect::<Vec<_>>().join("&")
}

fn terms(one: &Delegation) -> Terms {
    let kind = match one.kind {
        Kind::Full => DelegationKind::Full,
        Kind::Shared => DelegationKind::Shared,
        Kind::Sub => DelegationKind::Sub,
    };
    let scope = match &one.scope {
        oracle::Scope::Path(path) => Scope::Subtree(NodeUri::parse(&uri(path)).unwrap().into_owned()),
        oracle::Scope::Type(mo) => Scope::Type(MoType::new(mo).unwrap()),
    };
    let commands = one.commands.iter().fold(Rights::NONE, |all, name| all | Rights::from_name(name).unwrap());
    let mut terms =
        Terms::new(kind, scope, commands).with_depth(one.depth).with_priority(Priority(one.priority));
    if let Some(end) = one.end {
        terms = terms.until(time(end));
    }
    one.prohibited.iter().fold(terms, |terms, who| terms.prohibiting(id(who)))
}

/// Two applications of the device: one for a type of objects, one for a part of the tree.
fn applications(tree: &Tree) -> Applications {
    let mut applications = Applications::default();
    let grants = [
        ("mail", Grant::object(TYPES[1], Rights::GET | Rights::REPLACE)),
        ("store", Grant::subtree("./b", Rights::ALL).unwrap()),
    ];
    for (name, grant) in grants {
        let signer = SignerDigest::new([7; 32]);
        let admission = Admission::new(ApplicationId::new(name).unwrap()).with_grant(grant);
        let policy = AllowedApplications::new().with(name, signer, admission);
        let identity = ApplicationIdentity::new(name).with_signer(signer);
        applications.register(Instant::EPOCH, tree, &identity, &policy).unwrap();
    }
    applications
}

struct Both {
    applications: Applications,
    tree: Tree,
    oracle: Oracle,
    next: u64,
}

impl Both {
    fn number(&self, number: u64) -> Option<DelegationId> {
        self.tree.delegations().map(|one| one.id).find(|id| id.get() == number)
    }

    /// The answer of a command is that of the oracle.
    fn agree(&self, what: &str, who: Id, path: &[&'static str], answer: Answer, status: u16) {
        let good = match answer {
            Answer::Allowed => status == 200,
            Answer::Denied | Answer::Concealed => status == 425,
            Answer::Outranked => status == 403,
            Answer::Impossible => status != 200,
        };
        let uri = NodeUri::parse(&uri(path)).unwrap().into_owned();
        assert!(
            good,
            "{what} by {who} of {uri}: {answer:?}, but {status}\n{}\n{:#?}",
            self.tree.explain(&id(who), Rights::from_name(what).unwrap_or(Rights::REPLACE), &uri),
            self.oracle,
        );
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        let who = choices.authority();
        let server = id(who);
        let path = choices.path();
        let at = uri(&path);
        let status =
            |done: Result<(), dm_tree::Refusal>| done.err().map_or(200, |refusal| refusal.status().get());
        let handlers = &mut ();
        match choices.octet() % 26 {
            0..=5 => {
                if !self.oracle.nodes.contains_key(&path[..path.len() - 1]) {
                    return;
                }
                let (value, mo) = match choices.octet() % 4 {
                    0 => (None, TYPES[1]),
                    1 => (None, choices.pick(&TYPES)),
                    _ => (Some(choices.octet()), ""),
                };
                let data = value.unwrap_or_default().to_string();
                let content = match value {
                    Some(_) => Content::new(data.as_bytes()),
                    None => Content::interior(mo),
                };
                let done = status(self.tree.act_for(&server, handlers).add(&at, &content));
                let answer = self.oracle.add(who, &path, value, mo);
                self.agree("Add", who, &path, answer, done);
            }
            6 | 7 => {
                let answer = self.oracle.read(who, &path);
                let names = self.oracle.names(who, &path);
                let got = self.tree.act_for(&server, handlers).get(&at);
                let done = got.as_ref().err().map_or(200, |refusal| refusal.status().get());
                self.agree("Get", who, &path, answer, done);
                if let Ok(got) = got {
                    let text = String::from_utf8(got.into_data()).unwrap();
                    match self.oracle.nodes[&path].value {
                        Some(value) => assert_eq!(text, value.to_string()),
                        None => {
                            let told: BTreeSet<&str> =
                                text.split('/').filter(|name| !name.is_empty()).collect();
                            assert_eq!(told, names);
                        }
                    }
                }
            }
            8 | 9 => {
                let value = choices.octet();
                let data = value.to_string();
                let done = self.tree.act_for(&server, handlers).replace(&at, &Content::new(data.as_bytes()));
                let answer = self.oracle.replace(who, &path, value);
                self.agree("Replace", who, &path, answer, status(done));
            }
            10 => {
                let done = self.tree.act_for(&server, handlers).delete(&at);
                let answer = self.oracle.delete(who, &path);
                self.agree("Delete", who, &path, answer, status(done));
            }
            11 | 12 => {
                let acl = choices.acl();
                let text = acl_text(&acl);
                let target = format!("{at}?prop=ACL");
                let done =
                    self.tree.act_for(&server, handlers).replace(&target, &Content::new(text.as_bytes()));
                let answer = self.oracle.replace_acl(who, &path, &acl);
                self.agree("Replace ACL", who, &path, answer, status(done));
            }
            13 => self.list(who, &path),
            14..=18 => self.delegate(who, path, choices),
            19 => {
                let number = u64::from(choices.octet()) % (self.next + 1);
                let done = self.number(number).is_some_and(|id| self.tree.revoke(&server, id).is_ok());
                assert_eq!(
                    done,
                    self.oracle.revoke(who, number),
                    "revoke {number} by {who}: {:#?}",
                    self.oracle
                );
            }
            20 => {
                let owner = if choices.octet().is_multiple_of(4) { None } else { Some(who) };
                let done = self.tree.set_owner(&at, owner.map(id).as_ref()).is_ok();
                assert_eq!(done, self.oracle.set_owner(&path, owner));
            }
            21 => {
                let (allowed, denied) = (choices.set(&TYPES[1..]), choices.set(&TYPES[1..]));
                let mut rules = TypeRules::new();
                self.oracle.allowed_types.remove(who);
                self.oracle.denied_types.retain(|(other, _)| *other != who);
                // Hardly ever, or nobody could do anything.
                if choices.octet().is_multiple_of(3) {
                    rules = allowed.iter().fold(rules, |rules, mo| rules.allow(mo).unwrap());
                    rules = denied.iter().fold(rules, |rules, mo| rules.deny(mo).unwrap());
                    self.oracle.denied_types.extend(denied.into_iter().map(|mo| (who, mo)));
                    if !allowed.is_empty() {
                        self.oracle.allowed_types.insert(who, allowed);
                    }
                }
                self.tree.set_type_rules(&server, rules);
            }
            22 => {
                let now = self.oracle.now + i64::from(choices.octet() % 4);
                self.tree.set_wall_clock(time(now));
                self.oracle.set_time(now);
            }
            23 | 24 => {
                let name = choices.pick(&["mail", "store"]);
                let command = choices.pick(&["Get", "Replace", "Add", "Delete"]);
                let value = choices.octet();
                let data = value.to_string();
                let application = ApplicationId::new(name).unwrap();
                let mut acting = self.applications.act(&mut self.tree, &application, handlers).unwrap();
                // Without its parent an Add would make that too.
                if command == "Add" && !self.oracle.nodes.contains_key(&path[..path.len() - 1]) {
                    return;
                }
                let done = status(match command {
                    "Get" => acting.get(&at).map(|_| ()),
                    "Replace" => acting.replace(&at, &Content::new(data.as_bytes())),
                    "Add" => acting.add(&at, &Content::new(data.as_bytes())),
                    _ => acting.delete(&at),
                });
                let answer = self.oracle.application(name, command, &path, TYPES[1], value);
                self.agree(command, name, &path, answer, done);
            }
            _ => {
                if choices.octet().is_multiple_of(8) {
                    self.tree.remove_authority(&server);
                    self.oracle.remove_authority(who);
                }
            }
        }
    }

    fn delegate(&mut self, who: Id, path: Path, choices: &mut Choices<'_>) {
        let to = choices.authority();
        let flags = choices.octet();
        let scope =
            if flags & 7 == 0 { oracle::Scope::Type(TYPES[1]) } else { oracle::Scope::Path(path.clone()) };
        let held: Vec<u64> =
            self.oracle.delegations.iter().filter(|one| one.to == who).map(|one| one.number).collect();
        let is_sub = flags & 8 == 8 && !held.is_empty();
        let kind = match flags >> 4 & 3 {
            0 => Kind::Full,
            _ if is_sub => Kind::Sub,
            1 => Kind::Sub,
            _ => Kind::Shared,
        };
        let one = Delegation {
            number: self.next,
            from: who,
            to,
            parent: is_sub.then(|| choices.pick(&held)),
            kind,
            scope,
            commands: choices.commands(),
            end: (flags >> 6 == 3).then(|| self.oracle.now + i64::from(choices.octet() % 6) - 1),
            depth: choices.octet() % 4,
            prohibited: if choices.octet().is_multiple_of(4) {
                choices.set(&AUTHORITIES)
            } else {
                BTreeSet::new()
            },
            priority: choices.octet() % 3,
            root: who,
        };
        let terms = terms(&one);
        let described = format!("{one:?}");
        let (done, expected) = match one.parent {
            None => (self.tree.delegate(&id(who), &id(to), terms), self.oracle.delegate(one)),
            Some(parent) => {
                let held = self.number(parent).expect("the oracle has it");
                (self.tree.sub_delegate(&id(who), held, &id(to), terms), self.oracle.sub_delegate(one))
            }
        };
        assert_eq!(done.is_ok(), expected, "{described}: {done:?}\n{:#?}", self.oracle);
        self.next += u64::from(expected);
    }

    /// Every list shows what a Get of each would, and a document no more.
    fn list(&mut self, who: Id, path: &[&'static str]) {
        let server = id(who);
        let handlers = &mut ();
        let mut acting = self.tree.act_for(&server, handlers);
        let mut seen = BTreeSet::new();
        if let Ok(mut walk) = acting.walk(&uri(path), None) {
            while let Ok(Some(visit)) = walk.next() {
                seen.insert(visit.uri().to_string());
            }
        }
        let readable = |other: &&Path| {
            let is_below = other.len() >= path.len() && other[..path.len()] == *path;
            // A subtree whose top may not be read is left out as a whole.
            is_below
                && (path.len()..=other.len())
                    .all(|len| self.oracle.read(who, &other[..len]) == Answer::Allowed)
        };
        let expected: BTreeSet<String> =
            self.oracle.nodes.keys().filter(readable).map(|path| uri(path)).collect();
        assert_eq!(seen, expected);
    }

    /// The tree holds what the oracle holds, and may be read and heard of as the oracle says.
    fn check(&self) {
        let found = self.tree.root().walk().count();
        assert_eq!(found, self.oracle.nodes.len());
        for (path, node) in &self.oracle.nodes {
            let text = uri(path);
            let at = self.tree.node(&text).unwrap_or_else(|| panic!("{text} is missing"));
            assert_eq!(
                at.value().and_then(|value| value.as_str()),
                node.value.map(|value| value.to_string()).as_deref()
            );
            assert_eq!(at.mo_id(), node.mo);
            assert_eq!(*at.acl(), Acl::parse(&acl_text(&node.acl)).unwrap(), "{text}");
        }
        let numbers: Vec<u64> = self.tree.delegations().map(|one| one.id.get()).collect();
        let mut expected: Vec<u64> = self.oracle.delegations.iter().map(|one| one.number).collect();
        expected.sort_unstable();
        assert_eq!(numbers, expected);
    }

    fn check_rights(&self) {
        for who in AUTHORITIES {
            let server = id(who);
            for path in self.oracle.nodes.keys() {
                let text = uri(path);
                let at = NodeUri::parse(&text).unwrap();
                for command in COMMANDS {
                    let right = Rights::from_name(command).unwrap();
                    let why = self.tree.explain(&server, right, &at);
                    let expected = self.oracle.may(who, command, path);
                    assert_eq!(
                        why.is_allowed(),
                        expected,
                        "{command} of {text} by {who}: {why}\n{:#?}",
                        self.oracle
                    );
                    assert_eq!(self.tree.may(&server, right, &at), expected);
                }
                assert_eq!(self.tree.may_hear(&server, &at), self.oracle.may(who, "Get", path));
            }
        }
    }
}

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let mut tree = Tree::new(TreeLimits::default());
    tree.begin_ledger();
    tree.set_wall_clock(time(BEGIN));
    let mut oracle = Oracle::new();
    oracle.now = BEGIN;
    let first = tree.snapshot().unwrap();
    tree.set_journaling(true);
    let mut both = Both { applications: applications(&tree), tree, oracle, next: 0 };
    let mut records = Vec::new();
    let mut steps = 0;
    while !choices.0.is_empty() && steps < 400 {
        both.step(&mut choices);
        both.check();
        records.extend(both.tree.take_record());
        steps += 1;
    }
    both.check_rights();
    // From the records, and from a snapshot, the same comes back.
    let mut replayed = Tree::restore(&first, TreeLimits::default()).unwrap();
    for record in &records {
        replayed.replay(record).unwrap();
    }
    let snapshot = both.tree.snapshot().unwrap();
    assert_eq!(replayed.snapshot().unwrap(), snapshot);
    let mut restored = Tree::restore(&snapshot, TreeLimits::default()).unwrap();
    assert_eq!(restored.snapshot().unwrap(), snapshot);
    restored.set_wall_clock(time(both.oracle.now));
    both.tree = restored;
    both.check_rights();
}
