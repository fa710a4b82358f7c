//! Who gets to see the page.

use super::chromium::{Chromium, Login};
use super::daemon::{DM_GATEWAY, DM_SERVER, Daemon};
use super::scene::{open, origin};

#[test]
fn only_the_operator_sees_the_page() {
    let Some(_) = Chromium::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    for program in [DM_SERVER, DM_GATEWAY] {
        let state = folder.path().join(program.rsplit('/').next().unwrap());
        let daemon = Daemon::start(program, &state, &["--plain-http", "--log", "warn"]);
        let address = format!("{}/", origin(&daemon));
        // Each attempt by another user, who has no credentials that were taken before.
        for (login, asked) in [
            (Login::Cancel, 1),
            (Login::Once("operator".into(), "a guess of some length".into()), 2),
            (Login::Once("operator".into(), String::new()), 2),
            (Login::Once("root".into(), daemon.token()), 2),
        ] {
            let mut browser = Chromium::start().unwrap();
            assert_eq!(browser.open(&address, login.clone()), Ok(401), "{login:?}");
            assert_eq!(browser.asked, asked, "{login:?}");
            let said = browser.text("document.body.innerText");
            assert_eq!(said.trim(), "error: the operator's token is needed", "{login:?}");
        }
        let mut browser = Chromium::start().unwrap();
        open(&mut browser, &daemon);
        assert_eq!(browser.asked, 1);
        // With what a browser shows by itself nothing can be changed, whichever page makes it ask.
        let change = "fetch('/api/devices', { method: 'POST', headers: { 'content-type': 'application/json' }, \
                      body: '{\"id\":\"urn:x\"}' }).then((answer) => answer.status)";
        browser.assert_clean(&origin(&daemon));
        assert_eq!(browser.eval(change), 403, "{program}");
        assert_eq!(daemon.json(&["status"])["inventory"]["total"], 0);
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_by_the_browser() {
    let Some(mut browser) = Chromium::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(DM_GATEWAY, &folder.path().join("gateway"), &["--log", "warn"]);
    let address = format!("{}/", origin(&daemon));
    assert!(address.starts_with("https://"));
    let login = Login::Once("operator".into(), daemon.token());
    assert_eq!(browser.open(&address, login), Err("net::ERR_CERT_AUTHORITY_INVALID".into()));
    assert_eq!(browser.asked, 0, "credentials were not even asked for");
    // Whoever takes the certificate nevertheless has the page with everything in it.
    let mut browser = Chromium::start().unwrap();
    browser.trust_anybody();
    open(&mut browser, &daemon);
    let id = "urn:uuid:seen-over-tls";
    daemon.add_device(id, &[]);
    browser.wait_until(&format!("document.getElementById('devices').innerText.includes('{id}')"));
    browser.assert_clean(&origin(&daemon));
}
