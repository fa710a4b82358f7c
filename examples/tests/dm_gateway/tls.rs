//! TLS towards devices and towards the operator: the gateway's own certificate, and a given one.

use dm_examples::http_client::HttpClient;
use dm_examples::tls::{Identity, Trust};
use serde_json::Value;

use crate::program::run;
use crate::world::{DM_GATEWAY, GatewayUnderTest, dm_device, flags};

#[tokio::test(flavor = "multi_thread")]
async fn devices_and_operators_take_the_right_certificate_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let names = ["127.0.0.1".to_owned()];
    let (given, _) = Identity::kept_in(&folder.path().join("given"), &names).unwrap();
    let (other, _) = Identity::kept_in(&folder.path().join("other"), &names).unwrap();
    let (elsewhere, _) =
        Identity::kept_in(&folder.path().join("elsewhere"), &["other.example".to_owned()]).unwrap();
    let other = other.certificate.to_str().unwrap();
    let pair = |identity: &Identity| {
        let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        ["--cert".to_owned(), text(&identity.certificate), "--key".to_owned(), text(&identity.key)]
    };
    let own_certificate = path("own/tls/cert.pem");
    for (state, arguments, certificate) in [
        ("own", Vec::new(), own_certificate.as_str()),
        ("given-state", pair(&given).to_vec(), given.certificate.to_str().unwrap()),
    ] {
        let more: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (gateway, devices, operator) = GatewayUnderTest::launch_tls(&path(state), &more);
        assert!(devices.starts_with("https://") && operator.starts_with("https://"));
        // The operator.
        let ask = |ca: &str| {
            let arguments = ["status", "--state", &path(state), "--ca", ca];
            run(DM_GATEWAY, &arguments)
        };
        let (code, said) = ask(certificate);
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = ask(other);
        assert!(code == Some(2) && said.starts_with("error: io: ") && said.contains("certificate"), "{said}");
        if state == "own" {
            assert_eq!(run(DM_GATEWAY, &["status", "--state", &path(state)]).0, Some(0));
        }
        // Devices.
        let file = path(&format!("{state}.json"));
        let add = [
            "device",
            "add",
            "urn:uuid:tls",
            "--account-file",
            &file,
            "--state",
            &path(state),
            "--ca",
            certificate,
        ];
        let (code, said) = run(DM_GATEWAY, &add);
        assert_eq!(code, Some(0), "{said}");
        let account: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert!(account["address"].as_str().unwrap().starts_with("https://127.0.0.1:"));
        let own = flags(&account, &folder.path().join(format!("{state}.redb")));
        let mut device =
            dm_device(&own, &["--server-ca", certificate, "--answer-timeout", "30000", "--once"]);
        assert_eq!(device.wait().code(), Some(0), "{:?}", device.rest());
        for wrong in [&["--server-ca", other][..], &[]] {
            let mut device = dm_device(&own, &[wrong, &["--answer-timeout", "200", "--once"]].concat());
            assert_eq!(device.wait().code(), Some(1), "{wrong:?}");
            let said = device.rest();
            let why = said.iter().find(|event| event["event"] == "no-answer").expect("it says why");
            assert!(why["reason"].as_str().unwrap().contains("certificate"), "{why}");
        }
        // Who speaks without TLS gets nothing, and nobody is harmed.
        let http = HttpClient::new(&Trust::Nothing).unwrap();
        let plain = operator.replace("https://", "http://");
        assert!(http.send(axum::http::Method::GET, &format!("{plain}/healthz"), [], "", 100).await.is_err());
        assert_eq!(ask(certificate).0, Some(0));
        gateway.kill();
    }
    // A certificate for another name is none for this address.
    let arguments = pair(&elsewhere);
    let more: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (_gateway, ..) = GatewayUnderTest::launch_tls(&path("elsewhere-state"), &more);
    let certificate = elsewhere.certificate.to_str().unwrap();
    let (code, said) = run(DM_GATEWAY, &["status", "--state", &path("elsewhere-state"), "--ca", certificate]);
    assert!(code == Some(2) && said.contains("certificate"), "{said}");
    // What is no certificate is said to be none.
    for (certificate, key) in [(other, other), ("/nonexistent", other)] {
        let arguments = ["run", "--state", &path("none"), "--cert", certificate, "--key", key];
        let (code, said) = run(DM_GATEWAY, &arguments);
        assert!(code == Some(2) && said.contains("error: tls: "), "{said}");
    }
}
