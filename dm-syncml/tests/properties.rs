//! Messages made of anything the constructors allow come back from both encodings, meaning the same.
#![cfg(feature = "xml")]

use core::num::NonZeroU32;

use dm_syncml::elements::{Attribute, Element, Limits, Name, Node, Tag, metinf, syncml};
use dm_syncml::{
    Add, Alert, AlertCode, Atomic, Chal, CmdId, CmdName, CmdRef, Command, Copy, Correlator, Cred, Data,
    DecodeOptions, Delete, EncodeOptions, Encoding, Exec, Extensions, Format, Fragment, Get, Item, LocName,
    LocUri, Mark, MediaType, Message, Meta, MsgId, NextNonce, Reference, Replace, Results, Sequence,
    SessionId, Source, Status, StatusCode, SyncBody, SyncHdr, Target, VerDtd, VerProto, Version,
};
use dm_wbxml::{Event, ForeignName, SYNCML_1_2, wbxml, xml};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Text that XML can carry, with what either encoding has to treat with care.
fn text() -> impl Strategy<Value = String> {
    "[a-z <>&\"'\\]\\r\\n\\té€\u{7F}\u{FFFD}\u{1F600}]{0,12}"
}

/// Text without white space.
fn token() -> impl Strategy<Value = String> {
    "[!-~é\u{1F600}]{1,8}"
}

macro_rules! tokens {
    ($($function:ident $type:ident;)*) => {$(
        fn $function() -> impl Strategy<Value = $type<'static>> + Clone {
            "[!-~é\u{1F600}]{1,8}".prop_filter_map("reserved", |text| $type::new(text).ok())
        }
    )*};
}

tokens! {
    cmd_id CmdId;
    msg_id MsgId;
    session_id SessionId;
    ver_dtd VerDtd;
    ver_proto VerProto;
    loc_uri LocUri;
    loc_name LocName;
    correlator Correlator;
    media_type MediaType;
    version Version;
    cmd_name CmdName;
    cmd_ref CmdRef;
    reference Reference;
}

fn format() -> impl Strategy<Value = Format<'static>> {
    // Not b64: with it data would have to be base64, see `data`.
    prop::sample::select(vec!["bin", "bool", "chr", "int", "node", "null", "xml", "date", "time", "float"])
        .prop_map(|text| Format::new(text).unwrap())
}

fn mark() -> impl Strategy<Value = Mark<'static>> {
    prop::sample::select(vec![
        Mark::FATAL,
        Mark::CRITICAL,
        Mark::MINOR,
        Mark::WARNING,
        Mark::INFORMATIONAL,
        Mark::HARMLESS,
        Mark::INDETERMINATE,
    ])
}

fn meta() -> BoxedStrategy<Meta<'static>> {
    (
        option::of(format()),
        option::of(media_type()),
        option::of(mark()),
        option::of(any::<u64>()),
        option::of(version()),
        option::of(vec(any::<u8>(), 0..20)),
        (option::of(any::<u64>()), option::of(any::<u64>())),
    )
        .prop_map(|(format, media_type, mark, size, version, nonce, (msg_size, obj_size))| {
            let mut meta = Meta::new();
            if let Some(format) = format {
                meta = meta.with_format(format);
            }
            if let Some(media_type) = media_type {
                meta = meta.with_media_type(media_type);
            }
            if let Some(mark) = mark {
                meta = meta.with_mark(mark);
            }
            if let Some(size) = size {
                meta = meta.with_size(size);
            }
            if let Some(version) = version {
                meta = meta.with_version(version);
            }
            if let Some(nonce) = nonce {
                meta = meta.with_next_nonce(NextNonce::new(&nonce));
            }
            if let Some(size) = msg_size {
                meta = meta.with_max_msg_size(size);
            }
            if let Some(size) = obj_size {
                meta = meta.with_max_obj_size(size);
            }
            meta
        })
        .boxed()
}

