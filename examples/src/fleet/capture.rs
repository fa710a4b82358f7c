//! A capture file of what was sent, for Wireshark and its kin: pcap, packets of IPv4 without a link layer.
//!
//! What the programs say to each other is taken between them, in clear. The packets around it are made up here: each party has an address of its
//! own, and each connection a handshake, numbers and an end as TCP has them (RFC 9293). Times are those at which the octets came by.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `LINKTYPE_RAW`: packets begin with the header of IP.
const LINK_TYPE: u32 = 101;
/// The most octets of a TCP segment (RFC 9293 §3.7.1), and of a packet.
const SEGMENT: usize = 1_460;
const MAX_PACKET: u32 = 65_535;

const TCP: u8 = 6;
const UDP: u8 = 17;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// Which of the two that share a connection sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum From {
    /// The one that opened it.
    Client,
    /// The other one.
    Server,
}

impl From {
    const fn index(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A connection in a capture.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    ends: [SocketAddrV4; 2],
    /// The number of the next octet of each.
    next: [u32; 2],
    is_closed: [bool; 2],
}

/// A capture file that is being written.
#[derive(Debug)]
pub(super) struct Capture {
    out: BufWriter<File>,
    addresses: HashMap<String, Ipv4Addr>,
    next_port: u16,
    packets: u16,
    /// When the last packet was sent: the clock of the wall may step back, a capture does not.
    last: Duration,
}

impl Capture {
    /// Begins a file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut out = BufWriter::new(File::create(path)?);
        // Magic number for microseconds, version 2.4, time zone, accuracy, longest packet, kind of link.
        for word in [0xA1B2_C3D4, 0x0004_0002, 0, 0, MAX_PACKET, LINK_TYPE] {
            out.write_all(&u32::to_le_bytes(word))?;
        }
        let addresses = HashMap::new();
        Ok(Self { out, addresses, next_port: 49_152, packets: 0, last: Duration::ZERO })
    }

    /// The address of a party: programs are in 10.0.0.0/24, devices in 10.1.0.0/16, in the order in which they are first heard of.
    pub(super) fn address(&mut self, name: &str) -> Ipv4Addr {
        let is_device = |name: &str| name.starts_with("device");
        let among = self.addresses.keys().filter(|known| is_device(known) == is_device(name)).count();
        let [high, low] = u16::try_from(among + 1).unwrap_or(u16::MAX).to_be_bytes();
        let fresh = Ipv4Addr::new(10, u8::from(is_device(name)), high, low);
        *self.addresses.entry(name.to_owned()).or_insert(fresh)
    }

    /// A connection is opened.
    pub(super) fn open(&mut self, client: &str, server: &str, port: u16) -> io::Result<Connection> {
        let from = SocketAddrV4::new(self.address(client), self.ephemeral());
        let to = SocketAddrV4::new(self.address(server), port);
        // Numbers begin somewhere; Wireshark shows them from 0 on.
        let seed = u32::from(from.port()) << 12;
        let mut connection = Connection { ends: [from, to], next: [seed, !seed], is_closed: [false; 2] };
        let options = [2, 4, (SEGMENT >> 8) as u8, SEGMENT as u8];
        self.segment(&mut connection, From::Client, SYN, &options, &[])?;
        self.segment(&mut connection, From::Server, SYN | ACK, &options, &[])?;
        self.segment(&mut connection, From::Client, ACK, &[], &[])?;
        Ok(connection)
    }

    /// Octets go one way; the other side says that it has them.
    pub(super) fn send(&mut self, connection: &mut Connection, from: From, octets: &[u8]) -> io::Result<()> {
        for part in octets.chunks(SEGMENT) {
            self.segment(connection, from, PSH | ACK, &[], part)?;
            self.segment(connection, from.other(), ACK, &[], &[])?;
        }
        Ok(())
    }

    /// One side has nothing more to say.
    pub(super) fn close(&mut self, connection: &mut Connection, from: From) -> io::Result<()> {
        if connection.is_closed[from.index()] {
            return Ok(());
        }
        connection.is_closed[from.index()] = true;
        self.segment(connection, from, FIN | ACK, &[], &[])?;
        self.segment(connection, from.other(), ACK, &[], &[])
    }

    /// One side is gone, as when its process was killed.
    pub(super) fn reset(&mut self, connection: &mut Connection, from: From) -> io::Result<()> {
        if connection.is_closed == [true; 2] {
            return Ok(());
        }
        connection.is_closed = [true; 2];
        self.segment(connection, from, RST | ACK, &[], &[])
    }

    /// A datagram.
    pub(super) fn datagram(
        &mut self,
        (from, from_port): (&str, u16),
        (to, to_port): (&str, u16),
        octets: &[u8],
    ) -> io::Result<()> {
        let ends =
            [SocketAddrV4::new(self.address(from), from_port), SocketAddrV4::new(self.address(to), to_port)];
        let mut datagram = Vec::with_capacity(8 + octets.len());
        let length = u16::try_from(8 + octets.len()).unwrap_or(u16::MAX);
        for field in [from_port, to_port, length, 0] {
            datagram.extend(field.to_be_bytes());
        }
        datagram.extend(octets);
        // No sum at all is written as 0, so a sum of 0 is written as its other form (RFC 768).
        let sum = match checksum(&datagram, pseudo_header(ends, UDP, datagram.len())) {
            0 => u16::MAX,
            sum => sum,
        };
        datagram[6..8].copy_from_slice(&sum.to_be_bytes());
        self.packet(ends, UDP, &datagram)
    }

    /// A port for a client.
    const fn ephemeral(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = if port == u16::MAX { 49_152 } else { port + 1 };
        port
    }

