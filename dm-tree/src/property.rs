//! The properties of a node (TND 1.2.1 §7.7).

/// A property of a node, as `?prop=` names it.
///
/// ```
/// use dm_tree::Property;
///
/// assert_eq!(Property::from_name("ACL"), Some(Property::Acl));
/// assert!(Property::Acl.is_replaceable());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Property {
    /// The node's own access control list; empty when it inherits.
    Acl,
    /// The format of the value, `node` for an interior node.
    Format,
    /// The last segment of the address.
    Name,
    /// The bytes of a leaf's value. Interior nodes have none.
    Size,
    /// A name for people.
    Title,
    /// When the node last changed, in UTC. Kept by a tree that is told the time
    /// ([`Tree::set_wall_clock`](crate::Tree::set_wall_clock)); others answer 406.
    TStamp,
    /// The MIME type of a leaf, the management object identifier of an interior node.
    Type,
    /// How often the node changed, modulo 65536.
    VerNo,
}

impl Property {
    /// The property of this name, spelled as in the specification; `None` for any other text.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "ACL" => Self::Acl,
            "Format" => Self::Format,
            "Name" => Self::Name,
            "Size" => Self::Size,
            "Title" => Self::Title,
            "TStamp" => Self::TStamp,
            "Type" => Self::Type,
            "VerNo" => Self::VerNo,
            _ => return None,
        })
    }

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acl => "ACL",
            Self::Format => "Format",
            Self::Name => "Name",
            Self::Size => "Size",
            Self::Title => "Title",
            Self::TStamp => "TStamp",
            Self::Type => "Type",
            Self::VerNo => "VerNo",
        }
    }

    /// Whether a server may Replace it: ACL, Name and Title.
    #[must_use]
    pub const fn is_replaceable(self) -> bool {
        matches!(self, Self::Acl | Self::Name | Self::Title)
    }

    /// The longest Title, in bytes (TND 1.2.1 §7.7, Title).
    pub const MAX_TITLE_LEN: usize = 255;
}