/// An element that no typed one knows.
fn unknown() -> BoxedStrategy<Element<'static>> {
    let attribute = "[a-z]{1,4}".prop_map(|name| Attribute::new(name, "<'&\"\t>").unwrap());
    // Page 3 has no elements: never a command, nor anything that belongs somewhere.
    (0x05u8..0x3F, option::of(attribute), text(), any::<bool>())
        .prop_map(|(token, attribute, text, child)| {
            let mut element = Element::new(Tag::new(3, token));
            element.attributes.extend(attribute);
            if !text.is_empty() {
                element.children.push(Node::Text(text.into()));
            }
            if child {
                element.children.push(Node::Element(Element::new(syncml::LOC_URI)));
            }
            element
        })
        .boxed()
}

fn extensions() -> BoxedStrategy<Extensions<'static>> {
    prop_oneof![4 => Just(Vec::new()), 1 => vec(unknown(), 1..3)]
        .prop_map(|elements| {
            let mut extensions = Extensions::new();
            elements.into_iter().for_each(|element| extensions.push(element));
            extensions
        })
        .boxed()
}

fn data() -> BoxedStrategy<Data<'static>> {
    prop_oneof![
        4 => text().prop_map(|text| Data::text(text).unwrap()),
        2 => vec(any::<u8>(), 0..12).prop_map(Data::octets),
        1 => unknown().prop_map(Data::element),
    ]
    .boxed()
}

fn target() -> BoxedStrategy<Target<'static>> {
    (loc_uri(), option::of(loc_name()), extensions())
        .prop_map(|(loc_uri, loc_name, extensions)| {
            let mut target = Target::new(loc_uri);
            target.loc_name = loc_name.map(Box::new);
            target.extensions = extensions;
            target
        })
        .boxed()
}

fn source() -> BoxedStrategy<Source<'static>> {
    (loc_uri(), option::of(loc_name()))
        .prop_map(|(loc_uri, loc_name)| {
            let mut source = Source::new(loc_uri);
            source.loc_name = loc_name.map(Box::new);
            source
        })
        .boxed()
}

fn item() -> BoxedStrategy<Item<'static>> {
    (
        option::of(target()),
        option::of(source()),
        option::of(meta()),
        option::of(data()),
        any::<bool>(),
        extensions(),
    )
        .prop_map(|(target, source, meta, data, more_data, extensions)| {
            let mut item = Item::new();
            (item.target, item.source, item.meta, item.data) = (target, source, meta, data);
            (item.more_data, item.extensions) = (more_data, extensions);
            item
        })
        .boxed()
}

fn items() -> BoxedStrategy<Vec<Item<'static>>> {
    vec(item(), 0..3).boxed()
}

fn cred() -> BoxedStrategy<Cred<'static>> {
    (media_type(), token())
        .prop_map(|(media_type, text)| Cred::new(media_type, Data::text(text).unwrap()))
        .boxed()
}

/// Fills what all commands with items have.
macro_rules! item_command {
    ($type:ident) => {
        (cmd_id(), any::<bool>(), option::of(meta()), items(), extensions()).prop_map(
            |(cmd_id, no_resp, meta, items, extensions)| {
                let mut command = $type::new(cmd_id, items);
                (command.no_resp, command.meta, command.extensions) = (no_resp, meta, extensions);
                Command::from(command)
            },
        )
    };
}

fn exec() -> BoxedStrategy<Command<'static>> {
    (cmd_id(), item(), option::of(correlator()), option::of(meta()))
        .prop_map(|(cmd_id, item, correlator, meta)| {
            let mut exec = Exec::new(cmd_id, item);
            (exec.correlator, exec.meta) = (correlator, meta);
            exec.into()
        })
        .boxed()
}

fn alert() -> BoxedStrategy<Command<'static>> {
    (cmd_id(), any::<u16>(), option::of(correlator()), items())
        .prop_map(|(cmd_id, code, correlator, items)| {
            let mut alert = Alert::new(cmd_id, AlertCode::new(code));
            (alert.correlator, alert.items) = (correlator, items);
            alert.into()
        })
        .boxed()
}

