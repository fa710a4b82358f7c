//! How the page looks: on a phone and on a desk, in light and in dark.

use super::chromium::Chromium;
use super::scene::{GATEWAY, Scene, open, origin};

/// Texts whose colour is too near to what is behind them (WCAG 2.2, 1.4.3: 4.5 to 1).
const FAINT: &str = "
    (() => {
        const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => {
            const part = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
            return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
        };
        const behind = (node) => {
            for (; node; node = node.parentElement) {
                const colour = numbers(getComputedStyle(node).backgroundColor);
                if (colour.length === 3 || colour[3] === 1) return colour;
            }
            return [255, 255, 255];
        };
        const faint = [];
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            const parent = texts.currentNode.parentElement;
            if (!texts.currentNode.textContent.trim() || !parent.checkVisibility() || parent.closest('script, noscript, .skip')) continue;
            const [a, b] = [light(numbers(getComputedStyle(parent).color)), light(behind(parent))];
            const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (contrast < 4.5) faint.push(`${texts.currentNode.textContent.trim()}: ${contrast.toFixed(2)}`);
        }
        return faint;
    })()";

/// Whatever is wider than the screen.
const TOO_WIDE: &str = "
    document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
    [...document.querySelectorAll('body *')].filter((it) => it.getBoundingClientRect().right > innerWidth + 1).map((it) => it.outerHTML.slice(0, 200))";

/// What is to be tapped and is smaller than a fingertip (WCAG 2.2, 2.5.8: 24 pixels).
const TOO_SMALL: &str = "
    [...document.querySelectorAll('button, input, select')].filter((it) => it.checkVisibility()).filter((it) => {
        const { width, height } = it.getBoundingClientRect();
        return width < 24 || height < 24;
    }).map((it) => it.outerHTML)";

#[test]
fn it_fits_a_phone_and_a_desk_in_light_and_in_dark() {
    let Some(mut first) = Chromium::start() else { return };
    let mut scene = Scene::new();
    let long = format!("urn:uuid:{}", "0123456789abcdef".repeat(12));
    let ids = ["urn:uuid:lamp-1", "urn:uuid:lamp-2", "urn:uuid:lamp-3", &long];
    scene.know(&ids);
    scene.order(&["group", "create", GATEWAY, "a-group-with-a-long-name", ids[0], ids[2]]);
    scene.order(&["fanout", "start", GATEWAY, "J1", "--group", "*", "--set", "./FUMO/PkgName=new"]);
    scene.order(&["fanout", "start", GATEWAY, "J2", "--device", ids[0], "--set", "./Nowhere/At/All=1"]);
    let words = ["--man", "The Excellent Lamp Works of Somewhere", "--model", "Lamp 3000"];
    scene.switch_on(ids[0], &words);
    scene.switch_on(ids[1], &[]);
    open(&mut first, &scene.gateway);
    let failed =
        "[...document.querySelectorAll('#jobs .legend')].some((it) => it.textContent === '1 failed')";
    first.wait_until(failed);
    first.wait_until("document.getElementById('jobs').textContent.includes('2 ok')");
    drop(first);
    scene.order(&["fanout", "results", GATEWAY, "J1"]);
    scene.order(&["fanout", "results", GATEWAY, "J2"]);
    for (name, daemon) in [("dm-server", &scene.server), ("dm-gateway", &scene.gateway)] {
        let mut browser = Chromium::start().unwrap();
        open(&mut browser, daemon);
        browser.wait_until("document.querySelectorAll('#jobs tbody tr').length === 2");
        browser.wait_until("document.querySelectorAll('#devices tbody tr').length > 0");
        let (mut grounds, lang) = (Vec::new(), browser.text("document.documentElement.lang"));
        assert_eq!(lang, "en");
        for scheme in ["light", "dark"] {
            for (width, screen) in [(320, "small-phone"), (390, "phone"), (768, "tablet"), (1280, "desk")] {
                browser.view(width, scheme);
                let what = format!("{name}-{screen}-{scheme}");
                browser.picture(&what);
                assert_eq!(browser.eval(TOO_WIDE), serde_json::json!([]), "{what}");
                assert_eq!(browser.eval(FAINT), serde_json::json!([]), "{what}");
                assert_eq!(browser.eval(TOO_SMALL), serde_json::json!([]), "{what}");
            }
            grounds.push(browser.text("getComputedStyle(document.documentElement).backgroundColor"));
        }
        assert_ne!(grounds[0], grounds[1], "dark is another page");
        browser.assert_clean(&origin(daemon));
    }
}
