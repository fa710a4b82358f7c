//! Decoding, verifying, signing and encoding into a buffer that is there do not allocate.
#![allow(unsafe_code, reason = "a global allocator that counts can only be written with unsafe")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::hint::black_box;
use std::alloc::System;

use dm_notification::push::{Content, HeaderName, Ports, Push, PushBuilder, UserDataHeader, Value, segment};
use dm_notification::{
    Account, Arrival, Credential, DropReason, Notification, ReceiverPolicy, ReplayMemory, ServerIdentifier,
    SessionId, Trigger, Verdict, receive,
};

thread_local! {
    /// Of this thread only: the test harness has threads of its own.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// Does nothing with a value that the optimiser must believe is used.
fn ignore<T>(value: T) {
    black_box(value);
}

#[test]
fn only_the_conveniences_allocate() {
    let nonce = b"a nonce";
    let server = ServerIdentifier::new("dms.example.org").expect("fits");
    let credential = Credential::new(server, "password");
    let body = [7; 1000];
    let trigger = Trigger::new(server, SessionId::MAX).with_vendor_body(&body);
    let octets = Notification::sign(trigger, &credential, nonce).to_vec();
    let mut room = vec![0; octets.len()];

    assert_eq!(allocations(|| ignore(Notification::decode(&octets))), 0);
    assert_eq!(allocations(|| ignore(Notification::decode(&octets[..30]))), 0);
    let notification = Notification::decode(&octets).expect("as signed");
    assert_eq!(allocations(|| assert!(notification.verify(&credential, nonce).is_ok())), 0);
    assert_eq!(allocations(|| assert!(notification.verify_resync(&credential).is_err())), 0);
    assert_eq!(allocations(|| ignore(Notification::sign(trigger, &credential, nonce))), 0);
    assert_eq!(allocations(|| notification.encode_into(&mut room.as_mut_slice())), 0);
    assert_eq!(room, octets);

    // A push around it is read where it lies, and so is the user data header of a short message.
    let push = PushBuilder::dm_notification().with_header(HeaderName::GWMO, Value::Text(b"d")).expect("text");
    let push = push.to_vec(&octets[..100]);
    let sms = segment(Ports::WAP_PUSH, &push, None).expect("it fits").remove(0);
    assert_eq!(allocations(|| ignore(UserDataHeader::decode(&sms).map(|(header, _)| header.ports()))), 0);
    let read = |octets: &[u8]| {
        let push = Push::decode(octets).expect("as built");
        (push.content(), push.headers().gwmo().count(), push.content_type().mac().is_some())
    };
    assert_eq!(allocations(|| assert_eq!(read(&push), (Content::DmNotification, 1, false))), 0);

    // All checks, up to the one that drops it: only what is acted upon is remembered.
    let credentials = [(credential, &nonce[..])];
    let account_of = |_: ServerIdentifier<'_>| Some(Account::new(&credentials).with_resync(true));
    let mut memory = ReplayMemory::new();
    let arrival = Arrival::Message(Content::DmNotification, &octets);
    let mut receive =
        |in_session| receive(arrival, &ReceiverPolicy::STRICT, account_of, &mut memory, in_session);
    assert_eq!(allocations(|| assert_eq!(receive(true), Verdict::Drop(DropReason::InSession))), 0);
    ignore(receive(false));
    assert_eq!(allocations(|| assert_eq!(receive(false), Verdict::Drop(DropReason::Replayed))), 0);

    // The counter counts.
    assert_eq!(allocations(|| ignore(notification.to_vec())), 1);
}
