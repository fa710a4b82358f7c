//! `Meta`: what is known about data, credentials and messages (MetInf 1.2).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Encoding as _};
use dm_wbxml::{Element, Event, Name, Tag, is_xml_text, metinf};

use crate::error::{DecodeError, DecodeErrorKind};

use super::extensions::{Extensions, Place};
use super::mapping::{Content, IntoOwned, error, next_child, set_once};
use super::reading::Reading;
use super::token::{Format, Mark, MediaType, Version};
use super::writing::Writing;

/// `Meta`: facts about what it stands beside.
///
/// A Meta of a command counts for all its items; an item's own Meta overrides it element by element
/// (see [`Meta::over`]).
///
/// ```
/// use dm_syncml::{Format, MediaType, Meta};
///
/// let command = Meta::new().with_format(Format::B64).with_media_type(MediaType::OCTET_STREAM);
/// let item = Meta::new().with_format(Format::CHR);
/// assert_eq!(item.over(&command), Meta::new().with_format(Format::CHR).with_media_type(MediaType::OCTET_STREAM));
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Meta<'a> {
    format: Option<Format<'a>>,
    media_type: Option<MediaType<'a>>,
    /// What most items do not have, kept apart so that an item stays small.
    rare: Option<Box<Rare<'a>>>,
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Rare<'a> {
    mark: Option<Mark<'a>>,
    size: Option<u64>,
    version: Option<Version<'a>>,
    next_nonce: Option<NextNonce<'a>>,
    max_msg_size: Option<u64>,
    max_obj_size: Option<u64>,
    extensions: Extensions<'a>,
}

impl Rare<'_> {
    /// Whether there is anything but unknown elements.
    fn is_known(&self) -> bool {
        self.mark.is_some()
            || self.size.is_some()
            || self.version.is_some()
            || self.next_nonce.is_some()
            || self.max_msg_size.is_some()
            || self.max_obj_size.is_some()
    }
}

macro_rules! rare {
    ($($(#[$doc:meta])* $field:ident $with:ident: $type:ty, $($get:ident)+;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $field(&self) -> Option<rare!(@type $($get)+ $type)> {
            self.rare.as_ref().and_then(|rare| rare.$field$(.$get())+)
        }

        /// Sets it.
        #[must_use]
        pub fn $with(mut self, value: $type) -> Self {
            self.rare.get_or_insert_default().$field = Some(value);
            self
        }
    )*};
    (@type as_ref $type:ty) => { &$type };
    (@type clone $type:ty) => { $type };
}

