//! The programs as others script against them: outputs, rows and exit codes.

extern crate alloc;

use alloc::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

#[path = "../../dm-syncml/tests/libwbxml/required.rs"]
mod required;

fn gen_inputs(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gen-inputs")).args(args).output().unwrap()
}

fn compare(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compare")).args(args).output().unwrap()
}

/// Whether `compare` has libwbxml to measure, by what it says on stderr.
///
/// # Panics
///
/// When it has not, and whoever runs the tests has said that it must.
fn has_libwbxml(output: &Output) -> bool {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let Some(note) = stderr.lines().find(|line| line.starts_with("note: libwbxml is left out")) else {
        return true;
    };
    assert!(!required::are_peers_required(), "{note}");
    false
}

/// One short trial of everything: the numbers do not matter here.
fn quick_rows(dir: &Path, csv: bool) -> (Vec<String>, bool) {
    let mut args = vec!["--inputs", dir.to_str().unwrap(), "--trials", "1", "--trial-ms", "0"];
    if csv {
        args.push("--csv");
    }
    let output = compare(&args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let peer = has_libwbxml(&output);
    (String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect(), peer)
}

#[test]
fn every_operation_has_a_row_for_every_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("made/on/the/way");
    let output = gen_inputs(&["--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 3 * 4 * 2);
    assert!(output.stderr.is_empty());
    // The largest take long without optimisation and add nothing here.
    for entry in fs::read_dir(&out).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_str().unwrap().contains("_1k.") {
            fs::remove_file(path).unwrap();
        }
    }

    let (rows, peer) = quick_rows(&out, true);
    assert_eq!(
        rows[0],
        "tool,op,input,bytes_in,trials,ns_min,ns_median,ns_max,MB/s(bytes_in),MB/s(XML bytes)"
    );
    let seen: BTreeSet<(String, String, String)> = rows[1..]
        .iter()
        .map(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            assert_eq!(cells.len(), 10, "{row}");
            assert!(cells[3..].iter().all(|cell| cell.parse::<f64>().is_ok()), "{row}");
            (cells[0].to_owned(), cells[1].to_owned(), cells[2].to_owned())
        })
        .collect();
    let xml = [
        ("dm-syncml", "xml->typed"),
        ("dm-syncml", "typed->wbxml"),
        ("dm-syncml", "typed->wbxml(strtbl)"),
        ("dm-syncml", "typed->xml"),
        ("quick-xml", "events"),
        ("quick-xml", "serde-de"),
        ("quick-xml", "serde-ser"),
        ("floor", "byte-loop"),
        ("floor", "lt-scan"),
        ("floor", "memcpy"),
        ("libwbxml", "xml->wbxml"),
    ];
    let wbxml = [
        ("dm-syncml", "wbxml->typed"),
        ("dm-syncml", "typed->wbxml"),
        ("dm-syncml", "typed->wbxml(strtbl)"),
        ("dm-syncml", "typed->xml"),
        ("floor", "byte-loop"),
        ("floor", "nul-scan"),
        ("floor", "memcpy"),
        ("libwbxml", "wbxml->xml"),
    ];
    let mut expected = BTreeSet::new();
    for profile in ["cmds", "results", "blob"] {
        for (extension, operations) in [("xml", &xml[..]), ("wbxml", &wbxml[..])] {
            for (tool, op) in operations.iter().filter(|(tool, _)| peer || *tool != "libwbxml") {
                expected.insert(((*tool).into(), (*op).into(), format!("{profile}_1k.{extension}")));
            }
        }
    }
    assert_eq!(seen, expected);

    let (table, _) = quick_rows(&out, false);
    assert!(table[0].starts_with("tool "));
    let ratios =
        table.iter().position(|line| line.starts_with("Ratios ")).expect("a summary follows the rows");
    assert_eq!(table[..ratios].iter().filter(|line| !line.is_empty()).count(), rows.len());
    let summary = table[ratios..].join("\n");
    for title in [
        "dm-syncml wbxml->typed / floor byte-loop: at most 2.5\n",
        "quick-xml serde-de / dm-syncml xml->typed: at least 3\n",
        "dm-syncml xml->typed / quick-xml events: at most 2\n",
        "quick-xml serde-ser / dm-syncml typed->xml: at least 3.5\n",
        "dm-syncml typed->wbxml(strtbl) / dm-syncml typed->wbxml: at most 4\n",
        "dm-syncml typed->xml / the same into a reused buffer\n",
    ] {
        assert!(summary.contains(title), "{title:?} in {summary}");
    }
    for title in [
        "libwbxml wbxml->xml / dm-syncml wbxml->typed: at least 15\n",
        "libwbxml xml->wbxml / dm-syncml typed->wbxml: at least 35\n",
    ] {
        assert_eq!(summary.contains(title), peer, "{title:?} in {summary}");
    }
}

