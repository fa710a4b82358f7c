//! `coap-device`: a CoAP device on a socket.

use std::fs;
use std::future::pending;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use clap::Parser;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::client::MAX_DATAGRAM;
use super::device::{CoapDevice, Effect, Settings, UpdateState};
use crate::clock::Clock;
use crate::event_log::EventLog;
use crate::http_client::{HttpClient, HttpError};
use crate::listener::told_to_stop;
use crate::misbehaviour::Misbehaviour;
use crate::program::{Failure, TrustFlags};
use crate::tls::write_secret;

/// The largest package that is fetched.
const MAX_PACKAGE: usize = 16 << 20;

/// A lamp that speaks CoAP, with resources as LwM2M numbers them: what a gateway's adapter is tried on.
#[derive(Parser, Debug)]
#[command(name = "coap-device", version, after_help = EXAMPLES)]
pub struct Program {
    /// Where it is reached over UDP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5683")]
    listen: SocketAddr,
    /// Resource /3/0/0
    #[arg(long, value_name = "NAME", default_value = "Example")]
    manufacturer: String,
    /// Resource /3/0/1
    #[arg(long, value_name = "NAME", default_value = "Lamp")]
    model: String,
    /// Resource /3/0/3 of a device that is new
    #[arg(long, value_name = "VERSION", default_value = "1.0")]
    firmware: String,
    /// Keep what was written in this file
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// How long a reboot takes, in which nothing is answered
    #[arg(long, value_name = "MS", default_value_t = 500)]
    boot_time: u64,
    #[command(flatten)]
    trust: TrustFlags,
    /// Print events as JSON, one to a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    misbehaviour: Misbehaviour,
}

const EXAMPLES: &str = "\
Resources:
  /3/0/0 manufacturer, /3/0/1 model, /3/0/3 firmware version, /3/0/4 reboot (POST)
  /5/0/1 package URI (PUT fetches it), /5/0/2 update (POST), /5/0/3 state, /5/0/5 result
  /3311/0/5850 on/off, /3311/0/5851 dimmer, /.well-known/core

Examples:
  coap-device                                  a lamp at 127.0.0.1:5683
  coap-device --listen 127.0.0.1:0 --json      at a free port, which the first line tells
  coap-device --drop 30 --delay 200            over a bad network
  coap-client -m put coap://127.0.0.1/3311/0/5851 -e 80

Exit codes:
  0  stopped by a signal
  2  wrong usage, or the socket or the file cannot be used";

/// What happened besides datagrams.
enum Done {
    Downloaded(String, Result<String, u8>),
    Updated,
}

