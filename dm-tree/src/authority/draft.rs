//! Delegations that are being made up through the management object, leaf by leaf.

use alloc::collections::BTreeSet;
use alloc::string::String;

use super::terms::{DelegationId, DelegationKind, MoType, Priority, Scope, Terms};
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::timestamp::Timestamp;
use crate::uri::NodeUri;

/// What is said so far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Draft {
    /// Who makes it up, and will be the delegator.
    pub(crate) author: ServerId,
    pub(crate) delegatee: Option<ServerId>,
    pub(crate) kind: Option<DelegationKind>,
    pub(crate) subtree: Option<NodeUri<'static>>,
    pub(crate) mo_type: Option<MoType>,
    pub(crate) instance: Option<NodeUri<'static>>,
    pub(crate) commands: Rights,
    pub(crate) not_after: Option<Timestamp>,
    pub(crate) depth: u8,
    pub(crate) prohibited: BTreeSet<ServerId>,
    pub(crate) restrictions: BTreeSet<String>,
    pub(crate) priority: Priority,
    /// What it is derived from.
    pub(crate) parent: Option<DelegationId>,
}

impl Draft {
    pub(crate) const fn new(author: ServerId) -> Self {
        Self {
            author,
            delegatee: None,
            kind: None,
            subtree: None,
            mo_type: None,
            instance: None,
            commands: Rights::NONE,
            not_after: None,
            depth: 0,
            prohibited: BTreeSet::new(),
            restrictions: BTreeSet::new(),
            priority: Priority(0),
            parent: None,
        }
    }

    /// What a delegation on these terms would look like as a draft.
    pub(crate) fn of(delegation: &super::Delegation) -> Self {
        let terms = &delegation.terms;
        let mut draft = Self::new(delegation.delegator.clone());
        draft.delegatee = Some(delegation.delegatee.clone());
        draft.kind = Some(terms.kind());
        match terms.scope() {
            Scope::Subtree(uri) => draft.subtree = Some(uri.clone()),
            Scope::Type(mo_type) => draft.mo_type = Some(mo_type.clone()),
            Scope::Instance(uri) => draft.instance = Some(uri.clone()),
        }
        draft.commands = terms.commands();
        draft.not_after = terms.not_after();
        draft.depth = terms.depth();
        draft.prohibited = terms.prohibited().cloned().collect();
        draft.restrictions = terms.other_restrictions().map(String::from).collect();
        draft.priority = terms.priority();
        draft.parent = delegation.parent;
        draft
    }

    /// To whom, and on what terms; `None` while something is missing, or more than one scope is named.
    pub(crate) fn terms(&self) -> Option<(ServerId, Terms)> {
        let scope = match (&self.subtree, &self.mo_type, &self.instance) {
            (Some(uri), None, None) => Scope::Subtree(uri.clone()),
            (None, Some(mo_type), None) => Scope::Type(mo_type.clone()),
            (None, None, Some(uri)) => Scope::Instance(uri.clone()),
            _ => return None,
        };
        let mut terms =
            Terms::new(self.kind?, scope, self.commands).with_depth(self.depth).with_priority(self.priority);
        if let Some(end) = self.not_after {
            terms = terms.until(end);
        }
        terms = self.prohibited.iter().cloned().fold(terms, Terms::prohibiting);
        terms = self.restrictions.iter().cloned().fold(terms, Terms::with_other_restriction);
        Some((self.delegatee.clone()?, terms))
    }

    /// How many authorities and restrictions it names.
    pub(crate) fn restrictions(&self) -> usize {
        self.prohibited.len() + self.restrictions.len()
    }
}
