//! The one function that moves a target from one stage to the next.

use dm_syncml::StatusCode;

use super::code::ResultCode;
use super::job::SessionEnd;
use super::ledger::Work;
use super::operation::is_refusal;
use super::policy::{Offline, Policy, RetryOn, UnsafePolicy};
use super::target::TargetState;

/// The state of a target with what belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Queued,
    WaitAttach,
    Notifying,
    InSession,
    AwaitAsync,
    Backoff,
    Ended(TargetState, ResultCode),
}

/// What can happen to a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// The job starts, or the target joins it.
    Released,
    /// It has a slot, and the notification goes out.
    Dispatched,
    /// The notification is on its way.
    NotifySent,
    /// The notification could not be sent.
    NotifyFailed,
    /// The device is busy with something else.
    Busy,
    /// The owner of the job may not do this to the device; what was handed out last was not sent.
    Denied(StatusCode),
    /// The device is in session, and there is a slot.
    SessionOpened,
    /// The device sent something in its session.
    Heard,
    /// An operation was answered; the work shows which.
    Answered,
    /// The session is over.
    SessionClosed(SessionEnd),
    /// The deadline of the state has come.
    Due,
    /// The device is attached or awake, and has its turn at once or after a pause.
    Attached { pause: bool },
    /// The device is detached or asleep.
    Detached,
    /// The job is cancelled or stopped, with this code.
    Ending(ResultCode),
    /// The time of the job is over.
    JobTimeUp,
}

/// What a transition may look at besides the stage and the event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) policy: &'a Policy,
    /// Attempts of this round that count.
    pub(super) tries: u16,
    pub(super) away: bool,
    pub(super) asleep: bool,
    pub(super) met: bool,
    /// The job is being cancelled or stopped.
    pub(super) ending: bool,
    pub(super) work: Work,
}

impl Stage {
    /// The one transition function, in the order of the stages: the next stage, whose clock starts, or nothing.
    pub(super) fn step(state: TargetState, event: Event, facts: &Facts<'_>) -> Option<Self> {
        use Event as E;
        use TargetState as S;
        Some(match (state, event) {
            (S::Queued, E::Released | E::Detached) => return facts.queue().filter(|to| *to != Self::Queued),
            (S::Queued, E::Dispatched) => Self::Notifying,
            (S::Queued | S::WaitAttach | S::Backoff, E::SessionOpened) => Self::InSession,
            (S::WaitAttach, E::Attached { pause: true }) => Self::Backoff,
            (S::WaitAttach, E::Attached { .. }) => return facts.queue().filter(|to| *to != Self::WaitAttach),
            // Asleep no more, but away.
            (S::WaitAttach, E::Detached) => return facts.queue().filter(|to| *to != Self::WaitAttach),

            (S::Notifying, E::NotifySent) => Self::Notifying,
            (S::Notifying, E::NotifyFailed | E::Due) => {
                facts.retry(RetryOn::UNANSWERED, ResultCode::NOT_ANSWERED)
            }
            (S::Notifying, E::Busy) => facts.retry(RetryOn::BUSY, ResultCode::BUSY),
            (S::Notifying, E::SessionOpened) => Self::InSession,

            (S::InSession, E::Heard) => Self::InSession,
            (S::InSession, E::Answered) => facts.judge(),
            (S::InSession, E::SessionClosed(SessionEnd::Refused(status))) => {
                facts.settle(S::Refused, status.into())
            }
            (S::InSession, E::Busy | E::SessionClosed(SessionEnd::Busy)) => {
                facts.retry(RetryOn::BUSY, ResultCode::BUSY)
            }
            (S::InSession, E::SessionClosed(_) | E::Due) => facts.lose_session(),

            (S::AwaitAsync, E::Answered) if facts.work.pending > 0 => return None,
            (S::AwaitAsync, E::Answered) => facts.judge(),
            (S::AwaitAsync, E::Due) => Self::Ended(S::TimedOut, ResultCode::RESULT_MISSING),

            (S::Notifying | S::InSession, E::Denied(status)) => facts.settle(S::Skipped, status.into()),
            (S::Backoff, E::Due) => return facts.queue(),

            // Who was delivered something that may still be answered is left to answer it.
            (S::InSession, E::Ending(_)) if facts.work.outstanding > 0 => return None,
            (S::InSession, E::Ending(_)) if facts.work.pending > 0 => Self::AwaitAsync,
            (S::AwaitAsync, E::Ending(_)) => return None,
            (state, _) if state.is_terminal() => return None,
            (_, E::Ending(code)) => facts.settle(S::Cancelled, code),
            (S::WaitAttach, E::JobTimeUp) if facts.away => facts.lapse(S::Unreachable, ResultCode::DETACHED),
            (S::AwaitAsync, E::JobTimeUp) => Self::Ended(S::TimedOut, ResultCode::OUT_OF_TIME),
            (_, E::JobTimeUp) if facts.tries == 0 => Self::Ended(S::TimedOut, ResultCode::OUT_OF_TIME),
            (_, E::JobTimeUp) => facts.lapse(S::Unreachable, ResultCode::OUT_OF_TIME),
            _ => return None,
        })
    }

