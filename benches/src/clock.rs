//! The one clock of every comparison: CPU time of this process, so that a busy machine shows as little as it can.

use core::time::Duration;

use cpu_time::ProcessTime;

/// The spread of one operation's trials, in nanoseconds for one run of it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// How many trials there were.
    pub trials: usize,
    /// The fastest trial.
    pub min: f64,
    /// The middle trial.
    pub median: f64,
    /// The slowest trial.
    pub max: f64,
}

impl Spread {
    fn of(mut trials: Vec<f64>) -> Self {
        trials.sort_by(f64::total_cmp);
        let at = |i: usize| trials.get(i).copied().unwrap_or(f64::NAN);
        Self {
            trials: trials.len(),
            min: at(0),
            median: at(trials.len() / 2),
            max: at(trials.len().saturating_sub(1)),
        }
    }

    /// Megabytes (10^6) a second at the median for `bytes` a run.
    #[must_use]
    pub fn megabytes_per_second(&self, bytes: usize) -> f64 {
        bytes as f64 * 1e3 / self.median
    }
}

/// How long and how often to measure.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Trials of each operation; the median of an odd number is one of them.
    pub trials: usize,
    /// CPU time one trial should take; runs are repeated until they fill it.
    pub trial_time: Duration,
}

impl Plan {
    /// A plan of `trials` trials of `trial_time` each.
    #[must_use]
    pub const fn new(trials: usize, trial_time: Duration) -> Self {
        Self { trials, trial_time }
    }
}

/// Something that can be timed.
///
/// Every `FnMut()` is an operation of this process. What runs in another process measures itself, by that process's CPU time.
pub trait Operation {
    /// Runs `runs` times; the CPU time that took.
    fn time(&mut self, runs: u64) -> Duration;
}

impl<F: FnMut()> Operation for F {
    fn time(&mut self, runs: u64) -> Duration {
        time(runs, self)
    }
}

/// Times `operations` against each other: every round runs each of them once, so that whatever else the machine
/// does meets all of them alike. Results are in the order of `operations`.
pub fn interleaved(plan: Plan, operations: &mut [&mut dyn Operation]) -> Vec<Spread> {
    let runs: Vec<u64> =
        operations.iter_mut().map(|operation| runs_to_fill(plan.trial_time, *operation)).collect();
    let mut trials: Vec<Vec<f64>> = vec![Vec::with_capacity(plan.trials); operations.len()];
    for _ in 0..plan.trials {
        for ((operation, runs), trials) in operations.iter_mut().zip(&runs).zip(&mut trials) {
            trials.push(operation.time(*runs).as_nanos() as f64 / *runs as f64);
        }
    }
    trials.into_iter().map(Spread::of).collect()
}

/// How many runs take about `trial_time`; also warms the operation up.
fn runs_to_fill(trial_time: Duration, operation: &mut dyn Operation) -> u64 {
    let mut runs = 1_u64;
    loop {
        let taken = operation.time(runs);
        if taken >= trial_time / 4 || runs > 1 << 40 {
            let scale = trial_time.as_secs_f64() / taken.as_secs_f64().max(1e-9);
            return ((runs as f64 * scale) as u64).max(1);
        }
        runs *= 2;
    }
}

/// CPU time of this process while it runs `operation` `runs` times.
pub fn time(runs: u64, mut operation: impl FnMut()) -> Duration {
    let start = ProcessTime::now();
    for _ in 0..runs {
        operation();
    }
    start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        let spread = Spread::of(vec![5.0, 1.0, 3.0]);
        assert_eq!((spread.min, spread.median, spread.max, spread.trials), (1.0, 3.0, 5.0, 3));
        assert!((spread.megabytes_per_second(3) - 1000.0).abs() < 1e-9);
    }

    #[test]
    fn longer_work_takes_longer() {
        let data = vec![7_u8; 1 << 12];
        let work = |n: usize| {
            let data = &data;
            move || {
                for _ in 0..n {
                    core::hint::black_box(crate::floors::byte_loop(core::hint::black_box(data)));
                }
            }
        };
        let (mut short, mut long) = (work(1), work(16));
        let plan = Plan::new(3, Duration::from_millis(1));
        let spreads = interleaved(plan, &mut [&mut short, &mut long]);
        assert!(spreads[1].median > spreads[0].median * 4.0, "{spreads:?}");
    }
}
