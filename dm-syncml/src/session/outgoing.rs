//! A message that is to be sent.

use alloc::vec::Vec;

use crate::auth::MacHeader;
use crate::model::Encoding;

/// A message that is to be sent: its octets, and what goes with them in headers of the transport.
///
/// [`http`](crate::http) says which headers those are.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Outgoing {
    /// How the message is encoded; gives the Content-Type.
    pub encoding: Encoding,
    /// The message.
    pub body: Vec<u8>,
    /// The value of the `x-syncml-hmac` header, when the sender proves itself with `syncml:auth-MAC`. It covers the octets of
    /// [`body`](Self::body): a change to them on the way makes it wrong.
    pub hmac: Option<MacHeader>,
}

impl Outgoing {
    pub(super) const fn new(encoding: Encoding, body: Vec<u8>, hmac: Option<MacHeader>) -> Self {
        Self { encoding, body, hmac }
    }
}
