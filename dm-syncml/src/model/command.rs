//! The commands of a body (RepPro 1.2.2, commands; DM Protocol 1.2.1, commands).

use alloc::boxed::Box;
use alloc::vec::Vec;

use dm_wbxml::{Element, Name, Node, Tag, syncml};

use crate::codes::AlertCode;
use crate::error::DecodeError;

use super::credential::Cred;
use super::extensions::{Extensions, Place};
use super::item::Item;
use super::mapping::{Content, IntoOwned, cmd_id_or_missing, elements, next_child, set_once};
use super::meta::Meta;
use super::reading::Reading;
use super::status::{Results, Status};
use super::token::{CmdId, CmdName, CmdRef, Correlator};
use super::unknown_command::with_base64;
use super::writing::Writing;

macro_rules! item_commands {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        elements! {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $name<'a> {
                /// Its id in its message.
                id cmd_id: CmdId<'a> = CMD_ID;
                /// Asks for no Status; DM does not use it.
                flag no_resp: bool = NO_RESP;
                /// Credentials; DM does not use them here.
                maybe cred: Box<Cred<'a>> = CRED;
                /// What is known about the data of all items.
                maybe meta: Meta<'a> = META;
                /// What it acts on.
                items items: Item<'a> = ITEM;
            }
        )*}

        $(impl<'a> $name<'a> {
            /// The command with these items. The DTD demands at least one, and peers may answer 400 for a command without;
            /// [`single`](Self::single) cannot make one.
            #[must_use]
            pub fn new(cmd_id: CmdId<'a>, items: Vec<Item<'a>>) -> Self {
                Self { cmd_id, no_resp: false, cred: None, meta: None, items, extensions: Extensions::new() }
            }

            /// The command with one item; [`with_item`](Self::with_item) adds others.
            #[must_use]
            pub fn single(cmd_id: CmdId<'a>, item: Item<'a>) -> Self {
                Self::new(cmd_id, alloc::vec![item])
            }

            /// Adds an item behind the others.
            #[must_use]
            pub fn with_item(mut self, item: Item<'a>) -> Self {
                self.items.push(item);
                self
            }
        })*
    };
}

item_commands! {
    /// `Add`: creates nodes.
    Add;
    /// `Copy`: copies the value of one leaf to another.
    Copy;
    /// `Delete`: removes nodes. Archive and SftDel, which DM does not use, are extensions.
    Delete;
    /// `Get`: asks for values or child names. Lang, which DM does not use, is an extension.
    Get;
    /// `Replace`: overwrites values.
    Replace;
}

elements! {
    /// `Exec`: runs something. It has exactly one item; a decoded one may have more.
    #[derive(Debug)]
    pub struct Exec<'a> {
        /// Its id in its message.
        id cmd_id: CmdId<'a> = CMD_ID;
        /// Asks for no Status; DM does not use it.
        flag no_resp: bool = NO_RESP;
        /// Credentials; DM does not use them here.
        maybe cred: Box<Cred<'a>> = CRED;
        /// What is known about the data.
        maybe meta: Meta<'a> = META;
        /// Comes back in the generic alert that tells the outcome.
        maybe correlator: Correlator<'a> = CORRELATOR;
        /// What to run, and its argument.
        items items: Item<'a> = ITEM;
    }

    /// `Alert`: a session begins, something happened, or the user is wanted.
    #[derive(Debug)]
    pub struct Alert<'a> {
        /// Its id in its message.
        id cmd_id: CmdId<'a> = CMD_ID;
        /// Asks for no Status; DM does not use it.
        flag no_resp: bool = NO_RESP;
        /// Credentials; DM does not use them here.
        maybe cred: Box<Cred<'a>> = CRED;
        /// The code; DM demands one.
        maybe code: AlertCode = DATA;
        /// The Correlator of the Exec whose outcome this is.
        maybe correlator: Correlator<'a> = CORRELATOR;
        /// What there is to say.
        many items: Item<'a> = ITEM;
    }
}

