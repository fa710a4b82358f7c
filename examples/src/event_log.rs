//! What a long-running program says while it runs: a line for each thing that happens, for people or, as JSON, for scripts.

use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::clock::Clock;

/// Writes events to standard output as they happen.
#[derive(Clone, Copy, Debug)]
pub struct EventLog {
    json: bool,
    clock: Clock,
}

impl EventLog {
    /// A log for scripts, or for people.
    #[must_use]
    pub const fn new(json: bool, clock: Clock) -> Self {
        Self { json, clock }
    }

    /// Something happened: `fields` is an object with what there is to say of it. Secrets do not belong into it.
    pub fn tell(&self, event: &str, fields: Value) {
        let Value::Object(fields) = fields else { return };
        let line = if self.json { self.as_json(event, fields) } else { as_text(event, &fields) };
        let mut out = io::stdout().lock();
        // Whoever read it may have gone; the program goes on.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    fn as_json(&self, event: &str, fields: Map<String, Value>) -> String {
        let mut object = Map::new();
        object.insert("event".into(), event.into());
        object.insert("at_ms".into(), (self.clock.now().since_epoch().as_millis() as u64).into());
        object.extend(fields);
        Value::Object(object).to_string()
    }
}

/// Values of peers are quoted, so that nothing in them can pass for a line of its own.
fn as_text(event: &str, fields: &Map<String, Value>) -> String {
    let mut line = event.to_owned();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        line.push_str(&format!(" {name}={value}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_is_a_line_whatever_is_in_it() {
        let Value::Object(fields) = json!({ "text": "a\nb", "none": null, "n": 3 }) else { panic!() };
        assert_eq!(as_text("said", &fields), r#"said n=3 text="a\nb""#);
        let log = EventLog::new(true, Clock::start());
        let line: Value = serde_json::from_str(&log.as_json("said", fields)).unwrap();
        assert_eq!((&line["event"], &line["text"]), (&json!("said"), &json!("a\nb")));
    }
}
