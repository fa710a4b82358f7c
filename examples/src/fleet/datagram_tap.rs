//! A tap on datagrams: it stands where a program is said to listen, and gives each peer a port of its own towards the program, as a router does.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dm_notification::Notification;
use dm_notification::push::Push;
use tokio::net::UdpSocket;
use tokio::task::{AbortHandle, JoinSet};

use super::recorder::{Recorder, name_of};

/// Ports of the capture: CoAP and pushes have theirs, announcements and notifications have one that nobody takes for something else.
pub(super) const COAP: u16 = 5_683;
const WAP_PUSH: u16 = 2_948;
const PLAIN: u16 = 49_000;

/// What is spoken behind a tap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Speech {
    /// Announcements of devices, and notifications.
    Notifications,
    /// CoAP; the peer is always the party of this name.
    Coap(&'static str),
}

/// A tap in front of one program.
pub(super) struct DatagramTap {
    /// Where it is reached.
    pub(super) front: SocketAddr,
    shared: Arc<Shared>,
    receiving: AbortHandle,
}

struct Shared {
    name: &'static str,
    speech: Speech,
    recorder: Recorder,
    front: UdpSocket,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    target: Option<SocketAddr>,
    /// How peers are called, by where they are.
    names: HashMap<SocketAddr, String>,
    /// How many notifications to a peer are lost before one gets there.
    losses: BTreeMap<String, u32>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name_at(&self, peer: SocketAddr, said: &[u8]) -> String {
        if let Speech::Coap(peer) = self.speech {
            return peer.into();
        }
        let mut state = self.state();
        if let Some(id) = announced(said) {
            state.names.insert(peer, name_of(&id));
        }
        // Whoever is no device is the server that wakes the gateway.
        state.names.get(&peer).cloned().unwrap_or_else(|| "server".into())
    }

    fn record(&self, from: &str, to: &str, octets: &[u8]) {
        let port = match self.speech {
            Speech::Coap(_) => COAP,
            Speech::Notifications if !is_notification(octets) && Push::decode(octets).is_ok() => WAP_PUSH,
            Speech::Notifications => PLAIN,
        };
        if self.speech == Speech::Notifications && is_notification(octets) {
            self.recorder.notification(from, to, octets);
        }
        let (own, other) = if port == COAP { (COAP, PLAIN) } else { (port, port) };
        let port_of = |party: &str| if party == self.name { own } else { other };
        self.recorder.datagram((from, port_of(from)), (to, port_of(to)), octets);
    }
}

/// Announcements and what belongs to them are text, which no digest is.
fn is_notification(octets: &[u8]) -> bool {
    let is_text = octets.iter().take(16).all(|octet| octet.is_ascii_graphic() || *octet == b' ');
    !is_text && Notification::decode(octets).is_ok()
}

/// The DevId that a device says in its announcement, whatever is around it.
fn announced(octets: &[u8]) -> Option<String> {
    const BEGIN: &[u8] = b"urn:uuid:";
    let at = octets.windows(BEGIN.len()).position(|window| window == BEGIN)?;
    let is_id = |octet: &&u8| octet.is_ascii_alphanumeric() || b":-".contains(octet);
    Some(octets[at..].iter().take_while(is_id).map(|octet| char::from(*octet)).collect())
}

impl DatagramTap {
    /// Opens it in front of the party `name`, which has still to be [aimed](Self::aim) at.
    ///
    /// # Errors
    /// There is no port left.
    pub(super) async fn open(name: &'static str, speech: Speech, recorder: Recorder) -> io::Result<Self> {
        let front = UdpSocket::bind("127.0.0.1:0").await?;
        let at = front.local_addr()?;
        let shared = Arc::new(Shared { name, speech, recorder, front, state: Mutex::default() });
        let receiving = tokio::spawn(receive(Arc::clone(&shared))).abort_handle();
        Ok(Self { front: at, shared, receiving })
    }

    /// Passes on to this address from now on, or to nobody.
    pub(super) fn aim(&self, target: Option<SocketAddr>) {
        self.shared.state().target = target;
    }

