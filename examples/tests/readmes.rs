//! Each crate's README shows the example of its crate documentation, which runs as a test.

use std::fs;
use std::path::Path;

/// The first Rust block of a Markdown text, without the lines that rustdoc hides.
fn example(markdown: &str) -> Vec<&str> {
    let block = markdown.lines().skip_while(|line| !matches!(*line, "```" | "```rust")).skip(1);
    let shown = block.take_while(|line| *line != "```");
    shown.filter(|line| *line != "#" && !line.starts_with("# ")).collect()
}

#[test]
fn readmes_and_crate_documentation_show_the_same_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is around this package");
    for name in ["dm-notification", "dm-wbxml", "dm-syncml", "dm-tree", "gwmo-model"] {
        let read = |file: &str| fs::read_to_string(root.join(name).join(file)).expect(file);
        let (library, readme) = (read("src/lib.rs"), read("README.md"));
        let docs = library.lines().map_while(|line| line.strip_prefix("//!"));
        let docs: Vec<&str> = docs.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        let docs = docs.join("\n");
        let shown = example(&docs);
        assert!(shown.len() > 10, "the documentation of {name} has no example");
        assert_eq!(example(&readme), shown, "{name}");
    }
}
