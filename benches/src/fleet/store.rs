//! What is stored is octets: nothing comes back from storage but what was written there.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value as it is stored.
pub(super) fn written<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("what is stored are numbers, texts and lists of them")
}

/// A value that was stored.
///
/// # Errors
///
/// When the octets are no such value.
pub(super) fn read<T: DeserializeOwned>(octets: &[u8]) -> Result<T, String> {
    serde_json::from_slice(octets).map_err(|error| error.to_string())
}
