//! What a device can do of what the standard leaves open (DM 2.0 RD, HLF-019): as the device's configuration says it, as nodes and a line
//! say it on the wire, and as a server session heeds it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::codes::AlertCode;
use crate::error::ValueError;
use crate::model::{Command, Data, Get, Item, LocUri, Meta, parse_decimal};

use super::client::ClientConfig;
use super::ledger::UNNUMBERED;

macro_rules! features {
    ($($(#[$doc:meta])* $feature:ident $leaf:literal $token:literal;)*) => {
        /// Something a device may be able to do or not.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Feature {$(
            $(#[$doc])*
            $feature,
        )*}

        impl Feature {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$feature),*];

            /// The leaf of the capabilities object that tells of it, and what it is called there.
            #[must_use]
            pub const fn place(self) -> (&'static str, &'static str) {
                match self {$(
                    Self::$feature => ($leaf, $token),
                )*}
            }
        }
    };
}

features! {
    /// The command Add.
    Add "Commands" "Add";
    /// All or nothing.
    Atomic "Commands" "Atomic";
    /// The command Copy.
    Copy "Commands" "Copy";
    /// The command Delete.
    Delete "Commands" "Delete";
    /// The command Exec.
    Exec "Commands" "Exec";
    /// The command Get.
    Get "Commands" "Get";
    /// The command Replace.
    Replace "Commands" "Replace";
    /// One after the other.
    Sequence "Commands" "Sequence";
    /// An Exec inside an Atomic, which DM 1.2.1 excludes and Windows demands.
    ExecInAtomic "Commands" "ExecInAtomic";
    /// The Correlator of an Exec, with which its outcome comes back.
    Correlator "Commands" "Correlator";
    /// Get with `?list=Struct`.
    ListStruct "Lists" "Struct";
    /// Get with `?list=StructData`.
    ListStructData "Lists" "StructData";
    /// Get with `?list=TNDS`, filters included.
    ListTnds "Lists" "TNDS";
    /// Add and Replace of a serialised tree.
    SetTnds "Documents" "TNDS";
    /// Messages, and serialised trees of their own, in WBXML.
    Wbxml "Encodings" "WBXML";
    /// Messages, and serialised trees of their own, in XML.
    Xml "Encodings" "XML";
    /// Alert 1100: a text is shown.
    Display "Alerts" "1100";
    /// Alert 1101: yes or no.
    Confirm "Alerts" "1101";
    /// Alert 1102: a text is entered.
    TextInput "Alerts" "1102";
    /// Alert 1103: one of several.
    SingleChoice "Alerts" "1103";
    /// Alert 1104: any of several.
    MultipleChoice "Alerts" "1104";
    /// Pictures, sound and the like beside the text of such an alert ([`InteractionMedia`](super::InteractionMedia)).
    Media "Alerts" "Media";
    /// Objects that are larger than a message, in chunks.
    LargeObjects "Objects" "Large";
    /// Such objects go on in a later session when their transfer has broken off ([`PartialObjects`](super::PartialObjects)).
    Resume "Objects" "Resume";
}

impl Feature {
    const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// The one that an alert of this code asks for.
    const fn of_alert(code: AlertCode) -> Option<Self> {
        match code {
            AlertCode::DISPLAY => Some(Self::Display),
            AlertCode::CONFIRM => Some(Self::Confirm),
            AlertCode::TEXT_INPUT => Some(Self::TextInput),
            AlertCode::SINGLE_CHOICE => Some(Self::SingleChoice),
            AlertCode::MULTIPLE_CHOICE => Some(Self::MultipleChoice),
            _ => None,
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (leaf, token) = self.place();
        write!(f, "{leaf}/{token}")
    }
}

/// What a device can do, what it cannot, and what nobody knows.
///
/// On a **device** it is made [of the configuration](Self::of) that its sessions run by, so that it cannot say anything else than what they
/// do; what executes the commands adds what it does (`dm_tree::Tree::capabilities`). It is announced as a line in package 1
/// ([`ClientConfig::with_announcement`]), in a leaf below `./DevInfo/Ext`, and can be asked for as the nodes of a small object
/// (`dm_tree::CapabilitiesObject`).
///
/// A **server session** reads that line by itself, is given what was stored of former sessions
/// ([`ServerSession::with_capabilities`](super::ServerSession::with_capabilities)) or what a Get of the object found ([`read`](Self::read),
/// [`ServerSession::learn`](super::ServerSession::learn)), and sends nothing that would fail. What nobody knows is tried.
///
/// ```
/// use dm_syncml::LocUri;
/// use dm_syncml::session::{Capabilities, ClientConfig, Feature};
///
/// let config = ClientConfig::new(LocUri::new("IMEI:1")?, LocUri::new("https://dm.example.net/")?).with_atomic();
/// let device = Capabilities::of(&config).with(Feature::Copy, false);
/// let server = Capabilities::parse(&device.to_announcement());
/// assert_eq!(server, device);
/// assert_eq!(server.supports(Feature::Atomic), Some(true));
/// assert_eq!(server.supports(Feature::Copy), Some(false));
/// assert_eq!(server.supports(Feature::ListTnds), None, "that is for a tree to say");
/// # Ok::<(), dm_syncml::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    known: u32,
    offered: u32,
    /// Types that can be shown beside a text.
    media: Vec<String>,
    max_msg_size: Option<u64>,
    max_obj_size: Option<u64>,
}

