//! Large objects in both directions (DM Protocol 1.2.1, large objects).

use dm_syncml::session::ClientEnd;
use dm_syncml::{Command, DecodeOptions, Encoding, Message};

use crate::device::{Device, add, config, container, get, sizes, status};

const NEXT: &str = "<Alert><CmdID>n</CmdID><Data>1222</Data></Alert>";

fn chunk(name: &str, id: &str, target: &str, data: &str, size: Option<usize>, more: bool) -> String {
    let size = size
        .map_or(String::new(), |size| format!("<Meta><Size xmlns=\"syncml:metinf\">{size}</Size></Meta>"));
    let more = if more { "<MoreData/>" } else { "" };
    format!(
        "<{name}><CmdID>{id}</CmdID><Item><Target><LocURI>{target}</LocURI></Target>{size}<Data>{data}</Data>{more}</Item></{name}>"
    )
}

#[test]
fn chunks_are_joined_before_anything_is_executed() {
    for name in ["Add", "Replace", "Exec"] {
        let mut device = Device::new(config());
        device.values.insert("./Big".into(), String::new());
        if name == "Add" {
            device.values.clear();
        }
        device.say_more(&chunk(name, "1", "./Big", "abc", Some(8), true));
        assert_eq!(device.answered(), ["1 213", "Alert 1222"]);
        assert!(device.log.is_empty());
        device.say_more(&chunk(name, "1", "./Big", "def", None, true));
        assert_eq!(device.answered(), ["1 213", "Alert 1222"]);
        device.say(&chunk(name, "7", "./Big", "gh", None, false));
        let done = if name == "Exec" { 202 } else { 200 };
        assert_eq!(device.answered(), [format!("7 {done}"), "Final".into()]);
        assert_eq!(device.log, [format!("{name} ./Big")]);
        if name != "Exec" {
            assert_eq!(device.values["./Big"], "abcdefgh");
        }
    }
}

#[test]
fn commands_before_the_first_chunk_and_after_the_last_are_executed() {
    let mut device = Device::new(config());
    device.say_more(&[add("1", "./A", "1"), chunk("Add", "2", "./Big", "abc", Some(6), true)].concat());
    assert_eq!(device.answered(), ["1 200", "2 213", "Alert 1222"]);
    device.say(&[chunk("Add", "1", "./Big", "def", None, false), add("2", "./B", "1")].concat());
    assert_eq!(device.answered(), ["1 200", "2 200", "Final"]);
}

/// (chunks, what each is answered)
#[test]
fn objects_that_are_refused() {
    let cases = [
        ("too short", [("abc", Some(9)), ("def", None)], [213, 424]),
        ("too long", [("abc", Some(5)), ("def", None)], [213, 424]),
        ("no size", [("abc", None), ("def", None)], [411, 411]),
        ("too large", [("abc", Some(2_000_000)), ("def", None)], [413, 413]),
    ];
    for (name, chunks, codes) in cases {
        let mut device = Device::new(config());
        device.say_more(&chunk("Add", "1", "./Big", chunks[0].0, chunks[0].1, true));
        assert_eq!(device.answered()[0], format!("1 {}", codes[0]), "{name}");
        device.say(&chunk("Add", "2", "./Big", chunks[1].0, chunks[1].1, false));
        assert_eq!(device.answered()[0], format!("2 {}", codes[1]), "{name}");
        assert!(device.log.is_empty(), "{name}");
    }
}

/// The device says so by alert 1225, since there may be no command to refer to.
#[test]
fn an_object_without_end_is_told_and_forgotten() {
    let begun = || {
        let mut device = Device::new(config());
        device.say_more(&chunk("Add", "1", "./Big", "abc", Some(6), true));
        device
    };
    // Another command in its place.
    let mut device = begun();
    device.say(&add("1", "./A", "1"));
    assert_eq!(device.answered(), ["1 200", "Alert 1225", "Final"]);
    let message = device.last().unwrap();
    let named = message.body.commands.iter().any(
        |c| matches!(c, Command::Alert(a) if a.items.iter().any(|item| item.target_uri().unwrap() == "./Big")),
    );
    assert!(named);
    assert_eq!(device.log, ["Add ./A"]);
    // Final without its end.
    let mut device = begun();
    device.say(&chunk("Add", "1", "./Big", "d", None, true));
    assert_eq!(device.answered(), ["1 213", "Alert 1225", "Final"]);
    // A Get between.
    let mut device = begun();
    device.say_more(&[get("1", "./A"), chunk("Add", "2", "./Big", "def", None, false)].concat());
    assert_eq!(device.answered()[..2], ["1 404", "2 200"], "the rest is an object of its own then");
    assert!(device.answered().contains(&"Alert 1225".to_owned()));
}

