//! Rows: comma-separated for programs, a table for people.

use std::io::{self, Write};

use dm_benches::clock::Spread;

use crate::case::Case;
use crate::input::Input;

const COLUMNS: &str = "tool,op,input,bytes_in,trials,ns_min,ns_median,ns_max,MB/s(bytes_in),MB/s(XML bytes)";

pub(crate) struct Report<'a> {
    out: &'a mut dyn Write,
    csv: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, csv: bool) -> io::Result<Self> {
        if csv {
            writeln!(out, "{COLUMNS}")?;
        } else {
            let names: Vec<&str> = COLUMNS.split(',').collect();
            write_table_row(out, &names)?;
        }
        Ok(Self { out, csv })
    }

    pub(crate) fn row(&mut self, input: &Input, case: &Case<'_>, spread: Spread) -> io::Result<()> {
        let rate = |bytes: usize| format!("{:.1}", spread.megabytes_per_second(bytes));
        let cells = [
            case.tool.to_owned(),
            case.op.to_owned(),
            input.name.clone(),
            case.bytes_in.to_string(),
            spread.trials.to_string(),
            format!("{:.0}", spread.min),
            format!("{:.0}", spread.median),
            format!("{:.0}", spread.max),
            rate(case.bytes_in),
            // Unknown for a WBXML file that has no XML beside it and is no message.
            input.xml_len.map(rate).unwrap_or_default(),
        ];
        if self.csv {
            return writeln!(self.out, "{}", cells.map(quoted).join(","));
        }
        write_table_row(self.out, &cells.each_ref().map(String::as_str))
    }

    /// Tables have a gap between inputs.
    pub(crate) fn end_of_input(&mut self) -> io::Result<()> {
        if !self.csv {
            writeln!(self.out)?;
        }
        self.out.flush()
    }
}

/// Text to the left, numbers to the right.
fn write_table_row(out: &mut dyn Write, cells: &[&str]) -> io::Result<()> {
    const WIDTHS: [usize; 10] = [10, 22, 18, 9, 6, 12, 12, 12, 14, 15];
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(WIDTHS).enumerate() {
        line += &if column < 3 { format!("{cell:<width$} ") } else { format!("{cell:>width$} ") };
    }
    writeln!(out, "{}", line.trim_end())
}

/// A file name may hold what separates columns (RFC 4180 §2).
fn quoted(cell: String) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(quoted("cmds_1k.xml".into()), "cmds_1k.xml");
        assert_eq!(quoted("a,\"b\"".into()), "\"a,\"\"b\"\"\"");
    }
}