/// Without a C compiler, or without the headers, everything else is measured, and one line says what is missing.
#[test]
fn without_its_peer_the_rest_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("empty.xml"), "<SyncML/>").unwrap();
    let args = ["--inputs", dir.path().to_str().unwrap(), "--csv", "--trials", "1", "--trial-ms", "0"];
    for compiler in ["/nowhere/cc", "false"] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_compare")).args(args).env("CC", compiler).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let stderr = String::from_utf8(output.stderr).unwrap();
        let notes: Vec<_> = stderr.lines().filter(|line| line.contains("libwbxml")).collect();
        assert!(matches!(&notes[..], [note] if note.contains("apt-get install")), "{stderr}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("\nfloor,byte-loop,empty.xml,"));
    }
}

/// Counts are facts: the same in every run, and none for what there is no need to allocate.
#[test]
fn allocations_are_counted() {
    let run = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_allocations")).args(args).output().unwrap();
    let output = run(&["--csv"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, run(&["--csv"]).stdout);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.starts_with("op,input,bytes_in,commands,allocations,reallocations,bytes_asked,bytes_kept\n")
    );
    assert_eq!(stdout.lines().count(), 1 + 3 * 4 * (4 + 5));
    let mut decoded = 0;
    for row in stdout.lines() {
        let cells: Vec<&str> = row.rsplitn(7, ',').collect();
        let &[_, _, _, allocations, commands, _, name] = &cells[..] else { panic!("{row}") };
        match name.split(',').next() {
            Some("encode into a reused buffer") if row.contains(".wbxml") => {
                assert_eq!(allocations, "0", "{row}")
            }
            Some("decode") => {
                decoded += 1;
                let [allocations, commands]: [usize; 2] =
                    [allocations, commands].map(|cell| cell.parse().unwrap());
                // Text is borrowed; lists are not.
                assert!(allocations <= commands * 2 + 20, "{row}");
            }
            _ => {}
        }
    }
    assert_eq!(decoded, 3 * 4 * 2);
}

#[test]
fn a_file_nobody_reads_still_has_its_floors() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("broken.xml"), "<SyncML><SyncHdr>").unwrap();
    fs::write(dir.path().join("broken.wbxml"), [0x02, 0xA4, 0x01, 0x6A, 0x00, 0x6D]).unwrap();
    let output =
        compare(&["--inputs", dir.path().to_str().unwrap(), "--csv", "--trials", "1", "--trial-ms", "0"]);
    assert_eq!(output.status.code(), Some(0));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.lines().skip(1).all(|row| row.starts_with("floor,")), "{stdout}");
    assert_eq!(stdout.lines().count(), 1 + 6);
    let stderr = String::from_utf8(output.stderr).unwrap();
    let notes: Vec<_> = stderr.lines().filter(|line| !line.contains("libwbxml")).collect();
    assert!(notes.iter().all(|line| line.starts_with("note: broken.")), "{stderr}");
    assert_eq!(notes.len(), 3, "{stderr}");
}

#[test]
fn wrong_usage_and_io_exit_with_two() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().to_str().unwrap();
    let table: [(Output, &str); 7] = [
        (compare(&[]), "error: usage: "),
        (compare(&["--inputs"]), "error: usage: "),
        (compare(&["--inputs", empty, "--trials", "0"]), "error: usage: "),
        (compare(&["--inputs", "/nowhere/at/all"]), "error: io in /nowhere/at/all: "),
        (compare(&["--inputs", empty]), "error: io in "),
        (gen_inputs(&["--what"]), "error: usage: "),
        (gen_inputs(&["--out", "/dev/null/x"]), "error: io in /dev/null/x: "),
    ];
    for (output, first_line) in table {
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.starts_with(first_line), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_has_examples() {
    let allocations = Command::new(env!("CARGO_BIN_EXE_allocations")).arg("--help").output().unwrap();
    for output in [compare(&["--help"]), gen_inputs(&["--help"]), allocations] {
        assert_eq!(output.status.code(), Some(0));
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.contains("Examples:\n") && stdout.contains("Exit codes:"), "{stdout}");
    }
}

/// The table of the smallest queries; it exits 1 if one way finds what another does not, or is smaller.
#[test]
fn use_case_b_1_the_subset_query_is_the_smallest() {
    let output = Command::new(env!("CARGO_BIN_EXE_query-octets")).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{table}");
    assert_eq!(table.lines().count(), 1 + 2 * 5, "{table}");
    assert!(table.lines().nth(1).unwrap().contains("subset query") && table.contains(" 1.00"), "{table}");
}
