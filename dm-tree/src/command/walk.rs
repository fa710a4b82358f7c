//! Walking a subtree with a server's rights: what `?list=` is made of (RepPro 1.2.1, Get).

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use dm_syncml::{Item, LocUri};

use crate::access::Spot;
use crate::acl::Acl;
use crate::acting::{Acting, Aspect, Found};
use crate::command::Got;
use crate::error::{Refusal, RefusalKind};
use crate::execute::value_item;
use crate::handler::{Children, NoAnswer};
use crate::node::NodeRef;
use crate::rights::{AccessType, Rights};
use crate::store::{Content as Stored, NodeId};
use crate::timestamp::Timestamp;
use crate::uri::{NodeUri, Segment};
use crate::value::{Format, Value};

/// The nodes at and below an address that a server may read, parents before their children and siblings in byte
/// order. Made by [`Acting::walk`].
///
/// A subtree whose top may not be read is left out as a whole. Nothing is collected but the names on the way to
/// where the walk is, so a subtree of any size can be walked; and a walk can go on in another call, or another
/// session, [after](Acting::walk) the address it came to, whatever has changed meanwhile.
pub struct Walk<'a, 't> {
    acting: &'a mut Acting<'t>,
    /// The address of the parent of what comes next, and those siblings; innermost last.
    levels: Vec<Level>,
    top: Option<NodeUri<'static>>,
}

/// Siblings of which some are still to come.
struct Level {
    parent: NodeUri<'static>,
    siblings: Siblings,
    next: usize,
}

enum Siblings {
    Stored(Vec<NodeId>),
    /// Names as spelled, in byte order of what they spell.
    Served(Vec<String>),
}

/// A node that a walk came to.
pub struct Visit {
    uri: NodeUri<'static>,
    format: Format,
    mime: Cow<'static, str>,
    acl: Acl,
    title: String,
    ver_no: Option<u16>,
    time_stamp: Option<Timestamp>,
    value: Option<Value>,
}

impl<'t> Acting<'t> {
    /// Walks the subtree at `uri`, which is a node, or a node with a `?list=`. With `after`, an address that an
    /// earlier walk came to, begins behind it.
    ///
    /// ```
    /// use dm_tree::{NodeSpec, ServerId, Tree, Value};
    ///
    /// let mut tree = Tree::default();
    /// tree.insert("./A/B/C", NodeSpec::leaf(Value::int(1)))?;
    /// tree.insert("./A/D", NodeSpec::leaf(Value::int(2)))?;
    /// let server = ServerId::new("com.example.dm")?;
    /// let handlers = &mut ();
    /// let mut acting = tree.act_for(&server, handlers);
    /// let mut walk = acting.walk("./A", None)?;
    /// let mut seen = Vec::new();
    /// while let Some(visit) = walk.next()? {
    ///     seen.push(visit.uri().to_string());
    /// }
    /// assert_eq!(seen, ["./A", "./A/B", "./A/B/C", "./A/D"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refusal`] as for a Get of the node at `uri`; 404 as well when `after` is not below it.
    pub fn walk(&mut self, uri: &str, after: Option<&NodeUri<'_>>) -> Result<Walk<'_, 't>, Refusal> {
        let aim = self.aim(uri, Rights::GET)?;
        if let Aspect::Property(_) = aim.query {
            return Err(RefusalKind::NotOnProperty.into());
        }
        let found = self.find(&aim.node)?;
        if found.is_sealed {
            return Err(RefusalKind::AccessType.into());
        }
        self.check_acl(&found, Rights::GET)?;
        found.check_access(AccessType::GET)?;
        let top = aim.node.into_owned();
        let mut walk = Walk { acting: self, levels: Vec::new(), top: Some(top.clone()) };
        if let Some(after) = after {
            walk.resume(&top, after)?;
        }
        Ok(walk)
    }
}

