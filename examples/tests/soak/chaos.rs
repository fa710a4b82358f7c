//! Who is killed when.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::process::{Process, Role};

/// The longest that a program lives in a round, unless it is spared.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(6);

/// A round of the soak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) round: u32,
    pub(crate) rounds: u32,
    pub(crate) until: Instant,
}

impl Plan {
    /// What lives long is watched, too: in the last quarter of the time the server is left alone, and the second gateway in the last half.
    const fn spares(&self, role: Role) -> bool {
        match role {
            Role::Server => self.round * 4 >= self.rounds * 3,
            Role::Gateway(number) => number % 2 == 1 && self.round * 2 >= self.rounds,
        }
    }
}

/// Kills a program at random moments of a round, and starts it again some moments later.
pub(crate) fn kill(plan: Plan, process: Arc<Process>) -> JoinHandle<()> {
    let salt = match process.role() {
        Role::Server => 0,
        Role::Gateway(number) => 1 + number as u64,
    };
    let mut random = fastrand::Rng::with_seed(plan.seed ^ u64::from(plan.round) << 16 ^ salt << 8);
    tokio::spawn(async move {
        while !plan.spares(process.role()) {
            let wait = Duration::from_millis(random.u64(200..LONGEST_WAIT.as_millis() as u64));
            if Instant::now() + wait >= plan.until {
                break;
            }
            sleep(wait).await;
            process.kill();
            // Others meet nobody for a while.
            sleep(Duration::from_millis(random.u64(0..400))).await;
            let process = Arc::clone(&process);
            tokio::task::spawn_blocking(move || process.start()).await.unwrap();
        }
    })
}
