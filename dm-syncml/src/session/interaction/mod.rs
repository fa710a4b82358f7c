//! What a server asks of the user: the alerts 1100 to 1104 (DM Protocol 1.2.1, user interaction alerts), typed for both sides.

mod media;
mod options;
mod response;

pub use media::{InteractionMedia, MediaContent};
pub use response::UserResponse;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use dm_wbxml::is_xml_text;

use crate::codes::{AlertCode, StatusCode};
use crate::error::ValueError;
use crate::model::{Alert, CmdId, Data, Item};

use options::Options;

/// Something the user is to see or to answer.
///
/// A server builds one and sends its [`to_alert`](Self::to_alert); a client session reads the alert and hands the same value to
/// whatever shows it.
///
/// ```
/// use core::time::Duration;
/// use dm_syncml::CmdId;
/// use dm_syncml::session::Interaction;
///
/// let question = Interaction::confirm("Install the update now?")?.with_max_display(Duration::from_secs(60));
/// let alert = question.to_alert(CmdId::new("4")?);
/// assert_eq!(alert.items[0].data.as_ref().unwrap().as_text(), Some("MAXDT=60"));
/// assert_eq!(Interaction::read(&alert), Ok(question));
/// # Ok::<(), dm_syncml::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Interaction {
    /// What kind of answer is wanted.
    pub kind: InteractionKind,
    /// What the user reads.
    pub text: String,
    /// `MINDT`: it stays in sight for at least so long, in whole seconds. Whoever shows it sees to that; a session takes an answer at any time.
    pub min_display: Option<Duration>,
    /// `MAXDT`: an answer is waited for so long, in whole seconds; then it counts as cancelled.
    pub max_display: Option<Duration>,
    /// What is shown or played beside the text, by who can. Of types that are not known, and when nothing is, the text is enough.
    pub media: Vec<InteractionMedia>,
}

/// What kind of answer an interaction wants. A default (`DR`) only presets what the user then confirms or changes; it is never an
/// answer by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InteractionKind {
    /// 1100: none; the text is shown.
    Display,
    /// 1101: yes or no.
    Confirm {
        /// Which of the two is preset.
        default: Option<bool>,
    },
    /// 1102: a text.
    Input(TextInput),
    /// 1103: one of the choices.
    SingleChoice {
        /// What there is to choose from; numbered from 1.
        choices: Vec<String>,
        /// The number of the one that is preset.
        default: Option<usize>,
    },
    /// 1104: any of the choices.
    MultipleChoice {
        /// What there is to choose from; numbered from 1.
        choices: Vec<String>,
        /// The numbers of those that are preset.
        defaults: Vec<usize>,
    },
}

/// How a text is to be entered.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct TextInput {
    /// `DR`: the text that is there to begin with.
    pub initial: Option<String>,
    /// `MAXLEN`: how many characters are taken at most.
    pub max_length: Option<u32>,
    /// `IT`: which characters are taken.
    pub input_type: InputType,
    /// `ET`: whether the text can be seen while it is entered.
    pub echo: Echo,
}

/// Which characters a text may have (`IT`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum InputType {
    /// `A`: any.
    #[default]
    Alphanumeric,
    /// `N`: a number.
    Number,
    /// `D`: a date as `DDMMYYYY`.
    Date,
    /// `T`: a time as `hhmmss`.
    Time,
    /// `P`: a telephone number: digits, `+`, `p`, `w`, `s`.
    Phone,
    /// `I`: an address as `xxx.yyy.zzz.www`.
    IpAddress,
}

/// Whether a text can be seen while it is entered (`ET`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Echo {
    /// `T`: it can.
    #[default]
    Text,
    /// `P`: it is a password.
    Password,
}

impl Interaction {
    /// How many pieces of media one interaction has at the most.
    pub const MAX_MEDIA: usize = 8;

    fn new(kind: InteractionKind, text: String) -> Result<Self, ValueError> {
        check(&text)?;
        Ok(Self { kind, text, min_display: None, max_display: None, media: Vec::new() })
    }

    /// Shows a text (1100).
    ///
    /// # Errors
    /// [`ValueError::NotText`] when the text holds characters XML cannot carry.
    pub fn display(text: impl Into<String>) -> Result<Self, ValueError> {
        Self::new(InteractionKind::Display, text.into())
    }

