//! Everything can be done without a mouse.

use super::chromium::Chromium;
use super::daemon::{DM_GATEWAY, Daemon};
use super::scene::{open, origin};

/// What has the focus, by its id or its class.
fn focused(browser: &mut Chromium) -> String {
    browser.text(
        "document.activeElement.id || document.activeElement.className || document.activeElement.tagName",
    )
}

/// Whether one sees where the focus is: an outline or a frame, on the screen.
const SEEN: &str = "
    (() => {
        const it = document.activeElement, style = getComputedStyle(it), box = it.getBoundingClientRect();
        return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.bottom > 0 && box.top < innerHeight
            && box.right > 0 && box.left < innerWidth;
    })()";

#[test]
fn a_keyboard_is_enough() {
    let Some(mut browser) = Chromium::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let gateway =
        Daemon::start(DM_GATEWAY, &folder.path().join("gateway"), &["--plain-http", "--log", "warn"]);
    let count = 130;
    for number in 0..count {
        let body = format!("{{\"id\":\"urn:uuid:device-{number:03}\"}}");
        assert_eq!(super::bad_days::post(&gateway, "/api/devices", &body), 201);
    }
    browser.view(1280, "light");
    open(&mut browser, &gateway);
    browser.wait_until("document.querySelectorAll('#devices tbody tr').length === 100");

    // From the first to the last, in the order in which one reads, and out again.
    let mut order = Vec::new();
    for _ in 0..12 {
        browser.press("Tab");
        let now = focused(&mut browser);
        if now == "BODY" {
            break;
        }
        assert_eq!(browser.eval(SEEN), true, "one sees that {now} has the focus");
        order.push(now);
    }
    assert_eq!(order, ["skip", "search", "status", "more"]);
    browser.press("Tab");
    browser.press("Tab");
    assert_eq!(focused(&mut browser), "search", "and round again: no trap");
    browser.press("Shift+Tab");
    assert_eq!(focused(&mut browser), "skip");
    browser.press("Enter");
    assert_eq!(browser.eval("location.hash"), "#content", "the link skips the head");
    browser.press("Tab");
    assert_eq!(focused(&mut browser), "search");

    // The page goes on under the fingers, and the focus stays where it is.
    browser.eval("document.activeElement.blur()");
    browser.press("/");
    assert_eq!(focused(&mut browser), "search");
    browser.write("device-01");
    browser.wait_until("document.querySelectorAll('#devices tbody tr').length === 10");
    assert_eq!(
        browser.text("document.getElementById('search').value"),
        "device-01",
        "the / itself is not written"
    );
    assert_eq!(focused(&mut browser), "search");
    browser.press("Tab");
    browser.press("ArrowDown");
    browser.wait_until("document.getElementById('devices').textContent === 'No devices.'");
    browser.press("ArrowDown");
    browser.wait_until("document.querySelectorAll('#devices tbody tr').length === 10");
    browser.press("Shift+Tab");
    browser.press("Escape");
    browser.wait_until("document.querySelectorAll('#devices tbody tr').length === 100");
    browser.press("Tab");
    browser.press("ArrowUp");
    browser.wait_until("document.getElementById('devices').textContent === 'No devices.'");
    browser.press("ArrowUp");
    browser.wait_until("document.querySelectorAll('#devices tbody tr').length === 100");
    browser.press("Tab");
    assert_eq!(focused(&mut browser), "more");
    browser.press("Enter");
    browser.wait_until(&format!("document.querySelectorAll('#devices tbody tr').length === {count}"));
    // Who has seen more goes on seeing it when something changes.
    assert_eq!(super::bad_days::post(&gateway, "/api/devices", "{\"id\":\"urn:uuid:new\"}"), 201);
    browser.wait_until(&format!("document.querySelectorAll('#devices tbody tr').length === {}", count + 1));
    browser.assert_clean(&origin(&gateway));
}
