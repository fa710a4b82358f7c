//! What a server's session keeps of a message: so many octets for each octet that came, whatever the device repeats by reference.
#![cfg(feature = "xml")]
#![expect(clippy::print_stdout, reason = "says what was measured")]
#![allow(dead_code, reason = "the device can do more than is needed here")]

#[path = "server/device.rs"]
mod device;

use std::alloc::System;

use device::{Device, asked, get, id, results, status, statuses, text, uri};
use dm_syncml::{
    Alert, AlertCode, Command, Correlator, Data, Format, Item, LocUri, MediaType, Meta, Results, StatusCode,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Octets kept for each octet of the message at the most: an item of a few octets takes the most, some hundred as a value.
const PER_OCTET: usize = 150;

/// Octets that a message has left allocated in the session, for each of its own.
fn kept(name: &str, prepare: impl FnOnce(&dm_syncml::Message<'static>) -> Vec<Command<'static>>) {
    let mut device = Device::new(Device::config().with_max_msg_size(4 << 20));
    let items: Vec<_> = (0..200).map(|nth| Item::to(uri(&format!("./Vendor/Node{nth}")))).collect();
    device.plan = vec![dm_syncml::Get::new(id(), items).into(), get("./A")];
    device.max_msg_size = Some(4000);
    let package = device.begin();
    let body = device.write(prepare(&package), false);
    let region = Region::new(ALLOCATOR);
    device.hand_over(&body).unwrap();
    let stats = region.change();
    let left = stats.bytes_allocated.saturating_sub(stats.bytes_deallocated);
    println!("{name}: {left} of {} octets, {} for each", body.len(), left / body.len());
    assert!(left <= PER_OCTET * body.len(), "{name}: {left} of {}", body.len());
    device.drain();
}

/// One test, since others would allocate meanwhile.
#[test]
fn a_session_keeps_no_more_than_comes() {
    let long = "t".repeat(50_000);
    let tiny = || Item::from(LocUri::new("A").unwrap()).with_data(text("1"));
    kept("results with a long Meta", |package| {
        let get = asked(package)[0];
        let mut found = Results::new(id(), package.header.msg_id.clone(), get.cmd_ref(), vec![tiny(); 5000]);
        found.meta = Some(Meta::new().with_media_type(MediaType::new(long.clone()).unwrap()));
        vec![status(package, get, StatusCode::OK), found.into()]
    });
    kept("results with the longest Meta that is taken over", |package| {
        let get = asked(package)[0];
        let mut found = Results::new(id(), package.header.msg_id.clone(), get.cmd_ref(), vec![tiny(); 5000]);
        found.meta = Some(Meta::new().with_media_type(MediaType::new("t".repeat(400)).unwrap()));
        vec![found.into()]
    });
    kept("results of many items", |package| vec![results(package, asked(package)[0], vec![tiny(); 20_000])]);
    kept("alerts with a long Correlator", |_| {
        let meta = Meta::new().with_format(Format::CHR).with_media_type(MediaType::new("a").unwrap());
        let mut alert = Alert::new(id(), AlertCode::GENERIC_ALERT);
        alert.correlator = Some(Correlator::new(long.clone()).unwrap());
        alert.items = vec![Item::new().with_meta(meta).with_data(Data::text("1").unwrap()); 3000];
        vec![alert.into()]
    });
    kept("statuses again and again for a part of a command", |package| {
        let all = statuses(package, StatusCode::OK);
        all.iter().cycle().take(20_000).cloned().collect()
    });
    kept("unknown commands", |_| (0..900).map(|_| get("./A")).collect());
}
