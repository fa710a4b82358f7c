//! Whoever answers what servers ask: a person at the terminal, or a rule.

use std::io::{self, Write};
use std::time::Duration;

use clap::ValueEnum;
use dm_syncml::session::{Interaction, InteractionKind, UserResponse};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long the user may think about a session that a server wants.
const PATIENCE: Duration = Duration::from_secs(60);

/// How questions are answered.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq, Debug)]
pub(super) enum Manner {
    /// By the user at the terminal
    Ask,
    /// Yes to everything; presets and first choices are taken
    Accept,
    /// No to everything
    Reject,
    /// Not at all: the question waits until its time is over
    Ignore,
    /// There is nobody: servers are told that the device cannot ask
    Nobody,
}

/// The user of the device.
#[derive(Debug)]
pub(super) struct User {
    manner: Manner,
    /// What is typed, line by line.
    lines: Option<mpsc::Receiver<String>>,
}

impl User {
    pub(super) const fn new(manner: Manner) -> Self {
        Self { manner, lines: None }
    }

    pub(super) fn is_there(&self) -> bool {
        self.manner != Manner::Nobody
    }

    /// What the user says; never, if the question is ignored.
    pub(super) async fn answer(&mut self, interaction: &Interaction) -> UserResponse {
        match self.manner {
            Manner::Ask => self.ask(interaction).await,
            Manner::Accept => yes(interaction),
            Manner::Reject => no(interaction),
            Manner::Ignore => std::future::pending().await,
            Manner::Nobody => UserResponse::NotSupported,
        }
    }

    /// Whether a session that a server wants may begin.
    pub(super) async fn agrees(&mut self, server: &str) -> bool {
        let question = Interaction::confirm(format!("{server} wants to manage this device. Let it?"));
        let Ok(question) = question else { return false };
        match self.manner {
            Manner::Ignore => false,
            // It would wait for ever, and others may come.
            _ => timeout(PATIENCE, self.answer(&question)).await == Ok(UserResponse::Accepted),
        }
    }

    /// Tells the user something that wants no answer.
    pub(super) fn tell(&self, text: &str) {
        if self.manner == Manner::Ask {
            say(&format!("{text}\n"));
        }
    }

    async fn ask(&mut self, interaction: &Interaction) -> UserResponse {
        say(&prompt(interaction));
        if interaction.kind == InteractionKind::Display {
            return UserResponse::Accepted;
        }
        let lines = self.lines.get_or_insert_with(typed_lines);
        // What was typed before the question was there is no answer to it.
        while lines.try_recv().is_ok() {}
        loop {
            let Some(line) = lines.recv().await else { return UserResponse::Cancelled };
            let response = understand(interaction, line.trim());
            if let Some(response) = response.filter(|response| response.fits(interaction)) {
                return response;
            }
            say("That is no answer; an empty line gives the preset one or cancels.\n> ");
        }
    }
}

/// A thread of its own reads them, since reading a terminal cannot be given up.
fn typed_lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(8);
    std::thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// To standard error: standard output is for events. Control characters of a server's text stay out of the terminal.
fn say(text: &str) {
    let clean: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    let mut out = io::stderr().lock();
    let _ = out.write_all(clean.as_bytes()).and_then(|()| out.flush());
}

fn prompt(interaction: &Interaction) -> String {
    let mut text = format!("\n{}\n", interaction.text);
    for (at, choice) in interaction.choices().iter().enumerate() {
        text.push_str(&format!("  {}. {choice}\n", at + 1));
    }
    text.push_str(match &interaction.kind {
        InteractionKind::Confirm { default: Some(true) } => "[Y/n] ",
        InteractionKind::Confirm { default: Some(false) } => "[y/N] ",
        InteractionKind::Confirm { default: None } => "[y/n] ",
        InteractionKind::SingleChoice { .. } => "number> ",
        InteractionKind::MultipleChoice { .. } => "numbers> ",
        InteractionKind::Input(_) => "> ",
        _ => "",
    });
    text
}

