//! Large objects in both directions (DM Protocol 1.2.1, large objects).

use super::device::*;
use dm_syncml::session::{DeviceProfile, GenericAlert, GivenUp, ServerEnd, ServerEvent};
use dm_syncml::{Alert, AlertCode, Command, Data, Format, Item, MediaType, Meta, Replace, StatusCode};

fn sending(value: &str) -> Device {
    let mut device = Device::new(Device::config());
    device.max_msg_size = Some(600);
    device.max_obj_size = Some(5000);
    device.plan = vec![get("./Before"), replace("./Big", value), get("./After")];
    device
}

#[test]
fn a_value_that_fits_no_message_goes_out_in_chunks() {
    let value: String = (0..2000).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
    let mut device = sending(&value);
    let mut message = device.begin();
    let mut joined = String::new();
    let mut chunks = 0;
    loop {
        let commands = asked(&message);
        let big = commands.iter().find(|c| matches!(c, Command::Replace(_)));
        if let Some(command) = big {
            let item = &command.items()[0];
            let size = item.meta.as_ref().and_then(Meta::size);
            assert_eq!(size, (chunks == 0).then_some(2000), "Size stands on the first chunk only");
            assert_eq!(item.target_uri().unwrap(), &"./Big");
            assert_eq!(item.more_data, !message.body.last_in_package, "Final only with the last");
            joined.push_str(item.data.as_ref().unwrap().as_text().unwrap());
            chunks += 1;
            if !item.more_data {
                assert!(matches!(commands.last(), Some(Command::Get(_))), "others follow the last chunk");
                break;
            }
            assert!(std::ptr::eq(commands[commands.len() - 1], *command), "nothing follows a chunk");
        }
        let mut answers = statuses(&message, StatusCode::OK);
        let Some(Command::Status(last)) = answers.last_mut() else { panic!("{answers:?}") };
        last.code = StatusCode::CHUNK_ACCEPTED;
        answers.push(alert(AlertCode::NEXT_MESSAGE));
        message = device.send(answers, false);
    }
    assert!(chunks >= 4);
    assert_eq!(joined, value);
    device.obey(message, StatusCode::OK);
    assert_eq!(device.codes(), [Ok(200), Ok(200), Ok(200)]);
    assert_eq!(device.end(), Some(ServerEnd::Completed));
}

#[test]
fn a_refused_chunk_is_the_answer_and_the_rest_goes_on() {
    for code in [StatusCode::TOO_LARGE, StatusCode::DEVICE_FULL, StatusCode::SIZE_TOO_BIG] {
        let mut device = sending(&"x".repeat(2000));
        let message = device.begin();
        let mut answers = statuses(&message, StatusCode::OK);
        let Some(Command::Status(last)) = answers.last_mut() else { panic!("{answers:?}") };
        last.code = code;
        let message = device.send(answers, false);
        assert!(asked(&message).iter().all(|c| matches!(c, Command::Get(_))), "no more of it");
        device.obey(message, StatusCode::OK);
        let mut ends = device.ends();
        ends.sort_by_key(|(handle, _)| *handle);
        let codes: Vec<_> = ends.into_iter().map(|(_, end)| end.unwrap().code()).collect();
        assert_eq!(codes, [StatusCode::OK, code, StatusCode::OK]);
    }
}

#[test]
fn a_device_that_misses_the_end_says_so_and_nothing_was_done() {
    let mut device = sending(&"x".repeat(2000));
    device.begin();
    let mut missing = Alert::new(id(), AlertCode::NO_END_OF_DATA);
    missing.items.push(Item::to(uri("./Big")));
    device.send(vec![missing.into(), alert(AlertCode::NEXT_MESSAGE)], false);
    assert!(device.ends().iter().any(|(_, end)| *end == Err(GivenUp::EndMissing)));
}

#[test]
fn a_chunk_without_status_is_not_followed_by_another() {
    let mut device = sending(&"x".repeat(2000));
    let message = device.begin();
    let chunk = asked(&message).iter().filter(|c| matches!(c, Command::Replace(_))).count();
    assert_eq!(chunk, 1);
    let message = device.send(vec![], false);
    assert!(asked(&message).iter().all(|c| matches!(c, Command::Get(_))));
    assert!(device.ends().iter().any(|(_, end)| *end == Err(GivenUp::Unanswered)));
    // A device that asks for the next message has it, whatever it forgot to say.
    let mut device = sending(&"x".repeat(2000));
    device.begin();
    let message = device.send(vec![alert(AlertCode::NEXT_MESSAGE)], false);
    assert!(matches!(asked(&message)[..], [Command::Replace(_)]));
}