impl Walk<'_, '_> {
    /// The next node; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when a handler refuses, would answer later, or lists more than the limits allow. The walk goes
    /// on behind that node.
    #[allow(clippy::should_implement_trait)] // What it yields can fail, and it lends handlers.
    pub fn next(&mut self) -> Result<Option<Visit>, Refusal> {
        if let Some(top) = self.top.take() {
            return self.visit(top);
        }
        loop {
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            let at = level.next;
            level.next += 1;
            let name: Cow<'_, str> = match &level.siblings {
                Siblings::Stored(ids) => match ids.get(at) {
                    Some(id) => Cow::Owned(self.acting.tree.at(*id).name.as_str().to_string()),
                    None => Cow::Borrowed(""),
                },
                Siblings::Served(names) => {
                    names.get(at).map_or(Cow::Borrowed(""), |name| Cow::Borrowed(name))
                }
            };
            if name.is_empty() {
                self.levels.pop();
                continue;
            }
            let uri = level.parent.join(&name);
            if let Some(visit) = self.visit(uri)? {
                return Ok(Some(visit));
            }
        }
    }

    /// Looks at a node and goes down into it; `None` when the server may not see it.
    fn visit(&mut self, uri: NodeUri<'static>) -> Result<Option<Visit>, Refusal> {
        let acting = &mut *self.acting;
        // What a handler lists it may disown a moment later.
        let Ok(found) = acting.find(&uri) else { return Ok(None) };
        let readable = !found.is_sealed && found.access.contains(AccessType::GET);
        if !readable || acting.check_acl(&found, Rights::GET).is_err() {
            return Ok(None);
        }
        let visit = Visit::of(acting, &uri, &found)?;
        if found.is_interior {
            let siblings = siblings(acting, &found.spot)?;
            self.levels.push(Level { parent: uri, siblings, next: 0 });
        }
        Ok(Some(visit))
    }

    /// Goes to behind an address without visiting anything.
    fn resume(&mut self, top: &NodeUri<'static>, after: &NodeUri<'_>) -> Result<(), Refusal> {
        self.top = None;
        let mut rest = after.segments();
        let mut at = top.clone();
        for segment in top.segments() {
            if rest.next().map(Segment::name) != Some(segment.name()) {
                return Err(RefusalKind::NotFound.into());
            }
        }
        loop {
            let acting = &mut *self.acting;
            let Ok(found) = acting.find(&at) else { return Ok(()) };
            let readable = !found.is_sealed && found.access.contains(AccessType::GET);
            if !found.is_interior || !readable || acting.check_acl(&found, Rights::GET).is_err() {
                return Ok(());
            }
            let siblings = siblings(acting, &found.spot)?;
            let Some(segment) = rest.next() else {
                self.levels.push(Level { parent: at, siblings, next: 0 });
                return Ok(());
            };
            let name = segment.name();
            let passed = |spelling: &str| *crate::store::resolved(spelling) <= *name;
            let next = match &siblings {
                Siblings::Stored(ids) => ids.partition_point(|id| passed(acting.tree.at(*id).name.as_str())),
                Siblings::Served(names) => names.partition_point(|name| passed(name)),
            };
            let below = at.join(segment.as_str());
            self.levels.push(Level { parent: at, siblings, next });
            at = below;
        }
    }
}

fn siblings(acting: &mut Acting<'_>, spot: &Spot<'_>) -> Result<Siblings, Refusal> {
    let mounted = match spot {
        Spot::Stored(id) => {
            acting.tree.store.settle(*id);
            return Ok(Siblings::Stored(acting.tree.store.children(*id).into_owned()));
        }
        Spot::Mounted(mounted) => mounted,
    };
    let mut list = Children::new(acting.tree.limits().max_child_list_len);
    let (handler, cx) = acting.ask(mounted)?;
    handler.children(&cx, &mounted.names(), &mut list).map_err(at_once)?;
    let mut names: Vec<String> = list.names().ok_or(RefusalKind::TooLarge)?.map(String::from).collect();
    names.sort_by(|a, b| crate::store::resolved(a).cmp(&crate::store::resolved(b)));
    Ok(Siblings::Served(names))
}

