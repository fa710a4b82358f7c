//! One target of a job: its stages, and the one function that moves it from one to the next.

use alloc::boxed::Box;
use core::fmt;

use dm_syncml::{Instant, StatusCode};

use super::code::ResultCode;
use super::job::SessionEnd;
use super::ledger::{Ledger, Work};
use super::operation::is_refusal;
use super::policy::{Offline, Policy, UnsafePolicy};
use crate::device::Serial;

/// Where a target stands: on its way, or at one of eight honest ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum TargetState {
    /// Waiting for its turn.
    Queued,
    /// Waiting until the device is attached.
    WaitAttach,
    /// Notified, session awaited. Holds a slot of the window.
    Notifying,
    /// In session. Holds a slot of the window.
    InSession,
    /// Waiting before the next attempt.
    Backoff,
    /// Every operation was done.
    Ok,
    /// The device answered, and at least one answer is an error.
    Failed,
    /// There was a session, but not every answer came; nothing that must not be repeated is in doubt. Or the
    /// time of the job was over before the device had its turn.
    TimedOut,
    /// The device never answered a notification.
    Unreachable,
    /// The device refused the gateway: 401, 407 or 425.
    Refused,
    /// Something that must not be repeated was delivered and never answered: it may have run or not.
    Indeterminate,
    /// The gateway left the device out, or was not allowed to serve it.
    Skipped,
    /// Cancelled; nothing that was delivered is in doubt.
    Cancelled,
}

impl TargetState {
    /// Every state, in the order of the enum.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Queued,
        Self::WaitAttach,
        Self::Notifying,
        Self::InSession,
        Self::Backoff,
        Self::Ok,
        Self::Failed,
        Self::TimedOut,
        Self::Unreachable,
        Self::Refused,
        Self::Indeterminate,
        Self::Skipped,
        Self::Cancelled,
    ];

    pub(super) const COUNT: usize = 13;

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// Whether the target is at its end.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        self.index() >= Self::Ok.index()
    }

    /// Whether the target holds a slot of the window.
    #[must_use]
    pub const fn is_in_flight(self) -> bool {
        matches!(self, Self::Notifying | Self::InSession)
    }

    /// The value of a record's `State` node: 10 and above are terminal.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::WaitAttach => 1,
            Self::Notifying => 2,
            Self::InSession => 3,
            Self::Backoff => 5,
            Self::Ok => 10,
            Self::Failed => 11,
            Self::TimedOut => 12,
            Self::Skipped => 13,
            Self::Cancelled => 14,
            Self::Indeterminate => 15,
            Self::Unreachable => 16,
            Self::Refused => 17,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::WaitAttach => "waiting for attach",
            Self::Notifying => "notifying",
            Self::InSession => "in session",
            Self::Backoff => "backoff",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Indeterminate => "indeterminate",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A target as it is kept: small, since there are many.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) serial: Serial,
    pub(super) tries: u16,
    /// The device is detached, as far as we were told.
    pub(super) away: bool,
    /// The device was in session for this job.
    pub(super) met: bool,
    /// The job was cancelled while the device owed answers.
    pub(super) cancelled: bool,
    pub(super) since: Instant,
    pub(super) stage: Stage,
    pub(super) ledger: Option<Box<Ledger>>,
}

impl Target {
    pub(super) const fn new(serial: Serial, away: bool, now: Instant) -> Self {
        Self {
            serial,
            tries: 0,
            away,
            met: false,
            cancelled: false,
            since: now,
            stage: Stage::Queued,
            ledger: None,
        }
    }
}

/// The state of a target with what belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Queued,
    WaitAttach,
    Notifying { until: Instant },
    InSession { until: Instant },
    Backoff { until: Instant },
    Ended(TargetState, ResultCode),
}

/// What can happen to a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// The job starts.
    Released,
    /// It has a slot, and the notification goes out.
    Dispatched,
    /// The notification is on its way.
    NotifySent,
    /// The notification could not be sent.
    NotifyFailed,
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
    /// The deadline of the stage has come.
    Due,
    /// The device is attached.
    Attached,
    /// The device is detached.
    Detached,
    /// The job is cancelled.
    Cancelled,
    /// The time of the job is over.
    JobTimeUp,
}

