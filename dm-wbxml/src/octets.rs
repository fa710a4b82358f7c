//! Where writers put octets: a buffer, or a count of what a buffer would need.

use bytes::BufMut;

/// Takes octets.
pub(crate) trait Octets {
    fn put_u8(&mut self, octet: u8);

    fn put_slice(&mut self, octets: &[u8]);

    /// Base64 of the octets; a count needs their number only.
    #[cfg(feature = "xml")]
    fn put_base64(&mut self, octets: &[u8]);
}

/// Any buffer. Not `BufMut` itself, which only `unsafe` could implement for a count.
#[derive(Clone, Debug)]
pub(crate) struct Buffer<B>(pub(crate) B);

impl<B: BufMut> Octets for Buffer<B> {
    #[inline]
    fn put_u8(&mut self, octet: u8) {
        self.0.put_u8(octet);
    }

    #[inline]
    fn put_slice(&mut self, octets: &[u8]) {
        self.0.put_slice(octets);
    }

    #[cfg(feature = "xml")]
    fn put_base64(&mut self, octets: &[u8]) {
        use base64ct::{Base64, Encoding as _};
        // In pieces, so that no second copy of a large value is made; whole groups of three have no padding.
        let mut digits = [0; 1024];
        for piece in octets.chunks(768) {
            let encoded = Base64::encode(piece, &mut digits).unwrap_or_default();
            self.0.put_slice(encoded.as_bytes());
        }
    }
}

/// Counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count(pub(crate) usize);

impl Octets for Count {
    #[inline]
    fn put_u8(&mut self, _: u8) {
        self.0 += 1;
    }

    #[inline]
    fn put_slice(&mut self, octets: &[u8]) {
        self.0 += octets.len();
    }

    #[cfg(feature = "xml")]
    fn put_base64(&mut self, octets: &[u8]) {
        self.0 += octets.len().div_ceil(3) * 4;
    }
}

#[cfg(all(test, feature = "xml"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use base64ct::{Base64, Encoding as _};

    #[test]
    fn base64_in_pieces_is_base64() {
        for len in [0, 1, 2, 3, 767, 768, 769, 770, 1536, 5000] {
            let octets: Vec<u8> = (0..len).map(|n| (n * 7) as u8).collect();
            let (mut written, mut count) = (Vec::new(), Count::default());
            Buffer(&mut written).put_base64(&octets);
            count.put_base64(&octets);
            assert_eq!(written, Base64::encode_string(&octets).as_bytes(), "{len}");
            assert_eq!(count.0, written.len(), "{len}");
        }
    }
}
