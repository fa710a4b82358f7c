//! `dmtool tree` as an engineer runs it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use dm_syncml::{Command as Syncml, DecodeOptions, Encoding, Item, Message};
use serde_json::Value;
use tempfile::TempDir;

/// Runs the program with something on standard input.
fn dmtool(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dmtool"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // Who refuses its arguments does not read.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("it ends")
}

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).expect("text")
}

/// The result, which comes without complaints.
fn done(output: &Output) -> &str {
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    text(&output.stdout)
}

/// The first line of the complaint, which comes without a result.
fn complaint(output: &Output, expected: i32) -> &str {
    let stderr = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(expected), ""), "{stderr}");
    stderr.lines().next().expect("a line")
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("a path of text").into()
    }

    fn with(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        path
    }
}

fn vector(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dm-syncml/tests/vectors/session");
    folder.join(name).to_str().expect("a path of text").into()
}

/// The descriptions that the tree crate brings.
fn described(files: &Files, name: &str, description: &str) -> String {
    files.with(name, description)
}

const TREE: &str = "<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD><Man>Acme</Man><Mod>One</Mod>\
<Node><NodeName>A</NodeName><RTProperties><ACL>Add=S&amp;Delete=S&amp;Get=*&amp;Replace=S</ACL><Format><node/></Format>\
<Title>Things</Title><Type><DDFName>com.example/1.0/A</DDFName></Type></RTProperties>\
<Node><NodeName>n</NodeName><RTProperties><Format><int/></Format><Type><MIME>text/plain</MIME></Type></RTProperties><Value>5</Value></Node>\
<Node><NodeName>k</NodeName><RTProperties><Format><bin/></Format><Type><MIME>application/octet-stream</MIME></Type></RTProperties><Value>AP8=</Value></Node>\
<Node><NodeName>AAuthSecret</NodeName><Value>hunter2</Value></Node></Node>\
<Node><NodeName>x</NodeName><Path>./B/C</Path><Value>deep</Value></Node></MgmtTree>";

#[test]
fn trees_are_drawn() {
    let expected = "\
a management tree (TNDS), xml, 5 nodes, Acme, One
A node com.example/1.0/A [Add=S&Delete=S&Get=*&Replace=S] \"Things\"
├─ n int = \"5\"
├─ k bin application/octet-stream = 00ff (2 octets)
└─ AAuthSecret = (hidden)
./B/C/x = \"deep\"
";
    assert_eq!(done(&dmtool(&["tree", "show", "-"], TREE.as_bytes())), expected);
    // The same tree in WBXML.
    let files = Files::new();
    let xml = files.with("tree.xml", TREE);
    let wbxml = files.path("tree.wbxml");
    done(&dmtool(&["transcode", "--to", "wbxml", &xml, &wbxml], b""));
    let drawn = dmtool(&["tree", "show", &wbxml], b"");
    assert_eq!(done(&drawn), expected.replace(", xml,", ", wbxml,"));
    let drawn = dmtool(&["tree", "show", "-"], dm_tree::ddf::DEV_DETAIL.as_bytes());
    let drawn = done(&drawn);
    for line in [
        "a device description (DDF), xml, 13 nodes",
        "DevDetail node urn:oma:mo:oma-dm-devdetail:1.0 (Get) One permanent",
        "├─ URI node (Get) One permanent",
        "│  ├─ MaxDepth chr (Get) One permanent default \"0\"",
        "│  └─ MaxSegLen chr (Get) One permanent default \"0\"",
        "└─ Bearer node (Get) ZeroOrOne permanent",
    ] {
        assert!(drawn.lines().any(|drawn| drawn == line), "{line}\n{drawn}");
    }
}

