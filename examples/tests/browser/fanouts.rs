//! What happens is seen as it happens, and what peers are called is text.

use super::chromium::Chromium;
use super::scene::{GATEWAY, Scene, open, origin};

/// Keeps every value that the progress of a job is given from now on.
const WATCH: &str = "
    window.seen = [];
    new MutationObserver(() => {
        const bar = document.querySelector(`[aria-label='progress of J1']`);
        if (bar) window.seen.push([bar.getAttribute('aria-valuenow'), bar.getAttribute('aria-valuemax')].join(' of '));
    }).observe(document.getElementById('jobs'), { childList: true });
    window.began = performance.timeOrigin;
";

fn progress(browser: &mut Chromium, so_far: &str) {
    browser.wait_until(&format!("window.seen.includes('{so_far}')"));
}

fn cell(section: &str, text: &str) -> String {
    format!("[...document.querySelectorAll('#{section} td')].some((cell) => cell.textContent === '{text}')")
}

#[test]
fn a_fanout_moves_while_one_looks() {
    let (Some(mut browser), Some(mut at_server)) = (Chromium::start(), Chromium::start()) else { return };
    let mut scene = Scene::new();
    let ids = ["urn:uuid:lamp-1", "urn:uuid:lamp-2", "urn:uuid:lamp-3", "urn:uuid:lamp-4"];
    scene.know(&ids);
    open(&mut browser, &scene.gateway);
    browser.eval(WATCH);
    open(&mut at_server, &scene.server);
    at_server.eval(WATCH);
    browser.wait_until(&cell("devices", "detached"));
    browser.wait_until("document.getElementById('jobs').textContent === 'No fanouts.'");

    scene.order(&["group", "create", GATEWAY, "lamps", ids[0], ids[1], ids[2]]);
    browser.wait_until(&cell("groups", "lamps"));
    at_server.wait_until(&cell("groups", "lamps"));
    // The last one sets a node that is not there.
    let wrong = "./Nowhere/At/All=1";
    scene.order(&["fanout", "start", GATEWAY, "J1", "--group", "lamps", "--set", "./FUMO/PkgName=new"]);
    scene.order(&["fanout", "start", GATEWAY, "J2", "--device", ids[3], "--set", wrong]);
    browser.wait_until(&cell("jobs", "J1"));
    for (attached, id) in (1..).zip(&ids[..3]) {
        scene.switch_on(id, &[]);
        progress(&mut browser, &format!("{attached} of 3"));
        browser
            .wait_until(&format!("document.querySelectorAll('#summary dd')[1].textContent === '{attached}'"));
        // The server knows what the gateway has told it when it is asked.
        scene.order(&["fanout", "results", GATEWAY, "J1"]);
        progress(&mut at_server, &format!("{attached} of 3"));
    }
    scene.switch_on(ids[3], &[]);
    let outcome =
        "[...document.querySelectorAll('#jobs .legend')].some((it) => it.textContent === '1 failed')";
    browser.wait_until(outcome);
    browser.wait_until(
        "[...document.querySelectorAll('#jobs .legend')].some((it) => it.textContent === '3 ok')",
    );
    browser.wait_until("document.querySelectorAll('#jobs .state[data-tone=ok]').length > 0");
    browser.wait_until(&cell("sessions", ids[3]));
    at_server.wait_until(&cell("sessions", GATEWAY));
    at_server.wait_until(&cell("devices", GATEWAY));
    for (browser, daemon) in [(&mut browser, &scene.gateway), (&mut at_server, &scene.server)] {
        assert_eq!(
            browser.eval("performance.timeOrigin === window.began"),
            true,
            "it was never loaded again"
        );
        browser.view(1280, "light");
        browser.picture(&format!(
            "fanouts-{}",
            if daemon.at("operator") == scene.server.at("operator") { "dm-server" } else { "dm-gateway" }
        ));
        browser.assert_clean(&origin(daemon));
    }
}

#[test]
fn what_peers_are_called_is_text() {
    let (Some(mut browser), Some(mut at_server)) = (Chromium::start(), Chromium::start()) else { return };
    let mut scene = Scene::new();
    let id = "<img/src=x/onerror=alert(1)>\u{202E}\"'&lt;";
    let (group, job) = ("<b>group</b>", "<script>alert(2)</script>");
    scene.know(&[id]);
    let words = ["--man", "<svg/onload=alert(3)>", "--model", "</td></table><script>alert(4)</script>"];
    scene.switch_on(
        id,
        &[&words[..], &["--firmware", "<iframe srcdoc='<script>alert(5)</script>'>"]].concat(),
    );
    scene.wait_until_attached(1);
    scene.server.add_device(id, &[]);
    scene.order(&["group", "create", GATEWAY, group, id]);
    scene.order(&["fanout", "start", GATEWAY, job, "--group", group, "--get", "./DevInfo/DevId"]);
    scene.order(&["fanout", "results", GATEWAY, job]);
    for (browser, daemon) in [(&mut browser, &scene.gateway), (&mut at_server, &scene.server)] {
        open(browser, daemon);
        // One sees what would turn the rest of the name round.
        let quoted = serde_json::to_string(&id.replace('\u{202E}', "\\u{202e}")).unwrap();
        browser.wait_until(&format!(
            "[...document.querySelectorAll('#devices td')].some((cell) => cell.textContent === {quoted})"
        ));
        for name in [group, job] {
            browser.wait_until(&format!("document.body.textContent.includes({name:?})"));
        }
        let foreign =
            "document.querySelectorAll('main img, main svg, main iframe, main b, main script').length";
        assert_eq!(browser.eval(foreign), 0);
        assert_eq!(browser.eval("document.querySelectorAll('script').length"), 1);
        browser.view(1280, "light");
        browser.picture(if daemon.at("operator") == scene.server.at("operator") {
            "hostile-dm-server"
        } else {
            "hostile-dm-gateway"
        });
        browser.assert_clean(&origin(daemon));
    }
    browser.wait_until("document.getElementById('devices').textContent.includes('<svg/onload=alert(3)>')");

    // Were there a way in, the browser would still be told to run nothing and to ask nobody.
    for (attack, gone) in [
        (
            "const it = document.createElement('script'); it.textContent = 'window.owned = 1'; document.body.append(it)",
            "!window.owned",
        ),
        (
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.owned = 1\">')",
            "!window.owned",
        ),
        ("window.blocked = fetch('http://127.0.0.1:9/').then(() => false, () => true)", "window.blocked"),
        ("try { window.blocked = !eval('true') } catch { window.blocked = true }", "window.blocked"),
    ] {
        browser.problems.clear();
        browser.eval(&format!("{{ {attack}; 0 }}"));
        assert_eq!(browser.eval(gone), true, "{attack}");
    }
}
