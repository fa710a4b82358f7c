//! Random commands of several servers against the tree and against a naive one: a sorted map of paths, rules spelled out by walking.

extern crate alloc;

use alloc::collections::BTreeMap;

use dm_tree::{AccessType, Acl, Content, NodeSpec, ServerId, Tree, TreeLimits, UriLimits, Value};
use proptest::prelude::*;

type Path = Vec<String>;

#[derive(Clone, Debug, PartialEq)]
struct Node {
    /// `None` for an interior node.
    value: Option<String>,
    /// Pairs of command and server, `*` included; none inherits.
    acl: Vec<(String, String)>,
    permanent: bool,
}

/// The naive tree.
#[derive(Clone, Debug)]
struct Naive {
    nodes: BTreeMap<Path, Node>,
    max_nodes: usize,
}

const MAX_DEPTH: usize = 4;

impl Naive {
    fn effective(&self, path: &[String]) -> &[(String, String)] {
        let own = &self.nodes[path].acl;
        if own.is_empty() && !path.is_empty() { self.effective(&path[..path.len() - 1]) } else { own }
    }

    fn may(&self, server: &str, command: &str, path: &[String]) -> bool {
        self.effective(path).iter().any(|(c, s)| c == command && (s == "*" || s == server))
    }

    fn below(&self, top: &[String]) -> Vec<Path> {
        self.nodes.keys().filter(|path| path.starts_with(top)).cloned().collect()
    }

    fn run(&mut self, server: &str, command: &Command) -> (u16, Option<String>) {
        let path = command.path();
        if path.len() > MAX_DEPTH {
            return (414, None);
        }
        match command {
            Command::Add(_, value) => (self.add(server, path, value.as_deref()), None),
            Command::Copy(from, _) => (self.copy(server, from, path), None),
            _ if !self.nodes.contains_key(path) => (404, None),
            Command::Get(_) => {
                if !self.may(server, "Get", path) {
                    return (425, None);
                }
                (200, Some(self.nodes[path].value.clone().unwrap_or_else(|| self.children(path))))
            }
            Command::GetAcl(_) => {
                if !self.may(server, "Get", path) {
                    return (425, None);
                }
                (200, Some(text(&self.nodes[path].acl)))
            }
            Command::Replace(_, value) => {
                if !self.may(server, "Replace", path) {
                    return (425, None);
                }
                let node = self.nodes.get_mut(path).unwrap();
                if node.value.is_none() {
                    return (405, None);
                }
                node.value = Some(value.clone());
                (200, None)
            }
            Command::ReplaceAcl(_, acl) => (self.replace_acl(server, path, acl), None),
            Command::Rename(_, name) => (self.rename(server, path, name), None),
            Command::Delete(_) => (self.delete(server, path), None),
        }
    }

    fn children(&self, path: &[String]) -> String {
        let names: Vec<&str> = self
            .nodes
            .keys()
            .filter(|key| key.len() == path.len() + 1 && key.starts_with(path))
            .map(|key| key.last().unwrap().as_str())
            .collect();
        names.join("/")
    }

    fn add(&mut self, server: &str, path: &[String], value: Option<&str>) -> u16 {
        if self.nodes.contains_key(path) {
            return 418;
        }
        let depth = (0..path.len()).rev().find(|&depth| self.nodes.contains_key(&path[..depth])).unwrap();
        if self.nodes[&path[..depth]].value.is_some() {
            return 405;
        }
        if !self.may(server, "Add", &path[..depth]) {
            return 425;
        }
        if self.nodes.len() + path.len() - depth > self.max_nodes {
            return 420;
        }
        for len in depth + 1..=path.len() {
            let is_leaf = len == path.len() && value.is_some();
            let parent = &path[..len - 1];
            let mut acl = Vec::new();
            if !is_leaf && !self.may(server, "Replace", parent) {
                acl = self.effective(parent).to_vec();
                acl.extend(["Add", "Delete", "Replace"].map(|c| (c.to_string(), server.to_string())));
            }
            let value = if is_leaf { value.map(String::from) } else { None };
            self.nodes.insert(path[..len].to_vec(), Node { value, acl, permanent: false });
        }
        200
    }

