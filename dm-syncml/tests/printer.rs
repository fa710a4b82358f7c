//! Messages as people see them.
#![cfg(feature = "xml")]

use dm_syncml::{DecodeOptions, Encoding, Fragment, Message, Printer, Quirks};

fn shown(name: &str) -> String {
    let path = format!("{}/tests/vectors/session/{name}", env!("CARGO_MANIFEST_DIR"));
    let octets = std::fs::read(path).unwrap();
    let encoding = if name.ends_with(".xml") { Encoding::Xml } else { Encoding::Wbxml };
    let message = Message::decode(encoding, &octets, &DecodeOptions::new()).unwrap();
    Printer::new().message(&message).to_string()
}

fn fragment(commands: &str, printer: Printer) -> String {
    let xml = format!("<SyncBody>{commands}</SyncBody>");
    let options = DecodeOptions::new().with_quirks(Quirks::FIELD);
    let fragment = Fragment::decode(Encoding::Xml, xml.as_bytes(), &options).unwrap();
    printer.fragment(&fragment).to_string()
}

#[test]
fn a_message_with_credentials() {
    let shown = shown("03-c2s-pkg1-md5.xml");
    assert!(
        shown.starts_with("message 2 of session 1A, DM/1.2, SyncML 1.2\n  from IMEI:004999010640000"),
        "{shown}"
    );
    assert!(shown.contains("\n  credentials: syncml:auth-md5\n"), "{shown}");
    assert!(shown.contains("Alert 1201 client-initiated session\n"), "{shown}");
    assert!(shown.ends_with("\nfinal\n"), "{shown}");
}

#[test]
fn a_tree_in_any_shape() {
    let inline = shown("11-s2c-add-tnds.xml");
    assert!(
        inline.contains("\n  MgmtTree\n    VerDTD \"1.2\"\n    Node\n      NodeName \"Mail\"\n"),
        "{inline}"
    );
    let tree = |text: &str| text.split_once("  MgmtTree").unwrap().1.to_owned();
    assert_eq!(tree(&shown("11-s2c-add-tnds.wbxml")), tree(&inline));
    assert_eq!(tree(&shown("11b-s2c-add-tnds-nested-page2.handmade.wbxml")), tree(&inline));
}

#[test]
fn lines() {
    for (commands, expected) in [
        (
            "<Status><CmdID>1</CmdID><MsgRef>2</MsgRef><CmdRef>3</CmdRef><Cmd>Get</Cmd><TargetRef>./A</TargetRef><Data>404</Data></Status>",
            "1 Status 404 not found, to 3 Get of message 2 ./A",
        ),
        (
            "<Status><CmdID>1</CmdID><MsgRef>2</MsgRef><CmdRef></CmdRef><Cmd>Get</Cmd><Data>599</Data></Status>",
            "1 Status 599, to ? Get of message 2",
        ),
        (
            "<Replace><Item><Target><LocURI>./A</LocURI></Target><Meta><Format>b64</Format></Meta><Data>aGVs\nbG8=</Data></Item></Replace>",
            "? Replace ./A = \"hello\" (b64)",
        ),
        (
            "<Replace><CmdID>1</CmdID><Meta><Format>b64</Format><Type>a/b</Type></Meta><Item><Data>AP8=</Data></Item></Replace>",
            "1 Replace 00ff (2 octets) (b64, a/b)",
        ),
        (
            "<Copy><CmdID>1</CmdID><Item><Target><LocURI>./B</LocURI></Target><Source><LocURI>./A</LocURI></Source></Item></Copy>",
            "1 Copy ./B from ./A",
        ),
        (
            "<Exec><CmdID>1</CmdID><Correlator>x&#9;y</Correlator><Item><Target><LocURI>./A</LocURI></Target></Item></Exec>",
            "1 Exec (correlator x\\ty) ./A",
        ),
        (
            "<Alert><CmdID>1</CmdID><Data>1226</Data><Item><Meta><Mark>critical</Mark><Size>7</Size></Meta><Data>a\"&#10;</Data><MoreData/></Item></Alert>",
            "1 Alert 1226 generic alert \"a\\\"\\n\" (critical, of 7 octets, to be continued)",
        ),
        ("<Put><CmdID>1</CmdID></Put>", "Put, which DM does not know"),
        (
            "<Add><CmdID>1</CmdID><Item><Data><a xmlns='u' b='c'>t<d/></a></Data></Item></Add>",
            "1 Add elements\n  a b=\"c\"\n    \"t\"\n    d",
        ),
        (
            "<Atomic><CmdID>1</CmdID><Meta><Format>int</Format></Meta><Add><CmdID>2</CmdID><Item><Data>5</Data></Item></Add></Atomic>",
            "1 Atomic\n  2 Add \"5\" (int)",
        ),
        // Element by element.
        (
            "<Atomic><CmdID>1</CmdID><Meta><Format>int</Format></Meta><Add><CmdID>2</CmdID><Meta><Type>a/b</Type></Meta>\
             <Item><Data>5</Data></Item></Add></Atomic>",
            "1 Atomic\n  2 Add \"5\" (int, a/b)",
        ),
        // What nobody knows, by name only.
        (
            "<Delete><CmdID>1</CmdID><Archive/><SftDel/><Item><Target><LocURI>./A</LocURI><Filter/></Target><Odd xmlns='u'>x</Odd>\
             </Item></Delete>",
            "1 Delete ./A\n  unknown: Archive, SftDel\n  unknown: Odd\n  unknown: Filter",
        ),
    ] {
        assert_eq!(fragment(commands, Printer::new()), format!("{expected}\nmore follows\n"), "{commands}");
    }
}

#[test]
fn nothing_is_shown_without_end() {
    let item = format!(
        "<Item><Target><LocURI>./{}</LocURI></Target><Data>{}</Data></Item>",
        "u".repeat(5000),
        "d".repeat(5000)
    );
    let add = format!("<Add><CmdID>1</CmdID>{}</Add>", item.repeat(10));
    let shown = fragment(&add.repeat(30), Printer::new().with_lines(10));
    assert!(shown.len() < 30_000, "{}", shown.len());
    assert!(shown.ends_with("\n... 21 more lines\n"), "{}", &shown[shown.len() - 60..]);
    assert!(shown.contains("; 2 more items\n") && shown.contains("ddd...\" (5000 octets)"));
    let base64 = format!(
        "<Add><CmdID>1</CmdID><Item><Meta><Format>b64</Format></Meta><Data>{}</Data></Item></Add>",
        "QUJD".repeat(1000)
    );
    let shown = fragment(&base64, Printer::new().with_value(5));
    assert_eq!(shown, "1 Add \"ABCAB...\" (3000 octets) (b64)\nmore follows\n");
}

/// What a peer wrote cannot take over a terminal.
#[test]
fn control_characters_do_not_come_out() {
    let odd = "\u{85}\u{9B}31m\u{202E}\u{7F}";
    let commands = format!(
        "<Add><CmdID>{odd}</CmdID><Item><Target><LocURI>{odd}</LocURI></Target><Meta><Type>{odd}</Type></Meta><Data>{odd}</Data>\
         </Item></Add><Status><CmdID>1</CmdID><MsgRef>{odd}</MsgRef><CmdRef>{odd}</CmdRef><Cmd>{odd}</Cmd><Data>200</Data></Status>\
         <Add><CmdID>2</CmdID><Item><Data><a xmlns='u' b='{odd}'>{odd}<c/></a></Data></Item></Add>"
    );
    let shown = fragment(&commands, Printer::new());
    let bad = shown.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202E}');
    assert_eq!(bad, None, "{shown:?}");
}
