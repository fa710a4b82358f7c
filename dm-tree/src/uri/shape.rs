//! Where the segments of an address end, found once when it is parsed.

/// What is known of the text of an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Whether there may be percent escapes in it.
    pub(super) escaped: bool,
    /// How many of the segments have their ends here.
    known: u8,
    ends: [u16; KNOWN],
}

/// As many as fit beside the rest in 16 bytes; addresses in use rarely have more.
const KNOWN: usize = 6;

impl Shape {
    /// Nothing is known: there may be escapes, and segments are looked for.
    pub(super) const UNKNOWN: Self = Self { escaped: true, known: 0, ends: [0; KNOWN] };
    /// No segments and no escapes.
    pub(super) const ROOT: Self = Self { escaped: false, known: 0, ends: [0; KNOWN] };

    /// Notes where the next segment ends. What does not fit is looked for later.
    pub(super) fn push(&mut self, end: usize) {
        if let (Some(slot), Ok(end)) = (self.ends.get_mut(usize::from(self.known)), u16::try_from(end)) {
            *slot = end;
            self.known += 1;
        }
    }

    /// The end of a segment, if it is known.
    #[inline]
    pub(super) fn end(&self, index: usize) -> Option<usize> {
        if index < usize::from(self.known) { self.ends.get(index).map(|end| usize::from(*end)) } else { None }
    }

    /// That of the text up to `len`.
    pub(super) fn cut(mut self, len: usize) -> Self {
        while self.known > 0 && usize::from(self.ends[usize::from(self.known) - 1]) > len {
            self.known -= 1;
        }
        self
    }
}
