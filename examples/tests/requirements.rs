//! `docs/requirements.md` names every requirement, and for each the test that shows it.

mod pointers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use pointers::{fault, has_test, quoted, root};

/// Every label there is, in the order of the documents.
#[rustfmt::skip]
const LABELS: &[&str] = &[
    // Gateway Management Object 1.0 and 1.1, requirements.
    "GwMO-HLF-001", "GwMO-HLF-002", "GwMO-HLF-003", "GwMO-HLF-004", "GwMO-HLF-005", "GwMO-HLF-006",
    "GwMO-SECACATE-001", "GwMO-SECACATE-002", "GwMO-SECARIZE-001", "GwMO-SECDI-001", "DM-SECONF-001",
    "GwMO-ADM-001", "GwMO-IOP-001", "GwMO-MOO-001", "GwMO-TMode-001",
    "GwMO-PMoDe-001", "GwMO-PMoDe-002", "GwMO-PMoDe-003", "GwMO-AMoDe-001",
    "GwMO-DI-001", "GwMO-DI-002", "GwMO-DI-003", "GwMO-DI-004", "GwMO-DI-005",
    "GwMO-Group-001", "GwMO-FORA-001", "GwMO-FORA-002", "GwMO-DCIS-001", "GwMO-DCIS-002", "GwMO-DCIS-003",
    "GwMO use case B.1", "GwMO use case B.2", "GwMO use case B.3", "GwMO use case B.4", "GwMO use case B.5",
    "GwMO use case B.6", "GwMO use case B.7", "GwMO use case B.8", "GwMO use case B.9", "GwMO use case B.10",
    // Device Management 2.0, requirements.
    "DM-HLF-001", "DM-HLF-002", "DM-HLF-003", "DM-HLF-004", "DM-HLF-005", "DM-HLF-006", "DM-HLF-007",
    "DM-HLF-008", "DM-HLF-009", "DM-HLF-010", "DM-HLF-011", "DM-HLF-012", "DM-HLF-013", "DM-HLF-014",
    "DM-HLF-015", "DM-HLF-016", "DM-HLF-017", "DM-HLF-018", "DM-HLF-019", "DM-HLF-020", "DM-HLF-021",
    "DM-HLF-022", "DM-HLF-023", "DM-HLF-024", "DM-HLF-025", "DM-HLF-026", "DM-HLF-027",
    "DM-SECACATE-001", "DM-SECARIZE-001", "DM-SECARIZE-002", "DM-DI-001", "DM-SECCONF-001",
    "DM-IOP-001", "DM-IOP-002", "DM-IOP-003",
    "DM use case B.1", "DM use case B.2", "DM use case B.3",
    // Device Management 1.3, architecture: interfaces.
    "DM-1", "DM-2", "DM-3", "DM-4", "DM-5", "DM-6", "CP-1",
    // Protocol overview: how messages go, what a device is provisioned with, commands, objects.
    "Packages", "Generic Alert", "DM Notification",
    "Factory bootstrap", "Smartcard bootstrap", "Server initiated bootstrap", "Client initiated bootstrap",
    "XML", "WBXML", "Management Tree", "MOID",
    "Get", "Replace", "Add", "Delete", "Exec", "Copy", "Atomic", "Sequence",
    "DDF", "DMAcc", "DevInfo", "DevDetail", "Inbox", "Authentication schemes", "ACL",
];

/// One row: its state, its module and its tests, as written.
struct Row {
    state: String,
    modules: Vec<PathBuf>,
    tests: Vec<(PathBuf, String)>,
}

/// The rows of all tables whose first cell is a label.
fn rows(text: &str) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    let lines = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    for line in lines.filter(|line| !line.starts_with("---") && !line.trim_start().starts_with("Label")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [label, _, state, modules, tests] = cells[..] else { panic!("not five cells: {line}") };
        let tests = quoted(tests).map(|test| {
            let (file, name) =
                test.split_once("::").unwrap_or_else(|| panic!("{label}: {test} is no FILE::NAME"));
            (PathBuf::from(file), name.to_owned())
        });
        let row = Row {
            state: state.to_owned(),
            modules: quoted(modules).map(PathBuf::from).collect(),
            tests: tests.collect(),
        };
        assert!(rows.insert(label.to_owned(), row).is_none(), "{label} stands twice");
    }
    rows
}

#[test]
fn every_requirement_has_a_row_and_every_row_a_test() {
    let text = fs::read_to_string(root().join("docs/requirements.md")).expect("docs/requirements.md");
    let rows = rows(&text);
    let named: BTreeSet<&str> = rows.keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = LABELS.iter().copied().collect();
    assert_eq!(known.len(), LABELS.len(), "a label stands twice");
    let missing: Vec<_> = known.difference(&named).collect();
    let unknown: Vec<_> = named.difference(&known).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "no row for {missing:?}, no such label: {unknown:?}");

    let mut faults = Vec::new();
    for (label, row) in &rows {
        for module in row.modules.iter().filter(|module| !root().join(module).exists()) {
            faults.push(format!("{label}: there is no {}", module.display()));
        }
        for (file, name) in &row.tests {
            faults.extend(fault(file, name).map(|fault| format!("{label}: {fault}")));
        }
        match row.state.as_str() {
            "done" | "in part" if row.tests.is_empty() || row.modules.is_empty() => {
                faults.push(format!("{label}: says {}, and shows nothing", row.state));
            }
            "done" | "in part" => {}
            "todo" | "deleted" if !row.tests.is_empty() => {
                faults.push(format!("{label}: says {}, and names a test", row.state));
            }
            "todo" | "deleted" => {}
            other => faults.push(format!("{label}: {other:?} is no state")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn only_tests_count_as_tests() {
    let source = "#[test]\nfn yes() {}\nfn no() {}\n#[test]\n// why\nfn with_a_comment() {}\n#[inline]\nfn inlined() {}\n";
    assert!(has_test(source, "yes") && has_test(source, "with_a_comment"));
    assert!(!has_test(source, "no") && !has_test(source, "inlined") && !has_test(source, "ye"));
}
