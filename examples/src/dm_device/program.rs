//! The command line of `dm-device`.

use std::fmt;
use std::future::pending;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use dm_syncml::Encoding;
use serde_json::Value;
use tokio::sync::mpsc;

use super::failure::Failure;
use super::life;
use super::user::Manner;
use crate::account_file::AccountFile;
use crate::clock::Clock;
use crate::event_log::EventLog;
use crate::http_client::HttpClient;
use crate::listener::told_to_stop;
use crate::misbehaviour::Misbehaviour;
use crate::program::{TrustFlags, read_account};

/// A simulated OMA DM device. It keeps its tree, its accounts and what it has begun in one file, and goes on from there after any end of its
/// process.
#[derive(Parser, Clone, Debug)]
#[command(name = "dm-device", version, after_help = EXAMPLES)]
pub struct Program {
    /// The file in which it keeps everything; a package that is downloaded stands beside it
    #[arg(long, value_name = "FILE", default_value = "dm-device.redb")]
    pub(super) state: PathBuf,
    /// Its DevId; of a new device a random one
    #[arg(long, value_name = "URN")]
    pub(super) id: Option<String>,
    /// Manufacturer of a new device
    #[arg(long, value_name = "NAME", default_value = "Example")]
    pub(super) man: String,
    /// Model of a new device
    #[arg(long, value_name = "NAME", default_value = "Simulated")]
    pub(super) model: String,
    /// Firmware version of a new device
    #[arg(long, value_name = "VERSION", default_value = "1.0")]
    pub(super) firmware: String,
    /// A device description: what may be in its tree, and what a new device has there to begin with
    #[arg(long, value_name = "FILE")]
    pub(super) ddf: Vec<PathBuf>,
    /// Who may do what in the tree of a new device, where nothing else is said
    #[arg(long, value_name = "ACL", default_value = "Add=*&Delete=*&Exec=*&Get=*&Replace=*")]
    pub(super) root_acl: String,

    /// Factory settings: the account of a new device, as `device add --account-file` of dm-server or dm-gateway wrote it; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "server", help_heading = "Its first server")]
    pub(super) account: Vec<PathBuf>,
    #[arg(skip)]
    pub(super) accounts: Vec<AccountFile>,
    /// Or one by one: the address of the server of a new device
    #[arg(long, value_name = "URL", requires = "server_id", help_heading = "Its first server")]
    pub(super) server: Option<String>,
    /// The server's identifier
    #[arg(long, value_name = "ID", requires = "server", help_heading = "Its first server")]
    pub(super) server_id: Option<String>,
    /// The device's name with that server; its DevId if left out
    #[arg(long, value_name = "NAME", requires = "server", help_heading = "Its first server")]
    pub(super) user: Option<String>,
    /// The device's password with that server
    #[arg(
        long,
        value_name = "PW",
        requires = "server",
        conflicts_with = "password_file",
        help_heading = "Its first server"
    )]
    pub(super) password: Option<Hidden>,
    /// A file that holds it
    #[arg(long, value_name = "FILE", requires = "server", help_heading = "Its first server")]
    pub(super) password_file: Option<PathBuf>,
    /// The server's password with the device
    #[arg(
        long,
        value_name = "PW",
        requires = "server",
        conflicts_with = "server_password_file",
        help_heading = "Its first server"
    )]
    pub(super) server_password: Option<Hidden>,
    /// A file that holds it
    #[arg(long, value_name = "FILE", requires = "server", help_heading = "Its first server")]
    pub(super) server_password_file: Option<PathBuf>,
    /// How both prove themselves
    #[arg(long, value_enum, default_value_t = Auth::Md5, help_heading = "Its first server")]
    pub(super) auth: Auth,
    /// A bootstrap message of either profile, as on a smart card, for a new device
    #[arg(long, value_name = "FILE", conflicts_with = "server", help_heading = "Its first server")]
    pub(super) bootstrap: Option<PathBuf>,
    /// The PIN that bootstrap messages over UDP may be proven with
    #[arg(long, value_name = "PIN", help_heading = "Its first server")]
    pub(super) pin: Option<Hidden>,
    /// A file that holds it
    #[arg(long, value_name = "FILE", conflicts_with = "pin", help_heading = "Its first server")]
    pub(super) pin_file: Option<PathBuf>,
    /// The IMSI that bootstrap messages over UDP may be proven with
    #[arg(long, value_name = "IMSI", help_heading = "Its first server")]
    pub(super) imsi: Option<Hidden>,

    /// Where notifications and bootstrap messages reach it over UDP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(super) listen: SocketAddr,
    /// Where they reach it by HTTP push, below `/push`
    #[arg(long, value_name = "ADDRESS")]
    pub(super) push: Option<SocketAddr>,
    /// Tell a gateway at this address that the device is there
    #[arg(long, value_name = "ADDRESS")]
    pub(super) gateway: Option<SocketAddr>,
    #[command(flatten)]
    pub(super) trust: TrustFlags,
    /// How its messages travel
    #[arg(long, value_enum, default_value_t = Form::Wbxml)]
    pub(super) encoding: Form,
    /// Open a session by itself every so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) poll: Option<u64>,
    /// Open one session now, and end with it
    #[arg(long, conflicts_with = "poll")]
    pub(super) once: bool,
    /// How long an answer may take before a message is sent again
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub(super) answer_timeout: u64,
    /// How long it waits before it tries again to open a session that failed; each time twice as long
    #[arg(long, value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub(super) retry: u64,
    /// Print events as JSON, one to a line
    #[arg(long)]
    pub(super) json: bool,
    /// Do not wait for the disk: what is kept survives the end of the process, but not a loss of power
    #[arg(long)]
    pub(super) no_sync: bool,

    /// Who answers the questions of servers: the user at the terminal, or a rule. At a terminal `ask`, else `nobody`
    #[arg(long, value_enum, value_name = "WHO", help_heading = "Its user")]
    pub(super) interaction: Option<Manner>,

    /// Tell the server how far a download is every so many percent
    #[arg(long, value_name = "PERCENT", default_value_t = 25, value_parser = clap::value_parser!(u8).range(1..=100), help_heading = "Its firmware")]
    pub(super) report_every: u8,
    /// Octets of a package that are asked for at a time
    #[arg(long, value_name = "OCTETS", default_value_t = 1 << 18, value_parser = clap::value_parser!(u32).range(1..=1 << 24), help_heading = "Its firmware")]
    pub(super) piece: u32,
    /// The largest package it has room for
    #[arg(long, value_name = "OCTETS", default_value_t = 256 << 20, help_heading = "Its firmware")]
    pub(super) max_package: u64,
    /// How long an update takes
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(..=3_600_000), help_heading = "Its firmware")]
    pub(super) install_time: u64,

    #[command(flatten, next_help_heading = "Misbehaviour")]
    pub(super) misbehaviour: Misbehaviour,
    /// Show servers a wrong password
    #[arg(long, help_heading = "Misbehaviour")]
    pub(super) wrong_credentials: bool,
    /// Lose everything that is not on disk after so many messages, in the middle of a session, and begin anew; once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Misbehaviour")]
    pub(super) reboot_after: Option<u64>,
    /// How long it takes to begin anew
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(..=600_000), help_heading = "Misbehaviour")]
    pub(super) boot_time: u64,
}

