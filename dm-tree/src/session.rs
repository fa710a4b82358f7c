//! A client session and a tree: the commands of one are executed on the other.

use alloc::vec::Vec;

use dm_syncml::session::{AtomicStep, ClientOutput, ClientSession, CommandHandle, ItemOutcome, Outcome};
use dm_syncml::{Instant, Item, LocUri, StatusCode};

use crate::change::{Change, ExecRequest};
use crate::error::TreeError;
use crate::execute::{Execution, ItemExecution};
use crate::handler::Handlers;
use crate::pending::{LateAnswer, Ticket};
use crate::record::TreeRecord;
use crate::server_id::ServerId;
use crate::tree::Tree;

impl From<Execution> for Outcome {
    /// The answer a session gives: codes, results, and the node that was in the way of an Add. Changes and exec
    /// requests are not for the session; take them first. A list longer than a page is answered 413.
    fn from(execution: Execution) -> Self {
        Self::each(execution.outcomes.into_iter().map(ItemOutcome::from).collect())
    }
}

impl From<ItemExecution> for ItemOutcome {
    fn from(execution: ItemExecution) -> Self {
        if execution.rest.is_some() {
            return Self::new(StatusCode::TOO_LARGE);
        }
        let mut outcome = Self::new(execution.status);
        outcome.results = execution.results;
        let at = execution.refusal.as_ref().and_then(crate::Refusal::at);
        // Every address a tree knows is a LocURI.
        if let Some(uri) = at.and_then(|uri| LocUri::new(alloc::string::String::from(uri.as_str())).ok()) {
            outcome = outcome.with_detail(Item::to(uri));
        }
        outcome
    }
}

/// What a server's commands have done beside their answers. Collected over as many commands as one likes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effects {
    /// What changed, in order.
    pub changes: Vec<Change>,
    /// What handlers accepted to execute, in order.
    pub exec_requests: Vec<ExecRequest>,
    /// What is to be stored, in order, by a tree that [keeps a journal](Tree::set_journaling). Store it before
    /// sending the message that comes out next: that acknowledges the changes.
    pub records: Vec<TreeRecord>,
    /// Commands that wait for a handler. See [`Effects::answer`].
    pending: Vec<(CommandHandle, Execution)>,
}

impl Effects {
    /// Takes the answer of a handler that came later than the command, and gives the session the outcome of the
    /// command once all of it is known. Poll the session afterwards.
    ///
    /// # Errors
    ///
    /// As [`Tree::answer`].
    pub fn answer(
        &mut self,
        now: Instant,
        tree: &mut Tree,
        session: &mut ClientSession,
        ticket: Ticket,
        answer: LateAnswer,
    ) -> Result<(), TreeError> {
        let mut answered = tree.answer(ticket, answer)?;
        self.changes.append(&mut answered.changes);
        self.exec_requests.append(&mut answered.exec_requests);
        self.records.extend(tree.take_record());
        let waits = |(_, done): &(CommandHandle, Execution)| done.tickets().any(|one| one == ticket);
        let Some(at) = self.pending.iter().position(waits) else { return Ok(()) };
        self.pending[at].1.take_answer(ticket, answered);
        if !self.pending[at].1.is_pending() {
            let (handle, done) = self.pending.remove(at);
            // A session that is over by now wants no outcome any more.
            let _ = session.handle_outcome(now, handle, done.into());
        }
        Ok(())
    }
}

