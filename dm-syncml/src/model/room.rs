//! How much room a message will take, roughly and at little cost, so that a buffer need not grow from nothing.

use super::command::Command;
use super::item::Item;
use super::message::Encoding;
use super::meta::Meta;

/// Octets of mark-up around what is counted, and of short texts that are not.
#[derive(Clone, Copy)]
pub(super) struct Room {
    header: usize,
    command: usize,
    status: usize,
    text: usize,
    item: usize,
    meta: usize,
    data: usize,
}

impl Room {
    pub(super) const fn of(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Wbxml => {
                Self { header: 160, command: 12, status: 40, text: 6, item: 4, meta: 20, data: 8 }
            }
            #[cfg(feature = "xml")]
            Encoding::Xml => {
                Self { header: 640, command: 56, status: 180, text: 36, item: 14, meta: 100, data: 16 }
            }
        }
    }

    /// Octets for a message, or a body without header, that holds these commands.
    pub(super) fn for_message(self, commands: &[Command<'_>]) -> usize {
        self.header + self.for_commands(commands)
    }

    fn for_commands(self, commands: &[Command<'_>]) -> usize {
        commands.iter().map(|command| self.for_command(command)).sum()
    }

    #[inline]
    fn for_command(self, command: &Command<'_>) -> usize {
        let own = match command {
            Command::Status(status) => {
                let refs = status.target_refs.iter().chain(&status.source_refs);
                self.status + refs.map(|reference| self.text + reference.as_str().len()).sum::<usize>()
            }
            Command::Results(results) => {
                let refs = results.target_ref.iter().chain(results.source_ref.as_deref());
                self.command * 2 + refs.map(|reference| self.text + reference.as_str().len()).sum::<usize>()
            }
            _ => self.command,
        };
        let items: usize = command.items().iter().map(|item| self.for_item(item)).sum();
        own + self.for_meta(command.meta()) + items + self.for_commands(command.members())
    }

    #[inline]
    fn for_item(self, item: &Item<'_>) -> usize {
        let address =
            |uri: Option<&super::token::LocUri<'_>>| uri.map_or(0, |uri| self.text + uri.as_str().len());
        let data = item.data.as_ref().map_or(0, |data| self.data + data.as_octets().map_or(0, <[u8]>::len));
        self.item
            + address(item.target_uri())
            + address(item.source_uri())
            + self.for_meta(item.meta.as_ref())
            + data
    }

    #[inline]
    fn for_meta(self, meta: Option<&Meta<'_>>) -> usize {
        let Some(meta) = meta else { return 0 };
        self.meta + meta.media_type().map_or(0, |media_type| media_type.as_str().len())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::codes::StatusCode;
    use crate::model::{
        Add, CmdId, CmdName, Data, Format, LocUri, MsgId, Results, Status, SyncBody, SyncHdr,
    };
    use crate::model::{Message, SessionId};

    /// Such messages are written without growing, and in not much more than they take.
    #[test]
    fn the_usual_fits() {
        for value in ["", "short", &"a longer value ".repeat(40)] {
            let uri = LocUri::new("./Vendor/Lamp/Kitchen/Brightness").unwrap();
            let meta = Meta::new()
                .with_format(Format::CHR)
                .with_media_type(crate::MediaType::new("text/plain").unwrap());
            let item = Item::to(uri.clone()).with_meta(meta).with_data(Data::text(value).unwrap());
            let id = || CmdId::new("1").unwrap();
            let mut status = Status::new(id(), MsgId::number(1), id().to_ref(), CmdName::ADD, StatusCode::OK);
            status.target_refs.push(uri.to_ref());
            let from = Item::from(uri.clone()).with_data(Data::text(value).unwrap());
            for commands in [1, 20] {
                let mut all: Vec<Command<'_>> = vec![];
                for _ in 0..commands {
                    all.push(Add::new(id(), vec![item.clone()]).into());
                    all.push(status.clone().into());
                    all.push(Results::new(id(), MsgId::number(1), id().to_ref(), vec![from.clone()]).into());
                }
                let header =
                    SyncHdr::new(SessionId::new("1").unwrap(), MsgId::number(1), uri.clone(), uri.clone());
                let message = Message::new(header, SyncBody::new(all));
                for encoding in [
                    Encoding::Wbxml,
                    #[cfg(feature = "xml")]
                    Encoding::Xml,
                ] {
                    let room = Room::of(encoding).for_message(&message.body.commands);
                    let len = message.encode(encoding).len();
                    assert!((len..len * 3 / 2 + 320).contains(&room), "{encoding}: {len} in {room}");
                }
            }
        }
    }
}
