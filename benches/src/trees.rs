//! Management trees of the shape libdmclient publishes figures for, and the bare hash maps they are measured beside.
//!
//! A shape of breadth `n` has `n` interior nodes, `n` more below each, and `n` leaves below each of those: 5, 10 and
//! 22 make the 125, 1,000 and 10,648 leaves of libdmclient, 100 makes a million. The one ACL is at the top.

use dm_tree::{Acl, NodeSpec, NodeUri, ServerId, Tree, TreeLimits, UriLimits, Value};

/// Breadths, and the leaves they make.
pub const SHAPES: [(usize, &str); 4] = [(5, "125"), (10, "1000"), (22, "10648"), (100, "1000000")];

/// What each leaf holds.
pub const DATA: &[u8] = b"some value";

/// The server that may read everything.
#[must_use]
pub fn server() -> ServerId {
    ServerId::new("com.example.dm").expect("a server identifier")
}

/// The three names of a leaf.
#[must_use]
pub fn names(breadth: usize, leaf: usize) -> [String; 3] {
    [leaf / breadth / breadth, leaf / breadth % breadth, leaf % breadth].map(|number| format!("Node{number}"))
}

/// A tree of that breadth; every leaf inherits its ACL from the root, three levels up.
#[must_use]
pub fn tree(breadth: usize) -> Tree {
    let mut tree = empty();
    for leaf in 0..breadth.pow(3) {
        let [a, b, c] = names(breadth, leaf);
        let value = Value::chr(core::str::from_utf8(DATA).expect("text"));
        tree.insert(&format!("./{a}/{b}/{c}"), NodeSpec::leaf(value)).expect("a place for every leaf");
    }
    tree
}

/// A tree that could grow as large as the largest.
#[must_use]
pub fn empty() -> Tree {
    let limits = TreeLimits::default()
        .with_uri(UriLimits::UNLIMITED)
        .with_max_nodes(usize::MAX / 2)
        .with_max_total_len(usize::MAX / 2);
    let mut tree = Tree::new(limits).with_hash_seed(1);
    let acl =
        Acl::parse("Add=*&Delete=com.example.dm&Get=com.example.dm+com.example.other&Replace=com.example.dm");
    tree.set_acl(".", acl.expect("an acl")).expect("the root takes it");
    tree
}

/// Addresses of leaves here and there, at most `count`.
#[must_use]
pub fn some_leaves(breadth: usize, count: usize) -> Vec<[String; 3]> {
    let leaves = breadth.pow(3);
    // A step that is prime to every count of leaves reaches all of them, far from one another.
    (0..count.min(leaves)).map(|at| names(breadth, at * 7_368_787 % leaves)).collect()
}

/// The address of a leaf.
#[must_use]
pub fn uri([a, b, c]: &[String; 3]) -> NodeUri<'static> {
    NodeUri::parse(&format!("./{a}/{b}/{c}")).expect("an address").into_owned()
}

macro_rules! bare {
    ($(#[$doc:meta])* $name:ident, $map:ident, $($path:tt)*) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[allow(clippy::exhaustive_enums)] // All there is to a bare map.
        pub enum $name {
            /// Children by name.
            Interior($($path)*::$map<Box<str>, $name>),
            /// A value.
            Leaf(Box<[u8]>),
        }

        impl $name {
            /// Nothing yet.
            #[must_use]
            pub fn new() -> Self {
                Self::Interior($($path)*::$map::default())
            }

            /// As [`tree`].
            #[must_use]
            pub fn with_breadth(breadth: usize) -> Self {
                let mut top = Self::new();
                for leaf in 0..breadth.pow(3) {
                    top.insert(&names(breadth, leaf));
                }
                top
            }

            /// One lookup per segment.
            #[must_use]
            pub fn get(&self, names: &[String; 3]) -> Option<&[u8]> {
                let mut at = self;
                for name in names {
                    let Self::Interior(children) = at else { return None };
                    at = children.get(name.as_str())?;
                }
                match at {
                    Self::Leaf(data) => Some(data),
                    Self::Interior(_) => None,
                }
            }

            /// Inserts a leaf, and what is missing above it: a lookup for what is there, an insert for what is not.
            pub fn insert(&mut self, names: &[String; 3]) {
                let [a, b, c] = names;
                let Self::Interior(children) = Self::below(Self::below(self, a), b) else { return };
                children.insert(c.as_str().into(), Self::Leaf(DATA.into()));
            }

            fn below<'m>(at: &'m mut Self, name: &str) -> &'m mut Self {
                let Self::Interior(children) = at else { return at };
                if children.get(name).is_none() {
                    children.insert(name.into(), Self::new());
                }
                children.get_mut(name).expect("it was just put there")
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

bare! {
    /// Nested maps of the standard library.
    StdMaps, HashMap, std::collections
}

bare! {
    /// Nested maps of hashbrown with the hasher that comes with them: the fastest bare lookup there is to have.
    FastMaps, HashMap, hashbrown
}
