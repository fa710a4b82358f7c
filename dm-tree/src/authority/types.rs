//! Which types of management objects a server may manage (DM-HLF-009, DM-HLF-020).

use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;

use super::terms::MoType;

/// Which types of management objects a server may manage at all, whatever the ACLs and delegations say.
///
/// A pattern is the identifier of a type, or the beginning of one followed by `*`. What is denied is denied, whatever is
/// allowed; where anything is allowed, the rest is denied. Without rules a server may manage every type. Rules speak
/// of objects: what lies in none is not theirs. An object inside another is under the rules of both.
///
/// ```
/// use dm_tree::authority::TypeRules;
///
/// let rules = TypeRules::new().allow("urn:oma:mo:oma-scomo:*")?.deny("urn:oma:mo:oma-scomo:1.1")?;
/// assert!(rules.check("urn:oma:mo:oma-scomo:1.0").is_ok());
/// assert!(rules.check("urn:oma:mo:oma-scomo:1.1").is_err());
/// assert!(rules.check("urn:oma:mo:oma-dm-dmacc:1.0").is_err());
/// # Ok::<(), dm_tree::authority::MoTypeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use]
pub struct TypeRules {
    allowed: Patterns,
    denied: Patterns,
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Patterns {
    exact: BTreeSet<MoType>,
    /// Without the `*`.
    beginnings: BTreeSet<String>,
}

impl Patterns {
    fn insert(&mut self, pattern: &str) -> Result<(), super::MoTypeError> {
        let mo_type = MoType::new(pattern)?;
        match pattern.strip_suffix('*') {
            Some(beginning) => _ = self.beginnings.insert(beginning.into()),
            None => _ = self.exact.insert(mo_type),
        }
        Ok(())
    }

    fn matches(&self, mo_id: &str) -> bool {
        // Most rules are beginnings, and few.
        self.beginnings.iter().any(|beginning| mo_id.starts_with(&**beginning)) || self.exact.contains(mo_id)
    }

    fn iter(&self) -> impl Iterator<Item = String> {
        let exact = self.exact.iter().map(|mo_type| mo_type.as_str().into());
        exact.chain(self.beginnings.iter().map(|beginning| alloc::format!("{beginning}*")))
    }

    fn len(&self) -> usize {
        self.exact.len() + self.beginnings.len()
    }
}

impl TypeRules {
    /// No rules: every type may be managed.
    pub const fn new() -> Self {
        const NONE: Patterns = Patterns { exact: BTreeSet::new(), beginnings: BTreeSet::new() };
        Self { allowed: NONE, denied: NONE }
    }

    /// Allows a type. Types that are not allowed are denied from then on.
    ///
    /// # Errors
    ///
    /// [`MoTypeError`](super::MoTypeError) when it is no pattern.
    pub fn allow(mut self, pattern: &str) -> Result<Self, super::MoTypeError> {
        self.allowed.insert(pattern)?;
        Ok(self)
    }

    /// Denies a type.
    ///
    /// # Errors
    ///
    /// [`MoTypeError`](super::MoTypeError) when it is no pattern.
    pub fn deny(mut self, pattern: &str) -> Result<Self, super::MoTypeError> {
        self.denied.insert(pattern)?;
        Ok(self)
    }

    /// The patterns allowed, in byte order, those with `*` last.
    pub fn allowed(&self) -> impl Iterator<Item = String> {
        self.allowed.iter()
    }

    /// The patterns denied, in byte order, those with `*` last.
    pub fn denied(&self) -> impl Iterator<Item = String> {
        self.denied.iter()
    }

    /// The same with these allowed and no others.
    pub(crate) fn with_allowed<'p>(
        &self,
        mut patterns: impl Iterator<Item = &'p str>,
    ) -> Result<Self, super::MoTypeError> {
        let kept = Self { allowed: Patterns::default(), denied: self.denied.clone() };
        patterns.try_fold(kept, Self::allow)
    }

    /// The same with these denied and no others.
    pub(crate) fn with_denied<'p>(
        &self,
        mut patterns: impl Iterator<Item = &'p str>,
    ) -> Result<Self, super::MoTypeError> {
        let kept = Self { allowed: self.allowed.clone(), denied: Patterns::default() };
        patterns.try_fold(kept, Self::deny)
    }

    /// Whether objects of a type may be managed.
    ///
    /// # Errors
    ///
    /// [`TypeRule`]: which rule is against it.
    pub fn check(&self, mo_id: &str) -> Result<(), TypeRule> {
        if self.denied.matches(mo_id) {
            Err(TypeRule::Denied)
        } else if self.allowed.matches(mo_id) || self.allowed.len() == 0 {
            Ok(())
        } else {
            Err(TypeRule::NotAllowed)
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many patterns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.allowed.len() + self.denied.len()
    }
}

/// The rule that keeps a server from a type of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeRule {
    /// It is denied.
    Denied,
    /// Others are allowed, it is not.
    NotAllowed,
}

impl fmt::Display for TypeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "the type is denied",
            Self::NotAllowed => "the type is not among those allowed",
        })
    }
}