    /// Asks for yes or no (1101).
    ///
    /// # Errors
    /// As [`display`](Self::display).
    pub fn confirm(text: impl Into<String>) -> Result<Self, ValueError> {
        Self::new(InteractionKind::Confirm { default: None }, text.into())
    }

    /// Asks for a text (1102).
    ///
    /// # Errors
    /// As [`display`](Self::display); the initial text counts too.
    pub fn input(text: impl Into<String>, input: TextInput) -> Result<Self, ValueError> {
        check(input.initial.as_deref().unwrap_or_default())?;
        Self::new(InteractionKind::Input(input), text.into())
    }

    /// Asks for one of several choices (1103).
    ///
    /// # Errors
    /// As [`display`](Self::display); [`ValueError::Empty`] when there is nothing to choose from.
    pub fn single_choice(text: impl Into<String>, choices: Vec<String>) -> Result<Self, ValueError> {
        check_choices(&choices)?;
        Self::new(InteractionKind::SingleChoice { choices, default: None }, text.into())
    }

    /// Asks for any of several choices (1104).
    ///
    /// # Errors
    /// As [`single_choice`](Self::single_choice).
    pub fn multiple_choice(text: impl Into<String>, choices: Vec<String>) -> Result<Self, ValueError> {
        check_choices(&choices)?;
        Self::new(InteractionKind::MultipleChoice { choices, defaults: Vec::new() }, text.into())
    }

    /// Sets [`min_display`](Self::min_display); parts of a second are left out on the wire.
    #[must_use]
    pub const fn with_min_display(mut self, time: Duration) -> Self {
        self.min_display = Some(time);
        self
    }

    /// Sets [`max_display`](Self::max_display); parts of a second are left out on the wire.
    #[must_use]
    pub const fn with_max_display(mut self, time: Duration) -> Self {
        self.max_display = Some(time);
        self
    }

    /// Adds something to see or hear; beyond [`MAX_MEDIA`](Self::MAX_MEDIA) it is left out.
    #[must_use]
    pub fn with_media(mut self, media: InteractionMedia) -> Self {
        if self.media.len() < Self::MAX_MEDIA {
            self.media.push(media);
        }
        self
    }

    /// Presets yes or no, or choices by their numbers from 1. What does not belong to the kind or is out of range is left out.
    #[must_use]
    pub fn with_default(mut self, numbers: &[usize]) -> Self {
        match &mut self.kind {
            InteractionKind::Confirm { default } => {
                *default = match numbers {
                    [0] => Some(false),
                    [1] => Some(true),
                    _ => None,
                };
            }
            InteractionKind::SingleChoice { choices, default } => {
                *default = numbers.first().copied().filter(|n| (1..=choices.len()).contains(n));
            }
            InteractionKind::MultipleChoice { choices, defaults } => {
                defaults.clear();
                for number in numbers.iter().filter(|n| (1..=choices.len()).contains(n)) {
                    if !defaults.contains(number) {
                        defaults.push(*number);
                    }
                }
            }
            InteractionKind::Display | InteractionKind::Input(_) => {}
        }
        self
    }

    /// The code of its alert.
    #[must_use]
    pub const fn code(&self) -> AlertCode {
        match self.kind {
            InteractionKind::Display => AlertCode::DISPLAY,
            InteractionKind::Confirm { .. } => AlertCode::CONFIRM,
            InteractionKind::Input(_) => AlertCode::TEXT_INPUT,
            InteractionKind::SingleChoice { .. } => AlertCode::SINGLE_CHOICE,
            InteractionKind::MultipleChoice { .. } => AlertCode::MULTIPLE_CHOICE,
        }
    }

    /// What there is to choose from; nothing for other kinds.
    #[must_use]
    pub fn choices(&self) -> &[String] {
        match &self.kind {
            InteractionKind::SingleChoice { choices, .. }
            | InteractionKind::MultipleChoice { choices, .. } => choices,
            _ => &[],
        }
    }

