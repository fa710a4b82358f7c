//! All forms of the header (WAP-192 §5.4 to §5.7).

use dm_wbxml::wbxml::{Charset, DocumentId, Reader, Version};
use dm_wbxml::{ErrorKind, Limits, PublicId, SYNCML_1_2};

type Parts<'a> = (Version, DocumentId<'a>, Charset, &'a [u8]);

fn read(octets: &[u8]) -> Result<Parts<'_>, (ErrorKind, usize)> {
    match Reader::new(octets, &SYNCML_1_2, Limits::DEFAULT) {
        Ok(reader) => {
            let header = reader.header();
            Ok((header.version, header.document, header.charset, header.string_table))
        }
        Err(error) => {
            assert_eq!(error.path(), "");
            Err((error.kind().clone(), error.offset()))
        }
    }
}

#[test]
fn versions() {
    for (octet, version) in [(1, Version::V1_1), (2, Version::V1_2), (3, Version::V1_3)] {
        assert_eq!(read(&[octet, 1, 0x6A, 0]).unwrap().0, version);
    }
    // 1.0 had no character set in its header, and 1.4 and 2.0 do not exist.
    for octet in [0x00, 0x04, 0x10, 0x3C, 0xFF] {
        assert_eq!(read(&[octet, 1, 0x6A, 0]), Err((ErrorKind::Version(octet), 0)));
    }
}

#[test]
fn public_identifiers() {
    let fpi = b"-//SYNCML//DTD SyncML 1.2//EN";
    let numbers: [(&[u8], PublicId); 4] = [
        (&[0x01], PublicId::UNKNOWN),
        (&[0x9F, 0x51], PublicId::SYNCML_1_0),
        (&[0x9F, 0x53], PublicId::SYNCML_1_1),
        (&[0xA4, 0x01], PublicId::SYNCML_1_2),
    ];
    for (octets, id) in numbers {
        let document = [&[2], octets, &[0x6A, 0]].concat();
        assert_eq!(read(&document).unwrap().1, DocumentId::Number(id));
    }
    assert_eq!(read(&[2, 0x7F, 0x6A, 0]).unwrap().1, DocumentId::Number(PublicId::new(0x7F).unwrap()));

    // By name, with and without NUL, at the start and inside the table.
    let without = [b"\x02\x00\x00\x6A\x1D".as_slice(), fpi].concat();
    assert_eq!(read(&without).unwrap().1, DocumentId::Name(fpi));
    let with = [b"\x03\x00\x00\x6A\x1E".as_slice(), fpi, b"\0"].concat();
    assert_eq!(read(&with).unwrap().1, DocumentId::Name(fpi));
    let inside = [b"\x03\x00\x04\x6A\x25".as_slice(), b"abc\0", fpi, b"\0def"].concat();
    assert_eq!(read(&inside).unwrap().1, DocumentId::Name(fpi));
    let at_the_end = b"\x03\x00\x03\x6A\x03abc";
    assert_eq!(read(at_the_end).unwrap().1, DocumentId::Name(b""));
    let behind = b"\x03\x00\x04\x6A\x03abc";
    assert_eq!(read(behind), Err((ErrorKind::StringReference(4), 8)));
}

#[test]
fn character_sets() {
    let table: [(&[u8], Result<Charset, u32>); 7] = [
        (&[0x00], Ok(Charset::Unknown)),
        (&[0x03], Ok(Charset::UsAscii)),
        (&[0x04], Ok(Charset::Latin1)),
        (&[0x6A], Ok(Charset::Utf8)),
        (&[0x05], Err(5)), // ISO-8859-2
        (&[0x87, 0x68], Err(1000)),
        (&[0x8F, 0xFF, 0xFF, 0xFF, 0x7F], Err(u32::MAX)),
    ];
    for (octets, expected) in table {
        let document = [&[2, 1], octets, &[0]].concat();
        let at = 2 + octets.len();
        assert_eq!(
            read(&document).map(|header| header.2),
            expected.map_err(|mib| (ErrorKind::Charset(mib), at)),
            "{octets:02X?}"
        );
    }
}

#[test]
fn string_tables() {
    assert_eq!(read(b"\x02\x01\x6A\x00").unwrap().3, b"");
    assert_eq!(read(b"\x02\x01\x6A\x04a\0bc\x0F").unwrap().3, b"a\0bc");
    // Padded, as encoders write it that fill the length in later.
    assert_eq!(read(b"\x02\x01\x6A\x80\x80\x01a").unwrap().3, b"a");
    assert_eq!(read(b"\x02\x01\x6A\x04abc"), Err((ErrorKind::Truncated, 4)));
    assert_eq!(read(b"\x02\x01\x6A\x8F\xFF\xFF\xFF\x7F"), Err((ErrorKind::StringTableTooLarge(1 << 20), 8)));
    assert_eq!(read(b"\x02\x01\x6A\xFF\xFF\xFF\xFF\x7F"), Err((ErrorKind::Integer, 8)));
    assert_eq!(read(b"\x02\x01\x6A\x80\x80\x80\x80\x80\x00"), Err((ErrorKind::Integer, 8)));
}

#[test]
fn every_prefix_is_truncated() {
    let header = b"\x03\x00\x81\x00\x6A\x82\x00";
    for len in 0..header.len() {
        assert_eq!(read(&header[..len]), Err((ErrorKind::Truncated, len)), "{len}");
    }
}
