//! `--profile`: which departures from the standard are taken.

use clap::Args;
use dm_syncml::{DecodeOptions, Quirks};
use dm_wbxml::xml::Leniencies;

use super::input::LIMITS;

/// A set of quirks and its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Profile {
    pub(super) name: &'static str,
    quirks: Quirks,
}

/// The option that all subcommands share that read messages.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ProfileArg {
    /// What of other software's mistakes is taken: STRICT for none, FIELD for all that are known, WINDOWS, FLEET, AOSP for those of their
    /// names
    #[arg(long, value_name = "NAME", default_value = "FIELD", value_parser = parse)]
    pub(super) profile: Profile,
}

/// The quirks that are XML's, which documents of other types may need too.
const OF_XML: [(Quirks, Leniencies); 7] = [
    (Quirks::INHERITED_NAMESPACE, Leniencies::WRONG_PAGE),
    (Quirks::NO_NAMESPACE, Leniencies::NO_NAMESPACE),
    (Quirks::UNDECLARED_PREFIXES, Leniencies::UNDECLARED_PREFIXES),
    (Quirks::NAMESPACE_CASE, Leniencies::NAMESPACE_CASE),
    (Quirks::BARE_AMPERSANDS, Leniencies::BARE_AMPERSANDS),
    (Quirks::INNER_DECLARATIONS, Leniencies::INNER_DECLARATIONS),
    (Quirks::SEVERAL_ROOTS, Leniencies::SEVERAL_ROOTS),
];

impl Profile {
    pub(super) fn leniencies(self) -> Leniencies {
        OF_XML
            .iter()
            .filter(|(quirk, _)| self.quirks.contains(*quirk))
            .fold(Leniencies::NONE, |all, (_, leniency)| all.with(*leniency))
    }

    pub(super) fn quirks_of(met: Leniencies) -> Quirks {
        OF_XML
            .iter()
            .filter(|(_, leniency)| met.contains(*leniency))
            .fold(Quirks::STRICT, |all, (quirk, _)| all.with(*quirk))
    }

    pub(super) fn options(self) -> DecodeOptions {
        DecodeOptions::new().with_limits(LIMITS).with_quirks(self.quirks)
    }
}

fn parse(name: &str) -> Result<Profile, String> {
    let found = Quirks::PROFILES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(name, quirks)| Profile { name, quirks: *quirks }).ok_or_else(|| {
        let names: Vec<_> = Quirks::PROFILES.iter().map(|(name, _)| *name).collect();
        format!("the profiles are {}", names.join(", "))
    })
}
