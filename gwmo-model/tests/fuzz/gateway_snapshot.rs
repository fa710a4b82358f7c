//! A gateway's snapshot and records as JSON, from anywhere: nothing panics, what is taken runs on, and what it stores
//! itself is taken again.

use dm_syncml::session::ServerConfig;
use dm_syncml::{Instant, LocUri};
use dm_tree::ServerId;
use gwmo_model::{Gateway, GatewayConfig, GatewayOutput, GatewayRecord, GatewaySnapshot};

fn config() -> GatewayConfig {
    let address = LocUri::new("http://gw.local/dm").expect("an address");
    GatewayConfig::new(ServerId::new("gw.example").expect("a name"), ServerConfig::new(address))
}

pub(crate) fn run(data: &[u8]) {
    let mut parts = data.splitn(2, |octet| *octet == b'\n');
    let Some(Ok(snapshot)) = parts.next().map(serde_json::from_slice::<GatewaySnapshot>) else { return };
    let records: Vec<GatewayRecord> =
        parts.next().and_then(|records| serde_json::from_slice(records).ok()).unwrap_or_default();
    let mut now = Instant::from_millis(1_000_000);
    let Ok(mut gateway) = Gateway::restore(now, config(), snapshot, records, |_| None) else { return };
    for _ in 0..3000 {
        match gateway.poll_output() {
            GatewayOutput::Persist(seq, _) => gateway.handle_persisted(now, seq),
            GatewayOutput::Notify { ticket, .. } => gateway.handle_notify_sent(now, ticket),
            GatewayOutput::Wait(None) => break,
            GatewayOutput::Wait(Some(at)) => {
                now = now.max(at);
                gateway.handle_tick(now);
            }
            _ => {}
        }
    }
    for job in gateway.fanout().jobs() {
        assert_eq!(job.counters().total as usize, job.records(..).len());
    }
    let again = gateway.snapshot(now).expect("no Atomic is open");
    let text = serde_json::to_vec(&again).expect("it can be written");
    let again = serde_json::from_slice(&text).expect("and read");
    Gateway::restore(now, config(), again, [], |_| None).expect("what it stores is a gateway");
}
