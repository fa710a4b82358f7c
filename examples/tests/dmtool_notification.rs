//! `dmtool notification`, and `dmtool inspect` of what carries notifications.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};

const VECTORS: &str = include_str!("../../dm-notification/tests/vectors/notification.json");

fn dmtool(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dmtool")).args(args).output().expect("the program starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

/// The result, which comes without complaints.
fn done(output: &Output) -> &str {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((code(output), &*stderr), (0, ""));
    std::str::from_utf8(&output.stdout).expect("text")
}

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(VECTORS).expect("JSON");
    file["vectors"].as_array().expect("a list").iter().filter(|v| v["kind"] == "dm12").cloned().collect()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

#[test]
fn decode_says_what_the_vectors_say() {
    for v in vectors() {
        let id = &v["id"];
        for (args, hex) in [
            (&["decode", "--json"][..], text(&v, "package0_hex")),
            (&["decode", "--push", "--json"], text(&v, "wsp_push_hex")),
            (&["decode", "--push", "--json"], text(&v, "sms_user_data_hex")),
        ] {
            let output = dmtool(&[&["notification"], args, &["--hex", hex]].concat());
            let mut said: Value = serde_json::from_str(done(&output)).expect("JSON");
            while said["kind"] != "package0" && said["digest"].is_null() {
                let inner = if said["payload"].is_null() { &said["body"] } else { &said["payload"] };
                said = inner["document"].clone();
            }
            for (name, expected) in v["fields"].as_object().expect("fields") {
                assert_eq!(&said[name], expected, "{id} {name}");
            }
            assert_eq!(said["session_id_element"], v["session_id_element"], "{id}");
            let shown =
                dmtool(&[&["notification", "decode"], &args[1..args.len() - 1], &["--hex", hex]].concat());
            assert!(done(&shown).contains("server_identifier: "), "{id}");
        }
    }
}

#[test]
fn verify_and_build_agree_with_the_vectors() {
    for v in vectors() {
        let shared = &v["credentials"];
        let args = |task, server, nonce| {
            [
                "notification",
                task,
                "--server-id",
                server,
                "--password",
                text(shared, "password"),
                "--nonce-b64",
                nonce,
            ]
        };
        let (server, nonce) = (text(shared, "server_id"), text(shared, "nonce_b64"));
        let verify =
            |server, nonce, rest: &[&str]| dmtool(&[&args("verify", server, nonce)[..], rest].concat());
        let hex = text(&v, "package0_hex");
        assert_eq!(done(&verify(server, nonce, &["--hex", hex])), "genuine\n", "{}", v["id"]);
        assert_eq!(code(&verify(server, nonce, &["--push", "--hex", text(&v, "wsp_push_hex")])), 0);
        assert_eq!(code(&verify(server, nonce, &["--push", "--hex", text(&v, "sms_user_data_hex")])), 0);
        assert_eq!(code(&verify(server, "d3Jvbmc=", &["--hex", hex])), 1);
        assert_eq!(code(&verify("another", nonce, &["--hex", hex])), 1);
        assert_eq!(code(&verify(server, nonce, &["--hex", &hex[..40]])), 2);
        assert_eq!(code(&verify(server, nonce, &["--push", "--hex", hex])), 2);
        assert_eq!(code(&verify(server, nonce, &["--hex", "0g"])), 2);
        assert_eq!(code(&verify(server, "!", &["--hex", hex])), 2);

        let fields = &v["fields"];
        if fields["version"] != 11 || fields["future_use"] != 0 || fields["session_id"] == 0 {
            continue;
        }
        let modes = ["not-specified", "background", "informative", "user-interaction"];
        let mode = modes[usize::try_from(fields["ui_mode"].as_u64().expect("a number")).expect("small")];
        let initiator = if fields["initiator"] == 0 { "client" } else { "server" };
        let session = text(&v, "session_id_element");
        let rest = [
            "--session-id",
            session,
            "--ui-mode",
            mode,
            "--initiator",
            initiator,
            "--vendor-hex",
            text(fields, "body"),
            "--hex",
        ];
        let build = |push| dmtool(&[&args("build", server, nonce)[..], &rest, &["--push", push]].concat());
        assert_eq!(done(&build("none")).trim(), hex, "{}", v["id"]);
        assert_eq!(done(&build("wsp")).trim(), text(&v, "wsp_push_hex"), "{}", v["id"]);
        let sms = build("sms");
        let lines: Vec<&str> = done(&sms).lines().collect();
        match v["sms_user_data_octets"].as_u64().expect("a number") {
            ..=140 => assert_eq!(lines, [text(&v, "sms_user_data_hex")], "{}", v["id"]),
            _ => assert_eq!(lines.len(), 3),
        }
    }
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let stderr = |args: &[&str], expected: i32| {
        let output = dmtool(args);
        assert_eq!((code(&output), output.stdout.len()), (expected, 0), "{args:?}");
        let stderr = String::from_utf8(output.stderr).expect("text");
        stderr.lines().next().expect("a line").to_owned()
    };
    let short = "3b2161d1f851c8fcaacefe6bfb9924b602d80000000102";
    assert_eq!(
        stderr(&["notification", "decode", "--hex", short], 1),
        "error: truncated at byte 23 in length-identifier: input ended, 2 more byte(s) needed"
    );
    assert!(
        stderr(&["notification", "decode", "--push", "--hex", "0106ff"], 1)
            .starts_with("error: truncated at byte ")
    );
    let lwm2m =
        "010603c4af9acf44afd5fede7f4a97b26476546d34da02d0000000123412636f6d2e6d676d747372762e6d616e616765";
    assert!(
        stderr(&["notification", "decode", "--push", "--hex", lwm2m], 1)
            .starts_with("error: wrong-kind at byte 6")
    );
    stderr(&["notification", "decode"], 2);
    stderr(&["notification", "decode", "--hex", "00", "file"], 2);
    stderr(&["notification", "decode", "no-such-file"], 2);
    let build = ["notification", "build", "--server-id", "a", "--password", "hunter2", "--nonce-b64", ""];
    for wrong in ["0", "10000", "x", ""] {
        let line = stderr(&[&build[..], &["--session-id", wrong]].concat(), 2);
        assert!(line.starts_with("error: usage: ") && !line.contains("hunter2"), "{line}");
    }
}

#[test]
fn passwords_come_from_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (password, message) = (folder.path().join("pw"), folder.path().join("p0"));
    fs::write(&password, "srvpassword\n").expect("writable");
    let password = password.to_str().expect("text");
    let shared = ["--server-id", "a", "--password-file", password, "--nonce-b64", "bm9uY2U="];
    let built = dmtool(&[&["notification", "build"], &shared[..], &["--session-id", "2a"]].concat());
    assert_eq!(code(&built), 0);
    fs::write(&message, &built.stdout).expect("writable");
    let message = message.to_str().expect("text");
    let verify = |shared: &[&str]| code(&dmtool(&[&["notification", "verify"], shared, &[message]].concat()));
    assert_eq!(verify(&shared), 0);
    assert_eq!(verify(&["--server-id", "a", "--password", "srvpassword", "--nonce-b64", "bm9uY2U="]), 0);
    assert_eq!(verify(&["--server-id", "a", "--password", "srvpassword\n", "--nonce-b64", "bm9uY2U="]), 1);
}

