//! Octets that are not what was asked for.

use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};

use super::daemon::{DM_DEVICE, DM_GATEWAY, DM_SERVER, device_flags, wait_for};
use super::served::{Served, exchange, until_closed};

const LIMITS: &str = "[limits]\nbody = 65536\nhead = 3\nrequest = 10\n";

/// What is sent, and with what an answer may begin: often there is none.
fn requests() -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    let header = |name: &str| {
        format!(
            "POST /dm HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.syncml.dm+wbxml\r\n{name}\r\n\r\n"
        )
    };
    vec![
        ("noise", (0..=255).cycle().take(10_000).collect(), &["HTTP/1.1 400"]),
        ("zeroes", vec![0; 4096], &["HTTP/1.1 400"]),
        (
            "TLS where there is none",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03".repeat(50),
            &["HTTP/1.1 400"],
        ),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &["HTTP/1.1 400", "HTTP/1.1 505"]),
        ("another protocol", b"EHLO example.com\r\n".to_vec(), &["HTTP/1.1 400"]),
        ("a head without end", [&b"GET /"[..], &vec![b'a'; 1 << 20]].concat(), &["HTTP/1.1 4"]),
        (
            "very many fields",
            format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(10_000)).into_bytes(),
            &["HTTP/1.1 4"],
        ),
        ("a length below zero", header("Content-Length: -1").into_bytes(), &["HTTP/1.1 400"]),
        ("two lengths", header("Content-Length: 1\r\nContent-Length: 2").into_bytes(), &["HTTP/1.1 400"]),
        (
            "a length and none",
            (header("Content-Length: 4\r\nTransfer-Encoding: chunked") + "0\r\n\r\nGET /").into_bytes(),
            &["HTTP/1.1 4"],
        ),
        (
            "chunks that are none",
            (header("Transfer-Encoding: chunked") + "zz\r\nabc\r\n").into_bytes(),
            &["HTTP/1.1 4"],
        ),
        ("a way out", b"GET /../../../../etc/passwd HTTP/1.0\r\n\r\n".to_vec(), &["HTTP/1.0 4"]),
        (
            "a way out of the images",
            b"GET /dm/images/..%2F..%2Foperator.token HTTP/1.0\r\n\r\n".to_vec(),
            &["HTTP/1.0 4"],
        ),
        ("an unknown method", b"BREW /dm HTTP/1.0\r\n\r\n".to_vec(), &["HTTP/1.0 4"]),
        ("half a head", b"POST /dm HTTP/1.1\r\nHos".to_vec(), &["HTTP/1.1 408"]),
    ]
}

#[test]
fn garbage_is_answered_or_cut_off_and_others_do_not_notice() {
    for program in [DM_SERVER, DM_GATEWAY] {
        let served = Served::plain(program, LIMITS);
        for socket in ["devices", "operator"] {
            for (what, octets, answers) in requests() {
                let answer = exchange(served.daemon.socket(socket), &octets);
                let text = String::from_utf8_lossy(&answer);
                let is_clear =
                    answer.is_empty() || answers.iter().any(|beginning| text.starts_with(beginning));
                assert!(is_clear, "{what} at {socket} of {program}: {text}");
                assert!(!text.contains("root:"), "{what}: {text}");
            }
        }
        served.assert_serves();
    }
}

#[test]
fn a_flood_is_not_taken_in() {
    for program in [DM_SERVER, DM_GATEWAY] {
        let served = Served::plain(program, LIMITS);
        let before = served.daemon.peak_memory();
        let head = |length: &str| {
            format!(
                "POST /dm HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.syncml.dm+wbxml\r\n{length}\r\n\r\n"
            )
        };
        // Said to be large, it is refused before it comes.
        let answer =
            exchange(served.daemon.socket("devices"), head("Content-Length: 1000000000000").as_bytes());
        assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
        // Not said to be, it is cut off when it is.
        let mut stream = TcpStream::connect(served.daemon.socket("devices")).unwrap();
        stream.set_write_timeout(Some(super::daemon::PATIENCE)).unwrap();
        stream.set_read_timeout(Some(super::daemon::PATIENCE)).unwrap();
        stream.write_all(head("Transfer-Encoding: chunked").as_bytes()).unwrap();
        let piece = [&b"10000\r\n"[..], &vec![7; 1 << 16], b"\r\n"].concat();
        let mut sent = 0;
        while sent < 1 << 30 && stream.write_all(&piece).is_ok() {
            sent += piece.len();
        }
        assert!(sent < 256 << 20, "{sent} octets were listened to");
        let answer = until_closed(&mut stream);
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 413"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        served.assert_serves();
        let more = served.daemon.peak_memory().saturating_sub(before);
        assert!(more < 64 << 20, "{program} has taken {more} octets");
    }
}

#[test]
fn datagrams_of_all_kinds_are_dropped() {
    let served = Served::plain(DM_GATEWAY, "");
    let state = served.folder.path().join("listening.redb");
    // Another device than the one that is served: two with one identity would take each other's sessions.
    let account = served.daemon.add_device("urn:uuid:shouted-at", &[]);
    let flags = device_flags(&account, &state);
    let mut device = std::process::Command::new(DM_DEVICE);
    // A port that is free now.
    let at = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut device = device
        .args(flags)
        .args(["--listen", &at, "--poll", "1"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the device", || state.exists().then_some(()));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    for to in [served.daemon.at("datagrams"), &at] {
        for length in [0, 1, 15, 16, 17, 23, 24, 100, 1_000, 9_000, 60_000] {
            for _ in 0..20 {
                let octets: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
                // A device may not listen yet.
                let _ = socket.send_to(&octets, to);
            }
        }
    }
    served.assert_serves();
    assert_eq!(device.try_wait().unwrap(), None, "the device is still there");
    wait_for("a session of the device that was shouted at", || {
        let status = served.daemon.json(&["status"]);
        (status["inventory"]["attached"] == 2).then_some(())
    });
    device.kill().unwrap();
    device.wait().unwrap();
}