#[test]
fn trees_are_json() {
    let shown = dmtool(&["tree", "show", "--json", "-"], TREE.as_bytes());
    let json: Value = serde_json::from_str(done(&shown)).expect("json");
    assert_eq!((&json["kind"], &json["encoding"]), (&"tnds".into(), &"xml".into()));
    let a = &json["document"]["nodes"][0];
    assert_eq!(json["document"]["man"], "Acme");
    assert_eq!((&a["name"], &a["format"], &a["title"]), (&"A".into(), &"node".into(), &"Things".into()));
    assert_eq!(
        (&a["acl"], &a["type"]["ddf_name"]),
        (&"Add=S&Delete=S&Get=*&Replace=S".into(), &"com.example/1.0/A".into())
    );
    assert_eq!(a["nodes"][0]["value"]["text"], "5");
    assert_eq!(a["nodes"][1]["value"]["base64"], "AP8=");
    assert_eq!(a["nodes"][2]["value"]["text"], "(hidden)");
    assert_eq!(json["document"]["nodes"][1]["path"], "./B/C");
    let shown = dmtool(&["tree", "show", "--json", "-"], dm_tree::ddf::DM_ACC.as_bytes());
    let json: Value = serde_json::from_str(done(&shown)).expect("json");
    assert_eq!(json["kind"], "ddf");
    let account = &json["document"]["nodes"][0];
    assert_eq!((&account["name"], &account["path"]), (&"".into(), &"./DMAcc".into()));
    assert_eq!(account["description"]["occurrence"], "OneOrMore");
    assert_eq!(account["nodes"][0]["description"]["default"], "w7");
}

#[test]
fn what_is_no_tree_is_said() {
    let files = Files::new();
    for (args, input, code, expected) in [
        (
            &["tree", "show", "-"][..],
            "<MgmtTree><VerDTD>1.2</VerDTD><Node><Value/><Node/></Node></MgmtTree>",
            1,
            "error: value-and-nodes at byte 51 in MgmtTree/Node/Node: ",
        ),
        (
            &["tree", "show", "-"],
            "<MgmtTree><VerDTD>1.2</VerDTD>",
            1,
            "error: truncated at byte 30 in MgmtTree: ",
        ),
        (&["tree", "show", "-"], "<SyncML/>", 1, "error: wrong-kind at byte "),
        (&["tree", "show", "/no/such/file"], "", 2, "error: io: cannot read \"/no/such/file\": "),
        (&["tree", "show"], "", 2, "error: usage: "),
        (&["tree"], "", 2, "error: usage: "),
        (&["tree", "check", "-"], "", 2, "error: usage: "),
        (
            &["tree", "check", "--ddf", "-", "-"],
            "",
            2,
            "error: usage: only one of the files can be standard input",
        ),
        (&["tree", "run", "--load", "-", "--server", "a b", "x"], "", 2, "error: usage: "),
        (
            &["tree", "run", "--load", "-", "--server", "S", "--root-acl", "Get=", "x"],
            "",
            2,
            "error: usage: ",
        ),
        (&["tree", "run", "--load", "-", "x"], "", 2, "error: usage: "),
    ] {
        let output = dmtool(args, input.as_bytes());
        let line = complaint(&output, code);
        assert!(line.starts_with(expected), "{args:?}: {line}");
    }
    // Where the answer may be no, what is malformed is 2.
    let ddf = described(&files, "ddf.xml", dm_tree::ddf::DEV_INFO);
    let output = dmtool(&["tree", "check", "--ddf", &ddf, "-"], b"<MgmtTree>");
    assert!(complaint(&output, 2).starts_with("error: truncated at byte 10 in MgmtTree: "), "{output:?}");
    let output = dmtool(&["tree", "check", "--ddf", &ddf, "--ddf", &ddf, "-"], TREE.as_bytes());
    assert_eq!(complaint(&output, 2), "error: schema at byte 0: ./DevInfo is described twice");
    let output = dmtool(&["tree", "check", "--ddf", "-", &ddf], TREE.as_bytes());
    assert_eq!(
        complaint(&output, 2),
        "error: schema at byte 0: a description (DDF) is wanted, this has no DFProperties"
    );
    for help in [
        &["tree", "--help"][..],
        &["tree", "run", "--help"],
        &["tree", "show", "--help"],
        &["tree", "check", "--help"],
    ] {
        assert!(done(&dmtool(help, b"")).contains("Usage: dmtool tree"), "{help:?}");
    }
}