/// Every layer is taken apart, down to the notification.
#[test]
fn inspect_opens_what_is_inside() {
    let all = vectors();
    let v = all.iter().find(|v| v["id"] == "dm12-spec-example").expect("it is there");
    let folder = tempfile::tempdir().expect("a folder");
    let inspect = |octets: &str, more: &[&str]| {
        let file = folder.path().join("message");
        let octets: Vec<u8> = (0..octets.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&octets[at..at + 2], 16).expect("hex"))
            .collect();
        fs::write(&file, octets).expect("writable");
        let args = [&["inspect", "--json"], more, &[file.to_str().expect("text")]].concat();
        serde_json::from_str::<Value>(done(&dmtool(&args))).expect("JSON")
    };
    let sms = inspect(text(v, "sms_user_data_hex"), &[]);
    assert_eq!((&sms["kind"], &sms["encoding"]), (&json!("sms"), &json!("binary")));
    assert_eq!(sms["document"]["destination_port"], 2948);
    let push = &sms["document"]["payload"];
    assert_eq!(push["kind"], "wap-push");
    assert_eq!(push["document"]["media_type"], "application/vnd.syncml.notification");
    assert_eq!(push["document"]["headers"][0]["uri"], "x-wap-application:syncml.dm");
    assert_eq!(push["document"]["body"]["kind"], "package0");
    assert_eq!(push["document"]["body"]["document"]["session_id"], 0x1234);

    let san = "000102030405060708090a0b0c0d0e0f031800000000010161106000000708436f6e7461637473ff";
    let san = inspect(san, &["--as", "ds-san"]);
    assert_eq!(
        san["document"]["syncs"],
        json!([{ "sync_type": 206, "content_type": 7, "server_uri": "Contacts" }])
    );
    assert_eq!(san["document"]["trailing"], "ff");
}
