//! What is asked of a decoded message before decoding it is timed.

use dm_syncml::{Command, Message};

/// Commands in a message, members of containers and the containers included.
///
/// ```
/// use dm_benches::inputs::{Profile, Size, generate};
/// use dm_benches::messages::count_commands;
/// use dm_syncml::{DecodeOptions, Encoding, Message};
///
/// let input = generate(Profile::Cmds, Size::K10);
/// let message = Message::decode(Encoding::Wbxml, &input.wbxml, &DecodeOptions::new())?;
/// assert_eq!(count_commands(&message), input.commands);
/// # Ok::<(), dm_syncml::DecodeError>(())
/// ```
#[must_use]
pub fn count_commands(message: &Message<'_>) -> usize {
    count(&message.body.commands)
}

fn count(commands: &[Command<'_>]) -> usize {
    commands.iter().map(|command| 1 + count(command.members())).sum()
}
