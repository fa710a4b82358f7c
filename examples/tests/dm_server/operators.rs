//! Two operators at once, requests that come twice, and what nobody can ask for.

use axum::http::Method;
use dm_examples::http_client::HttpAnswer;
use dm_syncml::session::ClientEnd;
use serde_json::{Value, json};

use super::device::TestDevice;
use super::world::{World, http};

async fn post(world: &World, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
    let mut headers = vec![
        ("authorization", format!("Bearer {}", world.token())),
        ("content-type", "application/json".to_owned()),
    ];
    headers.extend(key.map(|key| ("idempotency-key", key.to_owned())));
    let uri = format!("{}{path}", world.operator);
    let answer: HttpAnswer =
        http().send(Method::POST, &uri, headers, body.to_string(), 1 << 20).await.unwrap();
    (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_twice_is_carried_out_once_also_after_kill_9() {
    let mut world = World::plain("");
    let mut device = TestDevice::new(world.add("IMEI:1", &[]));
    world.add("IMEI:2", &[]);
    let exec = json!({ "op": "exec", "uri": "./Vendor/Lamp/Blink" });
    let path = "/api/devices/IMEI:1/work";
    let first = post(&world, path, Some("k-1"), &exec).await;
    assert_eq!(first.0, 202, "{first:?}");
    assert_eq!(post(&world, path, Some("k-1"), &exec).await, first);
    world.restart();
    assert_eq!(post(&world, path, Some("k-1"), &exec).await, first);
    let other = json!({ "op": "get", "uri": "./Vendor/Lamp/Level" });
    for (path, body) in [(path, &other), ("/api/devices/IMEI:2/work", &exec)] {
        let (status, said) = post(&world, path, Some("k-1"), body).await;
        assert_eq!(status, 409, "another request under its key: {said}");
    }
    assert_ne!(post(&world, path, Some("k-2"), &exec).await, first);
    assert_ne!(post(&world, path, None, &exec).await, first);
    assert_eq!(post(&world, path, Some(&"k".repeat(129)), &exec).await.0, 400);
    assert_eq!(device.session(&world.devices).await, ClientEnd::Completed);
    assert_eq!(device.lamp.state().1, 3, "three requests, however often they were asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_at_once_do_not_get_into_each_others_way() {
    let world = World::plain("[limits]\nopen-work = 50\n");
    // The same device, added by many at once: one of them has it.
    let mut adding = Vec::new();
    for number in 0..8 {
        let (token, operator) = (world.token(), world.operator.clone());
        adding.push(tokio::spawn(async move {
            let headers = [
                ("authorization", format!("Bearer {token}")),
                ("content-type", "application/json".to_owned()),
            ];
            let body = json!({ "id": "IMEI:1", "password": format!("p-{number}"), "server_password": "s" });
            let uri = format!("{operator}/api/devices");
            let answer = http().send(Method::POST, &uri, headers, body.to_string(), 1 << 20).await.unwrap();
            (answer.status.as_u16(), serde_json::from_slice::<Value>(&answer.body).unwrap())
        }));
    }
    let mut accounts = Vec::new();
    for added in adding {
        match added.await.unwrap() {
            (201, said) => accounts.push(said["account"].clone()),
            (status, said) => assert_eq!(status, 409, "{said}"),
        }
    }
    assert_eq!(accounts.len(), 1);
    let mut device = TestDevice::new(accounts.remove(0));
    assert_eq!(device.session(&world.devices).await, ClientEnd::Completed, "with the password of that one");

    // Both queue and take back while the device is there; no more is ever queued than may be.
    let mut operators = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (token, operator) = (world.token(), world.operator.clone());
        operators.spawn(async move {
            let (http, mut taken) = (http(), Vec::new());
            let headers = [
                ("authorization", format!("Bearer {token}")),
                ("content-type", "application/json".to_owned()),
            ];
            for round in 0..60 {
                let body = json!({ "op": "exec", "uri": "./Vendor/Lamp/Blink" }).to_string();
                let uri = format!("{operator}/api/devices/IMEI:1/work");
                let queued = http.send(Method::POST, &uri, headers.clone(), body, 1 << 20).await.unwrap();
                match queued.status.as_u16() {
                    202 => {
                        let said: Value = serde_json::from_slice(&queued.body).unwrap();
                        taken.push(said["work"][0].as_u64().unwrap());
                    }
                    status => assert_eq!(status, 429),
                }
                if round % 3 == 0 {
                    let uri = format!("{operator}/api/work/{}", taken[taken.len() / 2]);
                    let gone = http.send(Method::DELETE, &uri, headers.clone(), "", 1 << 20).await.unwrap();
                    assert!([200, 409].contains(&gone.status.as_u16()), "{gone:?}");
                }
            }
            taken
        });
    }
    let mut sessions = 0;
    let mut taken = Vec::new();
    while taken.is_empty() || !operators.is_empty() {
        tokio::select! {
            Some(numbers) = operators.join_next() => taken.extend(numbers.unwrap()),
            end = device.session(&world.devices) => {
                assert_eq!(end, ClientEnd::Completed, "{}", world.log());
                sessions += 1;
            }
        }
    }
    // The one that was cut off in the middle begins anew.
    assert_eq!(device.session(&world.devices).await, ClientEnd::Completed, "after {sessions} sessions");
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    for number in &taken {
        *counts.entry(world.work(*number)["state"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let count = |state: &str| counts.get(state).copied().unwrap_or(0);
    let all = count("done") + count("cancelled") + count("indeterminate");
    assert_eq!(all as usize, taken.len(), "{counts:?}");
    let blinks = device.lamp.state().1;
    assert!(
        (count("done")..=count("done") + count("indeterminate")).contains(&blinks),
        "{blinks}: {counts:?}"
    );
    let numbers: std::collections::BTreeSet<u64> = taken.iter().copied().collect();
    assert_eq!(numbers.len(), taken.len(), "no number twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_bodies_have_bounds() {
    let world = World::plain("[limits]\nended-work = 20\nopen-work = 10\n");
    let mut device = TestDevice::new(world.add("IMEI:1", &[]));
    let long = "x".repeat(3_000);
    for (path, body, status) in [
        ("/api/devices", json!({ "id": long }), 400),
        ("/api/devices", json!({ "id": "a", "server_user": long }), 400),
        ("/api/devices", json!({ "id": "a", "address": format!("{long}:1") }), 400),
        ("/api/devices/IMEI:1/work", json!({ "op": "get", "uri": format!("./{long}") }), 400),
        ("/api/devices/IMEI:1/work", json!({ "op": "set", "uri": "./A", "value": "x".repeat(2 << 20) }), 413),
        ("/api/gateways/IMEI:1", json!({ "do": "fanout", "key": long }), 400),
        ("/api/gateways/IMEI:1", json!({ "do": "members", "group": long }), 400),
        ("/api/gateways/IMEI:1", json!({ "do": "fly" }), 422),
    ] {
        let (found, said) = post(&world, path, None, &body).await;
        assert_eq!(found, status, "{path}: {said}");
    }
    let get = json!({ "op": "get", "uri": "./DevInfo/Man" });
    for round in 0..5 {
        for _ in 0..10 {
            assert_eq!(post(&world, "/api/devices/IMEI:1/work", None, &get).await.0, 202, "round {round}");
        }
        assert_eq!(post(&world, "/api/devices/IMEI:1/work", None, &get).await.0, 429);
        assert_eq!(device.session(&world.devices).await, ClientEnd::Completed);
    }
    let remembered = world.json(&["device", "show", "IMEI:1"])["work"].as_array().unwrap().len();
    assert!((20..=31).contains(&remembered), "{remembered}");
}
