//! What real peers write that is no address.

/// What is taken for an address beside what the grammar allows.
///
/// Each is something the specification itself does in its examples (TND 1.2.1, large objects and TNDS).
///
/// ```
/// use dm_tree::{NodeUri, UriLeniency};
///
/// assert!(NodeUri::parse("/OperatorX").is_err());
/// let uri = NodeUri::parse_with("/OperatorX", UriLeniency::FIELD)?;
/// assert_eq!(uri, NodeUri::parse("./OperatorX")?);
/// # Ok::<(), dm_tree::UriError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct UriLeniency {
    /// `./` is the root.
    pub dot_slash_is_root: bool,
    /// A leading slash stands for the root: `/A` is `./A`, `/` is `.`.
    pub leading_slash: bool,
}

impl UriLeniency {
    /// The grammar and nothing else.
    pub const STRICT: Self = Self { dot_slash_is_root: false, leading_slash: false };
    /// All of it.
    pub const FIELD: Self = Self { dot_slash_is_root: true, leading_slash: true };
}
