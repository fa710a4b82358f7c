//! Delete (RepPro 1.2.1, Delete).

use crate::access::Spot;
use crate::acting::{Acting, Found};
use crate::change::ChangeKind;
use crate::error::{Refusal, RefusalKind};
use crate::pending::Question;
use crate::rights::{AccessType, Rights};
use crate::schema::SchemaCommand;
use crate::uri::NodeUri;

impl Acting<'_> {
    /// Delete: a dynamic node and everything below it.
    ///
    /// A subtree that holds a permanent node or a mount point stays as a whole. Rights and `AccessType` are those
    /// of the node addressed, unless
    /// [`TreePolicy::strict_subtree_delete`](crate::TreePolicy::strict_subtree_delete) asks for more.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status to answer; nothing is removed then.
    pub fn delete(&mut self, uri: &str) -> Result<(), Refusal> {
        let uri = self.aim_at_node(uri, Rights::DELETE)?;
        let found = self.find(&uri)?;
        self.delete_found(&uri, &found)
    }

    pub(crate) fn delete_found(&mut self, uri: &NodeUri<'_>, found: &Found<'_>) -> Result<(), Refusal> {
        // The root and permanent nodes before the ACL: "always 405" (RepPro 1.2.1, Delete).
        if found.is_permanent {
            return Err(RefusalKind::Permanent.into());
        }
        self.check_acl(found, Rights::DELETE)?;
        let strict = self.tree.policy().strict_subtree_delete;
        if let Spot::Stored(id) = found.spot
            && (strict || self.actor.server().is_none())
            && !self.tree.may_delete_leaves(self.actor, id)
        {
            return Err(RefusalKind::Denied.into());
        }
        self.check_going(found, Rights::DELETE)?;
        found.check_access(AccessType::DELETE)?;
        match &found.spot {
            Spot::Stored(id) => {
                if self.tree.holds_permanent(*id) {
                    return Err(RefusalKind::Permanent.into());
                }
                self.check_schema(uri, SchemaCommand::Delete)?;
                self.record(&found.spot, ChangeKind::Deleted);
                self.tree.remove_subtree(*id);
            }
            Spot::Mounted(mounted) => {
                self.check_schema(uri, SchemaCommand::Delete)?;
                self.prepare(mounted)?;
                let (handler, cx) = self.ask(mounted)?;
                if let Err(no) = handler.delete(&cx, &mounted.names()) {
                    let question = |acting: &Self| Question::Delete { uri: acting.uri_of(&found.spot) };
                    return Err(self.no_answer(no, question));
                }
                self.settle_ledger()?;
                self.tree.drop_mounted_acls(mounted);
                self.record(&found.spot, ChangeKind::Deleted);
            }
        }
        Ok(())
    }
}
