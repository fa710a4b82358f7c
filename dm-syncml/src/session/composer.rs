//! Puts a message together: header, statuses, commands, each with its CmdID, within the peer's MaxMsgSize.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use crate::auth::Prover;
use crate::codes::{AlertCode, StatusCode};
use crate::model::{
    Alert, Chal, CmdId, CmdName, CmdRef, Command, EncodeOptions, Encoding, LocUri, Message, Meta, MsgId,
    Representation, SessionId, Source, Status, SyncBody, SyncHdr, VerDtd, VerProto,
};

use super::large_object::Announcement;

/// A message being put together.
///
/// Sizes are the exact ones of [`Message::encoded_len`] wherever they decide something. In between an upper bound is added up, so that
/// a message is measured again only when the bound says that it is full; what is gained by that pays for the next time.
#[derive(Debug)]
pub(super) struct Composer {
    encoding: Encoding,
    /// With Final, so that there is always room for it.
    message: Message<'static>,
    next_cmd_id: NonZeroU32,
    /// Octets the peer takes.
    limit: usize,
    /// Octets to be left for what must still go in.
    reserve: usize,
    /// Octets so far, Final included, an upper bound.
    size: usize,
}

/// What stays the same in all headers of one side of a session.
#[derive(Clone, Debug)]
pub(super) struct Letterhead {
    pub(super) encoding: Encoding,
    pub(super) session_id: SessionId<'static>,
    pub(super) ver_dtd: VerDtd<'static>,
    pub(super) ver_proto: VerProto<'static>,
    pub(super) own: LocUri<'static>,
    pub(super) peer: LocUri<'static>,
    pub(super) max_msg_size: Option<u64>,
    pub(super) max_obj_size: Option<u64>,
}

impl Composer {
    /// A message without limit.
    pub(super) fn new(letterhead: &Letterhead, msg_id: u32, prover: Option<&mut Prover>) -> Self {
        let mut header = SyncHdr::new(
            letterhead.session_id.clone(),
            MsgId::number(msg_id),
            letterhead.peer.clone(),
            letterhead.own.clone(),
        );
        header.ver_dtd = letterhead.ver_dtd.clone();
        header.ver_proto = letterhead.ver_proto.clone();
        let shown = prover.map(Prover::show).unwrap_or_default();
        header.cred = shown.cred;
        if let Some(user) = shown.user {
            header.source = Source::new(letterhead.own.clone()).with_loc_name(user);
        }
        let mut meta = Meta::new();
        if let Some(size) = letterhead.max_msg_size {
            meta = meta.with_max_msg_size(size);
        }
        if let Some(size) = letterhead.max_obj_size {
            meta = meta.with_max_obj_size(size);
        }
        header.meta = (!meta.is_empty()).then_some(meta);
        let representation = Representation::of(&header.ver_dtd);
        let message = Message::new(header, SyncBody::new(Vec::new())).with_representation(representation);
        let size = message.encoded_len(letterhead.encoding, &EncodeOptions::DEFAULT);
        Self {
            encoding: letterhead.encoding,
            message,
            next_cmd_id: NonZeroU32::MIN,
            limit: usize::MAX,
            reserve: 0,
            size,
        }
    }

    /// Keeps the message within the peer's MaxMsgSize, as far as [`try_push`](Self::try_push) goes.
    pub(super) fn with_limit(mut self, max_msg_size: Option<u64>) -> Self {
        self.limit = max_msg_size.map_or(usize::MAX, |size| usize::try_from(size).unwrap_or(usize::MAX));
        self
    }

    /// Says where the peer is to send its next message.
    pub(super) fn with_resp_uri(mut self, uri: Option<&LocUri<'static>>) -> Self {
        if uri.is_some() {
            self.message.header.resp_uri = uri.cloned();
            self.size = self.measure();
        }
        self
    }

    /// Says that objects whose transfer broke off can go on, and which.
    pub(super) fn with_announcement(mut self, announced: Option<&Announcement>) -> Self {
        if let Some(announced) = announced {
            let meta = self.message.header.meta.take().unwrap_or_default();
            self.message.header.meta = Some(meta.with_emi(announced.to_text()));
            self.size = self.measure();
        }
        self
    }

