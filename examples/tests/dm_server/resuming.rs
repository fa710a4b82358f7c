//! Large objects go on in the next session where both sides know how, also after kill -9.

use dm_syncml::session::{ClientEnd, ClientSession, PartialObject};
use dm_tree::Value;

use super::device::TestDevice;
use super::world::World;

/// More than a message takes, either way.
const SIZE: usize = 200_000;

fn object() -> String {
    (0..SIZE).map(|at| char::from(b'a' + ((at * 7 + at / 26) % 26) as u8)).collect()
}

/// Messages up to this one; octets that went either way.
async fn messages(
    device: &mut TestDevice,
    session: &mut ClientSession,
    url: &str,
    count: usize,
) -> (usize, usize, Option<ClientEnd>) {
    let (mut sent, mut received) = (0, 0);
    for _ in 0..count {
        let message = match device.next_message(session) {
            Ok(message) => message,
            Err(end) => return (sent, received, Some(end)),
        };
        let answer = device.post(url, &message).await.unwrap();
        sent += message.body.len();
        received += answer.1.len();
        device.take(session, &answer);
    }
    (sent, received, None)
}

fn held<'a>(objects: impl Iterator<Item = &'a PartialObject>) -> usize {
    objects.map(PartialObject::held).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_was_being_sent_goes_on_where_it_stopped() {
    for dies in [false, true] {
        let mut world = World::plain("");
        let mut device = world.acquainted("IMEI:1", &[]).await;
        device.resumes = Some(16 << 10);
        let object = object();
        let file = world.path("value");
        std::fs::write(&file, &object).unwrap();
        let file = file.to_str().unwrap();
        let set = world.queue(&["set", "IMEI:1", "./Vendor/Note", "--value-file", file]);
        let mut session = device.begin();
        let (_, _, end) = messages(&mut device, &mut session, &world.devices, 6).await;
        assert_eq!(end, None);
        device.partial_objects = session.partial_objects();
        let had = held(device.partial_objects.iter());
        assert!((SIZE / 10..SIZE).contains(&had), "{had}");
        if dies {
            world.restart();
        }
        let mut session = device.begin();
        let (_, received, end) = messages(&mut device, &mut session, &world.devices, 100).await;
        assert_eq!(end, Some(ClientEnd::Completed));
        assert_eq!(world.work(set)["state"], "done", "{}", world.log());
        assert!(received < SIZE - had + 20_000, "{received} octets for the rest of {SIZE} beyond {had}");
        assert!(device.note() == object, "it came as it is");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_had_begun_to_send_goes_on_where_it_stopped() {
    for (dies, resumes) in [(false, true), (true, true), (false, false)] {
        let mut world = World::plain("");
        let mut device = world.acquainted("IMEI:1", &[]).await;
        device.resumes = resumes.then_some(64 << 10);
        device.tree.set_value("./Vendor/Note", Value::chr(object())).unwrap();
        let get = world.queue(&["get", "IMEI:1", "./Vendor/Note"]);
        let mut session = device.begin();
        let (sent, _, end) = messages(&mut device, &mut session, &world.devices, 4).await;
        assert_eq!(end, None);
        assert!(sent > SIZE / 4, "{sent}");
        if dies {
            world.restart();
        }
        let mut session = device.begin();
        let (again, _, end) = messages(&mut device, &mut session, &world.devices, 100).await;
        assert_eq!(end, Some(ClientEnd::Completed));
        let work = world.work(get);
        assert_eq!(work["state"], "done", "{}", world.log());
        let shape: Vec<String> = work["found"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.to_string().chars().take(200).collect())
            .collect();
        assert!(work["found"][0]["text"] == object(), "it came as it is: {shape:?}");
        if resumes {
            assert!(again < SIZE - SIZE / 5, "{again} octets after {sent}");
        } else {
            assert!(again > SIZE, "a device that does not know it sends all of it: {again}");
        }
    }
}
