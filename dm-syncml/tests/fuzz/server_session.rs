//! Any operations on a server's session, and any messages of a device.

use std::collections::BTreeMap;
use std::time::Duration;

use dm_syncml::auth::{AuthScheme, Nonce};
use dm_syncml::session::{
    Account, CommandHandle, Incoming, ServerConfig, ServerEvent, ServerOutput, ServerSession,
};
use dm_syncml::{DecodeOptions, Encoding, Instant, Quirks, RecordSeq};

use crate::session_input::{
    Octets, Peer, SERVER, Sent, command, device_credentials, noise, scheme, server_credentials, uri,
};

const IDLE: Duration = Duration::from_secs(60);
const MAX_COMMANDS: usize = 40;
const MAX_RESULTS: usize = 8000;
const OPERATIONS: usize = 200;

/// Draining ends in `Wait`; what a session sends is read strictly and no larger than the device takes; every command ends at most once,
/// and has ended when the session has; a repetition is answered with the same octets and does nothing else; strangers store nothing; the
/// same operations have the same outcome.
pub(crate) fn run(data: &[u8]) {
    let once = Play::run(data);
    assert_eq!(once, Play::run(data), "the same inputs, the same outputs");
}

struct Play {
    session: ServerSession,
    now: Instant,
    peer: Peer,
    /// Nobody knows the device.
    stranger: bool,
    authenticated: bool,
    /// Queued, and not ended.
    open: BTreeMap<CommandHandle, bool>,
    unstored: Vec<RecordSeq>,
    /// Records are reported as they come.
    prompt: bool,
    last: Option<(Sent, Vec<u8>)>,
    /// What the session was told the device takes.
    max_msg_size: Option<u64>,
    ended: bool,
    closed: bool,
    log: Vec<String>,
}

impl Play {
    fn run(data: &[u8]) -> Vec<String> {
        let mut octets = Octets(data);
        let (device, server) = (scheme(&mut octets), scheme(&mut octets));
        let flags = octets.next();
        let nonce = |bit: u8| (flags & bit != 0).then(|| Nonce::new([bit; 16]));
        let stranger = flags & 12 == 12;
        let account = (!stranger).then(|| {
            let mut account = Account::transport().with_nonces(nonce(1), nonce(2));
            account.device = (device != AuthScheme::None).then(|| (device, device_credentials()));
            account.server = (server != AuthScheme::None).then(|| (server, server_credentials()));
            account
        });
        let config = ServerConfig::new(uri(SERVER))
            .with_idle(IDLE)
            .with_max_commands(MAX_COMMANDS)
            .with_max_obj_size(4000)
            .with_max_result_octets(MAX_RESULTS)
            .with_resume();
        let mut play = Self {
            session: ServerSession::new(Instant::EPOCH, config, account),
            now: Instant::EPOCH,
            peer: Peer::new(true, device, nonce(1)),
            stranger,
            authenticated: false,
            open: BTreeMap::new(),
            unstored: Vec::new(),
            prompt: flags & 16 == 0,
            last: None,
            max_msg_size: None,
            ended: false,
            closed: false,
            log: Vec::new(),
        };
        let encoding = if flags & 32 == 0 { Encoding::Wbxml } else { Encoding::Xml };
        play.drain(None);
        for _ in 0..OPERATIONS {
            if octets.is_empty() {
                break;
            }
            play.step(&mut octets, encoding);
        }
        // Time ends every session.
        for _ in 0..4 {
            play.store();
            play.now = play.now + IDLE;
            play.session.handle_tick(play.now);
            play.drain(None);
        }
        assert!(play.closed && play.open.is_empty(), "{:?} still open", play.open);
        play.log
    }

    fn step(&mut self, octets: &mut Octets<'_>, encoding: Encoding) {
        match octets.below(12) {
            0..=4 => {
                let sent = self.peer.speak(octets, encoding);
                self.deliver(&sent, true);
            }
            5 => {
                let body = octets.take(60).to_vec();
                let hmac = noise(octets);
                self.deliver(&Sent { encoding, body, hmac }, false);
            }
            6 => self.repeat(),
            7 | 8 => {
                let mut next = 0;
                if let Some(command) = command(octets, &mut next, 0)
                    && let Ok(handle) = self.session.queue(command)
                {
                    assert!(!self.ended, "nothing is queued after the end");
                    assert_eq!(self.open.insert(handle, true), None, "handles are new");
                }
            }
            9 => {
                let seconds = [0, 1, 30, 61][octets.below(4)];
                // Back in time now and then.
                self.now =
                    if octets.once_in(8) { Instant::EPOCH } else { self.now + Duration::from_secs(seconds) };
                self.session.handle_tick(self.now);
                self.drain(None);
            }
            10 => self.store(),
            _ => {
                match octets.below(8) {
                    0 => drop(self.session.abort()),
                    1 => self.session.handle_restarted(self.now),
                    _ => {}
                }
                self.drain(None);
            }
        }
    }

