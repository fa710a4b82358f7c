//! The coap-device program, managed by DM commands through adaptation mode.

mod program;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use coap_lite::RequestType;
use dm_examples::clock::Clock;
use dm_examples::coap::adapter::CoapAdapter;
use dm_examples::coap::client::{CoapClient, CoapError, Timing};
use dm_syncml::{CmdId, Command, Data, Exec, Format, Get, Item, LocUri, Meta, Replace};
use dm_tree::{NodeUri, Value};
use gwmo_model::{
    Adaptation, AdaptationConfig, AdaptationOutput, JobNo, NativeOp, NativeToken, Serial, Ticket,
};
use program::{Program, run};

const COAP_DEVICE: &str = env!("CARGO_BIN_EXE_coap-device");
const QUICK: Timing = Timing {
    ack_timeout: Duration::from_millis(40),
    max_retransmit: 9,
    separate_response: Duration::from_secs(5),
};

fn start(arguments: &[&str]) -> (Program, SocketAddr) {
    let program = Program::start(COAP_DEVICE, &[&["--listen", "127.0.0.1:0"], arguments].concat());
    let address = program.wait_for("listening")["address"].as_str().unwrap().parse().unwrap();
    (program, address)
}

async fn adapter(address: SocketAddr) -> CoapAdapter {
    let client = CoapClient::connect(address, QUICK).await.unwrap();
    CoapAdapter::new(client, NodeUri::parse("./LwM2M").unwrap().into_owned())
}

fn item(path: &str) -> Item<'static> {
    Item::to(LocUri::new(format!("./LwM2M/{path}")).unwrap())
}

fn get(path: &str) -> Command<'static> {
    Get::single(CmdId::new("1").unwrap(), item(path)).into()
}

fn replace(path: &str, format: Format<'static>, data: &str) -> Command<'static> {
    let item =
        item(path).with_meta(Meta::new().with_format(format)).with_data(Data::text(data.to_owned()).unwrap());
    Replace::new(CmdId::new("1").unwrap(), vec![item]).into()
}

fn exec(path: &str) -> Command<'static> {
    Exec::new(CmdId::new("1").unwrap(), item(path)).into()
}

/// What a gateway does with a command for the device: the Status and the value.
async fn manage(adapter: &CoapAdapter, command: &Command<'_>) -> (u16, Option<Value>) {
    let clock = Clock::start();
    let config = AdaptationConfig::default();
    let mut adaptation = Adaptation::new(config);
    let device = Serial::FIRST;
    adaptation.handle_adapter(clock.now(), device, CoapAdapter::capabilities()).unwrap();
    adaptation.handle_deliver(clock.now(), Ticket::new(JobNo::new(1), device, 1), 0, command).unwrap();
    loop {
        match adaptation.poll_output() {
            AdaptationOutput::Persist(seq, _) => adaptation.handle_persisted(clock.now(), seq),
            AdaptationOutput::Native { token, op, .. } => {
                // A token stands for one operation of one gateway, and each call here is another gateway.
                let token = NativeToken::new(token.get() + fastrand::u64(1 << 32..1 << 63));
                let result = adapter.perform(token, &op).await.expect("an answer");
                adaptation.handle_result(clock.now(), NativeToken::new(1), result);
            }
            AdaptationOutput::Answered { answer, .. } => return (answer.status.get(), answer.value),
            AdaptationOutput::Lost { .. } => panic!("lost"),
            _ => panic!("it waits"),
        }
    }
}

#[tokio::test]
async fn commands_of_dm_become_requests_of_coap() {
    let (program, address) = start(&["--manufacturer", "ACME", "--boot-time", "50"]);
    let adapter = adapter(address).await;
    assert_eq!(manage(&adapter, &get("3/0/0")).await, (200, Some(Value::chr("ACME"))));
    assert_eq!(manage(&adapter, &get("3311/0/5850")).await, (200, Some(Value::bool(false))));
    assert_eq!(manage(&adapter, &replace("3311/0/5850", Format::BOOL, "true")).await, (200, None));
    assert_eq!(manage(&adapter, &get("3311/0/5850")).await, (200, Some(Value::bool(true))));
    assert_eq!(manage(&adapter, &replace("3311/0/5851", Format::INT, "70")).await, (200, None));
    assert_eq!(manage(&adapter, &get("3311/0/5851")).await, (200, Some(Value::int(70))));
    for (command, status) in [
        (replace("3311/0/5851", Format::INT, "101"), 400),
        (replace("3/0/0", Format::CHR, "mine"), 406),
        (replace("5/0/1", Format::CHR, &"x".repeat(300)), 413),
        (replace("5/0/1", Format::CHR, &"x".repeat(3_000)), 413),
        (get("3/0"), 406),
        (get("3/0/99"), 404),
        (get("3/0/name"), 404),
        (exec("5/0/2"), 406),
    ] {
        assert_eq!(manage(&adapter, &command).await.0, status, "{command:?}");
    }
    assert_eq!(manage(&adapter, &exec("3/0/4")).await, (200, None));
    assert_eq!(program.wait_for("rebooted")["boots"], 2);
    assert_eq!(manage(&adapter, &get("3311/0/5851")).await.1, Some(Value::int(70)));
}

