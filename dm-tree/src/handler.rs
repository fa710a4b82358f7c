//! Handlers: plug-ins that serve a subtree instead of storing it.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dm_syncml::StatusCode;

use crate::access::Spot;
use crate::error::TreeError;
use crate::mount::{MountId, Mounted};
use crate::node::{NewNode, NodeFacts};
use crate::pending::Ticket;
use crate::principal::{Actor, ApplicationId};
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::tree::Tree;
use crate::uri::{NodeUri, escape};
use crate::value::Value;

/// Serves the nodes at and below a mount point.
///
/// Addresses arrive as names below the mount point, percent escapes resolved, so a `match` on a slice reads well;
/// the empty slice is the mount point itself. Before a handler acts, the tree has checked the address, the ACL,
/// that the node exists (or, for Add, does not) and is of the right kind, and that
/// [`node`](Self::node) lists the command in the node's `AccessType`.
///
/// A node is never stored, so a handler may serve millions of them. A status that comes out of `Err` is
/// sent to the server; 403, 500 and 510 are the usual ones. [`NoAnswer::Later`] means that the answer will come:
/// keep the [`ticket`](Context::ticket) and give the answer to [`Tree::answer`].
///
/// In an Atomic a handler is asked to [`begin`](Self::begin) before its first change, and in the end to
/// [`commit`](Self::commit) or [`roll_back`](Self::roll_back). One that does not offer this refuses; the Atomic
/// then fails and leaves no trace.
///
/// ```
/// use dm_syncml::StatusCode;
/// use dm_tree::{
///     AccessType, Children, Context, Format, Handler, HandlerMap, NoAnswer, NodeFacts, ServerId, Tree, Value,
/// };
///
/// struct Volume(i32);
///
/// impl Handler for Volume {
///     fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
///         match path {
///             [] => Some(NodeFacts::interior()),
///             ["Level"] => Some(NodeFacts::leaf(Format::Int).with_access(AccessType::GET | AccessType::REPLACE)),
///             _ => None,
///         }
///     }
///
///     fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
///         Ok(self.0.to_string().into_bytes())
///     }
///
///     fn children(&mut self, _: &Context<'_>, _: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
///         out.push("Level");
///         Ok(())
///     }
///
///     fn replace(&mut self, _: &Context<'_>, _: &[&str], value: &Value) -> Result<(), NoAnswer> {
///         self.0 = value.as_str().and_then(|text| text.parse().ok()).ok_or(StatusCode::COMMAND_FAILED)?;
///         Ok(())
///     }
/// }
///
/// let mut tree = Tree::default();
/// let mut handlers = HandlerMap::new();
/// handlers.mount(&mut tree, "./Vendor/Volume", Volume(3))?;
/// let server = ServerId::new("com.example.dm")?;
/// let got = tree.act_for(&server, &mut handlers).get("./Vendor/Volume/Level")?;
/// assert_eq!(got.data(), b"3");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Handler {
    /// What there is at `path`; `None` when nothing is. Asked before anything else, and only about facts: it must
    /// not change anything.
    fn node(&mut self, cx: &Context<'_>, path: &[&str]) -> Option<NodeFacts>;

    /// The value of a leaf, in the format [`node`](Self::node) states.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`]: the status to answer with, or later.
    fn get(&mut self, cx: &Context<'_>, path: &[&str]) -> Result<Vec<u8>, NoAnswer>;

    /// The names below an interior node, not escaped, in the order they are to be listed.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`]: the status to answer with, or later.
    fn children(&mut self, cx: &Context<'_>, path: &[&str], out: &mut Children) -> Result<(), NoAnswer>;

    /// Another value for a leaf.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`]: the status to answer with, or later; nothing may have changed then.
    fn replace(&mut self, cx: &Context<'_>, path: &[&str], value: &Value) -> Result<(), NoAnswer> {
        let _ = (cx, path, value);
        Err(StatusCode::NOT_ALLOWED.into())
    }

    /// A new node below an existing interior one.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`]: the status to answer with, or later; nothing may have changed then.
    fn add(&mut self, cx: &Context<'_>, path: &[&str], new: &NewNode) -> Result<(), NoAnswer> {
        let _ = (cx, path, new);
        Err(StatusCode::NOT_ALLOWED.into())
    }

    /// Away with a node and everything below it. The ACLs kept for them go as well.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`]: the status to answer with, or later; nothing may have changed then.
    fn delete(&mut self, cx: &Context<'_>, path: &[&str]) -> Result<(), NoAnswer> {
        let _ = (cx, path);
        Err(StatusCode::NOT_ALLOWED.into())
    }

    /// Executes a node with the argument the server gave, empty when it gave none.
    fn exec(&mut self, cx: &Context<'_>, path: &[&str], argument: &[u8]) -> ExecReply {
        let _ = (cx, path, argument);
        ExecReply::Done(StatusCode::NOT_ALLOWED)
    }

    /// Asked before the first change in an Atomic: from here on every change must be possible to undo. The default
    /// refuses with 500.
    ///
    /// # Errors
    ///
    /// The status to answer with, when that cannot be.
    fn begin(&mut self, cx: &Context<'_>) -> Result<(), StatusCode> {
        let _ = cx;
        Err(StatusCode::COMMAND_FAILED)
    }

    /// The Atomic is over and its changes stay.
    fn commit(&mut self, cx: &Context<'_>) {
        let _ = cx;
    }

    /// The Atomic failed: undo every change since [`begin`](Self::begin).
    ///
    /// # Errors
    ///
    /// When that did not work; the server is then told 516.
    fn roll_back(&mut self, cx: &Context<'_>) -> Result<(), StatusCode> {
        let _ = cx;
        Err(StatusCode::COMMAND_FAILED)
    }
}

/// Why a handler gives no answer now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoAnswer {
    /// It will not do it: the status to answer with.
    Refused(StatusCode),
    /// The answer will come through [`Tree::answer`], under the ticket in the [`Context`].
    Later,
}

impl From<StatusCode> for NoAnswer {
    fn from(status: StatusCode) -> Self {
        Self::Refused(status)
    }
}

/// How a handler answers Exec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecReply {
    /// It is over, with this status.
    Done(StatusCode),
    /// It goes on: status 202 now, the outcome later in a generic alert with the same correlator. The request
    /// comes out as an [`ExecRequest`](crate::ExecRequest).
    Accepted,
    /// The status itself comes later, through [`Tree::answer`], under the ticket in the [`Context`]; until then the
    /// command has no answer.
    Later,
}

