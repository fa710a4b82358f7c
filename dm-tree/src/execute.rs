//! Whole SyncML commands against a tree (DM Protocol 1.2.1, RepPro 1.2.1).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::{Command, Data, Item, LocUri, MediaType, Meta, StatusCode};

use crate::acting::{Acting, Aspect};
use crate::change::{Change, ExecRequest};
use crate::command::{Got, Listing};
use crate::content::Content;
use crate::error::{Refusal, RefusalKind};
use crate::handler::Handlers;
use crate::pending::{Answered, Ticket};
use crate::principal::Actor;
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::tnds::carries_tnds;
use crate::tree::Tree;
use crate::uri::List;
use crate::value::{Format, Value};

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Execution {
    /// Per item, in the order of the items; never empty. An Atomic, a Sequence, and a command that has no items
    /// here (an alert, an unknown element) have one outcome.
    pub outcomes: Vec<ItemExecution>,
    /// What became of the members of an Atomic or Sequence, in the order of the document.
    pub members: Vec<Self>,
    /// What changed, in order, members included. Nothing while an Atomic is open, and nothing of one that failed.
    pub changes: Vec<Change>,
    /// What handlers accepted to execute: the items with status 202.
    pub exec_requests: Vec<ExecRequest>,
}

impl Execution {
    fn new(outcomes: Vec<ItemExecution>) -> Self {
        Self { outcomes, members: Vec::new(), changes: Vec::new(), exec_requests: Vec::new() }
    }

    fn all(status: StatusCode) -> Self {
        Self::new(Vec::from([ItemExecution::done(status)]))
    }

    /// The status of the whole command, when all items ended alike; they then need only one `Status`.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        let (first, others) = self.outcomes.split_first()?;
        others.iter().all(|other| other.status == first.status).then_some(first.status)
    }

    /// Whether every item ended with a status of class 2.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.status.is_success())
    }

    /// Whether a handler has yet to answer.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.tickets().next().is_some()
    }

    /// The answers that are waited for, those of members not counted.
    pub fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.outcomes.iter().filter_map(ItemExecution::ticket)
    }

    /// Puts an answer that came later where it belongs, members included. `false` when nothing waits for it here.
    pub fn take_answer(&mut self, ticket: Ticket, answered: Answered) -> bool {
        let mut executions = Vec::from([&mut *self]);
        let mut found = None;
        while let Some(execution) = executions.pop() {
            let outcomes = &mut execution.outcomes;
            if let Some(outcome) = outcomes.iter_mut().find(|outcome| outcome.ticket() == Some(ticket)) {
                found = Some(outcome);
                break;
            }
            executions.extend(&mut execution.members);
        }
        let Some(outcome) = found else { return false };
        *outcome = answered.item;
        self.changes.extend(answered.changes);
        self.exec_requests.extend(answered.exec_requests);
        true
    }

    /// Makes 413 of every list that is longer than a page, members included: for who sends an answer as a whole, as a
    /// session does. 200 for a part of a list would be wrong.
    #[must_use]
    pub fn whole_or_refused(mut self) -> Self {
        let mut executions = Vec::from([&mut self]);
        while let Some(execution) = executions.pop() {
            for outcome in execution.outcomes.iter_mut().filter(|outcome| outcome.rest.is_some()) {
                *outcome = Refusal::new(RefusalKind::TooLarge).into();
            }
            executions.extend(&mut execution.members);
        }
        self
    }

    /// The items of the `Results`, of a list the first page; empty when there is nothing to send.
    #[must_use]
    pub fn into_results(self) -> Vec<Item<'static>> {
        self.outcomes.into_iter().flat_map(|outcome| outcome.results).collect()
    }
}