#[test]
fn chunks_where_none_may_be() {
    let mut device = Device::new(config());
    let inner = chunk("Add", "2", "./Big", "abc", Some(6), true);
    device.say(&container("Sequence", "1", &[inner.clone(), add("3", "./A", "1")]));
    assert_eq!(device.answered(), ["1 200", "2 426", "3 200", "Final"]);
    device.say(&container("Atomic", "1", &[add("3", "./B", "1"), inner]));
    assert_eq!(device.answered(), ["1 507", "3 215", "2 426", "Final"]);
    let mut device = Device::new(config().without_large_objects());
    device.say(&chunk("Add", "1", "./Big", "abc", Some(6), true));
    assert_eq!(device.answered(), ["1 406", "Final"]);
}

/// Items that are whole are executed though another item of the command is a chunk.
#[test]
fn a_command_with_whole_items_and_a_chunk() {
    let item = "<Item><Target><LocURI>./A</LocURI></Target><Data>1</Data></Item>";
    let mut device = Device::new(config());
    let first = chunk("Add", "1", "./Big", "abc", Some(6), true).replace("<Item>", &format!("{item}<Item>"));
    device.say_more(&first);
    assert_eq!(device.answered(), ["1 200", "1 213", "Alert 1222"]);
    device.say(&chunk("Add", "1", "./Big", "def", None, false));
    assert_eq!(device.answered(), ["1 200", "Final"]);
    assert_eq!((device.values["./A"].as_str(), device.values["./Big"].as_str()), ("1", "abcdef"));
}

/// Collects the Results of a device, asking for its next message until Final.
fn collect(device: &mut Device, limit: usize) -> (String, usize) {
    let (mut text, mut chunks) = (String::new(), 0);
    loop {
        let body = device.sent.last().unwrap().clone();
        assert!(body.len() <= limit, "{} octets", body.len());
        let message = Message::decode(Encoding::Xml, &body, &DecodeOptions::new()).unwrap();
        let mut answers = String::new();
        for command in &message.body.commands {
            if let Command::Results(results) = command {
                for item in &results.items {
                    let size = item.meta.as_ref().and_then(|meta| meta.size());
                    assert_eq!(
                        size.is_some(),
                        item.more_data && text.is_empty(),
                        "Size stands on the first chunk"
                    );
                    text.push_str(item.data.as_ref().unwrap().as_text().unwrap());
                    if item.more_data {
                        chunks += 1;
                        let (msg, id) = (message.header.msg_id.as_str(), results.cmd_id.as_str());
                        answers.push_str(&status("r", msg, id, "Results", 213));
                    }
                }
            }
        }
        if message.body.last_in_package {
            return (text, chunks);
        }
        device.say_more(&[&answers, NEXT].concat());
    }
}

#[test]
fn results_larger_than_a_message_go_out_in_chunks() {
    let mut device = Device::new(config());
    device.header_extra = sizes(1500, 100_000);
    let value: String = (0..600).map(|n| format!("{n:04}ä<")).collect();
    device.values.insert("./Big".into(), value.clone());
    device.say(&[get("1", "./Big"), add("2", "./A", "1")].concat());
    assert_eq!(device.answered()[..2], ["1 200", "2 200"], "no Status waits for room");
    let (text, chunks) = collect(&mut device, 1500);
    assert_eq!(text, value);
    assert!(chunks > 2);
    device.say("");
    assert_eq!(device.end, Some(ClientEnd::Completed));
}

/// What fits one message has no MoreData, even if it has to wait for it.
#[test]
fn results_that_fit_a_message_of_their_own_are_not_cut() {
    let mut device = Device::new(config());
    device.header_extra = sizes(2500, 100_000);
    for name in ["./A", "./B", "./C"] {
        device.values.insert(name.into(), "x".repeat(1200));
    }
    device.say(&[get("1", "./A"), get("2", "./B"), get("3", "./C")].concat());
    let (text, chunks) = collect(&mut device, 2500);
    assert_eq!((text.len(), chunks), (3600, 0));
}