    fn copy(&mut self, server: &str, from: &[String], to: &[String]) -> u16 {
        if from.len() > MAX_DEPTH {
            return 414;
        }
        let Some(source) = self.nodes.get(from) else { return 404 };
        let is_leaf = |path: &[String]| self.nodes.get(path).is_some_and(|node| node.value.is_some());
        if (0..to.len()).any(|len| is_leaf(&to[..len])) || (source.value.is_none() && to.starts_with(from)) {
            return 405;
        }
        if !self.may(server, "Get", from) {
            return 425;
        }
        if let Some(value) = source.value.clone() {
            let Some(target) = self.nodes.get(to) else { return self.add(server, to, Some(&value)) };
            if !self.may(server, "Replace", to) {
                return 425;
            }
            if target.value.is_none() {
                return 405;
            }
            self.nodes.get_mut(to).unwrap().value = Some(value);
            return 200;
        }
        if self.nodes.contains_key(to) {
            return if self.may(server, "Replace", to) { 405 } else { 425 };
        }
        let depth = (0..to.len()).rev().find(|&depth| self.nodes.contains_key(&to[..depth])).unwrap();
        let parts = self.below(from);
        if !self.may(server, "Add", &to[..depth]) || !parts.iter().all(|path| self.may(server, "Get", path)) {
            return 425;
        }
        if parts.iter().any(|path| path.len() - from.len() + to.len() > MAX_DEPTH) {
            return 414;
        }
        if self.nodes.len() + to.len() - depth + parts.len() - 1 > self.max_nodes {
            return 420;
        }
        let values: Vec<_> = parts.iter().map(|path| self.nodes[path].value.clone()).collect();
        assert_eq!(self.add(server, to, None), 200);
        for (path, value) in parts.iter().zip(values) {
            let path: Path = to.iter().chain(&path[from.len()..]).cloned().collect();
            self.nodes.entry(path).or_insert(Node { value, acl: Vec::new(), permanent: false });
        }
        200
    }

    fn replace_acl(&mut self, server: &str, path: &[String], acl: &[(String, String)]) -> u16 {
        let on_node = self.may(server, "Replace", path);
        let on_parent = !path.is_empty() && self.may(server, "Replace", &path[..path.len() - 1]);
        let is_leaf = self.nodes[path].value.is_some();
        if !(on_parent || (on_node && !is_leaf)) {
            return 425;
        }
        if path.is_empty() && !acl.contains(&("Add".into(), "*".into())) {
            return 405;
        }
        self.nodes.get_mut(path).unwrap().acl = acl.to_vec();
        200
    }

    fn rename(&mut self, server: &str, path: &[String], name: &str) -> u16 {
        if path.is_empty() || self.nodes[path].permanent {
            return 405;
        }
        if !self.may(server, "Replace", path) {
            return 425;
        }
        if self.below(path).iter().any(|path| self.nodes[path].permanent) {
            return 405;
        }
        let mut to = path.to_vec();
        *to.last_mut().unwrap() = name.to_string();
        if to == path {
            return 200;
        }
        if self.nodes.contains_key(&to) {
            return 418;
        }
        for from in self.below(path) {
            let node = self.nodes.remove(&from).unwrap();
            let moved = to.iter().chain(&from[path.len()..]).cloned().collect();
            self.nodes.insert(moved, node);
        }
        200
    }

    fn delete(&mut self, server: &str, path: &[String]) -> u16 {
        if path.is_empty() || self.nodes[path].permanent {
            return 405;
        }
        if !self.may(server, "Delete", path) {
            return 425;
        }
        let below = self.below(path);
        if below.iter().any(|path| self.nodes[path].permanent) {
            return 405;
        }
        for path in below {
            self.nodes.remove(&path);
        }
        200
    }
}

#[derive(Clone, Debug)]
enum Command {
    Add(Path, Option<String>),
    Copy(Path, Path),
    Get(Path),
    GetAcl(Path),
    Replace(Path, String),
    ReplaceAcl(Path, Vec<(String, String)>),
    Rename(Path, String),
    Delete(Path),
}

impl Command {
    fn path(&self) -> &[String] {
        match self {
            Self::Add(path, _)
            | Self::Copy(_, path)
            | Self::Get(path)
            | Self::GetAcl(path)
            | Self::Replace(path, _)
            | Self::ReplaceAcl(path, _)
            | Self::Rename(path, _)
            | Self::Delete(path) => path,
        }
    }
}

/// The text of a list in normal form.
fn text(acl: &[(String, String)]) -> String {
    let raw: Vec<String> = acl.iter().map(|(command, server)| format!("{command}={server}")).collect();
    Acl::parse(&raw.join("&")).unwrap().to_string()
}

fn spell(path: &[String]) -> String {
    path.iter().fold(String::from("."), |uri, name| format!("{uri}/{name}"))
}

