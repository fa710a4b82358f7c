//! What was kept, and is not what it was; and two who want it at the same time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use dm_examples::store::{Batch, Format, Kind, Store};
use serde_json::Value;

use super::daemon::{DM_DEVICE, DM_GATEWAY, DM_SERVER, wait_for};
use super::served::{Served, said};

/// A program that is not running, and what it has kept.
struct Kept {
    served: Served,
    program: &'static str,
    store: PathBuf,
}

impl Kept {
    fn all() -> [Self; 3] {
        [DM_SERVER, DM_GATEWAY, DM_DEVICE].map(|program| {
            // A device has kept something when it has been served by somebody.
            let mut served = Served::plain(if program == DM_DEVICE { DM_SERVER } else { program }, "");
            served.assert_serves();
            let store = match program {
                DM_DEVICE => served.folder.path().join("device.redb"),
                DM_SERVER => served.daemon.state.join("store.redb"),
                _ => served.daemon.state.join("gateway.redb"),
            };
            if program != DM_DEVICE {
                served.daemon.set("--log", "off");
                assert!(served.daemon.stop().success());
            }
            Self { served, program, store }
        })
    }

    fn command(&self) -> Command {
        if self.program == DM_DEVICE {
            let mut command = Command::new(DM_DEVICE);
            command.arg("--state").arg(&self.store).args(["--once", "--json"]);
            return command;
        }
        self.served.daemon.command()
    }

    /// Starts it where it should not start: what it says.
    fn refusal(&self) -> String {
        let output = output(self.command());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{}: {said}", self.program);
        assert_eq!(said.lines().count(), 1, "{}: one line that says it: {said}", self.program);
        assert!(said.starts_with("error: "), "{}: {said}", self.program);
        said
    }

    /// It runs with what was kept, and everything is there.
    fn assert_goes_on(&mut self) {
        if self.program != DM_DEVICE {
            self.served.daemon.start_again();
            assert_eq!(self.served.daemon.json(&["status"])["inventory"]["total"], 1);
        }
        self.served.assert_serves();
        if self.program != DM_DEVICE {
            assert!(self.served.daemon.stop().success());
        }
    }
}

