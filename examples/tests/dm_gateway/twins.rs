//! Two gateways with one identity.

use std::path::Path;

use axum::http::Method;
use dm_examples::http_client::HttpClient;
use dm_examples::tls::Trust;
use serde_json::Value;

use crate::program::{Program, run};
use crate::world::{GatewayUnderTest, until};

const DM_SERVER: &str = env!("CARGO_BIN_EXE_dm-server");
const ID: &str = "urn:uuid:gateway-1";

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_with_one_account_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (state, any) = (path("server"), "127.0.0.1:0");
    let run_server = ["run", "--plain-http", "--name", "127.0.0.1", "--log", "error", "--state", &state];
    let sockets = ["--listen", any, "--operator", any];
    let server = Program::start(DM_SERVER, &[&run_server[..], &sockets].concat());
    server.wait_for("listening");
    let account = path("gateway.json");
    let add = ["device", "add", ID, "--class", "gateway", "--account-file", &account, "--state", &state];
    let (code, said) = run(DM_SERVER, &add);
    assert_eq!(code, Some(0), "{said}");
    let operator = std::fs::read(Path::new(&state).join("running.json")).unwrap();
    let operator: Value = serde_json::from_slice(&operator).unwrap();
    let operator = operator["operator"].as_str().unwrap().to_owned();
    let token = std::fs::read_to_string(Path::new(&state).join("operator.token")).unwrap();
    let http = HttpClient::new(&Trust::Nothing).unwrap();
    let device = async || -> Value {
        let authorization = [("authorization", format!("Bearer {}", token.trim()))];
        let address = format!("{operator}/api/devices/{ID}");
        let answer = http.send(Method::GET, &address, authorization, "", 1 << 16).await.unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    };
    let sessions = async || -> usize {
        let authorization = [("authorization", format!("Bearer {}", token.trim()))];
        let address = format!("{operator}/api/sessions");
        let answer = http.send(Method::GET, &address, authorization, "", 1 << 20).await.unwrap();
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        let is_over = |session: &&Value| session["end"] == "completed";
        said["sessions"].as_array().unwrap().iter().filter(is_over).count()
    };
    // Each comes every second, and keeps what it is told in a state of its own.
    let config = path("gateway.toml");
    std::fs::write(&config, "poll = 1\n").unwrap();
    let more = ["--account", &account, "--config", &config].map(str::to_owned);
    let launch = |name: &str| GatewayUnderTest::launch(&path(name), [any; 3], &more).0;
    let mut first = launch("one");
    until("sessions of one", async || sessions().await >= 5).await;
    assert_eq!(device().await["twins"], false);
    // The same state is refused outright.
    let again = [
        "run",
        "--plain-http",
        "--listen",
        any,
        "--operator",
        any,
        "--datagrams",
        any,
        "--state",
        &path("one"),
    ];
    let (code, said) = run(crate::world::DM_GATEWAY, &again);
    assert!(code == Some(2) && said.contains("another program has it open"), "{said}");
    // A gateway that is stopped and goes on is itself.
    assert!(first.stop().success());
    let before = sessions().await;
    let _first = launch("one");
    until("sessions after the stop", async || sessions().await >= before + 3).await;
    assert_eq!(device().await["twins"], false);
    let _second = launch("two");
    until("twins", async || device().await["twins"] == true).await;
}
