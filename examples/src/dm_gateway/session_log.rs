//! The last sessions, for the operator to look at.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dm_syncml::Instant;
use serde_json::{Value, json};

use crate::clock::Clock;

/// How many are remembered, and shown.
const MAX_REMEMBERED: usize = 256;
const MAX_SHOWN: usize = 50;
/// Time after its last message after which the session of a device is not called open any more.
const QUIET: Duration = Duration::from_secs(30);

/// The last sessions, with servers and with devices.
#[derive(Debug)]
pub(super) struct SessionLog {
    clock: Clock,
    seen: Mutex<VecDeque<Seen>>,
}

#[derive(Debug)]
struct Seen {
    peer: String,
    session: String,
    /// On the wall.
    began: u64,
    last: Instant,
    messages: u32,
    end: Option<String>,
}

impl SessionLog {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, seen: Mutex::default() }
    }

    /// A message of this session came or went. Returns whether it is its first.
    pub(super) fn message(&self, peer: &str, session: &str) -> bool {
        let now = self.clock.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |seen: &&mut Seen| seen.peer == peer && seen.session == session && seen.end.is_none();
        if let Some(known) = seen.iter_mut().rev().find(is_it) {
            known.messages += 1;
            known.last = now;
            return false;
        }
        // A peer that begins anew has nothing more to say in the one before.
        for former in seen.iter_mut().filter(|seen| seen.peer == peer && seen.end.is_none()) {
            former.end = Some("over".into());
        }
        if seen.len() >= MAX_REMEMBERED {
            seen.pop_front();
        }
        // What a stranger calls itself may be long.
        let shortened = |text: &str| text.chars().take(255).collect();
        let (peer, session) = (shortened(peer), shortened(session));
        seen.push_back(Seen {
            peer,
            session,
            began: self.clock.unix_now(),
            last: now,
            messages: 1,
            end: None,
        });
        true
    }

    /// The last session with this peer is over.
    pub(super) fn ended(&self, peer: &str, end: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.iter_mut().rev().find(|seen| seen.peer == peer && seen.end.is_none()) {
            known.end = Some(end.into());
        }
    }

    /// As the page wants them, newest first.
    pub(super) fn shown(&self) -> Value {
        let now = self.clock.now();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let line = |seen: &Seen| {
            let quiet = now.saturating_since(seen.last) > QUIET;
            let end = seen.end.as_deref().or_else(|| quiet.then_some("quiet"));
            json!({ "peer": seen.peer, "began": seen.began, "messages": seen.messages, "end": end })
        };
        json!({ "sessions": seen.iter().rev().take(MAX_SHOWN).map(line).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;

    #[test]
    fn the_last_ones_are_shown() {
        let hand = HandClock::at(1_000_000);
        let log = SessionLog::new(hand.clock());
        assert!(log.message("a", "1") && !log.message("a", "1") && log.message("a", "2"));
        log.ended("a", "completed");
        log.ended("nobody", "completed");
        let shown = log.shown();
        assert_eq!(shown["sessions"][0]["end"], "completed");
        assert_eq!(
            (&shown["sessions"][1]["messages"], &shown["sessions"][1]["end"]),
            (&json!(2), &json!("over"))
        );
        // The clock on the wall says nothing of how long it is quiet.
        assert!(log.message("b", "1"));
        hand.set(2_000_000);
        assert_eq!(log.shown()["sessions"][0]["end"], Value::Null);
        hand.set(5);
        hand.advance(Duration::from_secs(31));
        assert_eq!(log.shown()["sessions"][0]["end"], "quiet");
        for number in 0..1_000 {
            log.message("x", &number.to_string());
        }
        assert_eq!(log.shown()["sessions"].as_array().map(Vec::len), Some(MAX_SHOWN));
        assert_eq!(log.seen.lock().map(|seen| seen.len()).ok(), Some(MAX_REMEMBERED));
    }
}
