//! Each limit, in each encoding: what is as large as it allows is read, and one more is refused.

use dm_wbxml::{Error, ErrorKind, Limits, SYNCML_1_2, Source, wbxml};

/// A document for the size `n`, and the limits that allow that size.
struct Bound<D> {
    name: &'static str,
    document: fn(usize) -> D,
    limits: fn(usize) -> Limits,
    refusal: fn(usize) -> ErrorKind,
}

fn check<D: AsRef<[u8]>>(
    bounds: &[Bound<D>],
    sizes: &[usize],
    read: fn(&[u8], Limits) -> Result<usize, Error>,
) {
    for bound in bounds {
        for limit in sizes {
            let limits = (bound.limits)(*limit);
            let fits = read((bound.document)(*limit).as_ref(), limits);
            assert!(fits.is_ok(), "{} {limit}: {fits:?}", bound.name);
            let error = read((bound.document)(*limit + 1).as_ref(), limits).expect_err(bound.name);
            assert_eq!(error.kind(), &(bound.refusal)(*limit), "{}", bound.name);
            assert!(error.kind().is_limit());
        }
    }
}

fn events<'a>(mut source: impl Source<'a>) -> Result<usize, Error> {
    let mut events = 0;
    while source.next()?.is_some() {
        events += 1;
    }
    Ok(events)
}

const SIZES: [usize; 4] = [1, 2, 31, 200];

fn read_wbxml(document: &[u8], limits: Limits) -> Result<usize, Error> {
    events(wbxml::Reader::new(document, &SYNCML_1_2, limits)?)
}

fn document(table: &[u8], body: &[&[u8]]) -> Vec<u8> {
    assert!(table.len() < 1 << 14);
    let length = [0x80 | (table.len() >> 7) as u8, (table.len() & 0x7F) as u8];
    [b"\x03\xA4\x01\x6A".as_slice(), &length, table, &body.concat()].concat()
}

#[test]
fn wbxml() {
    let bounds = [
        Bound {
            name: "document",
            document: |n| document(b"", &[b"\x4F\x03", &vec![b'x'; n], b"\0\x01"]),
            limits: |n| Limits::DEFAULT.with_document(6 + 4 + n),
            refusal: |n| ErrorKind::DocumentTooLarge(6 + 4 + n),
        },
        Bound {
            name: "depth",
            document: |n| document(b"", &[&vec![0x54; n], &vec![0x01; n]]),
            limits: |n| Limits::DEFAULT.with_depth(n as u16),
            refusal: |n| ErrorKind::TooDeep(n as u16),
        },
        Bound {
            name: "elements",
            document: |n| document(b"", &[b"\x54", &vec![0x0F; n - 1], b"\x01"]),
            limits: |n| Limits::DEFAULT.with_elements(n as u32),
            refusal: |n| ErrorKind::TooManyElements(n as u32),
        },
        Bound {
            name: "attributes as elements",
            document: |n| document(b"a\0", &[b"\xD4\x04\0\x01", &b"\x8F\x04\0\x01".repeat(n), b"\x01"]),
            limits: |n| Limits::DEFAULT.with_elements(2 * n as u32 + 2),
            refusal: |n| ErrorKind::TooManyElements(2 * n as u32 + 2),
        },
        Bound {
            name: "string table",
            document: |n| document(&vec![b'x'; n], &[b"\x0F"]),
            limits: |n| Limits::DEFAULT.with_string_table(n),
            refusal: ErrorKind::StringTableTooLarge,
        },
        Bound {
            name: "expansion by text",
            document: |n| document(b"x\0", &[b"\x4F", &b"\x83\0".repeat(n), b"\x01"]),
            limits: |n| Limits::DEFAULT.with_expansion(n),
            refusal: ErrorKind::ExpansionTooLarge,
        },
        Bound {
            name: "expansion by names",
            document: |n| document(b"x\0", &[b"\x4F", &b"\x04\0".repeat(n), b"\x01"]),
            limits: |n| Limits::DEFAULT.with_expansion(n),
            refusal: ErrorKind::ExpansionTooLarge,
        },
        Bound {
            name: "expansion by a value",
            document: |n| document(b"x\0", &[b"\x8F\x04\0", &b"\x83\0".repeat(n), b"\x01"]),
            limits: |n| Limits::DEFAULT.with_expansion(n + 1),
            refusal: |n| ErrorKind::ExpansionTooLarge(n + 1),
        },
        Bound {
            name: "name of an element",
            document: |n| document(&vec![b'x'; n], &[b"\x04\0"]),
            limits: |n| Limits::DEFAULT.with_name(n),
            refusal: ErrorKind::NameTooLong,
        },
        Bound {
            name: "name of an attribute",
            document: |n| document(&vec![b'x'; n], &[b"\x8F\x04\0\x01"]),
            limits: |n| Limits::DEFAULT.with_name(n),
            refusal: ErrorKind::NameTooLong,
        },
        Bound {
            name: "attributes of one element",
            document: |n| document(b"a\0", &[b"\x8F", &b"\x04\0".repeat(n), b"\x01"]),
            limits: |n| Limits::DEFAULT.with_attributes(n as u16),
            refusal: |n| ErrorKind::TooManyAttributes(n as u16),
        },
        Bound {
            name: "attributes of a processing instruction",
            document: |n| document(b"a\0", &[b"\x43", &b"\x04\0".repeat(n), b"\x01\x0F"]),
            limits: |n| Limits::DEFAULT.with_attributes(n as u16),
            refusal: |n| ErrorKind::TooManyAttributes(n as u16),
        },
    ];
    check(&bounds, &SIZES, read_wbxml);
}

