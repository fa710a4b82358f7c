//! The security methods: the SEC parameter of a content type.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use super::{BootstrapError, BootstrapErrorKind};

/// How a connectivity provisioning document is proven (OMA Provisioning Bootstrap 1.1, SEC), by number.
///
/// ```
/// use dm_notification::bootstrap::CpSec;
///
/// assert_eq!(CpSec::USERPIN.code(), 1);
/// assert_eq!(CpSec::from_name("netwpin"), Some(CpSec::NETWPIN));
/// assert_eq!(CpSec::new(9).name(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpSec(u8);

impl CpSec {
    /// 0: the IMSI is the key.
    pub const NETWPIN: Self = Self(0);
    /// 1: a PIN that the user was told is the key.
    pub const USERPIN: Self = Self(1);
    /// 2: the IMSI and then the PIN are the key.
    pub const USERNETWPIN: Self = Self(2);
    /// 3: the user types a PIN and check digits; the message carries no MAC.
    pub const USERPINMAC: Self = Self(3);

    const NAMES: [&'static str; 4] = ["NETWPIN", "USERPIN", "USERNETWPIN", "USERPINMAC"];

    /// The method with this number, assigned or not. Seven bits count.
    #[must_use]
    pub const fn new(code: u8) -> Self {
        Self(code & 0x7F)
    }

    /// The number, seven bits.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The registered name.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.get(usize::from(self.0)).copied()
    }

    /// The method with this name, of either case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let code = Self::NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        u8::try_from(code).ok().map(Self)
    }
}

/// The name, or the number where there is none.
impl fmt::Display for CpSec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for CpSec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a bootstrap message of the DM profile is proven (DM Security 1.2.1, bootstrap), by word. Others than the
/// three may be agreed upon, so unknown words are kept. Words are compared without case.
///
/// ```
/// use dm_notification::bootstrap::DmSec;
///
/// assert_eq!(DmSec::new("userpin")?, DmSec::USERPIN);
/// assert!(!DmSec::new("X-OURS")?.is_known());
/// # Ok::<(), dm_notification::bootstrap::BootstrapError>(())
/// ```
#[derive(Clone, Debug)]
pub struct DmSec(Cow<'static, str>);

impl DmSec {
    /// What the network knows is the key. Must be supported.
    pub const NETWORKID: Self = Self(Cow::Borrowed("NETWORKID"));
    /// A PIN that the user was told is the key. Must be supported.
    pub const USERPIN: Self = Self(Cow::Borrowed("USERPIN"));
    /// `PIN:secret` is the key.
    pub const USERPIN_NETWORKID: Self = Self(Cow::Borrowed("USERPIN_NETWORKID"));

    /// The method with this word, known or not.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::Method`] unless it is 1 to 64 visible ASCII characters.
    pub fn new(word: impl Into<String>) -> Result<Self, BootstrapError> {
        let word = word.into();
        if !(1..=64).contains(&word.len()) || !word.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(BootstrapError::new(BootstrapErrorKind::Method));
        }
        Ok(Self(Cow::Owned(word)))
    }

    /// The method that a number stands for. The standard names none; receivers take 0, 1 and 2 in the order of the
    /// methods of connectivity provisioning.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code & 0x7F {
            0 => Some(Self::NETWORKID),
            1 => Some(Self::USERPIN),
            2 => Some(Self::USERPIN_NETWORKID),
            _ => None,
        }
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one of the three.
    #[must_use]
    pub fn is_known(&self) -> bool {
        [Self::NETWORKID, Self::USERPIN, Self::USERPIN_NETWORKID].contains(self)
    }
}

impl PartialEq for DmSec {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for DmSec {}

impl fmt::Display for DmSec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names() {
        for (code, name) in ["NETWPIN", "USERPIN", "USERNETWPIN", "USERPINMAC"].into_iter().enumerate() {
            let sec = CpSec::new(u8::try_from(code).expect("small"));
            assert_eq!(sec.name(), Some(name));
            assert_eq!(CpSec::from_name(&name.to_lowercase()), Some(sec));
        }
        assert_eq!(CpSec::from_name("NETWORKID"), None);
        assert_eq!(alloc::format!("{} {:?}", CpSec::new(7), CpSec::USERPIN), "7 USERPIN");
        for (code, sec) in
            [DmSec::NETWORKID, DmSec::USERPIN, DmSec::USERPIN_NETWORKID].into_iter().enumerate()
        {
            assert_eq!(DmSec::from_code(0x80 | u8::try_from(code).expect("small")), Some(sec));
        }
        assert_eq!(DmSec::from_code(3), None);
        for wrong in ["", "A B", "A\0", &"X".repeat(65)] {
            assert_eq!(DmSec::new(wrong).map_err(|e| e.kind()), Err(BootstrapErrorKind::Method));
        }
    }
}
