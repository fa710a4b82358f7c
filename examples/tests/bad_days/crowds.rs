//! Peers that are slow, and peers that are many.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::daemon::{DM_GATEWAY, DM_SERVER, PATIENCE, wait_for};
use super::served::{Served, connect_from, until_closed};

const LIMITS: &str = "[limits]\nconnections = 8\nhead = 4\nrequest = 6\n";

/// Keeps connections of an address open as long as they let it, and counts how often they did not.
struct Crowd {
    stop: Arc<AtomicBool>,
    cut: Arc<AtomicU32>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Crowd {
    fn begin(
        served: &Served,
        from: &[[u8; 4]],
        each: usize,
        begin: &'static str,
        drip: &'static str,
    ) -> Self {
        let (stop, cut) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let one = |from: [u8; 4]| {
            let (stop, cut) = (Arc::clone(&stop), Arc::clone(&cut));
            let to = served.daemon.socket("devices").to_owned();
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let mut stream = connect_from(from, &to);
                    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
                    let _ = stream.write_all(begin.as_bytes());
                    while !stop.load(Ordering::Relaxed) {
                        let mut octet = [0];
                        let is_open = match stream.read(&mut octet) {
                            Ok(count) => count > 0,
                            Err(error) => matches!(
                                error.kind(),
                                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                            ),
                        };
                        if !is_open || stream.write_all(drip.as_bytes()).is_err() {
                            cut.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                    }
                }
            })
        };
        let threads = from.iter().flat_map(|from| vec![*from; each]).map(one).collect();
        Self { stop, cut, threads }
    }

    fn end(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.cut.load(Ordering::Relaxed)
    }
}

const HEAD: (&str, &str) = ("POST /dm HTTP/1.1\r\nHost: x\r\nX-Slow: ", "a");
const BODY: (&str, &str) = (
    "POST /dm HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.syncml.dm+wbxml\r\nContent-Length: 60000\r\n\r\n",
    "\u{2}",
);

#[test]
fn the_slow_are_not_waited_for() {
    for program in [DM_SERVER, DM_GATEWAY] {
        let served = Served::plain(program, LIMITS);
        // Fewer than there may be: they take their share and no more, and lose it after a while.
        let crowds = [([127, 0, 0, 2], HEAD), ([127, 0, 0, 3], BODY)]
            .map(|(from, (begin, drip))| Crowd::begin(&served, &[from], 3, begin, drip));
        served.assert_serves();
        for crowd in &crowds {
            wait_for("the end of their patience", || (crowd.cut.load(Ordering::Relaxed) >= 3).then_some(()));
        }
        served.assert_serves();
        crowds.into_iter().for_each(|crowd| assert!(crowd.end() >= 3));
    }
}

#[test]
fn one_address_cannot_take_every_connection() {
    for program in [DM_SERVER, DM_GATEWAY] {
        let served = Served::plain(program, "[limits]\nconnections = 8\nhead = 600\nrequest = 600\n");
        let mut all: Vec<TcpStream> =
            (0..12).map(|_| connect_from([127, 0, 0, 2], served.daemon.socket("devices"))).collect();
        // Whoever has half of them is given no more, however patient the program is.
        served.assert_serves();
        let closed = wait_for("those beyond their share", || {
            let is_closed = |stream: &mut TcpStream| {
                stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                match stream.read(&mut [0]) {
                    Ok(count) => count == 0,
                    Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
                }
            };
            let closed = all.iter_mut().filter_map(|stream| is_closed(stream).then_some(())).count();
            (closed >= 8).then_some(closed)
        });
        assert_eq!(closed, 8);
        served.assert_serves();
    }
}

#[test]
fn when_all_connections_are_taken_one_waits_for_ones_turn() {
    let from: Vec<[u8; 4]> = (2..=5).map(|last| [127, 0, 0, last]).collect();
    for program in [DM_SERVER, DM_GATEWAY] {
        let served = Served::plain(program, LIMITS);
        let crowd = Crowd::begin(&served, &from, 3, HEAD.0, HEAD.1);
        let output = served.session(&[]);
        assert_eq!(output.status.code(), Some(0), "{}", super::served::said(&output));
        assert!(crowd.end() > 0);
        served.assert_serves();
    }
}

#[test]
fn listeners_that_do_not_listen_hold_nobody_up() {
    for program in [DM_SERVER, DM_GATEWAY] {
        let served = Served::plain(program, "[limits]\nrequest = 5\n");
        let mut listeners = Vec::new();
        let refusal = loop {
            let mut stream = TcpStream::connect(served.daemon.socket("operator")).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let token = served.daemon.token();
            write!(stream, "GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n").unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).unwrap();
            match &head {
                b"HTTP/1.1 200" => listeners.push(stream),
                _ => break String::from_utf8_lossy(&until_closed(&mut stream)).into_owned(),
            }
            assert!(listeners.len() < 1_000);
        };
        assert!(refusal.contains("error: too many listeners"), "{refusal}");
        let before = served.daemon.peak_memory();
        // More than anybody keeps for them.
        for number in 0..1_500 {
            let device = format!("urn:uuid:{number}-{}", "x".repeat(150));
            let (status, said) = served.request("POST /api/devices", &format!("{{\"id\":\"{device}\"}}"));
            assert_eq!(status, 201, "{said}");
        }
        served.assert_serves();
        let more = served.daemon.peak_memory().saturating_sub(before);
        assert!(more < 128 << 20, "{program} has taken {more} octets");
        // Who listens again hears again.
        drop(listeners);
        wait_for("a place to listen", || {
            let mut stream = TcpStream::connect(served.daemon.socket("operator")).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let token = served.daemon.token();
            write!(stream, "GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n")
                .unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).unwrap();
            let id = format!("urn:uuid:{}", fastrand::u64(..));
            assert_eq!(served.request("POST /api/devices", &format!("{{\"id\":\"{id}\"}}")).0, 201);
            if head != *b"HTTP/1.1 200" {
                return None;
            }
            let mut heard = Vec::new();
            let mut piece = [0; 4096];
            while !String::from_utf8_lossy(&heard).contains("event: device") {
                match stream.read(&mut piece).unwrap() {
                    0 => panic!("cut off: {}", String::from_utf8_lossy(&heard)),
                    count => heard.extend(&piece[..count]),
                }
            }
            Some(())
        });
    }
}
