//! Messages that real clients have sent, replayed against the server's machine. They cannot be part of this repository: `DM_CORPUS` names
//! the folder that holds them.
#![cfg(feature = "xml")]
#![expect(clippy::print_stdout, reason = "says what was replayed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use dm_syncml::session::{
    Account, CommandHandle, Incoming, ServerConfig, ServerEvent, ServerOutput, ServerSession,
};
use dm_syncml::{
    Alert, AlertCode, CmdId, CmdRef, Command, DecodeOptions, Encoding, Get, Instant, Item, LocUri, Message,
    MsgId, Quirks, StatusCode, SyncBody,
};

const NOW: Instant = Instant::EPOCH;

/// A message as it was recorded.
struct Recorded {
    file: String,
    encoding: Encoding,
    octets: Vec<u8>,
}

/// The messages of DM in the corpus, or `None` when nobody named one. One that is named must be there.
fn recorded() -> Option<Vec<Recorded>> {
    let folder = PathBuf::from(std::env::var_os("DM_CORPUS")?);
    let manifest = folder.join("MANIFEST.tsv");
    let lines =
        fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    let messages = lines.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[file, kind, _, _, exercises, ..] = &columns[..] else { panic!("{line:?} lacks columns") };
        let kind = kind.trim_end_matches("-peergen");
        (exercises.contains("[DM]") && matches!(kind, "syncml-xml" | "syncml-wbxml")).then(|| {
            let path = folder.join(file);
            let octets = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let encoding = if file.ends_with(".wbxml") { Encoding::Wbxml } else { Encoding::Xml };
            Recorded { file: file.into(), encoding, octets }
        })
    });
    Some(messages.collect())
}

fn options() -> DecodeOptions {
    DecodeOptions::new().with_quirks(Quirks::FIELD)
}

/// Whether a client sent it: clients send nothing but these, servers name themselves by a URL.
fn is_of_client(message: &Message<'_>) -> bool {
    message.header.ver_proto.as_str().starts_with("DM/")
        && !message.header.source.loc_uri.as_str().starts_with("http")
        && !message.body.commands.is_empty()
        && message.body.commands.iter().all(|command| match command {
            Command::Alert(alert) => alert.code.is_some_and(|code| !code.is_user_interaction()),
            Command::Status(_) | Command::Results(_) => true,
            Command::Replace(_) => command
                .items()
                .iter()
                .all(|item| item.source_uri().is_some_and(|source| source.as_str().contains("DevInfo"))),
            _ => false,
        })
}

/// A server in one session, and what it has learned.
struct Server {
    session: ServerSession,
    /// Commands to queue when the session starts.
    plan: usize,
    handles: Vec<CommandHandle>,
    answered: BTreeMap<CommandHandle, StatusCode>,
    given_up: usize,
}

impl Server {
    fn new(message: &Message<'_>, plan: usize) -> Self {
        let own = message.header.target.loc_uri.clone().into_owned();
        Self {
            session: ServerSession::new(NOW, ServerConfig::new(own), Some(Account::transport())),
            plan,
            handles: Vec::new(),
            answered: BTreeMap::new(),
            given_up: 0,
        }
    }

    /// The answer to a message, which is read strictly.
    fn answer(&mut self, encoding: Encoding, body: &[u8]) -> Result<Message<'static>, String> {
        let incoming = Incoming::decode(encoding, body, &options()).map_err(|error| error.to_string())?;
        self.session.handle_message(NOW, &incoming, [7; 16]).map_err(|error| error.to_string())?;
        let mut answer = None;
        loop {
            match self.session.poll_output() {
                ServerOutput::Event(ServerEvent::Started(_)) => {
                    for _ in 0..std::mem::take(&mut self.plan) {
                        let item = Item::to(LocUri::new("./DevInfo/Mod").unwrap());
                        let get = Get::new(CmdId::new("1").unwrap(), vec![item]);
                        self.handles.push(self.session.queue(get).map_err(|error| error.to_string())?);
                    }
                }
                ServerOutput::Event(ServerEvent::Answered(handle, answer)) => {
                    self.answered.insert(handle, answer.code());
                }
                ServerOutput::Event(ServerEvent::GivenUp(..)) => self.given_up += 1,
                ServerOutput::Persist(seq, _) => self.session.handle_persisted(NOW, seq),
                ServerOutput::Reply(message) => answer = Some(message),
                ServerOutput::Wait(_) => break,
                _ => {}
            }
        }
        let answer = answer.ok_or("no answer")?;
        Message::decode(answer.encoding, &answer.body, &DecodeOptions::new())
            .map(Message::into_owned)
            .map_err(|error| error.to_string())
    }
}

