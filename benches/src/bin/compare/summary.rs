//! What the rows mean: the ratios that are aimed at, and what memory costs.

use alloc::collections::BTreeMap;
use core::fmt;
use std::io::{self, Write};

use dm_benches::clock::Spread;

use crate::case::{Aside, Case};
use crate::input::Input;
use crate::{dm_syncml, floor, libwbxml, quick_xml};

/// A tool and what it does.
type Row = (&'static str, &'static str);

const OUR_XML: Row = (dm_syncml::TOOL, "xml->typed");
const OUR_WBXML: Row = (dm_syncml::TOOL, "wbxml->typed");
const TO_XML: Row = (dm_syncml::TOOL, "typed->xml");
const TO_WBXML: Row = (dm_syncml::TOOL, "typed->wbxml");
const TO_TABLE: Row = (dm_syncml::TOOL, "typed->wbxml(strtbl)");

/// The time of `over` divided by the time of `under`, both of one input.
struct Ratio {
    over: Row,
    under: Row,
    target: Target,
}

#[derive(Clone, Copy)]
enum Target {
    AtLeast(f64),
    AtMost(f64),
}

const RATIOS: [Ratio; 7] = [
    Ratio { over: (libwbxml::TOOL, "wbxml->xml"), under: OUR_WBXML, target: Target::AtLeast(15.0) },
    Ratio { over: OUR_WBXML, under: (floor::TOOL, "byte-loop"), target: Target::AtMost(2.5) },
    Ratio { over: (quick_xml::TOOL, "serde-de"), under: OUR_XML, target: Target::AtLeast(3.0) },
    Ratio { over: OUR_XML, under: (quick_xml::TOOL, "events"), target: Target::AtMost(2.0) },
    Ratio { over: (libwbxml::TOOL, "xml->wbxml"), under: TO_WBXML, target: Target::AtLeast(35.0) },
    Ratio { over: (quick_xml::TOOL, "serde-ser"), under: TO_XML, target: Target::AtLeast(3.5) },
    Ratio { over: TO_TABLE, under: TO_WBXML, target: Target::AtMost(4.0) },
];

/// Nanoseconds an octet, of the slowest size of an input by the fastest.
const FLATNESS: Target = Target::AtMost(1.5);

/// The generated inputs that targets are set for. One large value is another matter, and so is what users measure.
const AIMED_AT: [&str; 2] = ["cmds_", "results_"];

impl Target {
    fn reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, "at least {limit}"),
            Self::AtMost(limit) => write!(f, "at most {limit}"),
        }
    }
}

/// Medians of a run.
#[derive(Default)]
pub(crate) struct Summary {
    /// Inputs in the order they were measured.
    inputs: Vec<Measured>,
}

struct Measured {
    name: String,
    medians: BTreeMap<Key, Median>,
}

#[derive(Clone, Copy)]
struct Median {
    nanoseconds: f64,
    bytes_in: usize,
}

impl Summary {
    pub(crate) fn note(&mut self, input: &Input, case: &Case<'_>, spread: Spread) {
        if self.inputs.last().is_none_or(|last| last.name != input.name) {
            self.inputs.push(Measured { name: input.name.clone(), medians: BTreeMap::new() });
        }
        if let Some(last) = self.inputs.last_mut() {
            let median = Median { nanoseconds: spread.median, bytes_in: case.bytes_in };
            last.medians.insert(((case.tool, case.op), case.aside), median);
        }
    }

    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let name = |(tool, op): Row| format!("{tool} {op}");
        writeln!(out, "Ratios of the medians of this run. Targets are set for cmds and results.")?;
        for Ratio { over, under, target } in &RATIOS {
            let title = format!("{} / {}: {target}", name(*over), name(*under));
            write_lines(out, &title, &self.ratios((*over, None), (*under, None)), Some(*target))?;
        }
        for op in [OUR_WBXML, OUR_XML, TO_WBXML, TO_TABLE, TO_XML] {
            let title = format!("{}, time an octet, most / least: {FLATNESS}", name(op));
            write_lines(out, &title, &self.flatness(op), Some(FLATNESS))?;
        }
        writeln!(out, "\nMemory comes from the allocator of the system. How much time it takes to have it:")?;
        for (op, aside) in [
            (OUR_WBXML, Aside::KeptMemory),
            (OUR_XML, Aside::KeptMemory),
            (TO_WBXML, Aside::ReusedBuffer),
            (TO_TABLE, Aside::ReusedBuffer),
            (TO_XML, Aside::ReusedBuffer),
        ] {
            let title = format!("{} / the same {}", name(op), aside.name());
            write_lines(out, &title, &self.ratios((op, None), (op, Some(aside))), None)?;
        }
        writeln!(
            out,
            "A message owns lists alone, and decoding has no buffer to reuse; kept memory shows what one would save the"
        )?;
        writeln!(out, "system. How many allocations a message takes: the program `allocations`.")
    }

    /// One time by another, for every input that has both, with those that differ in size alone in one line.
    fn ratios(&self, over: Key, under: Key) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for input in &self.inputs {
            let median = |key| input.medians.get(&key).map(|median: &Median| median.nanoseconds);
            let (Some(over), Some(under)) = (median(over), median(under)) else { continue };
            let (set, size) = set_and_size(&input.name);
            let value = (size, over / under);
            match lines.iter_mut().find(|line| line.inputs == set) {
                Some(line) => line.values.push(value),
                None => lines.push(Line { inputs: set, values: vec![value] }),
            }
        }
        lines
    }

    /// For inputs that differ in size alone, how much more time an octet takes in one than in another.
    fn flatness(&self, op: Row) -> Vec<Line> {
        let mut sets: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for input in &self.inputs {
            if let Some(median) = input.medians.get(&(op, None)) {
                let rate = median.nanoseconds / median.bytes_in as f64;
                sets.entry(set_and_size(&input.name).0).or_default().push(rate);
            }
        }
        let line = |(inputs, rates): (String, Vec<f64>)| {
            let most = rates.iter().copied().fold(f64::MIN, f64::max);
            let least = rates.iter().copied().fold(f64::MAX, f64::min);
            (rates.len() > 1).then(|| Line { inputs, values: vec![(String::new(), most / least)] })
        };
        sets.into_iter().filter_map(line).collect()
    }
}