fn run(tree: &mut Tree, server: &str, command: &Command) -> (u16, Option<String>) {
    let server = ServerId::new(server).unwrap();
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    let uri = spell(command.path());
    let done = match command {
        Command::Add(_, Some(value)) => acting.add(&uri, &Content::new(value.as_bytes())).map(|()| None),
        Command::Add(_, None) => acting.add(&uri, &Content::interior("")).map(|()| None),
        Command::Copy(from, _) => acting.copy(&spell(from), &uri).map(|()| None),
        Command::Get(_) => acting.get(&uri).map(Some),
        Command::GetAcl(_) => acting.get(&format!("{uri}?prop=ACL")).map(Some),
        Command::Replace(_, value) => acting.replace(&uri, &Content::new(value.as_bytes())).map(|()| None),
        Command::ReplaceAcl(_, acl) => {
            let acl: Vec<String> =
                acl.iter().map(|(command, server)| format!("{command}={server}")).collect();
            acting.replace(&format!("{uri}?prop=ACL"), &Content::new(acl.join("&").as_bytes())).map(|()| None)
        }
        Command::Rename(_, name) => {
            acting.replace(&format!("{uri}?prop=Name"), &Content::new(name.as_bytes())).map(|()| None)
        }
        Command::Delete(_) => acting.delete(&uri).map(|()| None),
    };
    let changed = !acting.take_changes().is_empty();
    match done {
        Ok(got) => {
            assert_eq!(changed, got.is_none(), "{command:?}");
            (200, got.map(|got| String::from_utf8(got.into_data()).unwrap()))
        }
        Err(refusal) => {
            assert!(!changed, "{command:?}");
            (refusal.status().get(), None)
        }
    }
}

fn path() -> impl Strategy<Value = Path> {
    proptest::collection::vec("[abc]", 0..=MAX_DEPTH + 1)
}

fn acl() -> impl Strategy<Value = Vec<(String, String)>> {
    // A list that lets most things happen now and then keeps the trees from drying up.
    let entry = ("Add|Delete|Exec|Get|Replace", "[STU*]");
    prop_oneof![
        3 => proptest::collection::vec(entry, 0..6),
        1 => Just(["Add", "Delete", "Get", "Replace"].map(|c| (c.into(), "*".into())).to_vec()),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => (path(), proptest::option::of("[xy]")).prop_map(|(path, value)| Command::Add(path, value)),
        2 => (path(), path()).prop_map(|(from, to)| Command::Copy(from, to)),
        2 => path().prop_map(Command::Get),
        1 => path().prop_map(Command::GetAcl),
        2 => (path(), "[xy]").prop_map(|(path, value)| Command::Replace(path, value)),
        2 => (path(), acl()).prop_map(|(path, acl)| Command::ReplaceAcl(path, acl)),
        2 => (path(), "[abc]").prop_map(|(path, name)| Command::Rename(path, name)),
        1 => path().prop_map(Command::Delete),
    ]
}

/// One command, or several as an Atomic.
#[derive(Clone, Debug)]
enum Step {
    One(Command),
    Atomic(Vec<Command>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => command().prop_map(Step::One),
        1 => proptest::collection::vec(command(), 0..6).prop_map(Step::Atomic),
    ]
}

fn take_step(tree: &mut Tree, naive: &mut Naive, server: &str, step: &Step) -> Result<(), TestCaseError> {
    let members = match step {
        Step::One(command) => {
            let expected = naive.run(server, command);
            prop_assert_eq!(run(tree, server, command), expected, "{} {:?}", server, command);
            return Ok(());
        }
        Step::Atomic(members) => members,
    };
    let (before, naive_before) = (tree.snapshot().unwrap(), naive.clone());
    tree.begin_atomic(&ServerId::new(server).unwrap()).unwrap();
    for command in members {
        let is_get = matches!(command, Command::Get(_) | Command::GetAcl(_));
        let expected = match is_get {
            true if command.path().len() > MAX_DEPTH => (414, None),
            true => (500, None),
            false => naive.run(server, command),
        };
        let done = run(tree, server, command);
        prop_assert_eq!(&done, &expected, "{} {:?}", server, command);
        if done.0 != 200 {
            prop_assert_eq!(tree.roll_back_atomic(&mut ()).get(), 216);
            prop_assert_eq!(tree.snapshot().unwrap(), before);
            *naive = naive_before;
            return Ok(());
        }
    }
    tree.commit_atomic(&mut ());
    Ok(())
}