/// What a transition may look at besides the stage and the event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) now: Instant,
    pub(super) policy: &'a Policy,
    pub(super) tries: u16,
    pub(super) away: bool,
    pub(super) met: bool,
    pub(super) cancelling: bool,
    pub(super) work: Work,
}

impl Stage {
    /// The one transition function, in the order of the stages; what is not listed changes nothing.
    pub(super) fn step(self, event: Event, facts: &Facts<'_>) -> Self {
        use Event as E;
        match (self, event) {
            (Self::Queued, E::Released | E::Detached) => facts.queue(),
            (Self::Queued, E::Dispatched) => facts.notify(),
            (Self::Queued | Self::WaitAttach | Self::Backoff { .. }, E::SessionOpened) => facts.listen(),
            (Self::WaitAttach, E::Attached) => facts.queue(),

            (Self::Notifying { .. }, E::NotifySent) => facts.notify(),
            (Self::Notifying { .. }, E::NotifyFailed | E::Due) => facts.retry(ResultCode::NOT_ANSWERED),
            (Self::Notifying { .. }, E::SessionOpened) => facts.listen(),

            (Self::InSession { .. }, E::Heard) => facts.listen(),
            (Self::InSession { .. }, E::Answered) => facts.judge(),
            (Self::InSession { .. }, E::SessionClosed(SessionEnd::Refused(status))) => {
                facts.settle(TargetState::Refused, status.into())
            }
            (Self::InSession { .. }, E::SessionClosed(_) | E::Due) => facts.lose_session(),

            (Self::Notifying { .. } | Self::InSession { .. }, E::Denied(status)) => {
                facts.settle(TargetState::Skipped, status.into())
            }
            (Self::Backoff { .. }, E::Due) => facts.queue(),

            // Who was delivered something in this session is left to answer it.
            (Self::InSession { .. }, E::Cancelled) if facts.work.outstanding > 0 => self,
            (Self::Ended(..), _) => self,
            (_, E::Cancelled) => facts.settle(TargetState::Cancelled, ResultCode::CANCELLED),
            (Self::WaitAttach, E::JobTimeUp) => facts.lapse(TargetState::Unreachable, ResultCode::DETACHED),
            (_, E::JobTimeUp) if facts.tries == 0 => {
                Self::Ended(TargetState::TimedOut, ResultCode::OUT_OF_TIME)
            }
            (_, E::JobTimeUp) => facts.lapse(TargetState::Unreachable, ResultCode::OUT_OF_TIME),
            (stage, _) => stage,
        }
    }

    /// When the stage ends by itself.
    pub(super) const fn until(self) -> Option<Instant> {
        match self {
            Self::Notifying { until } | Self::InSession { until } | Self::Backoff { until } => Some(until),
            Self::Queued | Self::WaitAttach | Self::Ended(..) => None,
        }
    }

    pub(super) const fn state(self) -> TargetState {
        match self {
            Self::Queued => TargetState::Queued,
            Self::WaitAttach => TargetState::WaitAttach,
            Self::Notifying { .. } => TargetState::Notifying,
            Self::InSession { .. } => TargetState::InSession,
            Self::Backoff { .. } => TargetState::Backoff,
            Self::Ended(state, _) => state,
        }
    }
}

