//! `Item`: one thing a command is about.

use alloc::borrow::Cow;

use dm_wbxml::{Element, Name, Tag, syncml};

use crate::error::DecodeError;

use super::Encoding;
use super::data::Data;
use super::encode_options::{DocumentCarriage, EncodeOptions};
use super::extensions::{Extensions, Place};
use super::header::{Source, Target};
use super::management_tree::reshape;
use super::mapping::{Content, IntoOwned, next_child, set_once};
use super::meta::Meta;
use super::reading::Reading;
use super::token::{Format, LocUri, MediaType};
use super::writing::Writing;

/// `Item`: a place, what is known about its data, and the data.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Item<'a> {
    /// The place a command acts on.
    pub target: Option<Target<'a>>,
    /// The place data comes from.
    pub source: Option<Source<'a>>,
    /// What is known about the data; overrides the command's, element by element.
    pub meta: Option<Meta<'a>>,
    /// The data.
    pub data: Option<Data<'a>>,
    /// More of the data follows in the next message (DM Protocol 1.2.1, large objects).
    pub more_data: bool,
    /// Elements that nobody expected here, SourceParent and TargetParent among them.
    pub extensions: Extensions<'a>,
}

impl<'a> Item<'a> {
    /// An item without anything.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            target: None,
            source: None,
            meta: None,
            data: None,
            more_data: false,
            extensions: Extensions::new(),
        }
    }

    /// An item that acts on `loc_uri`.
    #[must_use]
    pub fn to(loc_uri: LocUri<'a>) -> Self {
        Self { target: Some(Target::new(loc_uri)), ..Self::new() }
    }

    /// An item whose data comes from `loc_uri`.
    #[must_use]
    pub fn from(loc_uri: LocUri<'a>) -> Self {
        Self { source: Some(Source::new(loc_uri)), ..Self::new() }
    }

    /// Sets the source.
    #[must_use]
    pub fn with_source(mut self, source: Source<'a>) -> Self {
        self.source = Some(source);
        self
    }

    /// Sets the Meta; one that says nothing is left out.
    #[must_use]
    pub fn with_meta(mut self, meta: Meta<'a>) -> Self {
        self.meta = (!meta.is_empty()).then_some(meta);
        self
    }

    /// Sets the data.
    #[must_use]
    pub fn with_data(mut self, data: Data<'a>) -> Self {
        self.data = Some(data);
        self
    }

    /// Where it acts.
    #[must_use]
    pub fn target_uri(&self) -> Option<&LocUri<'a>> {
        self.target.as_ref().map(|target| &target.loc_uri)
    }

    /// Where it comes from.
    #[must_use]
    pub fn source_uri(&self) -> Option<&LocUri<'a>> {
        self.source.as_ref().map(|source| &source.loc_uri)
    }

    /// The Format in force: the item's own, else the command's.
    #[must_use]
    pub fn format_under<'m>(&'m self, command: Option<&'m Meta<'a>>) -> Option<&'m Format<'a>> {
        let own = self.meta.as_ref().and_then(Meta::format);
        own.or_else(|| command.and_then(Meta::format))
    }

    /// The Type in force: the item's own, else the command's.
    #[must_use]
    pub fn media_type_under<'m>(&'m self, command: Option<&'m Meta<'a>>) -> Option<&'m MediaType<'a>> {
        let own = self.meta.as_ref().and_then(Meta::media_type);
        own.or_else(|| command.and_then(Meta::media_type))
    }

    /// The same item, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> Item<'static> {
        Item {
            target: self.target.map(Target::into_owned),
            source: self.source.map(Source::into_owned),
            meta: self.meta.map(Meta::into_owned),
            data: self.data.map(Data::into_owned),
            more_data: self.more_data,
            extensions: self.extensions.into_owned(),
        }
    }

    /// The same item with the management tree that stands in it as mark-up as a document of its own: octets or text, which can be cut into
    /// chunks as mark-up cannot.
    pub(crate) fn with_document_apart(mut self, encoding: Encoding) -> Self {
        let (documents, format) = match encoding {
            Encoding::Wbxml => (DocumentCarriage::Wbxml, Format::BIN),
            #[cfg(feature = "xml")]
            Encoding::Xml => (DocumentCarriage::Xml, Format::XML),
        };
        let options = EncodeOptions::new().with_documents(documents);
        let Some(data) = self.data.as_ref().filter(|data| data.as_nodes().is_some()) else { return self };
        let media_type = self.media_type_under(None);
        let Some(apart) = reshape(data, media_type, None, &options, encoding == Encoding::Wbxml) else {
            return self;
        };
        let mut meta = self.meta.take().unwrap_or_default().with_format(format);
        if let Some(media_type) = apart.media_type {
            meta = meta.with_media_type(media_type);
        }
        let data = apart.data.into_owned();
        self.meta = Some(meta);
        self.data = Some(data);
        self
    }

    /// Writes the item of a command whose Meta is `command`: where the encoding cannot carry octets they become base64, and the item's
    /// Format says so (TND 1.2.1 §7.7.2).
    pub(super) fn encode_under<K: Writing>(&self, command: Option<&Meta<'_>>, sink: &mut K) {
        let format = self.format_under(command);
        let reshaped = self.data.as_ref().and_then(|data| {
            let media_type = self.media_type_under(command);
            reshape(data, media_type, format, sink.options(), sink.carries_octets())
        });
        let (mut data, mut meta) = (self.data.as_ref(), self.meta.as_ref().map(Cow::Borrowed));
        let mut format = format;
        if let Some(reshaped) = &reshaped {
            let mut changed = meta.take().map(Cow::into_owned).unwrap_or_default();
            if let Some(media_type) = &reshaped.media_type {
                changed = changed.with_media_type(media_type.clone());
            }
            if let Some(other) = &reshaped.format {
                changed = changed.with_format(other.clone());
                format = Some(other);
            }
            meta = (!changed.is_empty()).then_some(Cow::Owned(changed));
            data = Some(&reshaped.data);
        }
        let base64 = match data {
            Some(data) if !sink.carries_octets() => data.base64_for_xml(format),
            _ => None,
        };
        if base64.is_some() {
            meta = Some(Cow::Owned(meta.map(Cow::into_owned).unwrap_or_default().with_format(Format::B64)));
        }
        let mut unknown = self.extensions.cursor();
        let place = Place::before;
        sink.open(syncml::ITEM);
        unknown.reach(place(TARGET), sink);
        if let Some(target) = &self.target {
            target.encode(syncml::TARGET, sink);
        }
        unknown.reach(place(SOURCE), sink);
        if let Some(source) = &self.source {
            source.encode(syncml::SOURCE, sink);
        }
        unknown.reach(place(META), sink);
        if let Some(meta) = &meta {
            meta.encode(syncml::META, sink);
        }
        unknown.reach(place(DATA), sink);
        match (&base64, data) {
            (Some(base64), _) => sink.leaf(syncml::DATA, base64),
            (None, Some(data)) => data.encode_in_item(sink),
            (None, None) => {}
        }
        unknown.reach(place(MORE_DATA), sink);
        if self.more_data {
            sink.empty(syncml::MORE_DATA);
        }
        unknown.finish(sink);
        sink.close();
    }

    /// The known element that is written last.
    fn last(&self) -> u8 {
        match self {
            Self { more_data: true, .. } => MORE_DATA,
            Self { data: Some(_), .. } => DATA,
            Self { meta: Some(_), .. } => META,
            Self { source: Some(_), .. } => SOURCE,
            Self { target: Some(_), .. } => TARGET,
            _ => 0,
        }
    }
}

