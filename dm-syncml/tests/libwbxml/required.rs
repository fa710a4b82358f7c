//! Whether the programs and libraries to compare with must be there.

/// On the machines of the project they must; elsewhere where somebody says so with `DM_PEERS=required`.
pub(crate) fn are_peers_required() -> bool {
    let says = |name: &str, what: fn(&str) -> bool| std::env::var(name).is_ok_and(|value| what(&value));
    says("CI", |value| !value.is_empty()) || says("DM_PEERS", |value| value == "required")
}
