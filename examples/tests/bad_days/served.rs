//! A program, and a device that it serves whatever else happens.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::daemon::{DM_DEVICE, Daemon, PATIENCE, device_flags};

pub(crate) struct Served {
    pub(crate) daemon: Daemon,
    pub(crate) account: Value,
    pub(crate) folder: TempDir,
}

impl Served {
    /// `dm-server` or `dm-gateway` with this configuration.
    pub(crate) fn by(program: &'static str, config: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        fs::write(&file, config).unwrap();
        let flags = [flags, &["--config", file.to_str().unwrap(), "--log", "warn"]].concat();
        let daemon = Daemon::start(program, &folder.path().join("state"), &flags);
        let account = daemon.add_device("urn:uuid:served", &[]);
        Self { daemon, account, folder }
    }

    pub(crate) fn plain(program: &'static str, config: &str) -> Self {
        Self::by(program, config, &["--plain-http"])
    }

    /// One session of the device: what becomes of it.
    pub(crate) fn session(&self, more: &[&str]) -> Output {
        let state = self.folder.path().join("device.redb");
        let flags = device_flags(&self.account, &state);
        let mut device = Command::new(DM_DEVICE);
        device.args(flags).args(["--once", "--json"]).args(more);
        device.stdin(Stdio::null()).output().unwrap()
    }

    /// Its device and its operator are served.
    pub(crate) fn assert_serves(&self) {
        let output = self.session(&[]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let (code, said) = self.daemon.ask(&["status"]);
        assert_eq!(code, Some(0), "{said}");
        for socket in ["devices", "operator"] {
            let answer = exchange(self.daemon.socket(socket), b"GET /healthz HTTP/1.0\r\n\r\n");
            assert!(answer.starts_with(b"HTTP/1.0 200"), "{}", String::from_utf8_lossy(&answer));
        }
        assert!(!self.daemon.log().contains("panicked"), "{}", self.daemon.log());
    }

    /// A request of the operator; the status and the body of the answer.
    pub(crate) fn request(&self, line: &str, body: &str) -> (u16, String) {
        let request = format!(
            "{line} HTTP/1.0\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.daemon.token(),
            body.len()
        );
        let answer = exchange(self.daemon.socket("operator"), request.as_bytes());
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, text.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
    }
}

/// Everything a program printed.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// Sends octets, and brings back what comes until the other side has nothing more to say.
pub(crate) fn exchange(to: &str, octets: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    // Who is not listened to any more cannot say everything.
    let _ = stream.write_all(octets);
    until_closed(&mut stream)
}

/// What comes until the other side closes. It must, in time.
pub(crate) fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}: it is not waited for");
    }
    answer
}

/// A connection from another address of this host.
pub(crate) fn connect_from(from: [u8; 4], to: &str) -> TcpStream {
    let to: SocketAddr = to.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((IpAddr::from(from), 0).into()).unwrap();
        socket.connect(to).await.unwrap()
    });
    let stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}
