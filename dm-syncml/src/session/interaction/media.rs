//! What is shown or played beside the text of an interaction (DM 2.0 RD, HLF-010).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding as _};

use crate::error::ValueError;
use crate::model::{LocUri, MediaType};

/// Something to see or hear beside the text of an [`Interaction`](super::Interaction): a picture of what the question is about, the text
/// spoken. The text says everything by itself; who cannot show this shows the text.
///
/// It travels in the options of the alert under a key of ours, `X-MEDIA`: options that a device does not know are passed over, so every
/// device shows the text. A server session sends it only to devices that have said they show its type.
///
/// ```
/// use dm_syncml::CmdId;
/// use dm_syncml::session::{Interaction, InteractionMedia, MediaContent};
///
/// let picture = InteractionMedia::octets("image/png", vec![0x89, b'P', b'N', b'G'])?;
/// let question = Interaction::confirm("Is the lamp green?")?.with_media(picture);
/// let read = Interaction::read(&question.to_alert(CmdId::new("1")?)).unwrap();
/// assert_eq!(read.media[0].content, MediaContent::Octets(vec![0x89, b'P', b'N', b'G']));
/// # Ok::<(), dm_syncml::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct InteractionMedia {
    /// What it is: `image/png`.
    pub media_type: MediaType<'static>,
    /// Where it is, or it itself.
    pub content: MediaContent,
}

/// Where the content is, or it itself.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaContent {
    /// Where the device is to fetch it, if it likes to: who fetches it judges the address, which came from a server.
    Uri(LocUri<'static>),
    /// The content. It has to fit into the message.
    Octets(Vec<u8>),
}

/// Without the octets.
impl fmt::Debug for MediaContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(uri) => f.debug_tuple("Uri").field(uri).finish(),
            Self::Octets(octets) => write!(f, "Octets({})", octets.len()),
        }
    }
}

/// What stands behind the type of content that comes along.
const OCTETS: &str = ";base64url";

impl InteractionMedia {
    /// Content that is elsewhere.
    ///
    /// # Errors
    /// The type is not of the form `type/subtype`, in text without white space.
    pub fn uri(media_type: impl Into<String>, uri: LocUri<'static>) -> Result<Self, ValueError> {
        Ok(Self { media_type: checked(media_type.into())?, content: MediaContent::Uri(uri) })
    }

    /// Content that comes along.
    ///
    /// # Errors
    /// As [`uri`](Self::uri).
    pub fn octets(media_type: impl Into<String>, octets: impl Into<Vec<u8>>) -> Result<Self, ValueError> {
        Ok(Self { media_type: checked(media_type.into())?, content: MediaContent::Octets(octets.into()) })
    }

    /// The value of its option.
    pub(super) fn to_text(&self) -> String {
        match &self.content {
            MediaContent::Uri(uri) => alloc::format!("{} {uri}", self.media_type),
            MediaContent::Octets(octets) => {
                alloc::format!("{}{OCTETS} {}", self.media_type, Base64UrlUnpadded::encode_string(octets))
            }
        }
    }

    /// Reads such a value; `None` when it makes no sense.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (media_type, content) = text.split_once(' ')?;
        match media_type.strip_suffix(OCTETS) {
            Some(media_type) => Self::octets(media_type, Base64UrlUnpadded::decode_vec(content).ok()?).ok(),
            None => Self::uri(media_type, LocUri::new(String::from(content)).ok()?).ok(),
        }
    }
}

fn checked(media_type: String) -> Result<MediaType<'static>, ValueError> {
    let (major, minor) = media_type.split_once('/').ok_or(ValueError::Empty("the subtype"))?;
    if major.is_empty() || minor.is_empty() {
        return Err(ValueError::Empty("the type"));
    }
    if media_type.contains(|c: char| c.is_whitespace()) || media_type.ends_with(OCTETS) {
        return Err(ValueError::Reserved("Type"));
    }
    MediaType::new(media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dm_hlf_010_types_are_checked() {
        for wrong in ["", "image", "/png", "image/", "image/p ng", "image/png;base64url", "image/\u{1}"] {
            assert!(InteractionMedia::octets(wrong, []).is_err(), "{wrong}");
        }
        for wrong in ["", "image/png", "image/png;base64url !!", "image/png ", "nothing ./A"] {
            assert_eq!(InteractionMedia::parse(wrong), None, "{wrong}");
        }
    }
}
