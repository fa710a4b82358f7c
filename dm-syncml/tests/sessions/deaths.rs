//! Either side dies at each boundary of a session with commands that must not be done twice. Whatever the server's ledger says afterwards is
//! true, what it calls unsent is done in the next session, and nothing is done twice.

use std::collections::BTreeMap;
use std::time::Duration;

use dm_syncml::session::{
    Account, ClientConfig, ClientEnd, ClientOutput, ClientSession, CommandHandle, GivenUp, Incoming,
    Initiation, Outcome, PeerError, ServerConfig, ServerEvent, ServerOutput, ServerSession, SessionError,
};
use dm_syncml::{
    Add, CmdId, Command, Data, DecodeOptions, Encoding, Exec, Instant, Item, Sequence, SessionId, StatusCode,
};

use super::pair::{DEVICE, SERVER, uri};

fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn add(name: &str, octets: usize) -> Command<'static> {
    let data = Data::text("v".repeat(octets)).unwrap();
    Add::new(id(), vec![Item::to(uri(name)).with_data(data)]).into()
}

fn exec(name: &str) -> Command<'static> {
    Exec::new(id(), Item::to(uri(name))).into()
}

/// Each with the targets it acts on; one of them is larger than a message.
fn jobs() -> Vec<(Command<'static>, Vec<&'static str>)> {
    vec![
        (add("./A", 300), vec!["./A"]),
        (exec("./Run/1"), vec!["./Run/1"]),
        (add("./Big", 2500), vec!["./Big"]),
        (Sequence::new(id(), vec![exec("./Run/2"), add("./B", 10)]).into(), vec!["./Run/2", "./B"]),
        (exec("./Run/3"), vec!["./Run/3"]),
        (add("./C", 400), vec!["./C"]),
    ]
}

/// What the server knows of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    /// It may be queued: nothing of it was done.
    NotDone,
    Queued(CommandHandle),
    /// It has gone out.
    Sent(CommandHandle),
    Done,
    /// It may have been done, so it must not be queued again.
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Device,
    Server,
    /// It comes back with what it had stored.
    ServerWithStore,
}

/// When somebody dies: when so many messages have been made, the last of which arrives or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Death {
    side: Side,
    messages: usize,
    arrives: bool,
}

struct Story {
    now: Instant,
    known: Vec<Known>,
    /// How often each thing was done on the device, which survives it.
    done: BTreeMap<String, usize>,
    client: ClientSession,
    server: Option<ServerSession>,
    client_end: Option<ClientEnd>,
    messages: usize,
    entropy: u8,
}

fn client(now: Instant, nth: u8) -> ClientSession {
    // With credentials, first messages would differ by their nonce.
    let leaf = Item::from(uri("./DevInfo/Ext/Boots")).with_data(Data::text(nth.to_string()).unwrap());
    let config = ClientConfig::new(uri(DEVICE), uri(SERVER)).with_max_msg_size(900).with_dev_info(vec![leaf]);
    // The same id again: the server must find out by itself that the old session is dead.
    ClientSession::new(now, config, Initiation::Client(SessionId::new("1A").unwrap()), Vec::new())
}

fn config() -> ServerConfig {
    ServerConfig::new(uri(SERVER))
}

impl Story {
    fn new() -> Self {
        let now = Instant::EPOCH;
        Self {
            now,
            known: vec![Known::NotDone; jobs().len()],
            done: BTreeMap::new(),
            client: client(now, 0),
            server: None,
            client_end: None,
            messages: 0,
            entropy: 0,
        }
    }

    fn entropy(&mut self) -> [u8; 16] {
        self.entropy = self.entropy.wrapping_add(1);
        [self.entropy; 16]
    }

    /// The device's next message, when it has executed what it was to.
    fn device_says(&mut self) -> Option<Vec<u8>> {
        let mut said = None;
        loop {
            match self.client.poll_output() {
                ClientOutput::Send(_, message) => said = Some(message.body),
                ClientOutput::Persist(seq, _) => self.client.handle_persisted(self.now, seq),
                ClientOutput::Execute(handle, command) => {
                    for item in command.items() {
                        *self.done.entry(item.target_uri().unwrap().to_string()).or_default() += 1;
                    }
                    self.client.handle_outcome(self.now, handle, Outcome::all(StatusCode::OK)).unwrap();
                }
                ClientOutput::Closed(end) => self.client_end = Some(end),
                ClientOutput::Wait(_) => break,
                _ => {}
            }
        }
        self.messages += usize::from(said.is_some());
        said
    }

