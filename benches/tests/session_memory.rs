//! Octets that a session costs a server while it waits. Beside the timing bench, because counting costs time.

use std::alloc::System;

use dm_benches::sessions::Server;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SESSIONS: u32 = 1000;

/// Octets of each of many sessions after so many messages of the device.
fn octets(commands: usize, messages: usize) -> usize {
    let mut server = Server::new(commands);
    let mut devices: Vec<_> = (0..SESSIONS).map(|number| server.device(number)).collect();
    // The table has its size, and the accounts their nonces.
    for device in &mut devices {
        device.session(&mut server, messages);
    }
    drop(server);

    let mut server = Server::new(commands);
    let mut devices: Vec<_> = (0..SESSIONS).map(|number| server.device(number)).collect();
    let region = Region::new(ALLOCATOR);
    for device in &mut devices {
        device.session(&mut server, messages);
    }
    let change = region.change();
    assert_eq!(server.sessions(), devices.len());
    let grown = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    grown / devices.len()
}

#[test]
#[expect(clippy::print_stdout, reason = "`-- --nocapture` shows the numbers")]
fn an_idle_session_is_small() {
    let table =
        [("waits for the answer to 10 commands", 10, 1), ("has ended and repeats its last answer", 10, 2)];
    for (what, commands, messages) in table {
        let octets = octets(commands, messages);
        println!("a session that {what}: {octets} octets");
        assert!(octets < 32 << 10, "{what}: {octets} octets");
    }
    println!("of which the session itself: {} octets", size_of::<dm_syncml::session::ServerSession>());
    // With nothing to say it holds its header and its answer.
    let empty = octets(0, 1);
    println!("a session without commands: {empty} octets");
    assert!(empty < 8 << 10, "{empty} octets");
}
