//! Why something is allowed or denied: by which rule, and which entry.

use alloc::string::String;
use core::fmt;

use super::decision::{ServedTypes, Verdict};
use super::ledger::{Anchor, Site};
use super::terms::{Delegation, DelegationKind};
use super::types::TypeRule;
use crate::access::Spot;
use crate::command::starts_with;
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::store::ROOT;
use crate::tree::{Place, Tree};
use crate::uri::NodeUri;

/// Why a server has a right on a node, or has not. Displayed as one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The command that was asked about; of several the first that is denied, or else the last.
    pub command: Rights,
    /// By which rule, and which entry.
    pub reason: Reason,
}

impl Explanation {
    /// Whether it is allowed.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(
            self.reason,
            Reason::GrantedByAcl { .. } | Reason::Owner { .. } | Reason::Delegated(_) | Reason::LedgerObject
        )
    }
}

/// Which rule and which entry decide.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The ACL of the node at this address grants it.
    #[non_exhaustive]
    GrantedByAcl {
        /// The node whose ACL is in force.
        at: NodeUri<'static>,
    },
    /// The server owns the node.
    #[non_exhaustive]
    Owner {
        /// The node where it was entered as the owner.
        at: NodeUri<'static>,
    },
    /// This delegation grants it.
    Delegated(Delegation),
    /// It is about the object that shows the ledger, of which everyone has a part.
    LedgerObject,
    /// Nobody has given it to the server.
    #[non_exhaustive]
    NotGranted {
        /// The node whose ACL is in force, and does not grant it; `None` where no ACL reaches.
        acl: Option<NodeUri<'static>>,
        /// The owner of the node, if it has one.
        owner: Option<ServerId>,
    },
    /// The node lies in an object of a type that the server may not manage.
    #[non_exhaustive]
    MoType {
        /// The type.
        mo_id: String,
        /// Which rule is against it.
        rule: TypeRule,
    },
    /// The node is a handler's, and only the handler knows the types of its objects, some of which the server may not
    /// manage.
    MoTypeUnknown,
    /// By this delegation another authority alone manages the node.
    FullyDelegated(Delegation),
    /// There is no such node, and that may be told.
    NoSuchNode,
}

impl Tree {
    /// Why `server` has `rights` on the node at `uri`, or has not. What a command is refused for beside the rights of
    /// its server is not in it: kinds of nodes, `AccessType`, data.
    ///
    /// This is for the device's own eyes: it names authorities and entries that the server may know nothing of.
    #[must_use]
    pub fn explain(&self, server: &ServerId, rights: Rights, uri: &NodeUri<'_>) -> Explanation {
        let mut explanation = Explanation { command: rights, reason: Reason::NoSuchNode };
        let (spot, is_there) = match self.locate(uri) {
            Place::Stored(id) => (Spot::Stored(id), true),
            Place::Mounted(mounted) => (Spot::Mounted(mounted), true),
            Place::Missing { nearest: id, .. } | Place::BelowLeaf(id) => (Spot::Stored(id), false),
        };
        let types = self.known_types(&spot);
        for (command, _) in rights.iter() {
            let verdict = self.judge(server, command, &spot, types);
            explanation.command = command;
            if is_there || verdict.is_concealed() {
                explanation.reason = self.reason(&spot, verdict);
            }
            if !explanation.is_allowed() {
                break;
            }
        }
        explanation
    }

    fn known_types<'a>(&self, spot: &Spot<'_>) -> ServedTypes<'a> {
        match spot {
            Spot::Stored(_) => Some(&[]),
            Spot::Mounted(_) => None,
        }
    }

    fn reason(&self, spot: &Spot<'_>, verdict: Verdict) -> Reason {
        let delegation = |id| self.delegation(id).cloned();
        let owned = self.owned_at(spot);
        let at = |anchor: &Anchor| self.anchor_uri(anchor).unwrap_or(NodeUri::ROOT);
        let reason = match verdict {
            Verdict::Acl => Some(Reason::GrantedByAcl { at: self.acl_at(spot) }),
            Verdict::Owner => owned.as_ref().map(|(anchor, _)| Reason::Owner { at: at(anchor) }),
            Verdict::Delegation(id) => delegation(id).map(Reason::Delegated),
            Verdict::LedgerObject => Some(Reason::LedgerObject),
            Verdict::Type(mo_id, rule) => Some(Reason::MoType { mo_id, rule }),
            Verdict::TypeUnknown => Some(Reason::MoTypeUnknown),
            Verdict::Full(id) => delegation(id).map(Reason::FullyDelegated),
            Verdict::NotGranted | Verdict::Application => None,
        };
        reason.unwrap_or_else(|| {
            let acl = self.acl_at(spot);
            let reaches = match &owned {
                None => true,
                Some((anchor, _)) => starts_with(&acl, &at(anchor)),
            };
            let owner = owned.and_then(|(_, own)| own.owner.clone());
            Reason::NotGranted { acl: reaches.then_some(acl), owner }
        })
    }

    /// The node whose ACL is in force.
    fn acl_at(&self, spot: &Spot<'_>) -> NodeUri<'static> {
        let mut at = spot.clone();
        while self.own_acl(&at).is_empty() {
            match at.parent(self) {
                Some(parent) => at = parent,
                None => break,
            }
        }
        match at.anchor() {
            Site::Stored(ROOT) => NodeUri::ROOT,
            anchor => self.anchor_uri(&anchor).unwrap_or(NodeUri::ROOT),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_allowed() { "allowed: " } else { "denied: " })?;
        self.reason.fmt(f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GrantedByAcl { at } => write!(f, "the ACL of {at} grants it"),
            Self::Owner { at } => write!(f, "it owns {at}"),
            Self::Delegated(Delegation { id, delegator, delegatee, terms, .. }) => {
                write!(f, "delegation {id} of {delegator} to {delegatee} grants it on {}", terms.scope())
            }
            Self::LedgerObject => f.write_str("everyone has a part of the ledger"),
            Self::NotGranted { acl: Some(at), owner: None } => write!(f, "the ACL of {at} does not grant it"),
            Self::NotGranted { acl: Some(at), owner: Some(owner) } => {
                write!(f, "it is of {owner}, who has not delegated it, and the ACL of {at} does not grant it")
            }
            Self::NotGranted { acl: None, owner: Some(owner) } => {
                write!(f, "it is of {owner}, who has not delegated it, and no ACL reaches there")
            }
            Self::NotGranted { acl: None, owner: None } => {
                f.write_str("it is of an authority that is gone, and no ACL reaches there")
            }
            Self::MoType { mo_id, rule } => write!(f, "it lies in an object of type {mo_id}, and {rule}"),
            Self::MoTypeUnknown => f.write_str("it may lie in an object of a type that is not the server's"),
            Self::FullyDelegated(Delegation { id, delegator, delegatee, terms, .. }) => {
                let kind = match terms.kind() {
                    DelegationKind::Full => "in full",
                    _ => "in part",
                };
                write!(f, "delegation {id} of {delegator} gives {} {kind} to {delegatee}", terms.scope())
            }
            Self::NoSuchNode => f.write_str("there is no such node"),
        }
    }
}
