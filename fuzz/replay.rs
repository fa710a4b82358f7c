//! Replays a committed corpus on stable; each crate's `tests/fuzz_replay.rs` includes this file.

use std::fs;
use std::path::Path;

/// Runs `body` on every file of `fuzz/corpus/<target>`; none at all is a failure.
pub(crate) fn replay(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a directory entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", corpus.display());
    for file in files {
        // Printed by the test harness if the body panics.
        #[expect(clippy::print_stdout, reason = "names the input that fails")]
        {
            println!("{}", file.display());
        }
        body(&fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
    }
}