/// What an operation is found by: its tool and name, and what is special about it.
type Key = (Row, Option<Aside>);

/// Inputs that differ in size alone, and a value for each size.
#[derive(Debug, PartialEq)]
struct Line {
    inputs: String,
    values: Vec<(String, f64)>,
}

/// `NAME_SIZE.EXTENSION` as what all sizes of it are called, and the size; any other name as it is.
fn set_and_size(name: &str) -> (String, String) {
    let split = name.rsplit_once('.').and_then(|(stem, extension)| {
        let (profile, size) = stem.rsplit_once('_')?;
        Some((format!("{profile}_*.{extension}"), size.to_owned()))
    });
    split.unwrap_or_else(|| (name.to_owned(), String::new()))
}

/// A title, and below it the lines, each with where it misses the target.
fn write_lines(out: &mut dyn Write, title: &str, lines: &[Line], target: Option<Target>) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "{title}")?;
    for line in lines {
        let mut text = format!("  {:<16}", line.inputs);
        for (size, value) in &line.values {
            text += &format!("{size:>6} {value:>8.2}");
        }
        if let Some(target) = target.filter(|_| AIMED_AT.iter().any(|name| line.inputs.starts_with(name))) {
            text += &format!("   {}", verdict(line, target));
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// Whether all values reach the target, and which do not.
fn verdict(line: &Line, target: Target) -> String {
    let missed: Vec<&str> = line
        .values
        .iter()
        .filter(|(_, value)| !target.reached(*value))
        .map(|(size, _)| size.as_str())
        .collect();
    match missed.len() {
        0 => "reached".into(),
        _ if line.values.len() == 1 => "missed".into(),
        _ => format!("missed at {}", missed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(op: Row, inputs: &[(&str, f64, usize)]) -> Summary {
        let input = |&(name, nanoseconds, bytes_in): &(&str, f64, usize)| Measured {
            name: name.to_owned(),
            medians: BTreeMap::from([
                ((op, None), Median { nanoseconds, bytes_in }),
                ((op, Some(Aside::ReusedBuffer)), Median { nanoseconds: nanoseconds / 2.0, bytes_in }),
            ]),
        };
        Summary { inputs: inputs.iter().map(input).collect() }
    }

    #[test]
    fn what_differs_in_size_alone_stands_in_one_line() {
        let inputs =
            [("cmds_1k.xml", 1.0, 1), ("a.b_c.xml", 1.0, 1), ("cmds_10k.xml", 9.0, 1), ("other", 1.0, 1)];
        let summary = summary(TO_XML, &inputs);
        let lines = summary.ratios((TO_XML, None), (TO_XML, Some(Aside::ReusedBuffer)));
        let sizes =
            |line: &Line| line.values.iter().map(|(size, _)| size.as_str()).collect::<Vec<_>>().join(" ");
        let shown: Vec<_> = lines.iter().map(|line| format!("{}: {}", line.inputs, sizes(line))).collect();
        assert_eq!(shown, ["cmds_*.xml: 1k 10k", "a.b_*.xml: c", "other: "]);
        assert!(lines.iter().all(|line| line.values.iter().all(|(_, value)| *value == 2.0)));
        assert_eq!(summary.ratios((TO_XML, None), (OUR_XML, None)), []);
    }

    #[test]
    fn an_octet_is_compared_among_sizes() {
        let inputs = [
            ("cmds_1k.xml", 1000.0, 1000),
            ("cmds_10k.xml", 15_000.0, 10_000),
            ("cmds_100k.xml", 120_000.0, 100_000),
            ("alone_1k.xml", 1.0, 1),
        ];
        let lines = summary(OUR_XML, &inputs).flatness(OUR_XML);
        assert_eq!(lines, [Line { inputs: "cmds_*.xml".into(), values: vec![(String::new(), 1.5)] }]);
        assert_eq!(verdict(&lines[0], FLATNESS), "reached");
    }

    #[test]
    fn missed_targets_are_named() {
        let values =
            [("1k", 15.0), ("10k", 14.9), ("1m", 14.0)].map(|(size, value)| (size.to_owned(), value));
        let line = Line { inputs: "cmds_*.wbxml".into(), values: values.to_vec() };
        assert_eq!(verdict(&line, Target::AtLeast(15.0)), "missed at 10k, 1m");
        assert_eq!(verdict(&line, Target::AtMost(15.0)), "reached");
        let line = Line { inputs: "cmds_*.wbxml".into(), values: vec![(String::new(), 2.0)] };
        assert_eq!(verdict(&line, FLATNESS), "missed");
    }
}
