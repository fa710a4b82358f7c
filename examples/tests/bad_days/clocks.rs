//! Clocks of the wall that jump. Needs libfaketime; without it the test passes by and says so.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::daemon::{DM_GATEWAY, DM_SERVER};
use super::served::{Served, said};

/// What pretends that it is another time.
fn pretender() -> Option<String> {
    let places = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/usr/local/lib",
    ];
    places
        .map(|place| format!("{place}/faketime/libfaketimeMT.so.1"))
        .into_iter()
        .find(|path| Path::new(path).exists())
}

#[test]
fn a_clock_that_jumps_ends_nothing_and_loses_nothing() {
    let Some(pretender) = pretender() else {
        println!("passed by: there is no libfaketime");
        return;
    };
    for program in [DM_SERVER, DM_GATEWAY] {
        let mut served = Served::plain(program, "[limits]\nhead = 10\n");
        assert!(served.daemon.stop().success());
        let clock = served.folder.path().join("clock");
        fs::write(&clock, "+0").unwrap();
        let mut command = served.daemon.command();
        command.env("LD_PRELOAD", &pretender).env("FAKETIME_TIMESTAMP_FILE", &clock);
        command
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
        served.daemon.start_as(command);
        served.assert_serves();
        let seen = |served: &Served| {
            let shown = served.daemon.json(&["device", "list"]);
            shown["devices"][0]["since"].as_u64().or_else(|| shown[0]["since"].as_u64()).unwrap()
        };
        let at_first = seen(&served);
        let day = 86_400;
        for (jump, seconds) in [("+1d", day), ("-1h", -3_600), ("+400d", 400 * day), ("+0", 0)] {
            // What waits when the clock jumps still waits afterwards.
            let id = served.account["id"].as_str().unwrap().to_owned();
            let waiting = (program == DM_SERVER).then(|| {
                let queued = served.daemon.json(&["get", &id, "./DevInfo/Man", "--wait", "0"]);
                queued["work"][0]["number"].as_u64().unwrap().to_string()
            });
            fs::write(&clock, jump).unwrap();
            std::thread::sleep(Duration::from_millis(1_500));
            let output = served.session(&[]);
            assert_eq!(output.status.code(), Some(0), "{jump}: {}", said(&output));
            served.assert_serves();
            if let Some(number) = waiting {
                let shown = served.daemon.json(&["work", "show", &number]);
                assert_eq!(shown["work"][0]["state"], "done", "{jump}: {shown}");
                // The program did see another time: it is what it shows, and nothing else goes by it.
                let off = seen(&served).cast_signed() - at_first.cast_signed() - seconds;
                assert!((0..3_600).contains(&off), "{jump}: {off} s");
            }
        }
    }
}
