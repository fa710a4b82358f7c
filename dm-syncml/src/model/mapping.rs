//! The one mapping between elements and Rust types, for both encodings.
//!
//! A struct is declared once, inside [`elements!`]: each line is an element, how often it may stand, and what it holds. The order of the
//! lines is the order of the DTD, which is the order of writing; reading takes any order, as the specification's own examples
//! need it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use dm_wbxml::{Name, SYNCML_1_2, Tag, syncml};

use crate::error::{DecodeError, DecodeErrorKind};

use super::quirks::Quirks;
use super::reading::Reading;
use super::token::{CmdId, parse_decimal};
use super::writing::Writing;

/// What an element holds.
pub(crate) trait Content<'a>: Sized {
    /// Reads the rest of the element that just began, called `tag`, its end included.
    fn decode<S: Reading<'a>>(source: &mut S, tag: Tag) -> Result<Self, DecodeError>;

    /// Writes the element, called `tag`.
    fn encode<K: Writing>(&self, tag: Tag, sink: &mut K);
}

/// Values that can be freed from the input they borrow from.
pub(crate) trait IntoOwned {
    type Owned: 'static;

    fn into_owned(self) -> Self::Owned;
}

impl<T: IntoOwned> IntoOwned for Option<T> {
    type Owned = Option<T::Owned>;

    fn into_owned(self) -> Self::Owned {
        self.map(T::into_owned)
    }
}

impl<T: IntoOwned> IntoOwned for Vec<T> {
    type Owned = Vec<T::Owned>;

    fn into_owned(self) -> Self::Owned {
        self.into_iter().map(T::into_owned).collect()
    }
}

impl<T: IntoOwned> IntoOwned for Box<T> {
    type Owned = Box<T::Owned>;

    fn into_owned(self) -> Self::Owned {
        Box::new((*self).into_owned())
    }
}

impl<'a, T: Content<'a>> Content<'a> for Box<T> {
    fn decode<S: Reading<'a>>(source: &mut S, tag: Tag) -> Result<Self, DecodeError> {
        T::decode(source, tag).map(Self::new)
    }

    fn encode<K: Writing>(&self, tag: Tag, sink: &mut K) {
        (**self).encode(tag, sink);
    }
}

/// An element that says something by standing there: `Final`, `MoreData`, `NoResp`.
impl<'a> Content<'a> for bool {
    fn decode<S: Reading<'a>>(source: &mut S, _: Tag) -> Result<Self, DecodeError> {
        source.skip()?;
        Ok(true)
    }

    fn encode<K: Writing>(&self, tag: Tag, sink: &mut K) {
        if *self {
            sink.empty(tag);
        }
    }
}

/// A decimal number.
impl<'a> Content<'a> for u64 {
    fn decode<S: Reading<'a>>(source: &mut S, tag: Tag) -> Result<Self, DecodeError> {
        let text = source.text()?;
        parse_decimal(text.trim_ascii()).ok_or_else(|| error_in(source, tag, DecodeErrorKind::Number))
    }

    fn encode<K: Writing>(&self, tag: Tag, sink: &mut K) {
        sink.leaf(tag, decimal(*self, &mut [0; 20]));
    }
}

/// Decimal digits, in the room for the longest number.
fn decimal(mut number: u64, room: &mut [u8; 20]) -> &str {
    let mut begin = room.len();
    while let Some(before) = begin.checked_sub(1) {
        begin = before;
        room[begin] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    core::str::from_utf8(&room[begin..]).unwrap_or_default()
}

macro_rules! code_content {
    ($($code:ident)*) => {$(
        impl<'a> Content<'a> for crate::$code {
            fn decode<S: Reading<'a>>(source: &mut S, tag: Tag) -> Result<Self, DecodeError> {
                let text = source.text()?;
                match parse_decimal(text.trim_ascii()) {
                    Some(code) => Ok(Self::new(code)),
                    None => Err(error_in(source, tag, DecodeErrorKind::Number)),
                }
            }

            fn encode<K: Writing>(&self, tag: Tag, sink: &mut K) {
                sink.leaf(tag, decimal(self.get().into(), &mut [0; 20]));
            }
        }

    )*};
}

