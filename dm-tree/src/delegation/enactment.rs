//! What was agreed, as commands for a device that keeps a ledger.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::{Add, CmdId, Command, Data, Exec, Format, Item, LocUri, Meta, Replace};

use super::message::{NegotiationId, Proposal};
use crate::authority::{DelegationId, Priority, Scope};
use crate::server_id::ServerId;
use crate::uri::NodeUri;

impl Proposal {
    /// The commands by which the delegator has a device enter the delegation into its [ledger](crate::authority), where that is shown at
    /// `ledger` ([`AUTHORITY_MO`](crate::authority::AUTHORITY_MO)): a draft under the name of the negotiation, and the Exec that puts it in force.
    /// `parent` is the number of the delegation that it passes on a part of, where it does.
    ///
    /// To be sent in this order, each only when the one before was done; a draft that is there already, from a Grant before a restart,
    /// may answer the first with 418.
    #[must_use]
    pub fn ledger_commands(
        &self,
        ledger: &NodeUri<'_>,
        id: NegotiationId,
        delegatee: &ServerId,
        parent: Option<DelegationId>,
    ) -> Vec<Command<'static>> {
        // A name of digits alone would be a number.
        let draft = format!("{ledger}/Delegations/n-{id}");
        let mut commands = Vec::new();
        let interior = Meta::new().with_format(Format::NODE);
        commands.push(Add::new(number(), Vec::from([to(draft.clone()).with_meta(interior)])).into());
        let mut leaf = |name: &str, format: Format<'static>, text: String| {
            // What terms hold is text.
            let Ok(data) = Data::text(text) else { return };
            let item =
                to(format!("{draft}/{name}")).with_meta(Meta::new().with_format(format)).with_data(data);
            commands.push(Replace::new(number(), Vec::from([item])).into());
        };
        let terms = self.terms();
        leaf("Kind", Format::CHR, terms.kind().name().into());
        leaf("Delegatee", Format::CHR, delegatee.to_string());
        match terms.scope() {
            Scope::Subtree(uri) => leaf("Subtree", Format::CHR, uri.to_string()),
            Scope::Instance(uri) => leaf("Instance", Format::CHR, uri.to_string()),
            Scope::Type(mo_type) => leaf("Type", Format::CHR, mo_type.to_string()),
        }
        let commands_of: Vec<_> = terms.commands().iter().map(|(_, name)| name).collect();
        leaf("Commands", Format::CHR, commands_of.join(" "));
        if let Some(parent) = parent {
            leaf("Parent", Format::CHR, parent.to_string());
        }
        if let Some(not_after) = terms.not_after() {
            leaf("NotAfter", Format::CHR, not_after.to_string());
        }
        if terms.depth() > 0 {
            leaf("Depth", Format::INT, terms.depth().to_string());
        }
        if terms.priority() != Priority::default() {
            leaf("Priority", Format::INT, terms.priority().0.to_string());
        }
        let prohibited: Vec<_> = terms.prohibited().map(ServerId::as_str).collect();
        if !prohibited.is_empty() {
            leaf("Prohibited", Format::CHR, prohibited.join(" "));
        }
        let others: Vec<_> = terms.other_restrictions().collect();
        if !others.is_empty() {
            leaf("Restrictions", Format::CHR, others.join(" "));
        }
        commands.push(Exec::new(number(), to(format!("{draft}/Grant"))).into());
        commands
    }
}

fn to(uri: String) -> Item<'static> {
    Item::to(LocUri::new(uri).expect("an address of a tree is text"))
}

/// A session gives commands ids of its own.
fn number() -> CmdId<'static> {
    CmdId::new("1").expect("a number")
}
