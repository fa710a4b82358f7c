//! The device: writes its messages by hand, and keeps what the session did.

use dm_syncml::session::{
    Account, Answer, CommandHandle, GivenUp, Incoming, Outgoing, Record, ServerConfig, ServerEnd,
    ServerEvent, ServerOutput, ServerSession, SessionError,
};
use dm_syncml::{
    Alert, AlertCode, CmdId, CmdName, CmdRef, Command, Cred, Data, DecodeOptions, Encoding, Format, Get,
    Instant, Item, LocUri, Message, Meta, MsgId, Replace, Results, SessionId, Status, StatusCode, SyncBody,
    SyncHdr,
};

pub(crate) const DEVICE: &str = "IMEI:004999010640000";
pub(crate) const SERVER: &str = "https://dm.example.net/omadm";

pub(crate) fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).unwrap()
}

pub(crate) fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

pub(crate) fn text(value: &str) -> Data<'static> {
    Data::text(value.to_owned()).unwrap()
}

pub(crate) fn get(target: &str) -> Command<'static> {
    Get::new(id(), vec![Item::to(uri(target))]).into()
}

pub(crate) fn replace(target: &str, value: &str) -> Command<'static> {
    Replace::new(id(), vec![Item::to(uri(target)).with_data(text(value))]).into()
}

pub(crate) fn alert(code: AlertCode) -> Command<'static> {
    Alert::new(id(), code).into()
}

/// What a device begins with.
pub(crate) fn package_1() -> Vec<Command<'static>> {
    let leaf = |name: &str, value: &str| Item::from(uri(&format!("./DevInfo/{name}"))).with_data(text(value));
    let dev_info =
        Replace::new(id(), vec![leaf("DevId", DEVICE), leaf("Man", "Example"), leaf("Mod", "EX-1")]);
    vec![alert(AlertCode::CLIENT_INITIATED), dev_info.into()]
}

/// A Status for a command of a message of the server.
pub(crate) fn status(message: &Message<'_>, command: &Command<'_>, code: StatusCode) -> Command<'static> {
    let msg_ref = message.header.msg_id.clone().into_owned();
    Status::new(id(), msg_ref, command.cmd_ref(), command.name().unwrap(), code).into()
}

/// Statuses for everything in a message that wants one, members of containers too.
pub(crate) fn statuses(message: &Message<'_>, code: StatusCode) -> Vec<Command<'static>> {
    fn all(
        message: &Message<'_>,
        commands: &[Command<'_>],
        code: StatusCode,
        out: &mut Vec<Command<'static>>,
    ) {
        for command in commands {
            if !matches!(command, Command::Status(_)) {
                out.push(status(message, command, code));
                all(message, command.members(), code, out);
            }
        }
    }
    let mut out = Vec::new();
    all(message, &message.body.commands, code, &mut out);
    out
}

/// Results for a Get of a message of the server.
pub(crate) fn results(
    message: &Message<'_>,
    get: &Command<'_>,
    items: Vec<Item<'static>>,
) -> Command<'static> {
    Results::new(id(), message.header.msg_id.clone().into_owned(), get.cmd_ref(), items).into()
}

/// A chunk of an object.
pub(crate) fn chunk(at: Item<'static>, data: &str, size: Option<u64>, more: bool) -> Item<'static> {
    let mut item = at.with_data(text(data));
    if let Some(size) = size {
        item = item.with_meta(Meta::new().with_size(size).with_format(Format::CHR));
    }
    item.more_data = more;
    item
}

/// The commands of a message that are not statuses.
pub(crate) fn asked<'m>(message: &'m Message<'_>) -> Vec<&'m Command<'m>> {
    message.body.commands.iter().filter(|command| !matches!(command, Command::Status(_))).collect()
}

/// (Cmd, CmdRef, code) of the statuses of a message.
pub(crate) fn said(message: &Message<'_>) -> Vec<(String, u16)> {
    let status = |command: &Command<'_>| match command {
        Command::Status(status) => Some((status.cmd.to_string(), status.code.get())),
        _ => None,
    };
    message.body.commands.iter().filter_map(status).collect()
}

