//! What a device answered, kept.

use dm_syncml::StatusCode;
use dm_tree::Value;

/// What a device answered to a command: the Status, and what a Get returned.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DeviceAnswer {
    /// The Status; of several operations, the first that is no success.
    #[cfg_attr(feature = "serde", serde(with = "crate::status_number"))]
    pub status: StatusCode,
    /// What was returned; of several values, the first.
    pub value: Option<Value>,
}

impl DeviceAnswer {
    /// A Status without a value.
    #[must_use]
    pub const fn new(status: StatusCode) -> Self {
        Self { status, value: None }
    }

    /// Adds what was returned.
    #[must_use]
    pub fn with_value(mut self, value: Value) -> Self {
        self.value = Some(value);
        self
    }

    /// The same, as a fanout takes it.
    #[must_use]
    pub fn as_answer(&self) -> crate::Answer<'_> {
        let answer = crate::Answer::new(self.status);
        match &self.value {
            Some(value) => answer
                .with_data(value.data())
                .with_format(value.format().name())
                .with_media_type(value.mime()),
            None => answer,
        }
    }
}
