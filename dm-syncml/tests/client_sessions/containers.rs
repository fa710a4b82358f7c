//! Sequence and Atomic (RepPro 1.2.2, Atomic and Sequence; DM Protocol 1.2.1, commands).

use dm_syncml::StatusCode;
use dm_syncml::session::{ClientEvent, Outcome};
use std::time::Duration;

use crate::device::{Device, add, alert, config, container, exec, get, replace};

fn run(device: &mut Device, commands: &[String]) -> Vec<String> {
    device.say(&commands.concat());
    device.answered()
}

#[test]
fn commands_are_executed_in_document_order() {
    let mut device = Device::new(config());
    let sequence = container("Sequence", "3", &[replace("4", "./A", "2"), get("5", "./A")]);
    let answered = run(&mut device, &[add("1", "./A", "1"), get("2", "./A"), sequence, exec("6", "./X")]);
    assert_eq!(device.log, ["Add ./A", "Get ./A", "Replace ./A", "Get ./A", "Exec ./X"]);
    assert_eq!(
        answered,
        ["1 200", "2 200", "3 200", "4 200", "5 200", "6 202", "Results 2", "Results 5", "Final"]
    );
}

#[test]
fn a_sequence_goes_on_after_a_failure() {
    let mut device = Device::new(config());
    let sequence = container("Sequence", "1", &[replace("2", "./A", "1"), add("3", "./A", "2")]);
    assert_eq!(run(&mut device, &[sequence]), ["1 200", "2 404", "3 200", "Final"]);
}

#[test]
fn an_atomic_is_begun_and_committed() {
    let mut device = Device::new(config());
    let atomic = container("Atomic", "1", &[add("2", "./A", "1"), replace("3", "./A", "2")]);
    assert_eq!(run(&mut device, &[atomic]), ["1 200", "2 200", "3 200", "Final"]);
    assert_eq!(device.log, ["begin", "Add ./A", "Replace ./A", "commit"]);
    assert_eq!(device.values["./A"], "2");
}

#[test]
fn an_atomic_that_fails_is_rolled_back() {
    let mut device = Device::new(config());
    let members = [add("2", "./A", "1"), replace("3", "./Nope", "2"), add("4", "./B", "3")];
    let answered = run(&mut device, &[container("Atomic", "1", &members), add("5", "./C", "4")]);
    assert_eq!(answered, ["1 507", "2 216", "3 404", "4 215", "5 200", "Final"]);
    assert_eq!(device.log, ["begin", "Add ./A", "Replace ./Nope", "roll back", "Add ./C"]);
    assert_eq!(device.values.keys().collect::<Vec<_>>(), ["./C"]);
}

#[test]
fn a_roll_back_that_fails_is_516() {
    let mut device = Device::new(config());
    device.steps.insert("roll back", StatusCode::COMMAND_FAILED);
    let members = [add("2", "./A", "1"), replace("3", "./Nope", "2")];
    assert_eq!(run(&mut device, &[container("Atomic", "1", &members)]), ["1 507", "2 516", "3 404", "Final"]);
}

#[test]
fn a_commit_that_fails_has_undone_everything_or_says_that_it_has_not() {
    for (code, members) in [(StatusCode::DEVICE_FULL, 216), (StatusCode::ROLLBACK_FAILED, 516)] {
        let mut device = Device::new(config());
        device.steps.insert("commit", code);
        let answered = run(&mut device, &[container("Atomic", "1", &[add("2", "./A", "1")])]);
        assert_eq!(answered, ["1 507".to_owned(), format!("2 {members}"), "Final".into()]);
    }
}

#[test]
fn an_executor_may_refuse_to_begin() {
    let mut device = Device::new(config());
    device.steps.insert("begin", StatusCode::NOT_SUPPORTED);
    let answered =
        run(&mut device, &[container("Atomic", "1", &[add("2", "./A", "1"), add("3", "./B", "1")])]);
    assert_eq!(answered, ["1 406", "2 215", "3 215", "Final"]);
    assert_eq!(device.log, ["begin"]);
}

