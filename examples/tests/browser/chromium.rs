//! Chromium, told what to do over a pair of pipes by its DevTools protocol.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::daemon::PATIENCE;

/// Without a screen, as root too, and without any wish to speak to somebody else.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    // Nothing but this host has a name or an address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// What a user types when asked for credentials.
#[derive(Clone, Debug)]
pub(crate) enum Login {
    /// Gives up.
    Cancel,
    /// A name and a password; when they are refused, gives up.
    Once(String, String),
}

/// A browser with one page.
pub(crate) struct Chromium {
    child: Child,
    commands: ChildStdin,
    said: Receiver<Value>,
    session: Option<String>,
    last: u64,
    login: Option<Login>,
    /// How often credentials were asked for.
    pub(crate) asked: u32,
    /// Every address that was asked for.
    pub(crate) requests: Vec<String>,
    /// What should not be: errors, exceptions, dialogues.
    pub(crate) problems: Vec<String>,
    _profile: TempDir,
}

/// The browser, if there is one: `chromium`, as Debian calls it, or what `CHROMIUM` names.
fn program() -> Option<String> {
    let named = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".into());
    let found = Command::new(&named).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(named);
    }
    let says = |name: &str, what: fn(&str) -> bool| std::env::var(name).is_ok_and(|value| what(&value));
    let is_required = says("CI", |value| !value.is_empty()) || says("DM_PEERS", |value| value == "required");
    assert!(!is_required, "{named} is needed here, and cannot be started");
    println!("passed by: there is no {named}");
    None
}

impl Chromium {
    /// A new browser; `None` where none is installed and none is required.
    pub(crate) fn start() -> Option<Self> {
        let program = program()?;
        let profile = tempfile::tempdir().unwrap();
        // It reads commands from descriptor 3 and writes to 4: here its input and its output.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null", &program])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, said) = channel();
        thread::spawn(move || {
            loop {
                let mut octets = Vec::new();
                match stdout.read_until(0, &mut octets) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => octets.pop(),
                };
                let Ok(message) = serde_json::from_slice(&octets) else { return };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            child,
            commands,
            said,
            session: None,
            last: 0,
            login: None,
            asked: 0,
            requests: Vec::new(),
            problems: Vec::new(),
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].take();
        let attached =
            browser.call("Target.attachToTarget", json!({ "targetId": page, "flatten": true }))["sessionId"]
                .take();
        browser.session = attached.as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    fn send(&mut self, method: &str, parameters: Value) -> u64 {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        let mut octets = command.to_string().into_bytes();
        octets.push(0);
        self.commands.write_all(&octets).unwrap();
        self.commands.flush().unwrap();
        self.last
    }

    /// A command, and what comes of it.
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        let number = self.send(method, parameters);
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(mut message) = self.said.recv_timeout(left) else {
                panic!("{method}: the browser says nothing; {:?}", self.problems)
            };
            if message["id"] == number {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.hear(&message);
        }
    }

    /// What happens by itself.
    fn hear(&mut self, message: &Value) {
        let parameters = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => {
                let url = parameters["request"]["url"].as_str().unwrap_or_default();
                self.requests.push(url.to_owned());
            }
            "Runtime.consoleAPICalled" if parameters["type"] != "log" => {
                self.problems.push(format!("console: {}", parameters["args"]));
            }
            "Runtime.exceptionThrown" => {
                self.problems.push(format!("exception: {}", parameters["exceptionDetails"]));
            }
            "Log.entryAdded" if parameters["entry"]["level"] != "verbose" => {
                let entry = &parameters["entry"];
                self.problems.push(format!("{}: {} {}", entry["source"], entry["text"], entry["url"]));
            }
            "Page.javascriptDialogOpening" => {
                self.problems.push(format!("dialogue: {}", parameters["message"]));
                self.send("Page.handleJavaScriptDialog", json!({ "accept": false }));
            }
            "Fetch.requestPaused" => {
                self.send("Fetch.continueRequest", json!({ "requestId": parameters["requestId"] }));
            }
            "Fetch.authRequired" => {
                self.asked += 1;
                let answer = match &self.login {
                    Some(Login::Once(user, password)) if self.asked == 1 => {
                        json!({ "response": "ProvideCredentials", "username": user, "password": password })
                    }
                    _ => json!({ "response": "CancelAuth" }),
                };
                let request = &parameters["requestId"];
                self.send(
                    "Fetch.continueWithAuth",
                    json!({ "requestId": request, "authChallengeResponse": answer }),
                );
            }
            _ => {}
        }
    }

