//! `dmtool` as an engineer runs it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn dmtool(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dmtool")).args(args).output().expect("the program starts")
}

/// With something on standard input.
fn dmtool_fed(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dmtool"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(input).expect("it reads all");
    child.wait_with_output().expect("it ends")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).expect("text")
}

/// The result, which comes without complaints.
fn done(output: &Output) -> &[u8] {
    assert_eq!((code(output), text(&output.stderr)), (0, ""));
    &output.stdout
}

/// The first line of the complaint, which comes without a result.
fn complaint(output: &Output, expected: i32) -> &str {
    let stderr = text(&output.stderr);
    assert_eq!((code(output), text(&output.stdout)), (expected, ""), "{stderr}");
    stderr.lines().next().expect("a line")
}

fn session(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dm-syncml/tests/vectors/session");
    folder.join(name).to_str().expect("a path of text").into()
}

/// The messages that stand there in both encodings, by their names without extension.
fn sessions() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(session(""))
        .expect("the vectors")
        .filter_map(|entry| Some(entry.ok()?.path().file_name()?.to_str()?.strip_suffix(".xml")?.to_owned()))
        .collect();
    names.sort();
    assert!(names.len() >= 15, "{names:?}");
    names
}

/// A folder that goes away, and files in it.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("a path of text").into()
    }

    fn with(&self, name: &str, content: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        path
    }
}

#[test]
fn messages_convert_there_and_back() {
    let files = Files::new();
    for name in sessions() {
        let xml = session(&format!("{name}.xml"));
        for (string_table, from) in [("none", "wbxml"), ("auto", "wbxml"), ("none", "strtbl13.wbxml")] {
            let wbxml = session(&format!("{name}.{from}"));
            let (as_xml, as_wbxml) = (files.path("as.xml"), files.path("as.wbxml"));
            let string_table = ["--string-table", string_table];
            done(&dmtool(&["convert", "--to", "xml", &wbxml, &as_xml]));
            done(&dmtool(&["convert", "--to", "wbxml", string_table[0], string_table[1], &xml, &as_wbxml]));
            for (a, b) in [(&wbxml, &as_xml), (&xml, &as_wbxml), (&as_xml, &as_wbxml), (&xml, &wbxml)] {
                assert_eq!(text(done(&dmtool(&["diff", a, b]))), "", "{name} {string_table:?} {from}");
            }
            if string_table[1] == "none" {
                assert!(fs::read(&as_wbxml).unwrap().starts_with(b"\x02\xA4\x01\x6A\0"), "{name}");
            }
        }
    }
}

#[test]
fn the_version_of_the_namespace_is_the_header_of_wbxml() {
    for (version, header) in [("1.1", b"\x02\x9F\x53\x6A\0"), ("1.2", b"\x02\xA4\x01\x6A\0")] {
        let xml = fs::read_to_string(session("10-s2c-pkg4-end.xml")).unwrap();
        let xml = xml.replace("SYNCML:SYNCML1.2", &format!("SYNCML:SYNCML{version}"));
        let output = dmtool_fed(&["convert", "--to", "wbxml", "-", "-"], xml.as_bytes());
        assert!(done(&output).starts_with(header), "{version}");
    }
}

#[test]
fn commands_without_a_header_stay_so() {
    const BODY: &[u8] = br#"<SyncML xmlns="SYNCML:SYNCML1.2"><SyncBody><Get><CmdID>1</CmdID></Get><Get><CmdID>2</CmdID></Get></SyncBody></SyncML>"#;
    let one = br#"<Get xmlns="SYNCML:SYNCML1.2"><CmdID>1</CmdID></Get><Get xmlns="SYNCML:SYNCML1.2"><CmdID>2</CmdID></Get>"#;
    let two = br#"<SyncBody xmlns="SYNCML:SYNCML1.2"><Get><CmdID>1</CmdID></Get><Get><CmdID>2</CmdID></Get></SyncBody>"#;
    for input in [one.as_slice(), two, BODY] {
        let output = dmtool_fed(&["convert", "--to", "xml", "-", "-"], input);
        assert_eq!(text(done(&output)), text(BODY));
        let wbxml = dmtool_fed(&["convert", "--to", "wbxml", "-", "-"], input);
        let output = dmtool_fed(&["convert", "--to", "xml", "-", "-"], done(&wbxml));
        assert_eq!(text(done(&output)), text(BODY));
    }
    // A header of one of several documents is not dropped.
    let message = fs::read(session("10-s2c-pkg4-end.xml")).unwrap();
    let output = dmtool_fed(&["convert", "--to", "xml", "-", "-"], &[&message[..], &message].concat());
    assert!(complaint(&output, 1).starts_with("error: outside-root at byte "), "{output:?}");
}

