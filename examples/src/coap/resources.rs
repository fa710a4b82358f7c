//! Resources as the LwM2M registry numbers them: `object/instance/resource`.

use dm_tree::{Format, Value};

/// What may be done with a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operations {
    /// It is read.
    Read,
    /// It is read and written.
    ReadWrite,
    /// It is executed.
    Execute,
}

/// A resource that is known by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resource {
    /// Its path, without a slash in front.
    pub path: &'static str,
    /// What the registry calls it.
    pub name: &'static str,
    /// What a value of it is to OMA DM.
    pub format: Format,
    /// What may be done with it.
    pub operations: Operations,
}

/// What the device here has.
pub const RESOURCES: &[Resource] = &[
    resource("3/0/0", "Manufacturer", Format::Chr, Operations::Read),
    resource("3/0/1", "Model Number", Format::Chr, Operations::Read),
    resource("3/0/3", "Firmware Version", Format::Chr, Operations::Read),
    resource("3/0/4", "Reboot", Format::Null, Operations::Execute),
    resource("5/0/1", "Package URI", Format::Chr, Operations::ReadWrite),
    resource("5/0/2", "Update", Format::Null, Operations::Execute),
    resource("5/0/3", "State", Format::Int, Operations::Read),
    resource("5/0/5", "Update Result", Format::Int, Operations::Read),
    resource("3311/0/5850", "On/Off", Format::Bool, Operations::ReadWrite),
    resource("3311/0/5851", "Dimmer", Format::Int, Operations::ReadWrite),
];

const fn resource(
    path: &'static str,
    name: &'static str,
    format: Format,
    operations: Operations,
) -> Resource {
    Resource { path, name, format, operations }
}

/// What is known about the resource at a path.
#[must_use]
pub fn find(path: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.path == path)
}

/// A value as plain text of LwM2M (TS Core, data formats): a Boolean is `0` or `1`. `None` for octets, which are no text.
#[must_use]
pub fn to_text(value: &Value) -> Option<String> {
    match value.format() {
        Format::Bool => Some(if value.as_bool()? { "1" } else { "0" }.into()),
        _ => value.as_str().map(Into::into),
    }
}

/// Plain text of LwM2M as a value. Text that is not what the registry says of the resource stays text.
#[must_use]
pub fn from_text(path: &str, text: &str) -> Value {
    let typed = find(path).and_then(|resource| match (resource.format, text) {
        (Format::Bool, "0") => Some(Value::bool(false)),
        (Format::Bool, "1") => Some(Value::bool(true)),
        (Format::Int, _) => text.parse().ok().map(Value::int),
        _ => None,
    });
    typed.unwrap_or_else(|| Value::chr(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_meaning_both_ways() {
        for (path, text, value) in [
            ("3/0/0", "Example", Value::chr("Example")),
            ("3311/0/5850", "1", Value::bool(true)),
            ("3311/0/5850", "0", Value::bool(false)),
            ("3311/0/5851", "40", Value::int(40)),
            ("9/9/9", "7", Value::chr("7")),
        ] {
            assert_eq!(from_text(path, text), value, "{path}");
            assert_eq!(to_text(&value).as_deref(), Some(text), "{path}");
        }
        assert_eq!(from_text("3311/0/5850", "perhaps"), Value::chr("perhaps"));
        assert_eq!(to_text(&Value::bin([0xFF])), None);
    }
}
