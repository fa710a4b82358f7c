//! The shapes that are decoded into.

use alloc::borrow::Cow;

use super::holding::{Borrowed, Holding};

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<H: Holding> {
    /// SyncHdr.
    pub header: Header<H>,
    /// The commands of SyncBody in their order.
    pub body: Vec<Command<H>>,
    /// Whether Final was there.
    pub is_final: bool,
}

/// SyncHdr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<H: Holding> {
    /// VerDTD.
    pub ver_dtd: H::Text,
    /// VerProto.
    pub ver_proto: H::Text,
    /// SessionID.
    pub session_id: H::Text,
    /// MsgID.
    pub msg_id: H::Text,
    /// Target.
    pub target: Named<H>,
    /// Source.
    pub source: Named<H>,
    /// Cred.
    pub cred: Option<Cred<H>>,
    /// MaxMsgSize in octets.
    pub max_msg_size: Option<u32>,
    /// MaxObjSize in octets.
    pub max_obj_size: Option<u32>,
}

/// LocURI with its LocName.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<H: Holding> {
    /// LocURI.
    pub uri: H::Text,
    /// LocName.
    pub name: Option<H::Text>,
}

/// LocURI of an item.
pub type Locator<H> = <H as Holding>::Text;

/// Cred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cred<H: Holding> {
    /// Meta.
    pub meta: Meta<H>,
    /// Data.
    pub data: H::Text,
}

/// Meta of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta<H: Holding> {
    /// Format.
    pub format: Option<H::Text>,
    /// Type.
    pub kind: Option<H::Text>,
}

/// What SyncBody holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<H: Holding> {
    /// Status.
    Status(Status<H>),
    /// Alert with its code.
    Alert {
        /// CmdID.
        cmd_id: H::Text,
        /// Data as a number; zero when it is none.
        code: u32,
        /// Item elements.
        items: Vec<Item<H>>,
    },
    /// Results.
    Results {
        /// CmdID.
        cmd_id: H::Text,
        /// MsgRef.
        msg_ref: H::Text,
        /// CmdRef.
        cmd_ref: H::Text,
        /// Item elements.
        items: Vec<Item<H>>,
    },
    /// Add, Replace, Get, Exec and the like.
    Items {
        /// Which of them.
        verb: Verb,
        /// CmdID.
        cmd_id: H::Text,
        /// Item elements.
        items: Vec<Item<H>>,
    },
    /// Atomic or Sequence.
    Group {
        /// CmdID.
        cmd_id: H::Text,
        /// Members in their order.
        commands: Vec<Self>,
    },
}

/// A command that is its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verb {
    /// Add.
    Add,
    /// Copy.
    Copy,
    /// Delete.
    Delete,
    /// Exec.
    Exec,
    /// Get.
    Get,
    /// Replace.
    Replace,
}

/// Status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status<H: Holding> {
    /// CmdID.
    pub cmd_id: H::Text,
    /// MsgRef.
    pub msg_ref: H::Text,
    /// CmdRef.
    pub cmd_ref: H::Text,
    /// Cmd.
    pub cmd: H::Text,
    /// TargetRef.
    pub target_ref: Option<H::Text>,
    /// SourceRef.
    pub source_ref: Option<H::Text>,
    /// Data as a number; zero when it is none.
    pub code: u32,
}

/// Item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<H: Holding> {
    /// Target.
    pub target: Option<Locator<H>>,
    /// Source.
    pub source: Option<Locator<H>>,
    /// Meta.
    pub meta: Meta<H>,
    /// Data.
    pub data: Option<H::Octets>,
}

impl<H: Holding> Message<H> {
    /// Commands in the message, members included.
    pub fn commands(&self) -> usize {
        self.body.iter().map(Command::count).sum()
    }

    /// Looks at all text once, as a session and a tree will: the sum of all lengths in characters' first octets.
    pub fn read(&self) -> usize {
        let header = &self.header;
        let fixed = [&header.ver_dtd, &header.ver_proto, &header.session_id, &header.msg_id];
        fixed.into_iter().map(look::<H>).sum::<usize>()
            + look::<H>(&header.target.uri)
            + look::<H>(&header.source.uri)
            + self.body.iter().map(Command::read).sum::<usize>()
    }
}

/// Takes the text as `str`, which is what every use of it starts with.
fn look<H: Holding>(text: &H::Text) -> usize {
    let text: &str = text.as_ref();
    text.len() + usize::from(text.starts_with("./"))
}

