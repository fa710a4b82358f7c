//! A device that has nothing but a tree.

use dm_syncml::{AlertCode, Command, Item, LocUri, Message, MsgId, SessionId, StatusCode, SyncBody, SyncHdr};
use dm_tree::ddf::{Intent, Proposal, Schema};
use dm_tree::{Format, NodeUri, ServerId, Tree};

use crate::dmtool::document::Document;

use super::answers::{Answers, Said};

/// The tree, what is said of it, and who asks.
pub(super) struct Device {
    pub(super) tree: Tree,
    pub(super) schema: Option<Schema>,
    pub(super) server: ServerId,
}

impl Device {
    /// The answer to a message or a fragment, after all of it was executed.
    pub(super) fn answer(&mut self, document: &Document<'_>) -> Message<'static> {
        let (header, commands, representation) = match document {
            Document::Message(message) => {
                let theirs = &message.header;
                let mut header = SyncHdr::new(
                    theirs.session_id.clone().into_owned(),
                    theirs.msg_id.clone().into_owned(),
                    theirs.source.loc_uri.clone().into_owned(),
                    theirs.target.loc_uri.clone().into_owned(),
                );
                header.ver_dtd = theirs.ver_dtd.clone().into_owned();
                header.ver_proto = theirs.ver_proto.clone().into_owned();
                (header, &message.body.commands, Some(message.representation))
            }
            Document::Fragment(fragment) => (self.header(), &fragment.body.commands, None),
        };
        let mut answers = Answers::new(header.msg_id.clone());
        if let Document::Message(message) = document {
            let theirs = &message.header;
            answers.header(&theirs.target.loc_uri, &theirs.source.loc_uri);
        }
        for command in commands {
            self.execute(command, &mut answers);
        }
        let mut body = SyncBody::new(answers.finish());
        body.last_in_package = true;
        let message = Message::new(header, body);
        match representation {
            Some(representation) => message.with_representation(representation),
            None => message,
        }
    }

    /// The header of an answer to commands that have none: to the server, from the device by its own name if it has one.
    fn header(&self) -> SyncHdr<'static> {
        let nameless = || LocUri::new("dmtool").expect("a word is an address");
        let own = self.tree.node("./DevInfo/DevId").and_then(|node| node.value()?.as_str());
        let uri = |text: &str| LocUri::new(text.to_owned()).unwrap_or_else(|_| nameless());
        let session = SessionId::new("1").expect("a number is a session id");
        SyncHdr::new(session, MsgId::number(1), uri(self.server.as_str()), uri(own.unwrap_or("dmtool")))
    }

    fn execute(&mut self, command: &Command<'_>, answers: &mut Answers) {
        match command {
            // What a server says of commands that a device does not send asks for no answer.
            Command::Status(_) | Command::Results(_) => {}
            Command::Alert(alert) => answers.command(command, &[Said::new(answer_to(alert.code))]),
            Command::Sequence(_) => {
                answers.command(command, &[Said::new(StatusCode::OK)]);
                command.members().iter().for_each(|member| self.execute(member, answers));
            }
            Command::Atomic(_) => self.execute_atomic(command, answers),
            Command::Unknown(_) => answers.command(command, &[Said::new(StatusCode::BAD_REQUEST)]),
            _ => {
                let said = self.said(command);
                answers.command(command, &said);
            }
        }
    }

    /// All or nothing (RepPro 1.2.1, Atomic).
    fn execute_atomic(&mut self, atomic: &Command<'_>, answers: &mut Answers) {
        let before = self.tree.clone();
        let mut members: Vec<Vec<Said>> = Vec::new();
        let mut failed = false;
        for member in atomic.members() {
            let said = match member {
                _ if failed => vec![Said::new(StatusCode::NOT_EXECUTED)],
                Command::Get(_) | Command::Exec(_) | Command::Atomic(_) | Command::Sequence(_) => {
                    vec![Said::new(StatusCode::COMMAND_FAILED)]
                }
                Command::Alert(alert) => vec![Said::new(answer_to(alert.code))],
                Command::Unknown(_) | Command::Status(_) | Command::Results(_) => {
                    vec![Said::new(StatusCode::BAD_REQUEST)]
                }
                _ => self.said(member),
            };
            failed |= said.iter().any(|one| !one.code.is_success());
            members.push(said);
        }
        if failed {
            self.tree = before;
            for one in members.iter_mut().flatten() {
                if one.code.is_success() && one.code != StatusCode::NOT_EXECUTED {
                    *one = Said::new(StatusCode::ROLLED_BACK);
                }
            }
        }
        let code = if failed { StatusCode::ATOMIC_FAILED } else { StatusCode::OK };
        answers.command(atomic, &[Said::new(code)]);
        for (member, said) in atomic.members().iter().zip(&members) {
            answers.command(member, said);
        }
    }

