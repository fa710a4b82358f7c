//! Get and Replace of properties (TND 1.2.1 §7.7).

use alloc::borrow::Cow;
use alloc::string::{String, ToString};

use crate::access::Spot;
use crate::acl::{Acl, AclErrorKind};
use crate::acting::{Acting, Found};
use crate::authority::Verdict;
use crate::change::ChangeKind;
use crate::command::Got;
use crate::content::Content;
use crate::error::{Refusal, RefusalKind};
use crate::node::NodeRef;
use crate::property::Property;
use crate::rights::{AccessType, Rights};
use crate::schema::SchemaCommand;
use crate::store::NodeId;
use crate::tree::Tree;
use crate::uri::{NodeUri, Segment, UriErrorKind, escape};
use crate::value::{Format, Value};

impl Acting<'_> {
    /// The node exists and its ACL allows Get. The `AccessType` speaks of the value, so it hides only its size.
    pub(crate) fn get_property(
        &mut self,
        uri: &NodeUri<'_>,
        found: &Found<'_>,
        property: Property,
    ) -> Result<Got, Refusal> {
        let stored = match &found.spot {
            Spot::Stored(id) => Some(self.tree.at(*id)),
            Spot::Mounted(_) => None,
        };
        let text: String = match (property, stored) {
            // The stored value, never the inherited one (TND 1.2.1 §7.7.1, inheritance).
            (Property::Acl, _) => self.tree.own_acl(&found.spot).to_string(),
            (Property::Format, _) => found.format(self.tree).name().into(),
            (Property::Name, Some(node)) => node.name.as_str().into(),
            (Property::Name, None) => {
                uri.last().map_or_else(String::new, |segment| escape(&segment.name()).into_owned())
            }
            (Property::Size, Some(_)) => {
                let value = found.value(self.tree).ok_or(RefusalKind::UnknownProperty)?;
                found.check_access(AccessType::GET)?;
                value.data().len().to_string()
            }
            (Property::Title, Some(node)) => node.title.as_ref().into(),
            (Property::Type, _) => found.type_of(self.tree),
            (Property::VerNo, Some(node)) => node.stamp.ver_no.to_string(),
            // Empty for what changed last before the tree knew the time.
            (Property::TStamp, Some(node)) => node.stamp.at.map_or_else(String::new, |at| at.to_string()),
            // Handlers' nodes have only what every node must have.
            (Property::Size | Property::Title | Property::VerNo | Property::TStamp, None) => {
                return Err(RefusalKind::UnknownProperty.into());
            }
        };
        Ok(Got::new(Format::Chr, Cow::Borrowed(Value::DEFAULT_TYPE), text.into_bytes()))
    }

    /// `property` is replaceable; nothing else has been checked.
    pub(crate) fn replace_property(
        &mut self,
        uri: &NodeUri<'_>,
        property: Property,
        content: &Content<'_>,
    ) -> Result<(), Refusal> {
        let found = self.find(uri)?;
        match property {
            Property::Name => self.rename(&found, content),
            Property::Title => self.retitle(&found, content),
            Property::Acl => self.replace_acl(&found, content),
            _ => Err(RefusalKind::NotOnProperty.into()),
        }
    }

    fn replace_acl(&mut self, found: &Found<'_>, content: &Content<'_>) -> Result<(), Refusal> {
        self.check_acl_change(found)?;
        if content.data().len() > self.tree.limits().max_acl_len {
            return Err(RefusalKind::TooLarge.into());
        }
        let not_text = RefusalKind::Acl(AclErrorKind::UnknownCommand);
        let text = content.property_text().ok_or(not_text)?;
        let acl = Acl::parse(text).map_err(|error| RefusalKind::Acl(error.kind()))?;
        self.check_acl_grants(found, &acl)?;
        self.put_acl_at(found, acl)?;
        self.record(&found.spot, ChangeKind::AclReplaced);
        Ok(())
    }

    /// Whether the server may replace the ACL (TND 1.2.1 §7.7.1.3).
    pub(crate) fn check_acl_change(&self, found: &Found<'_>) -> Result<(), Refusal> {
        match self.judge_acl_change(found) {
            verdict if verdict.is_allowed() => Ok(()),
            verdict => Err(RefusalKind::from(verdict).into()),
        }
    }

    fn judge_acl_change(&self, found: &Found<'_>) -> Verdict {
        match self.actor.server() {
            Some(server) => {
                self.tree.judge_acl_change(server, &found.spot, !found.is_interior, Some(&found.types))
            }
            // ACLs are about servers; an application has no say in them.
            None => Verdict::NotGranted,
        }
    }

    /// Who acts by a delegation gives nobody rights through an ACL, itself among them: they would outlast the delegation,
    /// and its terms would not hold for them. It may take rights away.
    pub(crate) fn check_acl_grants(&self, found: &Found<'_>, acl: &Acl) -> Result<(), Refusal> {
        let by_delegation = matches!(self.judge_acl_change(found), Verdict::Delegation(_));
        if by_delegation && !self.tree.only_narrows(&found.spot, acl) {
            return Err(RefusalKind::BeyondDelegation.into());
        }
        Ok(())
    }

    pub(crate) fn put_acl_at(&mut self, found: &Found<'_>, acl: Acl) -> Result<(), Refusal> {
        match &found.spot {
            // The device keeps the root open to Add (TND 1.2.1 §7.7.1, root), which an empty ACL would not.
            Spot::Stored(id) if Tree::is_root(*id) && !acl.rights_of_anyone().contains(Rights::ADD) => {
                return Err(RefusalKind::RootAcl.into());
            }
            Spot::Stored(id) => self.tree.put_acl(*id, acl)?,
            Spot::Mounted(mounted) => self.tree.put_mounted_acl(mounted, acl)?,
        }
        Ok(())
    }

    fn retitle(&mut self, found: &Found<'_>, content: &Content<'_>) -> Result<(), Refusal> {
        let Spot::Stored(id) = found.spot else { return Err(RefusalKind::UnknownProperty.into()) };
        self.check_acl(found, Rights::REPLACE)?;
        let title = content.property_text().ok_or(RefusalKind::Format)?;
        if title.len() > Property::MAX_TITLE_LEN {
            return Err(RefusalKind::TooLarge.into());
        }
        self.tree.put_title(id, title)?;
        self.record(&found.spot, ChangeKind::TitleReplaced);
        Ok(())
    }

    /// Rename (TND 1.2.1 §7.7, Name). Needs Replace on the node alone; ACLs move with their nodes.
    fn rename(&mut self, found: &Found<'_>, content: &Content<'_>) -> Result<(), Refusal> {
        // Handlers offer no rename, so their nodes keep their names like permanent ones.
        let id = match found.spot {
            Spot::Stored(id) if !found.is_permanent => id,
            _ => return Err(RefusalKind::Permanent.into()),
        };
        self.check_acl(found, Rights::REPLACE)?;
        self.check_going(found, Rights::REPLACE)?;
        found.check_access(AccessType::REPLACE)?;
        // A permanent node stays where it is, so what it hangs from does too.
        if self.tree.holds_permanent(id) {
            return Err(RefusalKind::Permanent.into());
        }
        let not_text = RefusalKind::Uri(UriErrorKind::BadCharacter(char::REPLACEMENT_CHARACTER));
        let text = content.property_text().ok_or(not_text)?;
        let name = Segment::parse(text)?;
        let parent = self.tree.at(id).parent;
        let to = self.tree.uri_of(parent).join(name.as_str());
        to.check(&self.tree.limits().uri)?;
        self.check_subtree_lengths(id, &to)?;
        match self.tree.store.child(parent, &name.name()) {
            Some(other) if other != id => {
                self.check_concealed(&Spot::Stored(other), Some(&[]))?;
                return Err(RefusalKind::AlreadyExists.into());
            }
            _ => {}
        }
        let from = self.uri_of(&found.spot);
        self.check_schema(&from, SchemaCommand::Rename(name.as_str()))?;
        self.tree.rename(id, name)?;
        crate::standard::hide_secrets(self.tree, id);
        self.note_change(from, ChangeKind::Renamed { to });
        Ok(())
    }

    /// A longer name must not put nodes below it out of reach.
    fn check_subtree_lengths(&self, id: NodeId, to: &NodeUri<'_>) -> Result<(), Refusal> {
        let max = usize::from(self.tree.limits().uri.max_tot_len);
        let old = self.tree.uri_of(id).as_str().len();
        let new = to.as_str().len();
        if max == 0 || new <= old {
            return Ok(());
        }
        let top = NodeRef { tree: self.tree, id };
        // Lengths add up on the way down, so one walk does.
        let mut stack = alloc::vec![(top, new)];
        while let Some((node, len)) = stack.pop() {
            if len > max {
                return Err(RefusalKind::Uri(UriErrorKind::TooLong).into());
            }
            stack.extend(node.children().map(|child| (child, len + 1 + child.name().len())));
        }
        Ok(())
    }
}
