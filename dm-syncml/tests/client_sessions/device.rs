//! A device with a small tree of values, and a server that is a script.

#![allow(unreachable_pub, reason = "a test binary has no public items")]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dm_syncml::session::{
    AlertQueue, AtomicStep, ClientConfig, ClientEnd, ClientEvent, ClientOutput, ClientSession, CommandHandle,
    Incoming, Initiation, Interaction, ItemOutcome, Outcome, Record, SessionError, UserResponse,
};
use dm_syncml::{
    CmdRef, Command, Data, DecodeOptions, Encoding, Instant, Item, LocUri, Message, SessionId, StatusCode,
};

pub const DEVICE: &str = "IMEI:004999010640000";
pub const SERVER: &str = "https://dm.example.net/omadm";

pub fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).unwrap()
}

/// Nobody shows credentials, everything is offered.
pub fn config() -> ClientConfig {
    let leaf = |name: &str, value: &str| {
        Item::from(uri(&format!("./DevInfo/{name}"))).with_data(Data::text(value.to_owned()).unwrap())
    };
    let names = [("DevId", DEVICE), ("Man", "Example"), ("Mod", "EX-1"), ("DmV", "1.2"), ("Lang", "en")];
    ClientConfig::new(uri(DEVICE), uri(SERVER))
        .with_encoding(Encoding::Xml)
        .with_atomic()
        .with_interaction()
        .with_dev_info(names.iter().map(|(name, value)| leaf(name, value)).collect())
}

pub struct Device {
    #[cfg(feature = "serde")]
    pub config: ClientConfig,
    pub client: ClientSession,
    pub now: Instant,
    pub events: Vec<ClientEvent>,
    pub records: Vec<Record>,
    pub end: Option<ClientEnd>,
    /// What was handed out, in order.
    pub log: Vec<String>,
    pub values: BTreeMap<String, String>,
    /// The values before the Atomic under way.
    saved: Option<BTreeMap<String, String>>,
    /// What steps of an Atomic are answered, other than 200.
    pub steps: BTreeMap<&'static str, StatusCode>,
    /// The handle of the last step of an Atomic.
    pub atomic_handle: Option<CommandHandle>,
    /// What the user will say; nothing when it is empty.
    pub responses: VecDeque<UserResponse>,
    pub asked: Vec<(CommandHandle, Interaction)>,
    /// Executes nothing by itself.
    pub idle: bool,
    pub handed_out: Vec<(CommandHandle, Command<'static>)>,
    /// What the device has sent, repetitions too.
    pub sent: Vec<Vec<u8>>,
    pub sent_to: Vec<String>,
    pub wait: Option<Instant>,
    server_msg_id: u32,
    /// What stands in the headers of the server.
    pub header_extra: String,
    entropy: u8,
}

impl Device {
    pub fn new(config: ClientConfig) -> Self {
        Self::with(config, Initiation::Client(SessionId::new("1A").unwrap()), AlertQueue::new())
    }

    pub fn with(config: ClientConfig, initiation: Initiation, alerts: AlertQueue) -> Self {
        #[cfg(feature = "serde")]
        let kept = config.clone();
        let mut device = Self {
            client: ClientSession::new(Instant::EPOCH, config, initiation, alerts),
            #[cfg(feature = "serde")]
            config: kept,
            now: Instant::EPOCH,
            events: Vec::new(),
            records: Vec::new(),
            end: None,
            log: Vec::new(),
            values: BTreeMap::new(),
            saved: None,
            steps: BTreeMap::new(),
            atomic_handle: None,
            responses: VecDeque::new(),
            asked: Vec::new(),
            idle: false,
            handed_out: Vec::new(),
            sent: Vec::new(),
            sent_to: Vec::new(),
            wait: None,
            server_msg_id: 0,
            header_extra: String::new(),
            entropy: 0,
        };
        device.drain();
        device
    }

