//! `dmtool` as an engineer runs it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

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

#[test]
fn wrong_usage_is_two() {
    let whole = session("05-c2s-pkg3-results.xml");
    for args in [
        &[][..],
        &["inspekt"],
        &["convert", &whole, "-"],
        &["convert", "--to", "json", &whole, "-"],
        &["diff", &whole],
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
    for args in [&["--help"][..], &["convert", "--help"], &["diff", "--help"]] {
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
