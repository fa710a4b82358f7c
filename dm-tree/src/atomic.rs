//! All or nothing (RepPro 1.2.1, Atomic).

use alloc::vec::Vec;

use dm_syncml::StatusCode;

use crate::change::{Change, ExecRequest};
use crate::error::{RefusalKind, TreeError};
use crate::handler::{Context, Handlers};
use crate::mount::MountId;
use crate::pending::Ticket;
use crate::principal::Actor;
use crate::server_id::ServerId;
use crate::tree::Tree;

/// An Atomic that is open.
#[derive(Clone, Debug)]
pub(crate) struct Atomic {
    server: ServerId,
    /// The handlers that have been told to be able to undo, in that order.
    pub(crate) begun: Vec<MountId>,
    pub(crate) changes: Vec<Change>,
    /// Questions from this one on are the Atomic's.
    first_ticket: Ticket,
}

/// What an Atomic did, now that it is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// What changed, in order.
    pub changes: Vec<Change>,
    /// What handlers accepted to execute. Empty: there is no Exec in an Atomic.
    pub exec_requests: Vec<ExecRequest>,
}

/// For sessions that hand out the members of an Atomic one by one. [`Tree::execute`] does all of it at once.
///
/// Between [`begin_atomic`](Self::begin_atomic) and its end the commands of `server` are its members: Get, Exec and
/// containers are refused with 500, changes are kept back, and commands of other servers are refused with 403. What
/// the device itself changes meanwhile belongs to it too.
impl Tree {
    /// Opens an Atomic.
    ///
    /// ```
    /// use dm_tree::{Content, NodeSpec, ServerId, Tree, Value};
    ///
    /// let mut tree = Tree::default();
    /// let server = ServerId::new("com.example.dm")?;
    /// tree.begin_atomic(&server)?;
    /// tree.act_for(&server, &mut ()).add("./A/B", &Content::new(b"x"))?;
    /// assert_eq!(tree.roll_back_atomic(&mut ()).get(), 216);
    /// assert!(tree.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TreeError::Atomic`] when one is open already.
    pub fn begin_atomic(&mut self, server: &ServerId) -> Result<(), TreeError> {
        if self.atomic.is_some() {
            return Err(TreeError::Atomic);
        }
        self.mark();
        let first_ticket = self.pending.next();
        let atomic = Atomic { server: server.clone(), begun: Vec::new(), changes: Vec::new(), first_ticket };
        self.atomic = Some(alloc::boxed::Box::new(atomic));
        Ok(())
    }

    /// Whether an Atomic is open.
    #[must_use]
    pub const fn is_atomic_open(&self) -> bool {
        self.atomic.is_some()
    }

    /// Keeps what the Atomic did. Without an open one nothing happens.
    pub fn commit_atomic(&mut self, handlers: &mut dyn Handlers) -> Committed {
        let Some(atomic) = self.atomic.take() else { return Committed::default() };
        self.keep();
        for mount in &atomic.begun {
            let cx = self.context(&atomic.server, *mount);
            if let Some(handler) = handlers.handler(*mount) {
                handler.commit(&cx);
            }
        }
        Committed { changes: atomic.changes, exec_requests: Vec::new() }
    }

    /// Undoes what the Atomic did: values, nodes, ACLs, names, titles, version numbers and time stamps are as
    /// before, and handlers are told. Returns the status for members that had been executed: 216, or 516 when a
    /// handler could not go back.
    pub fn roll_back_atomic(&mut self, handlers: &mut dyn Handlers) -> StatusCode {
        let Some(atomic) = self.atomic.take() else { return StatusCode::ROLLED_BACK };
        self.go_back();
        self.pending.forget_from(atomic.first_ticket);
        let mut status = StatusCode::ROLLED_BACK;
        for mount in atomic.begun.iter().rev() {
            let cx = self.context(&atomic.server, *mount);
            let done = handlers.handler(*mount).map(|handler| handler.roll_back(&cx));
            if done != Some(Ok(())) {
                status = StatusCode::ROLLBACK_FAILED;
            }
        }
        status
    }

    /// Whether `actor` may act at all now.
    pub(crate) fn check_turn(&self, actor: Actor<'_>) -> Result<(), RefusalKind> {
        match &self.atomic {
            Some(atomic) if actor.server() != Some(&atomic.server) => Err(RefusalKind::Busy),
            _ => Ok(()),
        }
    }

    fn context<'a>(&'a self, server: &'a ServerId, mount: MountId) -> Context<'a> {
        Context {
            tree: self,
            actor: Actor::Server(server),
            correlator: None,
            mount,
            ticket: self.pending.next(),
        }
    }
}
