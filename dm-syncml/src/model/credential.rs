//! `Cred` and `Chal`: credentials and the challenge for them (RepPro 1.2.2, Cred and Chal).

use core::fmt;

use super::data::Data;
use super::extensions::Extensions;
use super::mapping::elements;
use super::meta::Meta;
use super::token::{Format, MediaType};

elements! {
    /// `Cred`: credentials. `Debug` does not show them; whoever received them wipes the receive buffer.
    pub struct Cred<'a> {
        /// Their Type and Format.
        maybe meta: Meta<'a> = META;
        /// The credentials.
        once data: Data<'a> = DATA;
    }
}

impl<'a> Cred<'a> {
    /// Credentials of a type, in base64.
    #[must_use]
    pub fn new(media_type: MediaType<'a>, data: Data<'a>) -> Self {
        let meta = Meta::new().with_format(Format::B64).with_media_type(media_type);
        Self { meta: Some(meta), data, extensions: Extensions::new() }
    }
}

impl fmt::Debug for Cred<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cred").field("meta", &self.meta).finish_non_exhaustive()
    }
}

elements! {
    /// `Chal`: which credentials are wanted, and the nonce for them.
    #[derive(Debug)]
    pub struct Chal<'a> {
        /// Type, Format and NextNonce.
        once meta: Meta<'a> = META;
    }
}

impl<'a> Chal<'a> {
    /// A challenge for credentials of a type, with Format `b64`.
    #[must_use]
    pub fn new(media_type: MediaType<'a>) -> Self {
        let meta = Meta::new().with_format(Format::B64).with_media_type(media_type);
        Self { meta, extensions: Extensions::new() }
    }

    /// Adds the nonce that the next credentials are to use.
    #[must_use]
    pub fn with_next_nonce(mut self, nonce: &[u8]) -> Self {
        self.meta = self.meta.with_next_nonce(super::meta::NextNonce::new(nonce));
        self
    }
}
