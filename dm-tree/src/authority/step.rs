//! The ways a ledger changes: each is one step that is noted, can be undone and can be done again.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::draft::Draft;
use super::ledger::{Anchor, Ledger, Ownership, Site};
use super::terms::{Delegation, DelegationId, DelegationKind, Priority};
use super::types::TypeRules;
use crate::access::Spot;
use crate::history::{Mutation, Undo};
use crate::mount::MountId;
use crate::server_id::ServerId;
use crate::store::Flags;
use crate::tree::{Place, Tree};
use crate::uri::NodeUri;

/// One change of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum LedgerStep {
    /// The tree has one from now on.
    Begun,
    Owner {
        at: Site<NodeUri<'static>>,
        ownership: Option<Ownership>,
    },
    Entered {
        delegation: Delegation,
        at: Option<Site<NodeUri<'static>>>,
        root: ServerId,
    },
    /// With everything derived from it.
    Ended(DelegationId),
    Priority {
        id: DelegationId,
        priority: Priority,
    },
    Types {
        server: ServerId,
        rules: Option<TypeRules>,
    },
    Writer {
        at: Site<NodeUri<'static>>,
        writer: Option<ServerId>,
    },
    /// A handler's nodes are gone.
    Forgot {
        mount: MountId,
        path: String,
    },
    /// An authority is gone.
    Removed(ServerId),
    Draft {
        name: String,
        draft: Option<Draft>,
    },
    Object(Option<MountId>),
}

/// A ledger written down.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct LedgerImage {
    next: u64,
    /// What makes this ledger of an empty one.
    steps: Vec<LedgerStep>,
}

impl Tree {
    /// Does a step and notes it. `None` when it does not fit the tree.
    pub(crate) fn take_step(&mut self, step: LedgerStep) -> Option<Vec<Delegation>> {
        self.save_ledger();
        let ended = self.apply_step(&step)?;
        self.history.write(self.now, Mutation::Ledger(step));
        Some(ended)
    }

    /// Keeps the ledger as it is, for who may have to go back to it.
    pub(crate) fn save_ledger(&mut self) {
        if self.history.saves_ledger() {
            self.history.undo.push(Undo::Ledger(self.ledger.clone()));
        }
    }

    fn ledger_mut(&mut self) -> &mut Ledger {
        Arc::make_mut(self.ledger.get_or_insert_default())
    }

    /// Does a step; says which delegations it ended.
    pub(crate) fn apply_step(&mut self, step: &LedgerStep) -> Option<Vec<Delegation>> {
        let mut ended = Vec::new();
        match step {
            LedgerStep::Begun => _ = self.ledger_mut(),
            LedgerStep::Owner { at, ownership } => {
                let anchor = self.mark_site(at)?;
                self.ledger_mut().set_owner(&anchor, ownership.clone());
                ended = self.end_strays();
            }
            LedgerStep::Entered { delegation, at, root } => {
                let anchor = match at {
                    Some(at) => Some(self.mark_site(at)?),
                    None => None,
                };
                let ledger = self.ledger_mut();
                let is_new = ledger.entry(delegation.id).is_none();
                let has_parent = delegation.parent.is_none_or(|parent| ledger.entry(parent).is_some());
                if !is_new || !has_parent || anchor.is_some() == delegation.terms.scope().mo_type().is_some()
                {
                    return None;
                }
                ledger.enter(delegation.clone(), anchor, root.clone());
            }
            LedgerStep::Ended(id) => ended = self.ledger_mut().end(*id),
            LedgerStep::Priority { id, priority } => {
                let ledger = self.ledger_mut();
                ledger.entry(*id)?;
                ledger.set_priority(*id, *priority);
            }
            LedgerStep::Types { server, rules } => {
                let types = &mut self.ledger_mut().types;
                match rules {
                    Some(rules) => _ = types.insert(server.clone(), rules.clone()),
                    None => _ = types.remove(server),
                }
            }
            LedgerStep::Writer { at, writer } => {
                let anchor = self.mark_site(at)?;
                self.ledger_mut().set_writer(&anchor, writer.clone());
            }
            LedgerStep::Forgot { mount, path } => self.ledger_mut().forget_served(*mount, path),
            LedgerStep::Removed(server) => ended = self.strike_authority(server),
            LedgerStep::Draft { name, draft } => {
                let drafts = &mut self.ledger_mut().drafts;
                match draft {
                    Some(draft) => _ = drafts.insert(name.clone(), draft.clone()),
                    None => _ = drafts.remove(name),
                }
            }
            LedgerStep::Object(mount) => {
                if mount.is_some_and(|mount| !self.mounts.contains_key(&mount)) {
                    return None;
                }
                self.ledger_mut().object = *mount;
            }
        }
        Some(ended)
    }