fn status() -> BoxedStrategy<Command<'static>> {
    let chal = (media_type(), vec(any::<u8>(), 0..20))
        .prop_map(|(media_type, nonce)| Box::new(Chal::new(media_type).with_next_nonce(&nonce)));
    let references = || vec(reference(), 0..3);
    (
        cmd_id(),
        msg_id(),
        cmd_ref(),
        cmd_name(),
        any::<u16>(),
        references(),
        references(),
        option::of(chal),
        items(),
    )
        .prop_map(|(cmd_id, msg_ref, cmd_ref, cmd, code, targets, sources, chal, items)| {
            let mut status = Status::new(cmd_id, msg_ref, cmd_ref, cmd, StatusCode::new(code));
            (status.target_refs, status.source_refs, status.chal, status.items) =
                (targets, sources, chal, items);
            status.into()
        })
        .boxed()
}

fn results() -> BoxedStrategy<Command<'static>> {
    (
        cmd_id(),
        option::of(msg_id()),
        cmd_ref(),
        option::of(cmd_name()),
        option::of(meta()),
        option::of(reference()),
        items(),
    )
        .prop_map(|(cmd_id, msg_ref, cmd_ref, cmd, meta, reference, items)| {
            let mut results = Results::new(cmd_id, MsgId::number(1), cmd_ref, items);
            (results.msg_ref, results.cmd, results.meta) = (msg_ref, cmd.map(Box::new), meta);
            (results.target_ref, results.source_ref) = (reference.clone(), reference.map(Box::new));
            results.into()
        })
        .boxed()
}

fn command() -> BoxedStrategy<Command<'static>> {
    let one = prop_oneof![
        item_command!(Add),
        item_command!(Copy),
        item_command!(Delete),
        item_command!(Get),
        item_command!(Replace),
        exec(),
        alert(),
        status(),
        results(),
        unknown().prop_map(Command::Unknown),
    ];
    one.prop_recursive(3, 12, 3, |inner| {
        (cmd_id(), option::of(meta()), vec(inner, 0..3), any::<bool>()).prop_map(
            |(cmd_id, meta, members, atomic)| {
                if atomic {
                    let mut container = Atomic::new(cmd_id, members);
                    container.meta = meta;
                    container.into()
                } else {
                    let mut container = Sequence::new(cmd_id, members);
                    container.meta = meta;
                    container.no_resp = true;
                    container.into()
                }
            },
        )
    })
    .boxed()
}

fn header() -> BoxedStrategy<SyncHdr<'static>> {
    (
        (session_id(), msg_id(), ver_dtd(), ver_proto()),
        (target(), source()),
        (option::of(loc_uri()), any::<bool>(), option::of(cred()), option::of(meta()), extensions()),
    )
        .prop_map(|((session_id, msg_id, ver_dtd, ver_proto), (target, source), rest)| {
            let mut header = SyncHdr::new(session_id, msg_id, target.loc_uri.clone(), source.loc_uri.clone());
            (header.ver_dtd, header.ver_proto, header.target, header.source) =
                (ver_dtd, ver_proto, target, source);
            (header.resp_uri, header.no_resp, header.cred, header.meta, header.extensions) = rest;
            header
        })
        .boxed()
}

fn message() -> BoxedStrategy<Message<'static>> {
    (header(), vec(command(), 0..4), any::<bool>())
        .prop_map(|(header, commands, last)| {
            let mut body = SyncBody::new(commands);
            body.last_in_package = last;
            Message::new(header, body)
        })
        .boxed()
}

fn decode(encoding: Encoding, octets: &[u8]) -> Message<'_> {
    Message::decode(encoding, octets, &DecodeOptions::new())
        .unwrap_or_else(|error| panic!("{error}: {octets:02X?}"))
}