#[tokio::test]
async fn a_bad_network_costs_time_and_does_nothing_twice() {
    let (mut program, address) = start(&["--drop", "20", "--seed", "3", "--delay", "5", "--boot-time", "10"]);
    let adapter = adapter(address).await;
    let target = NodeUri::parse("./LwM2M/3311/0/5851").unwrap().into_owned();
    for at in 1..=20 {
        let value = Value::int(at);
        let op =
            [NativeOp::of_command(&replace("3311/0/5851", Format::INT, &at.to_string())).unwrap()].concat();
        let set = adapter.perform(NativeToken::new(at as u64 * 2), &op[0]).await;
        assert_eq!(set.map(|result| result.status().get()), Some(200), "{at}");
        let get = NativeOp::of_command(&get("3311/0/5851")).unwrap();
        let got = adapter.perform(NativeToken::new(at as u64 * 2 + 1), &get[0]).await.unwrap();
        assert_eq!(got, gwmo_model::NativeResult::Done(Some(value)), "{target}");
    }
    // Asked again under its token, it is answered from memory.
    let reboot = NativeOp::of_command(&exec("3/0/4")).unwrap();
    for _ in 0..3 {
        let done = adapter.perform(NativeToken::new(1_000), &reboot[0]).await.unwrap();
        assert_eq!(done.status().get(), 200);
    }
    #[cfg(unix)]
    assert!(program.stop().success());
    let events = program.rest();
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((count("written"), count("rebooting")), (20, 1));
    assert!(count("lost") > 5);
}

#[tokio::test]
async fn settings_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("lamp.json");
    let state = state.to_str().unwrap();
    let (program, address) = start(&["--state", state]);
    let device = adapter(address).await;
    assert_eq!(manage(&device, &replace("3311/0/5851", Format::INT, "33")).await.0, 200);
    program.kill();
    let (program, address) = start(&["--state", state]);
    assert_eq!(manage(&adapter(address).await, &get("3311/0/5851")).await.1, Some(Value::int(33)));
    program.kill();
    std::fs::write(state, "{").unwrap();
    let (code, said) = run(COAP_DEVICE, &["--listen", "127.0.0.1:0", "--state", state]);
    assert!(code == Some(2) && said.starts_with("error: state: ") && said.contains("lamp.json"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_fetched_and_becomes_the_firmware() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/fw", listener.local_addr().unwrap());
    let app = axum::Router::new().route("/fw", axum::routing::get(async || "new firmware"));
    tokio::spawn(axum::serve(listener, app).into_future());
    let (program, address) = start(&["--boot-time", "10"]);
    let adapter = adapter(address).await;
    for (uri, result) in [("here", 7), ("http://127.0.0.1:1/fw", 4)] {
        assert_eq!(manage(&adapter, &replace("5/0/1", Format::CHR, uri)).await.0, 200);
        assert_eq!(program.wait_for("downloaded")["result"], result, "{uri}");
        assert_eq!(manage(&adapter, &get("5/0/5")).await.1, Some(Value::int(result)));
    }
    assert_eq!(manage(&adapter, &replace("5/0/1", Format::CHR, &uri)).await.0, 200);
    let version = program.wait_for("downloaded")["version"].as_str().unwrap().to_owned();
    assert_eq!(manage(&adapter, &get("5/0/3")).await.1, Some(Value::int(2)));
    assert_eq!(manage(&adapter, &exec("5/0/2")).await.0, 200);
    assert_eq!(program.wait_for("updated")["firmware"], version.as_str());
    assert_eq!(manage(&adapter, &get("3/0/3")).await.1, Some(Value::chr(version)));
}

#[tokio::test]
async fn who_does_not_answer_is_given_up() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let timing = Timing { ack_timeout: Duration::from_millis(10), max_retransmit: 2, ..QUICK };
    let client = CoapClient::connect(silent.local_addr().unwrap(), timing).await.unwrap();
    let error = client.request(RequestType::Get, "3/0/0", None).await.unwrap_err();
    assert!(matches!(error, CoapError::NoAnswer), "{error}");
    silent.set_nonblocking(true).unwrap();
    let mut buffer = [0; 64];
    let heard = std::iter::from_fn(|| silent.recv(&mut buffer).ok()).count();
    assert_eq!(heard, 3);
}

#[tokio::test]
async fn a_response_may_come_later_than_the_acknowledgement() {
    let peer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let client = CoapClient::connect(peer.local_addr().unwrap(), QUICK).await.unwrap();
    let serving = async {
        let mut buffer = [0; 128];
        let (_, from) = peer.recv_from(&mut buffer).await.unwrap();
        let (id, token) = ([buffer[2], buffer[3]], buffer[4..12].to_vec());
        peer.send_to(b"\xFF\xFF garbage", from).await.unwrap();
        peer.send_to(&[0x60, 0, id[0], id[1]], from).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut response = vec![0x48, 0x45, 0xAB, 0xCD];
        response.extend(&token);
        response.extend(b"\xFFlate");
        peer.send_to(&response, from).await.unwrap();
        let (length, _) = peer.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], [0x60, 0, 0xAB, 0xCD], "acknowledged, and not asked again");
    };
    let (response, ()) = tokio::join!(client.request(RequestType::Get, "3/0/0", None), serving);
    assert_eq!(response.unwrap().payload, b"late");
}

#[test]
fn wrong_usage_is_said() {
    for arguments in
        [&["--listen", "here"][..], &["--drop", "101"], &["--ca", "/nonexistent", "--listen", "127.0.0.1:0"]]
    {
        let (code, said) = run(COAP_DEVICE, arguments);
        assert!(code == Some(2) && said.starts_with("error: "), "{arguments:?}: {said}");
    }
}
