//! One operation of a job: a DM command as a document, checked when it is written.

use alloc::boxed::Box;
use alloc::string::String;

use dm_syncml::elements::Limits;
use dm_syncml::{Command, DecodeErrorKind, DecodeOptions, Encoding, Fragment, StatusCode};
use dm_tree::{Rights, SecretNodes, Value};

use crate::fanout::Op;

/// A command as its server wrote it. The text is kept rather than what it decodes to, which may be far larger.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    value: Value,
    encoding: Encoding,
    op: Op,
    rights: Rights,
    /// The first node whose secret it carries, or asks for.
    secret: Option<Box<str>>,
}

impl Operation {
    /// The elements of the largest operation: thousands of short items in 64 KiB.
    const ELEMENTS: u32 = 1 << 14;
    /// Commands of DM 1.2 need 7, elements in Data one each.
    const DEPTH: u16 = 32;

    /// Checks what a `Cmd` node is to hold.
    ///
    /// # Errors
    ///
    /// 413 when it is too large or too deep, 415 when it is no SyncML, 400 when it is malformed or not exactly one
    /// command, 406 when that is one that cannot be fanned out, 412 when it acts on nothing.
    pub(super) fn new(value: Value, max_len: usize, secrets: &SecretNodes) -> Result<Self, StatusCode> {
        if value.data().len() > max_len {
            return Err(StatusCode::TOO_LARGE);
        }
        let encoding = encoding_of(&value)?;
        let commands = decode(encoding, value.data()).map_err(|error| match error.kind() {
            DecodeErrorKind::NotSyncMl | DecodeErrorKind::WrongRoot(_) => StatusCode::UNSUPPORTED_FORMAT,
            _ => error.status(),
        })?;
        let [command] = commands.body.commands.as_slice() else { return Err(StatusCode::BAD_REQUEST) };
        let (op, rights, no_resp) = match command {
            Command::Get(get) => (Op::get(), Rights::GET, get.no_resp),
            Command::Add(add) => (Op::add(), Rights::ADD, add.no_resp),
            Command::Replace(replace) => (Op::replace(), Rights::REPLACE, replace.no_resp),
            Command::Delete(delete) => (Op::delete(), Rights::DELETE, delete.no_resp),
            Command::Exec(exec) => (Op::exec(), Rights::EXEC, exec.no_resp),
            // It reads, and makes or overwrites; ACLs know no Copy of their own (TND 1.2.1 §7.7.1).
            Command::Copy(copy) => (Op::copy(), Rights::GET | Rights::ADD | Rights::REPLACE, copy.no_resp),
            _ => return Err(StatusCode::NOT_SUPPORTED),
        };
        // An operation without an answer has no outcome.
        if no_resp {
            return Err(StatusCode::NOT_SUPPORTED);
        }
        let items = command.items();
        if items.is_empty() || items.iter().any(|item| item.target_uri().is_none() || item.more_data) {
            return Err(StatusCode::INCOMPLETE_COMMAND);
        }
        if matches!(command, Command::Exec(_)) && items.len() > 1 {
            return Err(StatusCode::BAD_REQUEST);
        }
        let secret = secrets.found_in(command).map(String::into_boxed_str);
        Ok(Self { encoding, op, rights, secret, value })
    }

    /// What was written.
    pub(super) const fn value(&self) -> &Value {
        &self.value
    }

    /// Octets it counts.
    pub(super) fn len(&self) -> usize {
        self.value.data().len()
    }

    /// What repeating it would do.
    pub(super) const fn op(&self) -> Op {
        self.op
    }

    /// What its server must hold on the device's anchor.
    pub(super) const fn rights(&self) -> Rights {
        self.rights
    }

    /// The node whose secret it carries, or asks for.
    pub(super) fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// The command; a session numbers it anew.
    pub(super) fn command(&self) -> Command<'static> {
        let mut body =
            decode(self.encoding, self.value.data()).expect("it was decoded when it was written").body;
        body.commands.pop().expect("it held one command when it was written").into_owned()
    }
}

fn decode(encoding: Encoding, data: &[u8]) -> Result<Fragment<'_>, dm_syncml::DecodeError> {
    let limits = Limits::DEFAULT.with_elements(Operation::ELEMENTS).with_depth(Operation::DEPTH);
    Fragment::decode(encoding, data, &DecodeOptions::new().with_limits(limits))
}