/// One Get for many items: its Results are parted by items first.
#[test]
fn results_of_many_items_are_parted() {
    let mut device = Device::new(config());
    device.header_extra = sizes(2500, 100_000);
    let items: String = (0..40)
        .map(|n| {
            device.values.insert(format!("./N{n}"), format!("{n:0100}"));
            format!("<Item><Target><LocURI>./N{n}</LocURI></Target></Item>")
        })
        .collect();
    device.say(&format!("<Get><CmdID>1</CmdID>{items}</Get>"));
    let (text, chunks) = collect(&mut device, 2500);
    assert_eq!(text, (0..40).map(|n| format!("{n:0100}")).collect::<String>());
    assert_eq!(chunks, 0);
}

/// MaxObjSize binds us, and so does a server that takes no chunks.
#[test]
fn results_that_cannot_be_sent_are_413() {
    for (config, max_obj_size) in [(config(), 2_000), (config().without_large_objects(), 100_000)] {
        let mut device = Device::new(config);
        device.header_extra = sizes(1500, max_obj_size);
        device.values.insert("./Big".into(), "x".repeat(3000));
        device.values.insert("./Small".into(), "y".into());
        device.say(&[get("1", "./Big"), get("2", "./Small")].concat());
        assert_eq!(device.answered(), ["1 413", "2 200", "Results 2", "Final"]);
    }
}

/// The server may lose interest: the rest is not sent.
#[test]
fn results_that_the_server_refuses_are_given_up() {
    for refusal in ["424", "1225"] {
        let mut device = Device::new(config());
        device.header_extra = sizes(1500, 100_000);
        device.values.insert("./Big".into(), "x".repeat(5000));
        device.say(&get("1", "./Big"));
        let message = device.last().unwrap();
        let Some(Command::Results(results)) = message.body.commands.last() else { panic!("a chunk") };
        let (msg, id) = (message.header.msg_id.to_string(), results.cmd_id.to_string());
        let said = match refusal {
            "424" => status("r", &msg, &id, "Results", 424),
            _ => "<Alert><CmdID>r</CmdID><Data>1225</Data><Item><Source><LocURI>./Big</LocURI></Source></Item></Alert>".into(),
        };
        device.say_more(&[&said, NEXT].concat());
        let answered = device.answered();
        assert!(!answered.iter().any(|answer| answer.starts_with("Results")), "{answered:?}");
        assert_eq!(answered.last().unwrap(), "Final");
    }
}

/// While the server sends an object of its own, no object of ours keeps its next message waiting.
#[test]
fn objects_in_both_directions_at_once() {
    let mut device = Device::new(config());
    device.header_extra = sizes(1500, 100_000);
    let value = "v".repeat(4000);
    device.values.insert("./Out".into(), value.clone());
    device.say_more(&[get("1", "./Out"), chunk("Add", "2", "./In", "abc", Some(9), true)].concat());
    assert_eq!(device.answered(), ["1 200", "2 213", "Alert 1222"]);
    device.say_more(&chunk("Add", "1", "./In", "def", None, true));
    assert_eq!(device.answered(), ["1 213", "Alert 1222"]);
    device.say(&chunk("Add", "1", "./In", "ghi", None, false));
    assert_eq!(device.answered()[..2], ["1 200", "Results 1 more"]);
    let (text, _) = collect(&mut device, 1500);
    assert_eq!(text, value);
    assert_eq!(device.values["./In"], "abcdefghi");
}

#[test]
fn whole_items_beyond_max_obj_size_are_413() {
    let mut device = Device::new(config().with_max_obj_size(10));
    device.say(&[add("1", "./A", "0123456789"), add("2", "./B", "0123456789a")].concat());
    assert_eq!(device.answered(), ["1 200", "2 413", "Final"]);
    device.say(&container("Sequence", "1", &[add("2", "./C", "0123456789a")]));
    assert_eq!(device.answered(), ["1 200", "2 413", "Final"]);
}

/// A small message must not buy an answer of any size.
#[test]
fn results_beyond_what_one_message_may_ask_for_are_413() {
    let mut device = Device::new(config().with_max_results(10_000));
    device.values.insert("./Big".into(), "x".repeat(4000));
    device.say(&(1..=5).map(|id| get(&id.to_string(), "./Big")).collect::<String>());
    assert_eq!(
        device.answered(),
        ["1 200", "2 200", "3 413", "4 413", "5 413", "Results 1", "Results 2", "Final"]
    );
}
