//! `dmtool notification`: what a notification says, whether it is genuine, and new ones.

use std::io::Write;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding as _};
use clap::{Args, Subcommand, ValueEnum};
use dm_notification::push::{Content, PartReference, Ports, Push, PushBuilder, UserDataHeader, segment};
use dm_notification::{
    Credential, Initiator, Notification, Policy, ServerIdentifier, SessionId, Trigger, UiMode,
};
use serde_json::json;

use super::binary::{Binary, from_hex, hex};
use super::failure::Failure;
use super::input::Input;
use super::kind::{Kind, is_sms};
use super::{Answer, NO, TROUBLE};

/// Shows notifications (Package 0), verifies them, builds them.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct NotificationTask {
    #[command(subcommand)]
    task: Task,
}

const HELP: &str = "\
Examples:
  dmtool notification decode --push --hex 0605040b84c002010603c4af87...
  dmtool notification verify --server-id com.example.dm --password-file pw --nonce-b64 bm9uY2U= package0.bin
  dmtool notification build --server-id com.example.dm --password pw --nonce-b64 bm9uY2U= --session-id 2A --push sms --hex

verify: 0 genuine, 1 not genuine (that of another server is not), 2 malformed.";

#[derive(Subcommand, Debug)]
enum Task {
    /// What it says
    Decode(Decode),
    /// Whether this server sent it for this nonce
    Verify(Verify),
    /// A signed one
    Build(Build),
}

impl NotificationTask {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        match &self.task {
            Task::Decode(decode) => decode.run(out),
            Task::Verify(verify) => verify.run(out),
            Task::Build(build) => build.run(out),
        }
    }

    /// The exit code for input that is malformed.
    pub(super) const fn malformed(&self) -> u8 {
        match &self.task {
            Task::Decode(_) | Task::Build(_) => NO,
            Task::Verify(_) => TROUBLE,
        }
    }
}

/// Octets from a file or from the command line.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Octets {
    /// The message
    file: Option<PathBuf>,
    /// The message in hexadecimal
    #[arg(long, value_name = "HEX")]
    hex: Option<String>,
}

impl Octets {
    fn read(&self) -> Result<Input, Failure> {
        match (&self.file, &self.hex) {
            (Some(file), _) => Input::read(file),
            (None, Some(digits)) => match from_hex(digits) {
                Some(octets) => Ok(Input { file: "--hex".into(), octets }),
                None => Err(Failure::usage("--hex wants pairs of hexadecimal digits")),
            },
            (None, None) => Err(Failure::usage("a file or --hex is missing")),
        }
    }
}

/// What a server and a device share.
#[derive(Args, Debug)]
struct Shared {
    /// The server identifier
    #[arg(long, value_name = "ID")]
    server_id: String,
    #[command(flatten)]
    password: PasswordArg,
    /// The nonce, in base64
    #[arg(long, value_name = "N")]
    nonce_b64: String,
}

/// A password, from the command line or a file.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct PasswordArg {
    /// The server's password
    #[arg(long, value_name = "PW")]
    password: Option<String>,
    /// A file that holds it; a line end behind it does not count
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl PasswordArg {
    fn read(&self) -> Result<Vec<u8>, Failure> {
        match (&self.password, &self.password_file) {
            (Some(password), _) => Ok(password.clone().into_bytes()),
            (None, Some(file)) => secret_of(file),
            (None, None) => Err(Failure::usage("--password or --password-file is missing")),
        }
    }
}

/// A secret in a file, without the line end behind it.
pub(super) fn secret_of(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut secret = Input::read(file)?.octets;
    while matches!(secret.last(), Some(b'\n' | b'\r')) {
        secret.pop();
    }
    Ok(secret)
}

impl Shared {
    fn server(&self) -> Result<ServerIdentifier<'_>, Failure> {
        ServerIdentifier::new(&self.server_id)
            .map_err(|error| Failure::usage(&format!("--server-id: {error}")))
    }

    fn credential(&self) -> Result<Credential, Failure> {
        Ok(Credential::new(self.server()?, self.password.read()?))
    }

    fn nonce(&self) -> Result<Vec<u8>, Failure> {
        Base64::decode_vec(self.nonce_b64.trim()).map_err(|_| Failure::usage("--nonce-b64 is not base64"))
    }
}

#[derive(Args, Debug)]
struct Decode {
    /// It comes in a WSP push, or in a short message
    #[arg(long)]
    push: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    octets: Octets,
}

impl Decode {
    fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let input = self.octets.read()?;
        let kind = if self.push { push_kind(&input.octets) } else { Kind::Package0 };
        let read = |kind, octets| {
            // With a push around it, what is inside has to be one all the same.
            if self.push {
                let package0 = unwrapped(&input.octets)?;
                Binary::read(Kind::Package0, package0)?;
            }
            Binary::read(kind, octets)
        };
        let read = read(kind, &input.octets).map_err(|failure| failure.in_file(&input.file))?;
        let written = if self.json { writeln!(out, "{}", read.to_json()) } else { read.write(0, out) };
        written.map(|()| Answer::Yes).map_err(|error| Failure::writing("-", &error))
    }
}

