//! The server hears of every device that is new.

use super::super::desk::PATIENCE;
use super::super::world::World;
use super::{Proof, count, ensure};

pub(super) async fn play(world: &mut World) -> Proof {
    let mut wanted: Vec<_> = world.devices.iter().map(|device| device.name.clone()).collect();
    wanted.extend([&world.direct, &world.roaming, &world.lamp].map(|device| device.name.clone()));
    let recorder = world.wiring.recorder.clone();
    let missing = || {
        recorder.look(|evidence| {
            let is_new = |name: &&String| {
                evidence.attached.get(&("gateway".to_owned(), (*name).clone())) == Some(&true)
            };
            wanted.iter().filter(|name| !is_new(name)).cloned().collect::<Vec<_>>()
        })
    };
    let end = tokio::time::Instant::now() + PATIENCE;
    while !missing().is_empty() && tokio::time::Instant::now() < end {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let missing = missing();
    ensure(missing.is_empty(), || format!("no alert of {}", missing.join(", ")))?;
    Ok(format!(
        "{} announced to the server by generic alerts, each as seen for the first time",
        count(wanted.len(), "new device")
    ))
}
