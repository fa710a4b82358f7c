//! What a subcommand shows while it waits: on a terminal only, on standard error.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line that changes, and is gone at the end.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// One that is shown if somebody looks.
    pub(super) fn new(shown: bool) -> Self {
        if !shown || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// What is waited for.
    pub fn say(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }

    /// How much of it is done.
    pub fn count(&self, done: u64, total: u64, what: impl Into<String>) {
        if self.0.length() != Some(total) {
            let style = ProgressStyle::with_template("{spinner} {bar:40} {pos}/{len} {msg}");
            self.0.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.0.set_length(total);
        }
        self.0.set_position(done);
        self.0.set_message(what.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