impl Program {
    /// Runs until a signal stops it.
    pub async fn run(self) -> ExitCode {
        let clock = Clock::start();
        let log = EventLog::new(self.json, clock);
        match self.serve(clock, log, told_to_stop()).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                let _ = writeln!(io::stderr(), "error: {failure}");
                ExitCode::from(failure.exit_code())
            }
        }
    }

    /// Runs as a part of another program, which is told of events and ends it by dropping this.
    ///
    /// # Errors
    /// What the program would say on standard error.
    pub async fn run_within(self, events: mpsc::UnboundedSender<Value>) -> Result<(), Failure> {
        let clock = Clock::start();
        self.serve(clock, EventLog::told_to(events, clock), pending()).await
    }

    async fn serve(self, clock: Clock, log: EventLog, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        let http = HttpClient::new(&self.trust.trust()).map_err(|error| Failure::new("tls", error))?;
        let socket = UdpSocket::bind(self.listen).await;
        let socket =
            Arc::new(socket.map_err(|error| Failure::new("io", format_args!("{}: {error}", self.listen)))?);
        let address = socket.local_addr().map_err(|error| Failure::new("io", error))?;
        let mut network = self.misbehaviour.start();
        let mut device = CoapDevice::new(self.load()?);
        let (done, mut dones) = mpsc::unbounded_channel();
        self.save(&device.settings)?;
        log.tell("listening", json!({ "address": address.to_string(), "boots": device.settings.boots }));
        if device.settings.state == UpdateState::Updating {
            install(self.boot_time, done.clone());
        }
        let mut buffer = [0; MAX_DATAGRAM];
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                Some(done) = dones.recv() => {
                    match done {
                        Done::Downloaded(uri, outcome) => {
                            log.tell("downloaded", json!({ "uri": uri, "version": outcome.as_ref().ok(), "result": outcome.as_ref().err() }));
                            device.downloaded(&uri, outcome);
                        }
                        Done::Updated => {
                            device.updated();
                            log.tell("updated", json!({ "firmware": device.settings.firmware }));
                        }
                    }
                    self.save(&device.settings)?;
                }
                received = socket.recv_from(&mut buffer) => {
                    // An error here is what became of an answer sent before.
                    let Ok((length, from)) = received else { continue };
                    if network.loses() {
                        log.tell("lost", json!({ "from": from.to_string() }));
                        continue;
                    }
                    let before = device.settings.clone();
                    let handled = device.handle(clock.now(), from, &buffer[..length]);
                    if device.settings != before {
                        self.save(&device.settings)?;
                    }
                    if handled.is_repeated {
                        log.tell("repeated", json!({ "from": from.to_string() }));
                    }
                    if let Some(reply) = handled.reply {
                        if network.loses() {
                            log.tell("lost", json!({ "to": from.to_string() }));
                        } else {
                            send(&socket, reply, from, network.delay);
                        }
                    }
                    match handled.effect {
                        Some(Effect::Written { path, value }) => log.tell("written", json!({ "path": path, "value": value })),
                        Some(Effect::Download(uri)) => {
                            log.tell("downloading", json!({ "uri": uri }));
                            tokio::spawn(download(http.clone(), uri, done.clone()));
                        }
                        Some(Effect::Update) => {
                            log.tell("updating", json!({ "firmware": device.settings.next_firmware }));
                            install(self.boot_time, done.clone());
                        }
                        Some(Effect::Reboot) => {
                            log.tell("rebooting", json!({}));
                            // The answer has to leave before the lights go out.
                            sleep(network.delay + Duration::from_millis(20)).await;
                            sleep(Duration::from_millis(self.boot_time)).await;
                            while socket.try_recv_from(&mut buffer).is_ok() {}
                            device = CoapDevice::new(device.settings);
                            self.save(&device.settings)?;
                            log.tell("rebooted", json!({ "boots": device.settings.boots }));
                        }
                        None => {}
                    }
                }
            }
        }
    }

    fn load(&self) -> Result<Settings, Failure> {
        let new = || Settings {
            manufacturer: self.manufacturer.clone(),
            model: self.model.clone(),
            firmware: self.firmware.clone(),
            is_on: false,
            dimmer: 100,
            package_uri: String::new(),
            state: UpdateState::Idle,
            update_result: 0,
            next_firmware: None,
            boots: 0,
        };
        let Some(path) = &self.state else { return Ok(new()) };
        match fs::read(path) {
            Ok(octets) => serde_json::from_slice(&octets).map_err(|error| {
                Failure::file("state", path, format_args!("{error}; move the file away to begin anew"))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(new()),
            Err(error) => Err(Failure::file("io", path, error)),
        }
    }

    fn save(&self, settings: &Settings) -> Result<(), Failure> {
        let Some(path) = &self.state else { return Ok(()) };
        let octets = serde_json::to_vec(settings).map_err(|error| Failure::new("state", error))?;
        write_secret(path, &octets).map_err(|error| Failure::file("io", path, error))
    }
}

fn send(socket: &Arc<UdpSocket>, reply: Vec<u8>, to: SocketAddr, delay: Duration) {
    let socket = Arc::clone(socket);
    tokio::spawn(async move {
        sleep(delay).await;
        // Nobody is told that an answer is lost: the question comes again.
        let _ = socket.send_to(&reply, to).await;
    });
}

/// Fetches a package; its name is made of what is in it.
async fn download(http: HttpClient, uri: String, done: mpsc::UnboundedSender<Done>) {
    let outcome = match http.send(Method::GET, &uri, [], Vec::new(), MAX_PACKAGE).await {
        Ok(answer) if answer.status.is_success() => {
            let digest = Sha256::digest(&answer.body);
            Ok(digest[..4].iter().fold("fw-".to_owned(), |name, octet| format!("{name}{octet:02x}")))
        }
        Err(HttpError::Address(_)) => Err(7),
        Err(HttpError::TooLarge(_)) => Err(2),
        Ok(_) => Err(7),
        Err(_) => Err(4),
    };
    let _ = done.send(Done::Downloaded(uri, outcome));
}

fn install(time: u64, done: mpsc::UnboundedSender<Done>) {
    tokio::spawn(async move {
        sleep(Duration::from_millis(time)).await;
        let _ = done.send(Done::Updated);
    });
}
