//! Wireshark, without its windows, reads what `fleet --pcap` writes.

use std::collections::BTreeSet;
use std::process::Command;

use crate::is_here;
use crate::recorded::story;

/// What tshark says of the packets that pass this filter: these fields, one packet to a line.
fn tshark(filter: &str, fields: &[&str]) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(&story().pcap).args(["-n", "-Y", filter, "-T", "fields"]);
    for checked in ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE"] {
        command.args(["-o", checked]);
    }
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn no_packet_is_malformed_and_tcp_has_nothing_to_complain_of() {
    if !is_here("tshark", "tshark") {
        return;
    }
    let suspicious = "_ws.malformed || tcp.analysis.flags || _ws.expert.severity >= 0x600000";
    let found =
        tshark(suspicious, &["frame.number", "frame.protocols", "_ws.expert.message", "_ws.malformed"]);
    assert!(found.is_empty(), "{} packets, such as {:#?}", found.len(), &found[..found.len().min(5)]);
}

#[test]
fn everything_is_recognised_as_what_it_is() {
    if !is_here("tshark", "tshark") {
        return;
    }
    let requests =
        tshark("http.request.method == POST && http.content_type contains \"syncml.dm+wbxml\"", &["ip.src"]);
    let answers =
        tshark("http.response.code == 200 && http.content_type contains \"syncml.dm+wbxml\"", &["ip.dst"]);
    let notifications = tshark("udp.port == 49000", &["ip.src"]);
    assert!(
        !requests.is_empty() && requests.len() >= answers.len(),
        "{} and {}",
        requests.len(),
        answers.len()
    );
    let both = (requests.len() + answers.len()) as u64;
    // What is not over HTTP is a notification; answers that were lost when the gateway was killed were never sent.
    assert!(both < story().messages && both + notifications.len() as u64 >= story().messages, "{both}");
    let documents = tshark("wbxml", &["frame.number"]);
    assert!(documents.len() as u64 >= both, "{} of {both} bodies are WBXML to it", documents.len());
    let images = tshark("http.request.method == GET", &["http.request.uri"]);
    assert!(images.len() >= 4 && images.iter().all(|uri| uri.starts_with("/dm/images/")), "{images:?}");
    let pushes = tshark("http.request.uri == \"/push\"", &["http.content_type"]);
    assert!(
        !pushes.is_empty() && pushes.iter().all(|kind| kind == "application/vnd.syncml.notification"),
        "{pushes:?}"
    );
    let coap: BTreeSet<_> = tshark("coap", &["coap.code"]).into_iter().collect();
    // PUT, GET and POST, Changed and Content.
    for code in ["1", "2", "3", "68", "69"] {
        assert!(coap.contains(code), "{code} is not among {coap:?}");
    }
    let bootstraps = tshark("wsp && udp.dstport == 2948", &["wsp.header.content_type"]);
    assert_eq!(bootstraps.len(), 2, "{bootstraps:?}");
    let opened = tshark("tcp.flags.syn == 1 && tcp.flags.ack == 0", &["tcp.stream"]);
    assert!(!opened.is_empty());
}
