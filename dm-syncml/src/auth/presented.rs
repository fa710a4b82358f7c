//! What a message shows of its sender.

use crate::model::Cred;

use super::mac_header::{MacHeader, MacHeaderError};

/// What a message shows of its sender: credentials in its header, a MAC beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presented<'m> {
    pub(crate) cred: Option<&'m Cred<'m>>,
    pub(crate) mac: Option<&'m Result<MacHeader, MacHeaderError>>,
    /// Source LocName, where the user name stands.
    pub(crate) user: Option<&'m str>,
    /// MD5 of the body as it came.
    pub(crate) body_digest: &'m [u8; 16],
}

impl Presented<'_> {
    /// Whether the message shows nothing at all.
    pub(crate) const fn is_nothing(&self) -> bool {
        self.cred.is_none() && self.mac.is_none()
    }
}
