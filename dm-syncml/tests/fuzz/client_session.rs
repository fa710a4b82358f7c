//! Any operations on a client's session, and any messages of a server.

use std::collections::BTreeSet;
use std::time::Duration;

use dm_syncml::auth::{AuthScheme, Nonce};
use dm_syncml::session::{
    AtomicStep, Capabilities, ClientConfig, ClientEvent, ClientOutput, ClientSession, CommandHandle,
    Incoming, Initiation, ItemOutcome, Outcome, UserResponse,
};
use dm_syncml::{
    Alert, AlertCode, CmdId, Command, Data, DecodeOptions, Encoding, Instant, Item, Quirks, RecordSeq,
    SessionId, StatusCode,
};

use crate::session_input::{
    DEVICE, Octets, Peer, SERVER, Sent, device_credentials, noise, scheme, server_credentials, uri,
};

const ATTEMPTS: u8 = 3;
const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_COMMANDS: usize = 40;
const MAX_MESSAGES: u32 = 30;
const OPERATIONS: usize = 200;

/// Draining ends in `Wait`; what a session sends is read strictly; one command at a time is handed out, and nothing after the end; of an
/// Atomic all members come between its begin and its end; each message is sent a bounded number of times; nothing is executed for a server
/// that has not proved itself; the session ends when time passes; the same operations have the same outcome.
pub(crate) fn run(data: &[u8]) {
    let once = Play::run(data);
    assert_eq!(once, Play::run(data), "the same inputs, the same outputs");
}

/// What the session waits for.
#[derive(Clone, Debug)]
enum Due {
    Outcome(CommandHandle, usize),
    Step(CommandHandle, AtomicStep),
    Response(CommandHandle),
}

struct Play {
    session: ClientSession,
    now: Instant,
    peer: Peer,
    proved: bool,
    due: Option<Due>,
    /// The Atomic that has begun.
    atomic: Option<CommandHandle>,
    handed_out: BTreeSet<CommandHandle>,
    unstored: Vec<RecordSeq>,
    prompt: bool,
    sent: Vec<Vec<u8>>,
    closed: bool,
    log: Vec<String>,
}

impl Play {
    fn run(data: &[u8]) -> Vec<String> {
        let mut octets = Octets(data);
        let (device, server) = (scheme(&mut octets), scheme(&mut octets));
        let flags = octets.next();
        let nonce = |bit: u8| (flags & bit != 0).then(|| Nonce::new([bit; 16]));
        let encoding = if flags & 4 == 0 { Encoding::Wbxml } else { Encoding::Xml };
        let mut config = ClientConfig::new(uri(DEVICE), uri(SERVER))
            .with_encoding(encoding)
            .with_nonces(nonce(1), nonce(2))
            .with_attempts(ATTEMPTS, TIMEOUT)
            .with_max_commands(MAX_COMMANDS)
            .with_max_messages(MAX_MESSAGES)
            .with_max_obj_size(4000)
            .with_resume()
            .with_announcement(Capabilities::new());
        config.device = (device != AuthScheme::None).then(|| (device, device_credentials()));
        config.server_auth = (server != AuthScheme::None).then(|| (server, server_credentials()));
        config.atomic = flags & 8 == 0;
        config.interaction = flags & 16 == 0;
        let mut alerts = Vec::new();
        if flags & 32 != 0 {
            let mut alert = Alert::new(CmdId::new("1").expect("an id"), AlertCode::GENERIC_ALERT);
            alert.items = vec![Item::from(uri("./A")).with_data(Data::text("x".repeat(100)).expect("text"))];
            alerts = vec![alert; 3];
        }
        let initiation = Initiation::Client(SessionId::new("1").expect("an id"));
        let mut play = Self {
            session: ClientSession::new(Instant::EPOCH, config, initiation, alerts),
            now: Instant::EPOCH,
            peer: Peer::new(false, server, nonce(2)),
            proved: server == AuthScheme::None,
            due: None,
            atomic: None,
            handed_out: BTreeSet::new(),
            unstored: Vec::new(),
            prompt: flags & 64 == 0,
            sent: Vec::new(),
            closed: false,
            log: Vec::new(),
        };
        play.drain();
        for _ in 0..OPERATIONS {
            if octets.is_empty() {
                break;
            }
            play.step(&mut octets, encoding);
        }
        // Time ends every session, if the executor answers in the end or never.
        for round in 0..3000 {
            if play.closed {
                break;
            }
            assert!(round < 2999, "the session hangs: {:?}", play.due);
            play.store();
            play.now = play.now + TIMEOUT * 2;
            play.session.handle_tick(play.now);
            play.drain();
        }
        play.log
    }

    fn step(&mut self, octets: &mut Octets<'_>, encoding: Encoding) {
        match octets.below(14) {
            0..=3 => {
                let sent = self.peer.speak(octets, encoding);
                self.deliver(&sent);
            }
            4 => {
                let body = octets.take(60).to_vec();
                let hmac = noise(octets);
                self.deliver(&Sent { encoding, body, hmac });
            }
            5..=9 => self.answer(octets),
            10 => {
                let seconds = [0, 1, 30, 61][octets.below(4)];
                self.now =
                    if octets.once_in(8) { Instant::EPOCH } else { self.now + Duration::from_secs(seconds) };
                self.session.handle_tick(self.now);
                self.drain();
            }
            11 => self.store(),
            12 => {
                self.session.handle_lost(self.now);
                self.drain();
            }
            _ => {
                match octets.below(16) {
                    0 => self.session.handle_bad_answer(self.now),
                    1 => self.session.abort(self.now),
                    2 => self.session.handle_empty_answer(self.now),
                    3 => self.session.handle_unavailable(self.now, TIMEOUT),
                    4 => {
                        let alert = Alert::new(CmdId::new("1").expect("an id"), AlertCode::GENERIC_ALERT);
                        let queued = self.session.queue_alert(self.now, alert);
                        assert_eq!(queued.is_err(), self.closed);
                    }
                    _ => {}
                }
                self.drain();
            }
        }
    }