impl<'a> Meta<'a> {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { format: None, media_type: None, rare: None }
    }

    /// `Format`; `None` means `chr`.
    #[must_use]
    pub fn format(&self) -> Option<&Format<'a>> {
        self.format.as_ref()
    }

    /// Sets `Format`.
    #[must_use]
    pub fn with_format(mut self, format: Format<'a>) -> Self {
        self.format = Some(format);
        self
    }

    /// `Type`; `None` means `text/plain`.
    #[must_use]
    pub fn media_type(&self) -> Option<&MediaType<'a>> {
        self.media_type.as_ref()
    }

    /// Sets `Type`.
    #[must_use]
    pub fn with_media_type(mut self, media_type: MediaType<'a>) -> Self {
        self.media_type = Some(media_type);
        self
    }

    rare! {
        /// `Mark`: how grave a generic alert is.
        mark with_mark: Mark<'a>, as_ref;
        /// `Size`: octets of the data as the message carries it; stands on the first chunk of a large object.
        size with_size: u64, clone;
        /// `Version`
        version with_version: Version<'a>, as_ref;
        /// `NextNonce`: the nonce of the next digest.
        next_nonce with_next_nonce: NextNonce<'a>, as_ref;
        /// `MaxMsgSize`: octets of the largest message the sender accepts.
        max_msg_size with_max_msg_size: u64, clone;
        /// `MaxObjSize`: octets of the largest object the sender accepts.
        max_obj_size with_max_obj_size: u64, clone;
    }

    /// The same facts without `Size`: it stands on the first chunk of a large object and on no other.
    #[must_use]
    pub(crate) fn without_size(mut self) -> Self {
        if let Some(rare) = &mut self.rare {
            rare.size = None;
        }
        self
    }

    /// Elements that this type does not know, EMI, Mem and Anchor among them.
    #[must_use]
    pub fn extensions(&self) -> &[Element<'a>] {
        self.rare.as_ref().map_or(&[], |rare| rare.extensions.as_slice())
    }

    /// Adds an `EMI`: what two peers that know each other have to say beside the standard (MetInf 1.2).
    #[must_use]
    pub(crate) fn with_emi(mut self, text: impl Into<Cow<'a, str>>) -> Self {
        let mut element = Element::new(metinf::EMI);
        element.children.push(dm_wbxml::Node::Text(text.into()));
        self.rare.get_or_insert_default().extensions.push(element);
        self
    }

    /// The texts of its EMI elements.
    pub(crate) fn emi(&self) -> impl Iterator<Item = &str> {
        self.extensions().iter().filter_map(emi_text)
    }

    /// The same without the EMI elements whose text begins so.
    #[must_use]
    pub(crate) fn without_emi(mut self, label: &str) -> Self {
        if let Some(rare) = &mut self.rare {
            rare.extensions.retain(|element| !emi_text(element).is_some_and(|text| text.starts_with(label)));
        }
        self
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.format.is_none()
            && self.media_type.is_none()
            && self.rare.as_ref().is_none_or(|rare| **rare == Rare::default())
    }

    /// This Meta of an item over that of its command: element by element, what the item does not say is the command's. Elements that nobody
    /// knows are not passed on: nobody could tell what they mean for each item, and a peer could make them many.
    #[must_use]
    pub fn over(&self, command: &Self) -> Self {
        let mut both = self.clone();
        both.format = both.format.or_else(|| command.format.clone());
        both.media_type = both.media_type.or_else(|| command.media_type.clone());
        if let Some(theirs) = command.rare.as_ref().filter(|rare| rare.is_known()) {
            let ours = both.rare.get_or_insert_default();
            ours.mark = ours.mark.take().or_else(|| theirs.mark.clone());
            ours.size = ours.size.or(theirs.size);
            ours.version = ours.version.take().or_else(|| theirs.version.clone());
            ours.next_nonce = ours.next_nonce.take().or_else(|| theirs.next_nonce.clone());
            ours.max_msg_size = ours.max_msg_size.or(theirs.max_msg_size);
            ours.max_obj_size = ours.max_obj_size.or(theirs.max_obj_size);
        }
        both
    }

    /// The same value, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> Meta<'static> {
        Meta {
            format: self.format.map(Format::into_owned),
            media_type: self.media_type.map(MediaType::into_owned),
            rare: self.rare.map(IntoOwned::into_owned),
        }
    }

    /// Takes out what is known, and leaves what is not.
    pub(super) fn take_known(&mut self) -> Self {
        let mut known = core::mem::take(self);
        if let Some(rare) = &mut known.rare
            && !rare.extensions.is_empty()
        {
            let extensions = core::mem::take(&mut rare.extensions);
            self.rare = Some(Box::new(Rare { extensions, ..Rare::default() }));
        }
        known
    }

    /// Reads the rest of a Meta, or of a MetInf in it. `last` is the known element that was read last.
    fn read<S: Reading<'a>>(&mut self, source: &mut S, last: &mut u8) -> Result<(), DecodeError> {
        while let Some(name) = next_child(source)? {
            let Name::Tag(tag) = name else {
                self.keep(*last, Element::decode(source, name)?);
                continue;
            };
            *last = match tag {
                metinf::FORMAT => {
                    set_once(&mut self.format, tag, source)?;
                    FORMAT
                }
                metinf::TYPE => {
                    set_once(&mut self.media_type, tag, source)?;
                    TYPE
                }
                metinf::MARK => {
                    set_once(&mut self.rare.get_or_insert_default().mark, tag, source)?;
                    MARK
                }
                metinf::SIZE => {
                    set_once(&mut self.rare.get_or_insert_default().size, tag, source)?;
                    SIZE
                }
                metinf::VERSION => {
                    set_once(&mut self.rare.get_or_insert_default().version, tag, source)?;
                    VERSION
                }
                metinf::NEXT_NONCE => {
                    set_once(&mut self.rare.get_or_insert_default().next_nonce, tag, source)?;
                    NEXT_NONCE
                }
                metinf::MAX_MSG_SIZE => {
                    set_once(&mut self.rare.get_or_insert_default().max_msg_size, tag, source)?;
                    MAX_MSG_SIZE
                }
                metinf::MAX_OBJ_SIZE => {
                    set_once(&mut self.rare.get_or_insert_default().max_obj_size, tag, source)?;
                    MAX_OBJ_SIZE
                }
                // A wrapper that adds nothing (MetInf 1.2): its children are the Meta's.
                metinf::MET_INF => {
                    self.read(source, last)?;
                    *last
                }
                _ => {
                    self.keep(*last, Element::decode(source, name)?);
                    *last
                }
            };
        }
        Ok(())
    }

    fn keep(&mut self, last: u8, element: Element<'a>) {
        self.rare.get_or_insert_default().extensions.push_at(behind(last), element);
    }

    /// The known element that is written last.
    fn last(&self) -> u8 {
        let rare = self.rare.as_deref();
        let has = |is: fn(&Rare<'a>) -> bool| rare.is_some_and(is);
        if has(|rare| rare.max_obj_size.is_some()) {
            MAX_OBJ_SIZE
        } else if has(|rare| rare.max_msg_size.is_some()) {
            MAX_MSG_SIZE
        } else if has(|rare| rare.next_nonce.is_some()) {
            NEXT_NONCE
        } else if has(|rare| rare.version.is_some()) {
            VERSION
        } else if has(|rare| rare.size.is_some()) {
            SIZE
        } else if has(|rare| rare.mark.is_some()) {
            MARK
        } else if self.media_type.is_some() {
            TYPE
        } else if self.format.is_some() {
            FORMAT
        } else {
            0
        }
    }
}

