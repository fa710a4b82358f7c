//! `Cred` and `Chal`: credentials and the challenge for them (RepPro 1.2.2, Cred and Chal).

use core::fmt;

use dm_wbxml::{Element, Name, Tag, syncml};

use crate::error::{DecodeError, DecodeErrorKind};

use super::data::Data;
use super::mapping::{Content, Extensions, IntoOwned, elements, error, next_child, set_once};
use super::meta::Meta;
use super::reading::Reading;
use super::token::{Format, MediaType};
use super::writing::Writing;

/// `Cred`: credentials. `Debug` does not show them; whoever received them wipes the receive buffer.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cred<'a> {
    /// Their Type and Format.
    pub meta: Option<Meta<'a>>,
    /// The credentials.
    pub data: Data<'a>,
    /// Elements that nobody expected here.
    pub extensions: Extensions<'a>,
}

impl<'a> Cred<'a> {
    /// Credentials of a type, in base64.
    #[must_use]
    pub fn new(media_type: MediaType<'a>, data: Data<'a>) -> Self {
        let meta = Meta::new().with_format(Format::B64).with_media_type(media_type);
        Self { meta: Some(meta), data, extensions: Extensions::new() }
    }

    /// The same value, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> Cred<'static> {
        Cred {
            meta: self.meta.map(Meta::into_owned),
            data: self.data.into_owned(),
            extensions: self.extensions.into_owned(),
        }
    }
}

impl<'a> Content<'a> for Cred<'a> {
    fn decode<S: Reading<'a>>(source: &mut S) -> Result<Self, DecodeError> {
        let (mut meta, mut data, mut extensions) = (None, None, Extensions::new());
        while let Some(name) = next_child(source)? {
            match name {
                Name::Tag(tag @ syncml::META) => set_once(&mut meta, tag, source)?,
                Name::Tag(tag @ syncml::DATA) => set_once(&mut data, tag, source)?,
                other => extensions.push(Element::decode(source, other)?),
            }
        }
        let data = data.ok_or_else(|| error(source, DecodeErrorKind::Missing("Data")))?;
        Ok(Self { meta, data, extensions })
    }

    fn encode<K: Writing>(&self, tag: Tag, sink: &mut K) {
        sink.open(tag);
        if let Some(meta) = &self.meta {
            meta.encode(syncml::META, sink);
        }
        self.data.encode(syncml::DATA, sink);
        self.extensions.encode(sink);
        sink.close();
    }
}

impl IntoOwned for Cred<'_> {
    type Owned = Cred<'static>;

    fn into_owned(self) -> Self::Owned {
        self.into_owned()
    }
}

impl fmt::Debug for Cred<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cred").field("meta", &self.meta).finish_non_exhaustive()
    }
}

elements! {
    /// `Chal`: which credentials are wanted, and the nonce for them.
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