impl Tree {
    /// Polls a client session and executes what it hands out, until it wants something that a tree cannot do.
    ///
    /// Call it where the session's own [`poll_output`](ClientSession::poll_output) would be called; it never
    /// returns [`ClientOutput::Execute`] or [`ClientOutput::Atomic`], which a session hands out with
    /// [`ClientConfig::with_atomic`](dm_syncml::session::ClientConfig::with_atomic). `server` is the account's
    /// [`server_id`](crate::DmAccount::server_id): the session has made sure that it is that server which asks.
    ///
    /// A session gives its answers away message by message, but takes the outcome of a command as a whole, since the Status
    /// that goes ahead says that all was found. A list is therefore one page here, and 413 beyond it: what a session holds of
    /// one command is bounded by [`max_list_items`](crate::TreeLimits::max_list_items) and
    /// [`max_list_len`](crate::TreeLimits::max_list_len), of all commands of a message by
    /// [`ClientConfig::max_results`](dm_syncml::session::ClientConfig::max_results).
    ///
    /// ```
    /// use dm_syncml::session::{ClientConfig, ClientOutput, ClientSession, Initiation};
    /// use dm_syncml::{Instant, LocUri, SessionId};
    /// use dm_tree::{DevInfo, Effects, ServerId, Tree};
    ///
    /// let mut tree = Tree::default();
    /// let server = ServerId::new("com.example.dm")?;
    /// let config = ClientConfig::new(LocUri::new("IMEI:1")?, LocUri::new("https://dm.example.com/")?)
    ///     .with_dev_info(DevInfo::items(&tree));
    /// let now = Instant::EPOCH;
    /// let mut session = ClientSession::new(now, config, Initiation::Client(SessionId::new("1")?), Vec::new());
    /// let mut effects = Effects::default();
    /// loop {
    ///     match tree.poll_session(now, &mut session, &server, &mut (), &mut effects) {
    ///         ClientOutput::Send(uri, message) => assert!(uri == "https://dm.example.com/" && !message.body.is_empty()),
    ///         ClientOutput::Wait(_) => break,
    ///         _ => {} // store records, look at events
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll_session(
        &mut self,
        now: Instant,
        session: &mut ClientSession,
        server: &ServerId,
        handlers: &mut dyn Handlers,
        effects: &mut Effects,
    ) -> ClientOutput {
        self.poll_session_while(now, session, server, handlers, effects, &|_| true)
    }

    /// As [`poll_session`](Self::poll_session), executing only `while` the tree says that the server may still act.
    pub(crate) fn poll_session_while(
        &mut self,
        now: Instant,
        session: &mut ClientSession,
        server: &ServerId,
        handlers: &mut dyn Handlers,
        effects: &mut Effects,
        still: &dyn Fn(&Self) -> bool,
    ) -> ClientOutput {
        loop {
            let (handle, command) = match session.poll_output() {
                ClientOutput::Execute(handle, command) => (handle, command),
                ClientOutput::Atomic(handle, AtomicStep::Begin(_)) if !still(self) => {
                    session
                        .handle_outcome(now, handle, Outcome::all(StatusCode::PERMISSION_DENIED))
                        .expect("the step was handed out just now, and has one code");
                    session.abort(now);
                    continue;
                }
                ClientOutput::Atomic(handle, step) => {
                    let code = self.atomic_step(step, server, handlers, effects);
                    session
                        .handle_outcome(now, handle, Outcome::all(code))
                        .expect("the step was handed out just now, and has one code");
                    continue;
                }
                other => return other,
            };
            if !still(self) {
                session
                    .handle_outcome(now, handle, Outcome::all(StatusCode::PERMISSION_DENIED))
                    .expect("the handle was handed out just now, and one outcome is for all items");
                session.abort(now);
                continue;
            }
            let mut done = self.execute(server, &command, handlers);
            effects.changes.append(&mut done.changes);
            effects.exec_requests.append(&mut done.exec_requests);
            effects.records.extend(self.take_record());
            if done.is_pending() {
                effects.pending.push((handle, done));
                continue;
            }
            session
                .handle_outcome(now, handle, done.into())
                .expect("the handle was handed out just now, and there is an outcome for each item");
        }
    }

    /// A step of an Atomic; what it changed is told when it is committed.
    fn atomic_step(
        &mut self,
        step: AtomicStep,
        server: &ServerId,
        handlers: &mut dyn Handlers,
        effects: &mut Effects,
    ) -> StatusCode {
        match step {
            AtomicStep::Begin(_) => match self.begin_atomic(server) {
                Ok(()) => StatusCode::OK,
                // Another session's is open.
                Err(_) => StatusCode::RETRY_LATER,
            },
            AtomicStep::Commit => {
                let mut committed = self.commit_atomic(handlers);
                effects.changes.append(&mut committed.changes);
                effects.exec_requests.append(&mut committed.exec_requests);
                effects.records.extend(self.take_record());
                StatusCode::OK
            }
            AtomicStep::RollBack => self.roll_back_atomic(handlers),
            _ => StatusCode::NOT_SUPPORTED,
        }
    }
}
