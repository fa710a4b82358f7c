//! Pointers from documents to tests: `FILE::NAME`.

use std::fs;
use std::path::Path;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is around this package")
}

/// What stands in backticks.
pub(crate) fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// What is wrong with a pointer to a test, if anything is.
pub(crate) fn fault(file: &Path, name: &str) -> Option<String> {
    match fs::read_to_string(root().join(file)) {
        Ok(source) if has_test(&source, name) => None,
        Ok(_) => Some(format!("{} has no test {name}", file.display())),
        Err(error) => Some(format!("{}: {error}", file.display())),
    }
}

/// Whether a file has a function of this name that runs as a test: by its attribute, or inside `proptest!`.
pub(crate) fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let heads = [format!("fn {name}("), format!("async fn {name}(")];
    lines.iter().enumerate().any(|(at, line)| {
        let above = lines[..at].iter().rev();
        let mut attributes = above.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        heads.iter().any(|head| line.starts_with(head))
            && attributes.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}