pub(crate) fn has_alert(message: &Message<'_>, code: AlertCode) -> bool {
    message.body.commands.iter().any(|c| matches!(c, Command::Alert(alert) if alert.code == Some(code)))
}

pub(crate) struct Device {
    pub(crate) session: ServerSession,
    #[cfg_attr(not(feature = "serde"), allow(dead_code, reason = "for the process that takes over"))]
    config: ServerConfig,
    #[cfg_attr(not(feature = "serde"), allow(dead_code, reason = "for the process that takes over"))]
    account: Option<Account>,
    pub(crate) now: Instant,
    pub(crate) encoding: Encoding,
    pub(crate) msg_id: u32,
    pub(crate) max_msg_size: Option<u64>,
    pub(crate) max_obj_size: Option<u64>,
    pub(crate) cred: Option<Cred<'static>>,
    pub(crate) certificate: Option<&'static str>,
    /// The code for the server's last header.
    pub(crate) header_code: StatusCode,
    last: Option<MsgId<'static>>,
    pub(crate) events: Vec<ServerEvent>,
    pub(crate) records: Vec<Record>,
    pub(crate) replies: Vec<Outgoing>,
    /// Queued when the session starts.
    pub(crate) plan: Vec<Command<'static>>,
    pub(crate) handles: Vec<CommandHandle>,
    pub(crate) closed: bool,
    entropy: u8,
}

impl Device {
    /// Nobody has to prove anything.
    pub(crate) fn new(config: ServerConfig) -> Self {
        Self::with_account(config, Some(Account::transport()))
    }

    pub(crate) fn with_account(config: ServerConfig, account: Option<Account>) -> Self {
        Self {
            session: ServerSession::new(Instant::EPOCH, config.clone(), account.clone()),
            config,
            account,
            now: Instant::EPOCH,
            encoding: Encoding::Wbxml,
            msg_id: 0,
            max_msg_size: None,
            max_obj_size: None,
            cred: None,
            certificate: None,
            header_code: StatusCode::OK,
            last: None,
            events: Vec::new(),
            records: Vec::new(),
            replies: Vec::new(),
            plan: Vec::new(),
            handles: Vec::new(),
            closed: false,
            entropy: 0,
        }
    }

    pub(crate) fn config() -> ServerConfig {
        ServerConfig::new(uri(SERVER))
    }

    /// The octets of the device's next message.
    pub(crate) fn write(&mut self, commands: Vec<Command<'static>>, last: bool) -> Vec<u8> {
        self.msg_id += 1;
        let mut header =
            SyncHdr::new(SessionId::new("1A").unwrap(), MsgId::number(self.msg_id), uri(SERVER), uri(DEVICE));
        let mut meta = Meta::new();
        if let Some(size) = self.max_msg_size {
            meta = meta.with_max_msg_size(size);
        }
        if let Some(size) = self.max_obj_size {
            meta = meta.with_max_obj_size(size);
        }
        header.meta = (!meta.is_empty()).then_some(meta);
        header.cred.clone_from(&self.cred);
        let mut all = Vec::new();
        if let Some(msg_ref) = self.last.clone() {
            let status = Status::new(id(), msg_ref, CmdRef::SYNC_HDR, CmdName::SYNC_HDR, self.header_code);
            all.push(Command::from(status));
        }
        all.extend(commands);
        let mut next = 0;
        for command in &mut all {
            command.renumber(&mut || {
                next += 1;
                CmdId::number(core::num::NonZeroU32::new(next).unwrap())
            });
        }
        let mut body = SyncBody::new(all);
        body.last_in_package = last;
        Message::new(header, body).encode(self.encoding)
    }

    pub(crate) fn hand_over(&mut self, body: &[u8]) -> Result<(), SessionError> {
        let incoming = Incoming::decode(self.encoding, body, &DecodeOptions::new())
            .unwrap()
            .with_transport_identity(self.certificate);
        self.entropy = self.entropy.wrapping_add(1);
        self.session.handle_message(self.now, &incoming, [self.entropy; 16])
    }

