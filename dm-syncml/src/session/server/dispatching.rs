//! Queued commands are put into messages: whole, divided at their items, or as large objects.

use crate::codes::AlertCode;
use crate::model::{CmdId, Command, Encoding, LocUri, Status};
use crate::session::Misuse;
use crate::session::capabilities::{Capabilities, Feature};
use crate::session::composer::Composer;
use crate::session::interaction::Interaction;
use crate::session::large_object::{Cut, Cutter};
use crate::session::ledger::{CommandHandle, GivenUp, UNNUMBERED, Unit};

use super::ServerSession;
use super::output::ServerEvent;
use super::profile::DeviceProfile;

/// A large object on its way out.
#[derive(Clone, Debug)]
pub(super) struct Cutting {
    pub(super) handle: CommandHandle,
    pub(super) part: bool,
    pub(super) cutter: Cutter,
    /// The message and the command of the last chunk, until its Status has come.
    pub(super) awaiting: Option<(u32, CmdId<'static>)>,
}

impl Cutting {
    /// Whether a Status answers the last chunk.
    pub(super) fn is_awaited(&self, status: &Status<'_>) -> bool {
        self.awaiting.as_ref().is_some_and(|(msg_id, cmd_id)| {
            status.msg_ref.as_number() == Some(*msg_id) && status.cmd_ref.as_str() == cmd_id.as_str()
        })
    }

    /// Where the object goes.
    pub(super) fn target(&self) -> Option<&LocUri<'static>> {
        self.cutter.shell().items().first()?.target_uri()
    }

    /// The command as it was queued, to be sent from its begin.
    pub(super) fn into_unit(self) -> Unit {
        Unit { handle: self.handle, command: self.cutter.into_whole(), part: self.part }
    }
}

/// What went into a message.
pub(super) struct Dispatched {
    /// Something the device must answer.
    pub(super) sent: bool,
    /// The package goes on in the next message.
    pub(super) more: bool,
}

impl ServerSession {
    /// Puts in as many commands as fit. What is left goes out with the next round, save a large object, which goes on in this package.
    pub(super) fn dispatch(&mut self, composer: &mut Composer) -> Dispatched {
        let mut done = Dispatched { sent: false, more: false };
        // No message that the device asks for holds less: a Status for the header, and one for the asking.
        let bare = composer.len() <= Composer::LEAST;
        loop {
            if let Some(cutting) = self.cutting.take() {
                if self.send_chunk(cutting, composer, bare && !done.sent, &mut done) {
                    continue;
                }
                break;
            }
            let Some(unit) = self.ledger.next_queued() else { break };
            let Unit { handle, command, part } = unit;
            let offered = is_offered(&command, &self.config.profile);
            if !offered || self.capabilities.missing(&command).is_some() {
                self.give_up(handle, GivenUp::NotOffered);
                continue;
            }
            let command = match composer.try_push(command) {
                Ok(()) => {
                    if let Some(command) = composer.last().cloned() {
                        self.went_out(Unit { handle, command, part }, composer);
                    }
                    done.sent = true;
                    continue;
                }
                Err(command) => command,
            };
            let alone = bare && !done.sent;
            // What has been divided already is divided further, so that the room is used.
            let divisible = part && command.items().len() > 1;
            if !alone && !divisible && composer.fits_alone(&command) {
                self.ledger.put_back(Unit { handle, command, part });
                // Statuses alone would be the end.
                done.more = !done.sent && self.config.profile.several_messages;
                break;
            }
            let command = match self.ledger.divide(Unit { handle, command, part }) {
                Ok(()) => continue,
                Err(unit) => unit.command,
            };
            match self.as_large_object(command, composer) {
                Some(cutter) => self.cutting = Some(Cutting { handle, part, cutter, awaiting: None }),
                None => self.give_up(handle, GivenUp::TooLarge),
            }
        }
        done
    }

    /// The next chunk of a large object. Tells whether the message may take more.
    fn send_chunk(
        &mut self,
        mut cutting: Cutting,
        composer: &mut Composer,
        alone: bool,
        done: &mut Dispatched,
    ) -> bool {
        let begun = cutting.cutter.has_begun();
        match cutting.cutter.push_next(composer) {
            Cut::Last => {
                done.sent = true;
                self.went_out(cutting.into_unit(), composer);
                true
            }
            Cut::More => {
                if self.ledger.began(cutting.handle) {
                    self.event(ServerEvent::Sent(cutting.handle));
                }
                let resumed = cutting.cutter.resumed();
                if resumed > 0 && !begun {
                    self.event(ServerEvent::Resumed(cutting.handle, resumed));
                }
                let cmd_id = composer.last().and_then(Command::cmd_id).cloned();
                cutting.awaiting = cmd_id.map(|cmd_id| (self.msg_id, cmd_id));
                self.cutting = Some(cutting);
                *done = Dispatched { sent: true, more: true };
                false
            }
            // Not even an empty message takes a chunk.
            Cut::NoRoom if alone => {
                self.give_up(cutting.handle, GivenUp::TooLarge);
                true
            }
            Cut::NoRoom => {
                let begun = cutting.cutter.has_begun();
                if begun {
                    self.cutting = Some(cutting);
                } else {
                    self.ledger.put_back(cutting.into_unit());
                }
                done.more = begun || !done.sent;
                false
            }
        }
    }

