//! An image is delivered to the gateway once, and every device downloads it from there.

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::desk::PATIENCE;
use super::super::jobs::{self, exec, set};
use super::super::world::{GATEWAY, World};
use super::{GROUP, Proof, count, ensure};

/// How large it is: many segments, several messages.
const SIZE: usize = 50_000;
const VERSION: &str = "2.0";

pub(super) async fn play(world: &mut World) -> Proof {
    let mut random = fastrand::Rng::with_seed(world.wiring.options.seed);
    let image: Vec<u8> = (0..SIZE).map(|_| random.u8(..)).collect();
    let digest: String = Sha256::digest(&image).iter().map(|octet| format!("{octet:02x}")).collect();
    let to_gateway = |world: &World| {
        world.wiring.recorder.look(|evidence| {
            let sent = evidence.sent.iter().filter(|sent| sent.from == "server" && sent.to == "gateway");
            sent.map(|sent| sent.octets).sum::<usize>()
        })
    };
    let before = to_gateway(world);
    let put = json!({
        "do": "put-image", "key": "firmware", "name": "lamp firmware", "version": VERSION,
        "base64": Base64::encode_string(&image), "groups": [GROUP],
    });
    world.server.desk.order(GATEWAY, &put).await?;
    let shown = ready(world).await?;
    let sent = to_gateway(world) - before;
    // In XML its octets are in base64.
    ensure((SIZE..SIZE * 2).contains(&sent), || format!("{sent} octets were sent for an image of {SIZE}"))?;
    let uri = shown["uri"].as_str().unwrap_or_default();
    ensure(uri.starts_with(&world.wiring.address("gateway", "/dm/images/")), || format!("it is at {uri}"))?;

    let operations = [
        set("./FUMO/DownloadAndUpdate/PkgURL", uri, "chr"),
        set("./FUMO/Ext/Digest", &digest, "chr"),
        set("./FUMO/PkgVersion", VERSION, "chr"),
        exec("./FUMO/DownloadAndUpdate"),
    ];
    let (desk, patience) = (&world.server.desk, world.patience());
    let targets = json!({ "groups": [GROUP] });
    let total = jobs::all_do(desk, GATEWAY, "firmware", targets, &operations, patience).await?;
    let all = world.devices.len();
    ensure(total == all as u64, || format!("the fanout is for {total} devices"))?;
    for device in &mut world.devices {
        let updated = device.wait_for("update", |event| event["event"] == "updated").await?;
        ensure(updated["firmware"] == VERSION, || format!("{}: {updated}", device.name))?;
    }
    let (here, elsewhere) = world.wiring.recorder.look(|evidence| {
        let here = evidence.images.get("gateway").copied().unwrap_or_default();
        (here, evidence.images.len())
    });
    let (requests, octets) = here;
    ensure(octets >= (SIZE * all) as u64 && elsewhere == 1, || {
        format!("{octets} octets of images were read in {requests} requests, from {elsewhere} places")
    })?;
    Ok(format!(
        "{SIZE} octets came to the gateway once ({sent} on the wire), {} fetched them from there and runs {VERSION}; the server gave none",
        count(all, "device")
    ))
}

/// How the image stands, once it can be fetched.
async fn ready(world: &World) -> Result<Value, String> {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let shown = world.server.desk.ask(GATEWAY, &json!({ "do": "image", "key": "firmware" })).await?;
        match shown["state"].as_str() {
            Some("ready") => return Ok(shown),
            Some("failed") => return Err(format!("the image is {shown}")),
            _ if tokio::time::Instant::now() >= end => return Err(format!("the image stays {shown}")),
            _ => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
}
