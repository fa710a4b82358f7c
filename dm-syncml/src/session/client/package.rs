//! What is still to be said in the package under way, and how it is put into messages (DM Protocol 1.2.1, packages 1 and 3).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::model::{CmdId, Command};
use crate::session::composer::Composer;
use crate::session::large_object::{Announcement, Cut, Cutter};

use super::alerts::AlertId;
use super::answers::{halve, shorten};

/// The client's package under way. Statuses go before results, so that a result that has to wait for room never keeps a Status waiting.
#[derive(Clone, Debug, Default)]
pub(super) struct Package {
    /// What the server refused with its challenge and is to have again.
    pub(super) again: VecDeque<Piece>,
    /// The session's alert and DevInfo; statuses; alerts about the session itself.
    pub(super) statuses: VecDeque<Command<'static>>,
    pub(super) results: VecDeque<Piece>,
    pub(super) reports: VecDeque<Piece>,
    /// What the last message held, until the server has taken it.
    pub(super) flying: Vec<Piece>,
}

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Whole(Command<'static>),
    /// An alert of the application's.
    Report(AlertId, Command<'static>),
    /// An object that is being sent in chunks.
    Cut(Box<Cutter>, Option<AlertId>),
}

/// What went into a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Filled {
    /// Which alerts went in, and with which ids.
    pub(super) reports: Vec<(CmdId<'static>, AlertId)>,
    /// The chunk with which an object goes on.
    pub(super) chunk: Option<CmdId<'static>>,
    /// Alerts that cannot be sent to this server at all.
    pub(super) too_large: Vec<AlertId>,
}

/// Whether what does not fit one message is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cutting {
    Now,
    /// The server's own package goes on: its next message must not have to wait for ours.
    Later,
    /// We do not do that.
    Never,
}

/// Whether there is room for more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Left,
    Full,
}

impl Package {
    pub(super) fn is_empty(&self) -> bool {
        self.again.is_empty()
            && self.statuses.is_empty()
            && self.results.is_empty()
            && self.reports.is_empty()
    }

    pub(super) fn push_status(&mut self, status: impl Into<Command<'static>>) {
        self.statuses.push_back(status.into());
    }

    pub(super) fn push_results(&mut self, results: Command<'static>) {
        self.results.push_back(Piece::Whole(results));
    }

    pub(super) fn push_report(&mut self, id: AlertId, alert: impl Into<Command<'static>>) {
        self.reports.push_back(Piece::Report(id, alert.into()));
    }

    /// The server has taken what the last message held.
    pub(super) fn taken(&mut self) {
        self.flying.clear();
    }

    /// The server has refused the last message as a whole: it is to have all of it again.
    pub(super) fn refused(&mut self) {
        for piece in self.flying.drain(..).rev() {
            self.again.push_front(piece);
        }
    }

    /// The server does not want the rest of the object that is being sent.
    pub(super) fn drop_object(&mut self) -> Option<AlertId> {
        for lane in [&mut self.again, &mut self.results, &mut self.reports] {
            if matches!(lane.front(), Some(Piece::Cut(cutter, _)) if cutter.has_begun())
                && let Some(Piece::Cut(_, report)) = lane.pop_front()
            {
                return report;
            }
        }
        None
    }

    /// The server does not have what it seemed to have of the object that is being sent: all of it is to go out. `false` when it began so.
    pub(super) fn rewind_object(&mut self) -> bool {
        for lane in [&mut self.again, &mut self.results, &mut self.reports] {
            if let Some(Piece::Cut(cutter, _)) = lane.front_mut()
                && cutter.has_begun()
            {
                return cutter.rewind();
            }
        }
        false
    }

    /// Nothing more is to be said.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Puts as much as fits into a message whose header is complete.
    /// `announced` is what the server can go on with.
    pub(super) fn fill(
        &mut self,
        composer: &mut Composer,
        cutting: Cutting,
        announced: Option<&Announcement>,
    ) -> Filled {
        let mut filled = Filled::default();
        self.flying.clear();
        let head = composer.len();
        let room = composer.room();
        // Nothing may stand between the chunks of one object but what answers the server.
        for lane in [Lane::Again, Lane::Statuses, Lane::Results, Lane::Reports] {
            while let Some(piece) = self.pop(lane) {
                // Every message that goes on with a package answers the Alert 1222 that asked for it, so there is never less in it; and
                // with nothing beside that answer there would be no end.
                let answered = usize::from(matches!(composer.last(), Some(Command::Status(_))));
                let alone = composer.len() <= head + answered;
                match self.put(piece, lane, composer, Place { alone, cutting, room, announced }, &mut filled)
                {
                    Room::Left => {}
                    Room::Full => return filled,
                }
            }
        }
        filled
    }