impl<'a> Exec<'a> {
    /// The command that runs `item`.
    #[must_use]
    pub fn new(cmd_id: CmdId<'a>, item: Item<'a>) -> Self {
        Self {
            cmd_id,
            no_resp: false,
            cred: None,
            meta: None,
            correlator: None,
            items: alloc::vec![item],
            extensions: Extensions::new(),
        }
    }
}

impl<'a> Alert<'a> {
    /// The alert with this code.
    #[must_use]
    pub fn new(cmd_id: CmdId<'a>, code: AlertCode) -> Self {
        Self {
            cmd_id,
            no_resp: false,
            cred: None,
            code: Some(code),
            correlator: None,
            items: Vec::new(),
            extensions: Extensions::new(),
        }
    }
}

macro_rules! containers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub struct $name<'a> {
            /// Its id in its message.
            pub cmd_id: CmdId<'a>,
            /// Asks for no Status; DM does not use it.
            pub no_resp: bool,
            /// What is known about the data of all members.
            pub meta: Option<Meta<'a>>,
            /// The members, in their order, elements that nobody knows among them.
            pub commands: Vec<Command<'a>>,
            /// Elements that nobody expected before the CmdID, NoResp or Meta; only reading makes any.
            extensions: Extensions<'a>,
        }

        impl<'a> $name<'a> {
            /// A container with these members.
            #[must_use]
            pub fn new(cmd_id: CmdId<'a>, commands: Vec<Command<'a>>) -> Self {
                Self { cmd_id, no_resp: false, meta: None, commands, extensions: Extensions::new() }
            }

            /// Elements that nobody expected and that stood before its CmdID, NoResp or Meta; those behind are among the
            /// [`commands`](Self::commands).
            #[must_use]
            pub const fn extensions(&self) -> &Extensions<'a> {
                &self.extensions
            }

            /// The same value, owning all it holds.
            #[must_use]
            pub fn into_owned(self) -> $name<'static> {
                $name {
                    cmd_id: self.cmd_id.into_owned(),
                    no_resp: self.no_resp,
                    meta: self.meta.map(Meta::into_owned),
                    commands: IntoOwned::into_owned(self.commands),
                    extensions: IntoOwned::into_owned(self.extensions),
                }
            }
        }

        impl<'a> Content<'a> for $name<'a> {
            fn decode<S: Reading<'a>>(source: &mut S, whole: Tag) -> Result<Self, DecodeError> {
                let (mut cmd_id, mut no_resp, mut meta, mut commands) = (None, false, None, Vec::new());
                let mut head = Head::default();
                while let Some(name) = next_child(source)? {
                    match name {
                        Name::Tag(tag @ syncml::CMD_ID) => {
                            set_once(&mut cmd_id, tag, source)?;
                            head.reads(CMD_ID, &mut commands);
                        }
                        Name::Tag(tag @ syncml::NO_RESP) => {
                            no_resp = bool::decode(source, tag)?;
                            head.reads(NO_RESP, &mut commands);
                        }
                        Name::Tag(tag @ syncml::META) => {
                            set_once(&mut meta, tag, source)?;
                            head.reads(META, &mut commands);
                        }
                        name => {
                            head.has_members |= Command::is_named(&name);
                            if commands.is_empty() {
                                // Growing from nothing would reserve room for four.
                                commands.reserve_exact(1);
                            }
                            commands.push(Command::decode_named(source, name)?);
                        }
                    }
                }
                let extensions = head.settle(&mut commands);
                let cmd_id = cmd_id_or_missing(cmd_id, source, whole)?;
                Ok(Self { cmd_id, no_resp, meta, commands, extensions })
            }

            fn encode<K: Writing>(&self, tag: Tag, sink: &mut K) {
                let mut unknown = self.extensions.cursor();
                sink.open(tag);
                unknown.reach(Place::before(CMD_ID), sink);
                self.cmd_id.encode(syncml::CMD_ID, sink);
                unknown.reach(Place::before(NO_RESP), sink);
                self.no_resp.encode(syncml::NO_RESP, sink);
                unknown.reach(Place::before(META), sink);
                if let Some(meta) = &self.meta {
                    meta.encode(syncml::META, sink);
                }
                unknown.finish(sink);
                for command in &self.commands {
                    command.encode(sink);
                }
                sink.close();
            }
        }
    )*};
}