/// What each item is about and the octets its data means, commands in their order.
fn meaning<'m>(commands: &'m [Command<'_>], said: &mut Vec<(Option<&'m str>, Option<Vec<u8>>)>) {
    for command in commands {
        for item in command.items() {
            let format = item.format_under(command.meta());
            let octets = item.data.as_ref().and_then(|data| data.decoded(format).ok());
            said.push((item.target_uri().map(LocUri::as_str), octets.map(|octets| octets.into_owned())));
        }
        meaning(command.members(), said);
    }
}

fn meaning_of<'m>(message: &'m Message<'_>) -> Vec<(Option<&'m str>, Option<Vec<u8>>)> {
    let mut said = Vec::new();
    meaning(&message.body.commands, &mut said);
    said
}

proptest! {
    #[test]
    fn wbxml_brings_messages_back(message in message()) {
        let octets = message.encode(Encoding::Wbxml);
        let again = decode(Encoding::Wbxml, &octets);
        prop_assert_eq!(&again, &message);
        prop_assert_eq!(again.encode(Encoding::Wbxml), octets.clone());
        prop_assert_eq!(again.clone().into_owned(), message);
    }

    /// Whatever constructors take is read strictly, is the same message, and has the size that was told before; in both encodings.
    #[test]
    fn what_is_built_is_legal(message in message()) {
        for encoding in [Encoding::Wbxml, Encoding::Xml] {
            let octets = message.encode(encoding);
            prop_assert_eq!(message.encoded_len(encoding, &EncodeOptions::DEFAULT), octets.len());
            let (again, quirks) =
                Message::decode_reporting(encoding, &octets, &DecodeOptions::new()).expect("a legal message");
            prop_assert!(quirks.is_empty());
            let differences: Vec<_> = message.differences(&again).collect();
            prop_assert!(differences.is_empty(), "{encoding}: {differences:?}");
        }
    }

    /// XML has no octets: they come back as base64 text under another Format, or as the text they are. Once through, nothing
    /// changes any more, and what the data means has not changed at all.
    #[test]
    fn xml_brings_messages_back(message in message()) {
        let octets = message.encode(Encoding::Xml);
        let again = decode(Encoding::Xml, &octets);
        prop_assert_eq!(String::from_utf8(again.encode(Encoding::Xml)).unwrap(), String::from_utf8(octets.clone()).unwrap());
        prop_assert_eq!(meaning_of(&again), meaning_of(&message));
        prop_assert_eq!(decode(Encoding::Xml, &octets).into_owned(), again);
    }

    /// The meaning is that of one encoding whatever road the message took.
    #[test]
    fn both_encodings_mean_the_same(message in message()) {
        let xml = message.encode(Encoding::Xml);
        let wbxml = message.encode(Encoding::Wbxml);
        let (from_xml, from_wbxml) = (decode(Encoding::Xml, &xml), decode(Encoding::Wbxml, &wbxml));
        prop_assert_eq!(from_wbxml.encode(Encoding::Xml), xml.clone());
        let through = from_xml.encode(Encoding::Wbxml);
        prop_assert_eq!(decode(Encoding::Wbxml, &through).encode(Encoding::Xml), xml);
    }

    #[test]
    fn fragments_come_back(commands in vec(command(), 0..4)) {
        let fragment = Fragment::new(SyncBody::new(commands));
        let octets = fragment.encode(Encoding::Wbxml);
        let again = Fragment::decode(Encoding::Wbxml, &octets, &DecodeOptions::new()).unwrap();
        prop_assert_eq!(&again, &fragment);
        let xml = fragment.encode(Encoding::Xml);
        let from_xml = Fragment::decode(Encoding::Xml, &xml, &DecodeOptions::new()).unwrap();
        prop_assert_eq!(from_xml.encode(Encoding::Xml), xml);
    }

    /// Ids are replaced in document order, in containers too, and nothing else is touched.
    #[test]
    fn renumbering_touches_ids_only(command in command()) {
        let mut renumbered = command.clone();
        let mut next = 0;
        renumbered.renumber(&mut || {
            next += 1;
            CmdId::number(NonZeroU32::new(next).unwrap())
        });
        prop_assert_eq!(renumbered.name(), command.name());
        prop_assert_eq!(renumbered.items(), command.items());
        prop_assert_eq!(renumbered.members().len(), command.members().len());
        if !matches!(command, Command::Unknown(_)) {
            prop_assert_eq!(renumbered.cmd_id().unwrap(), &"1");
        }
    }

    /// Octets of a message changed here and there: an error or another message, and never more.
    #[test]
    fn damaged_messages_end(message in message(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        for encoding in [Encoding::Wbxml, Encoding::Xml] {
            let mut octets = message.encode(encoding);
            for (at, octet) in &damage {
                let at = at.index(octets.len());
                octets[at] = *octet;
            }
            match Message::decode(encoding, &octets, &DecodeOptions::new()) {
                Ok(other) => {
                    let again = other.encode(Encoding::Wbxml);
                    prop_assert!(Message::decode(Encoding::Wbxml, &again, &DecodeOptions::new()).is_ok());
                }
                Err(error) => prop_assert!(error.offset() <= octets.len()),
            }
        }
    }
}

/// Elements that no typed one knows, or not at the places where `sprinkle` puts them.
fn stranger() -> BoxedStrategy<Element<'static>> {
    let foreign = ForeignName::new("urn:x", "Odd").unwrap();
    prop_oneof![
        3 => unknown(),
        1 => Just(Element::new(syncml::LANG)),
        1 => Just(Element::new(syncml::PUT)),
        1 => Just(Element::new(metinf::EMI)),
        1 => Just(Element::new(Name::Foreign(foreign))),
    ]
    .boxed()
}