/// Runs a program that ends by itself.
fn output(mut command: Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.wait_with_output().unwrap()
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn a_damaged_store_is_named_and_left_alone() {
    for mut kept in Kept::all() {
        let whole = fs::read(&kept.store).unwrap();
        let with = |change: fn(&mut Vec<u8>)| {
            let mut octets = whole.clone();
            change(&mut octets);
            octets
        };
        for (what, octets) in [
            ("nothing", Vec::new()),
            ("half of it", with(|octets| octets.truncate(octets.len() / 2))),
            ("its first octet", with(|octets| octets.truncate(1))),
            ("a head of noise", with(|octets| octets[..512].fill(0x55))),
            ("another program's file", b"SQLite format 3\0".repeat(1_000)),
            ("a letter", b"Dear aunt, ".to_vec()),
        ] {
            fs::write(&kept.store, &octets).unwrap();
            let said = kept.refusal();
            assert!(said.contains(name(&kept.store)) && said.contains("put back a copy"), "{what}: {said}");
            assert!(fs::read(&kept.store).unwrap() == octets, "{what}: it was changed");
        }
        fs::write(&kept.store, &whole).unwrap();
        kept.assert_goes_on();
        // Bits that fell over are found, or were not in use.
        let whole = fs::read(&kept.store).unwrap();
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..4 {
            let mut octets = whole.clone();
            for _ in 0..40 {
                let place = random.usize(..octets.len());
                octets[place] ^= 1 << random.u8(..8);
            }
            fs::write(&kept.store, &octets).unwrap();
            if kept.program == DM_DEVICE {
                let output = output(kept.command());
                let said = said(&output);
                assert!(output.status.success() || said.contains("put back a copy"), "{said}");
                assert!(!said.contains("panicked"), "{said}");
            } else {
                let mut child = kept.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
                let running = kept.served.daemon.state.join("running.json");
                let runs = wait_for("a start or a refusal", || {
                    let ended = child.try_wait().unwrap();
                    ended.map(|status| status.code()).or_else(|| running.exists().then_some(None))
                });
                let _ = child.kill();
                let said = said(&child.wait_with_output().unwrap());
                assert!(
                    runs.is_none() || (runs == Some(2) && said.contains("put back a copy")),
                    "{runs:?} {said}"
                );
                assert!(!said.contains("panicked"), "{said}");
                let _ = fs::remove_file(&running);
            }
        }
        fs::write(&kept.store, &whole).unwrap();
        kept.assert_goes_on();
    }
}

#[test]
fn the_store_of_another_program_or_version_is_not_touched() {
    let mut all = Kept::all();
    let stores = [0, 1, 2].map(|at| fs::read(&all[at].store).unwrap());
    for (at, kept) in all.iter().enumerate() {
        let other = &stores[(at + 1) % 3];
        fs::write(&kept.store, other).unwrap();
        let said = kept.refusal();
        assert!(said.contains("it is the store of dm-") && said.contains(", not of dm-"), "{said}");
        fs::write(&kept.store, &stores[at]).unwrap();
        // As a version to come would have it.
        let program = kept.program.rsplit('/').next().unwrap();
        let later: Format =
            serde_json::from_value(serde_json::json!({ "program": program, "version": 9_999 })).unwrap();
        let store = opened(&kept.store, &later);
        let mut batch = Batch::new();
        batch.put(Kind::new("format"), "format", &later).unwrap();
        store.write_blocking(batch).unwrap();
        drop(store);
        drop(opened(&kept.store, &later));
        let said = wait_for("the store to be let go of", || {
            let said = kept.refusal();
            (!said.contains("another program has it open")).then_some(said)
        });
        assert!(said.contains("a newer version of this program has written it"), "{said}");
        fs::write(&kept.store, &stores[at]).unwrap();
    }
    for kept in &mut all {
        kept.assert_goes_on();
    }
}

/// Once whoever had it open has let go of it.
fn opened(path: &Path, format: &Format) -> Store {
    wait_for("a store", || Store::open(path, format).ok())
}

#[test]
fn two_cannot_have_one_state() {
    for program in [DM_SERVER, DM_GATEWAY] {
        let served = Served::plain(program, "");
        served.assert_serves();
        let mut second = Command::new(program);
        let any = ["--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0", "--plain-http", "--log", "off"];
        second.arg("run").arg("--state").arg(&served.daemon.state).args(any);
        if program == DM_GATEWAY {
            second.args(["--datagrams", "127.0.0.1:0"]);
        }
        let output = output(second);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("another program has it open; stop that one first"), "{text}");
        // The first one is where it was, also for its subcommands.
        served.assert_serves();
    }
}

#[test]
fn of_two_that_start_at_once_one_has_the_state() {
    for program in [DM_SERVER, DM_GATEWAY] {
        for _ in 0..3 {
            let folder = tempfile::tempdir().unwrap();
            let start = || -> Child {
                let mut command = Command::new(program);
                let any =
                    ["--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0", "--plain-http", "--log", "off"];
                command.arg("run").arg("--state").arg(folder.path().join("state")).args(any);
                if program == DM_GATEWAY {
                    command.args(["--datagrams", "127.0.0.1:0"]);
                }
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
            };
            let mut both = [start(), start()];
            let ended = wait_for("the end of one", || {
                both.iter_mut().position(|child| child.try_wait().unwrap().is_some())
            });
            let running = folder.path().join("state/running.json");
            let at: Value =
                wait_for("the start of the other", || serde_json::from_slice(&fs::read(&running).ok()?).ok());
            let [first, second] = both;
            let (loser, mut winner) = if ended == 0 { (first, second) } else { (second, first) };
            let output = loser.wait_with_output().unwrap();
            let text = said(&output);
            assert_eq!((output.status.code(), winner.try_wait().unwrap()), (Some(2), None), "{text}");
            assert!(text.contains("another program has it open"), "{text}");
            let health = super::served::exchange(
                super::daemon::socket(at["devices"].as_str().unwrap()),
                b"GET /healthz HTTP/1.0\r\n\r\n",
            );
            assert!(health.starts_with(b"HTTP/1.0 200"));
            winner.kill().unwrap();
            winner.wait().unwrap();
        }
    }
}
