//! A SyncML message as serde types: the commands in their order, text borrowed where it can be.
//!
//! The same shape as our own types, so that the same work is compared. Borrowing is kinder to quick-xml than the
//! `String`s one would usually write.

use alloc::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Text that borrows unless it had to be unescaped. serde borrows a `Cow` only when it is a field of its own, not
/// within an `Option`, hence the newtype.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SyncML<'a> {
    #[serde(rename = "@xmlns", borrow, skip_serializing_if = "Option::is_none")]
    xmlns: Option<Text<'a>>,
    #[serde(borrow)]
    sync_hdr: SyncHdr<'a>,
    #[serde(borrow)]
    sync_body: SyncBody<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SyncHdr<'a> {
    #[serde(rename = "VerDTD", borrow)]
    ver_dtd: Text<'a>,
    #[serde(borrow)]
    ver_proto: Text<'a>,
    #[serde(rename = "SessionID", borrow)]
    session_id: Text<'a>,
    #[serde(rename = "MsgID", borrow)]
    msg_id: Text<'a>,
    #[serde(borrow)]
    target: Location<'a>,
    #[serde(borrow)]
    source: Location<'a>,
    #[serde(rename = "RespURI", borrow, skip_serializing_if = "Option::is_none")]
    resp_uri: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    cred: Option<Cred<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Location<'a> {
    #[serde(rename = "LocURI", borrow)]
    loc_uri: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    loc_name: Option<Text<'a>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Cred<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    meta: Option<Meta<'a>>,
    #[serde(borrow)]
    data: Text<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Meta<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    format: Option<MetInf<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    r#type: Option<MetInf<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    mark: Option<MetInf<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    size: Option<MetInf<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    next_nonce: Option<MetInf<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    max_msg_size: Option<MetInf<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    max_obj_size: Option<MetInf<'a>>,
}

/// An element of `syncml:metinf`, which declares its namespace itself.
#[derive(Deserialize, Serialize)]
struct MetInf<'a> {
    #[serde(rename = "@xmlns", borrow, skip_serializing_if = "Option::is_none")]
    xmlns: Option<Text<'a>>,
    #[serde(rename = "$text", borrow, skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
}

#[derive(Deserialize, Serialize)]
struct SyncBody<'a> {
    #[serde(rename = "$value", borrow, default)]
    commands: Vec<Command<'a>>,
}

#[derive(Deserialize, Serialize)]
enum Command<'a> {
    #[serde(borrow)]
    Status(Box<Status<'a>>),
    #[serde(borrow)]
    Alert(Items<'a>),
    #[serde(borrow)]
    Results(Box<Results<'a>>),
    #[serde(borrow)]
    Add(Items<'a>),
    #[serde(borrow)]
    Copy(Items<'a>),
    #[serde(borrow)]
    Delete(Items<'a>),
    #[serde(borrow)]
    Exec(Items<'a>),
    #[serde(borrow)]
    Get(Items<'a>),
    #[serde(borrow)]
    Replace(Items<'a>),
    #[serde(borrow)]
    Atomic(Group<'a>),
    #[serde(borrow)]
    Sequence(Group<'a>),
    Final,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Status<'a> {
    #[serde(rename = "CmdID", borrow)]
    cmd_id: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    msg_ref: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    cmd_ref: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    cmd: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    target_ref: Vec<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    source_ref: Vec<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    chal: Option<Chal<'a>>,
    #[serde(borrow)]
    data: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    item: Vec<Item<'a>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Chal<'a> {
    #[serde(borrow)]
    meta: Meta<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Results<'a> {
    #[serde(rename = "CmdID", borrow)]
    cmd_id: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    msg_ref: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    cmd_ref: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    meta: Option<Meta<'a>>,
    #[serde(borrow, default)]
    item: Vec<Item<'a>>,
}

/// Alert, Add, Copy, Delete, Exec, Get and Replace.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Items<'a> {
    #[serde(rename = "CmdID", borrow)]
    cmd_id: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    data: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    meta: Option<Meta<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    correlator: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    item: Vec<Item<'a>>,
}

#[derive(Deserialize, Serialize)]
struct Group<'a> {
    #[serde(rename = "CmdID", borrow)]
    cmd_id: Text<'a>,
    #[serde(rename = "$value", borrow, default)]
    commands: Vec<Command<'a>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    target: Option<Location<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    source: Option<Location<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    meta: Option<Meta<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    data: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    more_data: Option<()>,
}

impl SyncML<'_> {
    /// Commands in the message, members included.
    pub(crate) fn commands(&self) -> usize {
        count(&self.sync_body.commands)
    }
}

fn count(commands: &[Command<'_>]) -> usize {
    commands
        .iter()
        .map(|command| match command {
            Command::Final => 0,
            Command::Atomic(group) | Command::Sequence(group) => 1 + count(&group.commands),
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use dm_benches::inputs::{Profile, Size, generate};

    use super::*;

    #[test]
    fn generated_messages_come_out_as_they_went_in() {
        for profile in Profile::ALL {
            let input = generate(profile, Size::K10);
            let message: SyncML<'_> = quick_xml::de::from_str(&input.xml).unwrap();
            assert_eq!(message.commands(), input.commands);
            assert_eq!(quick_xml::se::to_string(&message).unwrap(), input.xml, "{}", input.name);
        }
    }

    #[test]
    fn text_is_borrowed_unless_escaped() {
        #[derive(Deserialize)]
        struct Both<'a> {
            #[serde(borrow)]
            plain: Option<Text<'a>>,
            #[serde(borrow)]
            escaped: Option<Text<'a>>,
        }
        let both: Both<'_> =
            quick_xml::de::from_str("<x><plain>a</plain><escaped>&amp;</escaped></x>").unwrap();
        assert!(matches!(both.plain, Some(Text(Cow::Borrowed("a")))));
        assert!(matches!(both.escaped, Some(Text(Cow::Owned(_)))));
    }
}
