//! Flags with which a simulated device is a nuisance, as real ones are.

use std::time::Duration;

use clap::Args;

/// How a device misbehaves on its network.
#[derive(Args, Clone, Debug)]
pub struct Misbehaviour {
    /// Lose so many percent of what is sent and received
    #[arg(long = "drop", value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub drop: u8,
    /// Wait so long before each message
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=600_000))]
    pub delay: u64,
    /// Decides which messages are lost; random if left out
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

impl Misbehaviour {
    /// What decides about each message.
    #[must_use]
    pub fn start(&self) -> Network {
        Network {
            drop: self.drop,
            delay: Duration::from_millis(self.delay),
            random: self.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
        }
    }
}

/// The network of such a device.
#[derive(Debug)]
pub struct Network {
    drop: u8,
    random: fastrand::Rng,
    /// How long each message waits.
    pub delay: Duration,
}

impl Network {
    /// Whether the next message is lost.
    pub fn loses(&mut self) -> bool {
        self.drop > 0 && self.random.u8(0..100) < self.drop
    }

    /// A number for whatever else is left to chance.
    pub fn number(&mut self) -> u16 {
        self.random.u16(1..)
    }
}
