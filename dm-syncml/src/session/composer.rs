//! Puts a message together: header, statuses, commands, each with its CmdID.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use crate::auth::Prover;
use crate::codes::StatusCode;
use crate::model::{
    Chal, CmdId, CmdName, CmdRef, Command, EncodeOptions, Encoding, LocUri, Message, Meta, MsgId,
    Representation, SessionId, Source, Status, SyncBody, SyncHdr, VerDtd, VerProto,
};

/// A message being put together.
#[derive(Debug)]
pub(super) struct Composer {
    encoding: Encoding,
    header: SyncHdr<'static>,
    commands: Vec<Command<'static>>,
    next_cmd_id: NonZeroU32,
    /// Octets so far, an upper bound.
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
        let empty = Message::new(header, SyncBody::new(Vec::new()));
        let size = empty.encoded_len(letterhead.encoding, &EncodeOptions::DEFAULT);
        Self {
            encoding: letterhead.encoding,
            header: empty.header,
            commands: Vec::new(),
            next_cmd_id: NonZeroU32::MIN,
            size,
        }
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
        status.target_refs.push(self.header.source.loc_uri.to_ref());
        status.source_refs.push(self.header.target.loc_uri.to_ref());
        status.chal = chal.map(Box::new);
        self.push(status.into());
    }

    pub(super) fn push(&mut self, command: Command<'static>) {
        self.size += command.encoded_len(self.encoding);
        self.commands.push(command);
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Octets of the message with everything pushed so far, not less than it will have.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn finish(self, last_in_package: bool) -> Vec<u8> {
        let mut body = SyncBody::new(self.commands);
        body.last_in_package = last_in_package;
        let representation = Representation::of(&self.header.ver_dtd);
        Message::new(self.header, body).with_representation(representation).encode(self.encoding)
    }
}
