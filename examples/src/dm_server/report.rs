//! What the subcommands print: for people, or JSON.

use std::io::{self, Write};

use serde_json::Value;

use super::client::{Failure, is_done, is_settled};

/// Prints to stdout.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
}

/// A value as a cell of a table.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) if text.is_empty() => "-".into(),
        // Names come from devices: nothing of them moves the cursor.
        Value::String(text) => text.chars().map(|char| if char.is_control() { '?' } else { char }).collect(),
        other => other.to_string(),
    }
}

impl Report {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// JSON, or what `people` writes.
    fn print(
        &self,
        value: &Value,
        people: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let printed = if self.json { writeln!(out, "{value}") } else { people(&mut out) };
        printed.and_then(|()| out.flush()).map_err(|error| Failure::new("io", format!("stdout: {error}")))
    }

    pub(super) fn said(&self, line: &str, value: &Value) -> Result<(), Failure> {
        self.print(value, |out| writeln!(out, "{line}"))
    }

    fn table(&self, value: &Value, rows: &[Value], columns: &[&str]) -> Result<(), Failure> {
        self.print(value, |out| {
            let cells: Vec<Vec<String>> =
                rows.iter().map(|row| columns.iter().map(|name| cell(&row[*name])).collect()).collect();
            let width = |index: usize| {
                let longest = cells.iter().map(|row| row[index].chars().count()).max().unwrap_or(0);
                longest.max(columns[index].len())
            };
            let widths: Vec<usize> = (0..columns.len()).map(width).collect();
            let mut line = |cells: Vec<&str>| {
                let padded: Vec<String> =
                    cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
                writeln!(out, "{}", padded.join("  ").trim_end())
            };
            line(columns.to_vec())?;
            cells.iter().try_for_each(|row| line(row.iter().map(String::as_str).collect()))
        })
    }

    pub(super) fn status(&self, status: &Value) -> Result<(), Failure> {
        self.print(status, |out| {
            let inventory = &status["inventory"];
            writeln!(
                out,
                "{} {}, up {} s",
                cell(&status["name"]),
                cell(&status["version"]),
                status["uptime_s"]
            )?;
            writeln!(out, "{} devices, {} attached", inventory["total"], inventory["attached"])?;
            writeln!(
                out,
                "{} sessions, {} commands waiting, {} fanouts running",
                status["sessions"], status["open_work"], status["running_jobs"]
            )
        })
    }

    pub(super) fn devices(&self, devices: &[Value]) -> Result<(), Failure> {
        let columns = ["id", "status", "mode", "address", "manufacturer", "model", "firmware", "open_work"];
        self.table(&serde_json::json!({ "devices": devices }), devices, &columns)
    }

    pub(super) fn device(&self, device: &Value) -> Result<(), Failure> {
        self.print(device, |out| {
            for name in [
                "id",
                "status",
                "mode",
                "auth",
                "user",
                "address",
                "manufacturer",
                "model",
                "firmware",
                "dm_version",
                "language",
            ] {
                writeln!(out, "{name:<13} {}", cell(&device[name]))?;
            }
            for work in device["work"].as_array().into_iter().flatten().take(20) {
                work_line(out, work)?;
            }
            Ok(())
        })
    }

    pub(super) fn work(&self, work: &[Value]) -> Result<(), Failure> {
        self.print(&serde_json::json!({ "work": work }), |out| {
            // Who asked for one value gets the value.
            if let [one] = work
                && is_done(one)
                && let Some([found]) = one["found"].as_array().map(Vec::as_slice)
            {
                let value = if found["text"].is_null() { &found["base64"] } else { &found["text"] };
                return writeln!(out, "{}", value.as_str().unwrap_or_default());
            }
            work.iter().try_for_each(|work| work_line(out, work))
        })?;
        for work in work.iter().filter(|work| !self.json && !is_settled(work)) {
            let mut err = io::stderr();
            let _ = writeln!(
                err,
                "note: command {} is {} and stays so until the device comes; see `work show {}`",
                work["number"],
                cell(&work["state"]),
                work["number"]
            );
        }
        Ok(())
    }

    pub(super) fn summary(&self, summary: &Value) -> Result<(), Failure> {
        self.print(summary, |out| {
            writeln!(
                out,
                "{} devices, {} attached, {} detached",
                summary["total"], summary["attached"], summary["detached"]
            )
        })
    }

    pub(super) fn inventory(&self, devices: &[Value]) -> Result<(), Failure> {
        self.table(&serde_json::json!({ "devices": devices }), devices, &["serial", "id", "status"])
    }

    pub(super) fn groups(&self, groups: &Value) -> Result<(), Failure> {
        let rows = groups["groups"].as_array().cloned().unwrap_or_default();
        self.table(groups, &rows, &["gateway", "id", "count"])
    }

    pub(super) fn jobs(&self, jobs: &Value) -> Result<(), Failure> {
        let rows = jobs["jobs"].as_array().cloned().unwrap_or_default();
        self.table(jobs, &rows, &["owner", "key", "state", "result", "total", "queued", "in_flight"])
    }

    pub(super) fn job(&self, job: &Value) -> Result<(), Failure> {
        self.print(job, |out| job_lines(out, job))
    }

    pub(super) fn results(&self, job: &Value, records: &[Value]) -> Result<(), Failure> {
        if self.json {
            return self.print(&serde_json::json!({ "job": job, "records": records }), |_| Ok(()));
        }
        self.print(job, |out| job_lines(out, job))?;
        self.table(job, records, &["serial", "id", "state", "code", "tries"])
    }

    pub(super) fn image(&self, image: &Value) -> Result<(), Failure> {
        self.print(image, |out| {
            write!(
                out,
                "image {}: {}, {} octets",
                cell(&image["key"]),
                cell(&image["state"]),
                image["size"]
            )?;
            match image["uri"].as_str() {
                Some(uri) => writeln!(out, ", at {uri}"),
                None => writeln!(out),
            }
        })
    }

    pub(super) fn answers(&self, answers: &Value) -> Result<(), Failure> {
        let rows = answers["answers"].as_array().cloned().unwrap_or_default();
        self.table(answers, &rows, &["operation", "status", "format", "text", "base64"])
    }
}

fn work_line(out: &mut dyn Write, work: &Value) -> io::Result<()> {
    write!(out, "{:>6}  {:<13} {}", cell(&work["number"]), cell(&work["state"]), cell(&work["what"]))?;
    if !work["code"].is_null() {
        write!(out, "  {}", work["code"])?;
    }
    if !work["reason"].is_null() {
        write!(out, "  ({})", cell(&work["reason"]))?;
    }
    writeln!(out)?;
    for found in work["found"].as_array().into_iter().flatten().chain(std::iter::once(&work["outcome"])) {
        if found.is_object() {
            let value = if found["text"].is_null() { &found["base64"] } else { &found["text"] };
            writeln!(out, "        {} = {}", cell(&found["uri"]), cell(value))?;
        }
    }
    Ok(())
}

fn job_lines(out: &mut dyn Write, job: &Value) -> io::Result<()> {
    writeln!(out, "fanout {} at {}: {}", cell(&job["key"]), cell(&job["owner"]), cell(&job["state"]))?;
    let outcomes = job["outcomes"].as_object().into_iter().flatten();
    let outcomes: Vec<String> = outcomes
        .filter(|(_, count)| count.as_u64() != Some(0))
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    writeln!(out, "{} devices: {}", job["total"], outcomes.join(", "))
}
