//! What the device told the server it takes, and a server that sends more (RepPro 1.2.2, MaxMsgSize).

use dm_syncml::session::ClientEnd;

use crate::device::{Device, add, alert, config, container, exec, replace};

fn device() -> Device {
    Device::new(config().with_max_msg_size(2000))
}

#[test]
fn nothing_of_a_message_larger_than_the_server_was_told_is_executed() {
    let mut device = device();
    device.say(&[add("1", "./A", &"x".repeat(2000)), exec("2", "./Run")].concat());
    assert_eq!(device.answered(), ["1 413", "2 413", "Final"]);
    assert!(device.log.is_empty());
    // The session goes on.
    device.say(&add("1", "./A", "1"));
    assert_eq!(device.answered(), ["1 200", "Final"]);
    device.say("");
    assert_eq!(device.end, Some(ClientEnd::Completed));
}

#[test]
fn members_of_what_is_too_large_are_not_executed_and_nobody_is_asked() {
    let mut device = device();
    let atomic = container("Atomic", "1", &[add("2", "./A", &"x".repeat(2000)), replace("3", "./B", "1")]);
    device.say(&[atomic, alert("4", 1101, &["", "Really?"])].concat());
    assert_eq!(device.answered(), ["1 413", "2 215", "3 215", "4 413", "Final"]);
    assert!(device.log.is_empty() && device.asked.is_empty());
}

#[test]
fn a_chunk_in_a_message_that_is_too_large_is_refused_and_the_object_with_it() {
    let mut device = device();
    let chunk = |data: &str, size: &str, more: &str| {
        format!(
            "<Add><CmdID>1</CmdID><Item><Target><LocURI>./Big</LocURI></Target>{size}<Data>{data}</Data>{more}</Item></Add>"
        )
    };
    let size = "<Meta><Size xmlns=\"syncml:metinf\">2003</Size></Meta>";
    device.say_more(&chunk("abc", size, "<MoreData/>"));
    assert_eq!(device.answered(), ["1 213", "Alert 1222"]);
    device.say(&chunk(&"x".repeat(2000), "", ""));
    assert_eq!(device.answered(), ["1 413", "Alert 1225", "Final"]);
    assert!(device.log.is_empty());
}

#[test]
fn an_abort_is_an_abort_in_a_message_of_any_size() {
    let mut device = device();
    device.say(&[alert("1", 1223, &[]), add("2", "./A", &"x".repeat(2000))].concat());
    assert_eq!(device.end, Some(ClientEnd::Aborted));
    assert!(device.log.is_empty());
}

/// Each chunk repeats the whole Meta, as some servers do.
#[test]
fn a_size_that_is_repeated_with_each_chunk_is_harmless() {
    let mut device = Device::new(config());
    let chunk = |data: &str, size: usize, more: &str| {
        format!(
            "<Add><CmdID>1</CmdID><Item><Target><LocURI>./Big</LocURI></Target>\
             <Meta><Size xmlns=\"syncml:metinf\">{size}</Size></Meta><Data>{data}</Data>{more}</Item></Add>"
        )
    };
    device.say_more(&chunk("abc", 8, "<MoreData/>"));
    device.say_more(&chunk("def", 8, "<MoreData/>"));
    assert_eq!(device.answered(), ["1 213", "Alert 1222"]);
    device.say(&chunk("gh", 8, ""));
    assert_eq!(device.answered(), ["1 200", "Final"]);
    assert_eq!(device.values["./Big"], "abcdefgh");
    // Another Size is another object.
    device.say_more(&chunk("abc", 8, "<MoreData/>").replace("Big", "Other"));
    device.say_more(&chunk("x", 4, "<MoreData/>").replace("Big", "Other"));
    assert_eq!(device.answered(), ["1 213", "Alert 1225", "Alert 1222"]);
    // One that begins again with the same Size is found out by being too much.
    device.say(&chunk("wxyz", 4, "").replace("Big", "Other"));
    assert_eq!(device.answered(), ["1 200", "Final"]);
    assert_eq!(device.values["./Other"], "wxyz");
}

/// Each Status repeats the id of its command, and there may be one for each item.
#[test]
fn an_id_longer_than_any_is_refused_once() {
    let item = |name: &str| format!("<Item><Target><LocURI>./{name}</LocURI></Target></Item>");
    for (octets, answers) in [(256, vec!["200", "404"]), (257, vec!["400"])] {
        let mut device = Device::new(config());
        device.values.insert("./A".into(), "1".into());
        let id = "i".repeat(octets);
        device.say(&format!("<Get><CmdID>{id}</CmdID>{}{}</Get>", item("A"), item("B")));
        let codes: Vec<_> = device
            .answered()
            .iter()
            .filter_map(|a| a.strip_prefix(&format!("{id} ")).map(String::from))
            .collect();
        assert_eq!(codes, answers);
    }
}
