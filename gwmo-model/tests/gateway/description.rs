//! The descriptions of the objects: the files, what is made from the tables, and what a running gateway has.

#[cfg(feature = "xml")]
use dm_syncml::Encoding;
use dm_tree::ddf::{Described, Schema};
use dm_tree::mgmt_tree::Occurrence;
#[cfg(feature = "xml")]
use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree};
use dm_tree::{Format, NodeUri};
use gwmo_model::console::JobRequest;
use gwmo_model::mo::Object;

use crate::town::requests::*;
use crate::town::{Town, device_id, server_id};

#[cfg(feature = "xml")]
fn file_of(object: Object) -> std::path::PathBuf {
    let name = format!("{object:?}").to_lowercase();
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("ddf").join(format!("gw-{name}.ddf"))
}

/// One element a line, and the description of a node a little further in than the node.
#[cfg(feature = "xml")]
fn indented(xml: &str) -> String {
    let (mut out, mut depth) = (String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), 0_usize);
    let mut rest = xml;
    while let Some(end) = rest.find('>') {
        let (tag, after) = rest.split_at(end + 1);
        let (is_end, is_empty) = (tag.starts_with("</"), tag.ends_with("/>"));
        let text = &after[..after.find('<').unwrap_or(0)];
        let closes = format!("</{}>", tag[1..tag.len() - 1].split(' ').next().unwrap());
        if is_end {
            depth -= 1;
        }
        out.push_str(&"  ".repeat(depth));
        out.push_str(tag);
        rest = &after[text.len()..];
        if !is_end && !is_empty {
            // A leaf stays on its line: text, or one empty element.
            let inner = rest.find(&closes).map(|at| &rest[..at]);
            match inner {
                Some(inner) if !inner.contains("</") && (inner.is_empty() || !inner.contains("Name")) => {
                    out.push_str(text);
                    out.push_str(inner);
                    out.push_str(&closes);
                    rest = &rest[inner.len() + closes.len()..];
                }
                _ => depth += 1,
            }
        }
        out.push('\n');
    }
    out
}

/// `GWMO_DDF=write cargo test -p gwmo-model --test gateway description` writes the files anew.
#[cfg(feature = "xml")]
#[test]
fn the_files_are_what_the_tables_say() {
    for object in Object::ALL {
        let generated = crate::binding().description(object);
        let text = indented(&String::from_utf8(generated.encode(Encoding::Xml)).unwrap());
        let file = file_of(object);
        if std::env::var_os("GWMO_DDF").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap();
        assert_eq!(written, text, "{}", file.display());
        let read = MgmtTree::decode(Encoding::Xml, written.as_bytes(), &DocumentOptions::STRICT).unwrap();
        assert_eq!(read, generated);
        let wbxml = generated.encode(Encoding::Wbxml);
        assert_eq!(MgmtTree::decode(Encoding::Wbxml, &wbxml, &DocumentOptions::STRICT).unwrap(), generated);
    }
}

/// Every node that a gateway in the middle of its work shows is described, as it is described; and what must be there is.
#[test]
fn a_running_gateway_is_as_described() {
    let mut town = Town::with_devices(1, 3);
    town.call_home(1);
    town.run();
    let members: Vec<_> = (1..=2).map(device_id).collect();
    town.ask(0, console().create_group(&group("g"), &members));
    let draft = job("draft", "g").with_device(device_id(3)).without_device(device_id(1));
    town.ask(0, console().add_job(&draft));
    launch(&mut town, job("done", "*"), "done");
    town.run();
    launch(
        &mut town,
        JobRequest::new(key("cancelled")).with_group(group("g")).with_command(get("./A")),
        "cancelled",
    );

    let mut schema = Schema::new();
    for object in Object::ALL {
        schema.add(&crate::binding().description(object)).unwrap();
    }
    let (mut nodes, now, owner) = (0, town.now(), server_id("dms.a"));
    let mut stack: Vec<NodeUri<'static>> =
        Object::ALL.iter().map(|object| crate::binding().place(*object).clone()).collect();
    while let Some(uri) = stack.pop() {
        let mut value = town.gateway.execute(now, &owner, &get(uri.as_str()));
        if value.items[0].code.get() == 425 {
            value = town.gateway.execute(now, &server_id(crate::town::GATEWAY), &get(uri.as_str()));
        }
        let code = value.items[0].code.get();
        if code == 404 && Object::ALL.iter().any(|object| crate::binding().place(*object) == &uri) {
            continue;
        }
        let Described::Described(description) = schema.find(&uri) else { panic!("{uri:?} is not described") };
        nodes += 1;
        let expected = description.format().unwrap();
        if code == 405 {
            assert!(!description.access().contains(dm_tree::AccessType::GET), "{uri:?}");
            continue;
        }
        assert_eq!(code, 200, "{uri:?}");
        let item = &value.items[0].results[0];
        let format =
            item.meta.as_ref().and_then(|meta| meta.format()).map_or("chr", |format| format.as_str());
        assert_eq!(format, expected.to_string(), "{uri:?}");
        if expected != Format::Node {
            continue;
        }
        let names = item.data.as_ref().and_then(|data| data.as_text()).unwrap_or("");
        let children: Vec<_> = names.split('/').filter(|name| !name.is_empty()).collect();
        for child in description.children() {
            let count = match child.name() {
                Some(name) => children.iter().filter(|there| **there == name).count(),
                None => continue,
            };
            assert!(count as u32 >= child.occurrence().min(), "{uri:?} lacks {:?}", child.name());
            assert_ne!(child.occurrence(), Occurrence::ZeroOrMore, "{uri:?}");
        }
        stack.extend(
            children
                .iter()
                .map(|name| NodeUri::parse(&format!("{}/{name}", uri.as_str())).unwrap().into_owned()),
        );
    }
    assert!(nodes > 300, "{nodes}");
}
