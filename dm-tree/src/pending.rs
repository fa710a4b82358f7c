//! Answers of handlers that come later.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::{LocUri, StatusCode};

use crate::access::Spot;
use crate::change::{Change, ChangeKind, ExecRequest};
use crate::command::Got;
use crate::error::{Refusal, RefusalKind, TreeError};
use crate::execute::{ItemExecution, value_item};
use crate::handler::Children;
use crate::principal::{Actor, Principal};
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::tree::{Place, Tree};
use crate::uri::{NodeUri, Uri};
use crate::value::{Format, Value};

/// Under which an answer that comes later is given. Never used twice by one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// What a handler says in the end.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LateAnswer {
    /// It will not do it; nothing has changed. The status to answer with.
    Refused(StatusCode),
    /// To Add, Delete and Replace: it is done.
    Done,
    /// To Get of a leaf: the value.
    Value(Vec<u8>),
    /// To Get of an interior node: the names of its children, not escaped.
    Children(Vec<String>),
    /// To Exec: it is over, with this status.
    Executed(StatusCode),
    /// To Exec: it goes on (status 202), and its outcome will be told in an alert.
    Accepted,
}

/// Shows no values.
impl core::fmt::Debug for LateAnswer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "Refused({status})"),
            Self::Done => f.write_str("Done"),
            Self::Value(data) => write!(f, "Value({} bytes)", data.len()),
            Self::Children(names) => f.debug_tuple("Children").field(names).finish(),
            Self::Executed(status) => write!(f, "Executed({status})"),
            Self::Accepted => f.write_str("Accepted"),
        }
    }
}

/// What became of an item once its handler has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// What became of the item; put it where the ticket was.
    pub item: ItemExecution,
    /// What changed.
    pub changes: Vec<Change>,
    /// What goes on.
    pub exec_requests: Vec<ExecRequest>,
}

/// The answers a tree waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    next: u64,
    waiting: BTreeMap<Ticket, (Principal, Question)>,
}

/// What was asked of a handler.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// The address as the server wrote it.
    Get {
        target: String,
        format: Format,
        mime: Cow<'static, str>,
        /// The types of the nodes on the way: there may be another ledger once the answer comes.
        types: Vec<String>,
    },
    Add {
        uri: NodeUri<'static>,
    },
    Replace {
        uri: NodeUri<'static>,
    },
    Delete {
        uri: NodeUri<'static>,
    },
    Exec(ExecRequest),
}

impl Pending {
    /// The ticket that the next handler is shown.
    pub(crate) const fn next(&self) -> Ticket {
        Ticket(self.next)
    }

    /// Waits no longer for answers under this ticket and later ones.
    pub(crate) fn forget_from(&mut self, first: Ticket) {
        self.waiting.split_off(&first);
    }
}

impl Tree {
    /// The answers that handlers still owe, oldest first.
    pub fn pending(&self) -> impl Iterator<Item = Ticket> {
        self.pending.waiting.keys().copied()
    }

    /// Waits for a handler to answer. What the server is told meanwhile is nothing.
    pub(crate) fn wait_for(&mut self, actor: Actor<'_>, question: Question) -> RefusalKind {
        if self.pending.waiting.len() >= self.limits().max_pending {
            return RefusalKind::Full;
        }
        let ticket = self.pending.next();
        self.pending.next += 1;
        self.pending.waiting.insert(ticket, (actor.principal(), question));
        RefusalKind::Waiting(ticket)
    }

    /// Takes the answer of a handler that came later than the command.
    ///
    /// ```
    /// # use dm_syncml::{CmdId, Get, Item, LocUri, StatusCode};
    /// # use dm_tree::{Children, Context, Format, Handler, HandlerMap, LateAnswer, NoAnswer, NodeFacts, ServerId, Tree};
    /// struct Slow;
    ///
    /// impl Handler for Slow {
    ///     fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
    ///         path.is_empty().then(|| NodeFacts::leaf(Format::Chr))
    ///     }
    ///     fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
    ///         Err(NoAnswer::Later)
    ///     }
    ///     fn children(&mut self, _: &Context<'_>, _: &[&str], _: &mut Children) -> Result<(), NoAnswer> {
    ///         Err(StatusCode::COMMAND_FAILED.into())
    ///     }
    /// }
    ///
    /// let mut tree = Tree::default();
    /// let mut handlers = HandlerMap::new();
    /// handlers.mount(&mut tree, "./Slow", Slow)?;
    /// let get = Get::new(CmdId::new("1")?, vec![Item::to(LocUri::new("./Slow")?)]).into();
    /// let mut done = tree.execute(&ServerId::new("com.example.dm")?, &get, &mut handlers);
    /// assert!(done.is_pending());
    /// let ticket = done.tickets().next().unwrap();
    /// done.take_answer(ticket, tree.answer(ticket, LateAnswer::Value(b"at last".to_vec()))?);
    /// assert!(!done.is_pending() && done.is_success());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TreeError::NoTicket`] when nothing is waited for under the ticket, [`TreeError::WrongAnswer`] when the
    /// answer does not go with the question, which then still waits.
    pub fn answer(&mut self, ticket: Ticket, answer: LateAnswer) -> Result<Answered, TreeError> {
        let (_, question) = self.pending.waiting.get(&ticket).ok_or(TreeError::NoTicket)?;
        let fits = match (question, &answer) {
            (_, LateAnswer::Refused(_)) => true,
            (Question::Get { format, .. }, LateAnswer::Value(_)) => *format != Format::Node,
            (Question::Get { format, .. }, LateAnswer::Children(_)) => *format == Format::Node,
            (Question::Exec(_), LateAnswer::Executed(_) | LateAnswer::Accepted) => true,
            (Question::Add { .. } | Question::Replace { .. } | Question::Delete { .. }, LateAnswer::Done) => {
                true
            }
            _ => false,
        };
        if !fits {
            return Err(TreeError::WrongAnswer);
        }
        let (by, question) = self.pending.waiting.remove(&ticket).ok_or(TreeError::NoTicket)?;
        let mut answered = Answered {
            item: ItemExecution::done(StatusCode::OK),
            changes: Vec::new(),
            exec_requests: Vec::new(),
        };
        if let Err(refusal) = self.conclude(by, question, answer, &mut answered) {
            answered.item = refusal.into();
        }
        if let Some(atomic) = &mut self.atomic {
            atomic.changes.append(&mut answered.changes);
        }
        Ok(answered)
    }

