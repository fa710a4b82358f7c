//! `dmtool bootstrap`: bootstrap messages looked at, proven, built, and applied to a tree.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use dm_notification::bootstrap::{CheckedPin, CpSec, DmSec, Mac, MacKey, NetworkSecret, Pin, SharedSecrets};
use dm_notification::push::{PartReference, Ports, Push, PushBuilder, UserDataHeader, segment};
use dm_syncml::{Encoding, LocUri};
use dm_tree::bootstrap::{
    Applied, Bootstrap as Opened, BootstrapError, BootstrapErrorKind, BootstrapPolicy, Placement,
    ProvisioningDocument, dm_message,
};
use dm_tree::mgmt_tree::MgmtTree;

use super::binary::from_hex;
use super::document::Document;
use super::failure::{Described, Failure};
use super::input::{Input, LIMITS, write};
use super::kind::{Form, Kind, Recognised};
use super::management_tree::{empty_tree, load, read_tree};
use super::notification::{secret_of, write_messages};
use super::profile::ProfileArg;
use super::{Answer, NO, TROUBLE};

/// Shows bootstrap messages, proves them, builds them, applies them to a tree.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct BootstrapTask {
    #[command(subcommand)]
    task: Task,
}

const HELP: &str = "\
Methods: NETWPIN, USERPIN, USERNETWPIN, USERPINMAC of the CP profile (or 0 to 3); NETWORKID, USERPIN, USERPIN_NETWORKID of the DM profile.

Examples:
  dmtool bootstrap inspect pushed.bin
  dmtool bootstrap verify --kind cp --sec USERPIN --mac E44E84BB... --pin 1234 document.wbxml
  dmtool bootstrap verify --kind cp --sec USERPINMAC --pin 1234551095 document.wbxml
  dmtool bootstrap build --kind cp --sec NETWPIN --imsi 001010123456789 --push sms --hex document.xml
  dmtool bootstrap apply --kind dm --load device.tnds --out after.tnds message.wbxml

verify: 0 proven, 1 not proven, 2 malformed.";

#[derive(Subcommand, Debug)]
enum Task {
    /// Which servers it would make known, and how it is proven
    Inspect(Inspect),
    /// Whether a code proves it
    Verify(Verify),
    /// The code that proves it, or the push that carries both
    Build(Build),
    /// What a tree becomes
    Apply(Apply),
}

impl BootstrapTask {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        match &self.task {
            Task::Inspect(inspect) => inspect.run(out),
            Task::Verify(verify) => verify.run(out),
            Task::Build(build) => build.run(out),
            Task::Apply(apply) => apply.run(out),
        }
    }

    /// The exit code for input that is malformed.
    pub(super) const fn malformed(&self) -> u8 {
        match &self.task {
            Task::Inspect(_) | Task::Build(_) | Task::Apply(_) => NO,
            Task::Verify(_) => TROUBLE,
        }
    }
}

