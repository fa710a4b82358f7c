//! Get (RepPro 1.2.1, Get; TND 1.2.1 §7.7).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::access::Spot;
use crate::acting::{Acting, Aim, Aspect, Found};
use crate::error::{Refusal, RefusalKind};
use crate::handler::Children;
use crate::mount::Mounted;
use crate::node::NodeRef;
use crate::pending::Question;
use crate::rights::{AccessType, Rights};
use crate::value::{Format, Value};

/// What Get found.
#[derive(Clone, PartialEq, Eq)]
pub struct Got {
    format: Format,
    mime: Cow<'static, str>,
    data: Vec<u8>,
}

impl Got {
    pub(crate) const fn new(format: Format, mime: Cow<'static, str>, data: Vec<u8>) -> Self {
        Self { format, mime, data }
    }

    /// The format: that of the value, `node` for a child list, `chr` for a property.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The MIME type; `text/plain` for child lists and properties.
    #[must_use]
    pub fn mime(&self) -> &str {
        &self.mime
    }

    /// The value as stored, not encoded for any wire; the escaped child names joined with `/`; or the property.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The data, without copying them.
    #[must_use]
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }
}

impl From<&Value> for Got {
    fn from(value: &Value) -> Self {
        Self::new(value.format(), value.type_cow(), value.data().to_vec())
    }
}

/// Shows how long the data are, not what they say.
impl fmt::Debug for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.format, self.mime, self.data.len())
    }
}

impl Acting<'_> {
    /// Get: the value of a leaf, the child names of an interior node, or a property. For lists see
    /// [`walk`](Self::walk).
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status to answer.
    pub fn get(&mut self, uri: &str) -> Result<Got, Refusal> {
        let aim = self.aim(uri, Rights::GET)?;
        if let Aspect::List(_) = aim.query {
            return Err(RefusalKind::UnsupportedList.into());
        }
        self.get_aimed(uri, &aim)
    }

    pub(crate) fn get_aimed(&mut self, target: &str, aim: &Aim<'_>) -> Result<Got, Refusal> {
        let mut found = self.find(&aim.node)?;
        // Never shown, whatever the ACL says (StdObj 1.2.1, Inbox).
        if found.is_sealed {
            return Err(RefusalKind::AccessType.into());
        }
        self.check_acl(&found, Rights::GET)?;
        if let Aspect::Property(property) = aim.query {
            return self.get_property(&aim.node, &found, property);
        }
        found.check_access(AccessType::GET)?;
        if found.is_interior {
            let names = self.child_list(target, &found)?;
            return Ok(Got::new(Format::Node, Cow::Borrowed(Value::DEFAULT_TYPE), names.into_bytes()));
        }
        match &found.spot {
            Spot::Stored(_) => {
                let value = found.value(self.tree).ok_or(RefusalKind::NotFound)?;
                Ok(Got::from(value))
            }
            Spot::Mounted(mounted) => {
                let (format, mime) = (found.format(self.tree), Cow::Owned(found.type_of(self.tree)));
                let (handler, cx) = self.ask(mounted)?;
                match handler.get(&cx, &mounted.names()) {
                    Ok(data) => Ok(Got::new(format, mime, data)),
                    Err(no) => {
                        let question = |_: &Self| Question::Get {
                            target: target.into(),
                            format,
                            mime,
                            types: core::mem::take(&mut found.types),
                        };
                        Err(self.no_answer(no, question))
                    }
                }
            }
        }
    }

    /// The names of a handler's nodes that the server may know of.
    fn revealed(
        &mut self,
        mounted: &Mounted<'_>,
        types: &[String],
        names: Children,
    ) -> Result<Children, Refusal> {
        let mut revealed = Children::new(self.tree.limits().max_child_list_len);
        let all: Vec<String> = names.names().ok_or(RefusalKind::TooLarge)?.map(String::from).collect();
        for name in all {
            let mut child = mounted.clone();
            child.path.push(Cow::Owned(crate::store::resolved(&name).into_owned()));
            let mut types = types.to_vec();
            if !types.is_empty() {
                let facts = self.facts(&child)?.filter(|facts| facts.format == Format::Node);
                types.push(facts.map_or_else(String::new, |facts| facts.mime.as_ref().into()));
            }
            if !self.is_hidden(&Spot::Mounted(child), Some(&types)) {
                revealed.push_spelled(&name);
            }
        }
        Ok(revealed)
    }

    fn child_list(&mut self, target: &str, found: &Found<'_>) -> Result<String, Refusal> {
        let mut names = Children::new(self.tree.limits().max_child_list_len);
        match &found.spot {
            Spot::Stored(id) => {
                self.tree.store.settle(*id);
                let hides = self.hides();
                for child in (NodeRef { tree: self.tree, id: *id }).children() {
                    let spot = Spot::Stored(child.id);
                    if !hides || !self.is_hidden(&spot, Some(&[])) {
                        names.push_spelled(child.name());
                    }
                }
            }
            Spot::Mounted(mounted) => {
                let (handler, cx) = self.ask(mounted)?;
                if let Err(no) = handler.children(&cx, &mounted.names(), &mut names) {
                    let mime = Cow::Borrowed(Value::DEFAULT_TYPE);
                    let question = |_: &Self| Question::Get {
                        target: target.into(),
                        format: Format::Node,
                        mime,
                        types: found.types.clone(),
                    };
                    return Err(self.no_answer(no, question));
                }
                if self.hides() {
                    names = self.revealed(mounted, &found.types, names)?;
                }
            }
        }
        Ok(names.finish().ok_or(RefusalKind::TooLarge)?)
    }
}