    /// A device is at this address.
    pub(super) fn name(&self, peer: SocketAddr, name: &str) {
        self.shared.state().names.insert(peer, name.to_owned());
    }

    /// Loses the next notification to a device, as networks do.
    pub(super) fn lose_one(&self, device: &str) {
        self.shared.state().losses.insert(device.to_owned(), 1);
    }
}

impl Drop for DatagramTap {
    fn drop(&mut self) {
        self.receiving.abort();
    }
}

async fn receive(shared: Arc<Shared>) {
    let mut ways: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut returning = JoinSet::new();
    let mut datagram = vec![0; 1 << 16];
    loop {
        // An error here is what became of a datagram sent before.
        let Ok((length, peer)) = shared.front.recv_from(&mut datagram).await else { continue };
        let octets = &datagram[..length];
        let target = shared.state().target;
        let name = shared.name_at(peer, octets);
        shared.record(&name, shared.name, octets);
        let Some(target) = target else { continue };
        let way = match ways.get(&peer) {
            Some(way) => Arc::clone(way),
            None => {
                let Ok(way) = UdpSocket::bind("127.0.0.1:0").await else { continue };
                let way = Arc::new(way);
                returning.spawn(bring_back(Arc::clone(&shared), Arc::clone(&way), peer));
                ways.insert(peer, Arc::clone(&way));
                way
            }
        };
        let _ = way.send_to(octets, target).await;
    }
}

/// What the program sends to a peer.
async fn bring_back(shared: Arc<Shared>, way: Arc<UdpSocket>, peer: SocketAddr) {
    let mut datagram = vec![0; 1 << 16];
    loop {
        let Ok((length, _)) = way.recv_from(&mut datagram).await else { continue };
        let octets = &datagram[..length];
        let name = shared.name_at(peer, &[]);
        shared.record(shared.name, &name, octets);
        let is_lost = is_notification(octets) && {
            let mut state = shared.state();
            let left = state.losses.get_mut(&name).filter(|left| **left > 0);
            left.map(|left| *left -= 1).is_some()
        };
        if !is_lost {
            let _ = shared.front.send_to(octets, peer).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use dm_notification::{Credential, ServerIdentifier, SessionId, Trigger};

    use super::*;

    #[test]
    fn an_announcement_tells_who_it_is() {
        assert_eq!(announced(b"urn:uuid:device-0001").as_deref(), Some("urn:uuid:device-0001"));
        assert_eq!(announced(b"\x01\x02urn:uuid:device-7\nmac=..").as_deref(), Some("urn:uuid:device-7"));
        assert_eq!(announced(b"welcome"), None);
    }

    #[tokio::test]
    async fn each_peer_has_its_own_way_and_one_datagram_is_lost() {
        let recorder = Recorder::new(None, None).unwrap();
        let tap = DatagramTap::open("gateway", Speech::Notifications, recorder).await.unwrap();
        let program = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        tap.aim(Some(program.local_addr().unwrap()));
        let device = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut datagram = [0; 100];
        device.send_to(b"urn:uuid:device-0001", tap.front).await.unwrap();
        let (length, way) = program.recv_from(&mut datagram).await.unwrap();
        assert_eq!(&datagram[..length], b"urn:uuid:device-0001");
        assert_ne!(way, device.local_addr().unwrap());
        tap.lose_one("device-0001");
        let server = ServerIdentifier::new("com.example.gateway").unwrap();
        let signed = |id: u16| {
            let trigger = Trigger::new(server, SessionId::new(id).unwrap());
            Notification::sign(trigger, &Credential::new(server, "secret"), b"nonce").to_vec()
        };
        for said in [b"welcome".to_vec(), signed(1), signed(2)] {
            program.send_to(&said, way).await.unwrap();
        }
        for heard in [b"welcome".to_vec(), signed(2)] {
            let (length, from) = device.recv_from(&mut datagram).await.unwrap();
            assert_eq!((&datagram[..length], from), (heard.as_slice(), tap.front));
        }
    }
}