impl Described for BootstrapError {
    fn line(&self) -> String {
        let kind = match self.kind() {
            BootstrapErrorKind::Document(_) => "document",
            BootstrapErrorKind::WrongRoot => "wrong-root",
            BootstrapErrorKind::OtherCommand => "other-command",
            BootstrapErrorKind::Object(_) => "object",
            BootstrapErrorKind::Empty => "empty",
            BootstrapErrorKind::NoServerId | BootstrapErrorKind::ServerId(_) => "server-id",
            BootstrapErrorKind::NoAddress | BootstrapErrorKind::Port => "address",
            BootstrapErrorKind::Repeated => "repeated",
            BootstrapErrorKind::Known => "known",
            BootstrapErrorKind::TooManyAccounts => "too-many-accounts",
            BootstrapErrorKind::Tree(_) => "tree",
            _ => "bootstrap",
        };
        match self.offset() {
            Some(offset) => format!("{kind} at byte {offset}: {}", self.kind()),
            None => format!("{kind}: {}", self.kind()),
        }
    }
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Profile {
    /// A message of the DM profile
    Dm,
    /// A provisioning document
    Cp,
}

/// What both sides know.
#[derive(Args, Debug)]
struct Secrets {
    /// The PIN that the user was told; for USERPINMAC what he types
    #[arg(long, value_name = "PIN", conflicts_with = "pin_file")]
    pin: Option<String>,
    /// A file that holds the PIN
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// The subscriber's IMSI, which the network knows
    #[arg(long, value_name = "IMSI", conflicts_with_all = ["secret_hex", "secret_file"])]
    imsi: Option<String>,
    /// Another secret of the network
    #[arg(long, value_name = "HEX", conflicts_with = "secret_file")]
    secret_hex: Option<String>,
    /// A file that holds its octets
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl Secrets {
    fn pin(&self) -> Result<Option<String>, Failure> {
        match (&self.pin, &self.pin_file) {
            (Some(pin), _) => Ok(Some(pin.clone())),
            (None, Some(file)) => String::from_utf8(secret_of(file)?)
                .map(Some)
                .map_err(|_| Failure::usage("--pin-file does not hold text")),
            (None, None) => Ok(None),
        }
    }

    fn read(&self) -> Result<SharedSecrets, Failure> {
        let wrong = |name: &'static str| move |error| Failure::usage(&format!("{name}: {error}"));
        let mut secrets = SharedSecrets::new();
        if let Some(pin) = self.pin()? {
            secrets = secrets.with_pin(Pin::new(pin).map_err(wrong("--pin"))?);
        }
        let network = match (&self.imsi, &self.secret_hex, &self.secret_file) {
            (Some(imsi), ..) => Some(NetworkSecret::from_imsi(imsi).map_err(wrong("--imsi"))?),
            (None, Some(digits), _) => {
                let octets = from_hex(digits);
                let octets =
                    octets.ok_or_else(|| Failure::usage("--secret-hex wants pairs of hexadecimal digits"))?;
                Some(NetworkSecret::from_octets(octets).map_err(wrong("--secret-hex"))?)
            }
            (None, None, Some(file)) => {
                let octets = Input::read(file)?.octets;
                Some(NetworkSecret::from_octets(octets).map_err(wrong("--secret-file"))?)
            }
            (None, None, None) => None,
        };
        Ok(match network {
            Some(network) => secrets.with_network(network),
            None => secrets,
        })
    }
}

/// A method of one of the profiles.
enum Method {
    Cp(CpSec),
    Dm(DmSec),
}

impl Method {
    fn new(profile: Profile, word: &str) -> Result<Self, Failure> {
        let unknown = || Failure::usage("--sec is no method of this profile");
        let code: Option<u8> = word.parse().ok();
        match profile {
            Profile::Cp => CpSec::from_name(word)
                .or_else(|| code.map(CpSec::new).filter(|sec| sec.name().is_some()))
                .map(Method::Cp)
                .ok_or_else(unknown),
            Profile::Dm => code
                .map_or_else(|| DmSec::new(word).ok(), DmSec::from_code)
                .filter(DmSec::is_known)
                .map(Method::Dm)
                .ok_or_else(unknown),
        }
    }

    fn key(&self, secrets: &SharedSecrets) -> Result<MacKey, Failure> {
        match self {
            Self::Cp(sec) => MacKey::for_cp(*sec, secrets),
            Self::Dm(sec) => MacKey::for_dm(sec, secrets),
        }
        .map_err(|error| Failure::usage(&error.to_string()))
    }
}

#[derive(Args, Debug)]
struct Inspect {
    #[command(flatten)]
    profile: ProfileArg,
    /// The document or message in either encoding, the push or the short message that carries it
    file: PathBuf,
}

impl Inspect {
    fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let input = Input::read(&self.file)?;
        let mut lines = Vec::new();
        let opened = self.open(&input, &mut lines).map_err(|failure| failure.in_file(&input.file))?;
        for w7 in opened.w7s() {
            for connection in &w7.connections {
                lines.push(format!("connection of {}: {connection:?}", w7.provider_id));
            }
            if w7.init {
                lines.push(format!("session with {}: at once", w7.provider_id));
            }
            if w7.nonce_resync {
                lines.push(format!("nonces of {}: may be resynchronised", w7.provider_id));
            }
            describe(&w7.provider_id, w7.name.as_deref(), &w7.addresses, &w7.credentials, &mut lines);
        }
        if opened.w7s().is_empty() {
            for account in opened.accounts() {
                let server = account.server_id.as_str();
                describe(
                    server,
                    account.name.as_deref(),
                    &account.addresses,
                    &account.credentials,
                    &mut lines,
                );
            }
        }
        lines.extend(opened.objects().map(|(mo_id, uri)| format!("object: {mo_id} at {uri}")));
        lines
            .iter()
            .try_for_each(|line| writeln!(out, "{}", line.escape_debug()))
            .map(|()| Answer::Yes)
            .map_err(|error| Failure::writing("-", &error))
    }