/// Elements that hold known ones, each of which is read into fields.
const TYPED: [Tag; 20] = [
    syncml::SYNCML,
    syncml::SYNC_HDR,
    syncml::SYNC_BODY,
    syncml::TARGET,
    syncml::SOURCE,
    syncml::CRED,
    syncml::CHAL,
    syncml::META,
    syncml::ITEM,
    syncml::ADD,
    syncml::ALERT,
    syncml::ATOMIC,
    syncml::COPY,
    syncml::DELETE,
    syncml::EXEC,
    syncml::GET,
    syncml::REPLACE,
    syncml::RESULTS,
    syncml::SEQUENCE,
    syncml::STATUS,
];

/// Puts strangers between the children of typed elements, wherever `wanted` says.
fn sprinkle(element: &mut Element<'static>, wanted: &mut impl FnMut() -> Option<Element<'static>>) {
    if !matches!(element.name, Name::Tag(tag) if TYPED.contains(&tag)) {
        return;
    }
    let mut children = Vec::new();
    for mut child in element.children.drain(..) {
        children.extend(wanted().map(Node::Element));
        if let Node::Element(child) = &mut child {
            sprinkle(child, wanted);
        }
        children.push(child);
    }
    // What stands behind Final is written before it.
    let ends = matches!(children.last(), Some(Node::Element(last)) if last.name == Name::Tag(syncml::FINAL));
    if !ends {
        children.extend(wanted().map(Node::Element));
    }
    element.children = children;
}

fn tree_of<'a>(source: &mut impl dm_wbxml::Source<'a>) -> Element<'static> {
    let Ok(Some(Event::Start(name))) = source.next() else { panic!("no root") };
    Element::decode(source, name).unwrap().into_owned()
}

/// The elements of a document.
fn tree(encoding: Encoding, document: &[u8]) -> Element<'static> {
    match encoding {
        Encoding::Wbxml => tree_of(&mut wbxml::Reader::new(document, &SYNCML_1_2, Limits::DEFAULT).unwrap()),
        _ => tree_of(&mut xml::Reader::new(document, &SYNCML_1_2, xml::Options::default()).unwrap()),
    }
}

