//! What the rules say, as plainly as they can be written: tables of everything, searched from end to end.
//!
//! From the requirements DM-HLF-009 to 014 and 020 to 026 and the reading of them in `docs/decisions/0014`, and from
//! TND 1.2.1 §7.7.1 for the ACLs. Nothing here is taken from the crate but its names for commands.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Path = Vec<&'static str>;
pub(crate) type Id = &'static str;
/// Which identifiers have which command; `*` is everyone.
pub(crate) type Acl = BTreeMap<&'static str, BTreeSet<Id>>;

pub(crate) const COMMANDS: [&str; 5] = ["Add", "Delete", "Exec", "Get", "Replace"];

#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// `None` for an interior node.
    pub(crate) value: Option<u8>,
    /// Empty when it is no object.
    pub(crate) mo: &'static str,
    pub(crate) acl: Acl,
    /// Whether an owner was entered here, and who that is; nobody once that one is gone.
    pub(crate) owner: Option<Option<Id>>,
    /// Who wrote the value last with a priority above none.
    pub(crate) writer: Option<Id>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Full,
    Shared,
    Sub,
}

#[derive(Clone, Debug)]
pub(crate) enum Scope {
    Path(Path),
    Type(&'static str),
}

#[derive(Clone, Debug)]
pub(crate) struct Delegation {
    pub(crate) number: u64,
    pub(crate) from: Id,
    pub(crate) to: Id,
    pub(crate) parent: Option<u64>,
    pub(crate) kind: Kind,
    pub(crate) scope: Scope,
    pub(crate) commands: BTreeSet<&'static str>,
    pub(crate) end: Option<i64>,
    pub(crate) depth: u8,
    pub(crate) prohibited: BTreeSet<Id>,
    pub(crate) priority: u8,
    /// Whose objects it is about.
    pub(crate) root: Id,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Allowed,
    /// 425.
    Denied,
    /// 425, and nothing else that would tell whether there is anything.
    Concealed,
    /// 403: a higher priority holds.
    Outranked,
    /// Not possible, whoever asks: any failure will do.
    Impossible,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) nodes: BTreeMap<Path, Node>,
    pub(crate) delegations: Vec<Delegation>,
    pub(crate) denied_types: BTreeSet<(Id, &'static str)>,
    pub(crate) allowed_types: BTreeMap<Id, BTreeSet<&'static str>>,
    pub(crate) now: i64,
}

fn is_below(path: &[&str], top: &[&str]) -> bool {
    path.len() >= top.len() && path[..top.len()] == *top
}

impl Oracle {
    pub(crate) fn new() -> Self {
        let mut oracle = Self::default();
        let mut root = Node::default();
        for command in ["Add", "Get"] {
            root.acl.insert(command, BTreeSet::from(["*"]));
        }
        oracle.nodes.insert(Vec::new(), root);
        oracle
    }