/// Every command that needs one has exactly one Status, the header's first, and all are well.
fn is_complete(message: &Message<'_>, answer: &Message<'_>) -> Result<(), String> {
    let mut statuses = answer.body.commands.iter().filter_map(|command| match command {
        Command::Status(status) => Some(status),
        _ => None,
    });
    let header = statuses.next().ok_or("no Status at all")?;
    if header.cmd_ref != CmdRef::SYNC_HDR || header.code != StatusCode::OK {
        return Err(format!("the header is answered {:?} {:?}", header.cmd_ref, header.code));
    }
    let mut answered: Vec<_> =
        statuses.map(|status| (status.cmd_ref.as_str().to_owned(), status.code)).collect();
    for command in &message.body.commands {
        if matches!(command, Command::Status(_) | Command::Results(_)) {
            continue;
        }
        let id = command.cmd_ref().as_str().to_owned();
        match answered.iter().position(|(own, code)| *own == id && *code == StatusCode::OK) {
            Some(at) => drop(answered.remove(at)),
            None => return Err(format!("command {id} is not answered 200: {answered:?}")),
        }
    }
    if answered.is_empty() { Ok(()) } else { Err(format!("statuses for nothing: {answered:?}")) }
}

/// A message in the middle of a session refers to commands of a server that was not recorded. Stand-ins are sent first, and it refers to
/// these: the n-th command it answers is the n-th stand-in.
fn replay_answers(message: &Message<'_>) -> Result<usize, String> {
    let mut answered: BTreeMap<(String, String), usize> = BTreeMap::new();
    for command in &message.body.commands {
        let reference = match command {
            Command::Status(status) => (status.msg_ref.as_str(), status.cmd_ref.as_str()),
            Command::Results(results) => {
                (results.msg_ref.as_ref().map_or("1", |msg_ref| msg_ref.as_str()), results.cmd_ref.as_str())
            }
            _ => continue,
        };
        if reference.1 != "0" {
            let next = answered.len();
            answered.entry((reference.0.into(), reference.1.into())).or_insert(next);
        }
    }
    // One at least, for the session to go on.
    let stand_ins = answered.len().max(1);
    let mut server = Server::new(message, stand_ins);
    let mut header = message.header.clone().into_owned();
    header.msg_id = MsgId::new("1").unwrap();
    let alert = Alert::new(CmdId::new("1").unwrap(), AlertCode::CLIENT_INITIATED);
    let opening =
        Message::new(header, SyncBody::new(vec![alert.into()])).with_representation(message.representation);
    let commands = server.answer(Encoding::Xml, &opening.encode(Encoding::Xml))?;
    let ids: Vec<_> = commands
        .body
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::Get(get) => Some(get.cmd_id.as_str().to_owned()),
            _ => None,
        })
        .collect();
    if ids.len() != stand_ins {
        return Err(format!("{} of {stand_ins} stand-ins were sent", ids.len()));
    }

    let mut shifted = message.clone().into_owned();
    shifted.header.msg_id = MsgId::new("2").unwrap();
    shifted.body.last_in_package = true;
    for command in &mut shifted.body.commands {
        let renamed = |msg_ref: &str, cmd_ref: &str| match answered.get(&(msg_ref.into(), cmd_ref.into())) {
            Some(at) => CmdRef::new(ids[*at].clone()).unwrap(),
            None => CmdRef::SYNC_HDR,
        };
        match command {
            Command::Status(status) => {
                status.cmd_ref = renamed(status.msg_ref.as_str(), status.cmd_ref.as_str());
                status.msg_ref = MsgId::new("1").unwrap();
            }
            Command::Results(results) => {
                let msg_ref = results.msg_ref.as_ref().map_or("1", |msg_ref| msg_ref.as_str()).to_owned();
                results.cmd_ref = renamed(&msg_ref, results.cmd_ref.as_str());
                results.msg_ref = Some(MsgId::new("1").unwrap());
            }
            _ => {}
        }
    }
    let answer = server.answer(Encoding::Xml, &shifted.encode(Encoding::Xml))?;
    is_complete(&shifted, &answer)?;
    if server.answered.len() != answered.len() || server.given_up != stand_ins - answered.len() {
        return Err(format!("{} of {} commands have their answers", server.answered.len(), answered.len()));
    }
    Ok(answered.len())
}

#[test]
fn every_message_of_a_client_is_answered() {
    let Some(messages) = recorded() else {
        println!("DM_CORPUS is not set: nothing was replayed");
        return;
    };
    let (mut openings, mut answers, mut commands, mut windows) = (0, 0, 0, 0);
    let mut failures = Vec::new();
    for recorded in &messages {
        let Ok(message) = Message::decode(recorded.encoding, &recorded.octets, &options()) else { continue };
        if !is_of_client(&message) {
            continue;
        }
        let opens = message.body.commands.iter().any(|command| {
            matches!(command, Command::Alert(alert) if matches!(alert.code,
                Some(AlertCode::CLIENT_INITIATED | AlertCode::SERVER_INITIATED)))
        });
        let outcome = if opens && message.header.msg_id == "1" {
            openings += 1;
            windows += usize::from(recorded.file.contains("comm_dump"));
            let mut server = Server::new(&message, 0);
            server
                .answer(recorded.encoding, &recorded.octets)
                .and_then(|answer| is_complete(&message, &answer))
        } else {
            answers += 1;
            replay_answers(&message).map(|count| commands += count)
        };
        if let Err(error) = outcome {
            failures.push(format!("{}: {error}", recorded.file));
        }
    }
    println!("{openings} first messages and {answers} later ones, which answer {commands} commands");
    assert_eq!(failures, Vec::<String>::new());
    assert!(windows >= 4, "the dumps of Windows are missing");
    assert!(answers >= 5 && commands > 0, "the answers of AOSP's client are missing");
}
