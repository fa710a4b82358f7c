//! How long addresses may be.

use super::error::{UriError, UriErrorKind};
use super::segment::Segments;

/// How long addresses may be: the values of `./DevDetail/URI` (StdObj 1.2.1, DevDetail). Zero means unlimited.
///
/// All count characters; since anything outside ASCII travels escaped, that is bytes, and an escape counts three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UriLimits {
    /// `MaxDepth`: segments; a leading `./` is none.
    pub max_depth: u16,
    /// `MaxTotLen`: characters of a whole address, the query included.
    pub max_tot_len: u16,
    /// `MaxSegLen`: characters of one segment, which is also the longest name.
    pub max_seg_len: u16,
}

impl UriLimits {
    /// No limits at all. For documents one wrote oneself.
    pub const UNLIMITED: Self = Self { max_depth: 0, max_tot_len: 0, max_seg_len: 0 };

    /// Sets `MaxDepth`.
    #[must_use]
    pub const fn with_max_depth(mut self, segments: u16) -> Self {
        self.max_depth = segments;
        self
    }

    /// Sets `MaxTotLen`.
    #[must_use]
    pub const fn with_max_tot_len(mut self, characters: u16) -> Self {
        self.max_tot_len = characters;
        self
    }

    /// Sets `MaxSegLen`.
    #[must_use]
    pub const fn with_max_seg_len(mut self, characters: u16) -> Self {
        self.max_seg_len = characters;
        self
    }
}

impl Default for UriLimits {
    /// 32 segments, 1024 characters in all, 255 per segment. The longest of some 120 addresses collected from real
    /// messages had 9 segments and 129 characters, 74 of them in one segment; the rest is room to grow.
    fn default() -> Self {
        Self { max_depth: 32, max_tot_len: 1024, max_seg_len: 255 }
    }
}

pub(super) fn check_lengths(segments: Segments<'_>, len: usize, limits: &UriLimits) -> Result<(), UriError> {
    let over = |limit: u16, actual: usize| limit != 0 && actual > usize::from(limit);
    // Hardly any address is anywhere near a limit.
    let (max_seg, rest) = (usize::from(limits.max_seg_len), segments.rest());
    let is_short = (max_seg == 0 || rest.len() <= max_seg) && !over(limits.max_tot_len, len);
    if is_short && (limits.max_depth == 0 || rest.len() / 2 < usize::from(limits.max_depth)) {
        return Ok(());
    }
    let mut at = segments.offset();
    for (index, segment) in segments.enumerate() {
        if over(limits.max_depth, index + 1) {
            return Err(UriError { kind: UriErrorKind::TooDeep, offset: at });
        }
        if over(limits.max_seg_len, segment.as_str().len()) {
            return Err(UriError { kind: UriErrorKind::SegmentTooLong, offset: at });
        }
        at += segment.as_str().len() + 1;
    }
    if over(limits.max_tot_len, len) {
        return Err(UriError { kind: UriErrorKind::TooLong, offset: usize::from(limits.max_tot_len) });
    }
    Ok(())
}