impl Capabilities {
    /// The identifier of the management object.
    pub const MO_ID: &'static str = "urn:oma:mo:x-dm-capabilities:1.0";

    /// Where the object is in the trees of this family; it is known by this name of its top anywhere.
    pub const NODE: &'static str = "./x-Capabilities";

    /// Where the line is that package 1 brings.
    pub const DEV_INFO_LEAF: &'static str = "./DevInfo/Ext/x-Capabilities";

    /// The leaves of the object, in their order. A leaf that tells of features names those that are there, and with `-` before them those that
    /// are not; of what it does not name nothing is known.
    pub const LEAVES: &'static [&'static str] = &[
        "Commands",
        "Lists",
        "Documents",
        "Encodings",
        "Alerts",
        "Objects",
        "Media",
        "MaxMsgSize",
        "MaxObjSize",
    ];

    /// More types are not kept of one device.
    const MOST_MEDIA: usize = 64;

    /// Nothing is known.
    #[must_use]
    pub const fn new() -> Self {
        Self { known: 0, offered: 0, media: Vec::new(), max_msg_size: None, max_obj_size: None }
    }

    /// What sessions of this configuration do by themselves. Of commands that are handed out ([`ClientOutput`](super::ClientOutput)) they
    /// know nothing.
    #[must_use]
    pub fn of(config: &ClientConfig) -> Self {
        let asks = config.interaction;
        let mut capabilities = Self::new()
            .with(Feature::Atomic, config.atomic)
            .with(Feature::ExecInAtomic, config.atomic && config.exec_in_atomic)
            .with(Feature::Sequence, true)
            .with(Feature::Correlator, true)
            .with(Feature::Wbxml, true)
            .with(Feature::Xml, cfg!(feature = "xml"))
            .with(Feature::Display, asks)
            .with(Feature::Confirm, asks)
            .with(Feature::TextInput, asks)
            .with(Feature::SingleChoice, asks)
            .with(Feature::MultipleChoice, asks)
            .with(Feature::Media, asks && !config.media.is_empty())
            .with(Feature::LargeObjects, config.large_objects)
            .with(Feature::Resume, config.large_objects && config.resume);
        if asks {
            capabilities.media.clone_from(&config.media);
        }
        capabilities.max_msg_size = config.max_msg_size;
        capabilities.max_obj_size = config.max_obj_size;
        capabilities
    }

    /// Whether the device can do it; `None` when nobody knows.
    #[must_use]
    pub const fn supports(&self, feature: Feature) -> Option<bool> {
        if self.known & feature.bit() == 0 { None } else { Some(self.offered & feature.bit() != 0) }
    }

    /// Whether it is known that the device cannot do it.
    #[must_use]
    pub const fn lacks(&self, feature: Feature) -> bool {
        matches!(self.supports(feature), Some(false))
    }

    /// Says whether the device can do it.
    #[must_use]
    pub const fn with(mut self, feature: Feature, offered: bool) -> Self {
        self.known |= feature.bit();
        if offered {
            self.offered |= feature.bit();
        } else {
            self.offered &= !feature.bit();
        }
        self
    }

    /// The media types that can be shown beside a text, as the device names them: `image/png`, `image/*`.
    #[must_use]
    pub fn media(&self) -> &[String] {
        &self.media
    }

    /// Whether the device shows content of this type.
    #[must_use]
    pub fn shows(&self, media_type: &str) -> bool {
        self.supports(Feature::Media) == Some(true)
            && self.media.iter().any(|shown| match (shown.as_str(), shown.strip_suffix("/*")) {
                ("*/*", _) => media_type.contains('/'),
                (_, Some(major)) => {
                    media_type.split_once('/').is_some_and(|(theirs, _)| theirs.eq_ignore_ascii_case(major))
                }
                (shown, None) => shown.eq_ignore_ascii_case(media_type),
            })
    }

    /// Octets of the largest message it takes, as far as known.
    #[must_use]
    pub const fn max_msg_size(&self) -> Option<u64> {
        self.max_msg_size
    }

    /// Octets of the largest object it takes, as far as known.
    #[must_use]
    pub const fn max_obj_size(&self) -> Option<u64> {
        self.max_obj_size
    }

    /// What this says, and where it says nothing, what `other` does.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        Self {
            known: self.known | other.known,
            offered: self.offered | (other.offered & !self.known),
            media: if self.known & Feature::Media.bit() == 0 {
                other.media.clone()
            } else {
                self.media.clone()
            },
            max_msg_size: self.max_msg_size.or(other.max_msg_size),
            max_obj_size: self.max_obj_size.or(other.max_obj_size),
        }
    }

    /// The text of one leaf of the object; `None` when there is nothing to say in it.
    #[must_use]
    pub fn leaf(&self, name: &str) -> Option<String> {
        let text = match name {
            "Media" => self.media.join(" "),
            "MaxMsgSize" => self.max_msg_size.map(|octets| alloc::format!("{octets}"))?,
            "MaxObjSize" => self.max_obj_size.map(|octets| alloc::format!("{octets}"))?,
            _ => {
                let mut text = String::new();
                for feature in Feature::ALL.iter().filter(|feature| feature.place().0 == name) {
                    let Some(offered) = self.supports(*feature) else { continue };
                    let space = if text.is_empty() { "" } else { " " };
                    text.extend([space, if offered { "" } else { "-" }, feature.place().1]);
                }
                text
            }
        };
        (!text.is_empty()).then_some(text)
    }

    /// Takes in the text of one leaf; what nobody knows in it is passed over.
    fn take_leaf(&mut self, name: &str, text: &str) {
        match name {
            "Media" => {
                let types = text.split_ascii_whitespace().filter(|word| word.contains('/'));
                self.media = types.take(Self::MOST_MEDIA).map(String::from).collect();
            }
            "MaxMsgSize" => self.max_msg_size = parse_decimal(text.trim()).or(self.max_msg_size),
            "MaxObjSize" => self.max_obj_size = parse_decimal(text.trim()).or(self.max_obj_size),
            _ => {
                for word in text.split_ascii_whitespace() {
                    let (offered, token) =
                        word.strip_prefix('-').map_or((true, word), |token| (false, token));
                    let feature = Feature::ALL.iter().find(|feature| feature.place() == (name, token));
                    if let Some(feature) = feature {
                        *self = core::mem::take(self).with(*feature, offered);
                    }
                }
            }
        }
    }

    /// All of it as one line: `Commands=Add -Copy;Objects=Large`.
    #[must_use]
    pub fn to_announcement(&self) -> String {
        let leaves = Self::LEAVES.iter().filter_map(|name| Some((name, self.leaf(name)?)));
        leaves.map(|(name, text)| alloc::format!("{name}={text}")).collect::<Vec<_>>().join(";")
    }

    /// Reads such a line; what nobody knows in it is passed over.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let mut capabilities = Self::new();
        for (name, text) in line.split(';').filter_map(|leaf| leaf.split_once('=')) {
            capabilities.take_leaf(name.trim(), text);
        }
        capabilities
    }

    /// The line as the leaf of `./DevInfo` that package 1 brings.
    #[must_use]
    pub fn to_dev_info_item(&self) -> Item<'static> {
        let uri = LocUri::new(Self::DEV_INFO_LEAF).expect("it is a LocURI");
        Item::from(uri).with_data(Data::text(self.to_announcement()).unwrap_or(Data::EMPTY))
    }

    /// Asks for all that a device may say of itself: the leaves of the object at this address, and `./DevDetail/LrgObj`, which every device has.
    /// A device without the object answers 404 for its leaves.
    ///
    /// # Errors
    /// [`ValueError::Reserved`] when the address holds a `?`.
    pub fn query(object: &LocUri<'_>) -> Result<Get<'static>, ValueError> {
        if object.as_str().contains('?') {
            return Err(ValueError::Reserved("LocURI"));
        }
        let mut items = Vec::from([Item::to(LocUri::new("./DevDetail/LrgObj")?)]);
        for leaf in Self::LEAVES {
            items.push(Item::to(LocUri::new(alloc::format!("{object}/{leaf}"))?));
        }
        Ok(Get::new(UNNUMBERED, items))
    }

    /// Reads what a device says of itself, from items of Results or of package 1 among others: leaves of the object, the line in
    /// `./DevInfo/Ext`, `./DevDetail/LrgObj`. The object counts for more than the rest, and the line for more than `LrgObj`.
    #[must_use]
    pub fn read<'i, 'a: 'i>(items: impl IntoIterator<Item = &'i Item<'a>>) -> Self {
        let (mut object, mut line, mut standard) = (Self::new(), Self::new(), Self::new());
        for item in items {
            let format = item.meta.as_ref().and_then(Meta::format);
            let Some(uri) = item.source_uri().map(LocUri::as_str) else { continue };
            let Some(octets) = item.data.as_ref().and_then(|data| data.decoded(format).ok()) else {
                continue;
            };
            let Ok(text) = core::str::from_utf8(&octets) else { continue };
            let mut above = uri.rsplit('/');
            match (above.next(), above.next(), above.next()) {
                (Some("x-Capabilities"), Some("Ext"), Some("DevInfo")) => line = Self::parse(text),
                (Some(leaf), Some("x-Capabilities"), _) => object.take_leaf(leaf, text),
                (Some("LrgObj"), Some("DevDetail"), _) => {
                    let offered = text.trim().eq_ignore_ascii_case("true");
                    standard = standard.with(Feature::LargeObjects, offered);
                }
                _ => {}
            }
        }
        object.over(&line).over(&standard)
    }

    /// What of a command the device cannot do, members of containers included; `None` when it can do all of it, or nobody knows.
    #[must_use]
    pub fn missing(&self, command: &Command<'_>) -> Option<Feature> {
        self.missing_in(command, false)
    }

    fn missing_in(&self, command: &Command<'_>, in_atomic: bool) -> Option<Feature> {
        let lacks = |feature: Feature| self.lacks(feature).then_some(feature);
        let own = match command {
            Command::Add(_) => lacks(Feature::Add),
            Command::Atomic(_) => lacks(Feature::Atomic),
            Command::Copy(_) => lacks(Feature::Copy),
            Command::Delete(_) => lacks(Feature::Delete),
            Command::Exec(_) if in_atomic => lacks(Feature::Exec).or_else(|| lacks(Feature::ExecInAtomic)),
            Command::Exec(_) => lacks(Feature::Exec),
            Command::Get(_) => lacks(Feature::Get),
            Command::Replace(_) => lacks(Feature::Replace),
            Command::Sequence(_) => lacks(Feature::Sequence),
            Command::Alert(alert) => alert.code.and_then(Feature::of_alert).and_then(lacks),
            _ => None,
        };
        let of_items = || {
            command.items().iter().find_map(|item| match command {
                Command::Get(_) => list_of(item).and_then(lacks),
                Command::Add(_) | Command::Replace(_) => {
                    documents_of(item, command).into_iter().flatten().flatten().find_map(lacks)
                }
                _ => None,
            })
        };
        let in_atomic = in_atomic || matches!(command, Command::Atomic(_));
        let of_members = || command.members().iter().find_map(|member| self.missing_in(member, in_atomic));
        own.or_else(of_items).or_else(of_members)
    }

    /// Says the same in a way that the device understands, where there is one: a container around one thing is no container, and a Correlator
    /// that a device does not know changes nothing that it does.
    pub(super) fn rewrite(&self, command: Command<'static>) -> Command<'static> {
        match command {
            Command::Atomic(mut atomic)
                if self.lacks(Feature::Atomic)
                    && atomic.commands.len() == 1
                    && atomic.commands.iter().all(|member| member.items().len() == 1) =>
            {
                match atomic.commands.pop() {
                    Some(member) => self.rewrite(member),
                    None => atomic.into(),
                }
            }
            Command::Sequence(mut sequence) => {
                sequence.commands = core::mem::take(&mut sequence.commands)
                    .into_iter()
                    .map(|one| self.rewrite(one))
                    .collect();
                match sequence.commands.pop() {
                    Some(member) if self.lacks(Feature::Sequence) && sequence.commands.is_empty() => member,
                    member => {
                        sequence.commands.extend(member);
                        sequence.into()
                    }
                }
            }
            Command::Exec(mut exec) if self.lacks(Feature::Correlator) => {
                exec.correlator = None;
                exec.into()
            }
            other => other,
        }
    }
}

