//! What subcommands print: for people, or JSON.

use std::io::{self, Write};

use serde_json::Value;

use super::{Failure, Progress};

/// Prints to standard output.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    json: bool,
}

/// A value as a cell of a table.
#[must_use]
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) if text.is_empty() => "-".into(),
        // Names come from devices: nothing of them moves the cursor.
        Value::String(text) => text.chars().map(|char| if char.is_control() { '?' } else { char }).collect(),
        other => other.to_string(),
    }
}

impl Report {
    /// For scripts, or for people.
    #[must_use]
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether it is for scripts.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// JSON, or what `people` writes.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn print(
        &self,
        value: &Value,
        people: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let printed = if self.json { writeln!(out, "{value}") } else { people(&mut out) };
        printed
            .and_then(|()| out.flush())
            .map_err(|error| Failure::new("io", format_args!("stdout: {error}")))
    }

    /// JSON, or a line.
    ///
    /// # Errors
    /// As [`print`](Self::print).
    pub fn said(&self, line: &str, value: &Value) -> Result<(), Failure> {
        self.print(value, |out| writeln!(out, "{line}"))
    }

    /// A note for people, beside the result.
    pub fn note(&self, line: &str) {
        if !self.json {
            let _ = writeln!(io::stderr(), "note: {line}");
        }
    }

    /// JSON, or a table of the rows under this name: columns as wide as what is in them.
    ///
    /// # Errors
    /// As [`print`](Self::print).
    pub fn table(&self, value: &Value, rows: &str, columns: &[&str]) -> Result<(), Failure> {
        let rows = value[rows].as_array().map(Vec::as_slice).unwrap_or_default();
        self.print(value, |out| write_table(out, rows, columns))
    }

    /// Progress on a terminal, while something is waited for.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress::new(!self.json)
    }
}

/// A table of rows, one to a line.
pub(crate) fn write_table(out: &mut dyn Write, rows: &[Value], columns: &[&str]) -> io::Result<()> {
    let head = columns.iter().map(|column| (*column).to_owned()).collect();
    let body = rows.iter().map(|row| columns.iter().map(|column| cell(&row[*column])).collect());
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(body).collect();
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for line in &lines {
        let padded: Vec<String> =
            line.iter().zip(&widths).map(|(text, width)| format!("{text:width$}")).collect();
        writeln!(out, "{}", padded.join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_they_need_be_and_no_name_moves_the_cursor() {
        let rows = [json!({ "id": "a", "n": 10_000 }), json!({ "id": "b\u{1b}[2J\nc", "n": null })];
        let mut out = Vec::new();
        write_table(&mut out, &rows, &["id", "n", "none"]).expect("written");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            ["id       n      none", "a        10000  -", "b?[2J?c  -      -"]
        );
    }
}