    /// Does whatever is due.
    pub fn drain(&mut self) {
        loop {
            match self.client.poll_output() {
                ClientOutput::Persist(seq, record) => {
                    self.records.push(record);
                    self.client.handle_persisted(self.now, seq);
                }
                ClientOutput::Event(event) => self.events.push(event),
                ClientOutput::Send(to, message) => {
                    self.sent_to.push(to.to_string());
                    self.sent.push(message.body);
                }
                ClientOutput::Execute(handle, command) => {
                    let about = command.items().iter().filter_map(Item::target_uri).map(ToString::to_string);
                    let about: Vec<_> = about.collect();
                    self.log.push(format!("{} {}", command.name().unwrap(), about.join(" ")));
                    if self.idle {
                        self.handed_out.push((handle, command));
                    } else {
                        let outcome = self.execute(&command);
                        self.client.handle_outcome(self.now, handle, outcome).unwrap();
                    }
                }
                ClientOutput::Atomic(handle, step) => {
                    let (name, undo) = match step {
                        AtomicStep::Begin(_) => ("begin", false),
                        AtomicStep::Commit => ("commit", false),
                        AtomicStep::RollBack => ("roll back", true),
                        other => panic!("{other:?}"),
                    };
                    self.log.push(name.into());
                    self.atomic_handle = Some(handle);
                    match name {
                        "begin" => self.saved = Some(self.values.clone()),
                        _ if undo => self.values = self.saved.take().unwrap(),
                        _ => self.saved = None,
                    }
                    let code = self.steps.get(name).copied().unwrap_or(StatusCode::OK);
                    if !self.idle {
                        self.client.handle_outcome(self.now, handle, Outcome::all(code)).unwrap();
                    }
                }
                ClientOutput::Interact(handle, interaction) => {
                    self.log.push(format!("{} {}", interaction.code(), interaction.text));
                    self.asked.push((handle, interaction));
                    if let Some(response) = self.responses.pop_front() {
                        self.client.handle_response(self.now, handle, &response).unwrap();
                    }
                }
                ClientOutput::Closed(end) => self.end = Some(end),
                ClientOutput::Wait(at) => {
                    self.wait = at;
                    return;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn tick(&mut self, after: Duration) {
        self.now = self.now + after;
        self.client.handle_tick(self.now);
        self.drain();
    }

    fn execute(&mut self, command: &Command<'_>) -> Outcome {
        let each = command.items().iter().map(|item| {
            let target = item.target_uri().map(ToString::to_string).unwrap_or_default();
            let data = item.data.as_ref().and_then(|data| data.as_text()).unwrap_or_default().to_owned();
            let code = match command {
                Command::Get(_) => {
                    return match self.values.get(&target) {
                        Some(value) => {
                            let data = Data::text(value.clone()).unwrap();
                            ItemOutcome::found(vec![Item::from(uri(&target)).with_data(data)])
                        }
                        None => ItemOutcome::new(StatusCode::NOT_FOUND),
                    };
                }
                Command::Add(_) if self.values.contains_key(&target) => StatusCode::ALREADY_EXISTS,
                Command::Add(_) => {
                    self.values.insert(target, data);
                    StatusCode::OK
                }
                Command::Replace(_) => match self.values.get_mut(&target) {
                    Some(value) => {
                        *value = data;
                        StatusCode::OK
                    }
                    None => StatusCode::NOT_FOUND,
                },
                Command::Delete(_) => match self.values.remove(&target) {
                    Some(_) => StatusCode::OK,
                    None => StatusCode::NOT_FOUND,
                },
                Command::Exec(_) => StatusCode::ACCEPTED,
                _ => StatusCode::NOT_SUPPORTED,
            };
            ItemOutcome::new(code)
        });
        Outcome::each(each.collect())
    }

    /// The server says this; commands must bring their CmdIDs. It takes the device's last message (200).
    pub fn say(&mut self, commands: &str) {
        self.say_with(200, commands, true);
    }

    /// As [`say`](Self::say), but the package goes on.
    pub fn say_more(&mut self, commands: &str) {
        self.say_with(200, commands, false);
    }

    pub fn say_with(&mut self, header: u16, commands: &str, last: bool) {
        let body = self.message(header, commands, last);
        self.hear(&body).unwrap();
    }

    pub fn message(&mut self, header: u16, commands: &str, last: bool) -> String {
        self.server_msg_id += 1;
        let msg_ref = self.last().map_or("1".to_owned(), |message| message.header.msg_id.to_string());
        format!(
            "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
             <SessionID>1A</SessionID><MsgID>{}</MsgID><Target><LocURI>{DEVICE}</LocURI></Target>\
             <Source><LocURI>{SERVER}</LocURI></Source>{}</SyncHdr><SyncBody>\
             <Status><CmdID>h</CmdID><MsgRef>{msg_ref}</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>{header}</Data></Status>\
             {commands}{}</SyncBody></SyncML>",
            self.server_msg_id,
            self.header_extra,
            if last { "<Final/>" } else { "" },
        )
    }

    pub fn hear(&mut self, body: &str) -> Result<(), SessionError> {
        let incoming = Incoming::decode(Encoding::Xml, body.as_bytes(), &DecodeOptions::new()).unwrap();
        self.entropy += 1;
        self.travel();
        let heard = self.client.handle_message(self.now, &incoming, [self.entropy; 16]);
        self.drain();
        heard
    }

    /// Between any two messages a session may go to another process, through any store; nothing may come of it.
    #[cfg(feature = "serde")]
    pub fn travel(&mut self) {
        use dm_syncml::session::ClientSnapshot;
        let Ok(snapshot) = self.client.snapshot(self.now) else { return };
        let stored = serde_json::to_string(&snapshot).unwrap();
        let snapshot: ClientSnapshot = serde_json::from_str(&stored).unwrap();
        self.client = ClientSession::restore(self.now, self.config.clone(), snapshot).unwrap();
    }

    #[cfg(not(feature = "serde"))]
    pub fn travel(&mut self) {}

    /// The device's last message.
    pub fn last(&self) -> Option<Message<'_>> {
        let body = self.sent.last()?;
        Some(Message::decode(Encoding::Xml, body, &DecodeOptions::new()).unwrap())
    }

    /// `CmdRef code` of each Status of the last message, but that of the header, and the names of other commands.
    pub fn answered(&self) -> Vec<String> {
        let message = self.last().unwrap();
        let commands = message.body.commands.iter().filter_map(|command| match command {
            Command::Status(status) if status.cmd_ref == CmdRef::SYNC_HDR => None,
            Command::Status(status) => Some(format!("{} {}", status.cmd_ref, status.code)),
            Command::Alert(alert) => Some(format!("Alert {}", alert.code.unwrap())),
            Command::Results(results) => {
                let more = results.items.iter().any(|item| item.more_data);
                Some(format!("Results {}{}", results.cmd_ref, if more { " more" } else { "" }))
            }
            other => Some(other.name().unwrap().to_string()),
        });
        let mut said: Vec<String> = commands.collect();
        if message.body.last_in_package {
            said.push("Final".into());
        }
        said
    }
}

pub fn get(id: &str, target: &str) -> String {
    format!("<Get><CmdID>{id}</CmdID><Item><Target><LocURI>{target}</LocURI></Target></Item></Get>")
}

pub fn replace(id: &str, target: &str, value: &str) -> String {
    with_data("Replace", id, target, value)
}

pub fn add(id: &str, target: &str, value: &str) -> String {
    with_data("Add", id, target, value)
}

fn with_data(name: &str, id: &str, target: &str, value: &str) -> String {
    format!(
        "<{name}><CmdID>{id}</CmdID><Item><Target><LocURI>{target}</LocURI></Target><Data>{value}</Data></Item></{name}>"
    )
}

pub fn exec(id: &str, target: &str) -> String {
    format!(
        "<Exec><CmdID>{id}</CmdID><Correlator>c-{id}</Correlator><Item><Target><LocURI>{target}</LocURI></Target></Item></Exec>"
    )
}

pub fn container(name: &str, id: &str, members: &[String]) -> String {
    format!("<{name}><CmdID>{id}</CmdID>{}</{name}>", members.concat())
}

pub fn alert(id: &str, code: u16, texts: &[&str]) -> String {
    let items: String = texts
        .iter()
        .map(|text| {
            let text = text.replace('&', "&amp;");
            if text.is_empty() { "<Item></Item>".into() } else { format!("<Item><Data>{text}</Data></Item>") }
        })
        .collect();
    format!("<Alert><CmdID>{id}</CmdID><Data>{code}</Data>{items}</Alert>")
}

pub fn status(id: &str, msg_ref: &str, cmd_ref: &str, cmd: &str, code: u16) -> String {
    format!(
        "<Status><CmdID>{id}</CmdID><MsgRef>{msg_ref}</MsgRef><CmdRef>{cmd_ref}</CmdRef><Cmd>{cmd}</Cmd><Data>{code}</Data></Status>"
    )
}

/// A header's Meta with sizes.
pub fn sizes(max_msg_size: u64, max_obj_size: u64) -> String {
    format!(
        "<Meta><MaxMsgSize xmlns=\"syncml:metinf\">{max_msg_size}</MaxMsgSize>\
         <MaxObjSize xmlns=\"syncml:metinf\">{max_obj_size}</MaxObjSize></Meta>"
    )
}
