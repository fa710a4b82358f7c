//! Servers that answer with anything but what they should: to a device, and to a gateway.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use super::daemon::{DM_GATEWAY, DM_SERVER, PATIENCE, wait_for};
use super::served::{Served, said};

/// What comes instead of an answer; the rest of it again and again, as long as it is taken.
type Answer = (&'static str, Vec<u8>, Vec<u8>);

fn answers() -> Vec<Answer> {
    let head = |line: &str, fields: &str| format!("HTTP/1.1 {line}\r\n{fields}\r\n").into_bytes();
    let wbxml = "Content-Type: application/vnd.syncml.dm+wbxml\r\n";
    let short = |line: &str, fields: &str, body: &str| {
        [head(line, &format!("{fields}Content-Length: {}\r\n", body.len())), body.into()].concat()
    };
    let chunk = [&b"10000\r\n"[..], &[7; 1 << 16], b"\r\n"].concat();
    vec![
        ("nothing", Vec::new(), Vec::new()),
        ("noise", (0..=255).collect(), Vec::new()),
        ("a page", short("200 OK", "Content-Type: text/html\r\n", "<html>Log in, please</html>"), Vec::new()),
        ("no message", short("200 OK", wbxml, "\u{2}\u{0}\u{0}\u{6a}noise"), Vec::new()),
        ("an empty body", short("200 OK", wbxml, ""), Vec::new()),
        ("half a body", head("200 OK", &format!("{wbxml}Content-Length: 100\r\n")), Vec::new()),
        ("a failure", short("503 Service Unavailable", "Retry-After: 1\r\n", "oh"), Vec::new()),
        ("another place", short("302 Found", "Location: http://127.0.0.1:9/\r\n", ""), Vec::new()),
        (
            "a body said to be huge",
            head("200 OK", &format!("{wbxml}Content-Length: 1000000000000\r\n")),
            vec![0; 1 << 16],
        ),
        ("a body without end", head("200 OK", &format!("{wbxml}Transfer-Encoding: chunked\r\n")), chunk),
        ("a head without end", b"HTTP/1.1 200 OK\r\n".to_vec(), b"X-More: and more\r\n".repeat(1_000)),
    ]
}

/// Somebody else where the server should be.
struct Impostor {
    stop: Arc<AtomicBool>,
    /// Octets that were taken.
    sent: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    at: String,
    thread: Option<thread::JoinHandle<()>>,
}

impl Impostor {
    fn at(address: &str, (_, first, rest): &Answer) -> Self {
        let listener = wait_for("the server's place", || TcpListener::bind(address).ok());
        let (stop, sent, asked) = <(Arc<AtomicBool>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let shared = (Arc::clone(&stop), Arc::clone(&sent), Arc::clone(&asked));
        let (first, rest) = (first.clone(), rest.clone());
        let thread = thread::spawn(move || {
            let (stop, sent, asked) = shared;
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                asked.fetch_add(1, Ordering::Relaxed);
                let _ = answer(stream, &first, &rest, &sent);
            }
        });
        Self { stop, sent, asked, at: address.to_owned(), thread: Some(thread) }
    }
}

fn answer(mut stream: TcpStream, first: &[u8], rest: &[u8], sent: &AtomicUsize) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // A request fits.
    let _ = stream.read(&mut [0; 1 << 16])?;
    stream.write_all(first)?;
    while !rest.is_empty() {
        stream.write_all(rest)?;
        if sent.fetch_add(rest.len(), Ordering::Relaxed) > 1 << 30 {
            break;
        }
    }
    Ok(())
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.at);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn a_device_is_not_led_astray_by_who_answers_in_place_of_its_server() {
    let mut served = Served::plain(DM_SERVER, "");
    served.assert_serves();
    let address = served.daemon.socket("devices").to_owned();
    assert!(served.daemon.stop().success());
    for case in answers() {
        let impostor = Impostor::at(&address, &case);
        let output = served.session(&["--answer-timeout", "100"]);
        let (what, text) = (case.0, said(&output));
        assert_eq!(output.status.code(), Some(1), "{what}: {text}");
        let events: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let named = |name: &str| events.iter().any(|event| event["event"] == name);
        assert!(named("no-answer") && named("session-ended") && !text.contains("panicked"), "{what}: {text}");
        let asked = impostor.asked.load(Ordering::Relaxed);
        assert!((1..=8).contains(&asked), "{what}: asked {asked} times");
        let sent = impostor.sent.load(Ordering::Relaxed);
        assert!(sent < 256 << 20, "{what}: {sent} octets were listened to");
    }
    served.daemon.start_again();
    served.assert_serves();
}

#[test]
fn a_gateway_serves_its_devices_whatever_answers_in_place_of_its_server() {
    let mut server = Served::plain(DM_SERVER, "");
    let gateway = Served::plain(DM_GATEWAY, "poll = 1\n");
    let account = server.daemon.add_device("urn:uuid:gateway-1", &["--class", "gateway"]);
    let file = gateway.folder.path().join("gateway.json");
    std::fs::write(&file, account.to_string()).unwrap();
    let (code, text) = gateway.daemon.ask(&["server", "add", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    let summary = ["gateway", "summary", "urn:uuid:gateway-1", "--wait", "60"];
    assert_eq!(server.daemon.json(&summary)["total"], 1);
    let address = server.daemon.socket("devices").to_owned();
    assert!(server.daemon.stop().success());
    // It leaves a server that does badly more and more time, so these are some of them.
    let some = ["noise", "no message", "another place", "a body without end"];
    for case in answers().into_iter().filter(|(what, ..)| some.contains(what)) {
        let impostor = Impostor::at(&address, &case);
        wait_for("the gateway to ask", || (impostor.asked.load(Ordering::Relaxed) > 0).then_some(()));
        gateway.assert_serves();
    }
    let memory = gateway.daemon.peak_memory();
    assert!(memory < 256 << 20, "{memory} octets");
    server.daemon.start_again();
    assert_eq!(server.daemon.json(&summary)["total"], 1, "it goes on when the server is itself again");
}