#[test]
fn an_atomic_that_is_not_offered_is_406() {
    let mut config = config();
    config.atomic = false;
    let mut device = Device::new(config);
    let inner = container("Atomic", "3", &[add("4", "./A", "1")]);
    let answered = run(&mut device, &[container("Atomic", "1", &[add("2", "./A", "1"), inner])]);
    assert_eq!(answered, ["1 406", "2 215", "3 215", "4 215", "Final"]);
    assert!(device.log.is_empty());
}

/// What may not stand in an Atomic fails it before anything is executed, so that nothing has to be rolled back.
#[test]
fn illegal_members_of_an_atomic() {
    let nested = container("Atomic", "3", &[add("4", "./B", "1")]);
    let sequence = container("Sequence", "3", &[add("4", "./B", "1")]);
    let unknown = "<Put><CmdID>3</CmdID></Put>".to_owned();
    let table = [
        (get("3", "./A"), vec!["3 500"]),
        (exec("3", "./A"), vec!["3 500"]),
        (nested, vec!["3 500", "4 215"]),
        (sequence, vec!["3 500", "4 215"]),
        (unknown, vec!["3 400"]),
        (alert("3", 1299, &[]), vec!["3 406"]),
    ];
    for (member, codes) in table {
        let mut device = Device::new(config());
        let members = [add("2", "./A", "1"), member.clone(), add("9", "./C", "1")];
        let mut due = vec!["1 507", "2 215"];
        due.extend(codes);
        due.extend(["9 215", "Final"]);
        assert_eq!(run(&mut device, &[container("Atomic", "1", &members)]), due, "{member}");
        assert!(device.log.is_empty(), "{member}");
    }
}

/// Microsoft wraps the installation of certificates so (MS-MDM, Atomic).
#[test]
fn an_exec_in_an_atomic_is_taken_where_windows_is_managed() {
    let mut device = Device::new(config().with_exec_in_atomic());
    let atomic = container("Atomic", "1", &[add("2", "./Cert", "1"), exec("3", "./Cert/Enroll")]);
    assert_eq!(run(&mut device, &[atomic]), ["1 200", "2 200", "3 202", "Final"]);
}

#[test]
fn nesting_of_sequences() {
    let atomic = container("Atomic", "2", &[add("3", "./A", "1")]);
    let sequence = container("Sequence", "4", &[add("5", "./B", "1")]);
    let mut device = Device::new(config());
    let answered = run(&mut device, &[container("Sequence", "1", &[atomic, sequence, add("6", "./C", "1")])]);
    assert_eq!(answered, ["1 200", "2 200", "3 200", "4 500", "5 215", "6 200", "Final"]);
    assert_eq!(device.log, ["begin", "Add ./A", "commit", "Add ./C"]);
}

#[test]
fn empty_containers_and_commands() {
    let mut device = Device::new(config());
    let answered = run(
        &mut device,
        &[
            container("Atomic", "1", &[]),
            container("Sequence", "2", &[]),
            "<Get><CmdID>3</CmdID></Get>".into(),
        ],
    );
    assert_eq!(answered, ["1 200", "2 200", "3 412", "Final"]);
    assert!(device.log.is_empty());
}

/// Items that end differently have a Status each; in an Atomic what was done of them is undone.
#[test]
fn items_of_a_member_that_fails_in_part() {
    let item =
        |target: &str| format!("<Item><Target><LocURI>{target}</LocURI></Target><Data>v</Data></Item>");
    let two = format!("<Replace><CmdID>2</CmdID>{}{}</Replace>", item("./A"), item("./Nope"));
    let mut device = Device::new(config());
    device.values.insert("./A".into(), "old".into());
    assert_eq!(run(&mut device, std::slice::from_ref(&two)), ["2 200", "2 404", "Final"]);
    device.values.insert("./A".into(), "old".into());
    assert_eq!(run(&mut device, &[container("Atomic", "1", &[two])]), ["1 507", "2 216", "2 404", "Final"]);
    assert_eq!(device.values["./A"], "old");
}

