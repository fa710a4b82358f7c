//! What a server and a device share.

use alloc::boxed::Box;
use core::fmt;

use base64ct::{Base64, Encoding as _};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::digest::{self, HASH, HASH_TEXT};
use crate::{Digest, ServerIdentifier, Trigger, ValueError, ValueErrorKind};

/// The credential that a server presents to one device: the account's server identifier, and the hash of a name and
/// a password.
///
/// On the device it is made from the `AppAuth` entry of the account whose `AAuthLevel` is `SRVCRED`. Only the hash
/// is kept; it is as good as the password to whoever reads it, so it is not shown by `Debug`, compares in constant
/// time and is wiped on drop. The caller wipes its own copy of the password.
///
/// ```
/// use dm_notification::{Credential, ServerIdentifier};
///
/// let server = ServerIdentifier::new("com.mgmtsrv.manage")?;
/// let credential = Credential::new(server, "srvpassword");
/// assert_eq!(credential, Credential::from_stored_form(server, credential.stored_form())?);
/// assert_eq!(format!("{credential:?}"), r#"Credential { server_identifier: "com.mgmtsrv.manage", .. }"#);
/// # Ok::<(), dm_notification::ValueError>(())
/// ```
pub struct Credential {
    server_identifier: Box<[u8]>,
    hash: Zeroizing<[u8; HASH_TEXT]>,
}

impl Credential {
    /// The credential of a server with this password, as the standard has it: the server identifier is the name.
    #[must_use]
    pub fn new(server: ServerIdentifier<'_>, password: impl AsRef<[u8]>) -> Self {
        Self::with_name(server, server.as_octets(), password)
    }

    /// The same, hashed under another name. Some devices (Samsung among them) hash the account's `AAuthName`; it
    /// matters only where that differs from the server identifier.
    #[must_use]
    pub fn with_name(
        server: ServerIdentifier<'_>,
        name: impl AsRef<[u8]>,
        password: impl AsRef<[u8]>,
    ) -> Self {
        let hash = digest::hash_credential(name.as_ref(), password.as_ref());
        Self { server_identifier: server.as_octets().into(), hash }
    }

    /// The credential that [`stored_form`](Self::stored_form) wrote.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::StoredForm`] if `stored` is not Base64 of 16 octets, padded, without line breaks.
    pub fn from_stored_form(server: ServerIdentifier<'_>, stored: &str) -> Result<Self, ValueError> {
        let refused = ValueError::new(ValueErrorKind::StoredForm);
        let hash: [u8; HASH_TEXT] = stored.as_bytes().try_into().map_err(|_| refused)?;
        let hash = Zeroizing::new(hash);
        // Two octets of slack: the decoder wants room for the padding it has not looked at yet.
        let mut raw = Zeroizing::new([0; HASH + 2]);
        match Base64::decode(hash.as_slice(), raw.as_mut_slice()) {
            Ok(raw) if raw.len() == HASH => Ok(Self { server_identifier: server.as_octets().into(), hash }),
            _ => Err(refused),
        }
    }

    /// `B64(MD5(name:password))`, 24 characters: a server can keep this instead of the password. **It is a secret.**
    #[must_use]
    pub fn stored_form(&self) -> &str {
        core::str::from_utf8(&*self.hash).expect("Base64 is ASCII")
    }

    /// The server this credential belongs to.
    #[must_use]
    pub fn server_identifier(&self) -> ServerIdentifier<'_> {
        ServerIdentifier::from_octets(&self.server_identifier).expect("copied from a server identifier")
    }

    /// The digest of a trigger under this credential and these raw nonce octets.
    pub(crate) fn digest(&self, trigger: &Trigger<'_>, nonce: &[u8]) -> Digest {
        digest::digest(&self.hash, nonce, &trigger.pieces(&trigger.head()))
    }
}

/// Same server, same hash; the hashes are compared in constant time.
impl PartialEq for Credential {
    fn eq(&self, other: &Self) -> bool {
        let same_hash: bool = self.hash.ct_eq(&*other.hash).into();
        same_hash && self.server_identifier == other.server_identifier
    }
}

impl Eq for Credential {}

/// Shows the server and nothing of the secret.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("server_identifier", &self.server_identifier())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    fn server() -> ServerIdentifier<'static> {
        ServerIdentifier::new("com.mgmtsrv.manage").expect("short")
    }

    #[test]
    fn stored_form_is_the_hash_in_base64() {
        assert_eq!(Credential::new(server(), "srvpassword").stored_form(), "PJFom3w2SeOTLfTJ4SWl0A==");
    }

    #[test]
    fn only_base64_of_16_octets_is_a_stored_form() {
        assert!(Credential::from_stored_form(server(), "PJFom3w2SeOTLfTJ4SWl0A==").is_ok());
        for text in [
            "",
            "PJFom3w2SeOTLfTJ4SWl0A",
            "PJFom3w2SeOTLfTJ4SWl0A==\n",
            "PJFom3w2SeOTLfTJ4SWl0AAA", // 18 octets
            "PJFom3w2SeOTLfTJ4SWl0AA=", // 17 octets
            "PJFom3w2SeOTLfTJ4SWl0B==", // bits behind the last octet
            "PJFom3w2SeOTLfTJ4SWl0-==",
            "PJFom3w2SeOTLfTJ4SWl\u{E4}==",
            "=JFom3w2SeOTLfTJ4SWl0A==",
        ] {
            let kind = Credential::from_stored_form(server(), text).map_err(|e| e.kind());
            assert_eq!(kind, Err(ValueErrorKind::StoredForm), "{text:?}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let credential = Credential::new(server(), "srvpassword");
        let shown = format!("{credential:?} {credential:#?}");
        assert!(!shown.contains(credential.stored_form()));
        assert!(!shown.contains("srvpassword"));
    }

    #[test]
    fn equality_looks_at_server_and_hash() {
        let other = ServerIdentifier::new("other").expect("short");
        let credential = Credential::new(server(), "p");
        assert_eq!(credential, Credential::with_name(server(), server().to_string(), "p"));
        assert_ne!(credential, Credential::new(server(), "q"));
        assert_ne!(credential, Credential::with_name(server(), "name", "p"));
        assert_ne!(credential, Credential::with_name(other, server().as_octets(), "p"));
    }
}