const EXAMPLES: &str = "\
Examples:
  dm-device --account phone.json --ca dm-server-state/tls/cert.pem
      a new device, with the account that `dm-server device add IMEI:1 --account-file phone.json` wrote
  dm-device --server https://localhost:8443/dm --server-id com.example.dm \\
            --password secret --server-password other --ca cert.pem --once
      a new device; it opens a session and ends
  dm-device
      the same device again: it waits for notifications
  dm-device --ddf thermostat.ddf.xml --bootstrap account.wbxml --listen 127.0.0.1:2948
      a tree from a description, a server from a smart card
  dm-device --imsi 001010123456789 --listen 127.0.0.1:2948
      waits for a bootstrap message, and takes the network's word for it
  dm-device --gateway 127.0.0.1:9000 --drop 20 --delay 300 --seed 7
      behind a gateway, on a bad network
  dm-device --interaction accept --json | jq 'select(.event == \"session-ended\")'

Servers find its firmware at ./FUMO, a reboot, a factory reset and a light at ./x-Device.

Exit codes:
  0  stopped by a signal; with --once: the session was completed
  1  with --once: it was not
  2  wrong usage, or a file, the store or a socket cannot be used";

/// A secret on the command line.
#[derive(Clone)]
pub(super) struct Hidden(String);

impl Hidden {
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Hidden {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("...")
    }
}

/// How messages travel.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Wbxml,
    Xml,
}

/// How a device and its server prove themselves.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq, Debug)]
pub(super) enum Auth {
    /// User name and password, for TLS only; the name without a colon
    Basic,
    /// A digest with a nonce
    Md5,
    /// A digest over each message
    Mac,
}

impl Program {
    /// Runs until it is stopped, or with `--once` until its session is over.
    pub async fn run(self) -> ExitCode {
        match self.try_run().await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(failure) => {
                let _ = writeln!(io::stderr(), "error: {failure}");
                ExitCode::from(failure.exit_code())
            }
        }
    }

    /// Runs as a part of another program, which is told of events and ends it by dropping this: as the power goes.
    ///
    /// # Errors
    /// What the program would say on standard error.
    pub async fn run_within(mut self, events: mpsc::UnboundedSender<Value>) -> Result<bool, Failure> {
        self.read_accounts()?;
        let clock = Clock::start();
        let http = HttpClient::new(&self.trust.trust()).map_err(|error| Failure::new("tls", error))?;
        life::run(&self, http, clock, EventLog::told_to(events, clock), pending()).await
    }

    async fn try_run(mut self) -> Result<bool, Failure> {
        self.read_accounts()?;
        let clock = Clock::start();
        let log = EventLog::new(self.json, clock);
        let http = HttpClient::new(&self.trust.trust()).map_err(|error| Failure::new("tls", error))?;
        life::run(&self, http, clock, log, told_to_stop()).await
    }

    /// The accounts it was given are all of one device, and that is who it is.
    fn read_accounts(&mut self) -> Result<(), Failure> {
        for path in &self.account {
            let account: AccountFile = read_account(path)?;
            let id = self.id.get_or_insert_with(|| account.id.clone());
            if *id != account.id {
                let sentence =
                    format_args!("{} is the account of {}, not of {id}", path.display(), account.id);
                return Err(Failure::usage(sentence));
            }
            self.accounts.push(account);
        }
        Ok(())
    }

    pub(super) const fn encoding(&self) -> Encoding {
        match self.encoding {
            Form::Wbxml => Encoding::Wbxml,
            Form::Xml => Encoding::Xml,
        }
    }

    pub(super) fn manner(&self) -> Manner {
        let here = io::stdin().is_terminal() && io::stderr().is_terminal();
        self.interaction.unwrap_or(if here { Manner::Ask } else { Manner::Nobody })
    }
}