/// The text of an EMI; `None` for another element, and for one that holds more.
fn emi_text<'e>(element: &'e Element<'_>) -> Option<&'e str> {
    match element.children.as_slice() {
        [dm_wbxml::Node::Text(text)] if element.name == Name::Tag(metinf::EMI) => Some(text.trim()),
        _ => None,
    }
}

/// The places of known elements, in the order of the MetInf DTD.
const FORMAT: u8 = 1;
const TYPE: u8 = 2;
const MARK: u8 = 3;
const SIZE: u8 = 4;
const VERSION: u8 = 5;
const NEXT_NONCE: u8 = 6;
const MAX_MSG_SIZE: u8 = 7;
const MAX_OBJ_SIZE: u8 = 8;

/// The place behind the known element of this number.
const fn behind(field: u8) -> Place {
    Place::behind(field, if field > 0 { 1 } else { 0 })
}

impl<'a> Content<'a> for Meta<'a> {
    fn decode<S: Reading<'a>>(source: &mut S, _: Tag) -> Result<Self, DecodeError> {
        let mut meta = Self::new();
        let mut last = 0;
        meta.read(source, &mut last)?;
        if !meta.extensions().is_empty() {
            let end = behind(meta.last());
            if let Some(rare) = &mut meta.rare {
                rare.extensions.settle(behind(last), end);
            }
        }
        Ok(meta)
    }

    /// In the order of the MetInf DTD.
    fn encode<K: Writing>(&self, tag: Tag, sink: &mut K) {
        let nothing = Extensions::new();
        let mut unknown = self.rare.as_ref().map_or(&nothing, |rare| &rare.extensions).cursor();
        let place = Place::before;
        sink.open(tag);
        unknown.reach(place(FORMAT), sink);
        if let Some(format) = &self.format {
            format.encode(metinf::FORMAT, sink);
        }
        unknown.reach(place(TYPE), sink);
        if let Some(media_type) = &self.media_type {
            media_type.encode(metinf::TYPE, sink);
        }
        if let Some(rare) = &self.rare {
            unknown.reach(place(MARK), sink);
            if let Some(mark) = &rare.mark {
                mark.encode(metinf::MARK, sink);
            }
            unknown.reach(place(SIZE), sink);
            if let Some(size) = rare.size {
                size.encode(metinf::SIZE, sink);
            }
            unknown.reach(place(VERSION), sink);
            if let Some(version) = &rare.version {
                version.encode(metinf::VERSION, sink);
            }
            unknown.reach(place(NEXT_NONCE), sink);
            if let Some(nonce) = &rare.next_nonce {
                nonce.encode(metinf::NEXT_NONCE, sink);
            }
            unknown.reach(place(MAX_MSG_SIZE), sink);
            if let Some(size) = rare.max_msg_size {
                size.encode(metinf::MAX_MSG_SIZE, sink);
            }
            unknown.reach(place(MAX_OBJ_SIZE), sink);
            if let Some(size) = rare.max_obj_size {
                size.encode(metinf::MAX_OBJ_SIZE, sink);
            }
        }
        unknown.finish(sink);
        sink.close();
    }
}