#[test]
fn octets_become_base64_and_carriage_returns_references() {
    let item = b"\x02\xA4\x01\x6A\0\x45\x4B\x031\0\x01\x54\x4F\xC3\x03\x00\xFF\x01\x01\x01\x01";
    let output = dmtool_fed(&["convert", "--to", "xml", "-", "-"], item);
    let xml = text(done(&output));
    assert!(xml.contains(">b64</Format>") && xml.contains("<Data>AP8B</Data>"), "{xml}");
    let output = dmtool_fed(
        &["convert", "--to", "xml", "-", "-"],
        b"\x02\xA4\x01\x6A\0\x45\x4B\x031\0\x01\x54\x4F\x03a\r\nb\0\x01\x01\x01",
    );
    assert!(text(done(&output)).contains("<Data>a&#13;\nb</Data>"), "{output:?}");
}

#[test]
fn base64_stays_base64_and_trees_become_documents() {
    let format = |format: &str| format!(r#"<Meta><Format xmlns="syncml:metinf">{format}</Format></Meta>"#);
    let item = |meta: &str, data: &str| {
        format!(
            r#"<SyncML xmlns="SYNCML:SYNCML1.2"><SyncBody><Add><CmdID>1</CmdID><Item>{meta}<Data>{data}</Data></Item></Add></SyncBody></SyncML>"#
        )
    };
    let b64 = item(&format("b64"), "AP8B");
    let wbxml = dmtool_fed(&["convert", "--to", "wbxml", "-", "-"], b64.as_bytes());
    let wbxml = done(&wbxml);
    assert!(wbxml.windows(10).any(|octets| octets == b"\x4F\x03AP8B\0\x01\x01\x01"), "{wbxml:02X?}");
    assert_eq!(text(done(&dmtool_fed(&["convert", "--to", "xml", "-", "-"], wbxml))), b64);
    // A tree in whatever shape becomes an OPAQUE document with its own header, whose first token switches to page 2.
    let tree = r#"<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD></MgmtTree>"#;
    let meta = r#"<Meta><Type xmlns="syncml:metinf">application/vnd.syncml.dmtnds+xml</Type></Meta>"#;
    let files = Files::new();
    for (name, data) in [
        ("inline.xml", tree.to_owned()),
        ("escaped.xml", tree.replace('<', "&lt;")),
        ("section.xml", format!("<![CDATA[{tree}]]>")),
    ] {
        let xml = files.with(name, item(meta, &data).as_bytes());
        let as_wbxml = files.path("tree.wbxml");
        done(&dmtool(&["convert", "--to", "wbxml", &xml, &as_wbxml]));
        let wbxml = fs::read(&as_wbxml).unwrap();
        let document = b"\xC3\x2B\x02\0\0\x6A\x1B-//OMA//DTD-DM-DDF 1.2//EN\0\0\x02\x60\x77\x031.2\0\x01\x01";
        assert!(wbxml.windows(document.len()).any(|octets| octets == document), "{name} {wbxml:02X?}");
        assert!(wbxml.windows(13).any(|octets| octets == b"dmtnds+wbxml\0"), "{name}");
        assert_eq!(text(done(&dmtool(&["diff", &xml, &as_wbxml]))), "", "{name}");
        // Back in XML it is elements.
        let back = dmtool(&["convert", "--to", "xml", &as_wbxml, "-"]);
        assert_eq!(text(done(&back)), item(meta, tree), "{name}");
    }
}

/// Commands that DM does not have keep their octets too, and what else nobody knows keeps its place.
#[test]
fn what_is_unknown_converts_as_well() {
    let put = b"\x02\xA4\x01\x6A\0\x6D\x6B\x5F\x4B\xC3\x011\x01\x54\x4F\xC3\x02\0\xFF\x01\x01\x01\x01\x01";
    let files = Files::new();
    let (wbxml, xml) = (files.with("put.wbxml", put), files.path("put.xml"));
    done(&dmtool(&["convert", "--to", "xml", &wbxml, &xml]));
    assert_eq!(
        fs::read_to_string(&xml).unwrap(),
        r#"<SyncML xmlns="SYNCML:SYNCML1.2"><SyncBody><Put><CmdID>1</CmdID><Item><Meta><Format xmlns="syncml:metinf">b64</Format></Meta><Data>AP8=</Data></Item></Put></SyncBody></SyncML>"#
    );
    assert_eq!(text(done(&dmtool(&["diff", &wbxml, &xml]))), "");
    let odd = r#"<SyncML xmlns="SYNCML:SYNCML1.2"><SyncBody><Delete><CmdID>1</CmdID><Archive/><Item><Target><Filter/><LocURI>./A</LocURI></Target></Item></Delete></SyncBody></SyncML>"#;
    let wbxml = dmtool_fed(&["convert", "--to", "wbxml", "-", "-"], odd.as_bytes());
    assert_eq!(text(done(&dmtool_fed(&["convert", "--to", "xml", "-", "-"], done(&wbxml)))), odd);
    // An element that is no command is one that nobody knows, not another kind of document.
    let output = dmtool_fed(&["inspect", "--json", "-"], b"<LocURI>./A</LocURI><Replace/>");
    assert_eq!(json(&output)["kind"], "fragment");
}

#[test]
fn differences_are_a_path_and_both_values() {
    let files = Files::new();
    let xml = fs::read_to_string(session("05-c2s-pkg3-results.xml")).unwrap();
    assert!(xml.contains("<MsgID>") && xml.contains("</Final>") | xml.contains("<Final/>"));
    let other = files
        .with("other.xml", xml.replace("<Final/>", "").replacen("<CmdID>2<", "<CmdID>77<", 1).as_bytes());
    let output = dmtool(&["diff", &session("05-c2s-pkg3-results.wbxml"), &other]);
    assert_eq!((code(&output), text(&output.stderr)), (1, ""));
    let shown = text(&output.stdout);
    assert!(shown.contains("/CmdID\n  - \"2\"\n  + \"77\"\n"), "{shown}");
    assert!(shown.contains("SyncBody/Final\n"), "{shown}");
    // Quite another message; what is shown is bounded.
    let output = dmtool(&["diff", &session("05-c2s-pkg3-results.wbxml"), &session("11-s2c-add-tnds.xml")]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stdout).lines().count() <= 61, "{output:?}");
    // A header is a difference.
    let body = b"<SyncBody xmlns='SYNCML:SYNCML1.2'><Final/></SyncBody>";
    let output = dmtool_fed(&["diff", "-", &session("10-s2c-pkg4-end.xml")], body);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stdout).starts_with("SyncHdr\n  - nothing\n  + "), "{output:?}");
}