    /// The anchor at a place that is there; its node is marked from now on.
    fn mark_site(&mut self, site: &Site<NodeUri<'static>>) -> Option<Anchor> {
        match site {
            Site::Stored(uri) => {
                let id = match self.locate(uri) {
                    Place::Stored(id) => id,
                    Place::Mounted(mounted) if mounted.path.is_empty() => mounted.node,
                    _ => return None,
                };
                let node = self.store.at_mut(id);
                node.flags = node.flags.with(Flags::MARKED);
                Some(Site::Stored(id))
            }
            Site::Served(mount, path) => {
                let is_good = self.mounts.contains_key(mount) && NodeUri::parse(path).is_ok();
                is_good.then(|| Site::Served(*mount, path.clone()))
            }
        }
    }

    /// How an anchor is written down.
    pub(crate) fn site_of(&self, anchor: &Anchor) -> Site<NodeUri<'static>> {
        match anchor {
            Site::Stored(id) => Site::Stored(self.uri_of(*id)),
            Site::Served(mount, path) => Site::Served(*mount, path.clone()),
        }
    }

    /// The node at an anchor, for who does not need to look at it.
    pub(crate) fn spot_of<'a>(&self, anchor: &'a Anchor) -> Option<Spot<'a>> {
        Some(match anchor {
            Site::Stored(id) => match self.at(*id).content {
                crate::store::Content::Mount(mount) => {
                    Spot::Mounted(crate::mount::Mounted { id: mount, node: *id, path: Vec::new() })
                }
                _ => Spot::Stored(*id),
            },
            Site::Served(mount, path) => {
                let node = self.mounts.get(mount)?.node;
                let names = path.split('/').map(crate::store::resolved).collect();
                Spot::Mounted(crate::mount::Mounted { id: *mount, node, path: names })
            }
        })
    }

    /// Ends the delegations of places that no longer are their maker's.
    fn end_strays(&mut self) -> Vec<Delegation> {
        let Some(ledger) = &self.ledger else { return Vec::new() };
        let is_stray = |entry: &&super::ledger::Entry| {
            let Some(anchor) = &entry.anchor else { return false };
            let owner = self.spot_of(anchor).and_then(|spot| self.owned_at(&spot)?.1.owner.clone());
            owner.as_ref() != Some(&entry.root)
        };
        let strays: Vec<_> = ledger.entries().filter(is_stray).map(|entry| entry.delegation.id).collect();
        let ledger = self.ledger_mut();
        strays.into_iter().flat_map(|id| ledger.end(id)).collect()
    }

    /// Takes an authority out: what it delegated ends, and so does what was delegated to it. What it had delegated in
    /// full belongs to who holds it; what else it owned belongs to nobody.
    fn strike_authority(&mut self, server: &ServerId) -> Vec<Delegation> {
        let Some(ledger) = self.ledger.as_deref() else { return Vec::new() };
        let handed_over = |entry: &&super::ledger::Entry| {
            let is_full = entry.delegation.terms.kind() == DelegationKind::Full;
            is_full && entry.delegation.parent.is_none() && entry.root == *server
        };
        let fulls: Vec<_> = ledger.entries().filter(handed_over).cloned().collect();
        let heirs: Vec<_> = fulls.iter().map(|entry| (entry.clone(), self.tops_of(entry, server))).collect();
        let ledger = self.ledger_mut();
        let mut ended = Vec::new();
        for (entry, tops) in heirs {
            let id = entry.delegation.id;
            let heir = entry.delegation.delegatee;
            for top in tops {
                let ownership = Ownership { owner: Some(heir.clone()), priority: Priority::default() };
                ledger.set_owner(&top, Some(ownership));
            }
            let derived: Vec<_> = ledger.derived_from(id).collect();
            ended.extend(ledger.take_alone(id).map(|entry| entry.delegation));
            for id in derived {
                ledger.reroot(id, &heir);
            }
        }
        let is_of =
            |entry: &&super::ledger::Entry| entry.root == *server || entry.delegation.delegatee == *server;
        let gone: Vec<_> = ledger.entries().filter(is_of).map(|entry| entry.delegation.id).collect();
        for id in gone {
            ended.extend(ledger.end(id));
        }
        let owned: Vec<_> = ledger.owned().filter(|(_, own)| own.owner.as_ref() == Some(server)).collect();
        let owned: Vec<_> = owned.into_iter().map(|(anchor, _)| anchor).collect();
        for anchor in owned {
            ledger.set_owner(&anchor, Some(Ownership { owner: None, priority: Priority::default() }));
        }
        let written: Vec<_> = ledger
            .anchors()
            .filter(|(_, domain)| domain.writer.as_ref() == Some(server))
            .map(|(at, _)| at)
            .collect();
        for anchor in written {
            ledger.set_writer(&anchor, None);
        }
        ledger.types.remove(server);
        ledger.drafts.retain(|_, draft| draft.author != *server);
        // What was handed over may lie where something else of the former owner was.
        ended.extend(self.end_strays());
        ended
    }

    /// The nodes at the top of what a full delegation holds in force.
    fn tops_of(&mut self, entry: &super::ledger::Entry, owner: &ServerId) -> Vec<Anchor> {
        let id = entry.delegation.id;
        if let Some(anchor) = &entry.anchor {
            let Some(spot) = self.spot_of(anchor) else { return Vec::new() };
            // Another one may have been there before.
            return if self.holds_above(id, &spot, Some(&[])) {
                Vec::from([anchor.clone()])
            } else {
                Vec::new()
            };
        }
        let Some(mo_type) = entry.delegation.terms.scope().mo_type() else { return Vec::new() };
        let objects: Vec<_> = self.store.objects(mo_type.as_str()).collect();
        let mut tops = Vec::new();
        for node in objects {
            let crate::store::Content::Interior(interior) = &self.at(node).content else { continue };
            let is_of = interior.mo_id() == mo_type.as_str();
            let spot = Spot::Stored(node);
            let owned = self.owned_at(&spot).is_some_and(|(_, own)| own.owner.as_ref() == Some(owner));
            if is_of && owned && self.holds_above(id, &spot, Some(&[])) {
                let flags = self.at(node).flags;
                self.store.at_mut(node).flags = flags.with(Flags::MARKED);
                tops.push(Site::Stored(node));
            }
        }
        tops
    }

    /// Writes the ledger down.
    pub(crate) fn ledger_image(&self) -> Option<LedgerImage> {
        let ledger = self.ledger.as_deref()?;
        let mut steps = Vec::from([LedgerStep::Begun]);
        let mut owned: Vec<_> =
            ledger.owned().map(|(anchor, own)| (self.site_of(&anchor), own.clone())).collect();
        owned.sort_unstable_by(|(a, _), (b, _)| site_order(a).cmp(&site_order(b)));
        let owner = |(at, ownership)| LedgerStep::Owner { at, ownership: Some(ownership) };
        steps.extend(owned.into_iter().map(owner));
        steps.extend(ledger.entries().map(|entry| LedgerStep::Entered {
            delegation: entry.delegation.clone(),
            at: entry.anchor.as_ref().map(|anchor| self.site_of(anchor)),
            root: entry.root.clone(),
        }));
        let types = ledger.types.iter();
        steps.extend(
            types.map(|(server, rules)| LedgerStep::Types {
                server: server.clone(),
                rules: Some(rules.clone()),
            }),
        );
        let written =
            ledger.anchors().filter_map(|(at, domain)| Some((self.site_of(&at), domain.writer.clone()?)));
        let mut written: Vec<_> = written.collect();
        written.sort_unstable_by(|(a, _), (b, _)| site_order(a).cmp(&site_order(b)));
        steps.extend(written.into_iter().map(|(at, writer)| LedgerStep::Writer { at, writer: Some(writer) }));
        let drafts = ledger.drafts.iter();
        steps.extend(
            drafts.map(|(name, draft)| LedgerStep::Draft { name: name.clone(), draft: Some(draft.clone()) }),
        );
        steps.extend(ledger.object.map(|mount| LedgerStep::Object(Some(mount))));
        Some(LedgerImage { next: ledger.next, steps })
    }

    /// Makes the ledger that was written down; the nodes are there. `None` when it does not fit.
    pub(crate) fn put_ledger(&mut self, image: &LedgerImage) -> Option<()> {
        for step in &image.steps {
            self.apply_step(step)?;
        }
        let ledger = self.ledger_mut();
        ledger.next = ledger.next.max(image.next);
        Some(())
    }

    /// Delegations are told by the addresses that their nodes have now.
    pub(crate) fn refresh_scopes(&mut self) {
        let Some(ledger) = &self.ledger else { return };
        let moved: Vec<_> = ledger
            .entries()
            .filter_map(|entry| {
                let uri = match entry.anchor.as_ref()? {
                    Site::Stored(id) => self.uri_of(*id),
                    Site::Served(mount, path) => {
                        let names = path.split('/');
                        names.fold(self.mount_uri(*mount)?, |uri, name| uri.join(name))
                    }
                };
                (entry.delegation.terms.scope().uri() != Some(&uri)).then_some((entry.delegation.id, uri))
            })
            .collect();
        if moved.is_empty() {
            return;
        }
        self.save_ledger();
        let ledger = self.ledger_mut();
        for (id, uri) in moved {
            ledger.move_scope(id, uri);
        }
    }

    /// Forgets what the ledger says of a stored node that goes.
    pub(crate) fn forget_anchor(&mut self, anchor: &Anchor) {
        if self.ledger.as_deref().is_some_and(|ledger| ledger.domain(anchor).is_some()) {
            self.save_ledger();
            self.ledger_mut().forget(anchor);
        }
    }

    /// Forgets what the ledger says of everything below a mount point that goes.
    pub(crate) fn forget_mount(&mut self, mount: MountId) {
        let Some(ledger) = self.ledger.as_deref() else { return };
        let is_object = ledger.object == Some(mount);
        if is_object || !ledger.served_below(mount, "").is_empty() {
            self.save_ledger();
            let ledger = self.ledger_mut();
            ledger.forget_served(mount, "");
            if is_object {
                ledger.object = None;
            }
        }
    }
}

/// An order that does not depend on where nodes are kept.
fn site_order<'s>(site: &'s Site<NodeUri<'static>>) -> (&'s str, Option<MountId>, &'s str) {
    match site {
        Site::Stored(uri) => (uri.as_str(), None, ""),
        Site::Served(mount, path) => ("", Some(*mount), path),
    }
}