    /// The alert that asks for it: options, text, choices, in this order.
    ///
    /// A field that was set to characters XML cannot carry goes out without them.
    #[must_use]
    pub fn to_alert<'a>(&self, cmd_id: CmdId<'a>) -> Alert<'a> {
        let item = |text: &str| Item::new().with_data(text_data(text));
        let options = Options::of(self).to_text();
        let mut alert = Alert::new(cmd_id, self.code());
        alert.items.push(if options.is_empty() { Item::new() } else { item(&options) });
        alert.items.push(item(&self.text));
        alert.items.extend(self.choices().iter().map(|choice| item(choice)));
        alert
    }

    /// Reads an alert that asks for something. Options that nobody knows, or whose values make no sense, are passed over.
    ///
    /// # Errors
    /// The Status to answer with: 406 for another alert, 412 when the text or the choices are missing or are not text.
    pub fn read(alert: &Alert<'_>) -> Result<Self, StatusCode> {
        let code = alert.code.filter(|code| code.is_user_interaction()).ok_or(StatusCode::NOT_SUPPORTED)?;
        let mut texts = alert.items.iter().map(|item| match &item.data {
            None => Ok(""),
            Some(data) => data.as_text().ok_or(StatusCode::INCOMPLETE_COMMAND),
        });
        let options = Options::parse(texts.next().ok_or(StatusCode::INCOMPLETE_COMMAND)??);
        let text = String::from(texts.next().ok_or(StatusCode::INCOMPLETE_COMMAND)??);
        let choices = texts.map(|text| text.map(String::from)).collect::<Result<Vec<_>, _>>()?;
        let chooses = matches!(code, AlertCode::SINGLE_CHOICE | AlertCode::MULTIPLE_CHOICE);
        if chooses && choices.is_empty() {
            return Err(StatusCode::INCOMPLETE_COMMAND);
        }
        let numbers = options.numbers(choices.len());
        let kind = match code {
            AlertCode::DISPLAY => InteractionKind::Display,
            AlertCode::CONFIRM => InteractionKind::Confirm {
                default: match options.default.as_deref() {
                    Some("0") => Some(false),
                    Some("1") => Some(true),
                    _ => None,
                },
            },
            AlertCode::TEXT_INPUT => InteractionKind::Input(TextInput {
                initial: options.default.filter(|text| is_xml_text(text)),
                max_length: options.max_length,
                input_type: options.input_type,
                echo: options.echo,
            }),
            AlertCode::SINGLE_CHOICE => {
                InteractionKind::SingleChoice { choices, default: numbers.first().copied() }
            }
            _ => InteractionKind::MultipleChoice { choices, defaults: numbers },
        };
        let seconds = |seconds: Option<u32>| seconds.map(|s| Duration::from_secs(s.into()));
        Ok(Self {
            kind,
            text,
            min_display: seconds(options.min),
            max_display: seconds(options.max),
            media: options.media,
        })
    }
}

/// Text that both encodings can carry; anything else loses what they cannot.
fn text_data(text: &str) -> Data<'static> {
    Data::text(String::from(text)).unwrap_or_else(|_| {
        let legal = |c: &char| is_xml_text(c.encode_utf8(&mut [0; 4]));
        Data::text(text.chars().filter(legal).collect::<String>()).unwrap_or(Data::EMPTY)
    })
}

fn check(text: &str) -> Result<(), ValueError> {
    if is_xml_text(text) { Ok(()) } else { Err(ValueError::NotText("Data")) }
}

