//! What a long-running program says while it runs: a line for each thing that happens, for people or, as JSON, for scripts.

use std::io::{self, Write};

use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::clock::Clock;

/// Tells events as they happen.
#[derive(Clone, Debug)]
pub struct EventLog {
    to: Listener,
    clock: Clock,
}

/// Who is told.
#[derive(Clone, Debug)]
enum Listener {
    /// People, on standard output.
    People,
    /// Scripts, on standard output.
    Scripts,
    /// The program that this one is a part of.
    Program(mpsc::UnboundedSender<Value>),
}

impl EventLog {
    /// A log on standard output, for scripts or for people.
    #[must_use]
    pub const fn new(json: bool, clock: Clock) -> Self {
        Self { to: if json { Listener::Scripts } else { Listener::People }, clock }
    }

    /// A log for the program that this one is a part of: the objects that scripts would be told.
    #[must_use]
    pub const fn told_to(program: mpsc::UnboundedSender<Value>, clock: Clock) -> Self {
        Self { to: Listener::Program(program), clock }
    }

    /// Something happened: `fields` is an object with what there is to say of it. Secrets do not belong into it.
    pub fn tell(&self, event: &str, fields: Value) {
        let Value::Object(fields) = fields else { return };
        let line = match &self.to {
            Listener::People => as_text(event, &fields),
            Listener::Scripts => self.as_object(event, fields).to_string(),
            Listener::Program(program) => {
                // Who does not listen any more has ended, and so will this.
                let _ = program.send(self.as_object(event, fields));
                return;
            }
        };
        let mut out = io::stdout().lock();
        // Whoever read it may have gone; the program goes on.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    fn as_object(&self, event: &str, fields: Map<String, Value>) -> Value {
        let mut object = Map::new();
        object.insert("event".into(), event.into());
        object.insert("at_ms".into(), (self.clock.now().since_epoch().as_millis() as u64).into());
        object.extend(fields);
        Value::Object(object)
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
        let line = log.as_object("said", fields.clone());
        assert_eq!((&line["event"], &line["text"]), (&json!("said"), &json!("a\nb")));
        let (told, mut heard) = mpsc::unbounded_channel();
        EventLog::told_to(told, Clock::start()).tell("said", Value::Object(fields));
        assert_eq!(heard.try_recv().unwrap()["n"], 3);
    }
}