    /// Leaves room for an Alert 1222, until [`release_reserve`](Self::release_reserve) (DM Protocol 1.2.1, several messages per package).
    pub(super) fn reserve_next_message(&mut self) {
        /// The command before may leave WBXML on another code page.
        const SWITCH_PAGE: usize = 2;
        let before = self.measure();
        self.message.body.commands.push(Alert::new(CmdId::LONGEST, AlertCode::NEXT_MESSAGE).into());
        self.reserve = self.measure().saturating_sub(before).saturating_add(SWITCH_PAGE);
        self.message.body.commands.pop();
    }

    /// Gives the room back that was reserved.
    pub(super) const fn release_reserve(&mut self) {
        self.reserve = 0;
    }

    pub(super) fn next_cmd_id(&mut self) -> CmdId<'static> {
        let id = CmdId::number(self.next_cmd_id);
        self.next_cmd_id = self.next_cmd_id.saturating_add(1);
        id
    }

    /// The Status for the header of the peer's message `msg_ref`: it comes first in every answer (RepPro 1.2.2, Status).
    pub(super) fn header_status(
        &mut self,
        msg_ref: &MsgId<'static>,
        code: StatusCode,
        chal: Option<Chal<'static>>,
    ) {
        let mut status =
            Status::new(self.next_cmd_id(), msg_ref.clone(), CmdRef::SYNC_HDR, CmdName::SYNC_HDR, code);
        // The peer spoke to us, so its Target is our address.
        status.target_refs.push(self.message.header.source.loc_uri.to_ref());
        status.source_refs.push(self.message.header.target.loc_uri.to_ref());
        status.chal = chal.map(Box::new);
        self.push(status.into());
    }

    /// Adds a command whatever the limit says.
    pub(super) fn push(&mut self, command: Command<'static>) {
        self.size = self.size.saturating_add(command.encoded_len(self.encoding));
        self.message.body.commands.push(command);
    }

    /// Numbers a command and adds it whatever the limit says.
    pub(super) fn push_numbered(&mut self, mut command: Command<'static>) {
        command.renumber(&mut || self.next_cmd_id());
        self.push(command);
    }

    /// What stands in every message of a package but the first: a Status for the header, and one for the Alert 1222.
    pub(super) const LEAST: usize = 2;

    /// Whether a command would fit a message that holds nothing else but two statuses.
    pub(super) fn fits_alone(&mut self, command: &Command<'static>) -> bool {
        let beside = self.message.body.commands.split_off(Self::LEAST.min(self.len()));
        self.message.body.commands.push(command.clone());
        let exact = self.measure();
        self.message.body.commands.pop();
        self.message.body.commands.extend(beside);
        exact.saturating_add(self.reserve) <= self.limit
    }

    /// Asks for the peer's next message, in the room reserved for it.
    pub(super) fn push_next_message(&mut self) {
        let alert = Alert::new(self.next_cmd_id(), AlertCode::NEXT_MESSAGE);
        self.push(alert.into());
    }

    /// Numbers a command and adds it if the message stays within its limit; gives it back otherwise.
    pub(super) fn try_push(&mut self, mut command: Command<'static>) -> Result<(), Command<'static>> {
        let before = self.next_cmd_id;
        command.renumber(&mut || self.next_cmd_id());
        let size = self.size.saturating_add(command.encoded_len(self.encoding));
        self.message.body.commands.push(command);
        if size.saturating_add(self.reserve) <= self.limit {
            self.size = size;
            return Ok(());
        }
        let exact = self.measure();
        if exact.saturating_add(self.reserve) <= self.limit {
            self.size = exact;
            return Ok(());
        }
        self.next_cmd_id = before;
        self.message.body.commands.pop().map_or(Ok(()), Err)
    }

    /// The octets that would be left if this command went in too; `None` when it does not fit. It is not added.
    pub(super) fn room_beside(&mut self, mut command: Command<'static>) -> Option<usize> {
        let before = self.next_cmd_id;
        command.renumber(&mut || self.next_cmd_id());
        self.message.body.commands.push(command);
        let exact = self.measure();
        self.message.body.commands.pop();
        self.next_cmd_id = before;
        self.limit.checked_sub(exact.saturating_add(self.reserve))
    }

    /// The octets that are left.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.measure().saturating_add(self.reserve))
    }

    /// The command that was added last.
    pub(super) fn last(&self) -> Option<&Command<'static>> {
        self.message.body.commands.last()
    }

    /// How many commands are in, statuses included.
    pub(super) fn len(&self) -> usize {
        self.message.body.commands.len()
    }

    /// The largest message that the peer takes.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn measure(&self) -> usize {
        self.message.encoded_len(self.encoding, &EncodeOptions::DEFAULT)
    }

    pub(super) fn finish(mut self, last_in_package: bool) -> Vec<u8> {
        self.message.body.last_in_package = last_in_package;
        self.message.encode(self.encoding)
    }
}