#[cfg(feature = "xml")]
#[test]
fn xml() {
    use dm_wbxml::xml::{Options, Reader};
    let read = |document: &[u8], limits| events(Reader::new(document, &SYNCML_1_2, Options::new(limits))?);
    let bounds = [
        Bound {
            name: "document",
            document: |n| format!("<a>{}</a>", "x".repeat(n)),
            limits: |n| Limits::DEFAULT.with_document(7 + n),
            refusal: |n| ErrorKind::DocumentTooLarge(7 + n),
        },
        Bound {
            name: "depth",
            document: |n| "<a>".repeat(n) + &"</a>".repeat(n),
            limits: |n| Limits::DEFAULT.with_depth(n as u16),
            refusal: |n| ErrorKind::TooDeep(n as u16),
        },
        Bound {
            name: "elements",
            document: |n| format!("<a>{}</a>", "<b/>".repeat(n - 1)),
            limits: |n| Limits::DEFAULT.with_elements(n as u32),
            refusal: |n| ErrorKind::TooManyElements(n as u32),
        },
        Bound {
            name: "attributes as elements",
            document: |n| format!("<a>{}</a>", "<b c=''/>".repeat(n)),
            limits: |n| Limits::DEFAULT.with_elements(2 * n as u32 + 1),
            refusal: |n| ErrorKind::TooManyElements(2 * n as u32 + 1),
        },
        Bound {
            name: "name of an element",
            document: |n| format!("<{}/>", "x".repeat(n)),
            limits: |n| Limits::DEFAULT.with_name(n),
            refusal: ErrorKind::NameTooLong,
        },
        Bound {
            name: "name of an attribute",
            document: |n| format!("<a {}=''/>", "x".repeat(n)),
            limits: |n| Limits::DEFAULT.with_name(n),
            refusal: ErrorKind::NameTooLong,
        },
        Bound {
            name: "namespace",
            document: |n| format!("<a xmlns='{}'/>", "x".repeat(n)),
            limits: |n| Limits::DEFAULT.with_name(n.max(5)),
            refusal: |n| ErrorKind::NameTooLong(n.max(5)),
        },
        Bound {
            name: "attributes of one element",
            document: |n| format!("<a{}/>", (0..n).map(|i| format!(" b{i}=''")).collect::<String>()),
            limits: |n| Limits::DEFAULT.with_attributes(n as u16),
            refusal: |n| ErrorKind::TooManyAttributes(n as u16),
        },
        Bound {
            name: "declarations of one element",
            document: |n| format!("<a{}/>", (0..n).map(|i| format!(" xmlns:b{i}='u'")).collect::<String>()),
            limits: |n| Limits::DEFAULT.with_attributes(n as u16),
            refusal: |n| ErrorKind::TooManyAttributes(n as u16),
        },
    ];
    let (short, long): (Vec<_>, Vec<_>) = bounds.into_iter().partition(|bound| bound.name == "namespace");
    check(&long, &SIZES, read);
    // `xmlns` is a name too.
    check(&short, &[5, 31, 200], read);
}
