//! How the vocabulary of a tree is written: as the texts the standard has for them, values as their parts. What is
//! read is checked like anything that comes from outside.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::acl::Acl;
use crate::authority::MoType;
use crate::principal::ApplicationId;
use crate::rights::{AccessType, Rights};
use crate::server_id::ServerId;
use crate::store::Flags;
use crate::timestamp::Timestamp;
use crate::uri::NodeUri;
use crate::value::{Format, Value};

macro_rules! as_text {
    ($($name:ty: $write:expr, $read:expr;)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let write: fn(&Self) -> String = $write;
                to.serialize_str(&write(self))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(from)?;
                let read: fn(&str) -> Result<Self, String> = $read;
                read(&text).map_err(D::Error::custom)
            }
        }
    )*};
}

as_text! {
    Acl: ToString::to_string, |text| Self::parse(text).map_err(|error| error.to_string());
    Format: |format| format.name().into(), |text| Self::from_name(text).ok_or("an unknown format".into());
    ServerId: ToString::to_string, |text| Self::new(text).map_err(|error| error.to_string());
    NodeUri<'static>: ToString::to_string,
        |text| NodeUri::parse(text).map(NodeUri::into_owned).map_err(|error| error.to_string());
    Timestamp: ToString::to_string, |text| Self::parse(text).ok_or("not a time like 20240229T120000Z".into());
    ApplicationId: ToString::to_string, |text| Self::new(text).map_err(|error| error.to_string());
    AccessType: |access| access.iter().map(|(_, name)| name).collect::<Vec<_>>().join(" "),
        |text| text.split_whitespace().try_fold(Self::NONE, |all, name| {
            Self::from_name(name).map(|one| all | one).ok_or_else(|| "an unknown command".to_string())
        });
    MoType: ToString::to_string, |text| Self::new(text).map_err(|error| error.to_string());
    Rights: |rights| rights.iter().map(|(_, name)| name).collect::<Vec<_>>().join(" "),
        |text| text.split_whitespace().try_fold(Self::NONE, |all, name| {
            Self::from_name(name).map(|one| all | one).ok_or_else(|| "an unknown command".to_string())
        });
}

impl Serialize for Flags {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(self.bits())
    }
}

impl<'de> Deserialize<'de> for Flags {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::from_bits(u8::deserialize(from)?).ok_or_else(|| D::Error::custom("unknown flags"))
    }
}

/// The parts of a value.
#[derive(Serialize, Deserialize)]
struct Parts<'a> {
    format: Format,
    mime: Cow<'a, str>,
    data: Octets<'a>,
    secret: bool,
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Parts {
            format: self.format(),
            mime: Cow::Borrowed(self.mime()),
            data: Octets(Cow::Borrowed(self.data())),
            secret: self.is_secret(),
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let parts = Parts::deserialize(from)?;
        let mime = match &*parts.mime {
            Self::DEFAULT_TYPE => Cow::Borrowed(Self::DEFAULT_TYPE),
            other => Cow::Owned(other.into()),
        };
        let value = Self::new(parts.format, mime, parts.data.0.into_owned()).map_err(D::Error::custom)?;
        Ok(if parts.secret { value.into_secret() } else { value })
    }
}

/// Octets as octets, where the store has them.
struct Octets<'a>(Cow<'a, [u8]>);

impl Serialize for Octets<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Octets<'_> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reading;

        impl<'de> Visitor<'de> for Reading {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("octets")
            }

            fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<Vec<u8>, E> {
                Ok(octets.to_vec())
            }

            fn visit_byte_buf<E: Error>(self, octets: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(octets)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
                let mut octets = Vec::new();
                while let Some(octet) = seq.next_element()? {
                    octets.push(octet);
                }
                Ok(octets)
            }
        }

        from.deserialize_byte_buf(Reading).map(|octets| Octets(Cow::Owned(octets)))
    }
}
