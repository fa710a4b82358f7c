//! The tests that `docs/session-rules.md` names for each rule exist.

use std::path::Path;

#[test]
fn each_rule_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = root.join("../docs/session-rules.md");
    // It is not in the packaged crate.
    let Ok(rules) = std::fs::read_to_string(rules) else { return };
    let mut named = 0;
    for line in rules.lines().filter(|line| line.starts_with("| ") && line.contains('`')) {
        let parts: Vec<_> = line.split('`').collect();
        let [.., file, _, test, _] = parts[..] else { panic!("no file and test in {line}") };
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(&format!("fn {test}(")), "{file} has no {test}");
        named += 1;
    }
    assert!(named > 80, "{named} rules");
}
