//! A tap on HTTP: it stands where a program is said to listen, passes everything on, and tells the recorder.
//!
//! With TLS it is a peer to both sides, so that what it hears is clear: it shows the program's own certificate, and demands it of the program.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use dm_syncml::Encoding;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::capture::{Connection, From};
use super::http_stream::{HttpMessage, HttpStream};
use super::recorder::Recorder;
use crate::tls::{Identity, Trust};

/// The port of the capture: where Wireshark expects HTTP.
const HTTP: u16 = 80;

/// TLS on both sides.
#[derive(Clone)]
pub(super) struct Encryption {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl Encryption {
    /// With the identity that all programs show.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub(super) fn new(identity: &Identity) -> io::Result<Self> {
        let acceptor = identity.server_config().map_err(io::Error::other)?;
        let trust = Trust::File(identity.certificate.clone());
        let connector = trust.client_config().map_err(io::Error::other)?;
        Ok(Self { acceptor: acceptor.into(), connector: Arc::new(connector).into() })
    }
}

/// A tap in front of one program.
pub(super) struct Tap {
    /// Where it is reached.
    pub(super) front: SocketAddr,
    target: Arc<Mutex<Option<SocketAddr>>>,
    accepting: AbortHandle,
}

impl Tap {
    /// Opens it in front of the party `name`, which has still to be [aimed](Self::aim) at.
    ///
    /// # Errors
    /// There is no port left.
    pub(super) async fn open(
        name: &'static str,
        recorder: Recorder,
        encryption: Option<Encryption>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let front = listener.local_addr()?;
        let target = Arc::new(Mutex::new(None));
        let aimed = Arc::clone(&target);
        let accepting = tokio::spawn(async move {
            loop {
                // Who hangs up before is not missed; a process without descriptors may have some again later.
                let Ok((client, _)) = listener.accept().await else {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    continue;
                };
                let to: Option<SocketAddr> = *aimed.lock().unwrap_or_else(PoisonError::into_inner);
                // Without a program behind it nobody is at home.
                let Some(to) = to else { continue };
                let flow = Flow::new(name, recorder.clone());
                tokio::spawn(connect(client, to, encryption.clone(), flow));
            }
        });
        Ok(Self { front, target, accepting: accepting.abort_handle() })
    }

    /// Passes on to this address from now on, or to nobody.
    pub(super) fn aim(&self, target: Option<SocketAddr>) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connect(
    client: TcpStream,
    to: SocketAddr,
    encryption: Option<Encryption>,
    flow: Flow,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let server = TcpStream::connect(to).await?;
    server.set_nodelay(true)?;
    match encryption {
        Some(Encryption { acceptor, connector }) => {
            let client = acceptor.accept(client).await?;
            let server = connector.connect(ServerName::IpAddress(to.ip().into()), server).await?;
            pass(client, server, flow).await;
        }
        None => pass(client, server, flow).await,
    }
    Ok(())
}

/// Passes octets both ways until both sides have ended, or one has broken off.
async fn pass<A, B>(client: A, server: B, mut flow: Flow)
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let (mut asked, mut answered) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    let (mut client_open, mut server_open) = (true, true);
    while client_open || server_open {
        let (from, read) = tokio::select! {
            read = from_client.read(&mut asked), if client_open => (From::Client, read),
            read = from_server.read(&mut answered), if server_open => (From::Server, read),
        };
        match (from, read) {
            (_, Err(_)) => return flow.close(from, true),
            (_, Ok(0)) => {
                flow.close(from, false);
                let ended = match from {
                    From::Client => {
                        client_open = false;
                        to_server.shutdown().await
                    }
                    From::Server => {
                        server_open = false;
                        to_client.shutdown().await
                    }
                };
                if ended.is_err() {
                    return flow.close(from.other(), true);
                }
            }
            (_, Ok(count)) => {
                let octets = if from == From::Client { &asked[..count] } else { &answered[..count] };
                flow.octets(from, octets);
                let passed = match from {
                    From::Client => to_server.write_all(octets).await,
                    From::Server => to_client.write_all(octets).await,
                };
                // TLS keeps what it has not been told to send.
                let passed = match (passed, from) {
                    (Ok(()), From::Client) => to_server.flush().await,
                    (Ok(()), From::Server) => to_client.flush().await,
                    (failed, _) => failed,
                };
                if passed.is_err() {
                    return flow.close(from.other(), true);
                }
            }
        }
    }
}

/// One connection, as the recorder is told of it.
struct Flow {
    server: &'static str,
    /// Who opened it; known from its first request.
    client: Option<String>,
    recorder: Recorder,
    streams: [HttpStream; 2],
    /// What came by before it was known from whom.
    held: Vec<(From, Vec<u8>)>,
    capture: Option<Connection>,
    /// What was asked for last.
    asked: Option<String>,
}

impl Flow {
    fn new(server: &'static str, recorder: Recorder) -> Self {
        let streams = Default::default();
        Self { server, client: None, recorder, streams, held: Vec::new(), capture: None, asked: None }
    }

    fn octets(&mut self, from: From, octets: &[u8]) {
        match &mut self.capture {
            Some(capture) => self.recorder.octets(capture, from, octets),
            None if self.client.is_none() => self.held.push((from, octets.to_owned())),
            // Nobody wants a capture.
            None => {}
        }
        let stream = &mut self.streams[usize::from(from == From::Server)];
        for message in stream.take(octets) {
            self.message(from, &message);
        }
        if self.client.is_some() && !self.held.is_empty() {
            self.begin();
        }
    }

    /// The client is known, or will not be: what was held is told.
    fn begin(&mut self) {
        let client = self.client.get_or_insert_with(|| "client".into());
        self.capture = self.recorder.open(client, self.server, HTTP);
        for (from, octets) in std::mem::take(&mut self.held) {
            if let Some(capture) = &mut self.capture {
                self.recorder.octets(capture, from, &octets);
            }
        }
    }

    fn close(&mut self, from: From, is_broken: bool) {
        if self.client.is_none() && !self.held.is_empty() {
            self.begin();
        }
        if let Some(capture) = &mut self.capture {
            self.recorder.close(capture, from, is_broken);
        }
    }

    fn message(&mut self, from: From, message: &HttpMessage) {
        let encoding = Encoding::from_media_type(&message.media_type);
        if from == From::Client {
            let sender = match encoding {
                Some(encoding) => Recorder::sender(encoding, &message.body),
                // Only servers push.
                None if message.path() == "/push" => Some("server".into()),
                None => None,
            };
            let client = self.client.get_or_insert_with(|| sender.clone().unwrap_or_else(|| "device".into()));
            // One client of HTTP may speak for one device only, but it may fetch an image first.
            if let Some(sender) = sender {
                *client = sender;
            }
            self.asked = Some(message.path().to_owned());
        }
        let client = self.client.as_deref().unwrap_or("client");
        let (sender, receiver) =
            if from == From::Client { (client, self.server) } else { (self.server, client) };
        let asked = self.asked.as_deref().unwrap_or_default();
        match (encoding, from) {
            (Some(encoding), _) => self.recorder.message(sender, receiver, encoding, &message.body),
            (None, From::Client) if asked == "/push" => {
                self.recorder.notification(sender, receiver, &message.body);
                self.recorder.pushed(&message.body);
            }
            (None, From::Server) if asked.starts_with("/dm/images/") && message.start.contains(" 20") => {
                self.recorder.image(self.server, message.body.len());
            }
            _ => {}
        }
    }
}