fn push_kind(octets: &[u8]) -> Kind {
    if is_sms(octets) { Kind::Sms } else { Kind::WapPush }
}

/// The message in a push.
fn unwrapped(octets: &[u8]) -> Result<&[u8], Failure> {
    let payload = match UserDataHeader::decode(octets) {
        Ok((_, payload)) if is_sms(octets) => payload,
        _ => octets,
    };
    let push = Push::decode(payload).map_err(|error| Failure::malformed(&error))?;
    if !matches!(push.content(), Content::DmNotification | Content::DsNotification) {
        return Err(Failure::unfit(
            "wrong-kind",
            octets.len() - push.body().len(),
            "the push is for something else",
        ));
    }
    Ok(push.body())
}

#[derive(Args, Debug)]
struct Verify {
    /// It comes in a WSP push, or in a short message
    #[arg(long)]
    push: bool,
    #[command(flatten)]
    shared: Shared,
    #[command(flatten)]
    octets: Octets,
}

impl Verify {
    fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let (credential, nonce) = (self.shared.credential()?, self.shared.nonce()?);
        let input = self.octets.read()?;
        let decode = |octets| {
            let package0 = if self.push { unwrapped(octets)? } else { octets };
            Notification::decode_with(package0, &Policy::FIELD).map_err(|error| Failure::malformed(&error))
        };
        let notification = decode(&input.octets).map_err(|failure: Failure| failure.in_file(&input.file))?;
        let (answer, line) = match notification.verify(&credential, &nonce) {
            Ok(()) => (Answer::Yes, "genuine".to_owned()),
            Err(error) => (Answer::No, format!("not genuine: {error}")),
        };
        writeln!(out, "{line}").map(|()| answer).map_err(|error| Failure::writing("-", &error))
    }
}

#[derive(Args, Debug)]
struct Build {
    #[command(flatten)]
    shared: Shared,
    /// The session it asks for: 1 to FFFF
    #[arg(long, value_name = "HEX")]
    session_id: String,
    /// How the user should notice
    #[arg(long, value_enum, default_value = "not-specified")]
    ui_mode: UiModeArg,
    /// Who wants the session
    #[arg(long, value_enum, default_value = "server")]
    initiator: InitiatorArg,
    /// The vendor's body
    #[arg(long, value_name = "HEX")]
    vendor_hex: Option<String>,
    /// What to put around it
    #[arg(long, value_enum, default_value = "none")]
    push: PushArg,
    /// Hexadecimal, a line for each short message
    #[arg(long)]
    hex: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum UiModeArg {
    NotSpecified,
    Background,
    Informative,
    UserInteraction,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum InitiatorArg {
    Client,
    Server,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum PushArg {
    None,
    Wsp,
    Sms,
}

impl Build {
    fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let session_id = SessionId::from_hex(&self.session_id)
            .map_err(|error| Failure::usage(&format!("--session-id: {error}")))?;
        let body = match &self.vendor_hex {
            None => Vec::new(),
            Some(digits) => from_hex(digits)
                .ok_or_else(|| Failure::usage("--vendor-hex wants pairs of hexadecimal digits"))?,
        };
        let trigger = Trigger::new(self.shared.server()?, session_id)
            .with_ui_mode(match self.ui_mode {
                UiModeArg::NotSpecified => UiMode::NotSpecified,
                UiModeArg::Background => UiMode::Background,
                UiModeArg::Informative => UiMode::Informative,
                UiModeArg::UserInteraction => UiMode::UserInteraction,
            })
            .with_initiator(match self.initiator {
                InitiatorArg::Client => Initiator::Client,
                InitiatorArg::Server => Initiator::Server,
            })
            .with_vendor_body(&body);
        let package0 =
            Notification::sign(trigger, &self.shared.credential()?, &self.shared.nonce()?).to_vec();
        let push = || PushBuilder::dm_notification().to_vec(&package0);
        let messages = match self.push {
            PushArg::None => vec![package0],
            PushArg::Wsp => vec![push()],
            PushArg::Sms => {
                // Messages that follow each other have other sessions, so the parts of two are not mixed up.
                let [_, reference] = session_id.get().to_be_bytes();
                segment(Ports::WAP_PUSH, &push(), Some(PartReference::Eight(reference)))
                    .map_err(|error| Failure::usage(&error.to_string()))?
            }
        };
        write_messages(&messages, self.hex, out)
    }
}

/// Octets, or a line of hexadecimal for each message. Of several short messages nobody could tell where each ends.
pub(super) fn write_messages(
    messages: &[Vec<u8>],
    as_hex: bool,
    out: &mut dyn Write,
) -> Result<Answer, Failure> {
    if !as_hex && messages.len() > 1 {
        let parts = json!(messages.len());
        return Err(Failure::usage(&format!("it takes {parts} short messages, which only --hex can write")));
    }
    let written = messages.iter().try_for_each(|message| match as_hex {
        true => writeln!(out, "{}", hex(message)),
        false => out.write_all(message),
    });
    written.map(|()| Answer::Yes).map_err(|error| Failure::writing("-", &error))
}
