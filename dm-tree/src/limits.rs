//! How much a tree may hold.

use crate::authority::LedgerLimits;
use crate::mgmt_tree::DocumentOptions;
use crate::uri::{UriLeniency, UriLimits};

/// What bounds the growth that servers can cause.
///
/// Local set-up through the methods of [`Tree`](crate::Tree) is held to the same limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeLimits {
    /// How long addresses may be; exceeding answers 414. Default: see [`UriLimits`].
    pub uri: UriLimits,
    /// Nodes stored, the root included; exceeding answers 420. Default 65 536: the largest of 44
    /// descriptions and serialised trees collected has 292 nodes; the rest is room for objects and instances.
    pub max_nodes: usize,
    /// Bytes of all names, values, types, titles and access control lists together; exceeding answers 420.
    /// Default 16 MiB, 256 bytes for each node. What a node takes in memory beside these is not counted.
    pub max_total_len: usize,
    /// Bytes of one value, decoded; exceeding answers 413. Default 1 MiB, like the largest object a
    /// client session of `dm-syncml` takes.
    pub max_value_len: usize,
    /// Bytes of one access control list; exceeding answers 413. Default 4096, which holds fifteen identifiers of
    /// the longest kind.
    pub max_acl_len: usize,
    /// Bytes of one child list, which a handler may make long; exceeding answers 413. Default 1 MiB, as for
    /// values.
    pub max_child_list_len: usize,
    /// Access control lists kept for nodes that handlers serve; exceeding answers 420. Default 16 384, one
    /// for every four nodes that may be stored.
    pub max_mounted_acls: usize,
    /// Items of one page of a `?list=`, which is what [`Tree::execute`](crate::Tree::execute) puts into one answer. A
    /// [`Listing`](crate::Listing) goes on behind them; a session answers 413. 0 counts as 1. Default 16 384.
    pub max_list_items: usize,
    /// Bytes of the addresses, types and data of one page of a `?list=`, where there is more than one item. Default
    /// 1 MiB, as for values; of structure alone that is as many items as a page may have, 64 bytes each.
    pub max_list_len: usize,
    /// Answers waited for from handlers; exceeding answers 420. Default 1024: several for each session of a large
    /// gateway.
    pub max_pending: usize,
    /// What the ledger of authorities may hold. Default: see [`LedgerLimits`].
    pub ledger: LedgerLimits,
}

impl TreeLimits {
    /// Sets [`uri`](Self::uri).
    #[must_use]
    pub const fn with_uri(mut self, uri: UriLimits) -> Self {
        self.uri = uri;
        self
    }

    /// Sets [`max_nodes`](Self::max_nodes).
    #[must_use]
    pub const fn with_max_nodes(mut self, nodes: usize) -> Self {
        self.max_nodes = nodes;
        self
    }

    /// Sets [`max_total_len`](Self::max_total_len).
    #[must_use]
    pub const fn with_max_total_len(mut self, bytes: usize) -> Self {
        self.max_total_len = bytes;
        self
    }

    /// Sets [`max_value_len`](Self::max_value_len).
    #[must_use]
    pub const fn with_max_value_len(mut self, bytes: usize) -> Self {
        self.max_value_len = bytes;
        self
    }

    /// Sets [`max_acl_len`](Self::max_acl_len).
    #[must_use]
    pub const fn with_max_acl_len(mut self, bytes: usize) -> Self {
        self.max_acl_len = bytes;
        self
    }

    /// Sets [`max_child_list_len`](Self::max_child_list_len).
    #[must_use]
    pub const fn with_max_child_list_len(mut self, bytes: usize) -> Self {
        self.max_child_list_len = bytes;
        self
    }

    /// Sets [`max_mounted_acls`](Self::max_mounted_acls).
    #[must_use]
    pub const fn with_max_mounted_acls(mut self, lists: usize) -> Self {
        self.max_mounted_acls = lists;
        self
    }

    /// Sets [`max_list_items`](Self::max_list_items).
    #[must_use]
    pub const fn with_max_list_items(mut self, items: usize) -> Self {
        self.max_list_items = items;
        self
    }

    /// Sets [`max_list_len`](Self::max_list_len).
    #[must_use]
    pub const fn with_max_list_len(mut self, bytes: usize) -> Self {
        self.max_list_len = bytes;
        self
    }

    /// Sets [`ledger`](Self::ledger).
    #[must_use]
    pub const fn with_ledger(mut self, ledger: LedgerLimits) -> Self {
        self.ledger = ledger;
        self
    }

    /// Sets [`max_pending`](Self::max_pending).
    #[must_use]
    pub const fn with_max_pending(mut self, answers: usize) -> Self {
        self.max_pending = answers;
        self
    }
}

impl Default for TreeLimits {
    fn default() -> Self {
        Self {
            uri: UriLimits::default(),
            max_nodes: 65_536,
            max_total_len: 16 << 20,
            max_value_len: 1 << 20,
            max_acl_len: 4096,
            max_child_list_len: 1 << 20,
            max_mounted_acls: 16_384,
            max_list_items: 16_384,
            max_list_len: 1 << 20,
            max_pending: 1024,
            ledger: LedgerLimits::default(),
        }
    }
}

/// What the specification leaves to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreePolicy {
    /// Whether Add creates missing interior ancestors (RepPro 1.2.1, Add, allows it); otherwise it answers
    /// 404. Default yes.
    pub implicit_add: bool,
    /// Whether Delete of a subtree needs the Delete right on every leaf in it, not only on the node addressed.
    /// The text is silent; default no.
    pub strict_subtree_delete: bool,
    /// What is taken for an address beside what the grammar allows. Default nothing.
    pub uri_leniency: UriLeniency,
    /// How the serialised trees of commands are read; never more nodes than the tree may hold. Default strict.
    pub documents: DocumentOptions,
}

impl TreePolicy {
    /// Sets [`implicit_add`](Self::implicit_add).
    #[must_use]
    pub const fn with_implicit_add(mut self, yes: bool) -> Self {
        self.implicit_add = yes;
        self
    }

    /// Sets [`strict_subtree_delete`](Self::strict_subtree_delete).
    #[must_use]
    pub const fn with_strict_subtree_delete(mut self, yes: bool) -> Self {
        self.strict_subtree_delete = yes;
        self
    }

    /// Sets [`uri_leniency`](Self::uri_leniency).
    #[must_use]
    pub const fn with_uri_leniency(mut self, leniency: UriLeniency) -> Self {
        self.uri_leniency = leniency;
        self
    }

    /// Sets [`documents`](Self::documents).
    #[must_use]
    pub const fn with_documents(mut self, options: DocumentOptions) -> Self {
        self.documents = options;
        self
    }
}

impl Default for TreePolicy {
    fn default() -> Self {
        Self {
            implicit_add: true,
            strict_subtree_delete: false,
            uri_leniency: UriLeniency::STRICT,
            documents: DocumentOptions::STRICT,
        }
    }
}
