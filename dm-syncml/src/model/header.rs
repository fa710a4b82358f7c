//! `SyncHdr`, and the addresses in it and in items.

use alloc::boxed::Box;

use super::credential::Cred;
use super::extensions::Extensions;
use super::mapping::elements;
use super::meta::Meta;
use super::token::{LocName, LocUri, MsgId, SessionId, VerDtd, VerProto};

elements! {
    /// `SyncHdr`: who speaks to whom, in which session (DM Protocol 1.2.1, SyncHdr).
    #[derive(Debug)]
    pub struct SyncHdr<'a> {
        /// The version of the representation.
        once ver_dtd: VerDtd<'a> = VER_DTD;
        /// The version of the protocol.
        once ver_proto: VerProto<'a> = VER_PROTO;
        /// The session, chosen by the client or by the notification.
        once session_id: SessionId<'a> = SESSION_ID;
        /// The number of this message among its sender's.
        once msg_id: MsgId<'a> = MSG_ID;
        /// The receiver.
        once target: Target<'a> = TARGET;
        /// The sender.
        once source: Source<'a> = SOURCE;
        /// Where the next message of the session is to be sent.
        maybe resp_uri: LocUri<'a> = RESP_URI;
        /// Asks for no Status; DM does not use it.
        flag no_resp: bool = NO_RESP;
        /// The sender's credentials.
        maybe cred: Cred<'a> = CRED;
        /// How large messages and objects the sender accepts.
        maybe meta: Meta<'a> = META;
    }

    /// `Target`: where something goes.
    #[derive(Debug)]
    pub struct Target<'a> {
        /// The address.
        once loc_uri: LocUri<'a> = LOC_URI;
        /// A name for it.
        maybe loc_name: Box<LocName<'a>> = LOC_NAME;
    }

    /// `Source`: where something comes from.
    #[derive(Debug)]
    pub struct Source<'a> {
        /// The address.
        once loc_uri: LocUri<'a> = LOC_URI;
        /// A name for it; in a SyncHdr with MD5 credentials the user name (RepPro 1.2.2, LocName).
        maybe loc_name: Box<LocName<'a>> = LOC_NAME;
    }
}

impl<'a> SyncHdr<'a> {
    /// The header of message `msg_id` of a DM 1.2 session, without credentials.
    #[must_use]
    pub fn new(session_id: SessionId<'a>, msg_id: MsgId<'a>, target: LocUri<'a>, source: LocUri<'a>) -> Self {
        Self {
            ver_dtd: VerDtd::V1_2,
            ver_proto: VerProto::DM_1_2,
            session_id,
            msg_id,
            target: Target::new(target),
            source: Source::new(source),
            resp_uri: None,
            no_resp: false,
            cred: None,
            meta: None,
            extensions: Extensions::new(),
        }
    }
}

impl<'a> Target<'a> {
    /// This address, without a name.
    #[must_use]
    pub fn new(loc_uri: LocUri<'a>) -> Self {
        Self { loc_uri, loc_name: None, extensions: Extensions::new() }
    }
}

impl<'a> Source<'a> {
    /// This address, without a name.
    #[must_use]
    pub fn new(loc_uri: LocUri<'a>) -> Self {
        Self { loc_uri, loc_name: None, extensions: Extensions::new() }
    }

    /// The same address with a name.
    #[must_use]
    pub fn with_loc_name(mut self, loc_name: LocName<'a>) -> Self {
        self.loc_name = Some(Box::new(loc_name));
        self
    }
}