    fn as_large_object(&self, command: Command<'static>, composer: &Composer) -> Option<Cutter> {
        if !self.config.profile.large_objects || self.capabilities.lacks(Feature::LargeObjects) {
            return None;
        }
        let mut cutter = Cutter::new(command, composer.encoding()).ok()?;
        cutter.resume(self.peer_resumes.as_ref());
        let allowed = self.peer_max_obj_size.is_none_or(|limit| cutter.total() as u64 <= limit);
        allowed.then_some(cutter)
    }

    /// Leaves out of questions what the device has not said it shows, and what has no room. Other options stay as they are.
    pub(super) fn strip_media(&self, command: &mut Command<'static>) {
        match command {
            Command::Alert(alert) if alert.code.is_some_and(AlertCode::is_user_interaction) => {
                let Ok(mut interaction) = Interaction::read(alert) else { return };
                let before = interaction.media.len();
                interaction.media.retain(|media| self.capabilities.shows(media.media_type.as_str()));
                let limit = self.peer_max_msg_size.or(self.capabilities.max_msg_size());
                // Header, statuses and credentials take some of it.
                let room = limit.map_or(usize::MAX, |limit| usize::try_from(limit / 2).unwrap_or(usize::MAX));
                let encoding = self.letterhead.as_ref().map_or(Encoding::Wbxml, |head| head.encoding);
                let len = |interaction: &Interaction| {
                    Command::from(interaction.to_alert(UNNUMBERED)).encoded_len(encoding)
                };
                while !interaction.media.is_empty() && len(&interaction) > room {
                    interaction.media.pop();
                }
                if interaction.media.len() < before {
                    alert.items = interaction.to_alert(UNNUMBERED).items;
                }
            }
            Command::Atomic(atomic) => atomic.commands.iter_mut().for_each(|one| self.strip_media(one)),
            Command::Sequence(sequence) => sequence.commands.iter_mut().for_each(|one| self.strip_media(one)),
            _ => {}
        }
    }

    fn went_out(&mut self, unit: Unit, composer: &Composer) {
        let Some(command) = composer.last() else { return };
        let handle = unit.handle;
        if self.ledger.sent(self.msg_id, unit, command) {
            self.event(ServerEvent::Sent(handle));
        }
    }

    fn give_up(&mut self, handle: CommandHandle, why: GivenUp) {
        let end = self.ledger.drop_unit(handle, Some(why));
        self.tell(end);
    }
}

/// Whether a command is one that a server sends for its caller, and well formed.
pub(super) fn check_offer(
    command: &Command<'_>,
    profile: &DeviceProfile,
    known: &Capabilities,
) -> Result<(), Misuse> {
    let needs = |holds: bool| if holds { Ok(()) } else { Err(Misuse::Nesting) };
    match command {
        Command::Add(_) | Command::Copy(_) | Command::Delete(_) | Command::Get(_) | Command::Replace(_) => {
            needs(!command.items().is_empty())
        }
        Command::Exec(exec) => needs(exec.items.len() == 1),
        // The session sends the others by itself.
        Command::Alert(alert) if !alert.code.is_some_and(AlertCode::is_user_interaction) => {
            Err(Misuse::Command)
        }
        Command::Alert(alert) => needs(!alert.items.is_empty()),
        Command::Sequence(sequence) => {
            needs(!sequence.commands.is_empty())?;
            sequence.commands.iter().try_for_each(|member| {
                needs(!matches!(member, Command::Sequence(_)))?;
                check_offer(member, profile, known)
            })
        }
        Command::Atomic(atomic) => {
            needs(!atomic.commands.is_empty())?;
            atomic.commands.iter().try_for_each(|member| {
                let allowed = match member {
                    Command::Add(_)
                    | Command::Alert(_)
                    | Command::Copy(_)
                    | Command::Delete(_)
                    | Command::Replace(_) => true,
                    Command::Exec(_) => {
                        profile.exec_in_atomic || known.supports(Feature::ExecInAtomic) == Some(true)
                    }
                    _ => false,
                };
                needs(allowed)?;
                check_offer(member, profile, known)
            })
        }
        Command::Results(_) | Command::Status(_) | Command::Unknown(_) => Err(Misuse::Command),
    }
}

/// Whether the device can do all of it.
fn is_offered(command: &Command<'_>, profile: &DeviceProfile) -> bool {
    let itself = match command {
        Command::Alert(_) => profile.user_interaction,
        Command::Copy(_) => profile.copy,
        _ => true,
    };
    itself && command.members().iter().all(|member| is_offered(member, profile))
}

/// Leaves out what the device would not know.
pub(super) fn strip_correlators(command: &mut Command<'_>) {
    match command {
        Command::Exec(exec) => exec.correlator = None,
        Command::Atomic(atomic) => atomic.commands.iter_mut().for_each(strip_correlators),
        Command::Sequence(sequence) => sequence.commands.iter_mut().for_each(strip_correlators),
        _ => {}
    }
}
