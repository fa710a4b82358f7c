//! The states of a server session, in one table: every decision about what an input does in which state is taken here, and nowhere else.

/// Where a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The device's next message is due.
    Waiting,
    /// A message was taken in; the answer is made when events are drained and records stored.
    Answering,
    /// The answer is ready, and the session goes on.
    Replying,
    /// The answer is ready, and is the last.
    Concluding,
    /// Over, but the last answer may be asked for again.
    Lingering,
    /// Over.
    Closed,
}

/// What may come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Input {
    /// The device's next message.
    Next,
    /// The device's last message again, octet for octet.
    Repetition,
    /// A first message that is not a repetition, where another was due.
    Restart,
    /// Any other message of the session.
    OutOfOrder,
    /// A command to be queued, or the wish to abort.
    Command,
    /// The time at which the session was to hear from the device.
    Deadline,
    /// The caller drains, and all records are stored.
    Drained,
}

/// What is done about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// The message is taken in: commands, statuses, credentials.
    TakeIn,
    /// The stored answer goes out again.
    Repeat,
    /// An error of the peer: not the message that is due.
    RefuseOrder,
    /// An error of the peer that tells of a new session.
    RefuseRestart,
    /// An error of the caller: the answer before has not been drained.
    NotWaiting,
    /// An error of the caller: it is over.
    Ended,
    /// It goes into the ledger.
    Enqueue,
    /// The answer is made.
    Compose,
    /// The answer goes out.
    Reply,
    /// What is open is given up.
    GiveUp,
    /// `Closed` is said.
    Close,
    /// Nothing but `Wait`.
    Nothing,
}

/// What an input does: the action, and where the session stands afterwards. Where the next state depends on more than the input, the first is
/// the usual one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) next: &'static [Phase],
}

const fn step(action: Action, next: &'static [Phase]) -> Step {
    Step { action, next }
}

/// The table.
pub(super) const fn transition(phase: Phase, input: Input) -> Step {
    use Action as A;
    use Input as I;
    use Phase as P;
    match (phase, input) {
        (P::Waiting, I::Next) => step(A::TakeIn, &[P::Answering]),
        (P::Waiting, I::Repetition) => step(A::Repeat, &[P::Waiting]),
        (P::Waiting, I::Restart) => step(A::RefuseRestart, &[P::Waiting]),
        (P::Waiting, I::OutOfOrder) => step(A::RefuseOrder, &[P::Waiting]),
        (P::Waiting, I::Command) => step(A::Enqueue, &[P::Waiting]),
        (P::Waiting, I::Deadline) => step(A::GiveUp, &[P::Closed]),
        (P::Waiting, I::Drained) => step(A::Nothing, &[P::Waiting]),

        (P::Answering, I::Next | I::Repetition | I::Restart | I::OutOfOrder) => {
            step(A::NotWaiting, &[P::Answering])
        }
        (P::Answering, I::Command) => step(A::Enqueue, &[P::Answering]),
        (P::Answering, I::Deadline) => step(A::GiveUp, &[P::Closed]),
        (P::Answering, I::Drained) => step(A::Compose, &[P::Replying, P::Concluding]),

        (P::Replying, I::Next | I::Repetition | I::Restart | I::OutOfOrder) => {
            step(A::NotWaiting, &[P::Replying])
        }
        (P::Replying, I::Command) => step(A::Enqueue, &[P::Replying]),
        (P::Replying, I::Deadline) => step(A::Nothing, &[P::Replying]),
        (P::Replying, I::Drained) => step(A::Reply, &[P::Waiting]),

        (P::Concluding, I::Next | I::Repetition | I::Restart | I::OutOfOrder) => {
            step(A::NotWaiting, &[P::Concluding])
        }
        (P::Concluding, I::Command) => step(A::Ended, &[P::Concluding]),
        (P::Concluding, I::Deadline) => step(A::Nothing, &[P::Concluding]),
        (P::Concluding, I::Drained) => step(A::Reply, &[P::Lingering]),

        (P::Lingering, I::Repetition) => step(A::Repeat, &[P::Lingering]),
        (P::Lingering, I::Restart) => step(A::RefuseRestart, &[P::Lingering]),
        (P::Lingering, I::Next | I::OutOfOrder | I::Command) => step(A::Ended, &[P::Lingering]),
        (P::Lingering, I::Deadline) => step(A::Close, &[P::Closed]),
        (P::Lingering, I::Drained) => step(A::Nothing, &[P::Lingering]),

        (P::Closed, I::Next | I::Repetition | I::Restart | I::OutOfOrder | I::Command) => {
            step(A::Ended, &[P::Closed])
        }
        (P::Closed, I::Deadline | I::Drained) => step(A::Nothing, &[P::Closed]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::state_table;
    use alloc::vec::Vec;

    const PHASES: [Phase; 6] = [
        Phase::Waiting,
        Phase::Answering,
        Phase::Replying,
        Phase::Concluding,
        Phase::Lingering,
        Phase::Closed,
    ];
    const INPUTS: [Input; 7] = [
        Input::Next,
        Input::Repetition,
        Input::Restart,
        Input::OutOfOrder,
        Input::Command,
        Input::Deadline,
        Input::Drained,
    ];

    const fn names(input: Input) -> &'static str {
        match input {
            Input::Next => "next message",
            Input::Repetition => "last message again",
            Input::Restart => "a first message",
            Input::OutOfOrder => "another message",
            Input::Command => "`queue`, `ask`, `abort`",
            Input::Deadline => "the deadline",
            Input::Drained => "drained and stored",
        }
    }

    const fn does(action: Action) -> &'static str {
        match action {
            Action::TakeIn => "events and records",
            Action::Repeat => "`Reply` from memory",
            Action::RefuseOrder => "`PeerError::OutOfOrder`",
            Action::RefuseRestart => "`PeerError::Restart`",
            Action::NotWaiting => "`Misuse::NotWaiting`",
            Action::Ended => "`Misuse::Ended`",
            Action::Enqueue => "a handle",
            Action::Compose => "`Sent`, perhaps `Ended`",
            Action::Reply => "`Reply`",
            Action::GiveUp => "`GivenUp` for all that is open, `Ended`, `Closed`",
            Action::Close => "`Closed`",
            Action::Nothing => "`Wait`",
        }
    }

    #[test]
    fn the_documented_table_is_the_one_in_code() {
        let rendered = state_table::render(&PHASES, &INPUTS, transition, names, |step: &Step| {
            (does(step.action), step.next)
        });
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/session/server/states.md");
        state_table::check(path, include_str!("states.md"), &rendered);
    }

    /// Nothing leads out of Closed, and everything leads there.
    #[test]
    fn every_state_leads_to_the_end() {
        for phase in PHASES {
            let mut reached: Vec<Phase> = [phase].into();
            for _ in PHASES {
                for from in reached.clone() {
                    for input in INPUTS {
                        for next in transition(from, input).next {
                            if !reached.contains(next) {
                                reached.push(*next);
                            }
                        }
                    }
                }
            }
            assert!(reached.contains(&Phase::Closed), "{phase:?}");
            if phase == Phase::Closed {
                assert_eq!(reached, [Phase::Closed]);
            }
        }
    }
}
