//! Counts that come out of a store.

/// Whether a machine can go on counting from here for as long as it lives. None gets anywhere near by itself: what says
/// so was not written by one.
pub(crate) const fn can_go_on(count: u64) -> bool {
    count < u64::MAX / 2
}
