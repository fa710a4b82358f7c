//! `--profile`: which departures from the standard are taken.

use clap::Args;
use dm_syncml::{DecodeOptions, Quirks};

use super::input::LIMITS;

/// The option that all subcommands share that read messages.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ProfileArg {
    /// What of other software's mistakes is taken: STRICT for none, FIELD for all that are known, WINDOWS, FLEET, AOSP for those of their
    /// names
    #[arg(long = "profile", value_name = "NAME", default_value = "FIELD", value_parser = parse)]
    pub(super) quirks: Quirks,
}

impl ProfileArg {
    /// How messages are read.
    pub(super) fn options(self) -> DecodeOptions {
        DecodeOptions::new().with_limits(LIMITS).with_quirks(self.quirks)
    }
}

fn parse(name: &str) -> Result<Quirks, String> {
    Quirks::from_profile(name).ok_or_else(|| {
        let names: Vec<_> = Quirks::PROFILES.iter().map(|(name, _)| *name).collect();
        format!("the profiles are {}", names.join(", "))
    })
}