#[test]
fn trees_are_checked() {
    let files = Files::new();
    let ddf = described(&files, "DevInfo.xml", dm_tree::ddf::DEV_INFO);
    let leaf = |name: &str, format: &str| {
        format!(
            "<Node><NodeName>{name}</NodeName><RTProperties><Format><{format}/></Format><Type><MIME>text/plain</MIME></Type></RTProperties><Value>1</Value></Node>"
        )
    };
    let info = |leaves: &str| {
        format!(
            "<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD><Node><NodeName>DevInfo</NodeName><RTProperties><Format><node/></Format><Type><DDFName>urn:oma:mo:oma-dm-devinfo:1.0</DDFName></Type></RTProperties>{leaves}</Node></MgmtTree>"
        )
    };
    let all: String = ["DevId", "Man", "Mod", "DmV", "Lang"].iter().map(|name| leaf(name, "chr")).collect();
    assert_eq!(done(&dmtool(&["tree", "check", "--ddf", &ddf, "-"], info(&all).as_bytes())), "");
    // What properties a document leaves out, the description says.
    let bare = "<Node><NodeName>Man</NodeName><Value>x</Value></Node>";
    let without_man = all.replace(&leaf("Man", "chr"), bare);
    assert_eq!(done(&dmtool(&["tree", "check", "--ddf", &ddf, "-"], info(&without_man).as_bytes())), "");
    let wrong = all.replace(&leaf("Man", "chr"), "").replace(&leaf("Lang", "chr"), &leaf("Lang", "int"))
        + &leaf("Else", "chr");
    let output = dmtool(&["tree", "check", "--ddf", &ddf, "-"], info(&wrong).as_bytes());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), ""));
    let mut lines: Vec<_> = text(&output.stdout).lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "./DevInfo/Else: no such node is described",
            "./DevInfo/Lang: another format than the one described",
            "./DevInfo/Man: a node that must be there is missing",
        ]
    );
    let output = dmtool(
        &["tree", "check", "--ddf", &ddf, "-"],
        info(&all.replace("<Value>1", "<Value>&#10;")).replace("<chr/>", "<int/>").as_bytes(),
    );
    assert_eq!(output.status.code(), Some(1));
    // Every value that is none is told of, and nothing else about its node; what else is wrong comes behind.
    let of_int = |name: &str| format!("./DevInfo/{name}: data that are not of format int");
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(lines, ["DevId", "Man", "Mod", "DmV", "Lang"].map(of_int));
    let mixed = all.replace(&leaf("Man", "chr"), "").replace(&leaf("Lang", "chr"), &leaf("Lang", "int"));
    let mixed = mixed.replacen("<chr/>", "<bool/>", 1);
    let output = dmtool(&["tree", "check", "--ddf", &ddf, "-"], info(&mixed).as_bytes());
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(
        lines,
        [
            "./DevInfo/DevId: data that are not of format bool",
            "./DevInfo/Man: a node that must be there is missing",
            "./DevInfo/Lang: another format than the one described",
        ]
    );
}

/// Runs a body of commands; the answer's statuses as `Cmd Ref Code`, with the data of results behind theirs.
fn run(files: &Files, args: &[&str], body: &str) -> Vec<String> {
    let message = files.with("message.xml", &format!("<SyncBody xmlns='SYNCML:SYNCML1.2'>{body}</SyncBody>"));
    let mut all = vec!["tree", "run"];
    all.extend(args);
    all.push(&message);
    let output = dmtool(&all, b"");
    said(&decoded(done(&output)))
}

fn decoded(xml: &str) -> Message<'_> {
    Message::decode(Encoding::Xml, xml.as_bytes(), &DecodeOptions::new()).expect("a message")
}

fn said(message: &Message<'_>) -> Vec<String> {
    let shown = |item: &Item<'_>| {
        let data = item.data.as_ref().map_or("-", |data| data.as_text().unwrap_or("(elements)"));
        format!("{} = {data}", item.source_uri().map_or("?", |uri| uri.as_str()))
    };
    let say = |command: &Syncml<'_>| match command {
        Syncml::Status(status) => {
            let at: String = status
                .items
                .iter()
                .filter_map(|item| Some(format!(" at {}", item.target_uri()?.as_str())))
                .collect();
            format!("{} {} {}{at}", status.cmd.as_str(), status.cmd_ref.as_str(), status.code.get())
        }
        Syncml::Results(results) => results.items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => panic!("{other:?}"),
    };
    message.body.commands.iter().map(say).collect()
}

fn command(name: &str, id: u32, uri: &str, rest: &str) -> String {
    format!("<{name}><CmdID>{id}</CmdID><Item><Target><LocURI>{uri}</LocURI></Target>{rest}</Item></{name}>")
}

const INT: &str = "<Meta><Format xmlns='syncml:metinf'>int</Format></Meta>";

