//! The states of one bootstrap in one table: what each input does in each state is decided here, and nowhere else.

/// Where a bootstrap stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Stage {
    /// Wanted; the device cannot be reached.
    Waiting,
    /// Sent, or on its way.
    Offered,
    /// The device opened a session and proved itself.
    Confirmed,
    /// It will not be tried again by itself.
    Failed,
}

/// What may come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Input {
    /// Somebody wants it.
    Wanted,
    /// The device can be reached.
    Reachable,
    /// The transport could not take the offer.
    NotSent,
    /// There was no session in time.
    Deadline,
    /// A session of the device with the server was authenticated.
    Accepted,
    /// The device showed wrong credentials.
    WrongCredentials,
    /// The device, or its user, refused the offer.
    Rejected,
}

/// What is done about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// A new request: it waits, or is offered at once.
    Begin,
    /// Offer, unless it was offered as often as may be: then it failed.
    Offer,
    /// Wait until the device can be reached.
    Wait,
    /// Offer again where the device can be reached, else wait.
    OfferOrWait,
    /// It is done.
    Confirm,
    /// Failed: wrong credentials.
    FailCredentials,
    /// Failed: refused.
    FailRejected,
    /// Nothing.
    Ignore,
}

/// The table. `None` is a bootstrap that nobody wanted yet.
pub(super) const fn action(stage: Option<Stage>, input: Input) -> Action {
    use Input::{Accepted, Deadline, NotSent, Reachable, Rejected, Wanted, WrongCredentials};
    use Stage::{Confirmed, Failed, Offered, Waiting};
    match (stage, input) {
        (None | Some(Failed), Wanted) => Action::Begin,
        (Some(Waiting), Reachable) => Action::Offer,
        (Some(Offered), NotSent) => Action::Wait,
        (Some(Offered), Deadline) => Action::OfferOrWait,
        // A proof counts whenever it comes; so a stranger who made a bootstrap fail has done no harm.
        (Some(Waiting | Offered | Failed), Accepted) => Action::Confirm,
        (Some(Offered), WrongCredentials) => Action::FailCredentials,
        (Some(Offered), Rejected) => Action::FailRejected,
        (None, Reachable | NotSent | Deadline | Accepted | WrongCredentials | Rejected)
        | (Some(Waiting), Wanted | NotSent | Deadline | WrongCredentials | Rejected)
        | (Some(Offered), Wanted | Reachable)
        | (Some(Confirmed), _)
        | (Some(Failed), Reachable | NotSent | Deadline | WrongCredentials | Rejected) => Action::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;

    #[test]
    fn the_table_is_the_one_that_is_shown() {
        use Input::*;
        let inputs = [Wanted, Reachable, NotSent, Deadline, Accepted, WrongCredentials, Rejected];
        let mut shown = String::from("| |");
        inputs.iter().for_each(|input| shown += &format!(" {input:?} |"));
        shown += &format!("\n|{}\n", "---|".repeat(inputs.len() + 1));
        let stages = [Stage::Waiting, Stage::Offered, Stage::Confirmed, Stage::Failed];
        for stage in core::iter::once(None).chain(stages.map(Some)) {
            shown += &stage.map_or("| none |".into(), |stage| format!("| {stage:?} |"));
            for input in inputs {
                let cell = match action(stage, input) {
                    Action::Ignore => String::new(),
                    action => format!("{action:?}"),
                };
                shown += &format!(" {cell} |");
            }
            shown += "\n";
        }
        assert!(include_str!("states.md").contains(&shown), "{shown}");
    }
}
