//! Snapshots and records as JSON, from anywhere: nothing panics, and what is taken runs to its end.

use dm_syncml::Instant;
use gwmo_model::{Fanout, FanoutLimits, FanoutOutput, FanoutRecord, FanoutSnapshot};

pub(crate) fn run(data: &[u8]) {
    let mut parts = data.splitn(2, |octet| *octet == b'\n');
    let Some(Ok(snapshot)) = parts.next().map(serde_json::from_slice::<FanoutSnapshot>) else { return };
    let records: Vec<FanoutRecord> =
        parts.next().and_then(|records| serde_json::from_slice(records).ok()).unwrap_or_default();
    let mut now = Instant::from_millis(1_000_000);
    let limits = FanoutLimits::default().with_window(4);
    let Ok(mut fanout) = Fanout::restore(now, limits, snapshot, records) else { return };
    for _ in 0..2000 {
        match fanout.poll_output() {
            FanoutOutput::Persist(seq, _) => fanout.handle_persisted(now, seq),
            FanoutOutput::Wait(None) => break,
            FanoutOutput::Wait(Some(at)) => {
                now = at;
                fanout.handle_tick(now);
            }
            _ => {}
        }
        assert!(fanout.in_flight() <= 4, "the window");
    }
    for job in fanout.jobs() {
        let counters = job.counters();
        assert_eq!(counters.total as usize, job.records(..).len());
        let _ = job.report();
    }
    let again = fanout.snapshot(now);
    assert!(Fanout::restore(now, limits, again, []).is_ok(), "what it stores is a fanout");
}