/// Who is acting, and what a handler may want to know of the tree it hangs in.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) actor: Actor<'a>,
    pub(crate) correlator: Option<&'a str>,
    pub(crate) mount: MountId,
    pub(crate) ticket: Ticket,
}

impl<'a> Context<'a> {
    /// What an answer that comes later is to be given under. Means nothing unless the handler says
    /// [`NoAnswer::Later`].
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// The authenticated server whose command this is; `None` when an application of the device acts.
    #[must_use]
    pub const fn server(&self) -> Option<&'a ServerId> {
        self.actor.server()
    }

    /// The registered application of the device that acts; `None` when a server does.
    #[must_use]
    pub const fn application(&self) -> Option<&'a ApplicationId> {
        self.actor.application()
    }

    /// The correlator of an Exec, to be returned with its outcome.
    #[must_use]
    pub const fn correlator(&self) -> Option<&'a str> {
        self.correlator
    }

    /// Which mount is meant, for a handler that serves several.
    #[must_use]
    pub const fn mount(&self) -> MountId {
        self.mount
    }

    /// The address of a node below the mount point.
    #[must_use]
    pub fn uri(&self, path: &[&str]) -> NodeUri<'static> {
        let top = self.tree.mount_uri(self.mount).unwrap_or(NodeUri::ROOT);
        path.iter().fold(top, |uri, name| uri.join(&escape(name)))
    }

    /// Whether `server`, which need not be the one acting, has `rights` on the node at `uri`.
    /// See [`Tree::may`].
    #[must_use]
    pub fn may(&self, server: &ServerId, rights: Rights, uri: &NodeUri<'_>) -> bool {
        self.tree.may(server, rights, uri)
    }

    /// As [`may`](Self::may), for a node below the handler's own mount point, without spelling its address.
    #[must_use]
    pub fn may_below(&self, server: &ServerId, rights: Rights, path: &[&str]) -> bool {
        let Some(mount) = self.tree.mounts.get(&self.mount) else { return false };
        let path = path.iter().map(|name| Cow::Borrowed(*name)).collect();
        let mounted = Mounted { id: self.mount, node: mount.node, path };
        self.tree.may_at(server, rights, &Spot::Mounted(mounted))
    }
}