    fn open(&self, input: &Input, lines: &mut Vec<String>) -> Result<Opened, Failure> {
        let recognised = Recognised::new(&input.octets)?;
        if !matches!(recognised.kind, Kind::Sms | Kind::WapPush) {
            return open(recognised, input, self.profile, lines);
        }
        let payload = match recognised.kind {
            Kind::Sms => {
                let (_, payload) =
                    UserDataHeader::decode(&input.octets).map_err(|error| Failure::malformed(&error))?;
                payload
            }
            _ => &input.octets,
        };
        let push = Push::decode(payload).map_err(|error| Failure::malformed(&error))?;
        if let Some(sec) = push.content_type().sec() {
            let cp = push.content() == dm_notification::push::Content::CpBootstrap;
            let word =
                if cp { sec.cp().map(|sec| sec.to_string()) } else { sec.dm().map(|sec| sec.to_string()) };
            lines.push(format!("SEC: {}", word.unwrap_or_default()));
        }
        if let Some(mac) = push.content_type().mac() {
            let mac = mac.map_err(|error| Failure::unfit("mac", 0, &error.to_string()))?;
            lines.push(format!("MAC: {mac}"));
        }
        let body = Input { file: input.file.clone(), octets: push.body().to_vec() };
        open(Recognised::new(&body.octets)?, &body, self.profile, lines)
    }
}

/// Reads a document or message for which whoever runs this vouches.
fn open(
    recognised: Recognised,
    input: &Input,
    profile: ProfileArg,
    lines: &mut Vec<String>,
) -> Result<Opened, Failure> {
    let malformed = |error: BootstrapError| Failure::malformed(&error);
    match recognised.kind {
        Kind::Provisioning => {
            lines.push("profile: CP".into());
            Opened::from_provisioning(&provisioning(recognised, &input.octets)?).map_err(malformed)
        }
        Kind::Syncml => {
            lines.push("profile: DM".into());
            let Document::Message(message) = Document::read(input, profile)? else {
                return Err(Failure::unfit("wrong-kind", recognised.root_at, "the message has no header"));
            };
            Opened::from_message(&message).map_err(malformed)
        }
        other => Err(Failure::unfit(
            "wrong-kind",
            recognised.root_at,
            &format!("a bootstrap message is wanted, this is {}", other.described()),
        )),
    }
}

fn provisioning(recognised: Recognised, octets: &[u8]) -> Result<ProvisioningDocument, Failure> {
    match recognised.form {
        Form::Xml => ProvisioningDocument::from_xml_with(octets, LIMITS),
        _ => ProvisioningDocument::from_wbxml_with(octets, LIMITS),
    }
    .map_err(|error| Failure::malformed(&error))
}

/// What an account says, without its secrets.
fn describe(
    server: &str,
    name: Option<&str>,
    addresses: &[dm_tree::AppAddr],
    credentials: &[dm_tree::AppAuth],
    lines: &mut Vec<String>,
) {
    lines.push(format!("account: {server}"));
    lines.extend(name.map(|name| format!("  name: {name}")));
    for address in addresses {
        let ports: String = address.ports.iter().map(|port| format!(" port {port}")).collect();
        lines.push(format!("  address: {} {}{ports}", address.addr_type.as_str(), address.addr));
    }
    for auth in credentials {
        let name = auth.name.as_deref().map(|name| format!(" name {name}")).unwrap_or_default();
        let has = |there: bool, what: &str| if there { format!(" {what} (hidden)") } else { String::new() };
        lines.push(format!(
            "  credentials: {} {}{name}{}{}",
            auth.level.as_str(),
            auth.auth_type.as_str(),
            has(auth.secret.is_some(), "secret"),
            has(auth.data.is_some(), "nonce"),
        ));
    }
}

#[derive(Args, Debug)]
struct Verify {
    /// Which kind of message it is
    #[arg(long, value_enum)]
    kind: Profile,
    /// How it is proven
    #[arg(long, value_name = "METHOD")]
    sec: String,
    /// The code that came with it; USERPINMAC has none
    #[arg(long, value_name = "HEX")]
    mac: Option<String>,
    #[command(flatten)]
    secrets: Secrets,
    /// The octets that the code is for: WBXML as it was sent
    file: PathBuf,
}

impl Verify {
    fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let method = Method::new(self.kind, &self.sec)?;
        let input = Input::read(&self.file)?;
        let typed = matches!(method, Method::Cp(CpSec::USERPINMAC));
        let outcome = if typed {
            let digits =
                self.secrets.pin()?.ok_or_else(|| Failure::usage("--pin is missing: what the user typed"))?;
            // The vectors of some operators have four digits.
            CheckedPin::verify_with_minimum(&digits, &input.octets, 4)
        } else {
            let mac = self.mac.as_deref().ok_or_else(|| Failure::usage("--mac is missing"))?;
            let mac: Mac = mac.trim().parse().map_err(|error| Failure::usage(&format!("--mac: {error}")))?;
            method.key(&self.secrets.read()?)?.verify(&input.octets, &mac)
        };
        let (answer, line) = match outcome {
            Ok(()) => (Answer::Yes, "proven".to_owned()),
            Err(error) => (Answer::No, format!("not proven: {error}")),
        };
        writeln!(out, "{line}").map(|()| answer).map_err(|error| Failure::writing("-", &error))
    }
}

