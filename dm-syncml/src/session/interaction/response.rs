//! What the user did about an interaction, as a Status says it.

use alloc::string::String;
use alloc::vec::Vec;

use crate::codes::StatusCode;
use crate::model::Item;
use crate::session::outcome::ItemOutcome;

use super::{Interaction, InteractionKind, text_data};

/// What became of an [`Interaction`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum UserResponse {
    /// The text was shown, or the answer is yes (200).
    Accepted,
    /// The answer is no (304).
    Rejected,
    /// The text that was entered (200).
    Text(String),
    /// The numbers of what was chosen, from 1 (200).
    Chosen(Vec<usize>),
    /// The user does not want to answer (214).
    Cancelled,
    /// The user did not answer in time (408).
    TimedOut,
    /// The device has no means to ask this (406).
    NotSupported,
    /// It is too long to be shown (416).
    TooLong,
    /// Another Status.
    Other(StatusCode),
}

impl UserResponse {
    /// The code of the Status.
    #[must_use]
    pub const fn code(&self) -> StatusCode {
        match self {
            Self::Accepted | Self::Text(_) | Self::Chosen(_) => StatusCode::OK,
            Self::Rejected => StatusCode::NOT_MODIFIED,
            Self::Cancelled => StatusCode::CANCELLED,
            Self::TimedOut => StatusCode::TIMEOUT,
            Self::NotSupported => StatusCode::NOT_SUPPORTED,
            Self::TooLong => StatusCode::SIZE_TOO_BIG,
            Self::Other(code) => *code,
        }
    }

    /// Reads the Status of an interaction's alert: its code and its items. Choices may come one to an item, as the text has it, or
    /// joined by `-` in one, as some clients send them.
    #[must_use]
    pub fn read(kind: &InteractionKind, code: StatusCode, items: &[Item<'_>]) -> Self {
        let texts = || items.iter().filter_map(|item| item.data.as_ref()?.as_text());
        match code {
            StatusCode::OK => match kind {
                InteractionKind::Input(_) => Self::Text(texts().next().unwrap_or_default().into()),
                InteractionKind::SingleChoice { choices, .. }
                | InteractionKind::MultipleChoice { choices, .. } => {
                    let mut chosen = Vec::new();
                    for number in texts().flat_map(|text| text.split('-')) {
                        if let Some(number) = crate::model::parse_decimal::<usize>(number.trim())
                            && (1..=choices.len()).contains(&number)
                        {
                            chosen.push(number);
                        }
                    }
                    chosen.sort_unstable();
                    chosen.dedup();
                    Self::Chosen(chosen)
                }
                _ => Self::Accepted,
            },
            StatusCode::NOT_MODIFIED => Self::Rejected,
            StatusCode::CANCELLED => Self::Cancelled,
            StatusCode::TIMEOUT => Self::TimedOut,
            StatusCode::NOT_SUPPORTED => Self::NotSupported,
            StatusCode::SIZE_TOO_BIG => Self::TooLong,
            other => Self::Other(other),
        }
    }

    /// Whether it is an answer to this interaction: a text where one was asked for and no longer than allowed, a choice that is there.
    #[must_use]
    pub fn fits(&self, interaction: &Interaction) -> bool {
        let in_range = |number: &usize| (1..=interaction.choices().len()).contains(number);
        match (self, &interaction.kind) {
            (Self::Accepted, kind) => {
                matches!(kind, InteractionKind::Display | InteractionKind::Confirm { .. })
            }
            (Self::Rejected, kind) => matches!(kind, InteractionKind::Confirm { .. }),
            (Self::Text(text), InteractionKind::Input(input)) => {
                input.max_length.is_none_or(|max| text.chars().count() as u64 <= u64::from(max))
            }
            (Self::Chosen(numbers), InteractionKind::SingleChoice { .. }) => {
                numbers.len() == 1 && numbers.iter().all(in_range)
            }
            (Self::Chosen(numbers), InteractionKind::MultipleChoice { choices, .. }) => {
                numbers.len() <= choices.len() && numbers.iter().all(in_range)
            }
            (Self::Text(_) | Self::Chosen(_), _) => false,
            // Neither yes nor no in disguise.
            (Self::Other(code), _) => !code.is_success() && *code != StatusCode::NOT_MODIFIED,
            _ => true,
        }
    }

    /// What the Status says: text in its item, each chosen number in one of its own.
    pub(in crate::session) fn to_outcome(&self) -> ItemOutcome {
        let item = |text: &str| Item::new().with_data(text_data(text));
        let mut outcome = ItemOutcome::new(self.code());
        match self {
            Self::Text(text) => outcome.detail.push(item(text)),
            Self::Chosen(numbers) => {
                outcome.detail.extend(numbers.iter().map(|number| item(&alloc::format!("{number}"))));
            }
            _ => {}
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::interaction::TextInput;
    use alloc::vec;

    fn choice() -> Interaction {
        Interaction::multiple_choice("Which", vec!["a".into(), "b".into(), "c".into()]).unwrap()
    }

    #[test]
    fn every_response_has_its_code_and_reads_back() {
        let text = Interaction::input("Name", TextInput::default()).unwrap();
        let confirm = Interaction::confirm("Sure?").unwrap();
        let all = [
            (&confirm, UserResponse::Accepted, 200),
            (&confirm, UserResponse::Rejected, 304),
            (&text, UserResponse::Text("Grüße".into()), 200),
            (&choice(), UserResponse::Chosen(vec![1, 3]), 200),
            (&confirm, UserResponse::Cancelled, 214),
            (&confirm, UserResponse::TimedOut, 408),
            (&confirm, UserResponse::NotSupported, 406),
            (&confirm, UserResponse::TooLong, 416),
            (&confirm, UserResponse::Other(StatusCode::COMMAND_FAILED), 500),
        ];
        for (interaction, response, code) in all {
            assert!(response.fits(interaction), "{response:?}");
            let outcome = response.to_outcome();
            assert_eq!(outcome.code.get(), code);
            assert_eq!(UserResponse::read(&interaction.kind, outcome.code, &outcome.detail), response);
        }
    }

    #[test]
    fn joined_numbers_are_read_and_wrong_ones_left_out() {
        let items = [Item::new().with_data(text_data("3-1-3-9-x"))];
        let read = UserResponse::read(&choice().kind, StatusCode::OK, &items);
        assert_eq!(read, UserResponse::Chosen(vec![1, 3]));
    }

    #[test]
    fn what_was_not_asked_for_does_not_fit() {
        let short =
            Interaction::input("Pin", TextInput { max_length: Some(4), ..TextInput::default() }).unwrap();
        assert!(UserResponse::Text("äöüß".into()).fits(&short));
        assert!(!UserResponse::Text("12345".into()).fits(&short));
        assert!(!UserResponse::Accepted.fits(&short));
        assert!(!UserResponse::Chosen(vec![4]).fits(&choice()));
        assert!(UserResponse::Chosen(vec![]).fits(&choice()));
        let single = Interaction::single_choice("Which", vec!["a".into(), "b".into()]).unwrap();
        assert!(!UserResponse::Chosen(vec![1, 2]).fits(&single));
        assert!(!UserResponse::Rejected.fits(&single));
        assert!(!UserResponse::Other(StatusCode::OK).fits(&single));
    }
}
