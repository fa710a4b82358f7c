//! Whose session makes room when there are too many.

use std::sync::Arc;

use super::changes::Changes;
use super::directory::Directory;
use super::sitting::Seat;

/// Ends the oldest session that has proved nothing, or that is over and only remembers its last answer, if there is one that nobody is busy
/// with.
pub(super) fn make_room(directory: &mut Directory, here: &mut Seat, changes: &mut Changes) -> bool {
    let idle = directory.present.iter().filter(|(_, present)| !present.proven || present.over);
    let oldest: Vec<(u64, String)> = idle.take(16).map(|(no, at)| (*no, at.peer.clone())).collect();
    for (no, peer) in oldest {
        let gone = match directory.seats.get(&peer).map(|seat| seat.try_lock()) {
            Some(Ok(mut seat)) => seat.remove(no),
            // It may be the one whose message is being answered.
            Some(Err(_)) => here.remove(no),
            None => None,
        };
        if let Some(gone) = gone {
            changes.forget(&gone);
            directory.forget(no);
            if let Some(seat) = directory.seats.get(&peer)
                && Arc::strong_count(seat) == 1
                && seat.try_lock().is_ok_and(|seat| seat.is_empty())
            {
                directory.seats.remove(&peer);
            }
            return true;
        }
    }
    false
}
