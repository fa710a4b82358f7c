//! Allocations of the two ways of holding text. Beside the timing bench, because counting costs time.

use std::alloc::System;
use std::sync::Mutex;

use bytes::Bytes;
use dm_benches::inputs::{Profile, Size, generate};
use dm_benches::text_prototypes::{Borrowed, Command, Shared, decode};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The allocator counts for the whole process, so tests that count take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Allocations `what` makes: the least of several runs, because the test harness allocates now and then too.
fn allocations<T>(what: impl Fn() -> T) -> usize {
    let count = || {
        let region = Region::new(ALLOCATOR);
        let value = what();
        let stats = region.change();
        drop(value);
        stats.allocations + stats.reallocations
    };
    (0..20).map(|_| count()).min().unwrap_or_default()
}

#[test]
#[expect(clippy::print_stdout, reason = "`-- --nocapture` shows the numbers of docs/decisions/0001")]
fn decoding_allocates_lists_and_never_text() {
    let _turn = TURN.lock().unwrap();
    for profile in Profile::ALL {
        for size in [Size::K1, Size::K10, Size::K100] {
            let input = generate(profile, size);
            let buffer = Shared(Bytes::copy_from_slice(&input.wbxml));
            let message = decode(&Borrowed(&input.wbxml)).unwrap();
            let owned = message.clone().into_owned();
            let borrowed = allocations(|| decode(&Borrowed(&input.wbxml)).unwrap());
            let shared = allocations(|| decode(&buffer).unwrap());
            let cloning = allocations(|| message.clone());
            let owning = allocations(|| message.clone().into_owned()) - cloning;
            let cloning_owned = allocations(|| owned.clone());
            println!(
                "{:<13} decode borrowed {borrowed:>5} shared {shared:>5}; into_owned {owning:>5}; clone borrowed {cloning:>5} owned {cloning_owned:>5}",
                input.name,
            );
            assert_eq!(shared, borrowed, "{}", input.name);
            // One list of items a command at most, and the growth of the list of commands.
            assert!(borrowed <= input.commands * 2 + 20, "{}: {borrowed}", input.name);
            // Owning pays once for each text.
            assert!(owning > borrowed, "{}", input.name);
        }
    }
}

#[test]
fn a_command_is_cloned_without_its_text_unless_owned() {
    let _turn = TURN.lock().unwrap();
    let input = generate(Profile::Cmds, Size::K1);
    let buffer = Shared(Bytes::copy_from_slice(&input.wbxml));
    let borrowed = decode(&Borrowed(&input.wbxml)).unwrap();
    let owned = borrowed.clone().into_owned();
    let shared = decode(&buffer).unwrap();
    let at = borrowed.body.iter().position(|command| matches!(command, Command::Items { .. })).unwrap();
    let of_borrowed = allocations(|| borrowed.body[at].clone());
    let of_shared = allocations(|| shared.body[at].clone());
    let of_owned = allocations(|| owned.body[at].clone());
    assert_eq!((of_borrowed, of_shared), (1, 1));
    assert!(of_owned > of_borrowed, "{of_owned}");
}