#[test]
fn an_object_beyond_max_obj_size_is_not_sent() {
    let mut device = sending(&"x".repeat(5001));
    let message = device.begin();
    device.obey(message, StatusCode::OK);
    assert_eq!(device.codes(), [Err(GivenUp::TooLarge), Ok(200), Ok(200)]);
}

#[test]
fn a_device_without_large_objects_gets_none() {
    let mut device = Device::new(Device::config().with_profile(DeviceProfile::WINDOWS));
    device.max_msg_size = Some(600);
    device.plan = vec![replace("./Big", &"x".repeat(2000)), get("./After")];
    let message = device.begin();
    device.obey(message, StatusCode::OK);
    assert_eq!(device.codes(), [Err(GivenUp::TooLarge), Ok(200)]);
}

#[test]
fn octets_travel_as_they_are_in_wbxml_and_as_base64_in_xml() {
    use dm_syncml::Encoding;
    let octets: Vec<u8> = (0..3000u32).map(|i| (i * 7 % 251) as u8).collect();
    for encoding in [Encoding::Wbxml, Encoding::Xml] {
        let mut device = Device::new(Device::config());
        device.encoding = encoding;
        device.max_msg_size = Some(1500);
        let item = Item::to(uri("./Big"))
            .with_meta(Meta::new().with_format(Format::BIN).with_media_type(MediaType::OCTET_STREAM))
            .with_data(Data::octets(octets.clone()));
        device.plan = vec![Replace::new(id(), vec![item]).into()];
        let mut message = device.begin();
        let mut joined = Vec::new();
        while let [Command::Replace(replace)] = asked(&message)[..] {
            let item = &replace.items[0];
            // Every chunk decodes by itself.
            joined.extend_from_slice(&item.data.as_ref().unwrap().decoded(item.format_under(None)).unwrap());
            let more = item.more_data;
            let code = if more { StatusCode::CHUNK_ACCEPTED } else { StatusCode::OK };
            let mut answers = statuses(&message, code);
            if more {
                answers.push(alert(AlertCode::NEXT_MESSAGE));
            }
            message = device.send(answers, !more);
        }
        assert_eq!(joined, octets, "{encoding:?}");
        assert_eq!(device.codes(), [Ok(200)]);
    }
}

/// A session with one Get, and the package it came in.
fn asking() -> (Device, dm_syncml::Message<'static>) {
    let mut device = Device::new(Device::config().with_max_obj_size(1000));
    device.plan = vec![get("./Big")];
    let message = device.begin();
    (device, message)
}

#[test]
fn large_results_are_joined() {
    let (mut device, package) = asking();
    let get = asked(&package)[0];
    let part = |data: &str, size, more| {
        results(&package, get, vec![chunk(Item::from(uri("./Big")), data, size, more)])
    };
    let first = device.send(vec![status(&package, get, StatusCode::OK), part("abc", Some(7), true)], false);
    assert!(said(&first).contains(&("Results".into(), 213)), "{first:?}");
    assert!(has_alert(&first, AlertCode::NEXT_MESSAGE));
    let second = device.send(vec![part("de", None, true)], false);
    assert!(said(&second).contains(&("Results".into(), 213)));
    let last = device.send(vec![part("fg", None, false)], true);
    assert!(!said(&last).iter().any(|(cmd, _)| cmd == "Results"), "Results that were taken have no Status");
    let ends = device.ends();
    let answer = ends[0].1.as_ref().unwrap();
    assert_eq!(answer.results.len(), 1);
    assert_eq!(answer.results[0].item.data.as_ref().unwrap().as_text(), Some("abcdefg"));
    assert_eq!(device.end(), Some(ServerEnd::Completed));
}

#[test]
fn large_results_that_go_wrong_are_refused() {
    let cases: [(&str, Option<u64>, &str, u16, u16); 4] = [
        ("ab", Some(2000), "cd", 413, 413),
        ("ab", None, "cd", 411, 411),
        ("ab", Some(5), "cd", 213, 424),
        ("abc", Some(2), "d", 424, 424),
    ];
    for (one, size, two, first_code, last_code) in cases {
        let (mut device, package) = asking();
        let get = asked(&package)[0];
        let part = |data: &str, size, more| {
            results(&package, get, vec![chunk(Item::from(uri("./Big")), data, size, more)])
        };
        let first = device.send(vec![status(&package, get, StatusCode::OK), part(one, size, true)], false);
        assert!(said(&first).contains(&("Results".into(), first_code)), "{first:?}");
        let last = device.send(vec![part(two, None, false)], true);
        assert!(said(&last).contains(&("Results".into(), last_code)), "{last:?}");
        assert_eq!(device.ends()[0].1.as_ref().unwrap().results, []);
    }
}

