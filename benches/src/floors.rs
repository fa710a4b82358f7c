//! Physical floors: the least any decoder of a buffer can do, built like our own code.

use core::hint::black_box;

/// Touches every octet once and carries something from one to the next, as a tokenizer has to.
#[must_use]
pub fn byte_loop(input: &[u8]) -> u64 {
    let mut h = 0_u64;
    for &b in input {
        h = h.wrapping_add(u64::from(b == 0) | (u64::from(b == 1) << 1) | (u64::from(b == 3) << 2));
        h = (h << 1) ^ u64::from(b);
    }
    h
}

/// Counts `<` with a vectorised search: the floor of reading XML.
#[must_use]
pub fn lt_scan(input: &[u8]) -> usize {
    memchr::memchr_iter(b'<', input).fold(0, |n, _| n + 1)
}

/// Counts NUL with a vectorised search: the floor of finding where inline strings end.
#[must_use]
pub fn nul_scan(input: &[u8]) -> usize {
    memchr::memchr_iter(0, input).fold(0, |n, _| n + 1)
}

/// Copies the buffer: the floor of writing anything.
pub fn copy(input: &[u8], output: &mut Vec<u8>) {
    output.clear();
    output.extend_from_slice(black_box(input));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_count() {
        assert_eq!(lt_scan(b"<a><b/></a>"), 3);
        assert_eq!(nul_scan(b"\x03a\0\x03b\0"), 2);
        assert_ne!(byte_loop(b"ab"), byte_loop(b"ba"));
        let mut out = Vec::new();
        copy(b"abc", &mut out);
        assert_eq!(out, b"abc");
    }
}
