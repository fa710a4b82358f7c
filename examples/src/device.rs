//! The driver of a device: it waits for a notification, verifies it, and answers with a session that executes what the server sends.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use dm_notification::{Credential, Notification, ServerIdentifier};
use dm_syncml::session::{ClientConfig, ClientEnd, ClientOutput, ClientSession, Initiation, Record};
use dm_syncml::{Encoding, LocUri, SessionId};
use dm_tree::{AuthLevel, DevInfo, DmAccount, Effects, HandlerMap, Tree};
use tokio::net::UdpSocket;

use crate::announcing::Challenge;
use crate::clock::{Clock, entropy};
use crate::wire::{self, Wire};

/// The pauses after sessions that broke off, in seconds.
const AGAIN: [u64; 5] = [1, 2, 4, 8, 16];

/// A device with one account.
#[derive(Debug)]
pub struct Device {
    /// What it is called in traces.
    pub name: String,
    /// Its tree: DevInfo, DevDetail, the account, and whatever it lets servers manage.
    pub tree: Tree,
    /// What serves the parts of the tree that are not stored in it.
    pub handlers: HandlerMap,
    /// Where in the tree its account is.
    pub account: String,
    /// How its messages travel.
    pub encoding: Encoding,
    /// How many notifications it sleeps through.
    pub deaf: u32,
}

/// Why a notification starts no session. Nobody is told but the log.
#[derive(Debug, thiserror::Error)]
pub enum Dropped {
    /// It is not a notification.
    #[error(transparent)]
    Decode(#[from] dm_notification::DecodeError),
    /// It names a server that the device has no account with.
    #[error("it comes from a server without an account here")]
    UnknownServer,
    /// It was not made by that server.
    #[error(transparent)]
    Verify(#[from] dm_notification::VerifyError),
}

impl Device {
    /// Announces the device to the network it is in, then answers notifications until the task is dropped.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn run(mut self, wire: Wire, clock: Clock, gateway: SocketAddr) -> io::Result<()> {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await?;
        let dev_id = DevInfo::read(&self.tree).map(|info| info.dev_id).unwrap_or_default();
        // Stands for whatever the local network has: DHCP, mDNS, a radio's join. It may be lost, so it is said until answered.
        let mut datagram = [0; 2048];
        loop {
            socket.send_to(dev_id.as_bytes(), gateway).await?;
            let answer = socket.recv_from(&mut datagram);
            let Ok(Ok((length, from))) = tokio::time::timeout(Duration::from_secs(1), answer).await else {
                continue;
            };
            let Some(challenge) = Challenge::read(&datagram[..length]) else { break };
            let account = self.account().filter(|account| account.server_id.as_str() == challenge.server);
            let shown = account
                .as_ref()
                .and_then(|it| it.credentials.iter().find(|it| it.level == AuthLevel::CLCRED));
            let Some(password) = shown.and_then(|auth| auth.secret.as_ref()) else { continue };
            socket.send_to(&challenge.answer(&dev_id, password.expose()), from).await?;
            if tokio::time::timeout(Duration::from_secs(1), socket.recv_from(&mut datagram)).await.is_ok() {
                break;
            }
        }
        let (mut last, mut former) = (None, None);
        loop {
            let (length, _) = socket.recv_from(&mut datagram).await?;
            // While a session runs, the server may want the next one: it signs with the nonce that it has then.
            let Ok(session_id) = self.check_with(&datagram[..length], former.as_deref()) else { continue };
            if self.deaf > 0 {
                self.deaf -= 1;
                continue;
            }
            // The same notification may come again while its session runs or after it.
            if last.replace(session_id.clone()) != Some(session_id.clone()) {
                let nonce = self.server_nonce();
                self.answer(&wire, clock, session_id).await;
                former = Some(nonce).filter(|nonce| self.server_nonce() != *nonce).or(former);
            }
        }
    }

    /// The session that a notification asks for. When it breaks off, the device comes again by itself: the nonce that the server is to sign the
    /// next notification with may have been in a message that was lost, and without a session the two would never agree again.
    async fn answer(&mut self, wire: &Wire, clock: Clock, session_id: SessionId<'static>) {
        let mut initiation = Initiation::Server(session_id);
        for wait in AGAIN {
            let end = self.session(wire, clock, initiation).await;
            if !matches!(end, ClientEnd::TimedOut | ClientEnd::BadAnswer | ClientEnd::HeaderRefused(_)) {
                return;
            }
            tokio::time::sleep(Duration::from_secs(wait)).await;
            let [high, low, ..] = entropy();
            let id = SessionId::new(format!("{:X}", u16::from_be_bytes([high, low])));
            initiation = Initiation::Client(id.expect("four digits are an id"));
        }
    }

    fn account(&self) -> Option<DmAccount> {
        self.tree.node(&self.account).and_then(DmAccount::read)
    }

    /// Whether a notification is genuine; the SessionID it gives.
    ///
    /// # Errors
    /// It is to be dropped.
    pub fn check(&self, octets: &[u8]) -> Result<SessionId<'static>, Dropped> {
        self.check_with(octets, None)
    }

