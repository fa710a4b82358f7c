//! Replace (RepPro 1.2.1, Replace).

use crate::acting::{Acting, Aspect};
use crate::content::Content;
use crate::error::{Refusal, RefusalKind};
use crate::rights::{AccessType, Rights};

impl Acting<'_> {
    /// Replace: another value for an existing leaf, or the ACL, name or title of a node. Creates nothing.
    ///
    /// For a property only the data count; format and type of a property are fixed.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status to answer.
    pub fn replace(&mut self, uri: &str, content: &Content<'_>) -> Result<(), Refusal> {
        let aim = self.aim(uri, Rights::REPLACE)?;
        match aim.query {
            Aspect::Node => {}
            Aspect::Property(property) => return self.replace_property(&aim.node, property, content),
            Aspect::List(_) => return Err(RefusalKind::NotOnProperty.into()),
        }
        if content.is_serialised_tree() {
            return Err(RefusalKind::SerialisedTree.into());
        }
        let found = self.find(&aim.node)?;
        self.check_acl(&found, Rights::REPLACE)?;
        found.check_access(AccessType::REPLACE)?;
        if found.is_interior {
            return Err(RefusalKind::Interior.into());
        }
        let max_len = self.tree.limits().max_value_len;
        let (format, mime) = (found.format(self.tree), found.type_of(self.tree));
        let value = content.to_replacement(format, &mime, found.is_permanent, max_len)?;
        self.put_value_at(&aim.node, &found, value)
    }
}
