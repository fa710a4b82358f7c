//! What is delegated, to whom, and under which restrictions.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;

use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::timestamp::Timestamp;
use crate::uri::NodeUri;
use crate::value::Value;

/// What a delegation leaves to the one who makes it.
///
/// The standard names these three (DM 2.0 RD, DM-HLF-022 to 024) and defines them elsewhere; this is our reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DelegationKind {
    /// The delegatee alone manages the scope; the delegator, and everyone else, has nothing there as long as it lasts.
    /// Made by the owner of the scope, or by who holds it by a full delegation.
    Full,
    /// The delegatee manages the scope beside the owner, who loses nothing. Made by the owner.
    Shared,
    /// A delegatee passes on a part of what it holds, and keeps it.
    Sub,
}

impl DelegationKind {
    /// The name in documents: `Full`, `Shared`, `Sub`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "Full",
            Self::Shared => "Shared",
            Self::Sub => "Sub",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Full, Self::Shared, Self::Sub].into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for DelegationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a delegation is about. It never reaches further than what the delegator holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Scope {
    /// A node and everything below it.
    Subtree(NodeUri<'static>),
    /// Every instance of a type of management object, those included that do not exist yet.
    Type(MoType),
    /// One instance of a management object, by the address of its top.
    Instance(NodeUri<'static>),
}

impl Scope {
    /// The address, when it is about one.
    #[must_use]
    pub const fn uri(&self) -> Option<&NodeUri<'static>> {
        match self {
            Self::Subtree(uri) | Self::Instance(uri) => Some(uri),
            Self::Type(_) => None,
        }
    }

    /// The type of management object, when it is about one.
    #[must_use]
    pub const fn mo_type(&self) -> Option<&MoType> {
        match self {
            Self::Type(mo_type) => Some(mo_type),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subtree(uri) => write!(f, "the subtree {uri}"),
            Self::Type(mo_type) => write!(f, "the objects of type {mo_type}"),
            Self::Instance(uri) => write!(f, "the object {uri}"),
        }
    }
}

/// The identifier of a type of management object (TND 1.2.1, Type): 1 to 255 printable ASCII characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MoType(Box<str>);

impl MoType {
    /// Checks and copies an identifier.
    ///
    /// # Errors
    ///
    /// [`MoTypeError`] when it is empty, longer than 255 characters, or not of printable ASCII.
    pub fn new(text: &str) -> Result<Self, MoTypeError> {
        let is_good = (1..=Value::MAX_TYPE_LEN).contains(&text.len());
        if is_good && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(MoTypeError)
        }
    }

    /// The text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MoType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MoType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl core::borrow::Borrow<str> for MoType {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A text that cannot be the identifier of a management object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the identifier of a management object")]
pub struct MoTypeError;

/// Whose write holds where several authorities manage the same instance (DM-HLF-014). The higher prevails; equals
/// write one after the other. 0 is that of everyone who was given none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Priority(pub u8);

/// The terms on which a scope is delegated.
///
/// ```
/// use dm_tree::authority::{DelegationKind, Scope, Terms};
/// use dm_tree::{NodeUri, Rights, ServerId, Timestamp};
///
/// let scope = Scope::Subtree(NodeUri::parse("./SCM/Inventory")?);
/// let terms = Terms::new(DelegationKind::Shared, scope, Rights::GET | Rights::REPLACE)
///     .until(Timestamp::from_unix(1_800_000_000).unwrap())
///     .with_depth(1)
///     .prohibiting(ServerId::new("com.example.rival")?);
/// assert!(terms.permits_sub_delegation());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use]
pub struct Terms {
    kind: DelegationKind,
    scope: Scope,
    commands: Rights,
    not_after: Option<Timestamp>,
    depth: u8,
    prohibited: BTreeSet<ServerId>,
    other_restrictions: BTreeSet<String>,
    priority: Priority,
}

impl Terms {
    /// Terms without an end, that allow no sub-delegation, with the priority that everyone has.
    pub const fn new(kind: DelegationKind, scope: Scope, commands: Rights) -> Self {
        Self {
            kind,
            scope,
            commands,
            not_after: None,
            depth: 0,
            prohibited: BTreeSet::new(),
            other_restrictions: BTreeSet::new(),
            priority: Priority(0),
        }
    }

    /// Sets when it ends: the last second of wall-clock time in which it holds.
    pub const fn until(mut self, not_after: Timestamp) -> Self {
        self.not_after = Some(not_after);
        self
    }

    /// Sets how many further levels of delegation are allowed (DM-HLF-026).
    pub const fn with_depth(mut self, depth: u8) -> Self {
        self.depth = depth;
        self
    }

    /// Names an authority to which it must not be passed on, at no level (DM-HLF-026).
    pub fn prohibiting(mut self, authority: ServerId) -> Self {
        self.prohibited.insert(authority);
        self
    }

    /// Adds a restriction on sub-delegation that this crate does not know. It is kept, and nothing can be passed on
    /// under it, since who does not know a restriction cannot hold it.
    pub fn with_other_restriction(mut self, restriction: impl Into<String>) -> Self {
        self.other_restrictions.insert(restriction.into());
        self
    }

    /// Sets the priority of the delegatee's writes.
    pub const fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// What the delegator keeps.
    #[must_use]
    pub const fn kind(&self) -> DelegationKind {
        self.kind
    }

    /// What it is about.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The commands the delegatee may send.
    #[must_use]
    pub const fn commands(&self) -> Rights {
        self.commands
    }

    /// The last second in which it holds; `None` when it has no end.
    #[must_use]
    pub const fn not_after(&self) -> Option<Timestamp> {
        self.not_after
    }

    /// How many further levels of delegation are allowed.
    #[must_use]
    pub const fn depth(&self) -> u8 {
        self.depth
    }

    /// To whom it must not be passed on.
    pub fn prohibited(&self) -> impl Iterator<Item = &ServerId> {
        self.prohibited.iter()
    }

    /// Whether it must not be passed on to `authority`.
    #[must_use]
    pub fn prohibits(&self, authority: &ServerId) -> bool {
        self.prohibited.contains(authority)
    }

    /// Restrictions that this crate does not know.
    pub fn other_restrictions(&self) -> impl Iterator<Item = &str> {
        self.other_restrictions.iter().map(String::as_str)
    }

    /// The priority of the delegatee's writes.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// Whether anything of it may be passed on at all.
    #[must_use]
    pub fn permits_sub_delegation(&self) -> bool {
        self.depth > 0 && self.other_restrictions.is_empty()
    }

    /// The same terms for a scope that is at another address now.
    pub(crate) fn move_to(&mut self, to: NodeUri<'static>) {
        if let Scope::Subtree(uri) | Scope::Instance(uri) = &mut self.scope {
            *uri = to;
        }
    }

    /// How many authorities and restrictions they name.
    pub(crate) fn restrictions(&self) -> usize {
        self.prohibited.len() + self.other_restrictions.len()
    }

    /// The same terms with the prohibitions and the end of those they are derived from: restrictions only get tighter
    /// on the way down.
    pub(crate) fn tightened_by(mut self, above: &Self) -> Self {
        self.prohibited.extend(above.prohibited.iter().cloned());
        self.other_restrictions.extend(above.other_restrictions.iter().cloned());
        self.not_after = match (self.not_after, above.not_after) {
            (Some(own), Some(above)) => Some(own.min(above)),
            (own, above) => own.or(above),
        };
        self
    }
}

/// The number of a delegation in its ledger. Never used twice; later ones are higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DelegationId(pub(crate) u64);

impl DelegationId {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for DelegationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A delegation that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Delegation {
    /// Its number.
    pub id: DelegationId,
    /// Who made it.
    pub delegator: ServerId,
    /// Who received it.
    pub delegatee: ServerId,
    /// The delegation it was derived from; `None` when the owner of the scope made it.
    pub parent: Option<DelegationId>,
    /// On what terms, those inherited from the chain included.
    pub terms: Terms,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tighter() {
        let id = |text| ServerId::new(text).unwrap();
        let at = |seconds| Timestamp::from_unix(seconds).unwrap();
        let terms = || {
            let scope = Scope::Type(MoType::new("urn:oma:mo:oma-scomo:1.0").unwrap());
            Terms::new(DelegationKind::Sub, scope, Rights::GET)
        };
        let above = terms().until(at(10)).prohibiting(id("X"));
        let below = terms().until(at(20)).prohibiting(id("Y")).tightened_by(&above);
        assert_eq!(below.not_after(), Some(at(10)));
        assert!(below.prohibits(&id("X")) && below.prohibits(&id("Y")));
        assert_eq!(terms().tightened_by(&above).not_after(), Some(at(10)));
        assert_eq!(terms().until(at(5)).tightened_by(&above).not_after(), Some(at(5)));
        assert!(terms().with_depth(1).permits_sub_delegation());
        assert!(!terms().with_depth(1).with_other_restriction("region").permits_sub_delegation());
    }

    #[test]
    fn types_are_checked() {
        assert!(MoType::new("urn:oma:mo:oma-dm-dmacc:1.0").is_ok());
        for text in ["", "a b", "ä", &"x".repeat(256)] {
            assert_eq!(MoType::new(text), Err(MoTypeError));
        }
    }
}