/// An Atomic whose answers cannot be sent must not be committed: 517, and all is rolled back.
#[test]
fn answers_that_cannot_be_sent_fail_an_atomic_with_517() {
    let mut device = Device::new(config());
    device.idle = true;
    device.header_extra = crate::device::sizes(1200, 10_000);
    device.say(&container("Atomic", "1", &[add("2", "./A", "1")]));
    device.idle = false;
    let begun = device.atomic_handle.unwrap();
    device.client.handle_outcome(device.now, begun, Outcome::all(StatusCode::OK)).unwrap();
    device.idle = true;
    device.drain();
    let (member, _) = device.handed_out.remove(0);
    device.idle = false;
    let detail = dm_syncml::Item::new().with_data(dm_syncml::Data::text("x".repeat(2000)).unwrap());
    let outcome =
        Outcome::each(vec![dm_syncml::session::ItemOutcome::new(StatusCode::OK).with_detail(detail)]);
    device.client.handle_outcome(device.now, member, outcome).unwrap();
    device.drain();
    assert_eq!(device.log, ["begin", "Add ./A", "roll back"]);
    assert_eq!(device.answered(), ["1 517", "2 216", "Final"]);
}

#[test]
fn many_answers_of_an_atomic_spread_over_messages() {
    let mut device = Device::new(config());
    device.header_extra = crate::device::sizes(1500, 10_000);
    let members: Vec<_> = (10..50).map(|id| add(&id.to_string(), &format!("./N{id}"), "v")).collect();
    device.say(&container("Atomic", "1", &members));
    assert_eq!(device.log.last().unwrap(), "commit");
    let mut codes = 0;
    for _ in 0..40 {
        assert!(device.sent.last().unwrap().len() <= 1500);
        let answered = device.answered();
        codes +=
            answered.iter().filter(|answer| answer.ends_with(" 200") && !answer.starts_with('n')).count();
        if answered.last().unwrap() == "Final" {
            break;
        }
        device.say_more(&alert("n", 1222, &[]));
    }
    assert_eq!(codes, 41);
    assert_eq!(device.values.len(), 40);
}

#[test]
fn an_outcome_may_come_later_and_is_waited_for_within_limits() {
    let mut device = Device::new(config());
    device.idle = true;
    device.say(&[add("1", "./A", "1"), add("2", "./B", "1")].concat());
    assert_eq!(device.log, ["Add ./A"], "one at a time");
    assert_eq!(device.wait, Some(device.now + Duration::from_secs(60)));
    device.tick(Duration::from_secs(59));
    let (first, _) = device.handed_out.remove(0);
    device.client.handle_outcome(device.now, first, Outcome::all(StatusCode::OK)).unwrap();
    device.drain();
    assert_eq!(device.log, ["Add ./A", "Add ./B"]);
    // The second never comes.
    device.tick(Duration::from_secs(60));
    let (second, _) = device.handed_out.remove(0);
    assert_eq!(device.events.last(), Some(&ClientEvent::Overdue(second)));
    assert_eq!(device.answered(), ["1 200", "2 408", "Final"]);
    assert!(device.client.handle_outcome(device.now, second, Outcome::all(StatusCode::OK)).is_err());
}

#[test]
fn an_atomic_whose_commit_is_never_heard_of_is_516() {
    let mut device = Device::new(config());
    device.idle = true;
    device.say(&container("Atomic", "1", &[add("2", "./A", "1")]));
    device
        .client
        .handle_outcome(device.now, device.atomic_handle.unwrap(), Outcome::all(StatusCode::OK))
        .unwrap();
    device.drain();
    let (member, _) = device.handed_out.remove(0);
    device.client.handle_outcome(device.now, member, Outcome::all(StatusCode::OK)).unwrap();
    device.drain();
    assert_eq!(device.log.last().unwrap(), "commit");
    device.tick(Duration::from_secs(60));
    assert_eq!(device.answered(), ["1 507", "2 516", "Final"]);
}

/// Whoever was too slow to say that it has begun is told to roll back, for it may have.
#[test]
fn an_atomic_whose_begin_is_never_heard_of_is_rolled_back() {
    let mut device = Device::new(config());
    device.idle = true;
    device.say(&[container("Atomic", "1", &[add("2", "./A", "1")]), add("3", "./B", "1")].concat());
    device.tick(Duration::from_secs(60));
    assert_eq!(device.log, ["begin", "roll back"]);
    device.idle = false;
    device
        .client
        .handle_outcome(device.now, device.atomic_handle.unwrap(), Outcome::all(StatusCode::OK))
        .unwrap();
    device.drain();
    assert_eq!(device.answered(), ["1 408", "2 215", "3 200", "Final"]);
}
