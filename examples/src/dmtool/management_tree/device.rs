//! A device that has nothing but a tree.

use dm_syncml::{AlertCode, Command, Item, LocUri, Message, MsgId, SessionId, StatusCode, SyncBody, SyncHdr};
use dm_tree::{Execution, ItemExecution, ServerId, Tree};

use crate::dmtool::document::Document;

use super::answers::{Answers, Said};

/// The tree, and who asks.
pub(super) struct Device {
    pub(super) tree: Tree,
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
            Command::Unknown(_) => answers.command(command, &[Said::new(StatusCode::BAD_REQUEST)]),
            _ => {
                let done = self.tree.execute(&self.server, command, &mut ()).whole_or_refused();
                say(command, done, answers);
            }
        }
    }
}

/// The answer to a command, and then those to its members.
fn say(command: &Command<'_>, done: Execution, answers: &mut Answers) {
    let said: Vec<_> = done.outcomes.into_iter().map(said).collect();
    answers.command(command, &said);
    for (member, done) in command.members().iter().zip(done.members) {
        say(member, done, answers);
    }
}

fn said(outcome: ItemExecution) -> Said {
    let at = outcome.refusal.as_ref().and_then(dm_tree::Refusal::at);
    let at = at.and_then(|uri| LocUri::new(uri.as_str().to_owned()).ok());
    Said { code: outcome.status, results: outcome.results, detail: at.map(Item::to).into_iter().collect() }
}

/// There is no user here, and nothing goes on that an alert could be about.
fn answer_to(code: Option<AlertCode>) -> StatusCode {
    match code {
        Some(AlertCode::NEXT_MESSAGE | AlertCode::SESSION_ABORT) => StatusCode::OK,
        Some(_) => StatusCode::NOT_SUPPORTED,
        None => StatusCode::INCOMPLETE_COMMAND,
    }
}