impl IntoOwned for Meta<'_> {
    type Owned = Meta<'static>;

    fn into_owned(self) -> Self::Owned {
        self.into_owned()
    }
}

impl IntoOwned for Rare<'_> {
    type Owned = Rare<'static>;

    fn into_owned(self) -> Self::Owned {
        Rare {
            mark: self.mark.map(Mark::into_owned),
            size: self.size,
            version: self.version.map(Version::into_owned),
            next_nonce: self.next_nonce.map(NextNonce::into_owned),
            max_msg_size: self.max_msg_size,
            max_obj_size: self.max_obj_size,
            extensions: self.extensions.into_owned(),
        }
    }
}

/// What it says, without what it does not.
impl fmt::Debug for Meta<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Meta");
        macro_rules! show {
            ($($field:ident)*) => {$(
                if let Some(value) = self.$field() {
                    f.field(stringify!($field), &value);
                }
            )*};
        }
        show!(format media_type mark size version next_nonce max_msg_size max_obj_size);
        if !self.extensions().is_empty() {
            f.field("extensions", &self.extensions());
        }
        f.finish()
    }
}

/// `NextNonce`: octets, which travel as base64 text (in WBXML some peers send them bare).
#[derive(Clone, PartialEq, Eq)]
pub struct NextNonce<'a>(Form<'a>);

#[derive(Clone, PartialEq, Eq)]
enum Form<'a> {
    Base64(Cow<'a, str>),
    Octets(Cow<'a, [u8]>),
}

impl NextNonce<'_> {
    /// The nonce of these octets.
    #[must_use]
    pub fn new(nonce: &[u8]) -> NextNonce<'static> {
        NextNonce(Form::Base64(Cow::Owned(Base64::encode_string(nonce))))
    }

    /// The octets that go into a digest; `None` when the text was not base64.
    #[must_use]
    pub fn octets(&self) -> Option<Vec<u8>> {
        match &self.0 {
            Form::Base64(text) => Base64::decode_vec(text).ok(),
            Form::Octets(octets) => Some(octets.to_vec()),
        }
    }

    /// The same value, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> NextNonce<'static> {
        NextNonce(match self.0 {
            Form::Base64(text) => Form::Base64(Cow::Owned(text.into_owned())),
            Form::Octets(octets) => Form::Octets(Cow::Owned(octets.into_owned())),
        })
    }
}

impl<'a> Content<'a> for NextNonce<'a> {
    fn decode<S: Reading<'a>>(source: &mut S, _: Tag) -> Result<Self, DecodeError> {
        let mut form = None;
        loop {
            let piece = match source.require()? {
                Event::Text(text) => match form {
                    None => Form::Base64(text),
                    Some(Form::Base64(before)) => Form::Base64(before + text),
                    Some(Form::Octets(_)) => return Err(error(source, DecodeErrorKind::StrayText)),
                },
                Event::Opaque(octets) if form.is_none() => Form::Octets(Cow::Borrowed(octets)),
                Event::Attribute(_) => continue,
                Event::End => break,
                _ => return Err(error(source, DecodeErrorKind::StrayText)),
            };
            form = Some(piece);
        }
        Ok(Self(match form {
            Some(Form::Base64(text)) => Form::Base64(match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
                Cow::Owned(text) => Cow::Owned(text.trim_ascii().into()),
            }),
            Some(octets) => octets,
            None => Form::Base64(Cow::Borrowed("")),
        }))
    }

    fn encode<K: Writing>(&self, tag: Tag, sink: &mut K) {
        match &self.0 {
            Form::Base64(text) if is_xml_text(text) => sink.leaf(tag, text),
            Form::Base64(_) => sink.empty(tag),
            Form::Octets(octets) => sink.leaf(tag, &Base64::encode_string(octets)),
        }
    }
}

/// Says nothing of the nonce.
impl fmt::Debug for NextNonce<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NextNonce(..)")
    }
}