/// What the Type says, else what the first octet can only be.
fn encoding_of(value: &Value) -> Result<Encoding, StatusCode> {
    if let Some(encoding) = Encoding::from_media_type(value.mime()) {
        return Ok(encoding);
    }
    match value.data().first() {
        // WBXML begins with its version: 1.0 to 1.3.
        Some(0..=3) => Ok(Encoding::Wbxml),
        #[cfg(feature = "xml")]
        Some(b'<' | b' ' | b'\t' | b'\r' | b'\n' | 0xef) => Ok(Encoding::Xml),
        _ => Err(StatusCode::UNSUPPORTED_FORMAT),
    }
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "xml")]
    use alloc::format;
    use alloc::vec::Vec;

    use dm_syncml::{CmdId, Get, Item, LocUri, SyncBody};

    use super::*;

    fn get(uri: &str) -> Command<'_> {
        Get::new(CmdId::new("1").unwrap(), Vec::from([Item::to(LocUri::new(uri).unwrap())])).into()
    }

    fn fragment(commands: Vec<Command<'_>>) -> Value {
        Value::bin(Fragment::new(SyncBody::new(commands)).encode(Encoding::Wbxml))
    }

    #[test]
    fn one_command_comes_back() {
        let operation =
            Operation::new(fragment(Vec::from([get("./A")])), 1 << 16, &SecretNodes::none()).unwrap();
        assert_eq!((operation.rights(), operation.op()), (Rights::GET, Op::get()));
        assert_eq!(operation.command(), get("./A").into_owned());
    }

    #[test]
    fn other_numbers_of_commands_are_refused() {
        let refused = |value| Operation::new(value, 1 << 16, &SecretNodes::none()).unwrap_err().get();
        assert_eq!(refused(fragment(Vec::new())), 400);
        assert_eq!(refused(fragment(Vec::from([get("./A"), get("./B")]))), 400);
        assert_eq!(refused(Value::bin(b"\x02\xa4\x01j\x00".as_slice())), 400);
        assert_eq!(refused(Value::bin(b"".as_slice())), 415);
        assert_eq!(refused(Value::bin(b"hello".as_slice())), 415);
        let short = Operation::new(fragment(Vec::from([get("./A")])), 10, &SecretNodes::none());
        assert_eq!(short.unwrap_err().get(), 413);
    }

    #[test]
    fn what_it_carries_is_known() {
        let secrets = SecretNodes::none().with_node("./A/*/Key").unwrap();
        let of = |node| Operation::new(fragment(Vec::from([get(node)])), 1 << 16, &secrets).unwrap();
        assert_eq!(of("./A/1/Key").secret(), Some("./A/1/Key"));
        assert_eq!(of("./A/1/Name").secret(), None);
    }

    #[cfg(feature = "xml")]
    #[test]
    fn xml_is_taken_and_judged() {
        let value = |text: &str| Value::new(dm_tree::Format::Xml, "text/xml", text).unwrap();
        let xml = |text: &str| Operation::new(value(text), 1 << 20, &SecretNodes::none());
        let command = |name: &str, body: &str| {
            format!("<{name} xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID>{body}</{name}>")
        };
        let item = "<Item><Target><LocURI>./A</LocURI></Target></Item>";
        assert_eq!(xml(&command("Exec", item)).unwrap().rights(), Rights::EXEC);
        assert_eq!(xml(&command("Get", &item.repeat(3))).unwrap().rights(), Rights::GET);
        for (name, body, status) in [
            ("Exec", item.repeat(2), 400),
            ("Get", "<Item/>".into(), 412),
            ("Get", format!("<NoResp/>{item}"), 406),
            ("Atomic", command("Get", item), 406),
            ("Alert", "<Data>1200</Data>".into(), 406),
            (
                "Replace",
                "<Item><Target><LocURI>./A</LocURI></Target><Data>1</Data><MoreData/></Item>".into(),
                412,
            ),
            ("Get", "<Item>".into(), 400),
            ("Replace", format!("{}{}", "<Item>".repeat(100), "</Item>".repeat(100)), 413),
            ("Get", item.repeat(20_000), 413),
        ] {
            assert_eq!(xml(&command(name, &body)).map_err(StatusCode::get).err(), Some(status), "{name}");
        }
        assert_eq!(xml("<html/>").unwrap_err().get(), 415);
        assert_eq!(xml("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>").unwrap_err().class(), 4);
    }
}