/// What a line means; `None` when it means nothing here.
fn understand(interaction: &Interaction, line: &str) -> Option<UserResponse> {
    let numbers = || -> Option<Vec<usize>> {
        line.split([' ', ',']).filter(|word| !word.is_empty()).map(|word| word.parse().ok()).collect()
    };
    if line.is_empty() {
        return Some(preset(interaction).unwrap_or(UserResponse::Cancelled));
    }
    match &interaction.kind {
        InteractionKind::Confirm { .. } => match line.to_lowercase().as_str() {
            "y" | "yes" => Some(UserResponse::Accepted),
            "n" | "no" => Some(UserResponse::Rejected),
            _ => None,
        },
        InteractionKind::Input(_) => Some(UserResponse::Text(line.into())),
        InteractionKind::SingleChoice { .. } | InteractionKind::MultipleChoice { .. } => {
            numbers().map(UserResponse::Chosen)
        }
        _ => Some(UserResponse::Accepted),
    }
}

/// The answer that is preset.
fn preset(interaction: &Interaction) -> Option<UserResponse> {
    match &interaction.kind {
        InteractionKind::Display => Some(UserResponse::Accepted),
        InteractionKind::Confirm { default } => {
            default.map(|yes| if yes { UserResponse::Accepted } else { UserResponse::Rejected })
        }
        InteractionKind::Input(input) => input.initial.clone().map(UserResponse::Text),
        InteractionKind::SingleChoice { default, .. } => {
            default.map(|number| UserResponse::Chosen(vec![number]))
        }
        InteractionKind::MultipleChoice { defaults, .. } => {
            (!defaults.is_empty()).then(|| UserResponse::Chosen(defaults.clone()))
        }
        _ => None,
    }
}

fn yes(interaction: &Interaction) -> UserResponse {
    let fallback = || match &interaction.kind {
        InteractionKind::Input(_) => UserResponse::Text(String::new()),
        InteractionKind::SingleChoice { .. } => UserResponse::Chosen(vec![1]),
        InteractionKind::MultipleChoice { .. } => UserResponse::Chosen(Vec::new()),
        _ => UserResponse::Accepted,
    };
    match &interaction.kind {
        InteractionKind::Confirm { .. } => UserResponse::Accepted,
        _ => preset(interaction).unwrap_or_else(fallback),
    }
}

const fn no(interaction: &Interaction) -> UserResponse {
    match &interaction.kind {
        InteractionKind::Display => UserResponse::Accepted,
        InteractionKind::Confirm { .. } => UserResponse::Rejected,
        _ => UserResponse::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dm_syncml::session::TextInput;

    fn all() -> Vec<Interaction> {
        let choices = || vec!["tea".to_owned(), "coffee".to_owned()];
        vec![
            Interaction::display("Hello").unwrap(),
            Interaction::confirm("Sure?").unwrap(),
            Interaction::input("Name?", TextInput::default()).unwrap(),
            Interaction::single_choice("Which?", choices()).unwrap(),
            Interaction::multiple_choice("Which?", choices()).unwrap(),
        ]
    }

    #[test]
    fn rules_give_answers_that_fit() {
        for interaction in all() {
            assert!(yes(&interaction).fits(&interaction), "{interaction:?}");
            assert!(no(&interaction).fits(&interaction), "{interaction:?}");
            let empty = understand(&interaction, "").unwrap();
            assert!(empty.fits(&interaction), "{interaction:?}");
        }
    }

    #[test]
    fn lines_are_understood() {
        let [_, confirm, input, single, multiple] = &all()[..] else { panic!() };
        assert_eq!(understand(confirm, "Yes"), Some(UserResponse::Accepted));
        assert_eq!(understand(confirm, "n"), Some(UserResponse::Rejected));
        assert_eq!(understand(confirm, "perhaps"), None);
        assert_eq!(understand(input, "Ada"), Some(UserResponse::Text("Ada".into())));
        assert_eq!(understand(single, "2"), Some(UserResponse::Chosen(vec![2])));
        assert!(!understand(single, "3").unwrap().fits(single));
        assert_eq!(understand(multiple, "1, 2"), Some(UserResponse::Chosen(vec![1, 2])));
        assert_eq!(understand(multiple, "tea"), None);
    }
}
