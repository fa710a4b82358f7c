//! One command as the operator says it: `{"op": "set", "uri": "./Vendor/Lamp/Level", "value": "7", "format": "int"}`.

use std::num::NonZeroU32;

use base64ct::{Base64, Encoding as _};
use dm_syncml::{
    Add, CmdId, Command, Data, Delete, Exec, Format, Get, Item, LocUri, MediaType, Meta, Replace,
};
use serde::{Deserialize, Serialize};

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Op {
    /// Get.
    Get,
    /// Replace.
    Set,
    /// Add.
    Add,
    /// Delete.
    Delete,
    /// Exec.
    Exec,
}

/// A command for one node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Operation {
    pub(super) op: Op,
    pub(super) uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    /// Octets instead of text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<String>,
}

/// The longest address of a node.
const MAX_URI: usize = 2_048;

/// Sessions number commands themselves.
pub(super) fn cmd_id() -> CmdId<'static> {
    CmdId::number(NonZeroU32::MIN)
}

impl Operation {
    /// What it is, for people, without its value.
    pub(super) fn what(&self) -> String {
        let op = match self.op {
            Op::Get => "get",
            Op::Set => "set",
            Op::Add => "add",
            Op::Delete => "delete",
            Op::Exec => "exec",
        };
        format!("{op} {}", self.uri)
    }

    /// The command.
    ///
    /// # Errors
    /// Something of it is not what it should be.
    pub(super) fn command(&self) -> Result<Command<'static>, String> {
        let said = |what: &str| {
            let what = what.to_owned();
            move |error: dm_syncml::ValueError| format!("{what}: {error}")
        };
        if self.uri.len() > MAX_URI {
            return Err(format!("uri: more than {MAX_URI} octets"));
        }
        let mut item = Item::to(LocUri::new(self.uri.clone()).map_err(said("uri"))?);
        let mut meta = Meta::new();
        let octets = self.base64.as_deref().map(Base64::decode_vec).transpose();
        let octets = octets.map_err(|_| "base64: this is none".to_owned())?;
        match (&self.format, &octets) {
            (Some(format), _) => {
                meta = meta.with_format(Format::new(format.clone()).map_err(said("format"))?);
            }
            (None, Some(_)) => meta = meta.with_format(Format::BIN),
            (None, None) => {}
        }
        if let Some(media_type) = &self.media_type {
            meta = meta.with_media_type(MediaType::new(media_type.clone()).map_err(said("type"))?);
        }
        if !meta.is_empty() {
            item = item.with_meta(meta);
        }
        match (&self.value, octets) {
            (Some(_), Some(_)) => return Err("value and base64 exclude each other".into()),
            (Some(text), None) => item = item.with_data(Data::text(text.clone()).map_err(said("value"))?),
            (None, Some(octets)) => item = item.with_data(Data::octets(octets)),
            (None, None) if self.op == Op::Set => return Err("set needs a value".into()),
            (None, None) => {}
        }
        if matches!(self.op, Op::Get | Op::Delete) && item.data.is_some() {
            return Err("get and delete take no value".into());
        }
        Ok(match self.op {
            Op::Get => Get::single(cmd_id(), item).into(),
            Op::Set => Replace::single(cmd_id(), item).into(),
            Op::Add => Add::single(cmd_id(), item).into(),
            Op::Delete => Delete::single(cmd_id(), item).into(),
            Op::Exec => Exec::new(cmd_id(), item).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Command<'static>, String> {
        serde_json::from_str::<Operation>(json).map_err(|error| error.to_string())?.command()
    }

    #[test]
    fn operations_that_make_commands_and_those_that_do_not() {
        for (good, name) in [
            (r#"{"op":"get","uri":"./DevInfo/Mod"}"#, "Get"),
            (r#"{"op":"set","uri":"./A","value":"7","format":"int"}"#, "Replace"),
            (r#"{"op":"add","uri":"./A","format":"node"}"#, "Add"),
            (r#"{"op":"add","uri":"./A","base64":"AAE=","type":"image/png"}"#, "Add"),
            (r#"{"op":"delete","uri":"./A"}"#, "Delete"),
            (r#"{"op":"exec","uri":"./A","value":"now"}"#, "Exec"),
        ] {
            let command = read(good).unwrap_or_else(|error| panic!("{good}: {error}"));
            assert_eq!(command.name().map(|name| name.as_str().to_owned()).as_deref(), Some(name));
        }
        for bad in [
            r#"{"op":"get","uri":""}"#,
            r#"{"op":"get","uri":"./A","value":"7"}"#,
            r#"{"op":"set","uri":"./A"}"#,
            r#"{"op":"set","uri":"./A","base64":"!"}"#,
            r#"{"op":"set","uri":"./A","value":"7","base64":"AA=="}"#,
            r#"{"op":"reboot","uri":"./A"}"#,
            r#"{"op":"get","uri":"./A","else":1}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(
            !serde_json::from_str::<Operation>(r#"{"op":"set","uri":"./A","value":"secret"}"#)
                .expect("json")
                .what()
                .contains("secret")
        );
    }
}