fn dump(tree: &Tree) -> BTreeMap<String, (Option<String>, String)> {
    tree.root()
        .walk()
        .map(|node| {
            let value = node.value().map(|value| value.as_str().unwrap().to_string());
            (node.uri().to_string(), (value, node.acl().to_string()))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn same_statuses_and_the_same_tree(
        root in acl(),
        permanent in proptest::collection::btree_set(path(), 0..3),
        steps in proptest::collection::vec(("[STU]", step()), 1..60),
        cut in any::<proptest::sample::Index>(),
        max_nodes in prop_oneof![Just(8_usize), Just(1000)],
    ) {
        let mut root: Vec<_> = root;
        root.push(("Add".into(), "*".into()));
        let limits = TreeLimits::default()
            .with_uri(UriLimits::UNLIMITED.with_max_depth(MAX_DEPTH as u16))
            .with_max_nodes(max_nodes);
        let mut tree = Tree::new(limits);
        tree.set_acl(".", Acl::parse(&text(&root)).unwrap()).unwrap();
        let mut naive = Naive { nodes: BTreeMap::new(), max_nodes };
        naive.nodes.insert(Vec::new(), Node { value: None, acl: root, permanent: true });
        for path in permanent {
            let spec = NodeSpec::leaf(Value::chr("p")).permanent().with_access(AccessType::ALL);
            if tree.insert(&spell(&path), spec).is_ok() {
                for len in 1..=path.len() {
                    let value = (len == path.len()).then(|| "p".to_string());
                    let node = Node { value, acl: Vec::new(), permanent: true };
                    naive.nodes.entry(path[..len].to_vec()).or_insert(node);
                }
            }
        }
        // Storage: what was there, and what changed since, up to some step.
        let (begin, mut records) = (tree.snapshot().unwrap(), Vec::new());
        tree.set_journaling(true);
        let cut = cut.index(steps.len());
        let mut at_cut = None;
        for (number, (server, step)) in steps.iter().enumerate() {
            take_step(&mut tree, &mut naive, server, step)?;
            records.extend(tree.take_record());
            if number == cut {
                at_cut = Some((tree.snapshot().unwrap(), records.len()));
            }
        }
        let (snapshot, stored) = at_cut.unwrap();
        let mut restored = Tree::restore(&begin, limits).unwrap();
        for record in &records[..stored] {
            restored.replay(record).unwrap();
        }
        prop_assert_eq!(&restored.snapshot().unwrap(), &snapshot);
        let mut restored = Tree::restore(&snapshot, limits).unwrap();
        for record in &records[stored..] {
            restored.replay(record).unwrap();
        }
        prop_assert_eq!(restored.snapshot().unwrap(), tree.snapshot().unwrap());
        let expected: BTreeMap<_, _> = naive
            .nodes
            .iter()
            .map(|(path, node)| (spell(path), (node.value.clone(), text(&node.acl))))
            .collect();
        prop_assert_eq!(dump(&tree), expected);
        prop_assert_eq!(tree.len(), naive.nodes.len());
    }

    #[test]
    fn any_text_is_survived(
        uri in "\\PC{0,30}|\\./[ab%./]{0,8}(\\?(prop|list)=[A-Za-z+]{0,8})?",
        data in proptest::collection::vec(any::<u8>(), 0..40),
        format in proptest::option::of("node|b64|bin|int|bool|null|xml|[a-z]{0,4}"),
        mime in proptest::option::of("\\PC{0,12}"),
    ) {
        let server = ServerId::new("S").unwrap();
        let mut tree = Tree::default();
        tree.set_acl(".", Acl::anyone(dm_tree::Rights::ALL)).unwrap();
        tree.insert("./a/b", NodeSpec::leaf(Value::bin(*b"v"))).unwrap();
        let mut content = Content::new(&data);
        if let Some(format) = &format {
            content = content.with_format(format);
        }
        if let Some(mime) = &mime {
            content = content.with_type(mime);
        }
        let handlers = &mut ();
        let mut acting = tree.act_for(&server, handlers);
        let _ = acting.get(&uri);
        let _ = acting.add(&uri, &content);
        let _ = acting.replace(&uri, &content);
        let _ = acting.exec(&uri, &data);
        let _ = acting.replace("./a/b?prop=ACL", &content);
        let _ = acting.replace("./a/b?prop=Title", &content);
        let _ = acting.replace("./a/b?prop=Name", &content);
        let _ = acting.delete(&uri);
        for node in tree.root().walk() {
            prop_assert!(tree.node(node.uri().as_str()).is_some());
        }
    }
}
