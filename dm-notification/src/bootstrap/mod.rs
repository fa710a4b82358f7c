//! What proves that a bootstrap message comes from where it should: security methods, keys, and message
//! authentication codes (DM Security 1.2.1, bootstrap; OMA Provisioning Bootstrap 1.1, SEC).
//!
//! A bootstrap is the one message that nobody can have agreed upon before. Its sender proves instead that he knows
//! something about the subscriber: what the network knows (the IMSI), what the user was told (a PIN), or both. The
//! documents themselves are `dm_tree::bootstrap`'s.
//!
//! ```
//! use dm_notification::bootstrap::{CpSec, Mac, MacKey, NetworkSecret, SharedSecrets};
//!
//! let document = [0x03, 0x0B, 0x6A, 0x00, 0x05];
//! let secrets = SharedSecrets::new().with_network(NetworkSecret::from_imsi("001010123456789")?);
//! let key = MacKey::for_cp(CpSec::NETWPIN, &secrets)?;
//! let mac: Mac = "FFEF4AE6EF6F5AF85D1A5B4AB78A8DD0B9CA3EE1".parse()?;
//! assert_eq!(key.mac(&document), mac);
//! key.verify(&document, &mac)?;
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod error;
mod key;
mod mac;
mod method;
mod pin_check;
mod secret;

pub use error::{BootstrapError, BootstrapErrorKind};
pub use key::MacKey;
pub use mac::Mac;
pub use method::{CpSec, DmSec};
pub use pin_check::{CheckedPin, MIN_PIN_DIGITS};
pub use secret::{NetworkSecret, Pin, SharedSecrets};
