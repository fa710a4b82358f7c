//! The page when the program behind it does badly.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::chromium::Chromium;
use super::daemon::{DM_GATEWAY, Daemon, PATIENCE, wait_for};
use super::scene::{open, origin};

/// Posts to a program's API without its subcommands; the status of the answer.
pub(crate) fn post(daemon: &Daemon, path: &str, body: &str) -> u16 {
    let mut stream = request(
        daemon,
        &format!("POST {path}"),
        &format!(
            "Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    status(&mut stream)
}

fn request(daemon: &Daemon, line: &str, rest: &str) -> TcpStream {
    let mut stream = TcpStream::connect(daemon.socket("operator")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let token = daemon.token();
    write!(stream, "{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{rest}").unwrap();
    stream
}

fn status(stream: &mut TcpStream) -> u16 {
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    std::str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

fn shows(id: &str) -> String {
    format!("document.getElementById('devices').textContent.includes('{id}')")
}

#[test]
fn the_page_is_there_again_when_the_program_is() {
    let Some(mut browser) = Chromium::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut gateway =
        Daemon::start(DM_GATEWAY, &folder.path().join("gateway"), &["--plain-http", "--log", "warn"]);
    gateway.add_device("urn:uuid:before", &[]);
    open(&mut browser, &gateway);
    browser.wait_until(&shows("urn:uuid:before"));
    gateway.kill();
    browser.wait_until("document.getElementById('link').dataset.state === 'lost'");
    assert_eq!(browser.eval(&shows("urn:uuid:before")), true, "what was known last is still shown");
    // Who looks for something now is told nothing wrong.
    browser.eval("document.getElementById('search').value = 'x'; document.getElementById('search').dispatchEvent(new Event('input')); 0");
    browser.eval("new Promise((done) => setTimeout(done, 1000))");
    browser.eval("document.getElementById('search').value = ''; 0");
    let lost: Vec<_> = browser.problems.iter().filter(|problem| problem.starts_with("exception")).collect();
    assert!(lost.is_empty(), "{lost:?}");
    gateway.start_again();
    gateway.add_device("urn:uuid:after", &[]);
    browser.wait_until("document.getElementById('link').dataset.state === 'live'");
    browser.wait_until(&shows("urn:uuid:after"));
}

#[test]
fn when_too_many_listen_the_page_waits_for_its_turn() {
    let Some(mut browser) = Chromium::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let gateway =
        Daemon::start(DM_GATEWAY, &folder.path().join("gateway"), &["--plain-http", "--log", "warn"]);
    gateway.add_device("urn:uuid:before", &[]);
    let mut listeners = Vec::new();
    let refused = loop {
        let mut stream = request(&gateway, "GET /api/events", "\r\n");
        match status(&mut stream) {
            200 => listeners.push(stream),
            status => break status,
        }
    };
    assert_eq!((refused, listeners.len()), (503, 64));
    let login = super::chromium::Login::Once("operator".into(), gateway.token());
    assert_eq!(browser.open(&format!("{}/", origin(&gateway)), login), Ok(200));
    browser.wait_until("document.getElementById('link').dataset.state === 'lost'");
    // Without events it still shows how things stand.
    browser.wait_until(&shows("urn:uuid:before"));
    drop(listeners);
    // A listener that is gone is noticed when it is told something.
    let mut number = 0;
    wait_for("a place to listen", || {
        number += 1;
        assert_eq!(post(&gateway, "/api/devices", &format!("{{\"id\":\"urn:uuid:{number}\"}}")), 201);
        (browser.eval("document.getElementById('link').dataset.state") == "live").then_some(())
    });
    let total = number + 1;
    browser.wait_until(&format!("document.querySelector('#summary dd').textContent === '{total}'"));
}