    /// The node at or above, nearest first, of which `is_it` is true.
    fn nearest(&self, path: &[&'static str], is_it: impl Fn(&Node) -> bool) -> Option<Path> {
        (0..=path.len())
            .rev()
            .map(|len| path[..len].to_vec())
            .find(|path| self.nodes.get(path).is_some_and(&is_it))
    }

    /// Where the owner of a node was entered.
    fn anchor(&self, path: &[&'static str]) -> Option<Path> {
        self.nearest(path, |node| node.owner.is_some())
    }

    fn owner(&self, path: &[&'static str]) -> Option<Id> {
        self.nodes[&self.anchor(path)?].owner.flatten()
    }

    /// HLF-009, HLF-020: a type that is denied, or is not among those allowed, at any depth.
    fn bad_type(&self, who: Id, mo: &'static str) -> bool {
        let not_allowed = self.allowed_types.get(who).is_some_and(|types| !types.contains(mo));
        !mo.is_empty() && (self.denied_types.contains(&(who, mo)) || not_allowed)
    }

    fn in_bad_type(&self, who: Id, path: &[&'static str]) -> bool {
        (0..=path.len()).any(|len| {
            let node = self.nodes.get(&path[..len]);
            node.is_some_and(|node| self.bad_type(who, node.mo))
        })
    }

    fn get(&self, number: u64) -> Option<&Delegation> {
        self.delegations.iter().find(|one| one.number == number)
    }

    fn reaches(&self, one: &Delegation, path: &[&'static str]) -> bool {
        let Some(anchor) = self.anchor(path) else { return false };
        if self.owner(path) != Some(one.root) {
            return false;
        }
        match &one.scope {
            Scope::Path(top) => is_below(path, top) && is_below(top, &anchor),
            Scope::Type(mo) => (anchor.len()..=path.len())
                .any(|len| self.nodes.get(&path[..len]).is_some_and(|node| node.mo == *mo)),
        }
    }

    /// The nearest full delegation in the chain above.
    fn under(&self, one: &Delegation) -> Option<u64> {
        let parent = self.get(one.parent?)?;
        if parent.kind == Kind::Full { Some(parent.number) } else { self.under(parent) }
    }

    /// HLF-023: who has it in hand, through each full delegation in turn.
    fn in_hand(&self, path: &[&'static str]) -> Option<u64> {
        let mut over = None;
        loop {
            let next = self
                .delegations
                .iter()
                .filter(|one| one.kind == Kind::Full && self.reaches(one, path) && self.under(one) == over);
            match next.map(|one| one.number).min() {
                Some(number) => over = Some(number),
                None => return over,
            }
        }
    }

    /// The delegations of `who` that count at a node.
    fn held(&self, who: Id, path: &[&'static str]) -> Vec<&Delegation> {
        let over = self.in_hand(path);
        let counts = |one: &&Delegation| {
            let through =
                if one.kind == Kind::Full { over == Some(one.number) } else { self.under(one) == over };
            one.to == who && self.reaches(one, path) && through
        };
        self.delegations.iter().filter(counts).collect()
    }

    fn is_owner(&self, who: Id, path: &[&'static str]) -> bool {
        self.in_hand(path).is_none() && self.owner(path) == Some(who)
    }

    /// HLF-025: neither the node nor whether it exists.
    pub(crate) fn concealed(&self, who: Id, path: &[&'static str]) -> bool {
        let by_full = self.in_hand(path).is_some() && self.held(who, path).is_empty();
        self.in_bad_type(who, path) || by_full
    }

    fn acl_of(&self, path: &[&'static str]) -> Option<Path> {
        self.nearest(path, |node| !node.acl.is_empty())
    }

    fn acl_grants(&self, who: Id, command: &str, path: &[&'static str]) -> bool {
        let Some(at) = self.acl_of(path) else { return false };
        // What is granted above an object that is somebody's does not reach into it.
        if self.anchor(path).is_some_and(|anchor| !is_below(&at, &anchor)) {
            return false;
        }
        let ids = self.nodes[&at].acl.get(command);
        ids.is_some_and(|ids| ids.contains(who) || ids.contains("*"))
    }

    pub(crate) fn by_acl_only(&self, who: Id, command: &str, path: &[&'static str]) -> bool {
        let held = self.held(who, path).iter().any(|one| one.commands.contains(command));
        !self.is_owner(who, path) && !held && self.may(who, command, path)
    }

    fn by_delegation(&self, who: Id, command: &str, path: &[&'static str]) -> bool {
        !self.is_owner(who, path) && self.held(who, path).iter().any(|one| one.commands.contains(command))
    }

    pub(crate) fn may(&self, who: Id, command: &str, path: &[&'static str]) -> bool {
        if self.in_bad_type(who, path) {
            return false;
        }
        if self.is_owner(who, path) {
            return true;
        }
        if self.held(who, path).iter().any(|one| one.commands.contains(command)) {
            return true;
        }
        self.in_hand(path).is_none() && self.acl_grants(who, command, path)
    }

    fn priority(&self, who: Id, path: &[&'static str]) -> u8 {
        if self.in_bad_type(who, path) || self.is_owner(who, path) {
            return 0;
        }
        let held = self.held(who, path);
        let granting = held.iter().filter(|one| one.commands.contains("Replace"));
        granting.map(|one| one.priority).max().unwrap_or(0)
    }

    /// HLF-014: a value of another authority holds against a lower priority.
    fn outranked(&self, who: Id, path: &[&'static str]) -> bool {
        let writer = self.nodes.get(path).and_then(|node| node.writer);
        writer.is_some_and(|writer| writer != who && self.priority(writer, path) > self.priority(who, path))
    }

    fn judged(&self, who: Id, command: &str, path: &[&'static str]) -> Answer {
        if self.concealed(who, path) {
            Answer::Concealed
        } else if !self.nodes.contains_key(path) {
            Answer::Impossible
        } else if self.may(who, command, path) {
            Answer::Allowed
        } else {
            Answer::Denied
        }
    }

    pub(crate) fn read(&self, who: Id, path: &[&'static str]) -> Answer {
        self.judged(who, "Get", path)
    }

    /// The names of children that may be told.
    pub(crate) fn names(&self, who: Id, path: &[&'static str]) -> BTreeSet<&'static str> {
        let children =
            self.nodes.keys().filter(|other| other.len() == path.len() + 1 && is_below(other, path));
        children
            .filter(|child| !self.concealed(who, child))
            .filter_map(|child| child.last().copied())
            .collect()
    }

    pub(crate) fn replace(&mut self, who: Id, path: &[&'static str], value: u8) -> Answer {
        let answer = self.judged(who, "Replace", path);
        if answer != Answer::Allowed {
            return answer;
        }
        if self.nodes[path].value.is_none() {
            return Answer::Impossible;
        }
        if self.outranked(who, path) {
            return Answer::Outranked;
        }
        let writer = (self.priority(who, path) > 0).then_some(who);
        let node = self.nodes.get_mut(path).unwrap();
        (node.value, node.writer) = (Some(value), writer);
        Answer::Allowed
    }

    /// The parent exists. A leaf has a value, an interior node may be an object.
    pub(crate) fn add(
        &mut self,
        who: Id,
        path: &[&'static str],
        value: Option<u8>,
        mo: &'static str,
    ) -> Answer {
        let parent = path[..path.len() - 1].to_vec();
        if self.concealed(who, path) {
            return Answer::Concealed;
        }
        if self.nodes.contains_key(path) || self.nodes[&parent].value.is_some() {
            return Answer::Impossible;
        }
        if !self.may(who, "Add", &parent) || self.bad_type(who, mo) {
            return Answer::Denied;
        }
        let mut node = Node { value, mo, ..Node::default() };
        if value.is_none() && self.by_acl_only(who, "Add", &parent) {
            // TND 1.2.1 §7.7.1, new nodes; HLF-011: an object is its creator's alone.
            let of_parent = self.nodes[&self.acl_of(&parent).unwrap()].acl.clone();
            let has_replace =
                of_parent.get("Replace").is_some_and(|ids| ids.contains(who) || ids.contains("*"));
            if !mo.is_empty() {
                node.owner = Some(Some(who));
            }
            if !has_replace && !mo.is_empty() {
                node.acl = COMMANDS.into_iter().map(|command| (command, BTreeSet::from([who]))).collect();
            } else if !has_replace {
                node.acl = of_parent;
                for command in ["Add", "Delete", "Replace"] {
                    let ids = node.acl.entry(command).or_default();
                    if !ids.contains("*") {
                        ids.insert(who);
                    }
                }
            }
        }
        self.nodes.insert(path.to_vec(), node);
        Answer::Allowed
    }

    pub(crate) fn delete(&mut self, who: Id, path: &[&'static str]) -> Answer {
        let answer = self.judged(who, "Delete", path);
        if answer != Answer::Allowed {
            return answer;
        }
        for (below, node) in self.nodes.iter().filter(|(below, _)| is_below(below, path)) {
            let delegated =
                self.delegations.iter().any(|one| matches!(&one.scope, Scope::Path(top) if top == below));
            let others = node.owner.is_some() && !self.may(who, "Delete", below);
            if self.concealed(who, below) || others || (delegated && !self.is_owner(who, below)) {
                return Answer::Denied;
            }
        }
        if self.nodes.keys().any(|below| is_below(below, path) && self.outranked(who, below)) {
            return Answer::Outranked;
        }
        self.remove(path);
        Answer::Allowed
    }

    fn remove(&mut self, path: &[&'static str]) {
        self.nodes.retain(|below, _| !is_below(below, path));
        let about = |one: &Delegation| matches!(&one.scope, Scope::Path(top) if is_below(top, path));
        let gone: Vec<u64> = self.delegations.iter().filter(|one| about(one)).map(|one| one.number).collect();
        gone.into_iter().for_each(|number| self.end(number));
    }

    /// TND 1.2.1 §7.7.1.3, and that a right on a parent does not reach over from one authority to another.
    pub(crate) fn replace_acl(&mut self, who: Id, path: &[&'static str], acl: &Acl) -> Answer {
        if self.concealed(who, path) {
            return Answer::Concealed;
        }
        let Some(node) = self.nodes.get(path) else { return Answer::Impossible };
        let is_leaf = node.value.is_some();
        let parent = &path[..path.len() - 1];
        let like_parent = node.owner.is_none() && self.in_hand(path) == self.in_hand(parent);
        let at = if like_parent && self.may(who, "Replace", parent) {
            parent
        } else if !is_leaf && self.may(who, "Replace", path) {
            path
        } else {
            return Answer::Denied;
        };
        // Through a delegation nothing may be given away that the chain does not know of.
        if self.by_delegation(who, "Replace", at) {
            let now = &self.nodes[&self.acl_of(path).unwrap()].acl;
            let then = if acl.is_empty() { &self.nodes[&self.acl_of(parent).unwrap()].acl } else { acl };
            let wider = |(command, ids): (&&'static str, &BTreeSet<Id>)| {
                let had = now.get(command).cloned().unwrap_or_default();
                !had.contains("*") && ids.iter().any(|id| !had.contains(id))
            };
            if then.iter().any(wider) {
                return Answer::Denied;
            }
        }
        self.nodes.get_mut(path).unwrap().acl = acl.clone();
        Answer::Allowed
    }

    /// What an application of the device was granted: `mail` reads and writes the objects of one type, `store` does
    /// everything below one node. Neither an ACL nor a delegation says anything about it.
    fn application_may(&self, application: &str, command: &str, path: &[&'static str], mo: &str) -> bool {
        match application {
            "mail" => {
                let within = |len: usize| self.nodes.get(&path[..len]).is_some_and(|node| node.mo == mo);
                ["Get", "Replace"].contains(&command) && (0..=path.len()).any(within)
            }
            _ => path.first() == Some(&"b") && command != "Exec",
        }
    }

    /// A command of an application: `value` is for Replace and for Add of a leaf.
    pub(crate) fn application(
        &mut self,
        application: &str,
        command: &str,
        path: &[&'static str],
        mo: &str,
        value: u8,
    ) -> Answer {
        let may = |command| self.application_may(application, command, path, mo);
        if !COMMANDS.into_iter().any(may) {
            return Answer::Concealed;
        }
        if command == "Add" {
            let parent = &path[..path.len() - 1];
            let vacant = self.nodes.get(parent).is_some_and(|node| node.value.is_none());
            if self.nodes.contains_key(path) || !vacant {
                return Answer::Impossible;
            }
            if !self.application_may(application, command, parent, mo) {
                return Answer::Denied;
            }
            self.nodes.insert(path.to_vec(), Node { value: Some(value), ..Node::default() });
            return Answer::Allowed;
        }
        let Some(node) = self.nodes.get(path) else { return Answer::Impossible };
        if !may(command) {
            return Answer::Denied;
        }
        match command {
            "Replace" if node.value.is_none() => return Answer::Impossible,
            "Replace" => {
                let node = self.nodes.get_mut(path).unwrap();
                (node.value, node.writer) = (Some(value), None);
            }
            "Delete" => self.remove(path),
            _ => {}
        }
        Answer::Allowed
    }

    /// HLF-013: only the owner who has it in hand.
    pub(crate) fn delegate(&mut self, one: Delegation) -> bool {
        let sensible = one.from != one.to
            && !one.commands.is_empty()
            && !one.prohibited.contains(one.to)
            && one.end.is_none_or(|end| end >= self.now);
        let its_own = match &one.scope {
            Scope::Path(path) => self.nodes.contains_key(path) && self.is_owner(one.from, path),
            Scope::Type(_) => true,
        };
        let good = sensible && its_own && one.kind != Kind::Sub && one.parent.is_none();
        if good {
            self.delegations.push(one);
        }
        good
    }

    /// HLF-024, HLF-026.
    pub(crate) fn sub_delegate(&mut self, mut one: Delegation) -> bool {
        let Some(above) = one.parent.and_then(|parent| self.get(parent)).cloned() else { return false };
        let sensible = one.from != one.to
            && !one.commands.is_empty()
            && !one.prohibited.contains(one.to)
            && one.end.is_none_or(|end| end >= self.now);
        let kind = one.kind == Kind::Sub || (one.kind == Kind::Full && above.kind == Kind::Full);
        let within = match (&one.scope, &above.scope) {
            (Scope::Type(mo), Scope::Type(above)) => mo == above,
            (Scope::Type(_), Scope::Path(_)) => false,
            (Scope::Path(path), _) => {
                self.nodes.contains_key(path)
                    && self.held(one.from, path).iter().any(|held| held.number == above.number)
            }
        };
        let good = sensible
            && kind
            && within
            && above.to == one.from
            && one.depth < above.depth
            && one.commands.is_subset(&above.commands)
            && !above.prohibited.contains(one.to)
            && one.priority <= above.priority;
        if good {
            one.root = above.root;
            one.prohibited.extend(above.prohibited);
            one.end = match (one.end, above.end) {
                (Some(own), Some(above)) => Some(own.min(above)),
                (own, above) => own.or(above),
            };
            self.delegations.push(one);
        }
        good
    }

    /// Everything derived from it goes too.
    pub(crate) fn end(&mut self, number: u64) {
        self.delegations.retain(|one| one.number != number);
        let derived: Vec<u64> =
            self.delegations.iter().filter(|one| one.parent == Some(number)).map(|one| one.number).collect();
        derived.into_iter().for_each(|number| self.end(number));
    }

    pub(crate) fn revoke(&mut self, who: Id, number: u64) -> bool {
        let Some(one) = self.get(number) else { return false };
        let mut may = one.to == who;
        let mut at = Some(one.clone());
        while let Some(one) = at {
            if one.kind == Kind::Full {
                break;
            }
            may |= one.from == who;
            at = one.parent.and_then(|parent| self.get(parent)).cloned();
        }
        if may {
            self.end(number);
        }
        may
    }

    pub(crate) fn set_owner(&mut self, path: &[&'static str], owner: Option<Id>) -> bool {
        let Some(node) = self.nodes.get_mut(path) else { return false };
        node.owner = owner.map(Some);
        self.end_strays();
        true
    }

    /// What somebody else had delegated of a place ends.
    fn end_strays(&mut self) {
        let stray = |one: &&Delegation| match &one.scope {
            Scope::Path(path) => self.owner(path) != Some(one.root),
            Scope::Type(_) => false,
        };
        let gone: Vec<u64> = self.delegations.iter().filter(stray).map(|one| one.number).collect();
        gone.into_iter().for_each(|number| self.end(number));
    }

    pub(crate) fn set_time(&mut self, now: i64) {
        self.now = now;
        let over: Vec<u64> = self
            .delegations
            .iter()
            .filter(|one| one.end.is_some_and(|end| end < now))
            .map(|one| one.number)
            .collect();
        over.into_iter().for_each(|number| self.end(number));
    }

    /// HLF-012: out of every ACL (TND 1.2.1 §7.7.1), out of every chain; what it had given away in full stays with who
    /// has it.
    pub(crate) fn remove_authority(&mut self, who: Id) {
        for (path, node) in &mut self.nodes {
            let before = node.acl.clone();
            node.acl.values_mut().for_each(|ids| _ = ids.remove(who));
            node.acl.retain(|_, ids| !ids.is_empty());
            if path.is_empty() {
                for command in ["Add", "Get"] {
                    if before.contains_key(command) {
                        node.acl.entry(command).or_insert_with(|| BTreeSet::from(["*"]));
                    }
                }
            }
            if node.writer == Some(who) {
                node.writer = None;
            }
        }
        let given: Vec<Delegation> = self
            .delegations
            .iter()
            .filter(|one| one.kind == Kind::Full && one.parent.is_none() && one.root == who)
            .cloned()
            .collect();
        let mut heirs = Vec::new();
        for one in &given {
            let tops: Vec<Path> = match &one.scope {
                Scope::Path(path) => vec![path.clone()],
                Scope::Type(mo) => {
                    let of = |(_, node): &(&Path, &Node)| node.mo == *mo;
                    self.nodes.iter().filter(of).map(|(path, _)| path.clone()).collect()
                }
            };
            for top in tops {
                let mut over = self.in_hand(&top);
                while let Some(number) = over {
                    if number == one.number {
                        heirs.push((top.clone(), one.to));
                    }
                    over = self.get(number).and_then(|one| self.under(one));
                }
            }
        }
        for one in &given {
            self.delegations.retain(|other| other.number != one.number);
            let mut derived = vec![one.number];
            while let Some(number) = derived.pop() {
                for other in &mut self.delegations {
                    if other.parent == Some(number) {
                        other.root = one.to;
                        derived.push(other.number);
                        if number == one.number {
                            other.parent = None;
                        }
                    }
                }
            }
        }
        for (path, heir) in heirs {
            self.nodes.get_mut(&path).unwrap().owner = Some(Some(heir));
        }
        let gone = |one: &&Delegation| one.root == who || one.to == who;
        let gone: Vec<u64> = self.delegations.iter().filter(gone).map(|one| one.number).collect();
        gone.into_iter().for_each(|number| self.end(number));
        for node in self.nodes.values_mut() {
            if node.owner == Some(Some(who)) {
                node.owner = Some(None);
            }
        }
        self.denied_types.retain(|(id, _)| *id != who);
        self.allowed_types.remove(who);
        self.end_strays();
    }
}