#[derive(Args, Debug)]
struct Build {
    /// Which kind of message to build
    #[arg(long, value_enum)]
    kind: Profile,
    /// How it is to be proven
    #[arg(long, value_name = "METHOD")]
    sec: String,
    #[command(flatten)]
    secrets: Secrets,
    /// What to write: the code alone (for USERPINMAC the check digits behind the PIN), or the push
    #[arg(long, value_enum, default_value = "none")]
    push: PushArg,
    /// The push in hexadecimal, a line for each short message
    #[arg(long)]
    hex: bool,
    /// Where to write the WBXML that the code is for
    #[arg(long, value_name = "OUT")]
    out: Option<PathBuf>,
    /// The device, for the header of a message around a serialised tree
    #[arg(long, value_name = "URI", default_value = "device")]
    device: String,
    /// The server, for the same
    #[arg(long, value_name = "URI", default_value = "server")]
    server: String,
    #[command(flatten)]
    profile: ProfileArg,
    /// A provisioning document; a message, or a serialised tree to put into one. WBXML stays as it is
    file: PathBuf,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum PushArg {
    None,
    Wsp,
    Sms,
}

impl Build {
    fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let method = Method::new(self.kind, &self.sec)?;
        let input = Input::read(&self.file)?;
        let wbxml = self.wbxml(&input).map_err(|failure| failure.in_file(&input.file))?;
        let (push, line) = match &method {
            Method::Cp(CpSec::USERPINMAC) => {
                let pin = self.secrets.pin()?.ok_or_else(|| Failure::usage("--pin is missing"))?;
                let typed = CheckedPin::with_minimum(&pin, &wbxml, 4)
                    .map_err(|error| Failure::usage(&format!("--pin: {error}")))?;
                // The PIN itself is a secret.
                let digits = typed.expose().get(pin.len()..).unwrap_or_default().to_owned();
                (PushBuilder::cp_bootstrap(CpSec::USERPINMAC, None), digits)
            }
            Method::Cp(sec) => {
                let mac = method.key(&self.secrets.read()?)?.mac(&wbxml);
                (PushBuilder::cp_bootstrap(*sec, Some(&mac)), mac.to_string())
            }
            Method::Dm(sec) => {
                let mac = method.key(&self.secrets.read()?)?.mac(&wbxml);
                (PushBuilder::dm_bootstrap(sec, &mac), mac.to_string())
            }
        };
        if let Some(path) = &self.out {
            if path.as_os_str() == "-" {
                return Err(Failure::usage(
                    "--out cannot be standard output, which the code or the push goes to",
                ));
            }
            write(path, &wbxml, out)?;
        }
        let push = push.to_vec(&wbxml);
        match self.push {
            PushArg::None => {
                writeln!(out, "{line}").map(|()| Answer::Yes).map_err(|error| Failure::writing("-", &error))
            }
            PushArg::Wsp => write_messages(&[push], self.hex, out),
            PushArg::Sms => {
                // Any number does: who sends several messages to one device cuts them himself.
                let parts = segment(Ports::WAP_PUSH_BOTH, &push, Some(PartReference::Eight(1)))
                    .map_err(|error| Failure::usage(&error.to_string()))?;
                write_messages(&parts, self.hex, out)
            }
        }
    }