/// What kind of list an item of a Get asks for.
fn list_of(item: &Item<'_>) -> Option<Feature> {
    let (_, query) = item.target_uri()?.as_str().split_once('?')?;
    let list = query.strip_prefix("list=")?;
    match list {
        "Struct" => Some(Feature::ListStruct),
        "StructData" => Some(Feature::ListStructData),
        _ => list.starts_with("TNDS").then_some(Feature::ListTnds),
    }
}

/// What an item that brings a serialised tree asks for: that such are taken, and if it is a document of its own, its encoding.
fn documents_of(item: &Item<'_>, command: &Command<'_>) -> Option<[Option<Feature>; 2]> {
    let media_type = item.meta.iter().chain(command.meta()).find_map(Meta::media_type)?;
    let rest = media_type.as_str().trim().strip_prefix("application/vnd.syncml.dmtnds")?;
    // Mark-up inside of the message has the message's encoding.
    let own = item.data.as_ref().is_some_and(|data| data.as_nodes().is_none());
    let encoding = match rest {
        "+wbxml" => Some(Feature::Wbxml),
        "+xml" => Some(Feature::Xml),
        _ => None,
    };
    Some([Some(Feature::SetTnds), encoding.filter(|_| own)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Add, Alert, Atomic, CmdId, Copy, Exec, MediaType, Replace, Sequence};
    use alloc::vec;

    fn uri(text: &str) -> LocUri<'static> {
        LocUri::new(String::from(text)).unwrap()
    }

    fn id() -> CmdId<'static> {
        CmdId::new("1").unwrap()
    }

    #[test]
    fn dm_hlf_019_whatever_is_known_is_read_back() {
        for bits in [0, 1, 0x00AA_AAAA, 0x0055_5555, 0x00FF_FFFF] {
            let mut all = Capabilities::new();
            for (at, feature) in Feature::ALL.iter().enumerate() {
                // Of every third nothing is known.
                if at % 3 != 2 {
                    all = all.with(*feature, bits >> at & 1 == 1);
                }
            }
            all.media = vec!["image/png".into(), "audio/*".into()];
            all.max_msg_size = Some(5000);
            assert_eq!(Capabilities::parse(&all.to_announcement()), all);
            let items: Vec<_> = Capabilities::LEAVES
                .iter()
                .filter_map(|leaf| {
                    let data = Data::text(all.leaf(leaf)?).unwrap();
                    Some(Item::from(uri(&alloc::format!("./OS/2/x-Capabilities/{leaf}"))).with_data(data))
                })
                .collect();
            assert_eq!(Capabilities::read(&items), all);
            assert_eq!(Capabilities::read([&all.to_dev_info_item()]), all);
        }
        assert!(Feature::ALL.len() <= 32);
        for feature in Feature::ALL {
            assert!(Capabilities::LEAVES.contains(&feature.place().0), "{feature}");
        }
    }

    #[test]
    fn dm_hlf_019_what_the_standard_says_and_what_nobody_knows() {
        let large = |text| {
            let item = Item::from(uri("./DevDetail/LrgObj")).with_data(Data::text(text).unwrap());
            Capabilities::read([&item]).supports(Feature::LargeObjects)
        };
        assert_eq!((large("true"), large("false")), (Some(true), Some(false)));
        let odd = Capabilities::parse("Commands=Add Frobnicate -;;=;x;Lists;MaxMsgSize=-1;Media=png a/b");
        assert_eq!(odd.to_announcement(), "Commands=Add;Media=a/b");
        // The object says more than the line, and the line more than LrgObj.
        let line = Capabilities::new().with(Feature::LargeObjects, false).with(Feature::Copy, false);
        let items = [
            Item::from(uri("./DevDetail/LrgObj")).with_data(Data::text("true").unwrap()),
            Item::from(uri("./x-Capabilities/Commands")).with_data(Data::text("Copy").unwrap()),
            line.to_dev_info_item(),
        ];
        let read = Capabilities::read(&items);
        assert_eq!(
            (read.supports(Feature::LargeObjects), read.supports(Feature::Copy)),
            (Some(false), Some(true))
        );
    }

    #[test]
    fn dm_hlf_019_what_a_command_asks_for() {
        let get = |address: &str| Command::from(Get::new(id(), vec![Item::to(uri(address))]));
        let copy = || Command::from(Copy::new(id(), vec![Item::to(uri("./A"))]));
        let add = |media_type: MediaType<'static>, data: Data<'static>| {
            let meta = Meta::new().with_media_type(media_type);
            Command::from(Add::new(id(), vec![Item::to(uri("./A")).with_meta(meta).with_data(data)]))
        };
        let tnds = |text| MediaType::new(String::from(text)).unwrap();
        let octets = || Data::octets([1].as_slice());
        let cases = [
            (get("./A"), Feature::Get),
            (get("./A?list=Struct"), Feature::ListStruct),
            (get("./A?list=StructData"), Feature::ListStructData),
            (get("./A?list=TNDS+Value"), Feature::ListTnds),
            (copy(), Feature::Copy),
            (Sequence::new(id(), vec![get("./A"), copy()]).into(), Feature::Copy),
            (Sequence::new(id(), vec![get("./A")]).into(), Feature::Sequence),
            (Atomic::new(id(), vec![copy()]).into(), Feature::Atomic),
            (
                Atomic::new(id(), vec![Exec::new(id(), Item::to(uri("./A"))).into()]).into(),
                Feature::ExecInAtomic,
            ),
            (add(tnds("application/vnd.syncml.dmtnds+wbxml"), octets()), Feature::Wbxml),
            (add(tnds("application/vnd.syncml.dmtnds+xml"), octets()), Feature::SetTnds),
            (Alert::new(id(), AlertCode::TEXT_INPUT).into(), Feature::TextInput),
        ];
        for (command, feature) in cases {
            assert_eq!(Capabilities::new().missing(&command), None, "what nobody knows is tried");
            let lacking = Capabilities::new().with(feature, false);
            assert_eq!(lacking.missing(&command), Some(feature), "{command:?}");
            assert_eq!(lacking.with(feature, true).missing(&command), None);
        }
    }

    #[test]
    fn dm_hlf_019_the_same_is_said_otherwise() {
        let lacking = Capabilities::new()
            .with(Feature::Atomic, false)
            .with(Feature::Sequence, false)
            .with(Feature::Correlator, false);
        let replace = |items: usize| {
            Command::from(Replace::new(id(), (0..items).map(|_| Item::to(uri("./A"))).collect::<Vec<_>>()))
        };
        let atomic = |members: Vec<Command<'static>>| Command::from(Atomic::new(id(), members));
        assert_eq!(lacking.rewrite(atomic(vec![replace(1)])), replace(1));
        for whole in [atomic(vec![replace(2)]), atomic(vec![replace(1), replace(1)])] {
            assert_eq!(lacking.rewrite(whole.clone()), whole, "two things are not one");
        }
        let sequence = Sequence::new(id(), vec![atomic(vec![replace(1)])]);
        assert_eq!(lacking.rewrite(sequence.clone().into()), replace(1));
        assert_eq!(Capabilities::new().rewrite(sequence.clone().into()), sequence.into());
        let mut exec = Exec::new(id(), Item::to(uri("./A")));
        exec.correlator = Some(crate::model::Correlator::new("c").unwrap());
        match lacking.rewrite(exec.into()) {
            Command::Exec(exec) => assert_eq!(exec.correlator, None),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn dm_hlf_010_media_types_are_those_the_device_names() {
        let mut shows = Capabilities::new().with(Feature::Media, true);
        shows.media = vec!["image/PNG".into(), "audio/*".into()];
        assert!(shows.shows("image/png") && shows.shows("audio/ogg"));
        assert!(!shows.shows("image/jpeg") && !shows.shows("audio") && !shows.shows(""));
        assert!(!shows.with(Feature::Media, false).shows("image/png"));
    }
}