#[test]
fn results_that_break_off_are_named_in_alert_1225() {
    let (mut device, package) = asking();
    let get = asked(&package)[0];
    let part = results(&package, get, vec![chunk(Item::from(uri("./Big")), "abc", Some(7), true)]);
    device.send(vec![status(&package, get, StatusCode::OK), part], false);
    let message = device.send(vec![], true);
    let [Command::Alert(missing)] = asked(&message)[..] else { panic!("{message:?}") };
    assert_eq!(missing.code, Some(AlertCode::NO_END_OF_DATA));
    assert_eq!(missing.items[0].source_uri().unwrap(), &"./Big");
    assert_eq!(device.ends()[0].1.as_ref().unwrap().results, []);
    let answers = statuses(&message, StatusCode::OK);
    device.send(answers, true);
    assert_eq!(device.end(), Some(ServerEnd::Completed));
}

#[test]
fn a_large_generic_alert_is_told_when_it_is_whole() {
    let mut device = Device::new(Device::config());
    let part = |data: &str, size: Option<u64>, more| {
        let mut meta =
            Meta::new().with_media_type(MediaType::new("org.example.log").unwrap()).with_format(Format::CHR);
        if let Some(size) = size {
            meta = meta.with_size(size);
        }
        let mut item = Item::from(uri("./Log")).with_meta(meta).with_data(text(data));
        item.more_data = more;
        let mut alert = Alert::new(id(), AlertCode::GENERIC_ALERT);
        alert.items.push(item);
        Command::from(alert)
    };
    let mut commands = package_1();
    commands.push(part("abc", Some(5), true));
    let message = device.send(commands, false);
    assert!(said(&message).contains(&("Alert".into(), 213)));
    let told =
        |device: &Device| device.events.iter().filter(|e| matches!(e, ServerEvent::GenericAlert(..))).count();
    assert_eq!(told(&device), 0);
    device.send(vec![part("de", None, false)], true);
    assert_eq!(told(&device), 1);
    let whole = device
        .events
        .iter()
        .any(|e| matches!(e, ServerEvent::GenericAlert(_, alert) if alert.data.as_text() == Some("abcde")));
    assert!(whole);
}

#[test]
fn results_are_kept_up_to_a_limit() {
    let mut device = Device::new(Device::config().with_max_result_octets(3300));
    device.plan = vec![get("./Many")];
    let package = device.begin();
    let get = asked(&package)[0];
    let item = || Item::from(uri("./Many/x")).with_data(text(&"v".repeat(500)));
    let mut refused = 0;
    for last in [false, false, true] {
        let answers =
            vec![status(&package, get, StatusCode::OK), results(&package, get, vec![item(), item(), item()])];
        let message = device.send(answers, last);
        refused += said(&message).iter().filter(|(cmd, code)| cmd == "Results" && *code == 413).count();
    }
    assert_eq!(refused, 2);
    assert_eq!(device.ends()[0].1.as_ref().unwrap().results.len(), 5);
}

/// Statuses take all the room between two chunks; the object goes on when they are out.
#[test]
fn statuses_between_chunks_do_not_break_an_object() {
    let mut device = sending(&"x".repeat(2000));
    let message = device.begin();
    let mut answers = statuses(&message, StatusCode::OK);
    let Some(Command::Status(last)) = answers.last_mut() else { panic!("{answers:?}") };
    last.code = StatusCode::CHUNK_ACCEPTED;
    let report = GenericAlert::new("org.example.report", Format::INT, text("1")).unwrap();
    answers.extend((0..40).map(|_| Command::from(report.to_alert(id()))));
    answers.push(alert(AlertCode::NEXT_MESSAGE));
    let message = device.send(answers, false);
    assert!(asked(&message).is_empty() && !message.body.last_in_package);
    device.obey(message, StatusCode::OK);
    assert_eq!(device.codes(), [Ok(200), Ok(200), Ok(200)]);
}