    /// Sends the next message, which ends a package or not, and returns the answer.
    pub(crate) fn send(&mut self, commands: Vec<Command<'static>>, last: bool) -> Message<'static> {
        let body = self.write(commands, last);
        self.hand_over(&body).unwrap();
        self.drain().expect("every message has an answer")
    }

    /// Drains the session; the reply, if there was one.
    pub(crate) fn drain(&mut self) -> Option<Message<'static>> {
        let mut reply = None;
        loop {
            match self.session.poll_output() {
                ServerOutput::Persist(seq, record) => {
                    self.records.push(record);
                    self.session.handle_persisted(self.now, seq);
                }
                ServerOutput::Event(event) => {
                    if matches!(event, ServerEvent::Started(_)) {
                        for command in self.plan.drain(..) {
                            self.handles.push(self.session.queue(command).unwrap());
                        }
                    }
                    self.events.push(event);
                }
                ServerOutput::Reply(message) => {
                    if let Some(limit) = self.max_msg_size {
                        assert!(message.body.len() as u64 <= limit, "{} octets", message.body.len());
                    }
                    let decoded =
                        Message::decode(self.encoding, &message.body, &DecodeOptions::new()).unwrap();
                    self.last = Some(decoded.header.msg_id.clone().into_owned());
                    reply = Some(decoded.into_owned());
                    self.replies.push(message);
                }
                ServerOutput::Closed => self.closed = true,
                ServerOutput::Wait(_) => {
                    self.travel();
                    return reply;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Another process takes over, between any two messages; it makes no difference.
    #[cfg(feature = "serde")]
    fn travel(&mut self) {
        let Ok(snapshot) = self.session.snapshot(self.now) else { return };
        let stored = serde_json::to_string(&snapshot).unwrap();
        let snapshot = serde_json::from_str(&stored).unwrap();
        let (config, account) = (self.config.clone(), self.account.clone());
        let restored = ServerSession::restore(self.now, config, account, snapshot).unwrap();
        assert_eq!(format!("{restored:?}"), format!("{:?}", self.session));
        self.session = restored;
    }

    #[cfg(not(feature = "serde"))]
    fn travel(&mut self) {}

    /// Begins the session.
    pub(crate) fn begin(&mut self) -> Message<'static> {
        self.send(package_1(), true)
    }

    /// Answers everything alike, asks on while the server's package goes on, until the session is over.
    pub(crate) fn obey(&mut self, mut message: Message<'static>, code: StatusCode) {
        for _ in 0..1000 {
            if self.session.is_over() {
                return;
            }
            let mut answers: Vec<Command<'static>> = Vec::new();
            for command in asked(&message) {
                let more = command.items().iter().any(|item| item.more_data);
                answers.push(status(&message, command, if more { StatusCode::CHUNK_ACCEPTED } else { code }));
                answers.extend(command.members().iter().map(|member| status(&message, member, code)));
            }
            let last = message.body.last_in_package;
            if !last {
                answers.push(alert(AlertCode::NEXT_MESSAGE));
            }
            message = self.send(answers, last);
        }
        panic!("the session never ends");
    }

    /// The ends of all commands, in the order they became known.
    pub(crate) fn ends(&self) -> Vec<(CommandHandle, Result<Answer, GivenUp>)> {
        let end = |event: &ServerEvent| match event {
            ServerEvent::Answered(handle, answer) => Some((*handle, Ok(answer.clone()))),
            ServerEvent::GivenUp(handle, why) => Some((*handle, Err(*why))),
            _ => None,
        };
        self.events.iter().filter_map(end).collect()
    }

    pub(crate) fn codes(&self) -> Vec<Result<u16, GivenUp>> {
        self.ends().into_iter().map(|(_, end)| end.map(|answer| answer.code().get())).collect()
    }

    pub(crate) fn end(&self) -> Option<ServerEnd> {
        self.events.iter().find_map(|e| if let ServerEvent::Ended(end) = e { Some(*end) } else { None })
    }
}
