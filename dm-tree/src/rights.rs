//! Sets of commands: what an ACL grants, and what a node takes at all.

use core::fmt;
use core::ops::{BitOr, BitOrAssign, Sub};

macro_rules! command_set {
    ($(#[$doc:meta])* $name:ident: $all:literal; $($const:ident = $bit:literal $text:literal $what:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(u8);

        impl $name {
            /// No command.
            pub const NONE: Self = Self(0);
            /// Every command.
            pub const ALL: Self = Self($all);
            $(#[doc = $what] pub const $const: Self = Self($bit);)*

            /// Whether every command of `other` is in this set.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether there is no command in it.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// The commands of either set.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The commands of this set which `other` lacks.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// The commands of both sets.
            #[must_use]
            pub const fn intersection(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }

            /// The single command of this name, spelled as in the specification; `None` for any other text.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$const),)*
                    _ => None,
                }
            }

            /// The commands in it one by one, in alphabetical order, with their names.
            pub fn iter(self) -> impl Iterator<Item = (Self, &'static str)> {
                [$((Self::$const, $text)),*].into_iter().filter(move |(one, _)| self.contains(*one))
            }
        }

        impl BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.union(other)
            }
        }

        impl BitOrAssign for $name {
            fn bitor_assign(&mut self, other: Self) {
                *self = self.union(other);
            }
        }

        impl Sub for $name {
            type Output = Self;

            fn sub(self, other: Self) -> Self {
                self.without(other)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.iter().map(|(_, name)| name)).finish()
            }
        }
    };
}

command_set! {
    /// The commands an ACL speaks of (TND 1.2.1 §7.7.1). There is none for Copy, which needs those it consists of.
    ///
    /// ```
    /// use dm_tree::Rights;
    ///
    /// let rights = Rights::GET | Rights::REPLACE;
    /// assert!(rights.contains(Rights::GET));
    /// assert!(!rights.contains(Rights::ALL));
    /// ```
    Rights: 0b1_1111;
    ADD = 0b0_0001 "Add" "Add children.";
    DELETE = 0b0_0010 "Delete" "Delete the node.";
    EXEC = 0b0_0100 "Exec" "Execute the node.";
    GET = 0b0_1000 "Get" "Read the node and its properties.";
    REPLACE = 0b1_0000 "Replace" "Change the value, title and name.";
}

command_set! {
    /// The commands a node takes at all, whoever sends them (TND 1.2.1 §7.7, DDF `AccessType`).
    ///
    /// A second filter beside the ACL, asked after it and answered 405. It guards the node that is addressed:
    /// a node without [`DELETE`](Self::DELETE) still goes when an ancestor is deleted. On an interior node
    /// [`ADD`](Self::ADD) says whether servers may add children below it.
    AccessType: 0b11_1111;
    ADD = 0b00_0001 "Add" "Children may be added.";
    COPY = 0b10_0000 "Copy" "The node may be copied.";
    DELETE = 0b00_0010 "Delete" "The node may be deleted.";
    EXEC = 0b00_0100 "Exec" "The node may be executed.";
    GET = 0b00_1000 "Get" "The value or the child list may be read.";
    REPLACE = 0b01_0000 "Replace" "The value and the name may be changed.";
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn sets() {
        let some = Rights::ADD | Rights::GET;
        assert_eq!(some - Rights::ADD, Rights::GET);
        assert_eq!(format!("{some:?}"), r#"{"Add", "Get"}"#);
        assert_eq!(Rights::from_name("Copy"), None);
        assert_eq!(AccessType::from_name("Copy"), Some(AccessType::COPY));
        assert_eq!(Rights::ALL.iter().fold(Rights::NONE, |all, (one, _)| all | one), Rights::ALL);
        assert_eq!(AccessType::ALL.iter().fold(AccessType::NONE, |all, (one, _)| all | one), AccessType::ALL);
    }
}
