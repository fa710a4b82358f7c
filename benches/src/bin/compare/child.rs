//! An operation in a process of its own, which times itself by the same clock: its CPU time.
//!
//! The document goes to its input, after a line with its length; the result comes back in the same way. Then each line with a number of
//! runs is answered by a line with the nanoseconds they took. A line `error: ...` is an answer too.

use core::time::Duration;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A process that runs an operation on one document as often as it is told to.
pub(crate) struct Measured {
    process: Child,
    /// `None` only while it is being dropped.
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Measured {
    /// Starts `command` on `document`. With it comes the result of the first run.
    pub(crate) fn start(command: &mut Command, document: &[u8]) -> io::Result<(Self, Vec<u8>)> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = process.stdin.take();
        let from = process.stdout.take().map(BufReader::new);
        let (Some(to), Some(from)) = (to, from) else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let mut measured = Self { process, to: Some(to), from };
        // The whole document is read before anything is answered. Who stops reading has an error to tell.
        let _ = measured.send(format!("{}\n", document.len()).as_bytes());
        let _ = measured.send(document);
        let length = measured.answer()?;
        let mut result = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        measured.from.read_exact(&mut result)?;
        Ok((measured, result))
    }

    /// How long `runs` runs take.
    pub(crate) fn time(&mut self, runs: u64) -> io::Result<Duration> {
        self.send(format!("{runs}\n").as_bytes())?;
        self.answer().map(Duration::from_nanos)
    }

    fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        let to = self.to.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        to.write_all(octets)?;
        to.flush()
    }

    fn answer(&mut self) -> io::Result<u64> {
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        let line = line.trim_end();
        line.parse().map_err(|_| match line.strip_prefix("error: ") {
            Some(why) => io::Error::other(why.to_owned()),
            None => io::ErrorKind::UnexpectedEof.into(),
        })
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        // It ends with its input.
        self.to = None;
        let _ = self.process.wait();
    }
}

/// The other end: serves one operation to whoever started this process. `operation` gives the result of its first run, and what to time.
pub(crate) fn serve<F>(operation: impl FnOnce(Vec<u8>) -> Result<(Vec<u8>, F), String>) -> io::Result<()>
where
    F: FnMut(u64) -> Duration,
{
    let (mut from, mut to) = (io::stdin().lock(), io::stdout().lock());
    let mut line = String::new();
    from.read_line(&mut line)?;
    let mut document = vec![0; line.trim_end().parse().map_err(io::Error::other)?];
    from.read_exact(&mut document)?;
    let (result, mut time) = match operation(document) {
        Ok(operation) => operation,
        Err(why) => return writeln!(to, "error: {why}"),
    };
    writeln!(to, "{}", result.len())?;
    to.write_all(&result)?;
    to.flush()?;
    loop {
        line.clear();
        if from.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let runs = line.trim_end().parse().map_err(io::Error::other)?;
        writeln!(to, "{}", time(runs).as_nanos())?;
        to.flush()?;
    }
}
