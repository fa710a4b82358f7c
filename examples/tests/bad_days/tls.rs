//! Peers that are not who they should be, and files that do not fit.

use std::fs;
use std::path::Path;

use dm_examples::tls::Identity;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::Value;

use super::daemon::{DM_GATEWAY, DM_SERVER, Daemon};
use super::served::{Served, exchange, said};

/// A certificate for a name, and its key, as two files.
fn identity(folder: &Path, name: &str, is_expired: bool) -> [String; 2] {
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if is_expired {
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    }
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let [at, key_at] = ["cert", "key"].map(|what| folder.join(format!("{what}-{name}-{is_expired}.pem")));
    fs::write(&at, certificate.pem()).unwrap();
    fs::write(&key_at, key.serialize_pem()).unwrap();
    [at, key_at].map(|path| path.to_str().unwrap().to_owned())
}

#[test]
fn only_the_certificate_that_is_vouched_for_is_spoken_to() {
    let folder = tempfile::tempdir().unwrap();
    let good = identity(folder.path(), "127.0.0.1", false);
    let other_name = identity(folder.path(), "example.net", false);
    let expired = identity(folder.path(), "127.0.0.1", true);
    let (another, _) = Identity::kept_in(&folder.path().join("another"), &["127.0.0.1".to_owned()]).unwrap();
    let another = another.certificate.to_str().unwrap().to_owned();
    for program in [DM_SERVER, DM_GATEWAY] {
        for (shown, trusted, reason) in [
            (&good, &good[0], None),
            (&good, &another, Some("certificate")),
            (&other_name, &other_name[0], Some("not valid for name")),
            (&expired, &expired[0], Some("expired")),
        ] {
            let served = Served::over_tls(program, shown, trusted);
            let output = served.session(&["--ca", trusted, "--answer-timeout", "200"]);
            let text = said(&output);
            let Some(reason) = reason else {
                assert_eq!(output.status.code(), Some(0), "{text}");
                // Who trusts nobody, and who speaks without TLS, is told nothing either.
                let untrusting = served.session(&["--answer-timeout", "200"]);
                assert_eq!(untrusting.status.code(), Some(1), "{}", said(&untrusting));
                for socket in ["devices", "operator"] {
                    let answer = exchange(served.daemon.socket(socket), b"GET /healthz HTTP/1.0\r\n\r\n");
                    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
                }
                let (code, said) = served.daemon.ask(&["status", "--ca", trusted]);
                assert_eq!(code, Some(0), "{said}");
                let (code, said) = served.daemon.ask(&["status", "--ca", &another]);
                assert!(
                    code == Some(2) && said.starts_with("error: ") && said.contains("certificate"),
                    "{said}"
                );
                continue;
            };
            assert_eq!(output.status.code(), Some(1), "{text}");
            let is_said =
                text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).any(|event| {
                    event["event"] == "no-answer"
                        && event["reason"].as_str().is_some_and(|it| it.contains(reason))
                });
            assert!(is_said, "{reason}: {text}");
        }
    }
}

#[test]
fn files_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let [good, good_key] = identity(folder.path(), "127.0.0.1", false);
    let [_, other_key] = identity(folder.path(), "example.net", false);
    let nothing = folder.path().join("nothing.pem");
    fs::write(&nothing, "nothing\n").unwrap();
    let nothing = nothing.to_str().unwrap();
    for program in [DM_SERVER, DM_GATEWAY] {
        for (certificate, key, named) in [
            (good.as_str(), other_key.as_str(), &good),
            (nothing, &good_key, &nothing.to_owned()),
            (&good, nothing, &nothing.to_owned()),
            (&good, &good, &good),
            ("/nowhere.pem", &good_key, &"/nowhere.pem".to_owned()),
        ] {
            let state = folder.path().join("state");
            let mut command = std::process::Command::new(program);
            command.arg("run").arg("--state").arg(&state).args([
                "--cert",
                certificate,
                "--key",
                key,
                "--log",
                "off",
            ]);
            command.args(["--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0"]);
            let output = command.output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{certificate} {key}: {text}");
            let is_clear =
                text.lines().count() == 1 && text.starts_with("error: ") && text.contains(named.as_str());
            assert!(is_clear, "{certificate} {key}: {text}");
        }
    }
}

impl Served {
    /// Over TLS with this certificate, which devices and the operator are told to trust.
    fn over_tls(program: &'static str, [certificate, key]: &[String; 2], trusted: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let daemon = Daemon::start(program, &state, &["--cert", certificate, "--key", key, "--log", "off"]);
        // Its own subcommands cannot speak to it either where nobody should: the account is made before.
        let account = serde_json::json!({
            "id": "urn:uuid:served", "address": daemon.at("devices"), "server_id": "com.example.any", "user": "u",
            "password": "a password", "server_password": "another",
        });
        let mut served = Self { daemon, account, folder };
        if trusted == certificate {
            let more = ["--ca", trusted];
            let file = served.folder.path().join("account.json");
            let add = ["device", "add", "urn:uuid:served", "--account-file", file.to_str().unwrap()];
            if served.daemon.ask(&[&add[..], &more].concat()).0 == Some(0) {
                served.account = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
            }
        }
        served
    }
}