fn written(encoding: Encoding, root: &Element<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        Encoding::Wbxml => {
            let mut table = wbxml::StringTable::new();
            root.encode(&mut table);
            let id = SYNCML_1_2.public_id();
            let mut writer = wbxml::Writer::new(&mut out, wbxml::Version::V1_2, id, &table);
            root.encode(&mut writer);
            assert!(writer.finish());
        }
        _ => root.encode(&mut xml::Writer::new(&mut out, &SYNCML_1_2)),
    }
    out
}

proptest! {
    /// What nobody knows comes back from where it stood, octet for octet, in both encodings.
    #[test]
    fn strangers_keep_their_places(
        message in message(),
        strangers in vec(option::weighted(0.3, stranger()), 1..80),
    ) {
        for encoding in [Encoding::Wbxml, Encoding::Xml] {
            let mut root = tree(encoding, &message.encode(encoding));
            let mut next = strangers.iter().cycle();
            sprinkle(&mut root, &mut || next.next().cloned().flatten());
            let document = written(encoding, &root);
            let read = decode(encoding, &document);
            // The typed writer has an end for what is empty too, so both are written by one.
            prop_assert_eq!(&written(encoding, &tree(encoding, &read.encode(encoding))), &document);
            prop_assert_eq!(&read.clone().into_owned(), &read);
            // The other encoding keeps the places too, and the exact size is still known.
            for other in [Encoding::Wbxml, Encoding::Xml] {
                let through = read.encode(other);
                prop_assert_eq!(read.encoded_len(other, &EncodeOptions::DEFAULT), through.len());
                prop_assert_eq!(decode(other, &through).encode(other), through);
            }
        }
    }

    /// Whatever order the children of typed elements come in: once read, the order is that of the writer, and nothing is lost.
    #[test]
    fn any_order_of_known_and_unknown_settles(
        message in message(),
        strangers in vec(option::weighted(0.5, stranger()), 1..40),
        order in vec(any::<prop::sample::Index>(), 1..40),
    ) {
        let mut root = tree(Encoding::Wbxml, &message.encode(Encoding::Wbxml));
        let mut next = strangers.iter().cycle();
        sprinkle(&mut root, &mut || next.next().cloned().flatten());
        let mut order = order.iter().cycle();
        shuffle(&mut root, &mut |len| order.next().map_or(0, |index| index.index(len)));
        let document = written(Encoding::Wbxml, &root);
        let read = decode(Encoding::Wbxml, &document);
        let again = read.encode(Encoding::Wbxml);
        prop_assert_eq!(&decode(Encoding::Wbxml, &again), &read);
        prop_assert_eq!(names(&tree(Encoding::Wbxml, &again)), names(&tree(Encoding::Wbxml, &document)));
    }
}

/// Changes the order of what says the same in any order.
fn shuffle(element: &mut Element<'static>, pick: &mut impl FnMut(usize) -> usize) {
    let Name::Tag(tag) = element.name else { return };
    if !TYPED.contains(&tag) {
        return;
    }
    for child in &mut element.children {
        if let Node::Element(child) = child {
            shuffle(child, pick);
        }
    }
    let len = element.children.len();
    if tag != syncml::SYNC_BODY && len > 1 {
        let (a, b) = (pick(len), pick(len));
        element.children.swap(a, b);
    }
}

/// All names, in no order.
fn names(element: &Element<'_>) -> Vec<String> {
    let mut names = vec![format!("{:?}", element.name)];
    for child in &element.children {
        if let Node::Element(child) = child {
            names.extend(self::names(child));
        }
    }
    names.sort();
    names
}

/// The name of an unknown element is no name of a command.
#[test]
fn unknown_elements_have_no_name_a_status_could_carry() {
    let element = Element::new(Name::Tag(Tag::new(3, 0x05)));
    assert_eq!(Command::Unknown(element).name(), None);
}