    /// Goes to an address, and shows these credentials if it is asked for any. Returns the status of the answer, or why there is none.
    pub(crate) fn open(&mut self, address: &str, login: Login) -> Result<u64, String> {
        (self.login, self.asked) = (Some(login), 0);
        self.call("Fetch.enable", json!({ "handleAuthRequests": true }));
        let went = self.call("Page.navigate", json!({ "url": address }));
        let outcome = match went["errorText"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => {
                self.wait_until("document.readyState === 'complete'");
                let status = self.eval("performance.getEntriesByType('navigation')[0]?.responseStatus ?? 0");
                Ok(status.as_u64().unwrap())
            }
        };
        self.call("Fetch.disable", json!({}));
        outcome
    }

    /// Takes any certificate from now on.
    pub(crate) fn trust_anybody(&mut self) {
        self.call("Security.setIgnoreCertificateErrors", json!({ "ignore": true }));
    }

    /// The value of an expression in the page.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true,
            "allowUnsafeEvalBlockedByCSP": false });
        let mut found = self.call("Runtime.evaluate", parameters);
        assert!(found["exceptionDetails"].is_null(), "{expression}: {}", found["exceptionDetails"]);
        found["result"]["value"].take()
    }

    pub(crate) fn text(&mut self, expression: &str) -> String {
        match self.eval(expression) {
            Value::String(text) => text,
            other => panic!("{expression} is {other}"),
        }
    }

    /// Waits until an expression is true in the page.
    pub(crate) fn wait_until(&mut self, expression: &str) {
        let until = Instant::now() + PATIENCE;
        while self.eval(&format!("Boolean({expression})")) != true {
            if Instant::now() > until {
                let page = self.eval("document.documentElement.innerText");
                panic!("waited in vain for {expression}\n{page}\n{:#?}", self.problems);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A key that is pressed and let go, as on a keyboard.
    pub(crate) fn press(&mut self, key: &str) {
        let (key, shift) = key.strip_prefix("Shift+").map_or((key, 0), |key| (key, 8));
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            "Escape" => ("Escape", 27, ""),
            "ArrowDown" => ("ArrowDown", 40, ""),
            "ArrowUp" => ("ArrowUp", 38, ""),
            "/" => ("Slash", 191, "/"),
            other => panic!("no key {other}"),
        };
        let mut event = json!({
            "type": if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": key, "code": code,
            "windowsVirtualKeyCode": number, "modifiers": shift,
        });
        if !text.is_empty() {
            event["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", event.clone());
        event["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", event);
    }

    pub(crate) fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// A screen of this width, and what its owner prefers: `light` or `dark`.
    pub(crate) fn view(&mut self, width: u32, scheme: &str) {
        let height = if width < 600 { 800 } else { 900 };
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = json!({ "name": "prefers-color-scheme", "value": scheme });
        let still = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
        self.call("Emulation.setEmulatedMedia", json!({ "features": [scheme, still] }));
    }

    /// A picture of the whole page, for people to look at: in `artefacts` of the target folder.
    pub(crate) fn picture(&mut self, name: &str) {
        let parameters = json!({ "format": "png", "captureBeyondViewport": true });
        let picture = self.call("Page.captureScreenshot", parameters);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("artefacts");
        std::fs::create_dir_all(&folder).unwrap();
        let octets = Base64::decode_vec(picture["data"].as_str().unwrap()).unwrap();
        assert!(octets.starts_with(b"\x89PNG"));
        std::fs::write(folder.join(format!("{name}.png")), octets).unwrap();
    }

    /// Nothing was wrong so far, and nobody but `origin` was asked for anything.
    pub(crate) fn assert_clean(&mut self, origin: &str) {
        // Whatever has happened by now is heard before the answer.
        self.eval("0");
        assert_eq!(self.problems, Vec::<String>::new());
        let is_own = |url: &&String| url.starts_with(&format!("{origin}/")) || *url == "about:blank";
        let elsewhere: Vec<_> = self.requests.iter().filter(|url| !is_own(url)).collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
