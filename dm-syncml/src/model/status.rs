//! `Status` and `Results`: answers (RepPro 1.2.2, Status and Results).

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::codes::StatusCode;

use super::credential::{Chal, Cred};
use super::extensions::Extensions;
use super::item::Item;
use super::mapping::elements;
use super::meta::Meta;
use super::token::{CmdId, CmdName, CmdRef, MsgId, Reference};

elements! {
    /// `Status`: what became of a command, or of some of its items.
    #[derive(Debug)]
    pub struct Status<'a> {
        /// Its own CmdID.
        id cmd_id: CmdId<'a> = CMD_ID;
        /// The MsgID of the message answered.
        once msg_ref: MsgId<'a> = MSG_REF;
        /// The CmdID answered, `0` for the SyncHdr.
        once cmd_ref: CmdRef<'a> = CMD_REF;
        /// The name of the command answered.
        once cmd: CmdName<'a> = CMD;
        /// Which targets it is about; none means all items.
        many target_refs: Reference<'a> = TARGET_REF;
        /// Which sources it is about; none means all items.
        many source_refs: Reference<'a> = SOURCE_REF;
        /// Credentials; DM does not use them here.
        maybe cred: Box<Cred<'a>> = CRED;
        /// A challenge, or the nonce for next time.
        maybe chal: Box<Chal<'a>> = CHAL;
        /// The code.
        once code: StatusCode = DATA;
        /// What more there is to say: the answer of a user, the node that failed.
        many items: Item<'a> = ITEM;
    }

    /// `Results`: what a Get found.
    #[derive(Debug)]
    pub struct Results<'a> {
        /// Its own CmdID.
        id cmd_id: CmdId<'a> = CMD_ID;
        /// The MsgID of the message answered; none means the first.
        maybe msg_ref: MsgId<'a> = MSG_REF;
        /// The CmdID of the Get.
        once cmd_ref: CmdRef<'a> = CMD_REF;
        /// The name of the command; not in the DTD, but Microsoft's documents show it.
        maybe cmd: Box<CmdName<'a>> = CMD;
        /// What is known about the data of all items.
        maybe meta: Meta<'a> = META;
        /// The target of the Get.
        maybe target_ref: Reference<'a> = TARGET_REF;
        /// The source of the Get.
        maybe source_ref: Box<Reference<'a>> = SOURCE_REF;
        /// What was found, with its place in the source.
        items items: Item<'a> = ITEM;
    }
}

impl<'a> Status<'a> {
    /// A status of a whole command.
    #[must_use]
    pub fn new(
        cmd_id: CmdId<'a>,
        msg_ref: MsgId<'a>,
        cmd_ref: CmdRef<'a>,
        cmd: CmdName<'a>,
        code: StatusCode,
    ) -> Self {
        Self {
            cmd_id,
            msg_ref,
            cmd_ref,
            cmd,
            target_refs: Vec::new(),
            source_refs: Vec::new(),
            cred: None,
            chal: None,
            code,
            items: Vec::new(),
            extensions: Extensions::new(),
        }
    }
}

impl<'a> Results<'a> {
    /// The results of the Get `cmd_ref` of message `msg_ref`.
    #[must_use]
    pub fn new(cmd_id: CmdId<'a>, msg_ref: MsgId<'a>, cmd_ref: CmdRef<'a>, items: Vec<Item<'a>>) -> Self {
        Self {
            cmd_id,
            msg_ref: Some(msg_ref),
            cmd_ref,
            cmd: None,
            meta: None,
            target_ref: None,
            source_ref: None,
            items,
            extensions: Extensions::new(),
        }
    }
}