#[test]
fn secrets_do_not_appear_in_differences() {
    let files = Files::new();
    let xml = fs::read_to_string(session("03-c2s-pkg1-md5.xml")).unwrap();
    let start = xml.find("<Cred>").expect("credentials");
    let data = start + xml[start..].find("<Data>").expect("a digest") + "<Data>".len();
    let digest = &xml[data..data + xml[data..].find('<').unwrap()];
    let other = files.with("other.xml", xml.replace(digest, "AAAAAAAAAAAAAAAAAAAAAA==").as_bytes());
    let output = dmtool(&["diff", &session("03-c2s-pkg1-md5.xml"), &other]);
    assert_eq!(code(&output), 1, "{output:?}");
    let shown = text(&output.stdout);
    assert!(shown.contains("Cred") && !shown.contains(digest) && !shown.contains("AAAAAAAA"), "{shown}");
    let item = |id: &str, password: &str| {
        format!(
            "<Replace><CmdID>{id}</CmdID><Item><Target><LocURI>./DMAcc/A/AAuthSecret</LocURI></Target><Data>{password}</Data></Item></Replace>"
        )
    };
    let a = files.with("a.xml", item("1", "hunter2").as_bytes());
    let output = dmtool_fed(&["diff", &a, "-"], item("2", "hunter3").as_bytes());
    assert_eq!(
        text(&output.stdout),
        "SyncBody/Replace/CmdID\n  - \"1\"\n  + \"2\"\nSyncBody/Replace/Item/Data\n  - (hidden)\n  + (hidden)\n"
    );
}

#[test]
fn complaints_are_one_line_for_scripts() {
    let files = Files::new();
    let message = fs::read(session("05-c2s-pkg3-results.wbxml")).unwrap();
    let cut = files.with("cut.wbxml", &message[..message.len() / 2]);
    let html = files.with("page.html", b"<!DOCTYPE html><html><body>404</body></html>");
    let empty = files.with("empty", b"");
    let words = files.with("words.txt", b"nothing of the kind");
    let missing = files.path("missing.xml");
    let whole = session("05-c2s-pkg3-results.xml");
    let strict = files.with("strict.xml", b"<SyncBody><Final/></SyncBody>");
    for (file, begins) in [
        (&cut, format!("error: truncated at byte {} in SyncML/SyncBody", message.len() / 2)),
        (&html, "error: wrong-root at byte ".into()),
        (&empty, "error: truncated at byte 0: ".into()),
        (&words, "error: unknown-kind at byte 0: ".into()),
    ] {
        let output = dmtool(&["inspect", file]);
        assert!(complaint(&output, 1).starts_with(&begins), "{output:?}");
        let output = dmtool(&["convert", "--to", "xml", file, "-"]);
        assert!(complaint(&output, 1).starts_with(&begins), "{output:?}");
        assert!(text(&output.stderr).contains(file.as_str()), "{output:?}");
        for args in [["diff", file, &whole], ["diff", &whole, file]] {
            assert!(complaint(&dmtool(&args), 2).starts_with(&begins), "{output:?}");
        }
    }
    for args in [
        &["convert", "--to", "xml", &missing, "-"][..],
        &["convert", "--to", "xml", &whole, &files.path("no/such/folder")],
        &["diff", &missing, &whole],
    ] {
        let output = dmtool(args);
        assert!(complaint(&output, 2).starts_with("error: io: cannot "), "{output:?}");
    }
    let output = dmtool(&["convert", "--to", "xml", "--profile", "STRICT", &strict, "-"]);
    assert!(complaint(&output, 1).starts_with("error: wrong-root at byte "), "{output:?}");
    done(&dmtool(&["convert", "--to", "xml", "--profile", "field", &strict, "-"]));
}

