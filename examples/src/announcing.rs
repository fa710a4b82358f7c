//! How a device tells a gateway that it is there, so that nobody can say so in its place.
//!
//! ```text
//! device  → gateway   DEVID
//! gateway → device    prove COOKIE SERVERID
//! device  → gateway   proof COOKIE CODE DEVID
//! gateway → device    welcome
//! ```
//!
//! The cookie is made of the address it is sent to and of the time, under a key of the gateway's own: the gateway keeps nothing for those who
//! do not answer, a proof is of use from that address only, and for half a minute at the most. The code is an HMAC-SHA-256 with the password
//! that the device shows to that server. It stands for whatever a real network has: DHCP, mDNS, the join of a radio.

use std::net::SocketAddr;
use std::time::Duration;

use dm_syncml::Instant;
use ring::hmac::{HMAC_SHA256, Key, sign, verify};

/// What a gateway says to whom it has let in.
pub const WELCOME: &[u8] = b"welcome";
/// How long a cookie is of use at least; at most it is twice that.
const WINDOW: Duration = Duration::from_secs(15);
/// Octets of a cookie, and of a code.
const COOKIE: usize = 16;
const CODE: usize = 32;
/// What the code is about, so that it is of use nowhere else.
const PURPOSE: &[u8] = b"dm-announcement-1";

/// A gateway asks for a proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Challenge<'a> {
    cookie: &'a str,
    /// Who it is to the device, as its server.
    pub server: &'a str,
}

impl<'a> Challenge<'a> {
    /// Reads one.
    #[must_use]
    pub fn read(datagram: &'a [u8]) -> Option<Self> {
        let (cookie, server) = std::str::from_utf8(datagram).ok()?.strip_prefix("prove ")?.split_once(' ')?;
        octets::<COOKIE>(cookie)?;
        Some(Self { cookie, server })
    }

    /// The answer of the device that has this password.
    #[must_use]
    pub fn answer(&self, device: &str, password: &[u8]) -> Vec<u8> {
        let code = sign(&Key::new(HMAC_SHA256, password), &stated(device, self.server, self.cookie));
        format!("proof {} {} {device}", self.cookie, hex(code.as_ref())).into_bytes()
    }
}

/// What a gateway hears of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard<'a> {
    /// It says that it is there.
    Hello(&'a str),
    /// It has an answer to a challenge.
    Proof(Proof<'a>),
}

/// An answer to a challenge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proof<'a> {
    cookie: &'a str,
    code: [u8; CODE],
    /// Who says so.
    pub device: &'a str,
}

impl<'a> Heard<'a> {
    /// Reads what it is, if it is text.
    #[must_use]
    pub fn read(datagram: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(datagram).ok()?;
        let Some(proof) = text.strip_prefix("proof ") else { return Some(Self::Hello(text.trim_end())) };
        let (cookie, rest) = proof.split_once(' ')?;
        let (code, device) = rest.split_once(' ')?;
        octets::<COOKIE>(cookie)?;
        Some(Self::Proof(Proof { cookie, code: octets(code)?, device }))
    }
}

/// A gateway's side.
#[derive(Debug)]
pub struct Cookies(Key);

impl Cookies {
    /// With a key that nobody else knows.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        Self(Key::new(HMAC_SHA256, &key))
    }

    fn cookie(&self, window: u128, from: SocketAddr) -> String {
        let cookie = sign(&self.0, format!("{window} {from}").as_bytes());
        hex(&cookie.as_ref()[..COOKIE])
    }

    /// What to say to who says hello from this address.
    #[must_use]
    pub fn challenge(&self, now: Instant, from: SocketAddr, server: &str) -> Vec<u8> {
        format!("prove {} {server}", self.cookie(window(now), from)).into_bytes()
    }

    /// Whether this is the answer to a challenge of late, by who has this password.
    #[must_use]
    pub fn holds(
        &self,
        now: Instant,
        from: SocketAddr,
        server: &str,
        proof: &Proof<'_>,
        password: &[u8],
    ) -> bool {
        let window = window(now);
        let is_own = [window, window.wrapping_sub(1)].iter().any(|window| {
            let cookie = self.cookie(*window, from);
            subtle::ConstantTimeEq::ct_eq(cookie.as_bytes(), proof.cookie.as_bytes()).into()
        });
        let stated = stated(proof.device, server, proof.cookie);
        is_own && verify(&Key::new(HMAC_SHA256, password), &stated, &proof.code).is_ok()
    }
}

const fn window(now: Instant) -> u128 {
    now.since_epoch().as_nanos() / WINDOW.as_nanos()
}

/// No two statements have the same octets: control characters are in none of the names.
fn stated(device: &str, server: &str, cookie: &str) -> Vec<u8> {
    [PURPOSE, device.as_bytes(), server.as_bytes(), cookie.as_bytes()].join(&0)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Exactly so many octets, in hex.
fn octets<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |octet: u8| match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        _ => None,
    };
    let text: &[u8] = text.as_bytes();
    let mut out = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (to, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *to = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: &str = "urn:uuid:lamp 1";
    const SERVER: &str = "gw.example";

    fn at(address: &str) -> SocketAddr {
        address.parse().expect("an address")
    }

    #[test]
    fn a_proof_is_of_use_once_from_there_and_by_that_device() {
        let (cookies, here) = (Cookies::new([1; 16]), at("10.0.0.1:5"));
        let second = |second: u64| Instant::from_millis(second * 1_000);
        let challenge = cookies.challenge(second(7), here, SERVER);
        let challenge = Challenge::read(&challenge).expect("a challenge");
        assert_eq!(challenge.server, SERVER);
        let answer = challenge.answer(DEVICE, b"password");
        let Some(Heard::Proof(proof)) = Heard::read(&answer) else { panic!("a proof") };
        assert_eq!(proof.device, DEVICE);
        let holds = |cookies: &Cookies, now, from, server: &str, proof: &Proof<'_>, password: &[u8]| {
            cookies.holds(second(now), from, server, proof, password)
        };
        assert!(holds(&cookies, 7, here, SERVER, &proof, b"password"));
        assert!(holds(&cookies, 22, here, SERVER, &proof, b"password"), "it takes a while");
        assert!(!holds(&cookies, 60, here, SERVER, &proof, b"password"), "recorded and sent again");
        assert!(!holds(&cookies, 7, at("10.0.0.2:5"), SERVER, &proof, b"password"), "from elsewhere");
        assert!(!holds(&cookies, 7, here, "other.example", &proof, b"password"), "to another gateway");
        assert!(!holds(&cookies, 7, here, SERVER, &proof, b"guess"));
        assert!(!holds(
            &cookies,
            7,
            here,
            SERVER,
            &Proof { device: "urn:uuid:lamp 2", ..proof },
            b"password"
        ));
        assert!(!holds(&Cookies::new([2; 16]), 7, here, SERVER, &proof, b"password"), "a cookie of its own");
    }

    #[test]
    fn what_comes_is_any_octets() {
        assert_eq!(Heard::read(b"urn:uuid:lamp\r\n"), Some(Heard::Hello("urn:uuid:lamp")));
        let cookie = "0".repeat(32);
        for wrong in [
            "proof ".to_owned(),
            format!("proof {cookie} 00 x"),
            format!("proof {cookie}"),
            format!("proof {} {} x", "0".repeat(31) + "\u{e9}", "0".repeat(64)),
        ] {
            assert_eq!(Heard::read(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Heard::read(&[0xFF]), None);
        for wrong in ["prove", "prove 00 x", "welcome", "prove  "] {
            assert_eq!(Challenge::read(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