/// The places of known elements, in the order of the DTD; SourceParent and TargetParent, which DM does not use, stand between SOURCE and META.
const TARGET: u8 = 1;
const SOURCE: u8 = 2;
const META: u8 = 3;
const DATA: u8 = 4;
const MORE_DATA: u8 = 5;

/// The place behind the known element of this number.
const fn behind(field: u8) -> Place {
    Place::behind(field, if field > 0 { 1 } else { 0 })
}

impl<'a> Content<'a> for Item<'a> {
    fn decode<S: Reading<'a>>(source: &mut S, _: Tag) -> Result<Self, DecodeError> {
        let mut item = Self::new();
        let mut last = 0;
        while let Some(name) = next_child(source)? {
            last = match name {
                Name::Tag(tag @ syncml::TARGET) => {
                    set_once(&mut item.target, tag, source)?;
                    TARGET
                }
                Name::Tag(tag @ syncml::SOURCE) => {
                    set_once(&mut item.source, tag, source)?;
                    SOURCE
                }
                Name::Tag(tag @ syncml::META) => {
                    set_once(&mut item.meta, tag, source)?;
                    META
                }
                Name::Tag(tag @ syncml::DATA) => {
                    set_once(&mut item.data, tag, source)?;
                    DATA
                }
                Name::Tag(tag @ syncml::MORE_DATA) => {
                    item.more_data = bool::decode(source, tag)?;
                    MORE_DATA
                }
                other => {
                    item.extensions.push_at(behind(last), Element::decode(source, other)?);
                    last
                }
            };
        }
        if !item.extensions.is_empty() {
            let end = behind(item.last());
            item.extensions.settle(behind(last), end);
        }
        Ok(item)
    }

    fn encode<K: Writing>(&self, _: Tag, sink: &mut K) {
        self.encode_under(None, sink);
    }
}

impl IntoOwned for Item<'_> {
    type Owned = Item<'static>;

    fn into_owned(self) -> Self::Owned {
        self.into_owned()
    }
}