fn check_choices(choices: &[String]) -> Result<(), ValueError> {
    if choices.is_empty() {
        return Err(ValueError::Empty("the list of choices"));
    }
    choices.iter().try_for_each(|choice| check(choice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    fn alert(code: AlertCode, texts: &[&str]) -> Alert<'static> {
        let mut alert = Alert::new(CmdId::new("1").unwrap(), code);
        alert.items = texts.iter().map(|text| Item::new().with_data(text_data(text))).collect();
        alert
    }

    #[test]
    fn every_kind_reads_back_what_was_written() {
        let choices = || vec!["one".to_string(), "two".to_string(), "three".to_string()];
        let input = TextInput {
            initial: Some("a&b=c +%/ü".into()),
            max_length: Some(12),
            input_type: InputType::Phone,
            echo: Echo::Password,
        };
        let all = [
            Interaction::display("Hello").unwrap().with_min_display(Duration::from_secs(5)),
            Interaction::confirm("Sure?").unwrap().with_default(&[1]),
            Interaction::input("Name", input).unwrap().with_max_display(Duration::from_secs(60)),
            Interaction::single_choice("Which", choices()).unwrap().with_default(&[2]),
            Interaction::multiple_choice("Which", choices()).unwrap().with_default(&[1, 3]),
        ];
        for (interaction, code) in all.into_iter().zip(1100..) {
            assert_eq!(interaction.code().get(), code);
            let alert = interaction.to_alert(CmdId::new("1").unwrap());
            assert_eq!(Interaction::read(&alert), Ok(interaction));
        }
    }

    /// A device that does not know media reads the same question without, as it passes over any option it does not know.
    #[test]
    fn dm_hlf_010_media_travel_with_the_text_that_stands_without_them() {
        let uri =
            crate::LocUri::new("https://media.example.net/lamp.png?a=1&b=2 3".replace(' ', "%20")).unwrap();
        let choices = || vec!["red".to_string(), "green".to_string()];
        for plain in [
            Interaction::display("Look").unwrap(),
            Interaction::confirm("Green?").unwrap().with_default(&[1]),
            Interaction::input("Which", TextInput::default()).unwrap(),
            Interaction::single_choice("Which", choices()).unwrap().with_default(&[2]),
            Interaction::multiple_choice("Which", choices()).unwrap(),
        ] {
            let rich = plain
                .clone()
                .with_media(InteractionMedia::uri("image/png", uri.clone()).unwrap())
                .with_media(InteractionMedia::octets("audio/ogg", (0..=255).collect::<Vec<u8>>()).unwrap());
            let alert = rich.to_alert(CmdId::new("1").unwrap());
            assert_eq!(Interaction::read(&alert).as_ref(), Ok(&rich));
            let standard = plain.to_alert(CmdId::new("1").unwrap());
            assert_eq!(alert.items[1..], standard.items[1..], "all but the options is as ever");
            let mut old = alert.clone();
            let known = alert.items[0].data.as_ref().unwrap().as_text().unwrap().to_string();
            let known: Vec<_> = known.split('&').filter(|pair| !pair.starts_with("X-MEDIA=")).collect();
            old.items[0] = Item::new().with_data(text_data(&known.join("&")));
            assert_eq!(Interaction::read(&old), Ok(plain));
        }
    }

    #[test]
    fn missing_items_are_412_and_other_alerts_406() {
        let read = |code, texts: &[&str]| Interaction::read(&alert(code, texts)).map_err(StatusCode::get);
        assert_eq!(read(AlertCode::DISPLAY, &[]), Err(412));
        assert_eq!(read(AlertCode::DISPLAY, &["MINDT=5"]), Err(412));
        assert_eq!(read(AlertCode::SINGLE_CHOICE, &["", "Which"]), Err(412));
        assert_eq!(read(AlertCode::new(1105), &["", "Progress"]), Err(406));
        let mut binary = alert(AlertCode::CONFIRM, &["", ""]);
        binary.items[1] = Item::new().with_data(Data::octets([0xFF].as_slice()));
        assert_eq!(Interaction::read(&binary), Err(StatusCode::INCOMPLETE_COMMAND));
    }

    /// `<Item></Item>` stands for no options (DM Protocol 1.2.1, user interaction options).
    #[test]
    fn an_empty_item_stands_for_no_options() {
        let mut display = alert(AlertCode::DISPLAY, &["", "Hello"]);
        display.items[0] = Item::new();
        assert_eq!(Interaction::read(&display), Interaction::display("Hello").map_err(|_| unreachable!()));
    }

    #[test]
    fn constructors_refuse_what_cannot_be_sent() {
        assert_eq!(Interaction::display("\u{1}"), Err(ValueError::NotText("Data")));
        assert!(Interaction::single_choice("Which", vec![]).is_err());
        assert!(Interaction::multiple_choice("Which", vec!["\u{0}".into()]).is_err());
    }

    #[test]
    fn presets_that_make_no_sense_are_left_out() {
        let read =
            |code, options: &str| Interaction::read(&alert(code, &[options, "Which", "a", "b"])).unwrap();
        let single = |options| match read(AlertCode::SINGLE_CHOICE, options).kind {
            InteractionKind::SingleChoice { default, .. } => default,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            [single("DR=2"), single("DR=3"), single("DR=0"), single("DR=x")],
            [Some(2), None, None, None]
        );
        let several = |options| match read(AlertCode::MULTIPLE_CHOICE, options).kind {
            InteractionKind::MultipleChoice { defaults, .. } => defaults,
            other => panic!("{other:?}"),
        };
        assert_eq!(several("DR=2-1-9-2"), [2, 1]);
    }
}
