//! Local addresses in the commands of a job.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;

use thiserror::Error;

/// A placeholder, and what is to stand in its place.
///
/// Whether gateways rewrite commands at all is a matter of policy: nothing is unless a job says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Substitution {
    key: Box<str>,
    value: Box<str>,
}

impl Substitution {
    /// The longest placeholder, in octets; the origin URL of an image may serve as one.
    pub const MAX_KEY: usize = 2048;

    /// The longest value, in octets.
    pub const MAX_VALUE: usize = 4096;

    /// A pair. Nothing has to mark a placeholder as one: choose it so that it stands nowhere by accident.
    ///
    /// # Errors
    ///
    /// The placeholder is empty, or one of the two is too long.
    pub fn new(key: &str, value: &str) -> Result<Self, SubstitutionError> {
        if key.is_empty() {
            return Err(SubstitutionError::EmptyKey);
        }
        if key.len() > Self::MAX_KEY || value.len() > Self::MAX_VALUE {
            return Err(SubstitutionError::PairTooLong);
        }
        Ok(Self { key: key.into(), value: value.into() })
    }

    /// The placeholder.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What stands in its place.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Why placeholders were not replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SubstitutionError {
    /// A placeholder has to be something.
    #[error("placeholder is empty")]
    EmptyKey,
    /// A placeholder or a value is too long.
    #[error("placeholder or value is too long")]
    PairTooLong,
    /// There are too many at once.
    #[error("more than {max} placeholders")]
    TooMany {
        /// The most there may be.
        max: usize,
    },
    /// The result would be too long.
    #[error("result is longer than {max} octet(s)")]
    TooLong {
        /// The longest there may be, in octets.
        max: usize,
    },
}

/// Most placeholders replaced at once.
const MAX_PAIRS: usize = 16;

/// Replaces every placeholder in a text, from left to right, the longest where several start; what was put in is not
/// looked at again. The result has at most `max` octets.
///
/// The text is data as it is meant, not as it is written in XML, so nothing is escaped.
///
/// # Errors
///
/// The result would be too long, or there are more than 16 placeholders.
///
/// ```
/// use gwmo_model::{Substitution, substitute};
///
/// let pairs = [Substitution::new("{{fw}}", "http://10.0.0.1/images/1-5a")?];
/// let text = substitute("url={{fw}};again={{fw}}", &pairs, 100)?;
/// assert_eq!(text, "url=http://10.0.0.1/images/1-5a;again=http://10.0.0.1/images/1-5a");
/// assert!(substitute("{{fw}}{{fw}}", &pairs, 30).is_err());
/// # Ok::<(), gwmo_model::SubstitutionError>(())
/// ```
pub fn substitute<'t>(
    text: &'t str,
    pairs: &[Substitution],
    max: usize,
) -> Result<Cow<'t, str>, SubstitutionError> {
    if pairs.len() > MAX_PAIRS {
        return Err(SubstitutionError::TooMany { max: MAX_PAIRS });
    }
    let too_long = SubstitutionError::TooLong { max };
    // Where each stands next: every one is looked for once along the text.
    let mut next = [const { None }; MAX_PAIRS];
    let find = |pair: &Substitution, from: usize| text[from..].find(&*pair.key).map(|at| from + at);
    for (place, pair) in next.iter_mut().zip(pairs) {
        *place = find(pair, 0);
    }
    let (mut result, mut done) = (String::new(), 0);
    loop {
        let found = next.iter().zip(pairs).filter_map(|(place, pair)| Some(((*place)?, pair)));
        let Some((at, pair)) = found.min_by_key(|&(at, pair)| (at, usize::MAX - pair.key.len())) else {
            break;
        };
        let len = result.len() + (at - done) + pair.value.len();
        if len > max {
            return Err(too_long);
        }
        result.push_str(&text[done..at]);
        result.push_str(&pair.value);
        done = at + pair.key.len();
        for (place, pair) in next.iter_mut().zip(pairs) {
            if place.is_some_and(|at| at < done) {
                *place = find(pair, done);
            }
        }
    }
    if result.len() + (text.len() - done) > max {
        return Err(too_long);
    }
    if done == 0 {
        return Ok(Cow::Borrowed(text));
    }
    result.push_str(&text[done..]);
    Ok(Cow::Owned(result))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn pairs(of: &[(&str, &str)]) -> Vec<Substitution> {
        of.iter().map(|(key, value)| Substitution::new(key, value).unwrap()).collect()
    }

    #[test]
    fn what_stands_first_is_replaced_and_the_longest_of_those() {
        for (text, of, expected) in [
            ("", &[("a", "b")][..], ""),
            ("nothing", &[("{k}", "v")], "nothing"),
            ("aaa", &[("aa", "b"), ("a", "c")], "bc"),
            ("aaa", &[("a", "c"), ("aa", "b")], "bc"),
            ("abc", &[("bc", "x"), ("ab", "y")], "yc"),
            ("{k}", &[("{k}", "{k}{k}")], "{k}{k}"),
            ("a", &[("a", "b"), ("b", "c")], "b"),
            ("a", &[("a", "")], ""),
            ("äöü", &[("ö", "oe")], "äoeü"),
            ("k", &[("k", "1"), ("k", "2")], "1"),
        ] {
            assert_eq!(substitute(text, &pairs(of), 100).unwrap(), expected, "{text} {of:?}");
        }
        assert!(matches!(substitute("as it was", &[], 9), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn nothing_grows_beyond_its_limit() {
        let doubling = pairs(&[("a", "aa")]);
        let error = |max| Err(SubstitutionError::TooLong { max });
        assert_eq!(substitute("aaa", &doubling, 5), error(5));
        assert_eq!(substitute("aaa", &doubling, 6).unwrap(), "aaaaaa");
        assert_eq!(substitute("ab", &doubling, 2), error(2));
        assert_eq!(substitute("long", &[], 3), error(3));
        let many = pairs(&[("a", "b"); 17]);
        assert_eq!(substitute("", &many, 100), Err(SubstitutionError::TooMany { max: 16 }));
        assert_eq!(Substitution::new("", "v"), Err(SubstitutionError::EmptyKey));
        assert!(Substitution::new(&"k".repeat(2049), "v").is_err());
        assert!(Substitution::new("k", &"v".repeat(4097)).is_err());
    }
}
