//! A simulated device: a task of this process, or a process, whose events are listened to.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::Parser;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::launcher::Launcher;
use crate::program::Failure;
use crate::{coap, dm_device};

/// How long a device may take for what it is waited for. Generous: who needs it has failed, and says so.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which program a device is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Make {
    /// Speaks OMA DM.
    Dm,
    /// Speaks CoAP.
    Coap,
}

/// A device.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) name: String,
    make: Make,
    arguments: Vec<String>,
    life: Option<Life>,
    events: mpsc::UnboundedReceiver<Value>,
    heard: Vec<Value>,
}

#[derive(Debug)]
enum Life {
    Task(JoinHandle<Result<(), Failure>>),
    Process(Child),
}

impl Actor {
    /// A device that is switched off.
    pub(super) fn new(name: &str, make: Make, arguments: Vec<String>) -> Self {
        let (_, events) = mpsc::unbounded_channel();
        Self { name: name.into(), make, arguments, life: None, events, heard: Vec::new() }
    }

    /// Its DevId.
    pub(super) fn id(&self) -> String {
        format!("urn:uuid:{}", self.name)
    }

    /// Changes a flag, for its next life.
    pub(super) fn set(&mut self, flag: &str, value: &str) {
        match self.arguments.iter().position(|argument| argument == flag) {
            Some(at) => self.arguments[at + 1] = value.into(),
            None => self.arguments.extend([flag.to_owned(), value.to_owned()]),
        }
    }

    /// Switches it on, and waits until it says so.
    ///
    /// # Errors
    /// It does not.
    pub(super) async fn start(&mut self, launcher: &Launcher) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let (told, events) = mpsc::unbounded_channel();
            (self.events, self.heard) = (events, Vec::new());
            self.life = Some(self.launch(launcher, told)?);
            let first = if self.make == Make::Dm { "started" } else { "listening" };
            match self.wait_for(first, |event| event["event"] == first).await {
                Ok(_) => return Ok(()),
                // The life before has not let go of its store yet.
                Err(why) if why.contains("another program") && Instant::now() < end => {
                    sleep(Duration::from_millis(20)).await;
                }
                Err(why) => return Err(why),
            }
        }
    }

    /// Ends it as the power goes.
    pub(super) fn stop(&mut self) {
        self.life = None;
    }

    fn launch(&self, launcher: &Launcher, told: mpsc::UnboundedSender<Value>) -> Result<Life, String> {
        let program = if self.make == Make::Dm { "dm-device" } else { "coap-device" };
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", self.name);
        let Some(path) = launcher.program(program) else {
            let words = std::iter::once(program).chain(self.arguments.iter().map(String::as_str));
            return Ok(Life::Task(match self.make {
                Make::Dm => {
                    let program =
                        dm_device::Program::try_parse_from(words).map_err(|error| failed(&error))?;
                    tokio::spawn(async move { program.run_within(told).await.map(drop) })
                }
                Make::Coap => {
                    let program = coap::program::Program::try_parse_from(words);
                    let program = program.map_err(|error| failed(&error))?;
                    tokio::spawn(program.run_within(told))
                }
            }));
        };
        let log = launcher.folder.join("devices.log");
        let log =
            std::fs::File::options().create(true).append(true).open(log).map_err(|error| failed(&error))?;
        let mut command = Command::new(path);
        command.args(&self.arguments).arg("--json");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || {
                let events = BufReader::new(out).lines().map_while(Result::ok);
                for event in events.filter_map(|line| serde_json::from_str(&line).ok()) {
                    let _ = told.send(event);
                }
            });
        }
        Ok(Life::Process(child))
    }

    /// Waits for an event; those that were heard before in this life count too.
    ///
    /// # Errors
    /// It does not come, or the device has ended.
    pub(super) async fn wait_for(
        &mut self,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, String> {
        if let Some(event) = self.heard.iter().find(|event| wanted(event)) {
            return Ok(event.clone());
        }
        let end = Instant::now() + PATIENCE;
        loop {
            match timeout_at(end, self.events.recv()).await {
                Ok(Some(event)) => {
                    self.heard.push(event.clone());
                    if wanted(&event) {
                        return Ok(event);
                    }
                }
                Ok(None) => {
                    let why = self.ended().await;
                    return Err(format!("{}: no {what}: {why}", self.name));
                }
                Err(_) => {
                    let heard: Vec<_> = self.heard.iter().rev().take(5).map(ToString::to_string).collect();
                    let heard = heard.join(", ");
                    return Err(format!(
                        "{}: no {what} within {} s, but {heard}",
                        self.name,
                        PATIENCE.as_secs()
                    ));
                }
            }
        }
    }

    async fn ended(&mut self) -> String {
        match self.life.as_mut() {
            None => "it is switched off".into(),
            Some(Life::Task(task)) => match task.await {
                Ok(Ok(())) => "it ended".into(),
                Ok(Err(failure)) => failure.to_string(),
                Err(error) => error.to_string(),
            },
            // What it has said is in its log; a store that is still open is the one thing that passes.
            Some(Life::Process(child)) => match child.wait() {
                Ok(status) => format!("it ended with {status}; devices.log says why"),
                Err(error) => error.to_string(),
            },
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        match self {
            Self::Task(task) => task.abort(),
            Self::Process(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}
