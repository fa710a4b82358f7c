//! What a decoded message takes: so many octets for each element at most, whatever a peer sends.
#![expect(clippy::print_stdout, reason = "says what was measured")]

use std::alloc::System;

use dm_syncml::elements::{ErrorKind, Limits};
use dm_syncml::{DecodeErrorKind, DecodeOptions, Encoding, Fragment, Quirks, StatusCode};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Octets for each element, at most: what the documentation of `DecodeOptions::limits` promises. An empty command of one octet takes the
/// most room, in a list that may have grown to twice what it holds.
const PER_ELEMENT: usize = 512;

/// Octets that reading the document has left allocated, and all that it has allocated on the way.
fn cost(document: &[u8], options: &DecodeOptions) -> (usize, usize) {
    let region = Region::new(ALLOCATOR);
    let fragment = Fragment::decode(Encoding::Wbxml, document, options);
    let stats = region.change();
    assert!(fragment.is_ok(), "{fragment:?}");
    (stats.bytes_allocated - stats.bytes_deallocated, stats.bytes_allocated)
}

/// One test, since others would allocate meanwhile.
#[test]
fn memory_is_bounded_by_the_number_of_elements() {
    const HEADER: &[u8] = b"\x02\xA4\x01\x6A\0";
    let options = DecodeOptions::new()
        .with_quirks(Quirks::FIELD)
        .with_limits(Limits::DEFAULT.with_elements(1 << 20).with_depth(Limits::MAX_DEPTH));
    let end = |levels: usize| vec![0x01; levels];
    // What stands around, what is repeated, its elements, and the ends.
    let nested = [[0x48; 200].as_slice(), &[0x01; 200]].concat();
    for (name, before, unit, elements, after) in [
        ("items", b"\x45\x4B\x031\0\x01".as_slice(), b"\x14".as_slice(), 1, end(1)),
        ("items with an unknown element", b"\x45\x4B\x031\0\x01", b"\x54\x15\x01", 2, end(1)),
        ("items with a Meta", b"\x45\x4B\x031\0\x01", b"\x54\x1A\x01", 2, end(1)),
        ("items with a target", b"\x45\x4B\x031\0\x01", b"\x54\x6E\x17\x01\x01", 3, end(1)),
        ("items with data of elements", b"\x45\x4B\x031\0\x01", b"\x54\x4F\x15\x01\x01", 3, end(1)),
        ("commands", b"\x6D\x6B", b"\x13", 1, end(2)),
        ("unknown commands", b"\x6D\x6B", b"\x1F", 1, end(2)),
        ("commands with an item", b"\x6D\x6B", b"\x53\x14\x01", 2, end(2)),
        ("commands with credentials", b"\x6D\x6B", b"\x45\x4E\x0F\x01\x01", 3, end(2)),
        ("alerts with an item", b"\x6D\x6B", b"\x46\x14\x01", 2, end(2)),
        ("containers with a member", b"\x6D\x6B", b"\x48\x13\x01", 2, end(2)),
        ("containers with two", b"\x6D\x6B", b"\x64\x13\x13\x01", 3, end(2)),
        ("containers in containers", b"\x6D\x6B", &nested, 200, end(2)),
        ("elements beside the body", b"\x6D\x2B", b"\x15", 1, end(1)),
        ("elements in a header", b"\x6D\x2B\x6E", b"\x15", 1, end(2)),
        ("unknown elements in an unknown one", b"\x6D\x6B\x5F", b"\x15", 1, end(3)),
        ("unknown elements in one another", b"\x6D\x6B", b"\x5F\x55\x15\x01\x01", 3, end(2)),
    ] {
        // One more than a list has room for that has grown as lists do.
        let count = (1 << 12) + 1;
        let document = [HEADER, before, &unit.repeat(count), &after].concat();
        let (left, allocated) = cost(&document, &options);
        let elements = count * elements;
        println!(
            "{name}: {} octets for each element, {} for each octet of the document; {} on the way",
            left / elements,
            left / document.len(),
            allocated / elements
        );
        assert!(left <= PER_ELEMENT * elements, "{name}: {}", left / elements);
        assert!(allocated <= 2 * PER_ELEMENT * elements, "{name}: {}", allocated / elements);
    }
    // A limit on elements is therefore one on memory, and is answered like any other.
    let document = [HEADER, b"\x6D\x6B", &[0x13; 20_000][..], b"\x01\x01"].concat();
    let options = options.with_limits(Limits::DEFAULT.with_elements(1000));
    let region = Region::new(ALLOCATOR);
    let error = Fragment::decode(Encoding::Wbxml, &document, &options).unwrap_err();
    let allocated = region.change().bytes_allocated;
    assert_eq!(error.kind(), &DecodeErrorKind::Document(ErrorKind::TooManyElements(1000)));
    assert_eq!(error.status(), StatusCode::TOO_LARGE);
    assert!(allocated <= 2 * PER_ELEMENT * 1000, "{allocated}");
}