    /// What the server is to sign with; empty before it was ever given one.
    fn server_nonce(&self) -> Vec<u8> {
        let nonce = self.account().and_then(|account| account.nonce(&AuthLevel::SRVCRED));
        nonce.map(|nonce| nonce.as_bytes().to_vec()).unwrap_or_default()
    }

    /// The same; the nonce before the stored one will do as well.
    fn check_with(&self, octets: &[u8], former: Option<&[u8]>) -> Result<SessionId<'static>, Dropped> {
        let notification = Notification::decode(octets)?;
        let trigger = notification.trigger();
        let account = self.account().ok_or(Dropped::UnknownServer)?;
        let server = account.server_id.as_str();
        if trigger.server_identifier().as_octets() != server.as_bytes() {
            return Err(Dropped::UnknownServer);
        }
        let auth = account.credentials.iter().find(|auth| auth.level == AuthLevel::SRVCRED);
        let secret = auth.and_then(|auth| auth.secret.as_ref()).ok_or(Dropped::UnknownServer)?;
        let password = std::str::from_utf8(secret.expose()).map_err(|_| Dropped::UnknownServer)?;
        let identifier = ServerIdentifier::new(server).map_err(|_| Dropped::UnknownServer)?;
        let credential = Credential::new(identifier, password);
        notification.verify(&credential, &self.server_nonce()).or_else(|error| {
            let former = former.ok_or(error)?;
            notification.verify(&credential, former)
        })?;
        SessionId::new(trigger.session_id().to_string()).map_err(|_| Dropped::UnknownServer)
    }

    /// How sessions with the account's server go; `None` when the account is not complete.
    fn config(&self, account: &DmAccount) -> Option<ClientConfig> {
        let info = DevInfo::read(&self.tree)?;
        let server = account.addresses.first()?.addr.clone();
        let config = ClientConfig::new(LocUri::new(info.dev_id).ok()?, LocUri::new(server).ok()?)
            .with_encoding(self.encoding)
            .with_atomic()
            .with_md5(account.credentials(&AuthLevel::CLCRED)?, account.credentials(&AuthLevel::SRVCRED)?)
            .with_nonces(account.nonce(&AuthLevel::CLCRED), account.nonce(&AuthLevel::SRVCRED))
            .with_dev_info(DevInfo::items(&self.tree));
        Some(config)
    }

    /// Runs one session to its end.
    pub async fn session(&mut self, wire: &Wire, clock: Clock, initiation: Initiation) -> ClientEnd {
        let complete = self.account().and_then(|account| {
            let config = self.config(&account)?;
            Some((account, config))
        });
        let Some((account, config)) = complete else { return ClientEnd::ServerRefused };
        let mut session = ClientSession::new(clock.now(), config, initiation, Vec::new());
        let mut effects = Effects::default();
        loop {
            let now = clock.now();
            match self.tree.poll_session(
                now,
                &mut session,
                &account.server_id,
                &mut self.handlers,
                &mut effects,
            ) {
                ClientOutput::Send(uri, message) => {
                    let posted = wire.post(uri.as_str(), &message).await;
                    wire::take(&mut session, clock.now(), &posted);
                }
                ClientOutput::Persist(seq, record) => {
                    // The tree is this device's store; a real one writes it to flash here.
                    let (level, nonce) = match &record {
                        Record::DeviceNonce(nonce) => (AuthLevel::CLCRED, nonce),
                        Record::ServerNonce(nonce) => (AuthLevel::SRVCRED, nonce),
                        _ => {
                            session.handle_persisted(now, seq);
                            continue;
                        }
                    };
                    if DmAccount::store_nonce(&mut self.tree, &self.account, &level, nonce).is_ok() {
                        session.handle_persisted(now, seq);
                    }
                }
                ClientOutput::Closed(end) => return end,
                ClientOutput::Wait(Some(at)) => {
                    clock.sleep_until(at).await;
                    session.handle_tick(clock.now());
                }
                ClientOutput::Wait(None) => return ClientEnd::BadAnswer,
                _ => {}
            }
        }
    }
}
