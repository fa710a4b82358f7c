//! Devices that speak CoAP.

use std::time::Duration;

use dm_syncml::{Data, Exec, Format, Get, Item, LocUri, Meta, Replace};
use gwmo_model::DeviceId;
use gwmo_model::console::{Console, JobRequest};

use crate::program::{Program, run};
use crate::world::{COAP_DEVICE, DM_GATEWAY, Desk, GatewayUnderTest, id, server};

#[tokio::test(flavor = "multi_thread")]
async fn a_coap_device_is_managed_by_commands_of_dm() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::default();
    let account = server(folder.path(), desk.clone()).await;
    let lamp = Program::start(COAP_DEVICE, &["--listen", "127.0.0.1:0", "--boot-time", "10"]);
    let lamp_at = lamp.wait_for("listening")["address"].as_str().unwrap().to_owned();
    let state = folder.path().join("state");
    let gateway = GatewayUnderTest::start(&state, &["--account", &account]);
    let (code, said) =
        run(DM_GATEWAY, &["device", "add", "urn:uuid:coap", "--coap", &lamp_at, "--state", &gateway.state]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(gateway.get("/api/devices/urn:uuid:coap").await["mode"], "adaptation");
    // What the operator added is there after a restart.
    let gateway = gateway.kill_and_restart();
    let console = Console::new();
    let key = gwmo_model::JobKey::new("J1").unwrap();
    let node = |path: &str| Item::to(LocUri::new(format!("./LwM2M/{path}")).unwrap());
    let level = node("3311/0/5851")
        .with_meta(Meta::new().with_format(Format::INT))
        .with_data(Data::text("40").unwrap());
    let job = JobRequest::new(key.clone())
        .with_device(DeviceId::new("urn:uuid:coap").unwrap())
        .with_command(Replace::new(id(), vec![level]))
        .with_command(Get::new(id(), vec![node("3311/0/5851")]))
        .with_command(Exec::new(id(), node("3/0/4")));
    let mut commands = console.add_job(&job);
    commands.push(console.start_job(&key, None));
    let answers = desk.order(&gateway, commands).await;
    assert!(answers.iter().flatten().all(|(code, _)| code.is_success()), "{answers:?}");
    assert_eq!(lamp.wait_for("rebooted")["boots"], 2);
    let ended = async {
        loop {
            let jobs = gateway.get("/api/jobs").await;
            if jobs["jobs"][0]["state"] == "completed" {
                return jobs["jobs"][0]["outcomes"]["ok"].clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it ends"), 1);
}