    pub(super) const fn state(self) -> TargetState {
        match self {
            Self::Queued => TargetState::Queued,
            Self::WaitAttach => TargetState::WaitAttach,
            Self::Notifying => TargetState::Notifying,
            Self::InSession => TargetState::InSession,
            Self::AwaitAsync => TargetState::AwaitAsync,
            Self::Backoff => TargetState::Backoff,
            Self::Ended(state, _) => state,
        }
    }
}

/// The kind of failure a Status is, if trying again may help.
pub(super) const fn retriable(status: StatusCode) -> Option<RetryOn> {
    match status.get() {
        417 => Some(RetryOn::BUSY),
        500..=599 => Some(RetryOn::DEVICE_ERROR),
        _ => None,
    }
}

impl Facts<'_> {
    /// Into the queue, unless the device is not there.
    const fn queue(&self) -> Option<Stage> {
        Some(match self.policy.offline {
            Offline::Wait if self.away => Stage::WaitAttach,
            Offline::Skip if self.away => self.settle(TargetState::Skipped, ResultCode::DETACHED),
            Offline::Fail if self.away => self.lapse(TargetState::Unreachable, ResultCode::DETACHED),
            _ if self.asleep => Stage::WaitAttach,
            _ => Stage::Queued,
        })
    }

    /// After an answer: go on, or the verdict of the answers.
    fn judge(&self) -> Stage {
        let Work { left, outstanding, pending, loose, halted, .. } = self.work;
        if outstanding > 0 {
            return Stage::InSession;
        }
        let over = left == pending || halted && loose == 0 || self.ending;
        match self.work.first_bad {
            _ if !over => Stage::InSession,
            _ if pending > 0 => Stage::AwaitAsync,
            Some(status) if is_refusal(status) => self.settle(TargetState::Refused, status.into()),
            Some(_) if self.work.bad.may_mend(self.policy.retry_on) && self.may_retry(RetryOn::NONE) => {
                Stage::Backoff
            }
            Some(status) => self.settle(TargetState::Failed, status.into()),
            None if left > 0 => self.settle(TargetState::Cancelled, ResultCode::CANCELLED),
            None => self.settle(TargetState::Ok, ResultCode::OK),
        }
    }

    /// The session ended before everything was answered.
    fn lose_session(&self) -> Stage {
        if self.work.doubt > 0 && matches!(self.policy.on_unsafe, UnsafePolicy::Indeterminate) {
            Stage::Ended(TargetState::Indeterminate, ResultCode::SESSION_LOST)
        } else if self.ending && self.work.pending > 0 {
            Stage::AwaitAsync
        } else {
            self.retry(RetryOn::SESSION_LOST, ResultCode::SESSION_LOST)
        }
    }

    fn may_retry(&self, kind: RetryOn) -> bool {
        !self.ending
            && self.policy.retry_on.contains(kind)
            && self.tries <= self.policy.retries
            && self.tries < u16::MAX
    }

    /// Once more if there is a retry left, else the end for want of an answer.
    fn retry(&self, kind: RetryOn, code: ResultCode) -> Stage {
        if self.ending {
            self.settle(TargetState::Cancelled, code)
        } else if self.may_retry(kind) {
            Stage::Backoff
        } else {
            self.lapse(TargetState::Unreachable, code)
        }
    }

    /// The end for want of an answer: of `unmet` if the device was never in session.
    const fn lapse(&self, unmet: TargetState, code: ResultCode) -> Stage {
        self.settle(if self.met { TargetState::TimedOut } else { unmet }, code)
    }

    /// The end by the gateway's decision, which must not hide what was delivered and is not known.
    const fn settle(&self, state: TargetState, code: ResultCode) -> Stage {
        let state = match self.work {
            Work { doubt: 1.., .. } => TargetState::Indeterminate,
            Work { loose: 1.., .. } | Work { pending: 1.., .. } => TargetState::TimedOut,
            _ => state,
        };
        Stage::Ended(state, code)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::super::ledger::Badness;
    use super::*;

    /// One attempt made, two operations, nothing delivered.
    fn facts(policy: &Policy) -> Facts<'_> {
        Facts {
            policy,
            tries: 1,
            away: false,
            asleep: false,
            met: false,
            ending: false,
            work: Work::untouched(2),
        }
    }

    fn policy() -> Policy {
        Policy::default().with_retries(1)
    }

    const STATES: [TargetState; 7] = [
        TargetState::Queued,
        TargetState::WaitAttach,
        TargetState::Notifying,
        TargetState::InSession,
        TargetState::AwaitAsync,
        TargetState::Backoff,
        TargetState::Ok,
    ];

    fn events() -> [(&'static str, Event); 19] {
        use Event as E;
        [
            ("Released", E::Released),
            ("Dispatched", E::Dispatched),
            ("NotifySent", E::NotifySent),
            ("NotifyFailed", E::NotifyFailed),
            ("Busy", E::Busy),
            ("Denied 425", E::Denied(StatusCode::PERMISSION_DENIED)),
            ("SessionOpened", E::SessionOpened),
            ("Heard", E::Heard),
            ("Answered", E::Answered),
            ("Closed clean", E::SessionClosed(SessionEnd::Clean)),
            ("Closed lost", E::SessionClosed(SessionEnd::Lost)),
            ("Closed busy", E::SessionClosed(SessionEnd::Busy)),
            ("Closed 401", E::SessionClosed(SessionEnd::Refused(StatusCode::INVALID_CREDENTIALS))),
            ("Due", E::Due),
            ("Attached", E::Attached { pause: false }),
            ("Att. pause", E::Attached { pause: true }),
            ("Detached", E::Detached),
            ("Ending 1401", E::Ending(ResultCode::CANCELLED)),
            ("JobTimeUp", E::JobTimeUp),
        ]
    }

    fn name(to: Option<Stage>) -> String {
        match to {
            None => String::from("-"),
            Some(Stage::Ended(state, code)) => format!("{state:?} {code}"),
            Some(other) => format!("{other:?}"),
        }
    }

    fn rendered(columns: &[(TargetState, Facts<'_>)]) -> String {
        let mut table = String::new();
        for (event_name, event) in events() {
            let row: Vec<String> = columns
                .iter()
                .map(|(state, facts)| format!("{:<18}", name(Stage::step(*state, event, facts))))
                .collect();
            table += format!("{event_name:<13} | {}", row.join(" | ")).trim_end();
            table += "\n";
        }
        table
    }

    /// The whole table, for a target of one attempt with one retry left that was delivered nothing yet; the one
    /// that awaits a result was delivered everything.
    #[test]
    fn every_state_and_event() {
        let policy = policy();
        let columns = STATES.map(|state| {
            let met = matches!(state, TargetState::InSession | TargetState::AwaitAsync);
            let waits = state == TargetState::AwaitAsync;
            let work =
                if waits { Work { left: 1, pending: 1, ..Work::untouched(2) } } else { Work::untouched(2) };
            (state, Facts { met, work, ..facts(&policy) })
        });
        let table = rendered(&columns);
        assert_eq!(table, EVERY_STATE_AND_EVENT.trim_start(), "\n{table}");
    }

    // Queued, WaitAttach, Notifying, InSession, AwaitAsync, Backoff, Ok
    const EVERY_STATE_AND_EVENT: &str = "
Released      | -                  | -                  | -                  | -                  | -                  | -                  | -
Dispatched    | Notifying          | -                  | -                  | -                  | -                  | -                  | -
NotifySent    | -                  | -                  | Notifying          | -                  | -                  | -                  | -
NotifyFailed  | -                  | -                  | Backoff            | -                  | -                  | -                  | -
Busy          | -                  | -                  | Backoff            | Backoff            | -                  | -                  | -
Denied 425    | -                  | -                  | Skipped 425        | Skipped 425        | -                  | -                  | -
SessionOpened | InSession          | InSession          | InSession          | -                  | -                  | InSession          | -
Heard         | -                  | -                  | -                  | InSession          | -                  | -                  | -
Answered      | -                  | -                  | -                  | InSession          | -                  | -                  | -
Closed clean  | -                  | -                  | -                  | Backoff            | -                  | -                  | -
Closed lost   | -                  | -                  | -                  | Backoff            | -                  | -                  | -
Closed busy   | -                  | -                  | -                  | Backoff            | -                  | -                  | -
Closed 401    | -                  | -                  | -                  | Refused 401        | -                  | -                  | -
Due           | -                  | -                  | Backoff            | Backoff            | TimedOut 1413      | Queued             | -
Attached      | -                  | Queued             | -                  | -                  | -                  | -                  | -
Att. pause    | -                  | Backoff            | -                  | -                  | -                  | -                  | -
Detached      | -                  | Queued             | -                  | -                  | -                  | -                  | -
Ending 1401   | Cancelled 1401     | Cancelled 1401     | Cancelled 1401     | Cancelled 1401     | -                  | Cancelled 1401     | -
JobTimeUp     | Unreachable 1408   | Unreachable 1408   | Unreachable 1408   | TimedOut 1408      | TimedOut 1408      | Unreachable 1408   | -
";

    /// The same in session, by what was delivered and answered; no retry left.
    #[test]
    fn every_end_of_a_session() {
        let policy = Policy::default();
        let delivered = |doubt| Work { outstanding: 2, loose: 2, doubt, ..Work::untouched(2) };
        let answered = |code| Work { left: 0, first_bad: code, ..Work::untouched(2) };
        let half = Work { left: 1, ..Work::untouched(2) };
        let accepted = Work { left: 1, pending: 1, ..Work::untouched(2) };
        let halted =
            Work { left: 1, halted: true, first_bad: Some(StatusCode::NOT_FOUND), ..Work::untouched(2) };
        let works = [
            (false, Work::untouched(2)),
            (false, delivered(0)),
            (false, delivered(1)),
            (false, answered(None)),
            (false, answered(Some(StatusCode::NOT_FOUND))),
            (false, answered(Some(StatusCode::PERMISSION_DENIED))),
            (false, accepted),
            (false, halted),
            (true, half),
            (true, delivered(0)),
            (true, delivered(1)),
            (true, accepted),
        ];
        let columns = works.map(|(ending, work)| {
            (TargetState::InSession, Facts { met: true, ending, work, ..facts(&policy) })
        });
        let table = rendered(&columns);
        assert_eq!(table, EVERY_END_OF_A_SESSION.trim_start(), "\n{table}");
    }

    // Nothing delivered; outstanding: repeatable, unsafe; answered: ok, 404, 425; accepted; stopped by 404; ending:
    // one answered and nothing outstanding, outstanding repeatable, outstanding unsafe, accepted
    const EVERY_END_OF_A_SESSION: &str = "
Released      | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
Dispatched    | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
NotifySent    | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
NotifyFailed  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
Busy          | TimedOut 1414      | TimedOut 1414      | Indeterminate 1414 | TimedOut 1414      | TimedOut 1414      | TimedOut 1414      | TimedOut 1414      | TimedOut 1414      | Cancelled 1414     | TimedOut 1414      | Indeterminate 1414 | TimedOut 1414
Denied 425    | Skipped 425        | TimedOut 425       | Indeterminate 425  | Skipped 425        | Skipped 425        | Skipped 425        | TimedOut 425       | Skipped 425        | Skipped 425        | TimedOut 425       | Indeterminate 425  | TimedOut 425
SessionOpened | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
Heard         | InSession          | InSession          | InSession          | InSession          | InSession          | InSession          | InSession          | InSession          | InSession          | InSession          | InSession          | InSession
Answered      | InSession          | InSession          | InSession          | Ok 200             | Failed 404         | Refused 425        | AwaitAsync         | Failed 404         | Cancelled 1401     | InSession          | InSession          | AwaitAsync
Closed clean  | TimedOut 1411      | TimedOut 1411      | Indeterminate 1411 | TimedOut 1411      | TimedOut 1411      | TimedOut 1411      | TimedOut 1411      | TimedOut 1411      | Cancelled 1411     | TimedOut 1411      | Indeterminate 1411 | AwaitAsync
Closed lost   | TimedOut 1411      | TimedOut 1411      | Indeterminate 1411 | TimedOut 1411      | TimedOut 1411      | TimedOut 1411      | TimedOut 1411      | TimedOut 1411      | Cancelled 1411     | TimedOut 1411      | Indeterminate 1411 | AwaitAsync
Closed busy   | TimedOut 1414      | TimedOut 1414      | Indeterminate 1414 | TimedOut 1414      | TimedOut 1414      | TimedOut 1414      | TimedOut 1414      | TimedOut 1414      | Cancelled 1414     | TimedOut 1414      | Indeterminate 1414 | TimedOut 1414
Closed 401    | Refused 401        | TimedOut 401       | Indeterminate 401  | Refused 401        | Refused 401        | Refused 401        | TimedOut 401       | Refused 401        | Refused 401        | TimedOut 401       | Indeterminate 401  | TimedOut 401
Due           | TimedOut 1411      | TimedOut 1411      | Indeterminate 1411 | TimedOut 1411      | TimedOut 1411      | TimedOut 1411      | TimedOut 1411      | TimedOut 1411      | Cancelled 1411     | TimedOut 1411      | Indeterminate 1411 | AwaitAsync
Attached      | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
Att. pause    | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
Detached      | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
Ending 1401   | Cancelled 1401     | -                  | -                  | Cancelled 1401     | Cancelled 1401     | Cancelled 1401     | AwaitAsync         | Cancelled 1401     | Cancelled 1401     | -                  | -                  | AwaitAsync
JobTimeUp     | TimedOut 1408      | TimedOut 1408      | Indeterminate 1408 | TimedOut 1408      | TimedOut 1408      | TimedOut 1408      | TimedOut 1408      | TimedOut 1408      | TimedOut 1408      | TimedOut 1408      | Indeterminate 1408 | TimedOut 1408
";

    #[test]
    fn policies_and_histories_decide() {
        use TargetState as S;
        let policy = policy();
        let base = facts(&policy);
        let away = Facts { away: true, ..base };
        let skip = policy.with_offline(Offline::Skip);
        let fail = policy.with_offline(Offline::Fail);
        let attempt = policy.with_offline(Offline::Try);
        assert_eq!(Stage::step(S::Queued, Event::Detached, &away), Some(Stage::WaitAttach));
        assert_eq!(Stage::step(S::Backoff, Event::Due, &away), Some(Stage::WaitAttach));
        let ended = |state, code| Some(Stage::Ended(state, code));
        let released = |policy, away| Stage::step(S::Queued, Event::Released, &Facts { policy, ..away });
        assert_eq!(released(&skip, away), ended(S::Skipped, ResultCode::DETACHED));
        assert_eq!(released(&fail, away), ended(S::Unreachable, ResultCode::DETACHED));
        assert_eq!(released(&attempt, away), None);
        // A device that sleeps is waited for, whatever is done about detached ones.
        let asleep = Facts { asleep: true, ..base };
        for policy in [&policy, &skip, &fail, &attempt] {
            assert_eq!(released(policy, asleep), Some(Stage::WaitAttach));
        }

        // The last try, never met: unreachable. Met in an earlier attempt: timed out.
        let last = Facts { tries: 2, ..base };
        assert_eq!(
            Stage::step(S::Notifying, Event::Due, &last),
            ended(S::Unreachable, ResultCode::NOT_ANSWERED)
        );
        let met = Facts { met: true, ..last };
        assert_eq!(Stage::step(S::Notifying, Event::Due, &met), ended(S::TimedOut, ResultCode::NOT_ANSWERED));
        // Something unsafe was resent by policy and is still in doubt.
        let doubt = Facts { work: Work { loose: 1, doubt: 1, ..Work::untouched(2) }, ..met };
        let unknown = ended(S::Indeterminate, ResultCode::NOT_ANSWERED);
        assert_eq!(Stage::step(S::Notifying, Event::Due, &doubt), unknown);

        // Never had its turn.
        let fresh = Facts { tries: 0, ..base };
        let out = ended(S::TimedOut, ResultCode::OUT_OF_TIME);
        assert_eq!(Stage::step(S::Queued, Event::JobTimeUp, &fresh), out);

        let resend = policy.with_on_unsafe(UnsafePolicy::Resend);
        let unsafe_out = Work { outstanding: 1, loose: 1, doubt: 1, ..Work::untouched(1) };
        let facts = Facts { policy: &resend, met: true, work: unsafe_out, ..base };
        assert!(matches!(Stage::step(S::InSession, Event::Due, &facts), Some(Stage::Backoff)));
        let facts = Facts { policy: &policy, ..facts };
        let lost = ended(S::Indeterminate, ResultCode::SESSION_LOST);
        assert_eq!(Stage::step(S::InSession, Event::Due, &facts), lost);
        // Attempts never run over.
        let endless = policy.with_retries(u16::MAX);
        let facts = Facts { policy: &endless, tries: u16::MAX, ..base };
        let end = ended(S::Unreachable, ResultCode::NOT_ANSWERED);
        assert_eq!(Stage::step(S::Notifying, Event::Due, &facts), end);
    }

    #[test]
    fn only_what_is_asked_for_is_retried() {
        use TargetState as S;
        let unanswered = policy().with_retry_on(RetryOn::UNANSWERED);
        let errors = policy().with_retry_on(RetryOn::DEVICE_ERROR.with(RetryOn::BUSY));
        let again = |policy, state, event, code| {
            let status = StatusCode::new(code);
            let bad = Badness::of(status);
            let work = Work { left: 0, first_bad: Some(status), bad, ..Work::untouched(1) };
            let facts = Facts { met: true, work, ..facts(policy) };
            matches!(Stage::step(state, event, &facts), Some(Stage::Backoff))
        };
        assert!(again(&unanswered, S::Notifying, Event::Due, 200));
        assert!(!again(&unanswered, S::InSession, Event::Due, 200));
        assert!(!again(&unanswered, S::Notifying, Event::Busy, 200));
        assert!(!again(&errors, S::Notifying, Event::Due, 200));
        assert!(again(&errors, S::Notifying, Event::Busy, 200));
        assert!(again(&errors, S::InSession, Event::Answered, 500));
        assert!(again(&errors, S::InSession, Event::Answered, 417));
        assert!(!again(&errors, S::InSession, Event::Answered, 404));
        assert!(!again(&unanswered, S::InSession, Event::Answered, 500));
        assert_eq!(RetryOn::from_bits(0xFF).bits(), 15);
    }
}
