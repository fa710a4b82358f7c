//! Results that devices report after they have accepted an Exec (202): which attempt an alert belongs to.

use alloc::format;

use dm_syncml::{Alert, Command, Correlator, Meta, StatusCode};

use super::Gateway;
use crate::device::Serial;
use crate::fanout::{Answer, JobNo, Ticket};

/// What an alert must give back to belong to this operation of this attempt. It says all there is to know, so nothing
/// has to be kept for it, over a restart either.
pub(super) fn correlator(ticket: Ticket, op: u16) -> Correlator<'static> {
    let text = format!("{}.{}.{}.{op}", ticket.job, ticket.serial, ticket.attempt);
    Correlator::new(text).expect("digits and dots are text")
}

pub(super) fn parse(text: &str) -> Option<(Ticket, u16)> {
    let mut numbers = text.split('.');
    let job = JobNo::new(numbers.next()?.parse().ok()?);
    let serial = numbers.next()?.parse().ok()?;
    let attempt = numbers.next()?.parse().ok()?;
    let op = numbers.next()?.parse().ok()?;
    numbers.next().is_none().then_some((Ticket::new(job, serial, attempt), op))
}

/// Marks an Exec whose end an alert will tell.
pub(super) fn mark(command: &mut Command<'static>, ticket: Ticket, op: u16) {
    if let Command::Exec(exec) = command {
        exec.correlator = Some(correlator(ticket, op));
    }
}

impl Gateway {
    /// An alert of a device that proved itself: whether it ends an operation of a job.
    pub(super) fn take_later_result(&mut self, serial: Serial, alert: &Alert<'_>) -> bool {
        let Some((ticket, op)) = alert.correlator.as_ref().and_then(|text| parse(text.as_str())) else {
            return false;
        };
        let Some(item) = alert.items.first().filter(|_| ticket.serial == serial) else { return false };
        let meta = item.meta.as_ref();
        let media_type = meta.and_then(Meta::media_type);
        let ends_by = self.objects.jobs.numbered(ticket.job).and_then(|(_, job)| {
            job.command(op)?.1.map(|text| text == media_type.as_ref().map_or("", |text| text.as_str()))
        });
        if ends_by != Some(true) {
            return false;
        }
        let format = meta.and_then(Meta::format);
        let octets = item.data.as_ref().and_then(|data| data.decoded(format).ok());
        let octets = octets.as_deref().unwrap_or_default();
        let mut answer = Answer::new(verdict(octets)).with_data(octets);
        if let Some(format) = format {
            answer = answer.with_format(format.as_str());
        }
        let now = self.objects.now;
        self.objects.fanout.handle_async_done(now, ticket, op, answer);
        true
    }
}

/// What the data of a final alert says. The result codes of management objects are numbers where 200 to 299 and 1200
/// to 1299 are successes; an alert without a number says that it is done.
fn verdict(data: &[u8]) -> StatusCode {
    let number = core::str::from_utf8(data).ok().and_then(|text| text.trim().parse::<u16>().ok());
    match number {
        None | Some(1200..=1299) => StatusCode::OK,
        Some(code @ 200..=599) => StatusCode::new(code),
        Some(_) => StatusCode::COMMAND_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_says_whose_it_is() {
        let ticket = Ticket::new(JobNo::new(7), Serial::new(4_000_000_000).unwrap(), 3);
        let text = correlator(ticket, 65_535);
        assert_eq!(parse(text.as_str()), Some((ticket, 65_535)));
        for nothing in ["", "7", "7.1.1", "7.1.1.1.1", "7.0.1.1", "a.b.c.d", "-7.1.1.1"] {
            assert_eq!(parse(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn numbers_are_results() {
        for (data, code) in
            [("200", 200), ("1200", 200), ("", 200), ("fine", 200), ("404", 404), ("1400", 500), ("0", 500)]
        {
            assert_eq!(verdict(data.as_bytes()).get(), code, "{data}");
        }
    }
}
