//! Subtrees that handlers serve: their keys, and the ACLs kept for nodes that are not stored.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::acl::Acl;
use crate::store::NodeId;
use crate::uri::escape;

/// The key of a mount: which handler serves a subtree. Never used twice by one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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

    /// Sets the ACL at an address and returns the former one; an empty one is none.
    pub(crate) fn set_at(&mut self, path: String, acl: Acl) -> Option<Acl> {
        if acl.is_empty() { self.acls.remove(&path) } else { self.acls.insert(path, acl) }
    }

    /// The addresses at and below `path` that have an ACL here; all of them for the mount point.
    pub(crate) fn paths_below<S: AsRef<str>>(&self, path: &[S]) -> Vec<String> {
        if self.acls.is_empty() {
            return Vec::new();
        }
        if path.is_empty() {
            return self.acls.keys().cloned().collect();
        }
        let top = key(path);
        let mut below = top.clone();
        below.push('/');
        let own = self.acls.get_key_value(&top).map(|(key, _)| key);
        let others = self.acls.range(below.clone()..).map(|(key, _)| key);
        own.into_iter().chain(others.take_while(|key| key.starts_with(&below))).cloned().collect()
    }

    /// What all of it counts: entries and bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.acls.len(), self.acls.iter().map(|(key, acl)| key.len() + acl.text_len()).sum())
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
        for (path, text) in
            [(&["a"][..], "Get=x"), (&["a", "b"], "Get=y"), (&["a-"], "Get=z"), (&["a/b"], "Get=w")]
        {
            mount.set_at(key(path), acl(text));
        }
        assert_eq!(mount.nearest(&["a", "b", "c"]), Some(&acl("Get=y")));
        assert_eq!(mount.nearest(&["a", "c"]), Some(&acl("Get=x")));
        assert_eq!(mount.nearest(&["a/b"]), Some(&acl("Get=w")));
        assert_eq!(mount.nearest(&["b"]), None);
        assert_eq!(mount.nearest::<&str>(&[]), None);
        assert_eq!(mount.paths_below(&["a"]), ["a", "a/b"]);
        assert_eq!(mount.paths_below::<&str>(&[]).len(), 4);
        mount.set_at(key(&["a"]), Acl::EMPTY);
        assert_eq!(mount.size().0, 3);
    }
}