    fn store(&mut self) {
        for seq in std::mem::take(&mut self.unstored) {
            self.session.handle_persisted(self.now, seq);
        }
        self.drain();
    }

    fn deliver(&mut self, sent: &Sent) {
        let options = DecodeOptions::new().with_quirks(Quirks::FIELD);
        let Ok(incoming) = Incoming::decode(sent.encoding, &sent.body, &options) else {
            self.session.handle_lost(self.now);
            return self.drain();
        };
        let incoming = incoming.with_hmac(sent.hmac.as_deref());
        let taken = self.session.handle_message(self.now, &incoming, [self.log.len() as u8; 16]);
        self.log.push(format!("{taken:?}"));
        self.drain();
        // Twice is once.
        if taken.is_ok() && !self.closed {
            let _ = self.session.handle_message(self.now, &incoming, [0xEE; 16]);
            assert!(matches!(self.session.poll_output(), ClientOutput::Wait(_)), "a repetition does nothing");
        }
    }

    /// What became of what was handed out, or of nothing.
    fn answer(&mut self, octets: &mut Octets<'_>) {
        let code = StatusCode::new([200, 200, 200, 404, 500, 216, 516, 202, 418, 406][octets.below(10)]);
        let Some(due) = self.due.clone() else { return };
        let taken = match due {
            Due::Outcome(handle, items) => {
                let outcome = match octets.below(6) {
                    0 => Outcome::each((0..items).map(|_| ItemOutcome::new(code)).collect()),
                    1 => {
                        let size = [0, 10, 500, 5000][octets.below(4)];
                        let data = Data::text("y".repeat(size)).expect("text");
                        let found = ItemOutcome::found(vec![Item::from(uri("./A")).with_data(data)]);
                        Outcome::each((0..items).map(|_| found.clone()).collect())
                    }
                    2 => Outcome::each(vec![ItemOutcome::new(code); items + 2]),
                    _ => Outcome::all(code),
                };
                self.session.handle_outcome(self.now, handle, outcome)
            }
            Due::Step(handle, step) => {
                let outcome = Outcome::all(code);
                let refused = matches!(step, AtomicStep::Begin(_)) && !outcome.is_success();
                let taken = self.session.handle_outcome(self.now, handle, outcome);
                if taken.is_ok() && refused {
                    self.atomic = None;
                }
                taken
            }
            Due::Response(handle) => {
                let responses = [
                    UserResponse::Accepted,
                    UserResponse::Rejected,
                    UserResponse::Cancelled,
                    UserResponse::TimedOut,
                ];
                self.session.handle_response(self.now, handle, &responses[octets.below(4)])
            }
        };
        if taken.is_ok() {
            self.due = None;
        }
        self.drain();
    }

    fn hand_out(&mut self, due: Due) {
        assert!(self.due.is_none(), "{due:?} while {:?} is due", self.due);
        assert!(self.proved, "nothing is executed for a stranger");
        self.due = Some(due);
    }

    fn drain(&mut self) {
        for _ in 0..10_000 {
            let output = self.session.poll_output();
            if !matches!(output, ClientOutput::Wait(_)) {
                assert!(!self.closed, "{output:?} after the end");
                self.log.push(format!("{output:?}"));
            }
            match output {
                ClientOutput::Wait(at) => {
                    assert!(!self.closed || at.is_none(), "a closed session waits for nothing");
                    assert!(
                        self.closed || at.is_some() || self.due.is_some() || !self.unstored.is_empty(),
                        "a session that waits for nothing hangs"
                    );
                    return;
                }
                ClientOutput::Persist(seq, _) => {
                    if self.prompt {
                        self.session.handle_persisted(self.now, seq);
                    } else {
                        self.unstored.push(seq);
                    }
                }
                ClientOutput::Send(_, message) => {
                    self.peer.hear(message.encoding, &message.body);
                    let sent = self.sent.iter().filter(|body| **body == message.body).count();
                    assert!(sent < usize::from(ATTEMPTS), "sent more than {ATTEMPTS} times");
                    self.sent.push(message.body);
                    assert!(self.sent.len() <= (MAX_MESSAGES as usize + 1) * usize::from(ATTEMPTS));
                }
                ClientOutput::Execute(handle, command) => {
                    assert!(self.handed_out.insert(handle), "a handle is new");
                    assert!(
                        !matches!(command, Command::Atomic(_) | Command::Sequence(_) | Command::Status(_)),
                        "containers are taken apart"
                    );
                    self.hand_out(Due::Outcome(handle, command.items().len()));
                }
                ClientOutput::Atomic(handle, step) => {
                    match step {
                        AtomicStep::Begin(_) => {
                            assert_eq!(self.atomic.replace(handle), None, "one Atomic at a time");
                            assert!(self.handed_out.insert(handle), "a handle is new");
                        }
                        _ => assert_eq!(self.atomic.take(), Some(handle), "the end of what has begun"),
                    }
                    self.hand_out(Due::Step(handle, step));
                }
                ClientOutput::Interact(handle, _) => {
                    assert!(self.handed_out.insert(handle), "a handle is new");
                    self.hand_out(Due::Response(handle));
                }
                ClientOutput::Closed(_) => self.closed = true,
                ClientOutput::Event(ClientEvent::ServerAuthenticated) => self.proved = true,
                ClientOutput::Event(ClientEvent::Overdue(_)) => self.due = None,
                _ => {}
            }
        }
        panic!("draining never ends");
    }
}