/// What became of one item of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemExecution {
    /// The status to answer with.
    pub status: StatusCode,
    /// What a Get found: items for `Results`, with Source, Meta where it is not the default, and Data. One, or with
    /// `?list=` any number up to a page of a [`Listing`].
    pub results: Vec<Item<'static>>,
    /// What of a `?list=` does not fit the first page. Who can send results as they come pulls the rest from here; who cannot
    /// answers 413, as a [session](Tree::poll_session) does.
    pub rest: Option<Listing>,
    /// Why it was refused. When it names [another node](Refusal::at), the Status should carry that address.
    pub refusal: Option<Refusal>,
}

impl ItemExecution {
    pub(crate) const fn done(status: StatusCode) -> Self {
        Self { status, results: Vec::new(), rest: None, refusal: None }
    }

    /// The ticket of the handler that has yet to answer; the status means nothing till then.
    #[must_use]
    pub fn ticket(&self) -> Option<Ticket> {
        self.refusal.as_ref().and_then(Refusal::ticket)
    }
}

impl From<Refusal> for ItemExecution {
    fn from(refusal: Refusal) -> Self {
        Self { status: refusal.status(), results: Vec::new(), rest: None, refusal: Some(refusal) }
    }
}

impl Tree {
    /// Executes a command for `server`, which must have been authenticated. `handlers` serve the mounted
    /// subtrees; `&mut ()` when there are none.
    ///
    /// The items are executed one after the other, whatever becomes of those before. So are the members of a
    /// Sequence, which itself is answered 200. Of an Atomic all members are executed or none: after the first
    /// failure what was done is undone (216), the rest is not done (215), and the Atomic is answered 507. What is
    /// not a command on a tree is answered 406.
    ///
    /// ```
    /// use dm_syncml::{CmdId, Get, Item, LocUri, StatusCode};
    /// use dm_tree::{NodeSpec, ServerId, Tree, Value};
    ///
    /// let mut tree = Tree::default();
    /// tree.insert("./A/B", NodeSpec::leaf(Value::int(7)))?;
    /// let items = vec![Item::to(LocUri::new("./A/B")?), Item::to(LocUri::new("./A/C")?)];
    /// let get = Get::new(CmdId::new("1")?, items).into();
    /// let server = ServerId::new("com.example.dm")?;
    /// let done = tree.execute(&server, &get, &mut ());
    /// assert_eq!(done.outcomes[0].status, StatusCode::OK);
    /// assert_eq!(done.outcomes[1].status, StatusCode::NOT_FOUND);
    /// assert_eq!(done.into_results()[0].data.as_ref().unwrap().as_text(), Some("7"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn execute(
        &mut self,
        server: &ServerId,
        command: &Command<'_>,
        handlers: &mut dyn Handlers,
    ) -> Execution {
        match command {
            Command::Sequence(sequence) => self.execute_sequence(server, &sequence.commands, handlers),
            Command::Atomic(atomic) => self.execute_atomic(server, &atomic.commands, handlers),
            _ => self.execute_items(server, command, handlers),
        }
    }

    fn execute_items(
        &mut self,
        server: &ServerId,
        command: &Command<'_>,
        handlers: &mut dyn Handlers,
    ) -> Execution {
        let correlator = match command {
            Command::Exec(exec) => exec.correlator.as_ref().map(dm_syncml::Correlator::as_str),
            _ => None,
        };
        let mut acting = self.act_for(server, handlers).with_correlator(correlator);
        let mut done = Execution::new(acting.outcomes(command));
        done.changes = acting.take_changes();
        done.exec_requests = acting.take_exec_requests();
        if let Some(atomic) = &mut self.atomic {
            atomic.changes.append(&mut done.changes);
        }
        done
    }

    /// Nesting is as deep as the decoder that made the command let it be.
    fn execute_sequence(
        &mut self,
        server: &ServerId,
        members: &[Command<'_>],
        handlers: &mut dyn Handlers,
    ) -> Execution {
        if self.is_atomic_open() {
            return self.not_in_atomic(server, members);
        }
        let mut done = Execution::all(StatusCode::OK);
        for member in members {
            let mut member = self.execute(server, member, handlers);
            done.changes.append(&mut member.changes);
            done.exec_requests.append(&mut member.exec_requests);
            done.members.push(member);
        }
        done
    }

    fn execute_atomic(
        &mut self,
        server: &ServerId,
        members: &[Command<'_>],
        handlers: &mut dyn Handlers,
    ) -> Execution {
        if self.begin_atomic(server).is_err() {
            return self.not_in_atomic(server, members);
        }
        let mut done = Execution::all(StatusCode::OK);
        let mut failed = false;
        for command in members {
            let member = if failed { not_executed(command) } else { self.execute(server, command, handlers) };
            // What is not known now cannot be waited for here; a session that hands members out can.
            failed |= !member.is_success() || member.is_pending();
            done.members.push(member);
        }
        if !failed {
            done.changes = self.commit_atomic(handlers).changes;
            return done;
        }
        let undone = self.roll_back_atomic(handlers);
        for outcome in done.members.iter_mut().flat_map(|member| &mut member.outcomes) {
            if outcome.ticket().is_some() {
                *outcome = Refusal::new(RefusalKind::HandlerLater).into();
            } else if outcome.status.is_success() && outcome.status != StatusCode::NOT_EXECUTED {
                *outcome = ItemExecution::done(undone);
            }
        }
        done.outcomes = Vec::from([ItemExecution::done(StatusCode::ATOMIC_FAILED)]);
        done
    }

    /// A container inside an Atomic, or another server's turn.
    fn not_in_atomic(&self, server: &ServerId, members: &[Command<'_>]) -> Execution {
        let kind = self.check_turn(Actor::Server(server)).err().unwrap_or(RefusalKind::NotInAtomic);
        let mut done = Execution::new(Vec::from([Refusal::new(kind).into()]));
        done.members = members.iter().map(not_executed).collect();
        done
    }
}

/// 215 for a command and its members.
fn not_executed(command: &Command<'_>) -> Execution {
    let items = command.items().len().max(1);
    let mut done = Execution::new(alloc::vec![ItemExecution::done(StatusCode::NOT_EXECUTED); items]);
    done.members = command.members().iter().map(not_executed).collect();
    done
}

impl Acting<'_> {
    fn outcomes(&mut self, command: &Command<'_>) -> Vec<ItemExecution> {
        let items = match command {
            Command::Add(_)
            | Command::Copy(_)
            | Command::Delete(_)
            | Command::Exec(_)
            | Command::Get(_)
            | Command::Replace(_) => command.items(),
            _ => return Vec::from([Refusal::new(RefusalKind::UnsupportedCommand).into()]),
        };
        if items.is_empty() {
            return Vec::from([Refusal::new(RefusalKind::NoTarget).into()]);
        }
        let too_many = matches!(command, Command::Exec(_)) && items.len() > 1;
        let mut failed = false;
        let outcome = |item| {
            if too_many {
                return Refusal::new(RefusalKind::TooManyItems).into();
            }
            // After a failure in an Atomic nothing more of it is done.
            if failed && self.tree.is_atomic_open() {
                return ItemExecution::done(StatusCode::NOT_EXECUTED);
            }
            let outcome = self.outcome(command, item).unwrap_or_else(ItemExecution::from);
            failed |= !outcome.status.is_success();
            outcome
        };
        items.iter().map(outcome).collect()
    }

    fn outcome(&mut self, command: &Command<'_>, item: &Item<'_>) -> Result<ItemExecution, Refusal> {
        let target = item.target_uri().ok_or(RefusalKind::NoTarget)?;
        let uri = target.as_str();
        if item.more_data {
            return Err(RefusalKind::MoreData.into());
        }
        let mut outcome = ItemExecution::done(StatusCode::OK);
        match command {
            Command::Add(_) if carries_tnds(command, item) => self.add_tnds_item(command, item, uri)?,
            Command::Add(_) => self.add(uri, &content(command, item))?,
            Command::Copy(_) => {
                let source = item.source_uri().ok_or(RefusalKind::NoSource)?;
                self.copy(source.as_str(), uri)?;
            }
            Command::Delete(_) => self.delete(uri)?,
            Command::Exec(_) => outcome.status = self.exec_with(uri, || argument(command, item))?,
            Command::Get(_) => (outcome.results, outcome.rest) = self.results(target)?,
            Command::Replace(_) if carries_tnds(command, item) => {
                self.replace_tnds_item(command, item, uri)?
            }
            Command::Replace(_) => self.replace(uri, &content(command, item))?,
            _ => return Err(RefusalKind::UnsupportedCommand.into()),
        }
        Ok(outcome)
    }

    /// What a Get finds, and what of a list is still to come.
    fn results(&mut self, target: &LocUri<'_>) -> Result<(Vec<Item<'static>>, Option<Listing>), Refusal> {
        let aim = self.aim(target.as_str(), Rights::GET)?;
        let item = match aim.query {
            Aspect::List(List::Tnds(list)) => self.get_tnds_item(target.as_str(), list)?,
            Aspect::List(list) => {
                let mut listing = Listing::new(aim.node, list == List::StructData);
                let page = listing.next_page(self)?;
                return Ok((page, Some(listing).filter(|listing| !listing.is_finished())));
            }
            Aspect::Node | Aspect::Property(_) => {
                value_item(target.clone().into_owned(), self.get_aimed(target.as_str(), &aim)?)
            }
        };
        Ok((Vec::from([item]), None))
    }
}

/// What an item carries, its own Meta before the command's, element by element.
fn content<'a>(command: &'a Command<'_>, item: &'a Item<'_>) -> Content<'a> {
    let metas = || item.meta.iter().chain(command.meta());
    let mut content = match &item.data {
        None => Content::new(&[]),
        Some(data) => data.as_octets().map_or_else(Content::markup, Content::new),
    };
    if let Some(format) = metas().find_map(Meta::format) {
        content = content.with_format(format.as_str());
    }
    if let Some(mime) = metas().find_map(Meta::media_type) {
        content = content.with_type(mime.as_str());
    }
    content
}

/// The argument of an Exec; a Format of `b64` is undone like that of a value.
fn argument<'a>(command: &'a Command<'_>, item: &'a Item<'_>) -> Result<Cow<'a, [u8]>, RefusalKind> {
    match &item.data {
        None => Ok(Cow::Borrowed(&[])),
        Some(data) => data.decoded(item.format_under(command.meta())).map_err(|_| RefusalKind::Format),
    }
}

/// An item of Results, or of package 1: format and type are said unless they are the default (RepPro 1.2.1, Results).
pub(crate) fn value_item(source: LocUri<'static>, got: Got) -> Item<'static> {
    let mut meta = Meta::new();
    if got.format() != Format::Chr
        && let Ok(format) = dm_syncml::Format::new(got.format().name())
    {
        meta = meta.with_format(format);
    }
    let says_type = got.mime() != Value::DEFAULT_TYPE || got.format() == Format::Node;
    // A handler's type may be one that cannot be written; then none is.
    if says_type && let Ok(mime) = MediaType::new(String::from(got.mime())) {
        meta = meta.with_media_type(mime);
    }
    let data = match got.format() {
        Format::Bin => Data::octets(got.into_data()),
        // What XML cannot carry as text is octets too; the encoder then says so in the Meta.
        _ => match String::from_utf8(got.into_data()) {
            Ok(text) if Data::text(text.as_str()).is_ok() => Data::text(text).unwrap_or(Data::EMPTY),
            Ok(text) => Data::octets(text.into_bytes()),
            Err(error) => Data::octets(error.into_bytes()),
        },
    };
    Item::from(source).with_meta(meta).with_data(data)
}