    fn device_hears(&mut self, body: &[u8]) {
        let incoming = Incoming::decode(Encoding::Wbxml, body, &DecodeOptions::new()).unwrap();
        let entropy = self.entropy();
        self.client.handle_message(self.now, &incoming, entropy).unwrap();
    }

    /// The server takes a message and answers; `None` when it knows no such session.
    fn server_answers(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        let incoming = Incoming::decode(Encoding::Wbxml, body, &DecodeOptions::new()).unwrap();
        let entropy = self.entropy();
        let now = self.now;
        let fresh = || ServerSession::new(now, config(), Some(Account::transport()));
        let mut server = match self.server.take() {
            Some(server) => server,
            None if incoming.is_first() => fresh(),
            None => return None,
        };
        match server.handle_message(self.now, &incoming, entropy) {
            Ok(()) => {}
            Err(SessionError::Peer(PeerError::Restart)) => {
                // The device has forgotten the session: what is known of it is said before the new one begins.
                server.handle_restarted(self.now);
                assert!(self.drain(&mut server).is_none());
                server = fresh();
                server.handle_message(self.now, &incoming, entropy).unwrap();
            }
            Err(error) => panic!("{error}"),
        }
        let reply = self.drain(&mut server);
        self.server = Some(server);
        self.messages += 1;
        reply
    }

    fn drain(&mut self, server: &mut ServerSession) -> Option<Vec<u8>> {
        let mut reply = None;
        loop {
            match server.poll_output() {
                ServerOutput::Event(ServerEvent::Started(_)) => {
                    for (known, (command, _)) in self.known.iter_mut().zip(jobs()) {
                        if *known == Known::NotDone {
                            *known = Known::Queued(server.queue(command).unwrap());
                        }
                    }
                }
                ServerOutput::Event(event) => self.told(event),
                ServerOutput::Persist(seq, _) => server.handle_persisted(self.now, seq),
                ServerOutput::Reply(message) => reply = Some(message.body),
                ServerOutput::Wait(_) => return reply,
                _ => {}
            }
        }
    }

    fn told(&mut self, event: ServerEvent) {
        let (handle, known) = match event {
            ServerEvent::Sent(handle) => (handle, Known::Sent(handle)),
            ServerEvent::Answered(handle, answer) => {
                assert_eq!(answer.code(), StatusCode::OK);
                (handle, if answer.complete { Known::Done } else { Known::Unknown })
            }
            ServerEvent::GivenUp(handle, GivenUp::NotSent) => (handle, Known::NotDone),
            ServerEvent::GivenUp(handle, GivenUp::Unanswered) => (handle, Known::Unknown),
            ServerEvent::GivenUp(_, why) => panic!("{why:?}"),
            _ => return,
        };
        let of =
            |known: &&mut Known| matches!(known, Known::Queued(own) | Known::Sent(own) if *own == handle);
        *self.known.iter_mut().find(of).expect("each command ends once") = known;
    }

    /// The device's process dies; the next begins a session of its own.
    fn device_dies(&mut self) {
        self.entropy += 1;
        self.client = client(self.now, self.entropy);
    }

    /// The server's process dies. All that is left is what it had written down of its events.
    fn server_dies(&mut self) {
        self.server = None;
        for known in &mut self.known {
            match known {
                // What was never told as sent was not sent.
                Known::Queued(_) => *known = Known::NotDone,
                Known::Sent(_) => *known = Known::Unknown,
                _ => {}
            }
        }
    }

    /// Another process goes on with what was stored after the last message.
    #[cfg(feature = "serde")]
    fn server_dies_with_store(&mut self) {
        let Some(server) = &self.server else { return };
        let stored = serde_json::to_vec(&server.snapshot(self.now).unwrap()).unwrap();
        let snapshot = serde_json::from_slice(&stored).unwrap();
        let server = ServerSession::restore(self.now, config(), Some(Account::transport()), snapshot);
        self.server = Some(server.unwrap());
    }

