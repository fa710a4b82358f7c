//! The states of a client session, in one table: every decision about what an input does in which state is taken here, and nowhere else.

/// Where a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The next message is to be made.
    Composing,
    /// The commands of the server's message are being executed.
    Executing,
    /// One of them asks the user.
    Asking,
    /// A message is ready, and waits until what it depends on has been stored.
    Sending,
    /// The server's answer is due.
    Waiting,
    /// Over.
    Closed,
}

/// What may come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Input {
    /// A message of the server that is newer than all before.
    Next,
    /// A message that has been taken in before.
    Repetition,
    /// What became of a command, or of a step of an Atomic.
    Outcome,
    /// What the user said.
    Response,
    /// The time until which something was waited for.
    Deadline,
    /// The transport has lost the message or its answer, or the server wants to be left alone for a while.
    Lost,
    /// What came is no answer, and asking again will not help.
    BadAnswer,
    /// The caller wants to stop.
    Abort,
    /// The caller drains, and all records are stored.
    Drained,
}

/// What is done about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// The message is taken in: credentials, statuses, commands.
    TakeIn,
    /// Nothing is done, and nobody is told.
    Ignore,
    /// An error of the caller: no message is waited for.
    NotWaiting,
    /// An error of the caller: it is over.
    Ended,
    /// An error of the caller: nothing with this handle is waited for.
    UnknownHandle,
    /// It is noted, and the next command may follow.
    Note,
    /// What is waited for is answered without.
    Overdue,
    /// The same octets go out again, or the last attempt is given up.
    SendAgain,
    /// The next attempt is made earlier, or later.
    Postpone,
    /// Nothing more is executed; the next message says so.
    Stop,
    /// It ends without another word.
    GiveUp,
    /// The next command is handed out; when there is none, its answers are collected.
    HandOut,
    /// The message is made.
    Compose,
    /// The message goes out.
    Send,
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
        (P::Composing, I::Next) => step(A::NotWaiting, &[P::Composing]),
        (P::Composing, I::Repetition | I::Deadline | I::Lost | I::BadAnswer) => {
            step(A::Ignore, &[P::Composing])
        }
        (P::Composing, I::Outcome | I::Response) => step(A::UnknownHandle, &[P::Composing]),
        (P::Composing, I::Abort) => step(A::Stop, &[P::Composing]),
        (P::Composing, I::Drained) => step(A::Compose, &[P::Sending]),

        (P::Executing, I::Next) => step(A::NotWaiting, &[P::Executing]),
        (P::Executing, I::Repetition | I::Lost | I::BadAnswer) => step(A::Ignore, &[P::Executing]),
        (P::Executing, I::Outcome) => step(A::Note, &[P::Executing]),
        (P::Executing, I::Response) => step(A::UnknownHandle, &[P::Executing]),
        (P::Executing, I::Deadline) => step(A::Overdue, &[P::Executing]),
        (P::Executing, I::Abort) => step(A::Stop, &[P::Executing]),
        (P::Executing, I::Drained) => step(A::HandOut, &[P::Executing, P::Asking, P::Composing]),

        (P::Asking, I::Next) => step(A::NotWaiting, &[P::Asking]),
        (P::Asking, I::Repetition | I::Lost | I::BadAnswer) => step(A::Ignore, &[P::Asking]),
        (P::Asking, I::Outcome) => step(A::UnknownHandle, &[P::Asking]),
        (P::Asking, I::Response) => step(A::Note, &[P::Executing]),
        (P::Asking, I::Deadline) => step(A::Overdue, &[P::Executing]),
        (P::Asking, I::Abort) => step(A::Stop, &[P::Executing]),
        (P::Asking, I::Drained) => step(A::Nothing, &[P::Asking]),

        (P::Sending, I::Next) => step(A::NotWaiting, &[P::Sending]),
        (P::Sending, I::Repetition | I::Deadline | I::Lost | I::BadAnswer) => step(A::Ignore, &[P::Sending]),
        (P::Sending, I::Outcome | I::Response) => step(A::UnknownHandle, &[P::Sending]),
        (P::Sending, I::Abort) => step(A::Stop, &[P::Sending]),
        (P::Sending, I::Drained) => step(A::Send, &[P::Waiting]),

        (P::Waiting, I::Next) => step(A::TakeIn, &[P::Executing, P::Composing, P::Closed]),
        (P::Waiting, I::Repetition) => step(A::Ignore, &[P::Waiting]),
        (P::Waiting, I::Outcome | I::Response) => step(A::UnknownHandle, &[P::Waiting]),
        (P::Waiting, I::Deadline) => step(A::SendAgain, &[P::Waiting, P::Closed]),
        (P::Waiting, I::Lost) => step(A::Postpone, &[P::Waiting]),
        (P::Waiting, I::BadAnswer) => step(A::GiveUp, &[P::Closed]),
        (P::Waiting, I::Abort) => step(A::Stop, &[P::Waiting]),
        (P::Waiting, I::Drained) => step(A::Nothing, &[P::Waiting]),

        (P::Closed, I::Next) => step(A::Ended, &[P::Closed]),
        (P::Closed, I::Outcome | I::Response) => step(A::UnknownHandle, &[P::Closed]),
        (P::Closed, I::Repetition | I::Deadline | I::Lost | I::BadAnswer | I::Abort) => {
            step(A::Ignore, &[P::Closed])
        }
        (P::Closed, I::Drained) => step(A::Nothing, &[P::Closed]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::state_table;
    use alloc::vec::Vec;

    const PHASES: [Phase; 6] =
        [Phase::Composing, Phase::Sending, Phase::Waiting, Phase::Executing, Phase::Asking, Phase::Closed];
    const INPUTS: [Input; 9] = [
        Input::Drained,
        Input::Next,
        Input::Repetition,
        Input::Outcome,
        Input::Response,
        Input::Deadline,
        Input::Lost,
        Input::BadAnswer,
        Input::Abort,
    ];

    const fn names(input: Input) -> &'static str {
        match input {
            Input::Next => "next message",
            Input::Repetition => "an old message",
            Input::Outcome => "`handle_outcome`",
            Input::Response => "`handle_response`",
            Input::Deadline => "the deadline",
            Input::Lost => "`handle_lost`, `handle_unavailable`",
            Input::BadAnswer => "`handle_bad_answer`",
            Input::Abort => "`abort`",
            Input::Drained => "drained and stored",
        }
    }

    const fn does(action: Action) -> &'static str {
        match action {
            Action::TakeIn => "events and records, or `Closed`",
            Action::Ignore => "nothing",
            Action::NotWaiting => "`Misuse::NotWaiting`",
            Action::Ended => "`Misuse::Ended`",
            Action::UnknownHandle => "`Misuse::UnknownHandle`",
            Action::Note => "nothing yet",
            Action::Overdue => "`Overdue`",
            Action::SendAgain => "`Send`, the same octets; after the last attempt `Closed(TimedOut)`",
            Action::Postpone => "another deadline",
            Action::Stop => "the next message is 1223",
            Action::GiveUp => "`Closed(BadAnswer)`",
            Action::HandOut => "`Execute`, `Atomic`, `Interact`",
            Action::Compose => "nothing yet",
            Action::Send => "`Send`",
            Action::Nothing => "`Wait`",
        }
    }

    #[test]
    fn the_documented_table_is_the_one_in_code() {
        let rendered = state_table::render(&PHASES, &INPUTS, transition, names, |step: &Step| {
            (does(step.action), step.next)
        });
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/session/client/states.md");
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
            assert!(phase != Phase::Closed || reached == [Phase::Closed]);
        }
    }
}