    fn wbxml(&self, input: &Input) -> Result<Vec<u8>, Failure> {
        let recognised = Recognised::new(&input.octets)?;
        let wrong = || {
            let sentence = format!("this is {}, which is not of that profile", recognised.kind.described());
            Failure::unfit("wrong-kind", recognised.root_at, &sentence)
        };
        let as_it_is = recognised.form == Form::Wbxml;
        match (self.kind, recognised.kind) {
            (Profile::Cp, Kind::Provisioning) => {
                let document = provisioning(recognised, &input.octets)?;
                Ok(if as_it_is { input.octets.clone() } else { document.to_wbxml() })
            }
            (Profile::Dm, Kind::Syncml) => match Document::read(input, self.profile)? {
                Document::Message(_) if as_it_is => Ok(input.octets.clone()),
                Document::Message(message) => Ok(message.encode(Encoding::Wbxml)),
                Document::Fragment(_) => Err(wrong()),
            },
            (Profile::Dm, Kind::Tnds) => {
                let uri = |text: &str| {
                    LocUri::new(text.to_owned())
                        .map_err(|error| Failure::usage(&format!("{text:?}: {error}")))
                };
                let document: MgmtTree = read_tree(input, self.profile)?;
                let message = dm_message(uri(&self.device)?, uri(&self.server)?, &[document])
                    .map_err(|error| Failure::malformed(&error))?;
                Ok(message.encode(Encoding::Wbxml))
            }
            _ => Err(wrong()),
        }
    }
}

#[derive(Args, Debug)]
struct Apply {
    /// Which kind of message it is
    #[arg(long, value_enum)]
    kind: Profile,
    /// The serialised tree to begin with, instead of an empty one
    #[arg(long, value_name = "TNDS")]
    load: Option<PathBuf>,
    /// Where to write the tree that results, secrets and all
    #[arg(long, value_name = "TNDS")]
    out: PathBuf,
    /// Where objects of the DM profile go whose identifiers begin so; may be given several times
    #[arg(long, value_name = "MOID=PARENT")]
    place: Vec<String>,
    #[command(flatten)]
    profile: ProfileArg,
    /// The document or message, in either encoding
    file: PathBuf,
}

impl Apply {
    fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let mut policy = BootstrapPolicy::default().with_max_accounts(1 << 16);
        for place in &self.place {
            let (mo_id, parent) =
                place.split_once('=').ok_or_else(|| Failure::usage("--place wants MOID=PARENT"))?;
            policy = policy.with_placement(Placement::new(mo_id, parent));
        }
        let mut tree = match &self.load {
            Some(file) => load(file, None, self.profile)?,
            None => empty_tree(self.profile),
        };
        let input = Input::read(&self.file)?;
        let mut apply = || {
            let recognised = Recognised::new(&input.octets)?;
            let wanted = match self.kind {
                Profile::Cp => Kind::Provisioning,
                Profile::Dm => Kind::Syncml,
            };
            if recognised.kind != wanted {
                let sentence =
                    format!("this is {}, which is not of that profile", recognised.kind.described());
                return Err(Failure::unfit("wrong-kind", recognised.root_at, &sentence));
            }
            let opened = open(recognised, &input, self.profile, &mut Vec::new())?;
            opened.apply(&mut tree, &policy).map_err(|error| Failure::malformed(&error))
        };
        let applied: Applied = apply().map_err(|failure: Failure| failure.in_file(&input.file))?;
        let document = tree.to_tnds().map_err(|error| Failure::malformed(&error))?;
        let mut octets = document.encode(Encoding::Xml);
        octets.push(b'\n');
        write(&self.out, &octets, out)?;
        if self.out.as_os_str() == "-" {
            return Ok(Answer::Yes);
        }
        let mut lines: Vec<String> = Vec::new();
        for (account, session) in applied.accounts.iter().zip(applied.sessions()) {
            let how = if account.replaced { "replaced" } else { "new" };
            let when = if session.at_once { "at once" } else { "soon" };
            let (server, uri, alert) = (&account.server_id, &account.uri, session.alert.get());
            lines.push(format!("account: {server} at {uri}, {how}; open a session {when}, alert {alert}"));
        }
        lines.extend(applied.objects.iter().map(|(mo_id, uri)| format!("object: {mo_id} at {uri}")));
        lines.extend(applied.ignored.iter().map(|mo_id| format!("passed over: {mo_id}")));
        lines
            .iter()
            .try_for_each(|line| writeln!(out, "{}", line.escape_debug()))
            .map(|()| Answer::Yes)
            .map_err(|error| Failure::writing("-", &error))
    }
}
