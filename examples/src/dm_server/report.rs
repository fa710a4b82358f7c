//! What the subcommands print of each thing, for people.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::program::{Failure, Report, cell, write_table};

use super::cli::{is_done, is_settled};

pub(super) fn status(report: &Report, status: &Value) -> Result<(), Failure> {
    report.print(status, |out| {
        let inventory = &status["inventory"];
        writeln!(out, "{} {}, up {} s", cell(&status["name"]), cell(&status["version"]), status["uptime_s"])?;
        writeln!(out, "{} devices, {} attached", inventory["total"], inventory["attached"])?;
        writeln!(
            out,
            "{} sessions, {} commands waiting, {} fanouts running",
            status["sessions"], status["open_work"], status["running_jobs"]
        )
    })
}

pub(super) fn devices(report: &Report, devices: &Value) -> Result<(), Failure> {
    let columns = ["id", "status", "mode", "address", "manufacturer", "model", "firmware", "open_work"];
    report.table(devices, "devices", &columns)
}

pub(super) fn device(report: &Report, device: &Value) -> Result<(), Failure> {
    report.print(device, |out| {
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

pub(super) fn work(report: &Report, work: &[Value]) -> Result<(), Failure> {
    report.print(&json!({ "work": work }), |out| {
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
    for work in work.iter().filter(|work| !is_settled(work)) {
        let (number, state) = (&work["number"], cell(&work["state"]));
        report.note(&format!(
            "command {number} is {state} and stays so until the device comes; see `work show {number}`"
        ));
    }
    Ok(())
}

pub(super) fn summary(report: &Report, summary: &Value) -> Result<(), Failure> {
    report.print(summary, |out| {
        writeln!(
            out,
            "{} devices, {} attached, {} detached",
            summary["total"], summary["attached"], summary["detached"]
        )
    })
}

pub(super) fn inventory(report: &Report, devices: &[Value]) -> Result<(), Failure> {
    report.table(&json!({ "devices": devices }), "devices", &["serial", "id", "status"])
}

/// Everything of something, a line for each.
pub(super) fn lines(report: &Report, value: &Value) -> Result<(), Failure> {
    report.print(value, |out| {
        let fields = value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        for (name, value) in fields {
            match value {
                Value::Object(facts) => {
                    facts.iter().try_for_each(|(name, value)| writeln!(out, "{name:<13} {}", cell(value)))?;
                }
                value => writeln!(out, "{name:<13} {}", cell(value))?,
            }
        }
        Ok(())
    })
}

pub(super) fn members(report: &Report, members: &Value) -> Result<(), Failure> {
    report.print(members, |out| {
        let ids = members["members"].as_array().into_iter().flatten();
        ids.into_iter().try_for_each(|id| writeln!(out, "{}", cell(id)))
    })
}

pub(super) fn groups(report: &Report, groups: &Value) -> Result<(), Failure> {
    report.table(groups, "groups", &["gateway", "id", "state", "count", "matching", "reason"])
}

pub(super) fn jobs(report: &Report, jobs: &Value) -> Result<(), Failure> {
    report.table(jobs, "jobs", &["owner", "key", "state", "result", "total", "queued", "in_flight", "reason"])
}

pub(super) fn job(report: &Report, job: &Value) -> Result<(), Failure> {
    report.print(job, |out| job_lines(out, job))
}

pub(super) fn results(report: &Report, job: &Value, records: &[Value]) -> Result<(), Failure> {
    report.print(&json!({ "job": job, "records": records }), |out| {
        job_lines(out, job)?;
        write_table(out, records, &["serial", "id", "state", "code", "tries"])
    })
}

pub(super) fn image(report: &Report, image: &Value) -> Result<(), Failure> {
    report.print(image, |out| {
        write!(out, "image {}: {}, {} octets", cell(&image["key"]), cell(&image["state"]), image["size"])?;
        match image["uri"].as_str() {
            Some(uri) => writeln!(out, ", at {uri}"),
            None => writeln!(out),
        }
    })
}

pub(super) fn answers(report: &Report, answers: &Value) -> Result<(), Failure> {
    report.table(answers, "answers", &["operation", "status", "format", "text", "base64"])
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