/// What stands before the members of a container, in the order of the DTD.
const CMD_ID: u8 = 1;
const NO_RESP: u8 = 2;
const META: u8 = 3;

/// Tells unknown elements before the members from those among them: the former are those before which no known command stands, and behind which
/// there is still something of the container's own.
#[derive(Default)]
struct Head<'a> {
    extensions: Extensions<'a>,
    has_members: bool,
    /// What was read last of the container's own.
    last: u8,
    /// What of that is written last.
    end: u8,
}

impl<'a> Head<'a> {
    /// Something of the container's own was read behind `commands`.
    #[inline]
    fn reads(&mut self, field: u8, commands: &mut Vec<Command<'a>>) {
        if !commands.is_empty() && !self.has_members {
            self.keep(commands);
        }
        self.last = field;
        self.end = self.end.max(field);
    }

    #[cold]
    fn keep(&mut self, commands: &mut Vec<Command<'a>>) {
        for command in commands.drain(..) {
            if let Command::Unknown(element) = command {
                self.extensions.push_at(Place::behind(self.last, usize::from(self.last > 0)), element);
            }
        }
    }

    /// What stands before the members; what would be written directly before them is one of them.
    fn settle(mut self, commands: &mut Vec<Command<'a>>) -> Extensions<'a> {
        if !self.extensions.is_empty() {
            // What was read behind the last of them is a member already.
            self.extensions.settle(Place::END, Place::behind(self.end, 1));
            let first = self.extensions.split_last().into_iter().map(Command::Unknown);
            commands.splice(..0, first);
        }
        self.extensions
    }
}

containers! {
    /// `Atomic`: all of its members or none.
    Atomic;
    /// `Sequence`: its members one after the other.
    Sequence;
}

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident = $tag:ident $cmd:ident;)*) => {
        /// A command of a body.
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Command<'a> {
            $($(#[$doc])* $name($name<'a>),)*
            /// An element that DM has no command for, kept in its place. A session answers 400 or 501.
            Unknown(Element<'a>),
        }

        impl<'a> Command<'a> {
            pub(crate) fn decode_named<S: Reading<'a>>(source: &mut S, name: Name<'a>) -> Result<Self, DecodeError> {
                Ok(match name {
                    $(Name::Tag(syncml::$tag) => Self::$name($name::decode(source, syncml::$tag)?),)*
                    other => Self::Unknown(Element::decode(source, other)?),
                })
            }

            /// Whether an element of this name is a command that DM has.
            pub(super) fn is_named(name: &Name<'_>) -> bool {
                matches!(name, Name::Tag($(syncml::$tag)|*))
            }

            pub(crate) fn encode<K: Writing>(&self, sink: &mut K) {
                match self {
                    $(Self::$name(command) => command.encode(syncml::$tag, sink),)*
                    Self::Unknown(element) if sink.carries_octets() => element.encode(sink),
                    Self::Unknown(element) => match with_base64(element) {
                        Some(element) => element.encode(sink),
                        None => element.encode(sink),
                    },
                }
            }

            /// Its CmdID; an unknown element has none that counts.
            #[must_use]
            pub fn cmd_id(&self) -> Option<&CmdId<'a>> {
                match self {
                    $(Self::$name(command) => Some(&command.cmd_id),)*
                    Self::Unknown(_) => None,
                }
            }

            /// Its name, as a Status refers to it; `None` for an element with a name no Status can carry.
            #[must_use]
            pub fn name(&self) -> Option<CmdName<'static>> {
                match self {
                    $(Self::$name(_) => Some(CmdName::$cmd),)*
                    Self::Unknown(element) => match &element.name {
                        Name::Tag(tag) => dm_wbxml::SYNCML_1_2.name(*tag).and_then(|name| CmdName::new(name).ok()),
                        Name::Foreign(name) => CmdName::new(name.local()).ok().map(CmdName::into_owned),
                        _ => None,
                    },
                }
            }

            /// The same value, owning all it holds.
            #[must_use]
            pub fn into_owned(self) -> Command<'static> {
                match self {
                    $(Self::$name(command) => Command::$name(command.into_owned()),)*
                    Self::Unknown(element) => Command::Unknown(element.into_owned()),
                }
            }

            fn set_cmd_id(&mut self, cmd_id: CmdId<'a>) {
                match self {
                    $(Self::$name(command) => command.cmd_id = cmd_id,)*
                    Self::Unknown(_) => {}
                }
            }
        }

        $(impl<'a> From<$name<'a>> for Command<'a> {
            fn from(command: $name<'a>) -> Self {
                Self::$name(command)
            }
        })*
    };
}

