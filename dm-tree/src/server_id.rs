//! Who a server is in the eyes of the tree.

use alloc::boxed::Box;
use core::borrow::Borrow;
use core::fmt;

/// A server identifier: what an ACL names and what `DMAcc/<X>/ServerID` holds (TND 1.2.1 §7.7.1).
///
/// Bound to a session by authentication; neither its URL, its address nor its certificate. Compared exactly, case
/// included. Never empty, at most [`MAX_LEN`](Self::MAX_LEN) bytes, without whitespace, control characters and
/// the separators of an ACL (`=`, `&`, `*`, `+`).
///
/// ```
/// use dm_tree::ServerId;
///
/// let server = ServerId::new("com.example.dm")?;
/// assert_eq!(server.as_str(), "com.example.dm");
/// assert!(ServerId::new("*").is_err());
/// # Ok::<(), dm_tree::ServerIdError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(Box<str>);

impl ServerId {
    /// The longest identifier, in bytes: what the length octet of a notification can say (Notification 1.2.1, trigger header).
    pub const MAX_LEN: usize = 255;

    /// Checks and copies an identifier.
    ///
    /// # Errors
    ///
    /// [`ServerIdError`] when it is empty, too long or holds a character an ACL cannot.
    pub fn new(text: &str) -> Result<Self, ServerIdError> {
        if text.is_empty() {
            return Err(ServerIdError::Empty);
        }
        if text.len() > Self::MAX_LEN {
            return Err(ServerIdError::TooLong);
        }
        match text.chars().find(|&c| !is_allowed(c)) {
            Some(character) => Err(ServerIdError::BadCharacter(character)),
            None => Ok(Self(text.into())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<&str> for ServerId {
    type Error = ServerIdError;

    fn try_from(text: &str) -> Result<Self, ServerIdError> {
        Self::new(text)
    }
}

impl AsRef<str> for ServerId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ServerId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Why a text is no server identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerIdError {
    /// Nothing at all.
    #[error("empty server identifier")]
    Empty,
    /// Longer than [`ServerId::MAX_LEN`] bytes.
    #[error("server identifier of more than 255 bytes")]
    TooLong,
    /// A character an ACL cannot hold.
    #[error("character {0:?} in a server identifier")]
    BadCharacter(char),
}

fn is_allowed(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || matches!(c, '=' | '&' | '*' | '+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks() {
        assert!(ServerId::new("www.sonera.fi-8765").is_ok());
        assert!(ServerId::new("服务器").is_ok());
        assert!(ServerId::new(&"a".repeat(255)).is_ok());
        assert_eq!(ServerId::new(""), Err(ServerIdError::Empty));
        assert_eq!(ServerId::new(&"a".repeat(256)), Err(ServerIdError::TooLong));
        for c in ['=', '&', '*', '+', ' ', '\t', '\0', '\u{a0}', '\u{7f}'] {
            assert_eq!(ServerId::new(&alloc::format!("a{c}b")), Err(ServerIdError::BadCharacter(c)));
        }
    }
}