/// A letterhead for tests.
#[cfg(test)]
pub(in crate::session) fn letterhead(encoding: Encoding) -> Letterhead {
    Letterhead {
        encoding,
        session_id: SessionId::new("1A").unwrap(),
        ver_dtd: VerDtd::V1_2,
        ver_proto: VerProto::DM_1_2,
        own: LocUri::new("https://dm.example.net/omadm").unwrap(),
        peer: LocUri::new("IMEI:004999010640000").unwrap(),
        max_msg_size: Some(64 << 10),
        max_obj_size: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DecodeOptions, Get, Item, Replace};
    use alloc::format;
    use alloc::string::{String, ToString};

    #[cfg(feature = "xml")]
    const BOTH: &[Encoding] = &[Encoding::Wbxml, Encoding::Xml];
    #[cfg(not(feature = "xml"))]
    const BOTH: &[Encoding] = &[Encoding::Wbxml];

    fn command(index: usize) -> Command<'static> {
        let item = Item::to(LocUri::new(format!("./N/{index}")).unwrap());
        match index % 3 {
            // A Meta at the end leaves WBXML on another code page.
            0 => Get::new(CmdId::LONGEST, alloc::vec![item.with_meta(Meta::new().with_size(7))]).into(),
            1 => Get::new(CmdId::LONGEST, alloc::vec![item]).into(),
            _ => {
                let data = crate::Data::text("<&>".repeat(index)).unwrap();
                Replace::new(CmdId::LONGEST, alloc::vec![item.with_data(data)]).into()
            }
        }
    }

    /// As much as fits goes in, and not an octet more; what goes in unasked afterwards has its room.
    #[test]
    fn messages_are_filled_to_the_last_octet() {
        for &encoding in BOTH {
            let head = letterhead(encoding);
            // Exact sizes of messages with so many commands.
            let exact: Vec<usize> = (0..12)
                .map(|count| {
                    let mut composer = Composer::new(&head, 1, None);
                    for index in 0..count {
                        composer.try_push(command(index)).unwrap();
                    }
                    composer.finish(true).len()
                })
                .collect();
            for limit in exact[0]..=exact[11] {
                let mut composer = Composer::new(&head, 1, None).with_limit(Some(limit as u64));
                let count = (0..11).take_while(|&index| composer.try_push(command(index)).is_ok()).count();
                let due = exact.iter().rposition(|&size| size <= limit).unwrap().min(11);
                assert_eq!(count, due, "{encoding:?} {limit}");
                assert!(composer.finish(true).len() <= limit);
            }
            for limit in exact[1] + 60..exact[11] {
                let mut composer = Composer::new(&head, 1, None).with_limit(Some(limit as u64));
                composer.reserve_next_message();
                for index in 0..11 {
                    if composer.try_push(command(index)).is_err() {
                        break;
                    }
                }
                composer.push_next_message();
                assert!(composer.finish(true).len() <= limit, "{encoding:?} {limit}");
            }
        }
    }

    #[test]
    fn ids_count_on_without_gaps() {
        let mut composer = Composer::new(&letterhead(Encoding::Wbxml), 1, None).with_limit(Some(400));
        let big =
            Replace::new(
                CmdId::LONGEST,
                alloc::vec![Item::new().with_data(
                    crate::Data::text(String::from_utf8(alloc::vec![b'x'; 500]).unwrap()).unwrap()
                )],
            );
        assert!(composer.try_push(command(1)).is_ok());
        assert!(composer.try_push(big.into()).is_err());
        assert!(composer.try_push(command(4)).is_ok());
        let body = composer.finish(true);
        let message = Message::decode(Encoding::Wbxml, &body, &DecodeOptions::new()).unwrap();
        let ids: Vec<_> = message.body.commands.iter().map(|c| c.cmd_id().unwrap().to_string()).collect();
        assert_eq!(ids, ["1", "2"]);
    }
}
