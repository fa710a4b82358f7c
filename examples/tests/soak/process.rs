//! A program under test: killed as the power goes, and started again at the same addresses.

use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

use axum::http::Method;
use dm_examples::http_client::{HttpAnswer, HttpClient, HttpError};
use dm_examples::tls::Trust;

/// What a program is here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Server,
    Gateway(usize),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => write!(f, "server"),
            Self::Gateway(number) => write!(f, "gateway-{number}"),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Process {
    role: Role,
    program: &'static str,
    arguments: Vec<String>,
    state: PathBuf,
    log: PathBuf,
    child: Mutex<Option<(Child, Instant)>>,
    kills: AtomicU32,
    pub(crate) operator: String,
    pub(crate) datagrams: String,
    http: HttpClient,
}

/// A port that nobody has, and that nobody gets as the source of a connection while the program that has it is dead.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A session that broke off is over soon, what has ended is remembered for a while only, and the gateways are told again and again that
/// something waits for them.
const SERVER: &str = "[limits]\nidle = 10\nended-work = 300\n[notify]\nattempts = 20\nwait = 1\n";
/// Few in flight, so that there is always a middle; and snapshots in the middle.
const GATEWAY: &str = "poll = 5\n[limits]\nwindow = 24\nrecords = 500\n";

impl Process {
    pub(crate) fn server(folder: &Path) -> Self {
        Self::new(Role::Server, env!("CARGO_BIN_EXE_dm-server"), folder, SERVER, &[], free_port())
    }

    pub(crate) fn gateway(folder: &Path, number: usize, datagrams: u16, account: &Path) -> Self {
        let datagrams_at = format!("127.0.0.1:{datagrams}");
        let account = account.to_str().unwrap();
        let more = ["--datagrams", &datagrams_at, "--account", account, "--server-id", &server_id(number)];
        let program = env!("CARGO_BIN_EXE_dm-gateway");
        Self::new(Role::Gateway(number), program, folder, GATEWAY, &more, datagrams)
    }

    fn new(
        role: Role,
        program: &'static str,
        folder: &Path,
        config: &str,
        more: &[&str],
        datagrams: u16,
    ) -> Self {
        let (listen, operator) = (free_port(), free_port());
        let state = folder.join(role.to_string());
        let file = folder.join(format!("{role}.toml"));
        std::fs::write(&file, config).unwrap();
        let (file, state_at) = (file.to_str().unwrap(), state.to_str().unwrap());
        let (listen_at, operator_at) = (format!("127.0.0.1:{listen}"), format!("127.0.0.1:{operator}"));
        let own = [
            "run",
            "--state",
            state_at,
            "--config",
            file,
            "--plain-http",
            "--name",
            "127.0.0.1",
            "--log",
            "info",
        ];
        let own = own.into_iter().chain(["--listen", &listen_at, "--operator", &operator_at]);
        let process = Self {
            role,
            program,
            arguments: own.chain(more.iter().copied()).map(str::to_owned).collect(),
            log: folder.join(format!("{role}.log")),
            state,
            child: Mutex::new(None),
            kills: AtomicU32::new(0),
            operator: format!("http://{operator_at}"),
            datagrams: format!("127.0.0.1:{datagrams}"),
            http: HttpClient::new(&Trust::Nothing).unwrap(),
        };
        process.start();
        process
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn start(&self) {
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("operator at"), "{} does not start, see {}", self.role, self.log.display());
        *self.child() = Some((child, Instant::now()));
    }

    /// kill -9.
    pub(crate) fn kill(&self) {
        if let Some((mut child, _)) = self.child().take() {
            child.kill().unwrap();
            child.wait().unwrap();
            self.kills.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Option<(Child, Instant)>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its id and age; a program that has ended by itself is a failure.
    pub(crate) fn alive(&self) -> (u32, std::time::Duration) {
        let mut child = self.child();
        let (child, since) = child.as_mut().expect("it was started again");
        let ended = child.try_wait().unwrap();
        assert_eq!(ended, None, "{} has ended, see {}", self.role, self.log.display());
        (child.id(), since.elapsed())
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn kills(&self) -> u32 {
        self.kills.load(Ordering::Relaxed)
    }

    /// Asks it as its operator; an error while it is dead.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<HttpAnswer, HttpError> {
        self.ask_as(method, path, body, None).await
    }

    /// The same; asked again under the same key it is done once.
    pub(crate) async fn ask_as(
        &self,
        method: Method,
        path: &str,
        body: String,
        key: Option<&str>,
    ) -> Result<HttpAnswer, HttpError> {
        let token = std::fs::read_to_string(self.state.join("operator.token")).unwrap();
        let headers =
            [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        let headers = headers.into_iter().chain(key.map(|key| ("idempotency-key", key.to_owned())));
        let http = self.http.clone().with_patience(std::time::Duration::from_secs(60));
        http.send(method, &format!("{}{path}", self.operator), headers, body, 16 << 20).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Who a gateway is to its devices.
pub(crate) fn server_id(gateway: usize) -> String {
    format!("com.example.gateway-{gateway}")
}
