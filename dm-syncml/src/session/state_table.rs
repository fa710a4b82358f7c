//! How the state table of a machine is written down, and what every such table holds to.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;

/// The table as Markdown: a row for each state and what it does, with all the inputs that make it do so.
pub(super) fn render<P, I, S>(
    phases: &[P],
    inputs: &[I],
    transition: impl Fn(P, I) -> S,
    name: impl Fn(I) -> &'static str,
    describe: impl Fn(&S) -> (&'static str, &'static [P]),
) -> String
where
    P: Copy + Debug + 'static,
    I: Copy,
    S: PartialEq,
{
    let mut out = String::from("| state | input | what comes out | next state |\n|---|---|---|---|\n");
    for phase in phases {
        let mut rows: Vec<(S, Vec<&str>)> = Vec::new();
        for input in inputs {
            let step = transition(*phase, *input);
            match rows.iter_mut().find(|(other, _)| *other == step) {
                Some((_, names)) => names.push(name(*input)),
                None => rows.push((step, [name(*input)].into())),
            }
        }
        for (step, names) in rows {
            let (does, next) = describe(&step);
            let next: Vec<_> = next.iter().map(|next| format!("{next:?}")).collect();
            out.push_str(&format!("| {phase:?} | {} | {does} | {} |\n", names.join("; "), next.join(" or ")));
        }
    }
    out
}

/// Compares a documented table with the one in code; with `DM_REFRESH` set it writes the document anew instead.
pub(super) fn check(path: &str, documented: &str, rendered: &str) {
    #[cfg(feature = "xml")]
    if std::env::var_os("DM_REFRESH").is_some() {
        return std::fs::write(path, rendered).unwrap();
    }
    assert!(
        documented == rendered,
        "{path} is not what the table in states.rs says; write it anew with \
         DM_REFRESH=1 cargo test -p dm-syncml --lib documented_table, then look at the difference. It should be:\n{rendered}"
    );
}