/// A walk cannot wait.
fn at_once(no: NoAnswer) -> RefusalKind {
    match no {
        NoAnswer::Refused(status) => RefusalKind::Handler(status),
        NoAnswer::Later => RefusalKind::HandlerLater,
    }
}

impl Visit {
    fn of(acting: &mut Acting<'_>, uri: &NodeUri<'static>, found: &Found<'_>) -> Result<Self, Refusal> {
        let mut visit = Self {
            uri: uri.clone(),
            format: found.format(acting.tree),
            mime: Cow::Owned(found.type_of(acting.tree)),
            acl: acting.tree.own_acl(&found.spot).clone(),
            title: String::new(),
            ver_no: None,
            time_stamp: None,
            value: None,
        };
        match &found.spot {
            Spot::Stored(id) => {
                let node = NodeRef { tree: acting.tree, id: *id };
                visit.title = node.title().into();
                visit.ver_no = Some(node.ver_no());
                visit.time_stamp = node.time_stamp();
                if let Stored::Leaf(value) = &node.node().content {
                    visit.value = Some(value.clone());
                }
            }
            Spot::Mounted(mounted) if !found.is_interior => {
                let (handler, cx) = acting.ask(mounted)?;
                let data = handler.get(&cx, &mounted.names()).map_err(at_once)?;
                // A handler whose value is not of the format it states is believed in the value.
                let value = Value::new(visit.format, visit.mime.clone(), data)
                    .map_err(|_| RefusalKind::Handler(dm_syncml::StatusCode::COMMAND_FAILED))?;
                visit.value = Some(value);
            }
            Spot::Mounted(_) => {}
        }
        Ok(visit)
    }

    /// The address.
    #[must_use]
    pub const fn uri(&self) -> &NodeUri<'static> {
        &self.uri
    }

    /// Whether it can have children.
    #[must_use]
    pub fn is_interior(&self) -> bool {
        self.format == Format::Node
    }

    /// The format; `node` for an interior node.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The `Type` property: the MIME type of a leaf, the management object identifier of an interior node.
    #[must_use]
    pub fn mime(&self) -> &str {
        &self.mime
    }

    /// Its own ACL; empty when it inherits.
    #[must_use]
    pub const fn acl(&self) -> &Acl {
        &self.acl
    }

    /// The title; empty when it has none.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// How often it changed; `None` for what a handler serves.
    #[must_use]
    pub const fn ver_no(&self) -> Option<u16> {
        self.ver_no
    }

    /// When it last changed, where that is known.
    #[must_use]
    pub const fn time_stamp(&self) -> Option<Timestamp> {
        self.time_stamp
    }

    /// The value of a leaf.
    #[must_use]
    pub const fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    /// The item that a Get with `?list=StructData` answers with, or without data `?list=Struct` (RepPro 1.2.1, Get).
    #[must_use]
    pub fn into_item(self, with_data: bool) -> Item<'static> {
        let source = String::from(self.uri.as_str());
        let data = match &self.value {
            Some(value) if with_data => Some(value.data().to_vec()),
            _ => None,
        };
        let has_data = data.is_some();
        // Every address a tree knows is a LocURI.
        let Ok(source) = LocUri::new(source) else { return Item::new() };
        let mut item = value_item(source, Got::new(self.format, self.mime, data.unwrap_or_default()));
        if !has_data {
            item.data = None;
            // An interior node without a management object identifier has no type to tell.
            if let Some(meta) = item.meta.take() {
                item.meta = (meta != dm_syncml::Meta::new()).then_some(meta);
            }
        }
        item
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("uri", &self.uri).field("value", &self.value).finish_non_exhaustive()
    }
}

impl fmt::Debug for Walk<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("depth", &self.levels.len()).finish_non_exhaustive()
    }
}
