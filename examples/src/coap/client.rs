//! A CoAP client: one confirmable request at a time, sent again until it is acknowledged (RFC 7252 §4.2).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use coap_lite::{CoapOption, ContentFormat, MessageClass, MessageType, Packet, RequestType, ResponseType};
use tokio::net::UdpSocket;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

/// The largest datagram that is read: what RFC 7252 §4.6 lets a peer assume, and some more.
pub const MAX_DATAGRAM: usize = 2_048;

/// How long is waited for what (RFC 7252 §4.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// `ACK_TIMEOUT`: the first wait; each further one is twice as long. Up to half of it comes on top, at random.
    pub ack_timeout: Duration,
    /// `MAX_RETRANSMIT`: how often a request is sent again.
    pub max_retransmit: u32,
    /// How long the response may take after the request was acknowledged.
    pub separate_response: Duration,
}

impl Default for Timing {
    /// The values of RFC 7252 §4.8.
    fn default() -> Self {
        Self {
            ack_timeout: Duration::from_secs(2),
            max_retransmit: 4,
            separate_response: Duration::from_secs(60),
        }
    }
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum CoapError {
    /// The request cannot be said in one datagram.
    #[error("the request is too large for a datagram")]
    TooLarge,
    /// The socket fails.
    #[error("{0}")]
    Socket(#[from] io::Error),
    /// The peer has not heard of it, or does not say so.
    #[error("no answer")]
    NoAnswer,
    /// The peer wants none of it.
    #[error("the peer reset the exchange")]
    Reset,
}

/// What came back.
#[derive(Clone, PartialEq, Debug)]
pub struct Response {
    /// Its code: `0x45` is 2.05.
    pub code: u8,
    /// The number of its content format, if it says one.
    pub format: Option<ContentFormat>,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Response {
    /// The code as a type.
    #[must_use]
    pub fn kind(&self) -> ResponseType {
        match MessageClass::from(self.code) {
            MessageClass::Response(kind) => kind,
            _ => ResponseType::UnKnown,
        }
    }

    /// The code as people write it, without the dot: 4.04 is 404.
    #[must_use]
    pub const fn number(&self) -> u32 {
        (self.code >> 5) as u32 * 100 + (self.code & 0x1F) as u32
    }
}

/// Talks to one peer.
#[derive(Debug)]
pub struct CoapClient {
    timing: Timing,
    /// `NSTART` is 1: who holds this has the only exchange.
    exchange: Mutex<Exchange>,
}

#[derive(Debug)]
struct Exchange {
    socket: UdpSocket,
    next_id: u16,
}

impl CoapClient {
    /// A client of the device at this address.
    ///
    /// # Errors
    /// There is no socket.
    pub async fn connect(peer: SocketAddr, timing: Timing) -> io::Result<Self> {
        let any: SocketAddr = if peer.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(peer).await?;
        // A peer remembers numbers for minutes: those of a client that was there before must not come again.
        Ok(Self { timing, exchange: Mutex::new(Exchange { socket, next_id: fastrand::u16(..) }) })
    }

    /// Sends a request and brings back the response. It waits until the request before has ended.
    ///
    /// # Errors
    /// There is no response. A request without answer may have been carried out all the same.
    pub async fn request(
        &self,
        method: RequestType,
        path: &str,
        payload: Option<(ContentFormat, Vec<u8>)>,
    ) -> Result<Response, CoapError> {
        let mut exchange = self.exchange.lock().await;
        let id = exchange.next_id;
        exchange.next_id = id.wrapping_add(1);
        let token = fastrand::u64(..).to_be_bytes().to_vec();
        let mut packet = Packet::new();
        packet.header.set_version(1);
        packet.header.set_type(MessageType::Confirmable);
        packet.header.code = MessageClass::Request(method);
        packet.header.message_id = id;
        packet.set_token(token.clone());
        for segment in path.split('/') {
            packet.add_option(CoapOption::UriPath, segment.as_bytes().to_vec());
        }
        if let Some((format, octets)) = payload {
            packet.set_content_format(format);
            packet.payload = octets;
        }
        let datagram = packet.to_bytes().map_err(|_| CoapError::TooLarge)?;
        if datagram.len() > MAX_DATAGRAM {
            return Err(CoapError::TooLarge);
        }
        self.exchange(&exchange.socket, id, &token, &datagram).await
    }

    async fn exchange(
        &self,
        socket: &UdpSocket,
        id: u16,
        token: &[u8],
        datagram: &[u8],
    ) -> Result<Response, CoapError> {
        let mut wait = self.timing.ack_timeout.mul_f64(1.0 + fastrand::f64() / 2.0);
        let mut left = self.timing.max_retransmit;
        let mut is_acknowledged = false;
        let mut until = Instant::now() + wait;
        // A peer that is not there yet shows as an error of the socket; for UDP that is a loss like others.
        let _ = socket.send(datagram).await;
        let mut buffer = [0; MAX_DATAGRAM];
        loop {
            let Ok(received) = timeout_at(until, socket.recv(&mut buffer)).await else {
                if is_acknowledged || left == 0 {
                    return Err(CoapError::NoAnswer);
                }
                left -= 1;
                wait *= 2;
                until = Instant::now() + wait;
                let _ = socket.send(datagram).await;
                continue;
            };
            let Ok(length) = received else { continue };
            let Ok(packet) = Packet::from_bytes(&buffer[..length]) else { continue };
            let is_ours = packet.header.message_id == id;
            match (packet.header.get_type(), packet.header.code) {
                (MessageType::Reset, _) if is_ours => return Err(CoapError::Reset),
                (MessageType::Acknowledgement, MessageClass::Empty) if is_ours && !is_acknowledged => {
                    is_acknowledged = true;
                    until = Instant::now() + self.timing.separate_response;
                }
                (MessageType::Acknowledgement, MessageClass::Response(_))
                    if is_ours && packet.get_token() == token =>
                {
                    return Ok(response(packet));
                }
                (kind @ (MessageType::Confirmable | MessageType::NonConfirmable), code) => {
                    let answers = matches!(code, MessageClass::Response(_)) && packet.get_token() == token;
                    if kind == MessageType::Confirmable {
                        let reply = if answers { MessageType::Acknowledgement } else { MessageType::Reset };
                        let _ = socket.send(&empty(reply, packet.header.message_id)).await;
                    }
                    if answers {
                        return Ok(response(packet));
                    }
                }
                // Of an exchange that is over.
                _ => {}
            }
        }
    }
}

fn response(packet: Packet) -> Response {
    Response { code: packet.header.code.into(), format: packet.get_content_format(), payload: packet.payload }
}

/// A message without content: an acknowledgement or a reset.
pub(super) fn empty(kind: MessageType, id: u16) -> [u8; 4] {
    let kind = match kind {
        MessageType::Confirmable => 0,
        MessageType::NonConfirmable => 1,
        MessageType::Acknowledgement => 2,
        MessageType::Reset => 3,
    };
    let [high, low] = id.to_be_bytes();
    [0x40 | kind << 4, 0, high, low]
}
