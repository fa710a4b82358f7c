//! Messages of a peer made of a fuzzer's octets: mostly legal ones, so that sessions get somewhere, and some that are not.
#![allow(dead_code, reason = "shared by two targets, each of which uses a part")]

use dm_syncml::auth::{AuthScheme, Credentials, MacHeader, Nonce, Password};
use dm_syncml::{
    Add, Alert, AlertCode, Atomic, Chal, CmdId, CmdName, CmdRef, Command, Copy, Correlator, Data,
    DecodeOptions, Delete, Encoding, Exec, Format, Get, Item, LocName, LocUri, MediaType, Message, Meta,
    MsgId, Replace, Results, Sequence, SessionId, Source, Status, StatusCode, SyncBody, SyncHdr,
};

pub(crate) const DEVICE: &str = "IMEI:1";
pub(crate) const SERVER: &str = "https://dm.example/";

/// The fuzzer's octets; zeros when there are no more.
pub(crate) struct Octets<'d>(pub(crate) &'d [u8]);

impl<'d> Octets<'d> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.next()) % end
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub(crate) fn take(&mut self, count: usize) -> &'d [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn pick<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        &choices[self.below(choices.len())]
    }
}

pub(crate) fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).expect("a URI of ours")
}

pub(crate) fn device_credentials() -> Credentials {
    Credentials::new("dev", Password::new("one"))
}

pub(crate) fn server_credentials() -> Credentials {
    Credentials::new("srv", Password::new("two"))
}

pub(crate) fn scheme(octets: &mut Octets<'_>) -> AuthScheme {
    *octets.pick(&[AuthScheme::None, AuthScheme::Basic, AuthScheme::Md5, AuthScheme::Mac])
}

/// What a peer knows of the machine: what it has heard.
pub(crate) struct Peer {
    /// Whether it is the device.
    pub(crate) is_device: bool,
    pub(crate) scheme: AuthScheme,
    pub(crate) nonce: Option<Nonce>,
    pub(crate) msg_id: u32,
    /// MsgID and CmdIDs of the machine's last message, and the names of its commands.
    pub(crate) heard: Option<(MsgId<'static>, Vec<(CmdId<'static>, CmdName<'static>)>)>,
    pub(crate) max_msg_size: Option<u64>,
}

/// A message of a peer, as it comes.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) encoding: Encoding,
    pub(crate) body: Vec<u8>,
    pub(crate) hmac: Option<Vec<u8>>,
}

impl Peer {
    pub(crate) const fn new(is_device: bool, scheme: AuthScheme, nonce: Option<Nonce>) -> Self {
        Self { is_device, scheme, nonce, msg_id: 0, heard: None, max_msg_size: None }
    }

    /// Takes note of a message of the machine, which must be readable.
    pub(crate) fn hear(&mut self, encoding: Encoding, body: &[u8]) {
        let message =
            Message::decode(encoding, body, &DecodeOptions::new()).expect("what a machine sends is strict");
        let mut heard = Vec::new();
        for command in message
            .body
            .commands
            .iter()
            .flat_map(|command| core::iter::once(command).chain(command.members()))
        {
            match command {
                Command::Status(status) => {
                    if let Some(nonce) =
                        status.chal.as_ref().and_then(|chal| chal.meta.next_nonce()?.octets())
                    {
                        self.nonce = Some(Nonce::new(nonce));
                    }
                }
                command => {
                    if let (Some(id), Some(name)) = (command.cmd_id(), command.name()) {
                        heard.push((id.clone().into_owned(), name.into_owned()));
                    }
                }
            }
        }
        self.heard = Some((message.header.msg_id.into_owned(), heard));
    }