    #[cfg(not(feature = "serde"))]
    fn server_dies_with_store(&mut self) {}

    /// Plays sessions until one comes to its end with nothing left to do. Tells whether the death was reached.
    fn play(&mut self, death: Option<Death>) -> bool {
        let mut died = false;
        for _ in 0..200 {
            let Some(request) = self.device_says() else {
                if self.client_end.take() == Some(ClientEnd::Completed)
                    && !self.known.contains(&Known::NotDone)
                {
                    return died;
                }
                self.entropy += 1;
                self.client = client(self.now, self.entropy);
                continue;
            };
            if self.strikes(death, &mut died) {
                let arrives = death.is_some_and(|death| death.arrives);
                if arrives && self.client_is_dead(death) {
                    // Nobody is there to take the answer.
                    self.server_answers(&request);
                }
                if self.client_is_dead(death) {
                    continue;
                }
                if !arrives {
                    self.repeat();
                    continue;
                }
            }
            let Some(reply) = self.server_answers(&request) else {
                // HTTP has an error for that.
                self.client.handle_bad_answer(self.now);
                continue;
            };
            if self.strikes(death, &mut died) {
                if self.client_is_dead(death) {
                    continue;
                }
                if death.is_some_and(|death| !death.arrives) {
                    self.repeat();
                    continue;
                }
            }
            self.device_hears(&reply);
        }
        panic!("{death:?}: the sessions never end");
    }

    fn client_is_dead(&self, death: Option<Death>) -> bool {
        death.is_some_and(|death| death.side == Side::Device)
    }

    fn strikes(&mut self, death: Option<Death>, died: &mut bool) -> bool {
        let Some(death) = death.filter(|death| death.messages == self.messages && !*died) else {
            return false;
        };
        *died = true;
        match death.side {
            Side::Device => self.device_dies(),
            Side::Server => self.server_dies(),
            Side::ServerWithStore => self.server_dies_with_store(),
        }
        true
    }

    /// Nothing came back, so the device sends its message again when its time has come.
    fn repeat(&mut self) {
        self.now = self.now + Duration::from_secs(31);
        self.client.handle_tick(self.now);
        self.messages -= 1;
    }

    fn check(&self, death: Option<Death>) {
        for (known, (_, targets)) in self.known.iter().zip(jobs()) {
            let done: Vec<_> =
                targets.iter().map(|target| self.done.get(*target).copied().unwrap_or(0)).collect();
            let what = format!("{death:?}: {targets:?} is {known:?}, done {done:?} times");
            assert!(done.iter().all(|times| *times <= 1), "{what}: nothing is done twice");
            match known {
                Known::Done => assert!(done.iter().all(|times| *times == 1), "{what}"),
                Known::Unknown => {}
                other => panic!("{what}: {other:?} is no end"),
            }
        }
    }
}

#[test]
fn nothing_unsafe_is_repeated_and_the_ledger_is_right_whoever_dies_when() {
    let mut undisturbed = Story::new();
    undisturbed.play(None);
    undisturbed.check(None);
    assert!(undisturbed.known.iter().all(|known| *known == Known::Done));
    let messages = undisturbed.messages;
    assert!(messages > 10, "several rounds, and a large object: {messages} messages");

    for side in [Side::Device, Side::Server, Side::ServerWithStore] {
        let mut unknown = 0;
        for at in 1..=messages {
            for arrives in [true, false] {
                let death = Some(Death { side, messages: at, arrives });
                let mut story = Story::new();
                assert!(story.play(death), "{death:?} is reached");
                story.check(death);
                unknown += story.known.iter().filter(|known| **known == Known::Unknown).count();
            }
        }
        match side {
            // Nothing is lost with a store: the message that was repeated is answered from it.
            Side::ServerWithStore if cfg!(feature = "serde") => assert_eq!(unknown, 0),
            Side::ServerWithStore => {}
            _ => assert!(unknown > 0, "somebody died while something was under way"),
        }
    }
}
