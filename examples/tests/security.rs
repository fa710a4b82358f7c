//! `SECURITY.md` names threats, and for each the tests that show what becomes of it.

mod pointers;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use pointers::{fault, has_test, quoted, root};

/// A threat, and what is said to show that it is met.
fn rows(text: &str) -> Vec<(&str, Vec<(PathBuf, &str)>)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = lines.filter(|line| !line.starts_with("Threat |")).map(|line| {
        let cells: Vec<&str> = line.split(" | ").collect();
        let [threat, _, tests] = cells[..] else { panic!("not three cells: {line}") };
        let tests = quoted(tests).map(|test| {
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{test} is no FILE::NAME"));
            (PathBuf::from(file), name)
        });
        (threat, tests.collect())
    });
    rows.collect()
}

#[test]
fn every_threat_has_a_test() {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("SECURITY.md");
    let rows = rows(&text);
    assert!(rows.len() > 30, "{} threats", rows.len());
    let mut faults = Vec::new();
    for (threat, tests) in &rows {
        if tests.is_empty() {
            faults.push(format!("{threat}: shows nothing"));
        }
        faults.extend(
            tests
                .iter()
                .filter_map(|(file, name)| fault(file, name))
                .map(|fault| format!("{threat}: {fault}")),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whatever was tried on bad days stands there.
#[test]
fn every_bad_day_is_told() {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("SECURITY.md");
    let rows = rows(&text);
    let told: BTreeSet<&str> = rows.iter().flat_map(|(_, tests)| tests).map(|(_, name)| *name).collect();
    let folder = root().join("examples/tests/bad_days");
    let mut untold = Vec::new();
    for entry in fs::read_dir(folder).expect("it is there") {
        let source = fs::read_to_string(entry.expect("it is there").path()).expect("text");
        let names = source
            .lines()
            .filter_map(|line| line.strip_prefix("fn ")?.split_once("()"))
            .map(|(name, _)| name);
        untold
            .extend(names.filter(|name| has_test(&source, name) && !told.contains(name)).map(str::to_owned));
    }
    assert!(untold.is_empty(), "{untold:?}");
}
