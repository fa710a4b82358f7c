//! Programs with storage, started and killed: as a part of this process, each on threads of its own, or as a process.
//!
//! Both ways the program has the same configuration file, keeps its state in the same folder, and says where it listens in the same file. Killed
//! it is without a word: its tasks are dropped where they stand, or its process gets SIGKILL.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::program::{Failure, Whereabouts};
use crate::{dm_gateway, dm_server};

/// How long a program may take to start. Generous: who needs it has failed, and says so.
const PATIENCE: Duration = Duration::from_secs(60);

/// How programs are started, and where they keep what they keep.
#[derive(Clone, Debug)]
pub(super) struct Launcher {
    /// Where everything is.
    pub(super) folder: PathBuf,
    /// Where the programs are, if they are to be processes.
    programs: Option<PathBuf>,
}

/// A program with a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Server,
    Gateway,
}

impl Kind {
    const fn program(self) -> &'static str {
        match self {
            Self::Server => "dm-server",
            Self::Gateway => "dm-gateway",
        }
    }
}

/// A program that runs.
#[derive(Debug)]
pub(super) struct Daemon {
    kind: Kind,
    name: &'static str,
    life: Life,
    at: Whereabouts,
}

#[derive(Debug)]
enum Life {
    Tasks(Option<Runtime>, JoinHandle<Result<(), Failure>>),
    Process(Child),
}

impl Launcher {
    /// Has everything below `folder`; with processes, those of the programs beside this one.
    ///
    /// # Errors
    /// They are not there.
    pub(super) fn new(folder: PathBuf, as_processes: bool) -> io::Result<Self> {
        let programs = if as_processes {
            let own = std::env::current_exe()?;
            let beside = own.parent().map(Path::to_path_buf).unwrap_or_default();
            for program in ["dm-server", "dm-gateway", "dm-device", "coap-device"] {
                let path = program_in(&beside, program);
                if !path.exists() {
                    let hint = "--processes wants the other programs beside this one: cargo build -p dm-examples --bins";
                    return Err(io::Error::new(
                        io::ErrorKind::NotFound,
                        format!("{}: {hint}", path.display()),
                    ));
                }
            }
            Some(beside)
        } else {
            None
        };
        Ok(Self { folder, programs })
    }

    /// The program of this name, if programs are processes.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        self.programs.as_deref().map(|folder| program_in(folder, name))
    }

    /// Where a program keeps its state.
    pub(super) fn state(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts a program with this configuration, TOML without its `state`, and waits until it listens.
    ///
    /// # Errors
    /// It does not, and says why.
    pub(super) async fn start(&self, kind: Kind, name: &'static str, config: &str) -> Result<Daemon, String> {
        let state = self.state(name);
        let file = self.folder.join(format!("{name}.toml"));
        let io = |error: io::Error| format!("{name}: {error}");
        std::fs::write(&file, format!("state = {}\n{config}", quoted(&state))).map_err(io)?;
        self.restart(kind, name).await
    }

    /// Starts it again, as it was started before.
    async fn restart(&self, kind: Kind, name: &'static str) -> Result<Daemon, String> {
        let running = self.state(name).join("running.json");
        let file = self.folder.join(format!("{name}.toml"));
        let end = Instant::now() + PATIENCE;
        'start: loop {
            // What is there is of a life before.
            let _ = std::fs::remove_file(&running);
            let mut life = self.launch(kind, name, &file).map_err(|error| format!("{name}: {error}"))?;
            loop {
                let at = std::fs::read(&running).ok().and_then(|text| serde_json::from_slice(&text).ok());
                if let Some(at) = at {
                    return Ok(Daemon { kind, name, life, at });
                }
                match life.ended().await {
                    // The life before has not let go of its store yet.
                    Some(why) if why.contains("another program") && Instant::now() < end => {
                        sleep(Duration::from_millis(20)).await;
                        continue 'start;
                    }
                    Some(why) => return Err(format!("{name} does not start: {why}")),
                    None if Instant::now() >= end => {
                        life.kill();
                        return Err(format!("{name} does not listen within {} s", PATIENCE.as_secs()));
                    }
                    None => sleep(Duration::from_millis(5)).await,
                }
            }
        }
    }

    fn launch(&self, kind: Kind, name: &str, file: &Path) -> io::Result<Life> {
        match self.program(kind.program()) {
            Some(program) => {
                let log = std::fs::File::options()
                    .create(true)
                    .append(true)
                    .open(self.folder.join(format!("{name}.log")))?;
                let mut command = Command::new(program);
                command.arg("run").arg("--config").arg(file);
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().map(Life::Process)
            }
            None => {
                let runtime =
                    Builder::new_multi_thread().worker_threads(2).thread_name(name).enable_all().build()?;
                let file = file.to_owned();
                let running = runtime.spawn(async move {
                    match kind {
                        Kind::Server => dm_server::run_within(&file).await,
                        Kind::Gateway => dm_gateway::run_within(&file).await,
                    }
                });
                Ok(Life::Tasks(Some(runtime), running))
            }
        }
    }
}

fn program_in(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// A path as TOML has it: the escapes of JSON are among those of TOML.
pub(super) fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

impl Life {
    /// Why it has ended, if it has.
    async fn ended(&mut self) -> Option<String> {
        match self {
            Self::Tasks(_, running) if running.is_finished() => Some(match running.await {
                Ok(Ok(())) => "it ended".into(),
                Ok(Err(failure)) => failure.to_string(),
                Err(error) => error.to_string(),
            }),
            Self::Tasks(..) => None,
            Self::Process(child) => {
                let status = child.try_wait().ok().flatten()?;
                Some(format!("it ended with {status}; its log says why"))
            }
        }
    }

    fn kill(&mut self) {
        match self {
            Self::Tasks(runtime, running) => {
                running.abort();
                if let Some(runtime) = runtime.take() {
                    runtime.shutdown_background();
                }
            }
            Self::Process(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Daemon {
    /// Ends it as the power goes, and starts it again with what it kept.
    ///
    /// # Errors
    /// It does not start.
    pub(super) async fn revive(&mut self, launcher: &Launcher) -> Result<(), String> {
        self.kill();
        *self = launcher.restart(self.kind, self.name).await?;
        Ok(())
    }

    /// The socket for devices.
    pub(super) fn devices(&self) -> Option<SocketAddr> {
        let (_, rest) = self.at.devices.split_once("://")?;
        rest.split('/').next()?.parse().ok()
    }

    /// The socket for datagrams.
    pub(super) fn datagrams(&self) -> Option<SocketAddr> {
        self.at.datagrams.as_deref()?.parse().ok()
    }

    /// Ends it as the power goes.
    pub(super) fn kill(&mut self) {
        self.life.kill();
    }
}
