//! What holds for every machine of the crate.

use gwmo_model::{Fanout, Groups, Inventory, Outbox};

#[test]
fn machines_can_live_in_any_store() {
    fn movable<T: Send + 'static>() {}
    movable::<Inventory>();
    movable::<Groups>();
    movable::<Fanout>();
    movable::<Outbox>();
}

#[test]
fn modes_can_live_in_any_store() {
    fn movable<T: Send + 'static>() {}
    movable::<gwmo_model::Relay>();
    movable::<gwmo_model::Triggers>();
    movable::<gwmo_model::Proxy>();
    movable::<gwmo_model::Adaptation>();
    movable::<gwmo_model::DeviceBootstrap>();
    movable::<gwmo_model::AccountScopes>();
}

#[test]
fn the_readme_shows_the_example_of_the_crate() {
    let lib = include_str!("../src/lib.rs");
    let (_, example) = lib.split_once("//! ```\n").unwrap();
    let (example, _) = example.split_once("//! ```\n").unwrap();
    let shown: String = example
        .lines()
        .map(|line| line.trim_start_matches("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .filter(|line| !line.starts_with("# "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(include_str!("../README.md").contains(&format!("```rust\n{shown}```\n")), "{shown}");
}
