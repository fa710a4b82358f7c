//! curl posts recorded messages of other people's devices and servers to `dm-server`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use dm_syncml::{DecodeOptions, Encoding, Message};

use crate::is_here;

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it; where devices and the operator reach it.
fn start(state: &Path) -> (Server, String, String) {
    let config = state.join("dm-server.toml");
    std::fs::write(&config, "[limits]\nmessages-per-second = 1000.0\nburst = 1000\n").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_dm-server"))
        .arg("--state")
        .arg(state.join("state"))
        .arg("--config")
        .arg(&config)
        .args([
            "run",
            "--plain-http",
            "--listen",
            "127.0.0.1:0",
            "--operator",
            "127.0.0.1:0",
            "--log",
            "warn",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said = line.trim().strip_prefix("devices at ").unwrap_or_else(|| panic!("{line}"));
    let (devices, operator) = said.split_once(", operator at ").unwrap();
    (Server(child), devices.to_owned(), operator.to_owned())
}

/// What curl brings back: status, media type, body.
fn curl(arguments: &[&str], out: &Path) -> (u16, String, Vec<u8>) {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "60", "--write-out", "%{http_code} %{content_type}"])
        .arg("--output")
        .arg(out)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let (status, media_type) = said.split_once(' ').unwrap();
    (status.parse().unwrap(), media_type.to_owned(), std::fs::read(out).unwrap_or_default())
}

#[test]
fn recorded_messages_get_a_message_or_a_clear_refusal() {
    let Some(corpus) = std::env::var_os("DM_CORPUS") else { return };
    if !is_here("curl", "curl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_server, devices, operator) = start(folder.path());
    let out = folder.path().join("answer");
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    for (of, encoding) in [
        ("syncml-xml", Encoding::Xml),
        ("syncml-wbxml", Encoding::Wbxml),
        ("malformed", Encoding::Xml),
        ("malformed", Encoding::Wbxml),
    ] {
        for entry in std::fs::read_dir(Path::new(&corpus).join(of)).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_file() {
                continue;
            }
            let (kind, body) = (encoding.media_type(), path.display());
            let (kind, body) = (format!("Content-Type: {kind}"), format!("@{body}"));
            let (status, media_type, answer) =
                curl(&["--header", &kind, "--data-binary", &body, &devices], &out);
            *counts.entry(status).or_default() += 1;
            match status {
                200 => {
                    let encoding = Encoding::from_media_type(&media_type)
                        .unwrap_or_else(|| panic!("{}: {media_type}", path.display()));
                    let message = Message::decode(encoding, &answer, &DecodeOptions::new());
                    message.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                }
                400..=499 => {
                    let text = String::from_utf8_lossy(&answer);
                    assert!(
                        text.starts_with("error: ") && text.trim().len() > 10,
                        "{}: {text}",
                        path.display()
                    );
                }
                other => panic!("{}: {other}", path.display()),
            }
        }
    }
    assert!(counts.get(&200).copied().unwrap_or(0) > 0, "{counts:?}");
    println!("answers by status: {counts:?}");
    for socket in [devices.trim_end_matches("/dm"), &operator] {
        let (status, _, answer) = curl(&[&format!("{socket}/healthz")], &out);
        assert_eq!((status, answer.as_slice()), (200, &b"ok\n"[..]));
    }
}