impl<H: Holding> Command<H> {
    fn count(&self) -> usize {
        match self {
            Self::Group { commands, .. } => 1 + commands.iter().map(Self::count).sum::<usize>(),
            _ => 1,
        }
    }

    fn read(&self) -> usize {
        match self {
            Self::Status(s) => {
                let fixed = [&s.cmd_id, &s.msg_ref, &s.cmd_ref, &s.cmd].into_iter();
                fixed.chain(&s.target_ref).chain(&s.source_ref).map(look::<H>).sum()
            }
            Self::Alert { cmd_id, items, .. } | Self::Items { cmd_id, items, .. } => {
                look::<H>(cmd_id) + items.iter().map(Item::read).sum::<usize>()
            }
            Self::Results { cmd_id, msg_ref, cmd_ref, items } => {
                [cmd_id, msg_ref, cmd_ref].into_iter().map(look::<H>).sum::<usize>()
                    + items.iter().map(Item::read).sum::<usize>()
            }
            Self::Group { cmd_id, commands } => {
                look::<H>(cmd_id) + commands.iter().map(Self::read).sum::<usize>()
            }
        }
    }
}

impl<H: Holding> Item<H> {
    fn read(&self) -> usize {
        let texts = [&self.target, &self.source, &self.meta.format, &self.meta.kind];
        texts.into_iter().flatten().map(look::<H>).sum::<usize>()
            + self.data.as_ref().map_or(0, |data| data.as_ref().len())
    }
}

type Owned = Borrowed<'static>;

fn own(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

fn own_option(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(own)
}

impl Message<Borrowed<'_>> {
    /// The same message, borrowing nothing: one allocation for each text that has a length.
    #[must_use]
    pub fn into_owned(self) -> Message<Owned> {
        let header = self.header;
        Message {
            header: Header {
                ver_dtd: own(header.ver_dtd),
                ver_proto: own(header.ver_proto),
                session_id: own(header.session_id),
                msg_id: own(header.msg_id),
                target: header.target.into_owned(),
                source: header.source.into_owned(),
                cred: header.cred.map(|cred| Cred { meta: cred.meta.into_owned(), data: own(cred.data) }),
                max_msg_size: header.max_msg_size,
                max_obj_size: header.max_obj_size,
            },
            body: self.body.into_iter().map(Command::into_owned).collect(),
            is_final: self.is_final,
        }
    }
}

impl Named<Borrowed<'_>> {
    fn into_owned(self) -> Named<Owned> {
        Named { uri: own(self.uri), name: own_option(self.name) }
    }
}

impl Meta<Borrowed<'_>> {
    fn into_owned(self) -> Meta<Owned> {
        Meta { format: own_option(self.format), kind: own_option(self.kind) }
    }
}

impl Command<Borrowed<'_>> {
    /// The same command, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Command<Owned> {
        let own_items = |items: Vec<Item<Borrowed<'_>>>| items.into_iter().map(Item::into_owned).collect();
        match self {
            Self::Status(s) => Command::Status(Status {
                cmd_id: own(s.cmd_id),
                msg_ref: own(s.msg_ref),
                cmd_ref: own(s.cmd_ref),
                cmd: own(s.cmd),
                target_ref: own_option(s.target_ref),
                source_ref: own_option(s.source_ref),
                code: s.code,
            }),
            Self::Alert { cmd_id, code, items } => {
                Command::Alert { cmd_id: own(cmd_id), code, items: own_items(items) }
            }
            Self::Results { cmd_id, msg_ref, cmd_ref, items } => Command::Results {
                cmd_id: own(cmd_id),
                msg_ref: own(msg_ref),
                cmd_ref: own(cmd_ref),
                items: own_items(items),
            },
            Self::Items { verb, cmd_id, items } => {
                Command::Items { verb, cmd_id: own(cmd_id), items: own_items(items) }
            }
            Self::Group { cmd_id, commands } => Command::Group {
                cmd_id: own(cmd_id),
                commands: commands.into_iter().map(Self::into_owned).collect(),
            },
        }
    }
}

impl Item<Borrowed<'_>> {
    fn into_owned(self) -> Item<Owned> {
        Item {
            target: own_option(self.target),
            source: own_option(self.source),
            meta: self.meta.into_owned(),
            data: self.data.map(|data| Cow::Owned(data.into_owned())),
        }
    }
}