#[test]
fn messages_are_run() {
    let files = Files::new();
    let tree = files.with("tree.xml", TREE);
    let saved = files.path("after.tnds");
    let body = command("Get", 1, "./A", "")
        + &command("Get", 2, "./A/n", "")
        + &command("Get", 3, ".?prop=ACL", "")
        + &command("Replace", 4, "./A/n", &format!("{INT}<Data>7</Data>"))
        + &command("Replace", 5, "./B/C/x", "<Data>8</Data>")
        + &command("Add", 6, "./New/Deep", "<Data>9</Data>")
        + &command("Exec", 7, "./A/n", "")
        + &command("Delete", 8, "./A/k", "")
        + &command("Get", 9, "./A/k", "")
        + "<Alert><CmdID>10</CmdID><Data>1100</Data><Item/><Item><Data>hello</Data></Item></Alert>"
        + "<Alert><CmdID>11</CmdID><Data>1222</Data></Alert>";
    let args = ["--load", &tree, "--server", "S", "--save", &saved];
    assert_eq!(
        run(&files, &args, &body),
        [
            "Get 1 200",
            "./A = AAuthSecret/k/n",
            "Get 2 200",
            "./A/n = 5",
            "Get 3 200",
            ".?prop=ACL = Add=*&Get=*",
            "Replace 4 200",
            "Replace 5 425",
            "Add 6 200",
            "Exec 7 425",
            "Delete 8 200",
            "Get 9 404",
            "Alert 10 406",
            "Alert 11 200",
        ]
    );
    // What was saved is what it begins with next time, access control lists and all.
    let again = run(
        &files,
        &["--load", &saved, "--server", "T"],
        &(command("Get", 1, ".?list=StructData", "")
            + &command("Get", 2, "./New?prop=ACL", "")
            + &command("Get", 3, "./A?prop=Title", "")),
    );
    assert_eq!(
        again,
        [
            "Get 1 200",
            ". = -, ./A = -, ./A/AAuthSecret = hunter2, ./A/n = 7, ./B = -, ./B/C = -, ./B/C/x = deep, ./New = -, ./New/Deep = 9",
            "Get 2 200",
            "./New?prop=ACL = Add=*&Delete=S&Get=*&Replace=S",
            "Get 3 200",
            "./A?prop=Title = Things",
        ]
    );
    // Another root list, and nobody may anything.
    let nobody = ["--load", &saved, "--server", "T", "--root-acl", "Replace=S"];
    assert_eq!(run(&files, &nobody, &command("Get", 1, "./B/C/x", "")), ["Get 1 425"]);
}

#[test]
fn containers_are_run() {
    let files = Files::new();
    let tree = files.with("tree.xml", TREE);
    let saved = files.path("after.tnds");
    let replace =
        |id, uri: &str, data: &str| command("Replace", id, uri, &format!("{INT}<Data>{data}</Data>"));
    let body = format!(
        "<Atomic><CmdID>1</CmdID>{}{}{}</Atomic><Sequence><CmdID>5</CmdID>{}{}</Sequence><Atomic><CmdID>8</CmdID>{}{}</Atomic>",
        replace(2, "./A/n", "1"),
        replace(3, "./B/C/x", "1"),
        replace(4, "./A/n", "2"),
        command("Get", 6, "./A/n", ""),
        replace(7, "./A/n", "3"),
        replace(9, "./A/n", "4"),
        command("Get", 10, "./A/n", ""),
    );
    assert_eq!(
        run(&files, &["--load", &tree, "--server", "S", "--save", &saved], &body),
        [
            "Atomic 1 507",
            "Replace 2 216",
            "Replace 3 425",
            "Replace 4 215",
            "Sequence 5 200",
            "Get 6 200",
            "./A/n = 5",
            "Replace 7 200",
            "Atomic 8 507",
            "Replace 9 216",
            "Get 10 500",
        ]
    );
    assert!(fs::read_to_string(&saved).unwrap().contains("<Value>3</Value>"));
}