impl Facts<'_> {
    /// Into the queue, unless the device is not there.
    const fn queue(&self) -> Stage {
        match self.policy.offline {
            Offline::Wait if self.away => Stage::WaitAttach,
            Offline::Skip if self.away => self.settle(TargetState::Skipped, ResultCode::DETACHED),
            _ => Stage::Queued,
        }
    }

    fn notify(&self) -> Stage {
        Stage::Notifying { until: self.now + self.policy.t_notify }
    }

    fn listen(&self) -> Stage {
        Stage::InSession { until: self.now + self.policy.t_session }
    }

    /// After an answer: go on, or the verdict of the answers.
    fn judge(&self) -> Stage {
        match self.work.first_bad {
            _ if self.work.left > 0 && (self.work.outstanding > 0 || !self.cancelling) => self.listen(),
            Some(status) if is_refusal(status) => self.settle(TargetState::Refused, status.into()),
            Some(status) => self.settle(TargetState::Failed, status.into()),
            None if self.work.left > 0 => self.settle(TargetState::Cancelled, ResultCode::CANCELLED),
            None => self.settle(TargetState::Ok, ResultCode::OK),
        }
    }

    /// The session ended before everything was answered.
    fn lose_session(&self) -> Stage {
        if self.work.doubt > 0 && matches!(self.policy.on_unsafe, UnsafePolicy::Indeterminate) {
            Stage::Ended(TargetState::Indeterminate, ResultCode::SESSION_LOST)
        } else {
            self.retry(ResultCode::SESSION_LOST)
        }
    }

    /// Once more if there is a retry left, else the end for want of an answer.
    fn retry(&self, code: ResultCode) -> Stage {
        if self.cancelling {
            self.settle(TargetState::Cancelled, code)
        } else if self.tries <= self.policy.retries && self.tries < u16::MAX {
            Stage::Backoff { until: self.now + self.policy.pause_after(self.tries) }
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
            Work { loose: 1.., .. } => TargetState::TimedOut,
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

    use super::*;

    const NOW: Instant = Instant::from_millis(1_000_000);

    /// One attempt made, two operations, nothing delivered.
    fn facts(policy: &Policy) -> Facts<'_> {
        Facts {
            now: NOW,
            policy,
            tries: 1,
            away: false,
            met: false,
            cancelling: false,
            work: Work::untouched(2),
        }
    }

    fn policy() -> Policy {
        Policy::default().with_retries(1)
    }

    fn stages() -> [Stage; 6] {
        let until = NOW;
        [
            Stage::Queued,
            Stage::WaitAttach,
            Stage::Notifying { until },
            Stage::InSession { until },
            Stage::Backoff { until },
            Stage::Ended(TargetState::Ok, ResultCode::OK),
        ]
    }

    fn events() -> [(&'static str, Event); 16] {
        use Event as E;
        [
            ("Released", E::Released),
            ("Dispatched", E::Dispatched),
            ("NotifySent", E::NotifySent),
            ("NotifyFailed", E::NotifyFailed),
            ("Denied 425", E::Denied(StatusCode::PERMISSION_DENIED)),
            ("SessionOpened", E::SessionOpened),
            ("Heard", E::Heard),
            ("Answered", E::Answered),
            ("Closed clean", E::SessionClosed(SessionEnd::Clean)),
            ("Closed lost", E::SessionClosed(SessionEnd::Lost)),
            ("Closed 401", E::SessionClosed(SessionEnd::Refused(StatusCode::INVALID_CREDENTIALS))),
            ("Due", E::Due),
            ("Attached", E::Attached),
            ("Detached", E::Detached),
            ("Cancelled", E::Cancelled),
            ("JobTimeUp", E::JobTimeUp),
        ]
    }

    fn name(from: Stage, to: Stage) -> String {
        match to {
            _ if from == to => String::from("-"),
            Stage::Ended(state, code) => format!("{state:?} {code}"),
            Stage::Notifying { until } => format!("Notifying +{}", (until - NOW).as_secs()),
            Stage::InSession { until } => format!("InSession +{}", (until - NOW).as_secs()),
            Stage::Backoff { until } => format!("Backoff +{}", (until - NOW).as_secs()),
            other => format!("{other:?}"),
        }
    }

    fn rendered<'a>(columns: &[(Stage, Facts<'a>)], events: &[(&'static str, Event)]) -> String {
        let mut table = String::new();
        for &(event_name, event) in events {
            let row: Vec<String> = columns
                .iter()
                .map(|(stage, facts)| format!("{:<18}", name(*stage, stage.step(event, facts))))
                .collect();
            table += format!("{event_name:<13} | {}", row.join(" | ")).trim_end();
            table += "\n";
        }
        table
    }

    /// The whole table, for a target of one attempt with one retry left that was delivered nothing yet.
    #[test]
    fn every_stage_and_event() {
        let policy = policy();
        let columns = stages()
            .map(|stage| (stage, Facts { met: stage.state() == TargetState::InSession, ..facts(&policy) }));
        let table = rendered(&columns, &events());
        assert_eq!(table, EVERY_STAGE_AND_EVENT.trim_start(), "\n{table}");
    }

    // Queued, WaitAttach, Notifying, InSession, Backoff, Ended
    const EVERY_STAGE_AND_EVENT: &str = "
Released      | -                  | -                  | -                  | -                  | -                  | -
Dispatched    | Notifying +60      | -                  | -                  | -                  | -                  | -
NotifySent    | -                  | -                  | Notifying +60      | -                  | -                  | -
NotifyFailed  | -                  | -                  | Backoff +30        | -                  | -                  | -
Denied 425    | -                  | -                  | Skipped 425        | Skipped 425        | -                  | -
SessionOpened | InSession +30      | InSession +30      | InSession +30      | -                  | InSession +30      | -
Heard         | -                  | -                  | -                  | InSession +30      | -                  | -
Answered      | -                  | -                  | -                  | InSession +30      | -                  | -
Closed clean  | -                  | -                  | -                  | Backoff +30        | -                  | -
Closed lost   | -                  | -                  | -                  | Backoff +30        | -                  | -
Closed 401    | -                  | -                  | -                  | Refused 401        | -                  | -
Due           | -                  | -                  | Backoff +30        | Backoff +30        | Queued             | -
Attached      | -                  | Queued             | -                  | -                  | -                  | -
Detached      | -                  | -                  | -                  | -                  | -                  | -
Cancelled     | Cancelled 1401     | Cancelled 1401     | Cancelled 1401     | Cancelled 1401     | Cancelled 1401     | -
JobTimeUp     | Unreachable 1408   | Unreachable 1410   | Unreachable 1408   | TimedOut 1408      | Unreachable 1408   | -
";

    /// The same in session, by what was delivered and answered; no retry left.
    #[test]
    fn every_end_of_a_session() {
        let policy = Policy::default();
        let delivered = |doubt| Work { left: 2, outstanding: 2, loose: 2, doubt, first_bad: None };
        let answered = |code| Work { left: 0, outstanding: 0, loose: 0, doubt: 0, first_bad: code };
        let half = Work { left: 1, ..Work::untouched(2) };
        let works = [
            (false, Work::untouched(2)),
            (false, delivered(0)),
            (false, delivered(1)),
            (false, answered(None)),
            (false, answered(Some(StatusCode::NOT_FOUND))),
            (false, answered(Some(StatusCode::PERMISSION_DENIED))),
            (true, half),
            (true, delivered(0)),
            (true, delivered(1)),
        ];
        let columns = works.map(|(cancelling, work)| {
            (Stage::InSession { until: NOW }, Facts { met: true, cancelling, work, ..facts(&policy) })
        });
        let table = rendered(&columns, &events());
        assert_eq!(table, EVERY_END_OF_A_SESSION.trim_start(), "\n{table}");
    }

    // Nothing delivered; outstanding: repeatable, unsafe; answered: ok, 404, 425; cancelling: one answered and
    // nothing outstanding, outstanding repeatable, outstanding unsafe
    const EVERY_END_OF_A_SESSION: &str = "
Released      | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
Dispatched    | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
NotifySent    | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
NotifyFailed  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
Denied 425    | Skipped 425        | TimedOut 425       | Indeterminate 425  | Skipped 425        | Skipped 425        | Skipped 425        | Skipped 425        | TimedOut 425       | Indeterminate 425
SessionOpened | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
Heard         | InSession +30      | InSession +30      | InSession +30      | InSession +30      | InSession +30      | InSession +30      | InSession +30      | InSession +30      | InSession +30
Answered      | InSession +30      | InSession +30      | InSession +30      | Ok 200             | Failed 404         | Refused 425        | Cancelled 1401     | InSession +30      | InSession +30
Closed clean  | TimedOut 1411      | TimedOut 1411      | Indeterminate 1411 | TimedOut 1411      | TimedOut 1411      | TimedOut 1411      | Cancelled 1411     | TimedOut 1411      | Indeterminate 1411
Closed lost   | TimedOut 1411      | TimedOut 1411      | Indeterminate 1411 | TimedOut 1411      | TimedOut 1411      | TimedOut 1411      | Cancelled 1411     | TimedOut 1411      | Indeterminate 1411
Closed 401    | Refused 401        | TimedOut 401       | Indeterminate 401  | Refused 401        | Refused 401        | Refused 401        | Refused 401        | TimedOut 401       | Indeterminate 401
Due           | TimedOut 1411      | TimedOut 1411      | Indeterminate 1411 | TimedOut 1411      | TimedOut 1411      | TimedOut 1411      | Cancelled 1411     | TimedOut 1411      | Indeterminate 1411
Attached      | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
Detached      | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -                  | -
Cancelled     | Cancelled 1401     | -                  | -                  | Cancelled 1401     | Cancelled 1401     | Cancelled 1401     | Cancelled 1401     | -                  | -
JobTimeUp     | TimedOut 1408      | TimedOut 1408      | Indeterminate 1408 | TimedOut 1408      | TimedOut 1408      | TimedOut 1408      | TimedOut 1408      | TimedOut 1408      | Indeterminate 1408
";

    #[test]
    fn policies_and_histories_decide() {
        let policy = policy();
        let until = NOW;
        let base = facts(&policy);
        let away = Facts { away: true, ..base };
        let skip = policy.with_offline(Offline::Skip);
        let attempt = policy.with_offline(Offline::Try);
        assert_eq!(Stage::Queued.step(Event::Detached, &away), Stage::WaitAttach);
        assert_eq!(Stage::Backoff { until }.step(Event::Due, &away), Stage::WaitAttach);
        let skipped = Stage::Ended(TargetState::Skipped, ResultCode::DETACHED);
        assert_eq!(Stage::Queued.step(Event::Released, &Facts { policy: &skip, ..away }), skipped);
        assert_eq!(Stage::Queued.step(Event::Released, &Facts { policy: &attempt, ..away }), Stage::Queued);

        // The last try, never met: unreachable. Met in an earlier attempt: timed out.
        let last = Facts { tries: 2, ..base };
        let end = |state| Stage::Ended(state, ResultCode::NOT_ANSWERED);
        assert_eq!(Stage::Notifying { until }.step(Event::Due, &last), end(TargetState::Unreachable));
        let met = Facts { met: true, ..last };
        assert_eq!(Stage::Notifying { until }.step(Event::Due, &met), end(TargetState::TimedOut));
        // Something unsafe was resent by policy and is still in doubt.
        let doubt = Facts { work: Work { loose: 1, doubt: 1, ..Work::untouched(2) }, ..met };
        assert_eq!(Stage::Notifying { until }.step(Event::Due, &doubt), end(TargetState::Indeterminate));

        // Never had its turn.
        let fresh = Facts { tries: 0, ..base };
        let out = Stage::Ended(TargetState::TimedOut, ResultCode::OUT_OF_TIME);
        assert_eq!(Stage::Queued.step(Event::JobTimeUp, &fresh), out);

        let resend = policy.with_on_unsafe(UnsafePolicy::Resend);
        let unsafe_out = Work { left: 1, outstanding: 1, loose: 1, doubt: 1, first_bad: None };
        let facts = Facts { policy: &resend, met: true, work: unsafe_out, ..base };
        assert!(matches!(Stage::InSession { until }.step(Event::Due, &facts), Stage::Backoff { .. }));
        let facts = Facts { policy: &policy, ..facts };
        let lost = Stage::Ended(TargetState::Indeterminate, ResultCode::SESSION_LOST);
        assert_eq!(Stage::InSession { until }.step(Event::Due, &facts), lost);
        // Attempts never run over.
        let endless = policy.with_retries(u16::MAX);
        let facts = Facts { policy: &endless, tries: u16::MAX, ..base };
        assert_eq!(Stage::Notifying { until }.step(Event::Due, &facts), end(TargetState::Unreachable));
    }

    #[test]
    fn small_enough_for_many() {
        assert!(size_of::<Target>() <= 64, "{}", size_of::<Target>());
        assert!(size_of::<super::super::ledger::Slot>() <= 16);
    }
}