/// Collects the child list of a node a handler serves.
///
/// Names are escaped as they come, so what is kept is one text of bounded length however many there are.
#[derive(Debug)]
pub struct Children {
    text: String,
    max_len: usize,
    is_full: bool,
}

impl Children {
    pub(crate) const fn new(max_len: usize) -> Self {
        Self { text: String::new(), max_len, is_full: false }
    }

    /// Lists one more child. Returns whether there is room for others: once it is `false` the command will be
    /// answered 413 and further names are only a waste of time. A name no address can spell (empty, `.`, `..`) is
    /// left out.
    pub fn push(&mut self, name: &str) -> bool {
        if !matches!(name, "" | "." | "..") {
            self.push_spelled(&escape(name));
        }
        !self.is_full
    }

    pub(crate) fn push_spelled(&mut self, spelling: &str) {
        if self.is_full || self.text.len() + 1 + spelling.len() > self.max_len {
            self.is_full = true;
            return;
        }
        if !self.text.is_empty() {
            self.text.push('/');
        }
        self.text.push_str(spelling);
    }

    /// The names one by one, as spelled.
    pub(crate) fn names(&self) -> Option<impl Iterator<Item = &str>> {
        if self.is_full { None } else { Some(self.text.split('/').filter(|name| !name.is_empty())) }
    }

    pub(crate) fn finish(self) -> Option<String> {
        if self.is_full { None } else { Some(self.text) }
    }
}

/// Where a tree finds the handlers of its mounts.
///
/// Lend `&mut ()` when there are none, a [`HandlerMap`] when they can be kept in boxes, or implement it for
/// whatever owns them. One object may serve several mounts: [`Context::mount`] tells it which is meant.
pub trait Handlers {
    /// The handler of a mount. Without one, commands for the subtree are answered 510.
    fn handler(&mut self, mount: MountId) -> Option<&mut dyn Handler>;
}

/// No handlers.
impl Handlers for () {
    fn handler(&mut self, _: MountId) -> Option<&mut dyn Handler> {
        None
    }
}

/// Handlers in boxes, by mount.
///
/// See [`Handler`] for an example.
#[derive(Default)]
pub struct HandlerMap {
    handlers: BTreeMap<MountId, Box<dyn Handler + Send>>,
}

impl HandlerMap {
    /// No handlers yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { handlers: BTreeMap::new() }
    }

    /// Mounts a handler in a tree. One map serves one tree: mount keys of another mean nothing to it.
    ///
    /// # Errors
    ///
    /// As [`Tree::mount`].
    pub fn mount(
        &mut self,
        tree: &mut Tree,
        uri: &str,
        handler: impl Handler + Send + 'static,
    ) -> Result<MountId, TreeError> {
        let mount = tree.mount(uri)?;
        self.handlers.insert(mount, Box::new(handler));
        Ok(mount)
    }

    /// Adds the handler of a mount that exists, for example in a tree that was cloned; returns the former one.
    pub fn insert(
        &mut self,
        mount: MountId,
        handler: impl Handler + Send + 'static,
    ) -> Option<Box<dyn Handler + Send>> {
        self.handlers.insert(mount, Box::new(handler))
    }

    /// Takes a handler out. The mount stays in the tree, see [`Tree::remove`].
    pub fn remove(&mut self, mount: MountId) -> Option<Box<dyn Handler + Send>> {
        self.handlers.remove(&mount)
    }
}

impl Handlers for HandlerMap {
    fn handler(&mut self, mount: MountId) -> Option<&mut dyn Handler> {
        self.handlers.get_mut(&mount).map(|handler| &mut **handler as &mut dyn Handler)
    }
}

impl fmt::Debug for HandlerMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.handlers.keys()).finish()
    }
}

impl Mounted<'_> {
    /// The node one level up; `None` for the mount point.
    pub(crate) fn parent(&self) -> Option<Self> {
        let (_, path) = self.path.split_last()?;
        Some(Self { path: path.to_vec(), ..*self })
    }
}