    fn store(&mut self) {
        for seq in std::mem::take(&mut self.unstored) {
            self.session.handle_persisted(self.now, seq);
        }
        let last = self.last.as_ref().map(|(sent, _)| sent.clone());
        self.drain(last.as_ref());
    }

    fn deliver(&mut self, sent: &Sent, spoken: bool) {
        let options = DecodeOptions::new().with_quirks(Quirks::FIELD);
        let Ok(incoming) = Incoming::decode(sent.encoding, &sent.body, &options) else { return };
        let incoming = incoming.with_hmac(sent.hmac.as_deref());
        let taken = self.session.handle_message(self.now, &incoming, [self.log.len() as u8; 16]);
        self.log.push(format!("{taken:?}"));
        assert!(!(self.closed && taken.is_ok()), "a closed session takes nothing");
        let told = incoming.message().header.meta.as_ref().and_then(|meta| meta.max_msg_size());
        if taken.is_ok() && told.is_some() {
            self.max_msg_size = told;
        }
        if taken.is_ok() && spoken {
            self.last = Some((sent.clone(), Vec::new()));
        }
        self.drain(Some(sent));
    }

    /// The same octets once more.
    fn repeat(&mut self) {
        let Some((sent, reply)) = self.last.clone() else { return };
        if reply.is_empty() || self.closed || !self.unstored.is_empty() {
            return;
        }
        let incoming =
            Incoming::decode(sent.encoding, &sent.body, &DecodeOptions::new().with_quirks(Quirks::FIELD))
                .expect("it was read before")
                .with_hmac(sent.hmac.as_deref());
        if self.session.handle_message(self.now, &incoming, [0xEE; 16]).is_err() {
            return;
        }
        match self.session.poll_output() {
            ServerOutput::Reply(again) => assert_eq!(again.body, reply, "the same answer"),
            other => panic!("{other:?} for a repetition"),
        }
        assert!(matches!(self.session.poll_output(), ServerOutput::Wait(_)), "a repetition does nothing");
    }

    fn drain(&mut self, answering: Option<&Sent>) {
        let mut persisted = false;
        for _ in 0..10_000 {
            let output = self.session.poll_output();
            if !matches!(output, ServerOutput::Wait(_)) {
                assert!(!self.closed, "{output:?} after the end");
                self.log.push(format!("{output:?}"));
            }
            match output {
                ServerOutput::Wait(at) => {
                    assert!(!self.closed || at.is_none(), "a closed session waits for nothing");
                    assert!(self.authenticated || !persisted, "a stranger stores nothing");
                    return;
                }
                ServerOutput::Persist(seq, _) => {
                    persisted = true;
                    if self.prompt {
                        self.session.handle_persisted(self.now, seq);
                    } else {
                        self.unstored.push(seq);
                    }
                }
                ServerOutput::Reply(reply) => {
                    assert!(answering.is_some(), "an answer to nothing");
                    self.peer.hear(reply.encoding, &reply.body);
                    if let Some(most) = self.max_msg_size.filter(|most| *most >= 1200) {
                        assert!(reply.body.len() as u64 <= most, "{} of {most} octets", reply.body.len());
                    }
                    if let Some((_, answer)) = &mut self.last {
                        *answer = reply.body;
                    }
                }
                ServerOutput::Closed => self.closed = true,
                ServerOutput::Event(event) => self.event(event),
                _ => {}
            }
        }
        panic!("draining never ends");
    }

    fn event(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::Authenticated => {
                assert!(!self.stranger && !self.authenticated);
                self.authenticated = true;
            }
            ServerEvent::Answered(handle, answer) => {
                let octets: usize =
                    answer.items().filter_map(|item| item.data.as_ref()?.as_text()).map(str::len).sum();
                assert!(octets <= MAX_RESULTS, "{octets} octets of results");
                assert!(!answer.statuses.is_empty());
                self.end(handle);
            }
            ServerEvent::Responded(handle, _) | ServerEvent::GivenUp(handle, _) => self.end(handle),
            ServerEvent::Ended(_) => {
                assert!(!self.ended, "a session ends once");
                self.ended = true;
                assert!(self.open.is_empty(), "{:?} still open at the end", self.open);
            }
            ServerEvent::Sent(handle) => assert!(self.open.contains_key(&handle), "sent after its end"),
            _ => {}
        }
    }

    fn end(&mut self, handle: CommandHandle) {
        assert!(self.open.remove(&handle).is_some(), "a command ends once");
    }
}
