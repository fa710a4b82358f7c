//! DM commands as an adapter sees them: typed, one node each.

use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::{Command, Item, LocUri, Meta, StatusCode};
use dm_tree::{Format, NodeUri, Value};

/// One operation on one node of a device that does not speak OMA DM.
///
/// What `./Sensor/1/Unit` means to the device is the adapter's business; the mapping is out of the scope of GwMO.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum NativeOp {
    /// Read a node.
    Get {
        /// Which.
        target: NodeUri<'static>,
    },
    /// Make a node.
    Add {
        /// Which.
        target: NodeUri<'static>,
        /// What it holds; `None` for an interior node.
        value: Option<Value>,
    },
    /// Overwrite a node.
    Replace {
        /// Which.
        target: NodeUri<'static>,
        /// What it is to hold.
        value: Value,
    },
    /// Remove a node and what is below.
    Delete {
        /// Which.
        target: NodeUri<'static>,
    },
    /// Run a node.
    Exec {
        /// Which.
        target: NodeUri<'static>,
        /// What it is to be given.
        value: Option<Value>,
    },
    /// Copy a node.
    Copy {
        /// From where.
        source: NodeUri<'static>,
        /// To where.
        target: NodeUri<'static>,
    },
}

impl NativeOp {
    /// The operations of a command: one for each of its items, in their order.
    ///
    /// # Errors
    ///
    /// The Status that answers it: 406 for Atomic and Sequence, for commands that are none on nodes, and for queries;
    /// 412 without an item or for a part of a value, that of [`NodeUri::parse`] for an address that cannot be, 415 for a value
    /// that cannot be.
    pub fn of_command(command: &Command<'_>) -> Result<Vec<Self>, StatusCode> {
        let meta = command.meta();
        let read: fn(&Item<'_>, Option<&Meta<'_>>) -> Result<Self, StatusCode> = match command {
            Command::Get(_) => |item, _| Ok(Self::Get { target: target(item)? }),
            Command::Delete(_) => |item, _| Ok(Self::Delete { target: target(item)? }),
            Command::Add(_) => {
                |item, meta| Ok(Self::Add { target: target(item)?, value: value(item, meta)? })
            }
            Command::Exec(_) => {
                |item, meta| Ok(Self::Exec { target: target(item)?, value: value(item, meta)? })
            }
            Command::Replace(_) => |item, meta| {
                let value = value(item, meta)?.ok_or(StatusCode::INCOMPLETE_COMMAND)?;
                Ok(Self::Replace { target: target(item)?, value })
            },
            Command::Copy(_) => {
                |item, _| Ok(Self::Copy { source: node(item.source_uri())?, target: target(item)? })
            }
            _ => return Err(StatusCode::NOT_SUPPORTED),
        };
        let items = command.items();
        if items.is_empty() || items.iter().any(|item| item.more_data) {
            return Err(StatusCode::INCOMPLETE_COMMAND);
        }
        items.iter().map(|item| read(item, meta)).collect()
    }

    /// Which command it comes from.
    #[must_use]
    pub const fn command(&self) -> NativeCommands {
        match self {
            Self::Get { .. } => NativeCommands::GET,
            Self::Add { .. } => NativeCommands::ADD,
            Self::Replace { .. } => NativeCommands::REPLACE,
            Self::Delete { .. } => NativeCommands::DELETE,
            Self::Exec { .. } => NativeCommands::EXEC,
            Self::Copy { .. } => NativeCommands::COPY,
        }
    }

    /// Octets of the value in it.
    #[must_use]
    pub fn octets(&self) -> usize {
        match self {
            Self::Add { value, .. } | Self::Exec { value, .. } => {
                value.as_ref().map_or(0, |value| value.data().len())
            }
            Self::Replace { value, .. } => value.data().len(),
            Self::Get { .. } | Self::Delete { .. } | Self::Copy { .. } => 0,
        }
    }

    /// Whether doing it twice is doing it once.
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        matches!(self, Self::Get { .. } | Self::Replace { .. } | Self::Delete { .. } | Self::Copy { .. })
    }
}

fn target(item: &Item<'_>) -> Result<NodeUri<'static>, StatusCode> {
    node(item.target_uri())
}

fn node(uri: Option<&LocUri<'_>>) -> Result<NodeUri<'static>, StatusCode> {
    let uri = uri.ok_or(StatusCode::INCOMPLETE_COMMAND)?.as_str();
    if uri.contains('?') {
        return Err(StatusCode::NOT_SUPPORTED);
    }
    NodeUri::parse(uri).map(NodeUri::into_owned).map_err(|error| error.status())
}

fn value(item: &Item<'_>, meta: Option<&Meta<'_>>) -> Result<Option<Value>, StatusCode> {
    let said = item.format_under(meta);
    let format = match said.map(|format| format.as_str()) {
        None => Format::Chr,
        Some("node") => return Ok(None),
        Some(name) => Format::from_name(name).ok_or(StatusCode::UNSUPPORTED_FORMAT)?,
    };
    let Some(data) = &item.data else { return Ok(None) };
    let octets = data.decoded(said).map_err(|_| StatusCode::BAD_REQUEST)?;
    let mime: String = item.media_type_under(meta).map_or(Value::DEFAULT_TYPE, |mime| mime.as_str()).into();
    // What came as base64 text is octets now.
    let format = if format == Format::B64 { Format::Bin } else { format };
    Value::new(format, mime, octets.into_owned()).map(Some).map_err(|error| error.status())
}

/// A set of commands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NativeCommands(u8);

impl NativeCommands {
    /// None.
    pub const NONE: Self = Self(0);
    /// Get.
    pub const GET: Self = Self(1);
    /// Add.
    pub const ADD: Self = Self(2);
    /// Replace.
    pub const REPLACE: Self = Self(4);
    /// Delete.
    pub const DELETE: Self = Self(8);
    /// Exec.
    pub const EXEC: Self = Self(16);
    /// Copy.
    pub const COPY: Self = Self(32);

    /// These and others.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of the others are among these.
    #[must_use]
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}
