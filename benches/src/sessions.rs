//! Sessions without sockets: both machines, with what a real driver does between them.

use std::collections::HashMap;

use dm_syncml::auth::{Credentials, Nonce, Password};
use dm_syncml::session::{
    Account, ClientConfig, ClientEnd, ClientOutput, ClientSession, Incoming, Initiation, ItemOutcome,
    Outcome, Outgoing, Record, ServerConfig, ServerEvent, ServerOutput, ServerSession, SessionKey,
};
use dm_syncml::{
    CmdId, Command, Data, DecodeOptions, Encoding, Get, Instant, Item, LocUri, Replace, SessionId, StatusCode,
};

const NOW: Instant = Instant::EPOCH;

/// A server with its accounts and sessions, found by what messages say of themselves.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    accounts: HashMap<String, Account>,
    sessions: HashMap<SessionKey, ServerSession>,
    commands: Vec<Command<'static>>,
    answered: usize,
}

/// A device that both sides know, with nonces from an earlier session.
#[derive(Debug)]
pub struct Device {
    config: ClientConfig,
}

/// Half of them are read, half are written.
fn commands(count: usize) -> Vec<Command<'static>> {
    (0..count)
        .map(|number| {
            let id = CmdId::new("1").expect("an id");
            let item = Item::to(uri(format!("./Vendor/Settings/Group{}/Value{number}", number % 7)));
            if number % 2 == 0 {
                Get::new(id, vec![item]).into()
            } else {
                let data = Data::text(format!("value number {number}")).expect("text");
                Replace::new(id, vec![item.with_data(data)]).into()
            }
        })
        .collect()
}

fn uri(text: String) -> LocUri<'static> {
    LocUri::new(text).expect("a URI of ours")
}

fn address() -> LocUri<'static> {
    uri("https://dm.example.net/omadm".into())
}

impl Server {
    /// A server that sends so many commands in each session.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let config = ServerConfig::new(address()).with_max_commands(100_000).with_max_msg_size(64 << 20);
        Self {
            config,
            accounts: HashMap::new(),
            sessions: HashMap::new(),
            commands: commands(count),
            answered: 0,
        }
    }

    /// A new device.
    pub fn device(&mut self, number: u32) -> Device {
        let dev_id = format!("urn:uuid:device-{number}");
        let device = Credentials::new(format!("dev-{number}"), Password::new("secret of a device"));
        let server = Credentials::new("srv", Password::new("secret of the server"));
        let nonces = (Some(Nonce::new([1; 16])), Some(Nonce::new([2; 16])));
        let account =
            Account::md5(device.clone(), server.clone()).with_nonces(nonces.0.clone(), nonces.1.clone());
        self.accounts.insert(dev_id.clone(), account);
        let leaf = |name: &str, value: &str| {
            Item::from(uri(format!("./DevInfo/{name}")))
                .with_data(Data::text(value.to_owned()).expect("text"))
        };
        let config = ClientConfig::new(uri(dev_id.clone()), address())
            .with_md5(device, server)
            .with_nonces(nonces.0, nonces.1)
            .with_max_msg_size(64 << 20)
            .with_dev_info(vec![
                leaf("DevId", &dev_id),
                leaf("Man", "Example"),
                leaf("Mod", "EX-1"),
                leaf("DmV", "1.2"),
                leaf("Lang", "en"),
            ]);
        Device { config }
    }

    /// Commands that have their answer.
    #[must_use]
    pub const fn answered(&self) -> usize {
        self.answered
    }

    /// Sessions in the table.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Answers a message.
    pub fn answer(&mut self, message: &Outgoing) -> Outgoing {
        let incoming =
            Incoming::decode(message.encoding, &message.body, &DecodeOptions::new()).expect("a message");
        let key = incoming.key();
        let mut account = self.accounts.get_mut(key.peer());
        if incoming.is_first() {
            let session = ServerSession::new(NOW, self.config.clone(), account.as_deref().cloned());
            // A device has one session here: the one before only waited for a repetition of its last message.
            self.sessions.insert(key.clone(), session);
        }
        let session = self.sessions.get_mut(&key).expect("a session");
        session.handle_message(NOW, &incoming, [3; 16]).expect("the next message");
        let mut reply = None;
        loop {
            match session.poll_output() {
                ServerOutput::Event(ServerEvent::Started(_)) => {
                    for command in &self.commands {
                        session.queue(command.clone()).expect("a legal command");
                    }
                }
                ServerOutput::Event(ServerEvent::Answered(..)) => self.answered += 1,
                ServerOutput::Persist(seq, record) => {
                    if let Some(account) = &mut account {
                        match record {
                            Record::DeviceNonce(nonce) => account.device_nonce = Some(nonce),
                            Record::ServerNonce(nonce) => account.server_nonce = Some(nonce),
                            _ => {}
                        }
                    }
                    session.handle_persisted(NOW, seq);
                }
                ServerOutput::Reply(message) => reply = Some(message),
                ServerOutput::Wait(_) => return reply.expect("an answer"),
                _ => {}
            }
        }
    }
}

impl Device {
    /// One session from its first message to its last, or as many messages of it as `most`. Says how many went from here.
    pub fn session(&mut self, server: &mut Server, most: usize) -> usize {
        // Always the same id, so that the server's table does not grow with the number of sessions.
        let id = SessionId::new("1").expect("an id");
        let mut session = ClientSession::new(NOW, self.config.clone(), Initiation::Client(id), Vec::new());
        let mut sent = 0;
        loop {
            match session.poll_output() {
                ClientOutput::Send(_, message) => {
                    sent += 1;
                    let reply = server.answer(&message);
                    if sent == most {
                        return sent;
                    }
                    let reply = Incoming::decode(Encoding::Wbxml, &reply.body, &DecodeOptions::new())
                        .expect("a message");
                    session.handle_message(NOW, &reply, [4; 16]).expect("the answer");
                }
                ClientOutput::Execute(handle, command) => {
                    session.handle_outcome(NOW, handle, execute(&command)).expect("it waits for this one");
                }
                ClientOutput::Persist(seq, record) => {
                    match record {
                        Record::DeviceNonce(nonce) => self.config.device_nonce = Some(nonce),
                        Record::ServerNonce(nonce) => self.config.server_nonce = Some(nonce),
                        _ => {}
                    }
                    session.handle_persisted(NOW, seq);
                }
                ClientOutput::Closed(end) => {
                    assert_eq!(end, ClientEnd::Completed, "nothing is measured that fails");
                    return sent;
                }
                _ => {}
            }
        }
    }
}

fn execute(command: &Command<'_>) -> Outcome {
    match command {
        Command::Get(get) => {
            let found = get.items.iter().filter_map(|item| {
                let data = Data::text("the value that was found").ok()?;
                let source = item.target_uri()?.clone().into_owned();
                Some(ItemOutcome::found(vec![Item::from(source).with_data(data)]))
            });
            Outcome::each(found.collect())
        }
        _ => Outcome::all(StatusCode::OK),
    }
}
