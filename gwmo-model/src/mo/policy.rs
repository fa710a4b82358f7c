//! The policy of a job as leaves.

use alloc::string::{String, ToString};
use core::time::Duration;

use dm_syncml::StatusCode;

use super::table::FanoutSlot as Node;
use crate::fanout::{Offline, OnLimit, Policy, RetryOn, UnsafePolicy};

/// The leaves of a policy.
pub(crate) const POLICY_SLOTS: [Node; 16] = [
    Node::JobTime,
    Node::NotifyTime,
    Node::SessionTime,
    Node::AsyncTime,
    Node::Window,
    Node::Rate,
    Node::Stages,
    Node::Retries,
    Node::RetryWait,
    Node::RetryOn,
    Node::Offline,
    Node::MaxFail,
    Node::MinSample,
    Node::OnLimit,
    Node::Unsafe,
    Node::ReportKeep,
];

/// Whether a leaf may change while the job runs.
pub(super) const fn is_adjustable(leaf: Node) -> bool {
    matches!(
        leaf,
        Node::Window
            | Node::Rate
            | Node::Stages
            | Node::MaxFail
            | Node::MinSample
            | Node::OnLimit
            | Node::ReportKeep
    )
}

/// The text of a leaf of the policy; whole seconds, rounded up, where it is a time. `None` for other nodes.
pub(crate) fn policy_text(policy: &Policy, leaf: Node) -> Option<String> {
    let seconds = |time: Duration| {
        let whole = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
        u32::try_from(whole).unwrap_or(u32::MAX)
    };
    let number = match leaf {
        Node::JobTime => seconds(policy.job_time),
        Node::NotifyTime => seconds(policy.t_notify),
        Node::SessionTime => seconds(policy.t_session),
        Node::AsyncTime => seconds(policy.t_async),
        Node::Window => policy.window,
        Node::Rate => policy.rate,
        Node::Stages => return Some(policy.stages.to_string()),
        Node::Retries => policy.retries.into(),
        Node::RetryWait => seconds(policy.retry_wait),
        Node::RetryOn => policy.retry_on.bits().into(),
        Node::Offline => match policy.offline {
            Offline::Skip => 0,
            Offline::Fail => 1,
            Offline::Wait => 2,
            Offline::Try => 3,
        },
        Node::MaxFail => policy.max_fail.into(),
        Node::MinSample => policy.min_sample,
        Node::OnLimit => match policy.on_limit {
            OnLimit::Note => 0,
            OnLimit::Pause => 1,
            OnLimit::Abort => 2,
        },
        Node::Unsafe => match policy.on_unsafe {
            UnsafePolicy::Indeterminate => 0,
            UnsafePolicy::Resend => 1,
        },
        Node::ReportKeep => policy.keep.map_or(0, seconds),
        _ => return None,
    };
    // An `int` has 32 bits, one of them for the sign.
    Some(number.min(i32::MAX as u32).to_string())
}

/// The policy with another value in one leaf.
///
/// # Errors
///
/// 415 when it is no number where there must be one, 406 when the leaf does not take it.
pub(super) fn with_policy_text(policy: Policy, leaf: Node, text: &str) -> Result<Policy, StatusCode> {
    const WRONG: StatusCode = StatusCode::NOT_SUPPORTED;
    if leaf == Node::Stages {
        return Ok(policy.with_stages(text.parse().map_err(|_| WRONG)?));
    }
    let value: i32 = text.parse().map_err(|_| StatusCode::UNSUPPORTED_FORMAT)?;
    let value = u32::try_from(value).map_err(|_| WRONG)?;
    let time = Duration::from_secs(value.into());
    let Policy { max_fail, min_sample, on_limit, .. } = policy;
    Ok(match leaf {
        Node::JobTime if value > 0 => policy.with_job_time(time),
        Node::NotifyTime if value > 0 => policy.with_t_notify(time),
        Node::SessionTime if value > 0 => policy.with_t_session(time),
        Node::AsyncTime if value > 0 => policy.with_t_async(time),
        Node::Window if value > 0 => policy.with_window(value),
        Node::Rate => policy.with_rate(value),
        Node::Retries => policy.with_retries(u16::try_from(value).map_err(|_| WRONG)?),
        Node::RetryWait => policy.with_retry_wait(time, policy.max_retry_wait.max(time)),
        Node::RetryOn => {
            let kinds = RetryOn::from_bits(value as u8);
            if u32::from(kinds.bits()) != value {
                return Err(WRONG);
            }
            policy.with_retry_on(kinds)
        }
        Node::Offline => policy.with_offline(match value {
            0 => Offline::Skip,
            1 => Offline::Fail,
            2 => Offline::Wait,
            3 => Offline::Try,
            _ => return Err(WRONG),
        }),
        Node::MaxFail => match u8::try_from(value) {
            Ok(percent) if percent <= 100 => policy.with_max_fail(percent, min_sample, on_limit),
            _ => return Err(WRONG),
        },
        Node::MinSample => policy.with_max_fail(max_fail, value, on_limit),
        Node::OnLimit => {
            let then = match value {
                0 => OnLimit::Note,
                1 => OnLimit::Pause,
                2 => OnLimit::Abort,
                _ => return Err(WRONG),
            };
            policy.with_max_fail(max_fail, min_sample, then)
        }
        Node::Unsafe => policy.with_on_unsafe(match value {
            0 => UnsafePolicy::Indeterminate,
            1 => UnsafePolicy::Resend,
            _ => return Err(WRONG),
        }),
        Node::ReportKeep => policy.with_keep((value > 0).then_some(time)),
        _ => return Err(WRONG),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_its_leaves() {
        let values = [
            "50", "10", "20", "60", "5", "30", "1,5,20%", "3", "40", "12", "1", "25", "7", "2", "1", "86400",
        ];
        let mut policy = Policy::default();
        for (leaf, value) in POLICY_SLOTS.into_iter().zip(values) {
            assert_ne!(policy_text(&policy, leaf).as_deref(), Some(value), "{leaf:?}");
            policy = with_policy_text(policy, leaf, value).unwrap();
            assert_eq!(policy_text(&policy, leaf).as_deref(), Some(value), "{leaf:?}");
        }
        for (leaf, value) in POLICY_SLOTS.into_iter().zip(values) {
            assert_eq!(policy_text(&policy, leaf).as_deref(), Some(value), "{leaf:?} was changed by another");
        }
        for (leaf, value, status) in [
            (Node::Window, "0", 406),
            (Node::Window, "-1", 406),
            (Node::Window, "many", 415),
            (Node::NotifyTime, "0", 406),
            (Node::Retries, "65536", 406),
            (Node::RetryOn, "16", 406),
            (Node::RetryOn, "256", 406),
            (Node::Offline, "4", 406),
            (Node::MaxFail, "101", 406),
            (Node::OnLimit, "3", 406),
            (Node::Unsafe, "2", 406),
            (Node::Stages, "0", 406),
            (Node::State, "1", 406),
        ] {
            assert_eq!(with_policy_text(policy, leaf, value).map_err(StatusCode::get).err(), Some(status));
        }
        let endless = policy.with_job_time(Duration::MAX);
        assert_eq!(policy_text(&endless, Node::JobTime).unwrap(), i32::MAX.to_string());
    }
}
