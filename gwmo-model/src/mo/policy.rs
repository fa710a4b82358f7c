//! The policy of a job as numbers in leaves.

use core::time::Duration;

use super::table::FanoutSlot as Node;
use crate::fanout::{Offline, Policy, UnsafePolicy};

/// The leaves of a policy, all of them numbers.
pub(crate) const POLICY_SLOTS: [Node; 8] = [
    Node::Window,
    Node::NotifyTime,
    Node::SessionTime,
    Node::Retries,
    Node::RetryWait,
    Node::JobTime,
    Node::Offline,
    Node::Unsafe,
];

/// The value of a leaf of the policy; seconds where it is a time.
pub(crate) fn policy_value(policy: &Policy, leaf: Node) -> Option<u32> {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX).min(i32::MAX as u32);
    Some(match leaf {
        Node::Window => policy.window,
        Node::NotifyTime => seconds(policy.t_notify),
        Node::SessionTime => seconds(policy.t_session),
        Node::Retries => policy.retries.into(),
        Node::RetryWait => seconds(policy.retry_wait),
        Node::JobTime => seconds(policy.job_time),
        Node::Offline => match policy.offline {
            Offline::Skip => 0,
            Offline::Wait => 2,
            Offline::Try => 3,
        },
        Node::Unsafe => match policy.on_unsafe {
            UnsafePolicy::Indeterminate => 0,
            UnsafePolicy::Resend => 1,
        },
        _ => return None,
    })
}

/// The policy with another value in one leaf; `None` when the leaf does not take it.
pub(super) fn with_policy_value(policy: Policy, leaf: Node, value: u32) -> Option<Policy> {
    let time = Duration::from_secs(value.into());
    Some(match leaf {
        Node::Window if value > 0 => policy.with_window(value),
        Node::NotifyTime if value > 0 => policy.with_t_notify(time),
        Node::SessionTime if value > 0 => policy.with_t_session(time),
        Node::Retries => policy.with_retries(u16::try_from(value).ok()?),
        Node::RetryWait => policy.with_retry_wait(time, policy.max_retry_wait.max(time)),
        Node::JobTime if value > 0 => policy.with_job_time(time),
        Node::Offline => policy.with_offline(match value {
            0 => Offline::Skip,
            2 => Offline::Wait,
            3 => Offline::Try,
            _ => return None,
        }),
        Node::Unsafe => policy.with_on_unsafe(match value {
            0 => UnsafePolicy::Indeterminate,
            1 => UnsafePolicy::Resend,
            _ => return None,
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_its_leaves() {
        let mut policy = Policy::default();
        for (leaf, value) in POLICY_SLOTS.into_iter().zip([5, 10, 20, 3, 40, 50, 3, 1]) {
            policy = with_policy_value(policy, leaf, value).unwrap();
            assert_eq!(policy_value(&policy, leaf), Some(value), "{leaf:?}");
        }
        for (leaf, value) in [
            (Node::Window, 0),
            (Node::NotifyTime, 0),
            (Node::Retries, 65_536),
            (Node::Offline, 1),
            (Node::Unsafe, 2),
            (Node::State, 1),
        ] {
            assert_eq!(with_policy_value(policy, leaf, value), None, "{leaf:?}");
        }
        assert_eq!(policy_value(&policy.with_job_time(Duration::MAX), Node::JobTime), Some(i32::MAX as u32));
    }
}