    /// What becomes of each item of a command.
    fn said(&mut self, command: &Command<'_>) -> Vec<Said> {
        if self.schema.is_none() {
            return said(self.tree.execute(&self.server, command, &mut ()));
        }
        let items = command.items();
        if items.is_empty() {
            return said(self.tree.execute(&self.server, command, &mut ()));
        }
        items.iter().flat_map(|item| self.said_of_item(command, item)).collect()
    }

    /// One item, where a description has a word in it after the tree.
    fn said_of_item(&mut self, command: &Command<'_>, item: &Item<'_>) -> Vec<Said> {
        let one = with_item(command, item);
        let before = self.tree.clone();
        let done = self.tree.execute(&self.server, &one, &mut ());
        if !done.is_success() {
            return said(done);
        }
        let refused = self.schema.as_ref().and_then(|schema| refused(schema, &before, &one, item));
        match refused {
            None => said(done),
            Some(code) => {
                self.tree = before;
                vec![Said::new(code)]
            }
        }
    }
}

/// What the description says against a command that the tree would execute.
fn refused(schema: &Schema, tree: &Tree, command: &Command<'_>, item: &Item<'_>) -> Option<StatusCode> {
    let target = item.target_uri()?;
    let (address, query) = match target.as_str().split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (target.as_str(), None),
    };
    let uri = NodeUri::parse(address).ok()?;
    let format = item.format_under(command.meta());
    let mut proposal = Proposal::new();
    if let Some(format) = format.and_then(|format| Format::from_name(format.as_str().trim())) {
        proposal = proposal.with_format(format);
    }
    let mime = item.meta.iter().chain(command.meta()).find_map(|meta| meta.media_type());
    if let Some(mime) = mime {
        proposal = proposal.with_type(mime.as_str());
    }
    if let Some(data) = item.data.as_ref().and_then(|data| data.as_octets()) {
        proposal = proposal.with_data(data);
    }
    let name = item.data.as_ref().and_then(|data| data.as_text()).unwrap_or_default();
    let intent = match (command, query) {
        (Command::Add(_), _) => Intent::Add(proposal),
        (Command::Replace(_), None) => Intent::Replace(proposal),
        (Command::Replace(_), Some("prop=Name")) => Intent::Rename(name),
        (Command::Delete(_), _) => Intent::Delete,
        (Command::Exec(_), _) => Intent::Exec,
        (Command::Get(_), None) => Intent::Get,
        _ => return None,
    };
    schema.check(tree, &uri, intent).err().map(|violation| violation.status())
}

/// The command with one of its items.
fn with_item(command: &Command<'_>, item: &Item<'_>) -> Command<'static> {
    let mut one = command.clone().into_owned();
    let items = vec![item.clone().into_owned()];
    match &mut one {
        Command::Add(command) => command.items = items,
        Command::Copy(command) => command.items = items,
        Command::Delete(command) => command.items = items,
        Command::Exec(command) => command.items = items,
        Command::Get(command) => command.items = items,
        Command::Replace(command) => command.items = items,
        _ => {}
    }
    one
}

fn said(done: dm_tree::Execution) -> Vec<Said> {
    let one = |outcome: dm_tree::ItemExecution| {
        let at = outcome.refusal.as_ref().and_then(dm_tree::Refusal::at);
        let at = at.and_then(|uri| LocUri::new(uri.as_str().to_owned()).ok());
        Said {
            code: outcome.status,
            results: outcome.result.into_iter().collect(),
            detail: at.map(Item::to).into_iter().collect(),
        }
    };
    done.outcomes.into_iter().map(one).collect()
}

/// There is no user here, and nothing goes on that an alert could be about.
fn answer_to(code: Option<AlertCode>) -> StatusCode {
    match code {
        Some(AlertCode::NEXT_MESSAGE | AlertCode::SESSION_ABORT) => StatusCode::OK,
        Some(_) => StatusCode::NOT_SUPPORTED,
        None => StatusCode::INCOMPLETE_COMMAND,
    }
}