code_content! { StatusCode AlertCode }

macro_rules! already_owned {
    ($($type:ty),*) => {$(
        impl IntoOwned for $type {
            type Owned = Self;

            fn into_owned(self) -> Self {
                self
            }
        }
    )*};
}

already_owned! { bool, u64, crate::StatusCode, crate::AlertCode }

/// An error about what `source` read last.
#[cold]
pub(crate) fn error<'a, S: Reading<'a>>(source: &S, kind: DecodeErrorKind) -> DecodeError {
    DecodeError::new(kind, source.offset(), source.path())
}

/// An error about the element `tag`, which has just ended.
#[cold]
pub(crate) fn error_in<'a, S: Reading<'a>>(source: &S, tag: Tag, kind: DecodeErrorKind) -> DecodeError {
    let mut path = source.path();
    if !path.is_empty() {
        path.push('/');
    }
    path.push_str(name_of(tag));
    DecodeError::new(kind, source.offset(), path)
}

/// The next element inside one that holds only elements; `None` at its end. Attributes of typed elements say nothing in SyncML.
#[inline]
pub(crate) fn next_child<'a, S: Reading<'a>>(source: &mut S) -> Result<Option<Name<'a>>, DecodeError> {
    Ok(source.child()?)
}

/// Fills a place that takes one.
#[inline]
pub(crate) fn set_once<'a, T: Content<'a>, S: Reading<'a>>(
    place: &mut Option<T>,
    tag: Tag,
    source: &mut S,
) -> Result<(), DecodeError> {
    if place.is_some() {
        return Err(error(source, DecodeErrorKind::Repeated(name_of(tag))));
    }
    *place = Some(T::decode(source, tag)?);
    Ok(())
}

/// The element `whole`, which has just ended, lacks one.
#[cold]
pub(crate) fn missing<'a, S: Reading<'a>>(source: &S, whole: Tag, tag: Tag) -> DecodeError {
    error_in(source, whole, DecodeErrorKind::Missing(name_of(tag)))
}

fn name_of(tag: Tag) -> &'static str {
    SYNCML_1_2.name(tag).unwrap_or("an element")
}

/// A CmdID, which must stand, but for peers that are known to leave it out.
#[inline]
pub(crate) fn cmd_id_or_missing<'a, S: Reading<'a>>(
    cmd_id: Option<CmdId<'a>>,
    source: &mut S,
    whole: Tag,
) -> Result<CmdId<'a>, DecodeError> {
    match cmd_id {
        Some(cmd_id) => Ok(cmd_id),
        None if source.meet(Quirks::MISSING_CMD_ID) => Ok(CmdId::MISSING),
        None => Err(missing(source, whole, syncml::CMD_ID)),
    }
}

