//! kill -9 at chosen points: nothing is lost, nothing unsafe is done twice.

use std::time::Duration;

use dm_syncml::session::ClientEnd;

use super::device::TestDevice;
use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_after_kill_9_between_any_two_messages() {
    let mut world = World::plain("");
    let account = world.add("IMEI:1", &[]);
    let mut device = TestDevice::new(account);
    for dies_before in 1..4 {
        let set = world.queue(&["set", "IMEI:1", "./Vendor/Lamp/Level", "3", "--format", "int"]);
        let exec = world.queue(&["exec", "IMEI:1", "./Vendor/Lamp/Blink"]);
        let get = world.queue(&["get", "IMEI:1", "./Vendor/Lamp/Level"]);
        let (_, blinks) = device.lamp.state();
        let mut session = device.begin();
        let mut messages = 0;
        let end = loop {
            messages += 1;
            if messages == dies_before {
                world.restart();
            }
            if let Some(end) = device.step(&mut session, &world.devices).await {
                break end;
            }
        };
        assert_eq!(end, ClientEnd::Completed, "before message {dies_before}");
        assert_eq!(device.lamp.state(), (3, blinks + 1), "before message {dies_before}");
        for number in [set, exec, get] {
            assert_eq!(world.work(number)["state"], "done", "before message {dies_before}: {}", world.log());
        }
    }
    world.restart();
    assert_eq!(world.json(&["status"])["open_work"], 0);
    assert!(world.json(&["device", "show", "IMEI:1"])["work"].as_array().unwrap().len() == 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_with_the_server_comes_again_octet_for_octet() {
    let mut world = World::plain("");
    let mut device = world.acquainted("IMEI:1", &[]).await;
    let exec = world.queue(&["exec", "IMEI:1", "./Vendor/Lamp/Blink"]);
    let mut session = device.begin();
    let message = device.next_message(&mut session).unwrap();
    let lost = device.post(&world.devices, &message).await.unwrap();
    world.restart();
    let again = device.post(&world.devices, &message).await.unwrap();
    assert_eq!(lost, again);
    device.take(&mut session, &again);
    assert_eq!(device.finish(&mut session, &world.devices).await, ClientEnd::Completed);
    assert_eq!((device.lamp.state().1, &world.work(exec)["tries"]), (1, &1.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exec_that_may_have_been_executed_is_never_sent_again() {
    let mut world = World::plain("");
    let mut device = world.acquainted("IMEI:1", &[]).await;
    let exec = world.queue(&["exec", "IMEI:1", "./Vendor/Lamp/Blink"]);
    let get = world.queue(&["get", "IMEI:1", "./DevInfo/Man"]);
    let mut session = device.begin();
    assert_eq!(device.step(&mut session, &world.devices).await, None);
    // The device executes, and dies before it has said so; the server dies, too.
    device.next_message(&mut session).unwrap();
    assert_eq!(device.lamp.state().1, 1);
    assert_eq!(world.work(exec)["state"], "sent");
    world.restart();
    assert_eq!(world.work(exec)["state"], "sent", "the session may still go on");
    assert_eq!(device.session(&world.devices).await, ClientEnd::Completed);
    assert_eq!(device.lamp.state().1, 1, "once");
    assert_eq!(world.work(exec)["state"], "indeterminate");
    let get = world.work(get);
    assert_eq!((&get["state"], &get["tries"]), (&"done".into(), &2.into()), "a Get does no harm");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_falls_silent_ends_also_after_a_restart() {
    let mut world = World::plain("[limits]\nidle = 2\n");
    let mut device = world.acquainted("IMEI:1", &[]).await;
    let exec = world.queue(&["exec", "IMEI:1", "./Vendor/Lamp/Blink"]);
    let mut session = device.begin();
    assert_eq!(device.step(&mut session, &world.devices).await, None);
    world.restart();
    let output = world.cli(&["work", "show", &exec.to_string(), "--json"]);
    assert!(output.status.success());
    for _ in 0..100 {
        if world.work(exec)["state"] == "indeterminate" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{}\n{}", world.work(exec), world.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_what_has_begun_come_to_its_end() {
    let mut world = World::plain("");
    let mut device = TestDevice::new(world.add("IMEI:1", &[]));
    let number = world.queue(&["get", "IMEI:1", "./DevInfo/Man"]);
    let mut session = device.begin();
    assert_eq!(device.step(&mut session, &world.devices).await, None);
    assert!(world.stop() < Duration::from_secs(12));
    assert!(!world.path("running.json").exists());
    world.start();
    assert_eq!(device.finish(&mut session, &world.devices).await, ClientEnd::Completed);
    assert_eq!(world.work(number)["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn random_kills_lose_nothing_and_double_nothing() {
    // DM_SOAK says how many rounds, where there is more time.
    let rounds = std::env::var("DM_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(12_u32);
    let mut world = World::plain("");
    let mut devices: Vec<TestDevice> =
        (0..4).map(|number| TestDevice::new(world.add(&format!("IMEI:{number}"), &[]))).collect();
    let mut random = fastrand::Rng::with_seed(7);
    let mut execs = vec![Vec::new(); devices.len()];
    for _ in 0..rounds {
        for (index, device) in devices.iter_mut().enumerate() {
            let id = format!("IMEI:{index}");
            execs[index].push(world.queue(&["exec", &id, "./Vendor/Lamp/Blink"]));
            let mut session = device.begin();
            loop {
                if random.u8(..6) == 0 {
                    world.restart();
                }
                // Some die in the middle.
                if random.u8(..12) == 0 || device.step(&mut session, &world.devices).await.is_some() {
                    break;
                }
            }
        }
    }
    for (index, device) in devices.iter_mut().enumerate() {
        assert_eq!(device.session(&world.devices).await, ClientEnd::Completed, "{}", world.log());
        let states: Vec<String> = execs[index]
            .iter()
            .map(|number| world.work(*number)["state"].as_str().unwrap().to_owned())
            .collect();
        let count = |state: &str| states.iter().filter(|is| *is == state).count() as u32;
        assert_eq!(count("done") + count("indeterminate"), rounds, "{states:?}");
        let blinks = device.lamp.state().1;
        assert!(count("done") <= blinks && blinks <= rounds, "{blinks}: {states:?}");
    }
}
