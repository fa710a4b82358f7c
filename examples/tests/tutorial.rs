//! `docs/tutorial.md`, typed as it stands, by somebody with several terminals. Only the ports are others: those of the text may be taken.
//!
//! A block `console NAME` is what happens in the terminal of that name: after `$ ` a command, `^C` and `^\` for these keys, and else a line of what
//! is printed, in which `…` stands for anything. The terminal `operator` waits for each command; in the others a command goes on, and the next block
//! comes when the lines have been printed. Blocks without a name are for people.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real programs have real time")]

use std::collections::HashMap;
use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// The terminal whose commands end.
const OPERATOR: &str = "operator";

/// What stands in one block.
struct Block {
    terminal: String,
    lines: Vec<String>,
}

/// One command, and the lines that it prints.
struct Step<'a> {
    command: &'a str,
    printed: Vec<&'a str>,
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut lines = markdown.lines();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let content = lines.by_ref().take_while(|line| *line != "```").map(str::to_owned).collect();
        if let Some(terminal) = language.strip_prefix("console ") {
            blocks.push(Block { terminal: terminal.into(), lines: content });
        }
    }
    blocks
}

fn steps(lines: &[String]) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for line in lines {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command, printed: Vec::new() });
        } else if line.starts_with('^') {
            steps.push(Step { command: line, printed: Vec::new() });
        } else {
            steps.last_mut().expect("a block begins with a command").printed.push(line);
        }
    }
    steps
}

/// Whether the lines are among those printed, in their order; blanks count once.
fn has_printed(output: &str, expected: &[&str]) -> bool {
    let mut output = output.lines();
    expected.iter().all(|expected| output.any(|line| is_like(line, expected)))
}

fn is_like(line: &str, expected: &str) -> bool {
    let one_blank = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (line, expected) = (one_blank(line), one_blank(expected));
    let mut rest = line.as_str();
    let mut parts = expected.split('…');
    let Some(after) = rest.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    rest = after;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = if part.is_empty() { "" } else { &rest[at + part.len()..] };
    }
    rest.is_empty()
}

/// Whoever types.
struct Desk {
    folder: PathBuf,
    path: String,
    /// The ports of the text, and those that are used.
    ports: Vec<(&'static str, String)>,
    running: HashMap<String, (Child, PathBuf)>,
}

impl Desk {
    fn new(folder: &Path) -> Self {
        let programs = Path::new(env!("CARGO_BIN_EXE_dm-server")).parent().expect("a folder");
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
        // All are taken before any is given back, so that no two are the same.
        let tcp = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let number =
            |address: std::io::Result<std::net::SocketAddr>| address.expect("bound").port().to_string();
        let mut ports: Vec<_> = ["8443", "8444", "8453", "8454"]
            .into_iter()
            .zip(tcp.iter().map(|tcp| number(tcp.local_addr())))
            .collect();
        ports.push(("2948", number(udp.local_addr())));
        Self { folder: folder.into(), path, ports, running: HashMap::new() }
    }

    /// The text with our ports.
    fn with_ports(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (theirs, ours) in &self.ports {
            text = text.replace(&format!(":{theirs}"), &format!(":{ours}"));
        }
        let at = |port: usize| format!("127.0.0.1:{}", self.ports[port].1);
        let server = format!("dm-server run --listen {} --operator {}", at(0), at(1));
        let gateway = format!("dm-gateway run --listen {} --operator {} --datagrams {}", at(2), at(3), at(4));
        text.replace("dm-server run", &server).replace("dm-gateway run", &gateway)
    }

    fn bash(&self, script: &str) -> Command {
        let mut bash = Command::new("bash");
        bash.args(["-c", script]).current_dir(&self.folder).env("PATH", &self.path).stdin(Stdio::null());
        bash
    }

    fn act(&mut self, terminal: &str, step: &Step<'_>) {
        let command = self.with_ports(step.command);
        let printed: Vec<_> = step.printed.iter().map(|line| self.with_ports(line)).collect();
        let printed: Vec<_> = printed.iter().map(String::as_str).collect();
        match step.command {
            "^C" => self.press(terminal, "INT"),
            // Programs that are started in the background may be deaf to QUIT.
            "^\\" => self.press(terminal, "KILL"),
            _ if terminal == OPERATOR => {
                let output = self
                    .bash(&format!("set -o pipefail; {{ {command}; }} 2>&1"))
                    .output()
                    .expect("bash is there");
                let text = String::from_utf8_lossy(&output.stdout);
                assert!(output.status.success(), "{command}: {}\n{text}\n{}", output.status, self.logs());
                assert!(
                    has_printed(&text, &printed),
                    "{command} printed\n{text}\nand not {printed:#?}\n{}",
                    self.logs()
                );
            }
            _ => {
                let log = self.folder.join(format!("{terminal}.log"));
                let file = File::create(&log).expect("a log");
                let mut bash = self.bash(&format!("exec {command}"));
                let child = bash
                    .stdout(file.try_clone().expect("a log"))
                    .stderr(file)
                    .spawn()
                    .expect("bash is there");
                self.running.insert(terminal.into(), (child, log));
                self.wait_for(terminal, &printed);
            }
        }
    }

    fn wait_for(&mut self, terminal: &str, printed: &[&str]) {
        let began = Instant::now();
        loop {
            let (child, log) = self.running.get_mut(terminal).expect("it was started");
            let text = fs::read_to_string(log).expect("a log");
            if has_printed(&text, printed) {
                return;
            }
            let end = child.try_wait().expect("a child");
            assert!(
                end.is_none() && began.elapsed() < PATIENCE,
                "{terminal} ({end:?}) has not printed {printed:#?} but\n{text}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&mut self, terminal: &str, signal: &str) {
        let (mut child, _) = self.running.remove(terminal).expect("something runs there");
        let sent = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(sent.success());
        child.wait().expect("it ends");
    }

    /// What the programs have said so far.
    fn logs(&self) -> String {
        let logs = self
            .running
            .iter()
            .map(|(name, (_, log))| format!("---- {name}\n{}", fs::read_to_string(log).unwrap_or_default()));
        logs.collect()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for (child, _) in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn the_tutorial_does_what_it_says() {
    let text = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/tutorial.md");
    let blocks = blocks(&fs::read_to_string(text).expect("the tutorial"));
    assert!(blocks.len() > 10, "the tutorial has {} blocks", blocks.len());
    let folder = tempfile::tempdir().expect("a folder");
    let mut desk = Desk::new(folder.path());
    for block in &blocks {
        for step in steps(&block.lines) {
            desk.act(&block.terminal, &step);
        }
    }
}

#[test]
fn lines_are_compared_as_people_do() {
    assert!(is_like("1   a    b", "1 a b"));
    assert!(is_like("image x: ready, at https://a/b", "image x: ready, at …"));
    assert!(is_like("a 1 b 2 c", "a … b … c"));
    assert!(!is_like("a 1 b 2 c d", "a … b … c"));
    assert!(!is_like("3 devices: 2 ok, 1 failed", "3 devices: 3 ok"));
    assert!(has_printed("x\na\ny\nb", &["a", "b"]));
    assert!(!has_printed("b\na", &["a", "b"]));
}