    fn pop(&mut self, lane: Lane) -> Option<Piece> {
        match lane {
            Lane::Again => self.again.pop_front(),
            Lane::Statuses => self.statuses.pop_front().map(Piece::Whole),
            Lane::Results => self.results.pop_front(),
            Lane::Reports => self.reports.pop_front(),
        }
    }

    fn put_back(&mut self, lane: Lane, piece: Piece) {
        match (lane, piece) {
            (Lane::Statuses, Piece::Whole(command)) => self.statuses.push_front(command),
            (Lane::Results, piece) => self.results.push_front(piece),
            (Lane::Reports, piece) => self.reports.push_front(piece),
            (_, piece) => self.again.push_front(piece),
        }
    }

    fn put(
        &mut self,
        piece: Piece,
        lane: Lane,
        composer: &mut Composer,
        place: Place<'_>,
        filled: &mut Filled,
    ) -> Room {
        let (command, report) = match piece {
            Piece::Whole(command) => (command, None),
            Piece::Report(id, command) => (command, Some(id)),
            Piece::Cut(cutter, report) => return self.cut(cutter, report, lane, composer, place, filled),
        };
        let whole = |command, report: Option<AlertId>| match report {
            Some(id) => Piece::Report(id, command),
            None => Piece::Whole(command),
        };
        let mut command = match composer.try_push(command) {
            Ok(()) => {
                if let Some(sent) = composer.last().cloned() {
                    if let (Some(id), Some(cmd_id)) = (report, sent.cmd_id()) {
                        filled.reports.push((cmd_id.clone(), id));
                    }
                    self.flying.push(whole(sent, report));
                }
                return Room::Left;
            }
            Err(command) => command,
        };
        let never_fits = place.alone || command.encoded_len(composer.encoding()) > place.room;
        if !never_fits {
            self.put_back(lane, whole(command, report));
            return Room::Full;
        }
        if let Some(second) = halve(&mut command) {
            self.put_back(lane, whole(second, report));
            self.put_back(lane, whole(command, report));
            return Room::Left;
        }
        // Package 1 goes out before we know what the server takes: reports that it had then may be too large when it has them again.
        let may_wait = report.is_some() || matches!(command, Command::Results(_));
        match lane {
            Lane::Results | Lane::Reports | Lane::Again if may_wait => {
                let cutter = match place.cutting {
                    Cutting::Later => {
                        self.put_back(lane, whole(command, report));
                        return Room::Full;
                    }
                    Cutting::Never => None,
                    Cutting::Now => Cutter::new(command, composer.encoding()).ok().map(|mut cutter| {
                        cutter.resume(place.announced);
                        cutter
                    }),
                };
                match cutter {
                    Some(cutter) => self.put_back(lane, Piece::Cut(Box::new(cutter), report)),
                    // It cannot be cut, so it cannot be sent.
                    None => filled.too_large.extend(report),
                }
                Room::Left
            }
            _ if !place.alone => {
                self.put_back(lane, whole(command, report));
                Room::Full
            }
            // It cannot be left out: as short as can be, whatever the limit says.
            _ => {
                let mut command = shorten(command);
                command.renumber(&mut || composer.next_cmd_id());
                self.flying.push(whole(command.clone(), report));
                composer.push(command);
                Room::Left
            }
        }
    }

    fn cut(
        &mut self,
        mut cutter: Box<Cutter>,
        report: Option<AlertId>,
        lane: Lane,
        composer: &mut Composer,
        place: Place<'_>,
        filled: &mut Filled,
    ) -> Room {
        match cutter.push_next(composer) {
            Cut::NoRoom if place.alone => {
                // Not even a chunk fits a message of its own: the rest is given up.
                filled.too_large.extend(report);
                Room::Left
            }
            Cut::NoRoom => {
                self.put_back(lane, Piece::Cut(cutter, report));
                Room::Full
            }
            cut => {
                if let Some(sent) = composer.last().cloned() {
                    let cmd_id = sent.cmd_id().cloned();
                    match (cut, report) {
                        (Cut::More, _) => filled.chunk = cmd_id,
                        (_, Some(id)) => filled.reports.extend(cmd_id.map(|cmd_id| (cmd_id, id))),
                        _ => {}
                    }
                    self.flying.push(match report {
                        Some(id) if cut == Cut::Last => Piece::Report(id, sent),
                        _ => Piece::Whole(sent),
                    });
                }
                if cut == Cut::More {
                    self.put_back(lane, Piece::Cut(cutter, report));
                    return Room::Full;
                }
                Room::Left
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    Again,
    Statuses,
    Results,
    Reports,
}

/// Where a piece would stand.
#[derive(Clone, Copy)]
struct Place<'p> {
    /// There is as little in the message as there can be.
    alone: bool,
    cutting: Cutting,
    /// What is free in a message with nothing but that Status.
    room: usize,
    announced: Option<&'p Announcement>,
}
