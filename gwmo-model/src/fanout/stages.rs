//! How a job begins: with few targets first, with more when those do well.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// How many targets may have been begun with at each stage of a job, such as `1,5,20%`: one, then five in all, then a
/// fifth of all, then everybody. A stage is over when everything begun with has its end.
///
/// ```
/// use gwmo_model::Stages;
///
/// let stages: Stages = "1,5,20%".parse()?;
/// assert_eq!((0..5).map(|stage| stages.quota(stage, 200)).collect::<Vec<_>>(), [1, 5, 40, 200, 200]);
/// assert_eq!(stages.to_string(), "1,5,20%");
/// assert!("5,0".parse::<Stages>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stages {
    len: u8,
    steps: [Step; Self::MAX],
}

/// A text that is no list of stages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("no list of stages at octet {offset}")]
pub struct StagesError {
    offset: usize,
}

impl StagesError {
    /// Where, in octets.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Step {
    Count(u32),
    Percent(u8),
}

impl Default for Step {
    fn default() -> Self {
        Self::Percent(100)
    }
}

impl Stages {
    /// Most stages before the last, which takes everybody.
    pub const MAX: usize = 8;

    /// How many of `total` targets may have been begun with in this stage, counted from 0: percents are rounded up.
    /// Never fewer than in the stage before.
    #[must_use]
    pub fn quota(&self, stage: u8, total: u32) -> u32 {
        if stage >= self.count() {
            return total;
        }
        let steps = self.steps.iter().take(usize::from(stage) + 1);
        let of = |step: &Step| match *step {
            Step::Count(count) => count.min(total),
            // At most `total`, since no percentage is above 100.
            Step::Percent(percent) => (u64::from(total) * u64::from(percent)).div_ceil(100) as u32,
        };
        steps.map(of).max().unwrap_or(total).max(1).min(total)
    }

    /// How many stages there are before the one that takes everybody.
    #[must_use]
    pub fn count(&self) -> u8 {
        self.len.min(Self::MAX as u8)
    }
}

impl FromStr for Stages {
    type Err = StagesError;

    /// Numbers from 1 on and percentages from 1 to 100, with commas between; the empty text for no stages.
    fn from_str(text: &str) -> Result<Self, StagesError> {
        let mut stages = Self::default();
        if text.trim().is_empty() {
            return Ok(stages);
        }
        let mut offset = 0;
        for part in text.split(',') {
            let error = StagesError { offset };
            let step = match part.trim().strip_suffix('%') {
                Some(percent) => percent.parse().ok().filter(|p| (1..=100).contains(p)).map(Step::Percent),
                None => part.trim().parse().ok().filter(|count| *count > 0).map(Step::Count),
            };
            let slot = stages.steps.get_mut(usize::from(stages.len)).ok_or(error)?;
            *slot = step.ok_or(error)?;
            stages.len += 1;
            offset += part.len() + 1;
        }
        Ok(stages)
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().take(self.count().into()).enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match step {
                Step::Count(count) => write!(f, "{count}")?,
                Step::Percent(percent) => write!(f, "{percent}%")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stages({self})")
    }
}