    fn conclude(
        &mut self,
        by: Principal,
        question: Question,
        answer: LateAnswer,
        out: &mut Answered,
    ) -> Result<(), Refusal> {
        let refused = match &answer {
            LateAnswer::Refused(status) => Some(*status),
            _ => None,
        };
        match question {
            Question::Get { .. } | Question::Exec(_) | Question::Replace { .. } | Question::Delete { .. }
                if let Some(status) = refused =>
            {
                return Err(RefusalKind::Handler(status).into());
            }
            Question::Get { target, format, mime, types } => {
                let answer = match &by {
                    Principal::Server(server) => self.revealed_late(&target, server, &types, answer)?,
                    Principal::Application(_) => answer,
                };
                let data = match answer {
                    LateAnswer::Value(data) => data,
                    LateAnswer::Children(names) => {
                        let mut list = Children::new(self.limits().max_child_list_len);
                        let _ = names.iter().all(|name| list.push(name));
                        list.finish().ok_or(RefusalKind::TooLarge)?.into_bytes()
                    }
                    _ => Vec::new(),
                };
                let mime = if format == Format::Node { Cow::Borrowed(Value::DEFAULT_TYPE) } else { mime };
                if let Ok(source) = LocUri::new(target) {
                    out.item.results.push(value_item(source, Got::new(format, mime, data)));
                }
            }
            Question::Add { uri } => {
                if let Some(status) = refused {
                    self.forget_mounted_acls(&uri);
                    return Err(RefusalKind::Handler(status).into());
                }
                out.changes.push(Change { uri, kind: ChangeKind::Added { ancestors: 0 }, by });
            }
            Question::Replace { uri } => out.changes.push(Change { uri, kind: ChangeKind::Replaced, by }),
            Question::Delete { uri } => {
                self.forget_mounted_acls(&uri);
                out.changes.push(Change { uri, kind: ChangeKind::Deleted, by });
            }
            Question::Exec(request) => match answer {
                LateAnswer::Executed(status) => out.item.status = status,
                _ => {
                    out.item.status = StatusCode::ACCEPTED;
                    out.exec_requests.push(request);
                }
            },
        }
        Ok(())
    }

    /// What of an answer the server may still see: it may have lost what it had when it asked.
    fn revealed_late(
        &self,
        target: &str,
        server: &ServerId,
        types: &[String],
        answer: LateAnswer,
    ) -> Result<LateAnswer, Refusal> {
        let Ok(uri) = Uri::parse_with(target, self.policy().uri_leniency) else { return Ok(answer) };
        let node = uri.into_node();
        let Place::Mounted(mounted) = self.locate(&node) else { return Ok(answer) };
        if self.ledger.is_none() {
            return Ok(answer);
        }
        let verdict = self.judge(server, Rights::GET, &Spot::Mounted(mounted.clone()), Some(types));
        if !verdict.is_allowed() {
            return Err(RefusalKind::from(verdict).into());
        }
        let LateAnswer::Children(mut names) = answer else { return Ok(answer) };
        if self.type_rules(server).is_some_and(|rules| !rules.is_empty()) {
            // Of what type they are nobody can be asked now.
            return Err(RefusalKind::MoType.into());
        }
        names.retain(|name| {
            let mut child = mounted.clone();
            child.path.push(Cow::Borrowed(name));
            !self.is_concealed(server, &Spot::Mounted(child), Some(types))
        });
        Ok(LateAnswer::Children(names))
    }

    /// The mount may be gone by now.
    fn forget_mounted_acls(&mut self, uri: &NodeUri<'_>) {
        if let Place::Mounted(mounted) = self.locate(uri) {
            self.drop_mounted_acls(&mounted);
        }
    }
}
