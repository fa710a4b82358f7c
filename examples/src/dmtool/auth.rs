//! `dmtool auth`: what proves a user, as it stands in a message or beside it.

use std::io::Write;
use std::path::PathBuf;

use base64ct::{Base64, Encoding as _};
use clap::{Args, ValueEnum};
use dm_syncml::auth::{Credentials, Nonce, Password};

use super::Answer;
use super::failure::Failure;
use super::input::Input;

/// Computes credentials for SyncHdr, or the mac of an x-syncml-hmac header.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Auth {
    /// How the user is proved
    scheme: Scheme,
    /// Name of the user
    #[arg(long)]
    user: String,
    #[command(flatten)]
    secret: Secret,
    /// The nonce, as it stands in NextNonce; none is an empty one
    #[arg(long, value_name = "BASE64")]
    nonce_b64: Option<String>,
    /// The message a mac is for, octet for octet as it travels; none is an empty one
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Secret {
    /// Password of the user; other users of this machine may see it
    #[arg(long)]
    password: Option<String>,
    /// File that holds the password; a line end behind it does not count
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Scheme {
    /// syncml:auth-basic
    Basic,
    /// syncml:auth-md5
    Md5,
    /// syncml:auth-MAC
    Mac,
}

const HELP: &str = "\
Examples:
  dmtool auth basic --user Bruce2 --password OhBehave
  dmtool auth md5 --user Bruce2 --password OhBehave --nonce-b64 Tm9uY2U=
  dmtool auth mac --user Bruce2 --password-file secret --nonce-b64 Tm9uY2U= --body message.wbxml

The result is one line of base64: the Data of Cred, or the value behind mac= in
  x-syncml-hmac: algorithm=MD5, username=\"Bruce2\", mac=...";

impl Auth {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let result = self.result()?;
        writeln!(out, "{result}").map_err(|error| Failure::writing("-", &error))?;
        Ok(Answer::Yes)
    }

    fn result(&self) -> Result<String, Failure> {
        if self.scheme == Scheme::Basic && self.nonce_b64.is_some() {
            return Err(Failure::usage("basic credentials have no nonce"));
        }
        if self.scheme != Scheme::Mac && self.body.is_some() {
            return Err(Failure::usage("only a mac has a body"));
        }
        let both = [&self.body, &self.secret.password_file];
        if both.iter().all(|path| path.as_ref().is_some_and(|path| path.as_os_str() == "-")) {
            return Err(Failure::usage("only one of the two can be standard input"));
        }
        let nonce = Base64::decode_vec(self.nonce_b64.as_deref().unwrap_or_default())
            .map_err(|_| Failure::usage("the nonce is not base64"))?;
        let credentials = Credentials::new(self.user.as_str(), self.secret.read()?);
        let cred = match self.scheme {
            Scheme::Basic if self.user.contains(':') => {
                return Err(Failure::usage("the name in basic credentials ends at the first colon"));
            }
            Scheme::Basic => credentials.basic(),
            Scheme::Md5 => credentials.md5(&Nonce::new(nonce)),
            Scheme::Mac => {
                let body = self.body.as_ref().map(|path| Input::read(path)).transpose()?;
                let body = body.map(|body| body.octets).unwrap_or_default();
                let header = credentials
                    .mac(&Nonce::new(nonce), &body)
                    .map_err(|error| Failure::usage(&error.to_string()))?;
                return Ok(Base64::encode_string(header.mac()));
            }
        };
        Ok(cred.data.as_text().unwrap_or_default().into())
    }
}

impl Secret {
    fn read(&self) -> Result<Password, Failure> {
        let Some(path) = &self.password_file else {
            return Ok(Password::new(self.password.as_deref().unwrap_or_default()));
        };
        let octets = Input::read(path)?.octets;
        let text = String::from_utf8(octets).map_err(|_| Failure::usage("the password is not UTF-8"))?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        Ok(Password::new(line.strip_suffix('\r').unwrap_or(line)))
    }
}
