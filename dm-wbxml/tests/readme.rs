//! The README shows the example of the crate documentation, which runs as a test.

/// The first Rust block of a Markdown text, without the lines that rustdoc hides.
fn example(markdown: &str) -> Vec<&str> {
    let block = markdown.lines().skip_while(|line| !matches!(*line, "```" | "```rust")).skip(1);
    let shown =
        block.take_while(|line| *line != "```").filter(|line| *line != "#" && !line.starts_with("# "));
    shown.collect()
}

#[test]
fn readme_and_crate_documentation_show_the_same_example() {
    let docs: Vec<&str> = include_str!("../src/lib.rs")
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let docs = docs.join("\n");
    let shown = example(&docs);
    assert!(shown.len() > 10, "the crate documentation has no example");
    assert_eq!(example(include_str!("../README.md")), shown);
}