#[test]
fn documents_travel_in_messages() {
    let files = Files::new();
    let empty = files.with("empty.xml", "<MgmtTree><VerDTD>1.2</VerDTD></MgmtTree>");
    let mut answers = Vec::new();
    for name in [
        "11-s2c-add-tnds.xml",
        "11-s2c-add-tnds.wbxml",
        "11-s2c-add-tnds.strtbl13.wbxml",
        "11b-s2c-add-tnds-nested-page2.handmade.wbxml",
    ] {
        let saved = files.path("after.tnds");
        let output =
            dmtool(&["tree", "run", "--load", &empty, "--server", "S", "--save", &saved, &vector(name)], b"");
        let answer = decoded(done(&output)).into_owned();
        assert_eq!(said(&answer), ["SyncHdr 0 200", "Add 2 200"], "{name}");
        let status = &answer.body.commands[0];
        assert_eq!(status.cmd_id().unwrap().as_str(), "1");
        assert!(answer.body.last_in_package);
        assert_eq!(answer.header.target.loc_uri, "https://dm.example.net/omadm");
        answers.push(fs::read_to_string(&saved).unwrap());
    }
    assert!(answers.iter().all(|saved| *saved == answers[0]), "{answers:?}");
    let after = files.with("after.xml", &answers[0]);
    let body = command("Get", 1, "./Inbox?list=TNDS+Value", "")
        + &command("Get", 2, "./Inbox?list=TNDS+Value-ACL", "");
    let said = run(&files, &["--load", &after, "--server", "S"], &body);
    assert_eq!(said, ["Get 1 200", "./Inbox = (elements)", "Get 2 406"]);
}

#[test]
fn descriptions_have_a_word_in_it() {
    let files = Files::new();
    let ddf = described(&files, "DevInfo.xml", dm_tree::ddf::DEV_INFO);
    let accounts = described(&files, "DMAcc.xml", dm_tree::ddf::DM_ACC);
    let tree = files.with(
        "tree.xml",
        "<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>DevInfo</NodeName><Node><NodeName>Man</NodeName><Value>Acme</Value></Node></Node>\
         <Node><NodeName>DMAcc</NodeName><Node><NodeName>x</NodeName></Node></Node></MgmtTree>",
    );
    let node = "<Meta><Format xmlns='syncml:metinf'>node</Format></Meta>";
    let body = command("Replace", 1, "./DevInfo/Man", "<Data>x</Data>")
        + &command("Delete", 2, "./DevInfo/Man", "")
        + &command("Add", 3, "./DevInfo/Own", "<Data>x</Data>")
        + &command("Add", 4, "./DMAcc/x/ServerID", "<Data>s</Data>")
        + &command("Add", 5, "./DMAcc/x/AppAuth", node)
        + &command("Add", 6, "./DMAcc/x/AppAuth/1/AAuthSecret", "<Data>s3cret</Data>")
        + &command("Get", 7, "./DMAcc/x/AppAuth/1/AAuthSecret", "")
        + &command("Add", 8, "./DMAcc/x/Odd", "<Data>s</Data>")
        + &command("Add", 9, "./DMAcc/x/AppID", &format!("{INT}<Data>1</Data>"));
    let args = ["--load", &tree, "--server", "S", "--root-acl", "Add=*&Delete=*&Get=*&Replace=*"];
    let free = run(&files, &args, &body);
    assert_eq!(free[..3], ["Replace 1 200", "Delete 2 200", "Add 3 200"]);
    let mut args = args.to_vec();
    args.extend(["--ddf", &ddf, "--ddf", &accounts]);
    assert_eq!(
        run(&files, &args, &body),
        [
            "Replace 1 405",
            "Delete 2 405",
            "Add 3 405",
            "Add 4 200",
            "Add 5 200",
            "Add 6 200",
            "Get 7 405",
            "Add 8 405",
            "Add 9 415",
        ]
    );
}

#[test]
fn what_is_malformed_is_not_run() {
    let files = Files::new();
    let tree = files.with("tree.xml", TREE);
    let message = files.with("message.xml", "<SyncBody><Get></SyncBody>");
    let saved = files.path("after.tnds");
    let output = dmtool(&["tree", "run", "--load", &tree, "--server", "S", "--save", &saved, &message], b"");
    assert!(complaint(&output, 1).starts_with("error: "), "{output:?}");
    assert!(!Path::new(&saved).exists());
    let bad = files.with("bad.xml", &TREE.replace(">5<", ">five<"));
    let output = dmtool(&["tree", "run", "--load", &bad, "--server", "S", &message], b"");
    assert_eq!(complaint(&output, 1), "error: tree: ./A/n: data that are not of format int");
    let output = dmtool(
        &["tree", "run", "--load", &tree, "--server", "S", "--save", "/no/such/folder/x", "-"],
        b"<SyncBody/>",
    );
    assert!(
        complaint(&output, 2).starts_with("error: io: cannot write \"/no/such/folder/x\": "),
        "{output:?}"
    );
}
