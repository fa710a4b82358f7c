//! Who acts on a tree: servers, and applications of the device. Neither can pass for the other.

use alloc::boxed::Box;
use core::fmt;

use crate::application::Registration;
use crate::error::Refusal;
use crate::server_id::ServerId;
use crate::tree::Tree;
use crate::uri::NodeUri;

/// Who did something to a tree.
///
/// A server and an application of the same name are two principals: what an ACL says is about servers only, what an
/// application was granted is about applications only, and `*` in an ACL means every server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Principal {
    /// A server, which was authenticated.
    Server(ServerId),
    /// An application of the device, which was registered.
    Application(ApplicationId),
}

impl Principal {
    /// The server, when it is one.
    #[must_use]
    pub const fn server(&self) -> Option<&ServerId> {
        match self {
            Self::Server(server) => Some(server),
            Self::Application(_) => None,
        }
    }

    /// The application, when it is one.
    #[must_use]
    pub const fn application(&self) -> Option<&ApplicationId> {
        match self {
            Self::Server(_) => None,
            Self::Application(application) => Some(application),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(server) => write!(f, "server {server}"),
            Self::Application(application) => write!(f, "application {application}"),
        }
    }
}

/// What the device calls an application: a principal of its own kind, never a [`ServerId`].
///
/// Compared exactly. Never empty, at most [`MAX_LEN`](Self::MAX_LEN) bytes, without whitespace and control characters.
///
/// ```
/// use dm_tree::ApplicationId;
///
/// let mail = ApplicationId::new("com.example.mail")?;
/// assert_eq!(mail.as_str(), "com.example.mail");
/// assert!(ApplicationId::new("").is_err());
/// # Ok::<(), dm_tree::ApplicationIdError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationId(Box<str>);

impl ApplicationId {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Checks and copies a name.
    ///
    /// # Errors
    ///
    /// [`ApplicationIdError`] when it is empty, too long or holds whitespace or a control character.
    pub fn new(text: &str) -> Result<Self, ApplicationIdError> {
        if text.is_empty() {
            return Err(ApplicationIdError::Empty);
        }
        if text.len() > Self::MAX_LEN {
            return Err(ApplicationIdError::TooLong);
        }
        match text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            Some(character) => Err(ApplicationIdError::BadCharacter(character)),
            None => Ok(Self(text.into())),
        }
    }

    /// The text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Why a text is no name of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplicationIdError {
    /// Nothing at all.
    #[error("empty application identifier")]
    Empty,
    /// Longer than [`ApplicationId::MAX_LEN`] bytes.
    #[error("application identifier of more than 255 bytes")]
    TooLong,
    /// Whitespace or a control character.
    #[error("character {0:?} in an application identifier")]
    BadCharacter(char),
}

/// Who acts, with what is needed to tell what it may do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Actor<'a> {
    Server(&'a ServerId),
    Application(&'a Registration),
}

impl<'a> Actor<'a> {
    pub(crate) const fn server(self) -> Option<&'a ServerId> {
        match self {
            Self::Server(server) => Some(server),
            Self::Application(_) => None,
        }
    }

    pub(crate) const fn application(self) -> Option<&'a ApplicationId> {
        match self {
            Self::Server(_) => None,
            Self::Application(application) => Some(&application.id),
        }
    }

    pub(crate) fn principal(self) -> Principal {
        match self {
            Self::Server(server) => Principal::Server(server.clone()),
            Self::Application(application) => Principal::Application(application.id.clone()),
        }
    }

    /// An application is denied where it has no right at all, before it can learn whether there is anything.
    pub(crate) fn check_place(self, tree: &Tree, uri: &NodeUri<'_>) -> Result<(), Refusal> {
        match self {
            Self::Application(application) if application.grants.rights_at(tree, uri).is_empty() => {
                Err(crate::error::RefusalKind::Denied.into())
            }
            _ => Ok(()),
        }
    }
}