    /// The peer's next message, or nearly that.
    pub(crate) fn speak(&mut self, octets: &mut Octets<'_>, encoding: Encoding) -> Sent {
        let flags = octets.next();
        if flags & 1 == 0 || self.msg_id == 0 {
            self.msg_id += 1;
        }
        let (own, other) = if self.is_device { (DEVICE, SERVER) } else { (SERVER, DEVICE) };
        let session = if flags & 0x3E == 0x3E { "2" } else { "1" };
        let mut header = SyncHdr::new(
            SessionId::new(session).expect("an id"),
            MsgId::number(self.msg_id),
            uri(other),
            uri(own),
        );
        if flags & 0xC0 == 0xC0 {
            self.max_msg_size = Some([600, 1200, 4000, 100_000][octets.below(4)]);
        }
        header.meta = self.max_msg_size.map(|size| Meta::new().with_max_msg_size(size));
        let credentials = if self.is_device { device_credentials() } else { server_credentials() };
        let right = !octets.once_in(8);
        let credentials = if right { credentials } else { Credentials::new("dev", Password::new("wrong")) };
        let named =
            Source::new(uri(own)).with_loc_name(LocName::new(credentials.user().to_owned()).expect("a name"));
        match (self.scheme, &self.nonce) {
            (AuthScheme::Basic, _) => header.cred = Some(credentials.basic()),
            (AuthScheme::Md5, Some(nonce)) => {
                header.cred = Some(credentials.md5(nonce));
                header.source = named;
            }
            (AuthScheme::Mac, Some(_)) => header.source = named,
            _ => {}
        }
        let mut commands = Vec::new();
        let mut next_id = 0;
        if let Some((msg_ref, heard)) = self.heard.clone() {
            let code = *octets.pick(&[200, 200, 200, 212, 200, 401, 407, 500]);
            let mut status = Status::new(
                number(&mut next_id),
                msg_ref.clone(),
                CmdRef::SYNC_HDR,
                CmdName::SYNC_HDR,
                StatusCode::new(code),
            );
            let types = [MediaType::AUTH_MD5, MediaType::AUTH_MAC, MediaType::AUTH_BASIC];
            if octets.once_in(3) || code > 400 {
                let chal = Chal::new(octets.pick(&types).clone()).with_next_nonce(&[octets.next(); 16]);
                status.chal = Some(Box::new(chal));
            }
            commands.push(status.into());
            for (id, name) in heard {
                match octets.below(8) {
                    7 => {}
                    choice => {
                        let code = [200, 200, 404, 213, 200, 507, 304][choice];
                        let cmd_ref = CmdRef::new(id.as_str().to_owned()).expect("a reference");
                        commands.push(
                            Status::new(
                                number(&mut next_id),
                                msg_ref.clone(),
                                cmd_ref.clone(),
                                name.clone(),
                                StatusCode::new(code),
                            )
                            .into(),
                        );
                        if name == CmdName::GET && code == 200 {
                            let item = item(octets, true);
                            commands.push(
                                Results::new(number(&mut next_id), msg_ref.clone(), cmd_ref, vec![item])
                                    .into(),
                            );
                        }
                    }
                }
            }
        } else if self.is_device {
            commands.push(Alert::new(number(&mut next_id), AlertCode::CLIENT_INITIATED).into());
        }
        for _ in 0..octets.below(4) {
            if let Some(command) = command(octets, &mut next_id, 0) {
                commands.push(command);
            }
        }
        let mut body = SyncBody::new(commands);
        body.last_in_package = !octets.once_in(5);
        let message = Message::new(header, body);
        let mut body = message.encode(encoding);
        // What was signed is what was meant, not what came.
        let hmac = (self.scheme == AuthScheme::Mac)
            .then(|| {
                Some(
                    credentials
                        .mac(self.nonce.as_ref()?, &body)
                        .expect("a plain name")
                        .to_string()
                        .into_bytes(),
                )
            })
            .flatten();
        if octets.once_in(16) {
            for _ in 0..=octets.below(4) {
                let at = (octets.below(256) << 8 | octets.below(256)) % body.len();
                body[at] = octets.next();
            }
        }
        Sent { encoding, body, hmac }
    }
}

/// A header that vouches for nothing.
pub(crate) fn noise(octets: &mut Octets<'_>) -> Option<Vec<u8>> {
    match octets.below(3) {
        0 => None,
        1 => Some(octets.take(20).to_vec()),
        _ => Some(MacHeader::new("dev", [octets.next(); 16]).expect("a plain name").to_string().into_bytes()),
    }
}

fn number(next: &mut u32) -> CmdId<'static> {
    *next += 1;
    CmdId::new(next.to_string()).expect("a number")
}

fn item(octets: &mut Octets<'_>, from: bool) -> Item<'static> {
    let targets = ["./DevInfo/Mod", "./A", "./A/B", "./A?prop=ACL", "./A?list=Struct", "x"];
    let place = uri(targets[octets.below(targets.len())]);
    let mut item = if from { Item::from(place) } else { Item::to(place) };
    let size = [0, 1, 10, 300, 3000][octets.below(5)];
    let mut meta = Meta::new();
    if octets.once_in(3) {
        meta =
            meta.with_format([Format::CHR, Format::B64, Format::BIN, Format::NODE][octets.below(4)].clone());
    }
    if octets.once_in(6) {
        item.more_data = true;
        meta = meta.with_size([0, 5, 3000, 1 << 40][octets.below(4)]);
    }
    if !meta.is_empty() {
        item = item.with_meta(meta);
    }
    if octets.once_in(4) { item } else { item.with_data(Data::text("x".repeat(size)).expect("text")) }
}

fn items(octets: &mut Octets<'_>) -> Vec<Item<'static>> {
    (0..=octets.below(3)).map(|_| item(octets, false)).collect()
}

/// A command of either side; `None` where none is legal to build.
pub(crate) fn command(octets: &mut Octets<'_>, next: &mut u32, depth: usize) -> Option<Command<'static>> {
    let id = number(next);
    Some(match octets.below(13) {
        0 => Add::new(id, items(octets)).into(),
        1 => Replace::new(id, items(octets)).into(),
        2 => Delete::new(id, items(octets)).into(),
        3 => Copy::new(id, items(octets)).into(),
        4 | 5 => Get::new(id, items(octets)).into(),
        6 => {
            let mut exec = Exec::new(id, item(octets, false));
            if octets.once_in(2) {
                exec.correlator = Correlator::new("c1").ok();
            }
            exec.into()
        }
        7 | 8 => {
            let codes = [1222, 1223, 1224, 1225, 1226, 1100, 1101, 1102, 1103, 1104, 1200, 1201, 1999];
            let mut alert = Alert::new(id, AlertCode::new(*octets.pick(&codes)));
            if octets.once_in(2) {
                alert.items = items(octets);
            }
            alert.into()
        }
        9 | 10 if depth < 3 => {
            let members = (0..octets.below(4)).filter_map(|_| command(octets, next, depth + 1)).collect();
            if octets.once_in(2) {
                Sequence::new(id, members).into()
            } else {
                Atomic::new(id, members).into()
            }
        }
        11 => {
            Results::new(id, MsgId::number(u32::from(octets.next())), CmdRef::SYNC_HDR, items(octets)).into()
        }
        12 => {
            let replace = Item::from(uri("./DevInfo/Man")).with_data(Data::text("m").expect("text"));
            Replace::new(id, vec![replace]).into()
        }
        _ => return None,
    })
}