/// Declares structs and their elements. Each field is `id` (a CmdID, which must stand), `once` (must stand), `maybe` (may stand once), `many` (any number),
/// `items` (any number, under the `meta` of the struct) or `flag` (says something by standing there).
macro_rules! elements {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident<'a> {
            $( $(#[$field_doc:meta])* $how:ident $field:ident: $type:ty = $tag:ident; )*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name<'a> {
            $( $(#[$field_doc])* pub $field: elements!(@field $how $type), )*
            /// Elements that nobody expected here.
            pub extensions: $crate::model::extensions::Extensions<'a>,
        }

        impl<'a> $crate::model::mapping::Content<'a> for $name<'a> {
            #[inline]
            fn decode<S: $crate::model::reading::Reading<'a>>(
                source: &mut S,
                tag: dm_wbxml::Tag,
            ) -> Result<Self, $crate::error::DecodeError> {
                let first = $crate::model::mapping::next_child(source)?;
                Self::decode_children(source, tag, first)
            }

            fn encode<K: $crate::model::writing::Writing>(&self, tag: dm_wbxml::Tag, sink: &mut K) {
                $crate::model::mapping::field_numbers!($($field)*);
                let mut unknown = self.extensions.cursor();
                sink.open(tag);
                $(
                    unknown.reach($crate::model::extensions::Place::before(Field::$field as u8), sink);
                    elements!(@write $how (&self.$field) (self) $tag sink unknown (Field::$field as u8));
                )*
                unknown.finish(sink);
                sink.close();
            }
        }

        impl<'a> $name<'a> {
            /// Reads the rest of the element whose first child has just begun.
            #[inline]
            pub(crate) fn decode_children<S: $crate::model::reading::Reading<'a>>(
                source: &mut S,
                whole: dm_wbxml::Tag,
                mut child: Option<dm_wbxml::Name<'a>>,
            ) -> Result<Self, $crate::error::DecodeError> {
                use $crate::model::extensions::{Extensions, Place};
                $crate::model::mapping::field_numbers!($($field)*);
                $( let mut $field = elements!(@empty $how $type); )*
                let mut extensions = Extensions::new();
                // The field that was read last.
                let mut last = 0;
                /// The place behind a field, of which there are so many.
                macro_rules! behind {
                    ($of:expr) => {
                        match $of {
                            $( of if of == Field::$field as u8 => Place::behind(of, elements!(@count $how $field)), )*
                            _ => Place::FIRST,
                        }
                    };
                }
                // By reference: a name that was just written in parts would be waited for, were it moved as a whole.
                while let Some(name) = &child {
                    match name {
                        $( dm_wbxml::Name::Tag(dm_wbxml::syncml::$tag) => {
                            elements!(@read $how $field $tag source);
                            last = Field::$field as u8;
                        } )*
                        _ => {
                            let Some(other) = child.take() else { break };
                            let element = dm_wbxml::Element::decode(source, other)?;
                            extensions.push_at(behind!(last), element);
                        }
                    }
                    child = $crate::model::mapping::next_child(source)?;
                }
                if !extensions.is_empty() {
                    let mut end = Place::FIRST;
                    $( if elements!(@count $how $field) > 0 {
                        end = behind!(Field::$field as u8);
                    } )*
                    extensions.settle(behind!(last), end);
                }
                Ok(Self { $( $field: elements!(@take $how $field $tag source whole), )* extensions })
            }

            /// The same value, owning all it holds.
            #[must_use]
            pub fn into_owned(self) -> $name<'static> {
                $name {
                    $( $field: $crate::model::mapping::IntoOwned::into_owned(self.$field), )*
                    extensions: $crate::model::mapping::IntoOwned::into_owned(self.extensions),
                }
            }
        }

        impl $crate::model::mapping::IntoOwned for $name<'_> {
            type Owned = $name<'static>;

            fn into_owned(self) -> Self::Owned {
                self.into_owned()
            }
        }
    )*};

    (@field once $type:ty) => { $type };
    (@field id $type:ty) => { $type };
    (@field maybe $type:ty) => { Option<$type> };
    (@field many $type:ty) => { alloc::vec::Vec<$type> };
    (@field items $type:ty) => { alloc::vec::Vec<$type> };
    (@field flag $type:ty) => { $type };

    (@empty once $type:ty) => { None::<$type> };
    (@empty id $type:ty) => { None::<$type> };
    (@empty maybe $type:ty) => { None::<$type> };
    (@empty many $type:ty) => { alloc::vec::Vec::<$type>::new() };
    (@empty items $type:ty) => { alloc::vec::Vec::<$type>::new() };
    (@empty flag $type:ty) => { false };

    (@count once $field:ident) => { usize::from($field.is_some()) };
    (@count id $field:ident) => { usize::from($field.is_some()) };
    (@count maybe $field:ident) => { usize::from($field.is_some()) };
    (@count many $field:ident) => { $field.len() };
    (@count items $field:ident) => { $field.len() };
    (@count flag $field:ident) => { usize::from($field) };

    (@read once $field:ident $tag:ident $source:ident) => {
        $crate::model::mapping::set_once(&mut $field, dm_wbxml::syncml::$tag, $source)?
    };
    (@read id $field:ident $tag:ident $source:ident) => {
        $crate::model::mapping::set_once(&mut $field, dm_wbxml::syncml::$tag, $source)?
    };
    (@read maybe $field:ident $tag:ident $source:ident) => {
        $crate::model::mapping::set_once(&mut $field, dm_wbxml::syncml::$tag, $source)?
    };
    (@read flag $field:ident $tag:ident $source:ident) => {
        $field = $crate::model::mapping::Content::decode($source, dm_wbxml::syncml::$tag)?
    };
    (@read $several:ident $field:ident $tag:ident $source:ident) => {
        if $field.is_empty() {
            // Nearly always there is one, of items and of references; growing from nothing would reserve room for four.
            $field.reserve_exact(1);
        }
        $field.push($crate::model::mapping::Content::decode($source, dm_wbxml::syncml::$tag)?)
    };

    (@take id $field:ident $tag:ident $source:ident $whole:ident) => {
        $crate::model::mapping::cmd_id_or_missing($field, $source, $whole)?
    };
    (@take once $field:ident $tag:ident $source:ident $whole:ident) => {
        match $field {
            Some(value) => value,
            None => return Err($crate::model::mapping::missing($source, $whole, dm_wbxml::syncml::$tag)),
        }
    };
    (@take $how:ident $field:ident $tag:ident $source:ident $whole:ident) => { $field };

    (@write once ($field:expr) ($whole:expr) $tag:ident $sink:ident $unknown:ident ($number:expr)) => {
        $crate::model::mapping::Content::encode($field, dm_wbxml::syncml::$tag, $sink)
    };
    (@write id ($field:expr) ($whole:expr) $tag:ident $sink:ident $unknown:ident ($number:expr)) => {
        $crate::model::mapping::Content::encode($field, dm_wbxml::syncml::$tag, $sink)
    };
    (@write flag ($field:expr) ($whole:expr) $tag:ident $sink:ident $unknown:ident ($number:expr)) => {
        $crate::model::mapping::Content::encode($field, dm_wbxml::syncml::$tag, $sink)
    };
    (@write maybe ($field:expr) ($whole:expr) $tag:ident $sink:ident $unknown:ident ($number:expr)) => {
        if let Some(value) = $field {
            $crate::model::mapping::Content::encode(value, dm_wbxml::syncml::$tag, $sink)
        }
    };
    (@write items ($field:expr) ($whole:expr) $tag:ident $sink:ident $unknown:ident ($number:expr)) => {
        for (before, item) in $field.iter().enumerate() {
            item.encode_under($whole.meta.as_ref(), $sink);
            $unknown.reach($crate::model::extensions::Place::behind($number, before + 1), $sink);
        }
    };
    (@write many ($field:expr) ($whole:expr) $tag:ident $sink:ident $unknown:ident ($number:expr)) => {
        for (before, value) in $field.iter().enumerate() {
            $crate::model::mapping::Content::encode(value, dm_wbxml::syncml::$tag, $sink);
            $unknown.reach($crate::model::extensions::Place::behind($number, before + 1), $sink);
        }
    };
}

/// Numbers fields from 1 in the order of writing.
macro_rules! field_numbers {
    ($($field:ident)*) => {
        #[allow(non_camel_case_types, reason = "fields by their names")]
        #[derive(Clone, Copy)]
        enum Field {
            #[allow(dead_code, reason = "no field has the number 0")]
            None,
            $($field,)*
        }
    };
}

pub(crate) use {elements, field_numbers};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are() {
        for number in [0, 1, 9, 10, 200, 65_535, 4_294_967_296, u64::MAX] {
            assert_eq!(decimal(number, &mut [0; 20]), alloc::format!("{number}"));
        }
    }
}
