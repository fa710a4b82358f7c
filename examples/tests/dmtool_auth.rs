//! `dmtool auth` against the vectors, and what it refuses.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn auth(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dmtool")).arg("auth").args(args).output().expect("the program starts")
}

fn line(args: &[&str]) -> String {
    let output = auth(args);
    assert_eq!(
        (output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()),
        (Some(0), ""),
        "{args:?}"
    );
    let text = String::from_utf8(output.stdout).expect("text");
    text.strip_suffix('\n').expect("one line").to_owned()
}

fn vectors() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dm-syncml/tests/vectors/auth_vectors.json");
    serde_json::from_slice(&fs::read(path).expect("the vectors")).expect("JSON")
}

fn text<'v>(vector: &'v Value, name: &str) -> &'v str {
    vector[name].as_str().expect(name)
}

#[test]
fn vectors_come_out() {
    let vectors = vectors();
    for vector in vectors["basic"].as_array().expect("a list") {
        let got = line(&["basic", "--user", text(vector, "user"), "--password", text(vector, "password")]);
        assert_eq!(got, text(vector, "cred_data"));
    }
    for vector in vectors["md5"].as_array().expect("a list") {
        let (user, password) = (text(vector, "user"), text(vector, "password"));
        let nonce = text(vector, "nonce_b64");
        let got = line(&["md5", "--user", user, "--password", password, "--nonce-b64", nonce]);
        assert_eq!(got, text(vector, "cred_data"));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dm-syncml/tests/vectors");
    let secrets = tempfile::tempdir().expect("a folder");
    for vector in vectors["mac"].as_array().expect("a list") {
        let (user, nonce) = (text(vector, "user"), text(vector, "nonce_b64"));
        let password = secrets.path().join("password");
        fs::write(&password, format!("{}\r\n", text(vector, "password"))).expect("a file");
        let password = password.to_str().expect("a path of text");
        let mut args = vec!["mac", "--user", user, "--password-file", password, "--nonce-b64", nonce];
        let body = vector["body_file"].as_str().map(|name| folder.join(name));
        if let Some(body) = &body {
            args.extend(["--body", body.to_str().expect("a path of text")]);
        }
        assert_eq!(line(&args), text(vector, "mac"));
    }
}

#[test]
fn nothing_is_an_empty_nonce_and_an_empty_body() {
    let user = ["--user", "dev-7731", "--password", "cl13nt-secret"];
    assert_eq!(line(&[&["md5"], &user[..]].concat()), "/EXqLibOuG58ZkFVHxEWHQ==");
    let mac = line(&["mac", "--user", "Bruce2", "--password", "OhBehave", "--nonce-b64", "Tm9uY2U="]);
    assert_eq!(mac, "gbjsdKI2jLRPFi9gmOstJg==");
}

/// Exit 2, one line first, and no password in it.
#[test]
fn what_is_refused() {
    let user = ["--user", "u", "--password", "hunter2"];
    let table: [&[&str]; 10] = [
        &["basic"],
        &["basic", "--user", "u"],
        &["digest", "--user", "u", "--password", "hunter2"],
        &[&["basic"], &user[..], &["--password-file", "x"]].concat(),
        &[&["basic"], &user[..], &["--nonce-b64", "AA=="]].concat(),
        &[&["md5"], &user[..], &["--nonce-b64", "A*="]].concat(),
        &[&["md5"], &user[..], &["--body", "x"]].concat(),
        &[&["mac"], &user[..], &["--body", "/nonexistent"]].concat(),
        &["mac", "--user", "a\r\nb", "--password", "hunter2"],
        &["basic", "--user", "a:b", "--password", "hunter2"],
    ];
    for args in table {
        let output = auth(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(stderr.starts_with("error: ") && !stderr.contains("hunter2"), "{args:?}: {stderr}");
    }
}
