//! Subtrees that handlers serve: their keys, and the ACLs kept for nodes that are not stored.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::acl::Acl;
use crate::node::NodeId;
use crate::uri::escape;

/// The key of a mount: which handler serves a subtree. Never used twice by one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MountId(pub(crate) u32);

/// A node at or below a mount point.
#[derive(Clone, Debug)]
pub(crate) struct Mounted<'u> {
    pub(crate) id: MountId,
    /// The mount point.
    pub(crate) node: NodeId,
    /// Names below the mount point; none for the mount point itself.
    pub(crate) path: Vec<Cow<'u, str>>,
}

impl Mounted<'_> {
    pub(crate) fn names(&self) -> Vec<&str> {
        self.path.iter().map(|name| &**name).collect()
    }
}

/// What the tree keeps of a mount. The mount point's own ACL is in its node.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    pub(crate) node: NodeId,
    /// Own ACLs by address below the mount point, in one normal spelling; none is empty.
    acls: BTreeMap<String, Acl>,
}

impl Mount {
    pub(crate) const fn new(node: NodeId) -> Self {
        Self { node, acls: BTreeMap::new() }
    }

    /// The node's own ACL.
    pub(crate) fn own<S: AsRef<str>>(&self, path: &[S]) -> Option<&Acl> {
        if self.acls.is_empty() { None } else { self.acls.get(&key(path)) }
    }

    /// The ACL of the nearest node at or above `path` and below the mount point that has one: one lookup per
    /// level, however many nodes the handler serves.
    pub(crate) fn nearest<S: AsRef<str>>(&self, path: &[S]) -> Option<&Acl> {
        if self.acls.is_empty() {
            return None;
        }
        let mut key = key(path);
        loop {
            if let Some(acl) = self.acls.get(&key) {
                return Some(acl);
            }
            key.truncate(key.rfind('/')?);
        }
    }

    /// Sets a node's own ACL and returns the former one.
    pub(crate) fn set<S: AsRef<str>>(&mut self, path: &[S], acl: Acl) -> Option<Acl> {
        if acl.is_empty() { self.acls.remove(&key(path)) } else { self.acls.insert(key(path), acl) }
    }

    /// Drops the ACLs at and below `path`; says how many, and how long their texts were.
    pub(crate) fn forget<S: AsRef<str>>(&mut self, path: &[S]) -> (usize, usize) {
        let top = key(path);
        let mut gone = Vec::new();
        let mut below = top.clone();
        below.push('/');
        let children = self.acls.range(below.clone()..).take_while(|(key, _)| key.starts_with(&below));
        for (key, acl) in self.acls.get_key_value(&top).into_iter().chain(children) {
            gone.push((key.clone(), acl.text_len() + key.len()));
        }
        for (key, _) in &gone {
            self.acls.remove(key);
        }
        (gone.len(), gone.iter().map(|(_, len)| len).sum())
    }

    /// What all of it counts: entries and bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.acls.len(), self.acls.iter().map(|(key, acl)| key.len() + acl.text_len()).sum())
    }

    /// Changes every ACL kept here; those that end empty are dropped.
    pub(crate) fn update_all(&mut self, mut change: impl FnMut(&mut Acl)) {
        self.acls.retain(|_, acl| {
            change(acl);
            !acl.is_empty()
        });
    }

    /// Every address below the mount point that has an ACL, with it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Acl)> {
        self.acls.iter().map(|(key, acl)| (key.as_str(), acl))
    }
}

/// One spelling per address: escaped names, so that a slash in a name does not separate.
pub(crate) fn key<S: AsRef<str>>(path: &[S]) -> String {
    let mut key = String::new();
    for (i, name) in path.iter().enumerate() {
        if i > 0 {
            key.push('/');
        }
        key.push_str(&escape(name.as_ref()));
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_entry_decides() {
        let acl = |text| Acl::parse(text).unwrap();
        let mut mount = Mount::new(NodeId(0));
        mount.set(&["a"], acl("Get=x"));
        mount.set(&["a", "b"], acl("Get=y"));
        mount.set(&["a-"], acl("Get=z"));
        mount.set(&["a/b"], acl("Get=w"));
        assert_eq!(mount.nearest(&["a", "b", "c"]), Some(&acl("Get=y")));
        assert_eq!(mount.nearest(&["a", "c"]), Some(&acl("Get=x")));
        assert_eq!(mount.nearest(&["a/b"]), Some(&acl("Get=w")));
        assert_eq!(mount.nearest(&["b"]), None);
        assert_eq!(mount.nearest::<&str>(&[]), None);
        assert_eq!(mount.forget(&["a"]).0, 2);
        assert_eq!(mount.size().0, 2);
    }
}