/// `error: KIND at byte OFFSET in PATH: sentence`, without the parts that do not exist.
#[test]
fn every_complaint_has_one_shape() {
    let whole = fs::read_to_string(session("05-c2s-pkg3-results.xml")).unwrap();
    let without = |element: &str| {
        let (before, rest) = whole.split_once(&format!("<{element}>")).expect("it is there");
        let (_, behind) = rest.split_once(&format!("</{element}>")).expect("it ends");
        [before, behind].concat()
    };
    let utf16: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (document, begins, path) in [
        (without("MsgID").into_bytes(), "missing", Some("SyncML/SyncHdr")),
        (without("CmdRef").into_bytes(), "missing", Some("SyncML/SyncBody/Status")),
        (
            whole.replacen("<Data>200", "<Data>OK", 1).into_bytes(),
            "number",
            Some("SyncML/SyncBody/Status/Data"),
        ),
        (
            whole.replacen("</MsgID>", "</MsgID><MsgID>1</MsgID>", 1).into_bytes(),
            "repeated",
            Some("SyncML/SyncHdr/MsgID"),
        ),
        (whole.replacen("<SyncBody>", "<SyncBody>&nbsp;", 1).into_bytes(), "entity", Some("SyncML/SyncBody")),
        (utf16, "charset", None),
        (b"\x02\xA4\x01\x04\0\x6D".to_vec(), "truncated", Some("SyncML")),
        (b"\x02\xA4\x01\x11\0\x6D\x01".to_vec(), "charset", None),
        (b"PK\x03\x04".to_vec(), "unknown-kind", None),
    ] {
        let output = dmtool_fed(&["convert", "--to", "xml", "-", "-"], &document);
        let line = complaint(&output, 1);
        let rest = line.strip_prefix("error: ").expect("an error");
        let (head, sentence) = rest.split_once(": ").expect("a sentence");
        let (kind, place) = head.split_once(" at byte ").expect("a place");
        let (offset, found) = match place.split_once(" in ") {
            Some((offset, path)) => (offset, Some(path)),
            None => (place, None),
        };
        assert_eq!((kind, found), (begins, path), "{line}");
        assert!(offset.parse::<usize>().is_ok_and(|at| at <= document.len()), "{line}");
        assert!(!sentence.is_empty() && !sentence.ends_with('.'), "{line}");
    }
}

#[test]
fn no_prefix_of_a_message_is_one() {
    for name in ["03-c2s-pkg1-md5.strtbl13.wbxml", "11-s2c-add-tnds.xml"] {
        let message = fs::read(session(name)).unwrap();
        for length in (0..message.len() - 2).step_by(17) {
            for args in [
                &["inspect", "-"][..],
                &["convert", "--to", "xml", "-", "-"],
                &["transcode", "--to", "xml", "-", "-"],
            ] {
                let output = dmtool_fed(args, &message[..length]);
                let line = complaint(&output, 1);
                assert!(line.starts_with("error: ") && line.contains(" at byte "), "{name} {length} {line}");
            }
        }
    }
}

#[test]
fn wrong_usage_is_two() {
    let whole = session("05-c2s-pkg3-results.xml");
    for args in [
        &[][..],
        &["inspekt"],
        &["convert", &whole, "-"],
        &["convert", "--to", "json", &whole, "-"],
        &["diff", &whole],
        &["diff", "-", "-"],
        &["diff", "--profile", "NOKIA", &whole, &whole],
    ] {
        let output = dmtool(args);
        assert!(complaint(&output, 2).starts_with("error: usage: "), "{output:?}");
    }
    let output = dmtool(&["diff", "--profile", "NOKIA", &whole, &whole]);
    assert!(text(&output.stderr).contains("STRICT, FIELD, WINDOWS"), "{output:?}");
}