commands! {
    /// Creates nodes.
    Add = ADD ADD;
    /// Says that something happened, or asks the user.
    Alert = ALERT ALERT;
    /// All members or none.
    Atomic = ATOMIC ATOMIC;
    /// Copies a leaf.
    Copy = COPY COPY;
    /// Removes nodes.
    Delete = DELETE DELETE;
    /// Runs something.
    Exec = EXEC EXEC;
    /// Asks for values.
    Get = GET GET;
    /// Overwrites values.
    Replace = REPLACE REPLACE;
    /// Answers a Get.
    Results = RESULTS RESULTS;
    /// Members in order.
    Sequence = SEQUENCE SEQUENCE;
    /// Answers a command.
    Status = STATUS STATUS;
}

impl<'a> Command<'a> {
    /// What a Status for this command says in its CmdRef; empty for an unknown element in which no CmdID is found, as Windows
    /// answers it.
    #[must_use]
    pub fn cmd_ref(&self) -> CmdRef<'static> {
        if let Some(id) = self.cmd_id() {
            return id.to_ref();
        }
        let Self::Unknown(element) = self else { return CmdRef::EMPTY };
        let id = element.children.iter().find_map(|child| match child {
            Node::Element(child) if child.name == Name::Tag(syncml::CMD_ID) => {
                match child.children.as_slice() {
                    [Node::Text(text)] => CmdId::new(text.trim()).ok(),
                    _ => None,
                }
            }
            _ => None,
        });
        id.map_or(CmdRef::EMPTY, |id| id.to_ref())
    }

    /// Whether a command that must have a CmdID has none.
    pub(crate) fn lacks_cmd_id(&self) -> bool {
        self.cmd_id().is_some_and(|id| *id == CmdId::MISSING)
    }

    /// The members of an Atomic or a Sequence; none for other commands.
    #[must_use]
    pub fn members(&self) -> &[Self] {
        match self {
            Self::Atomic(container) => &container.commands,
            Self::Sequence(container) => &container.commands,
            _ => &[],
        }
    }

    /// The items; none for containers and unknown elements.
    #[must_use]
    pub fn items(&self) -> &[Item<'a>] {
        match self {
            Self::Add(command) => &command.items,
            Self::Alert(command) => &command.items,
            Self::Copy(command) => &command.items,
            Self::Delete(command) => &command.items,
            Self::Exec(command) => &command.items,
            Self::Get(command) => &command.items,
            Self::Replace(command) => &command.items,
            Self::Results(command) => &command.items,
            Self::Status(command) => &command.items,
            Self::Atomic(_) | Self::Sequence(_) | Self::Unknown(_) => &[],
        }
    }

    /// The Meta that counts for all items.
    #[must_use]
    pub fn meta(&self) -> Option<&Meta<'a>> {
        match self {
            Self::Add(command) => command.meta.as_ref(),
            Self::Copy(command) => command.meta.as_ref(),
            Self::Delete(command) => command.meta.as_ref(),
            Self::Exec(command) => command.meta.as_ref(),
            Self::Get(command) => command.meta.as_ref(),
            Self::Replace(command) => command.meta.as_ref(),
            Self::Results(command) => command.meta.as_ref(),
            Self::Atomic(command) => command.meta.as_ref(),
            Self::Sequence(command) => command.meta.as_ref(),
            Self::Alert(_) | Self::Status(_) | Self::Unknown(_) => None,
        }
    }

    /// The items, to be changed; none for containers and unknown elements.
    pub(crate) fn items_mut(&mut self) -> Option<&mut Vec<Item<'a>>> {
        match self {
            Self::Add(command) => Some(&mut command.items),
            Self::Alert(command) => Some(&mut command.items),
            Self::Copy(command) => Some(&mut command.items),
            Self::Delete(command) => Some(&mut command.items),
            Self::Exec(command) => Some(&mut command.items),
            Self::Get(command) => Some(&mut command.items),
            Self::Replace(command) => Some(&mut command.items),
            Self::Results(command) => Some(&mut command.items),
            Self::Status(command) => Some(&mut command.items),
            Self::Atomic(_) | Self::Sequence(_) | Self::Unknown(_) => None,
        }
    }

    /// Elements that nobody expected in it; none for an unknown element, which is one itself.
    #[must_use]
    pub fn extensions(&self) -> &[Element<'a>] {
        match self {
            Self::Add(command) => command.extensions.as_slice(),
            Self::Alert(command) => command.extensions.as_slice(),
            Self::Atomic(command) => command.extensions.as_slice(),
            Self::Copy(command) => command.extensions.as_slice(),
            Self::Delete(command) => command.extensions.as_slice(),
            Self::Exec(command) => command.extensions.as_slice(),
            Self::Get(command) => command.extensions.as_slice(),
            Self::Replace(command) => command.extensions.as_slice(),
            Self::Results(command) => command.extensions.as_slice(),
            Self::Sequence(command) => command.extensions.as_slice(),
            Self::Status(command) => command.extensions.as_slice(),
            Self::Unknown(_) => &[],
        }
    }

    /// The Meta and the items it counts for; `None` for commands without such a Meta.
    pub(crate) fn meta_and_items_mut(&mut self) -> Option<(&mut Option<Meta<'a>>, &mut Vec<Item<'a>>)> {
        match self {
            Self::Add(command) => Some((&mut command.meta, &mut command.items)),
            Self::Copy(command) => Some((&mut command.meta, &mut command.items)),
            Self::Delete(command) => Some((&mut command.meta, &mut command.items)),
            Self::Exec(command) => Some((&mut command.meta, &mut command.items)),
            Self::Get(command) => Some((&mut command.meta, &mut command.items)),
            Self::Replace(command) => Some((&mut command.meta, &mut command.items)),
            Self::Results(command) => Some((&mut command.meta, &mut command.items)),
            Self::Alert(_) | Self::Atomic(_) | Self::Sequence(_) | Self::Status(_) | Self::Unknown(_) => None,
        }
    }

    /// Gives this command and its members the ids that `next` makes, in document order.
    pub fn renumber(&mut self, next: &mut impl FnMut() -> CmdId<'a>) {
        self.set_cmd_id(next());
        match self {
            Self::Atomic(container) => container.commands.iter_mut().for_each(|member| member.renumber(next)),
            Self::Sequence(container) => {
                container.commands.iter_mut().for_each(|member| member.renumber(next))
            }
            _ => {}
        }
    }
}

impl IntoOwned for Command<'_> {
    type Owned = Command<'static>;

    fn into_owned(self) -> Self::Owned {
        self.into_owned()
    }
}