    fn segment(
        &mut self,
        connection: &mut Connection,
        from: From,
        flags: u8,
        options: &[u8],
        octets: &[u8],
    ) -> io::Result<()> {
        let (own, other) = (from.index(), from.other().index());
        let ends = [connection.ends[own], connection.ends[other]];
        let acknowledged = if flags & ACK == 0 { 0 } else { connection.next[other] };
        let mut segment = Vec::with_capacity(20 + options.len() + octets.len());
        segment.extend(ends[0].port().to_be_bytes());
        segment.extend(ends[1].port().to_be_bytes());
        segment.extend(connection.next[own].to_be_bytes());
        segment.extend(acknowledged.to_be_bytes());
        let words = (20 + options.len()) / 4;
        segment.extend([(words << 4) as u8, flags]);
        segment.extend([0xFF, 0xFF, 0, 0, 0, 0]);
        segment.extend(options);
        segment.extend(octets);
        let sum = checksum(&segment, pseudo_header(ends, TCP, segment.len()));
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        let counted = octets.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        connection.next[own] = connection.next[own].wrapping_add(counted);
        self.packet(ends, TCP, &segment)
    }

    fn packet(&mut self, [from, to]: [SocketAddrV4; 2], protocol: u8, payload: &[u8]) -> io::Result<()> {
        self.packets = self.packets.wrapping_add(1);
        let length = u16::try_from(20 + payload.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a packet is too long"))?;
        let mut header = [0_u8; 20];
        header[0] = 0x45;
        header[2..4].copy_from_slice(&length.to_be_bytes());
        header[4..6].copy_from_slice(&self.packets.to_be_bytes());
        header[6] = 0x40; // not to be fragmented
        header[8] = 64;
        header[9] = protocol;
        header[12..16].copy_from_slice(&from.ip().octets());
        header[16..20].copy_from_slice(&to.ip().octets());
        let sum = checksum(&header, 0);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last = self.last.max(now);
        let length = u32::from(length);
        for word in [self.last.as_secs() as u32, self.last.subsec_micros(), length, length] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(&header)?;
        self.out.write_all(payload)
    }

    /// Everything is in the file.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The part of the sum that covers addresses, protocol and length (RFC 9293 §3.1).
fn pseudo_header([from, to]: [SocketAddrV4; 2], protocol: u8, length: usize) -> u32 {
    let [a, b, c, d] = from.ip().octets();
    let [e, f, g, h] = to.ip().octets();
    let words = [[a, b], [c, d], [e, f], [g, h]].map(|word| u32::from(u16::from_be_bytes(word)));
    words.iter().sum::<u32>() + u32::from(protocol) + length as u32
}

/// The Internet checksum (RFC 1071).
fn checksum(octets: &[u8], begin: u32) -> u16 {
    let words =
        octets.chunks(2).map(|word| u32::from(word[0]) << 8 | word.get(1).copied().map_or(0, u32::from));
    let mut sum = words.fold(begin, |sum, word| sum + word);
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The packets of a file: header and payload, without the file's own headers.
    fn packets(path: &Path) -> Vec<Vec<u8>> {
        let octets = std::fs::read(path).unwrap();
        let word = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap()) as usize;
        let (mut at, mut packets) = (24, Vec::new());
        while at < octets.len() {
            let length = word(at + 8);
            packets.push(octets[at + 16..at + 16 + length].to_vec());
            at += 16 + length;
        }
        packets
    }

    #[test]
    fn sums_are_those_of_the_standard() {
        // RFC 1071 §3.
        assert_eq!(checksum(&[0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7], 0), !0xDDF2);
        assert_eq!(checksum(&[], 0), 0xFFFF);
        assert_eq!(checksum(&[0xFF], 0), !0xFF00);
    }

    #[test]
    fn a_connection_counts_every_octet_and_ends_on_both_sides() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pcap");
        let mut capture = Capture::create(&path).unwrap();
        let mut connection = capture.open("device-0001", "gateway", 80).unwrap();
        capture.send(&mut connection, From::Client, &[7; 3_000]).unwrap();
        capture.send(&mut connection, From::Server, b"ok").unwrap();
        capture.close(&mut connection, From::Client).unwrap();
        capture.close(&mut connection, From::Client).unwrap();
        capture.close(&mut connection, From::Server).unwrap();
        capture.datagram(("gateway", 2_948), ("device-0001", 2_948), b"odd").unwrap();
        capture.finish().unwrap();
        let packets = packets(&path);
        // Three to open, three segments and one each acknowledged, two ends acknowledged, a datagram.
        assert_eq!(packets.len(), 3 + 6 + 2 + 4 + 1);
        let mut next: HashMap<[u8; 4], u32> = HashMap::new();
        for packet in &packets {
            assert_eq!(checksum(&packet[..20], 0), 0, "the sum of a header with its sum is nothing");
            assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), packet.len());
            let ends = [12, 16].map(|at| {
                let octets: [u8; 4] = packet[at..at + 4].try_into().unwrap();
                SocketAddrV4::new(octets.into(), 0)
            });
            let payload = &packet[20..];
            assert_eq!(checksum(payload, pseudo_header(ends, packet[9], payload.len())), 0);
            if packet[9] == TCP {
                let number = u32::from_be_bytes(payload[4..8].try_into().unwrap());
                let data = payload.len() - usize::from(payload[12] >> 4) * 4;
                let counted = data as u32 + u32::from(payload[13] & (SYN | FIN) != 0);
                let own = next.entry(packet[12..16].try_into().unwrap()).or_insert(number);
                assert_eq!(*own, number);
                *own = number.wrapping_add(counted);
            }
        }
        assert_eq!(packets[0][12..20], [10, 1, 0, 1, 10, 0, 0, 1]);
    }
}