#[test]
fn help_has_examples() {
    for args in [
        &["--help"][..],
        &["inspect", "--help"],
        &["convert", "--help"],
        &["transcode", "--help"],
        &["diff", "--help"],
    ] {
        let output = dmtool(args);
        let help = text(done(&output));
        assert!(help.contains("Examples:\n  dmtool "), "{help}");
    }
}

#[test]
fn a_failed_conversion_leaves_the_old_file() {
    let files = Files::new();
    let out = files.with("out.xml", b"old");
    let bad = files.with("bad.wbxml", b"\x02\xA4\x01\x6A\0\x6D");
    complaint(&dmtool(&["convert", "--to", "xml", &bad, &out]), 1);
    assert_eq!(fs::read(&out).unwrap(), b"old");
}

/// What `inspect --json` says.
fn json(output: &Output) -> Value {
    serde_json::from_slice(done(output)).expect("one JSON object")
}

#[test]
fn inspect_says_the_same_of_both_encodings() {
    for name in sessions() {
        let of =
            |extension: &str| json(&dmtool(&["inspect", "--json", &session(&format!("{name}.{extension}"))]));
        let (xml, wbxml, table) = (of("xml"), of("wbxml"), of("strtbl13.wbxml"));
        assert_eq!((&xml["kind"], &xml["encoding"]), (&"syncml".into(), &"xml".into()));
        assert_eq!((&xml["profile"], &xml["quirks"]), (&"FIELD".into(), &Value::Array(Vec::new())));
        assert_eq!((&wbxml["encoding"], &table["encoding"]), (&"wbxml".into(), &"wbxml".into()));
        assert!(xml["document"]["SyncML"]["SyncHdr"]["MsgID"].is_string(), "{xml}");
        assert_eq!(wbxml["document"], table["document"], "{name}");
        // A Type says the encoding of the tree beside it.
        let xml = xml
            .to_string()
            .replace("dmtnds+xml", "dmtnds+wbxml")
            .replace(r#""encoding":"xml""#, r#""encoding":"wbxml""#);
        assert_eq!(xml, wbxml.to_string().replace("dmtnds+xml", "dmtnds+wbxml"), "{name}");
    }
}

#[test]
fn json_keeps_the_order_of_commands_and_the_names_of_the_wire() {
    let document = json(&dmtool(&["inspect", "--json", &session("04-s2c-pkg2-cmds.wbxml")]));
    let body = document["document"]["SyncML"]["SyncBody"].as_array().expect("an array");
    let names: Vec<_> =
        body.iter().map(|command| command.as_object().unwrap().keys().next().unwrap()).collect();
    assert_eq!(names, ["Status", "Status", "Status", "Get", "Sequence", "Exec", "Final"]);
    assert_eq!(body[3]["Get"]["Item"][1]["Target"]["LocURI"], "./DevDetail/NoSuch");
    assert_eq!(
        body[4]["Sequence"][1]["Alert"]["Item"][1]["Data"],
        serde_json::json!({"text": "Apply the new settings?"})
    );
    assert_eq!(body[0]["Status"]["Chal"]["Meta"]["NextNonce"], "(hidden)");
    assert_eq!(body[6]["Final"], true);
    // Data that is a document, in each of its shapes.
    for name in
        ["11-s2c-add-tnds.xml", "11-s2c-add-tnds.wbxml", "11b-s2c-add-tnds-nested-page2.handmade.wbxml"]
    {
        let found = json(&dmtool(&["inspect", "--json", &session(name)]));
        let data = &found["document"]["SyncML"]["SyncBody"][1]["Add"]["Item"][0]["Data"];
        assert_eq!(data["document"]["MgmtTree"][1]["Node"][0]["NodeName"], "Mail", "{name}");
    }
    // Base64 is told from text.
    let b64 = br#"<Add xmlns="SYNCML:SYNCML1.2"><CmdID>1</CmdID><Meta><Format xmlns="syncml:metinf">b64</Format></Meta><Item><Data>AP
        8B</Data></Item></Add>"#;
    let found = json(&dmtool_fed(&["inspect", "--json", "-"], b64));
    assert_eq!(found["kind"], "fragment");
    assert_eq!(
        found["document"]["SyncML"]["SyncBody"][0]["Add"]["Item"][0]["Data"],
        serde_json::json!({"base64": "AP8B"})
    );
}

#[test]
fn inspect_names_the_quirks_that_were_needed() {
    let profile = b"<Add><Item><Meta><A:Format>int</A:Format></Meta><Data>0</Data></Item></Add>";
    let found = json(&dmtool_fed(&["inspect", "--json", "--profile", "fleet", "-"], profile));
    assert_eq!(found["quirks"], serde_json::json!(["no-namespace", "undeclared-prefixes", "missing-cmd-id"]));
    assert_eq!(found["profile"], "FLEET");
    let output = dmtool_fed(&["inspect", "--profile", "STRICT", "-"], profile);
    assert!(complaint(&output, 1).starts_with("error: "), "{output:?}");
}

#[test]
fn people_see_meanings_and_offsets() {
    let output = dmtool(&["inspect", &session("04-s2c-pkg2-cmds.wbxml")]);
    let shown = text(done(&output));
    for line in [
        "message 2 of session 1A, DM/1.2, SyncML 1.2\n",
        "212 authentication accepted for the session",
        "4 Get ./DevDetail/SwV; ./DevDetail/NoSuch\n",
        "\n000000  WBXML 1.2, public id 0x1201, UTF-8, string table of 0 octets\n000005  6D <SyncML> 00:2D\n",
        "(hidden)\n",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
    // XML has no tokens.
    let output = dmtool(&["inspect", &session("04-s2c-pkg2-cmds.xml")]);
    assert!(!text(done(&output)).contains("000000"), "{output:?}");
}

#[test]
fn no_view_shows_secrets() {
    for name in sessions() {
        let xml = fs::read_to_string(session(&format!("{name}.xml"))).unwrap();
        let between = |start: &str, end: &str| -> Vec<&str> {
            xml.split(start).skip(1).filter_map(|rest| rest.split(end).next()).collect()
        };
        let mut secrets = between("<NextNonce", "</NextNonce>");
        secrets.extend(
            between("<Cred>", "</Cred>")
                .iter()
                .filter_map(|cred| cred.split("<Data>").nth(1)?.split('<').next()),
        );
        let secrets: Vec<_> = secrets.iter().filter_map(|secret| secret.rsplit('>').next()).collect();
        for extension in ["xml", "wbxml", "strtbl13.wbxml"] {
            let file = session(&format!("{name}.{extension}"));
            for args in [&["inspect", &file][..], &["inspect", "--json", &file]] {
                let output = dmtool(args);
                let shown = text(done(&output));
                for secret in &secrets {
                    assert!(!secret.is_empty() && !shown.contains(secret), "{secret} is in\n{shown}");
                }
            }
        }
    }
    // Where trees, items and provisioning documents keep them.
    let files = Files::new();
    let tree = "<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>AAuthSecret</NodeName><Value>hunter2</Value></Node></MgmtTree>";
    let item = |uri: &str, format: &str, data: &str| {
        let meta =
            format!("<Meta><Format>{format}</Format><Type>application/vnd.syncml.dmtnds+xml</Type></Meta>");
        format!(
            "<Add><CmdID>1</CmdID><Item><Target><LocURI>{uri}</LocURI></Target>{meta}<Data>{data}</Data></Item></Add>"
        )
    };
    let parameter = r#"<parm name="AAUTHSECRET" value="hunter2"/>"#;
    let provisioning = format!(
        r#"<wap-provisioningdoc><characteristic type="APPLICATION">{parameter}</characteristic></wap-provisioningdoc>"#
    );
    let escape = |markup: &str| markup.replace('&', "&amp;").replace('<', "&lt;");
    for (at, document) in [
        tree.to_owned(),
        provisioning.clone(),
        item("./DMAcc/A/AppAuth/1/AAuthSecret?prop=Value", "chr", "hunter2"),
        item("./DMAcc", "xml", tree),
        item("./DMAcc", "xml", &escape(tree)),
        item("./DMAcc", "xml", &format!("<![CDATA[{tree}]]>")),
        item("./DMAcc", "xml", &escape(&provisioning)),
        item("./DMAcc", "xml", &provisioning),
    ]
    .iter()
    .enumerate()
    {
        let xml = files.with(&format!("{at}.xml"), document.as_bytes());
        let wbxml = files.path(&format!("{at}.wbxml"));
        // Not without saying that they have no namespaces.
        assert_eq!(code(&dmtool(&["transcode", "--to", "wbxml", &xml, &wbxml])), 0);
        for file in [&xml, &wbxml] {
            for args in [&["inspect", file][..], &["inspect", "--json", file]] {
                let output = dmtool(args);
                let shown = text(done(&output));
                assert!(!shown.contains("hunter2") && shown.contains("(hidden)"), "{document}\n{shown}");
            }
        }
    }
}

#[test]
fn kinds_are_recognised() {
    const PUSH: &[u8] = b"\x01\x06\x03\xC4\xAF\x87";
    let mut package0 = vec![0xA5; 16];
    package0.extend_from_slice(b"\x02\xC0\0\0\0\0\x01\x05alpha");
    let push = [PUSH, &package0].concat();
    let sms = [b"\x06\x05\x04\x0B\x84\xC0\x02", &push[..]].concat();
    let tree = |properties: &str| {
        format!(
            "<MgmtTree xmlns='syncml:dmddf1.2'><Node><NodeName>A</NodeName>{properties}</Node></MgmtTree>"
        )
        .into_bytes()
    };
    for (kind, encoding, document) in [
        ("package0", "binary", package0.clone()),
        ("wap-push", "binary", push),
        ("sms", "binary", sms),
        ("tnds", "xml", tree("<RTProperties/>")),
        ("ddf", "xml", tree("<DFProperties/>")),
        ("provisioning", "xml", b"<wap-provisioningdoc version='1.1'/>".to_vec()),
        ("provisioning", "wbxml", b"\x03\x0B\x6A\0\x05".to_vec()),
        ("fragment", "xml", b"<Get xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID></Get>".to_vec()),
    ] {
        let found = json(&dmtool_fed(&["inspect", "--json", "-"], &document));
        assert_eq!((&found["kind"], &found["encoding"]), (&kind.into(), &encoding.into()), "{found}");
        assert!(found["document"].is_object(), "{found}");
        done(&dmtool_fed(&["inspect", "-"], &document));
        let told = json(&dmtool_fed(&["inspect", "--json", "--as", kind, "-"], &document));
        assert_eq!(told, found);
    }
}

#[test]
fn documents_transcode_there_and_back() {
    let files = Files::new();
    for name in sessions() {
        let wbxml = session(&format!("{name}.wbxml"));
        let (xml, back) = (files.path("there.xml"), files.path("back.wbxml"));
        let (again, last) = (files.path("again.xml"), files.path("last.wbxml"));
        done(&dmtool(&["transcode", "--to", "xml", &wbxml, &xml]));
        done(&dmtool(&["transcode", "--to", "wbxml", &xml, &back]));
        done(&dmtool(&["transcode", "--to", "xml", &back, &again]));
        done(&dmtool(&["transcode", "--to", "wbxml", &again, &last]));
        // CDATA, which text in OPAQUE becomes, is text when it is read again; from then on nothing changes.
        let plain = fs::read_to_string(&xml).unwrap().replace("<![CDATA[", "").replace("]]>", "");
        let again = fs::read_to_string(&again).unwrap();
        assert!(again == plain || name.contains("cdata"), "{name}\n{plain}\n{again}");
        assert!(fs::read(&back).unwrap() == fs::read(&last).unwrap(), "{name}");
        for other in [&xml, &back, &last] {
            assert_eq!(text(done(&dmtool(&["diff", &wbxml, other]))), "", "{name}");
        }
    }
    // What is not SyncML; and what is there already.
    let xml = b"<wap-provisioningdoc version=\"1.0\"><characteristic type=\"NAPDEF\"/></wap-provisioningdoc>";
    let wbxml = dmtool_fed(&["transcode", "--to", "wbxml", "-", "-"], xml);
    assert!(done(&wbxml)[1..].starts_with(b"\x0B\x6A\0\xC5\x46"), "{wbxml:?}");
    assert_eq!(done(&dmtool_fed(&["transcode", "--to", "xml", "-", "-"], &wbxml.stdout)), xml);
    assert_eq!(done(&dmtool_fed(&["transcode", "--to", "xml", "-", "-"], xml)), xml);
    for bad in [&b"\x02\xA4\x01\x6A\0\x6D"[..], b"<a><b></a>"] {
        for to in ["xml", "wbxml"] {
            let output = dmtool_fed(&["transcode", "--to", to, "-", "-"], bad);
            assert!(complaint(&output, 1).contains(" at byte "), "{output:?}");
        }
    }
}

const GET: &[u8] =
    br#"<SyncML xmlns="SYNCML:SYNCML1.2"><SyncBody><Get><CmdID>1</CmdID></Get></SyncBody></SyncML>"#;

/// What is read although the standard has it otherwise is said, and does not get in the way of the result.
#[test]
fn transcode_says_which_quirks_it_took() {
    let xml = b"<SyncML><SyncBody><Final/></SyncBody></SyncML>";
    let output = dmtool_fed(&["transcode", "--to", "wbxml", "-", "-"], xml);
    assert_eq!(
        (code(&output), output.stdout.as_slice()),
        (0, b"\x02\xA4\x01\x6A\0\x6D\x6B\x12\x01\x01".as_slice())
    );
    assert!(text(&output.stderr).starts_with("note: read with the quirks no-namespace: "), "{output:?}");
    let output = dmtool_fed(&["transcode", "--to", "wbxml", "-", "-"], GET);
    assert_eq!((code(&output), text(&output.stderr)), (0, ""));
}

/// Files that are something else than a document, or a document that still is wrapped.
#[test]
fn what_is_no_document_is_said_to_be_that() {
    for (octets, hint) in [
        (b"\x1F\x8B\x08\0\0\0\0\0".as_slice(), "gzip"),
        (b"02a4016a002d\n", "xxd -r -p"),
        (b"AqQBagBtaw==\n", "base64 -d"),
        (b" \n\n", "white space"),
        (b"hello, world\n", "no kind of document"),
        (b"{\"a\": 1}", "no kind of document"),
    ] {
        for task in [
            &["inspect", "-"][..],
            &["convert", "--to", "xml", "-", "-"],
            &["transcode", "--to", "xml", "-", "-"],
        ] {
            let output = dmtool_fed(task, octets);
            let line = complaint(&output, 1);
            assert!(
                line.starts_with("error: unknown-kind at byte 0: ") && line.contains(hint),
                "{task:?} {line}"
            );
        }
    }
    for (kind, document) in [("tnds", GET), ("ddf", GET), ("provisioning", GET)] {
        let output = dmtool_fed(&["inspect", "--as", kind, "-"], document);
        assert!(complaint(&output, 1).starts_with("error: wrong-root at byte 0: "), "{output:?}");
    }
}

/// The output may be the input: it is read as a whole before anything is written.
#[test]
fn a_file_may_be_converted_in_place() {
    let files = Files::new();
    let same = files.with("same", GET);
    for to in ["wbxml", "xml"] {
        for task in ["convert", "transcode"] {
            done(&dmtool(&[task, "--to", to, &same, &same]));
        }
    }
    assert_eq!(text(done(&dmtool(&["diff", &same, &files.with("before", GET)]))), "");
    let output = dmtool(&["convert", "--to", "xml", &same, "/nonexistent/folder/x"]);
    assert!(complaint(&output, 2).starts_with("error: io: cannot write "), "{output:?}");
}

/// Files of real messages, `DM_CORPUS`, that stand in both encodings.
fn corpus_pairs() -> Vec<(PathBuf, PathBuf)> {
    let Some(corpus) = std::env::var_os("DM_CORPUS").map(PathBuf::from) else { return Vec::new() };
    let manifest = fs::read_to_string(corpus.join("MANIFEST.tsv")).expect("a list of the corpus");
    let marked = |note: &str| note.contains("[DM]");
    let pairs: Vec<_> = manifest
        .lines()
        .filter(|line| line.starts_with("pairs/") && marked(line))
        .filter_map(|line| {
            let (file, rest) = line.split_once('\t')?;
            let original = rest.rsplit("pair-of:").next()?.trim();
            Some((corpus.join(file), corpus.join(original)))
        })
        .filter(|(_, original)| original.is_file())
        .collect();
    assert!(pairs.len() > 15, "{}", pairs.len());
    pairs
}

/// Pairs that differ, and where: whoever wrote the WBXML dropped line breaks at the end of Data.
const TRIMMED: [(&str, &str); 2] = [
    ("test-dm11-testoutput11-2.wbxml", "SyncBody/Results[2]/Item/Data"),
    ("test-dm12-testoutput12-3.wbxml", "SyncBody/Results[2]/Item/Data"),
];

#[test]
fn pairs_of_the_corpus_are_the_same_messages() {
    let files = Files::new();
    for (wbxml, xml) in corpus_pairs() {
        let (wbxml, xml) = (wbxml.to_str().unwrap(), xml.to_str().unwrap());
        let (as_xml, as_wbxml) = (files.path("as.xml"), files.path("as.wbxml"));
        done(&dmtool(&["convert", "--to", "xml", wbxml, &as_xml]));
        done(&dmtool(&["convert", "--to", "wbxml", "--string-table", "auto", xml, &as_wbxml]));
        for (a, b) in [(wbxml, &as_xml), (xml, &as_wbxml)] {
            let output = dmtool(&["diff", a, b]);
            assert_eq!((text(&output.stdout), code(&output)), ("", 0), "{a} {b} {output:?}");
        }
        let trimmed = TRIMMED.iter().find(|(name, _)| wbxml.ends_with(name)).map(|(_, path)| *path);
        for (a, b) in [(wbxml, xml), (&as_xml, &as_wbxml)] {
            let output = dmtool(&["diff", a, b]);
            assert_eq!(text(&output.stdout).lines().next(), trimmed, "{a} {b} {output:?}");
            assert_eq!(text(&output.stdout).lines().count(), trimmed.map_or(0, |_| 3), "{a} {b} {output:?}");
            assert_eq!(code(&output), i32::from(trimmed.is_some()), "{a} {b} {output:?}");
        }
    }
}
