//! Several authorities on the same instance: whose write holds (DM-HLF-014), and what must not go with a subtree.

use super::decision::Verdict;
use super::index::Domain;
use super::ledger::Site;
use super::step::LedgerStep;
use super::terms::Priority;
use crate::access::Spot;
use crate::acting::{Acting, Found};
use crate::error::{Refusal, RefusalKind};
use crate::mount::{Mounted, key};
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::store::{Content, Flags};
use crate::tree::Tree;

impl Acting<'_> {
    /// Refuses a write to a node that an authority of higher priority wrote and still manages.
    pub(crate) fn contend(&self, found: &Found<'_>) -> Result<(), Refusal> {
        let (Some(ledger), Some(server)) = (self.tree.ledger.as_deref(), self.actor.server()) else {
            return Ok(());
        };
        if self.tree.priority_at(server, &found.spot, Some(&found.types)) > Priority::default() {
            // It will leave a mark.
            self.tree.check_marks()?;
        }
        let Some(domain) = ledger.domain(&found.spot.anchor()) else { return Ok(()) };
        if self.is_outranked(domain, &found.spot) { Err(RefusalKind::Outranked.into()) } else { Ok(()) }
    }

    fn is_outranked(&self, domain: &Domain, spot: &Spot<'_>) -> bool {
        // Types are known for stored nodes; what a handler serves is looked at by owner and address.
        let priority = |server| self.tree.priority_at(server, spot, Some(&[]));
        match (&domain.writer, self.actor.server()) {
            (Some(writer), Some(server)) if writer != server => priority(writer) > priority(server),
            _ => false,
        }
    }

    /// Notes who wrote a node, where that one's priority counts.
    pub(crate) fn claim(&mut self, found: &Found<'_>) {
        let Some(ledger) = self.tree.ledger.as_deref() else { return };
        let anchor = found.spot.anchor();
        let counts = |server: &&ServerId| {
            self.tree.priority_at(server, &found.spot, Some(&found.types)) > Priority::default()
        };
        let writer = self.actor.server().filter(counts).cloned();
        let before = ledger.domain(&anchor).and_then(|domain| domain.writer.as_ref());
        if before != writer.as_ref() {
            let at = self.tree.site_of(&anchor);
            self.tree.take_step(LedgerStep::Writer { at, writer });
        }
    }

    /// Refuses to remove or move a subtree in which something is another's: an object of another owner, one of a type that
    /// the server may not manage, what is delegated to others, or a value of a higher priority.
    pub(crate) fn check_going(&self, found: &Found<'_>, right: Rights) -> Result<(), Refusal> {
        // What an application of the device may do was judged leaf by leaf.
        let (Some(ledger), Some(server)) = (self.tree.ledger.as_deref(), self.actor.server()) else {
            return Ok(());
        };
        let mut refusal = None;
        match &found.spot {
            Spot::Stored(top) => {
                let types = ledger.looks_at_types(server);
                self.tree.any_below(*top, |id| {
                    let node = self.tree.at(id);
                    let marked = node.flags.contains(Flags::MARKED);
                    let typed = types
                        && matches!(&node.content, Content::Interior(interior) if !interior.mo_id().is_empty());
                    if marked || typed {
                        refusal = self.stays(ledger.stored(id), &Spot::Stored(id), right);
                    }
                    refusal.is_some()
                });
            }
            Spot::Mounted(mounted) => {
                for path in ledger.served_below(mounted.id, &key(&mounted.path)) {
                    let names = path.split('/').map(crate::store::resolved).collect();
                    let spot = Spot::Mounted(Mounted { path: names, ..*mounted });
                    let domain = ledger.domain(&Site::Served(mounted.id, path.clone()));
                    refusal = refusal.or_else(|| self.stays(domain, &spot, right));
                }
            }
        }
        refusal.map_or(Ok(()), |kind| Err(kind.into()))
    }

    /// Why a node stays, if it does.
    fn stays(&self, domain: Option<&Domain>, spot: &Spot<'_>, right: Rights) -> Option<RefusalKind> {
        let types = if matches!(spot, Spot::Stored(_)) { Some(&[][..]) } else { None };
        let verdict = self.tree.judge_actor(self.actor, right, spot, types);
        let Some(domain) = domain else { return verdict.is_concealed().then(|| verdict.into()) };
        // A node without an entry of its own is under the rights of the one that is addressed, as ever.
        let counts = domain.ownership.is_some() || domain.has_delegations() || verdict.is_concealed();
        if counts && !verdict.is_allowed() {
            return Some(verdict.into());
        }
        if domain.has_delegations() && verdict != Verdict::Owner {
            return Some(RefusalKind::BeyondDelegation);
        }
        self.is_outranked(domain, spot).then_some(RefusalKind::Outranked)
    }
}

impl Tree {
    pub(crate) fn is_ledger_object(&self, mount: crate::mount::MountId) -> bool {
        self.ledger.as_deref().is_some_and(|ledger| ledger.object == Some(mount))
    }
}
