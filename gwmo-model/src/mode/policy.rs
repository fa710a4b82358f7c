//! The rules by which a gateway chooses.

use alloc::vec::Vec;

use dm_syncml::StatusCode;
use thiserror::Error;

use super::{Mode, Modes};

/// What can be done with a device, as far as that decides its mode.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub struct ModeFacts {
    /// It has an OMA-DM client.
    pub dm_client: bool,
    /// That client has an account for the gateway, its own or one that is shared with it.
    pub gateway_account: bool,
    /// That client has an account for a server.
    pub server_account: bool,
    /// An adapter speaks its protocol.
    pub adapter: bool,
}

impl ModeFacts {
    /// A device with a client that knows the gateway, or a server, or both.
    #[must_use]
    pub const fn client(gateway_account: bool, server_account: bool) -> Self {
        Self { dm_client: true, gateway_account, server_account, adapter: false }
    }

    /// A device without a client, that an adapter speaks to.
    #[must_use]
    pub const fn adapted() -> Self {
        Self { dm_client: false, gateway_account: false, server_account: false, adapter: true }
    }

    /// Says whether an adapter speaks its protocol.
    #[must_use]
    pub const fn with_adapter(mut self, adapter: bool) -> Self {
        self.adapter = adapter;
        self
    }

    /// The modes the device can be managed in.
    #[must_use]
    pub fn possible(self) -> Modes {
        let possible = |mode| match mode {
            Mode::Transparent => self.dm_client && self.server_account,
            Mode::Proxy => self.dm_client && self.gateway_account,
            Mode::Adaptation => self.adapter,
        };
        Mode::ALL.into_iter().filter(|&mode| possible(mode)).collect()
    }
}

/// A rule: devices that match are to be managed in this mode (`Modes/Rules/<X>`).
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ModeRule<S> {
    /// Lower first; among equals the one that was added first.
    pub order: u32,
    /// Which devices.
    pub matches: S,
    /// The mode.
    pub mode: Mode,
}

impl<S> ModeRule<S> {
    /// A rule.
    #[must_use]
    pub const fn new(order: u32, matches: S, mode: Mode) -> Self {
        Self { order, matches, mode }
    }
}

/// Why a policy did not take a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ModePolicyError {
    /// There are as many rules as there may be.
    #[error("more than {max} rules")]
    TooManyRules {
        /// The most there may be.
        max: usize,
    },
    /// The gateway does not support the mode that is to be its default.
    #[error("mode is not supported")]
    NotSupported,
}

impl ModePolicyError {
    /// The Status to answer a server with that asked for this.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::TooManyRules { .. } => StatusCode::DEVICE_FULL,
            Self::NotSupported => StatusCode::NOT_SUPPORTED,
        }
    }
}

/// What became of a server's wish.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ModeWish {
    /// There was none.
    None,
    /// It decided.
    Followed,
    /// It could be followed, and a rule decided otherwise.
    Overruled,
    /// The gateway or the device does not support it.
    NotSupported,
}

impl ModeWish {
    /// The Status to answer the wish with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotSupported => StatusCode::NOT_SUPPORTED,
            Self::None | Self::Followed | Self::Overruled => StatusCode::OK,
        }
    }
}

/// What decided.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ModeReason {
    /// A rule, by its place in [`ModePolicy::rules`].
    Rule(usize),
    /// A server's wish.
    Wish,
    /// The default of the gateway.
    Default,
    /// Nothing said anything that was possible; the first of [`Mode::ALL`] that is.
    Possible,
    /// The device cannot be managed in any mode the gateway supports.
    Impossible,
}

/// What was decided for a device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct ModeChoice {
    /// The mode; `None` if the device cannot be managed.
    pub mode: Option<Mode>,
    /// Why.
    pub reason: ModeReason,
    /// What became of the wish.
    pub wish: ModeWish,
}

/// Which rules of a [`ModePolicy`] match a device: what was found out once need not be asked again until something changes that the rule is
/// about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct MatchingRules(u64);

impl MatchingRules {
    /// Whether the rule at this place in [`ModePolicy::rules`] is among them.
    #[must_use]
    pub const fn contains(self, at: usize) -> bool {
        at < u64::BITS as usize && self.0 & (1 << at) != 0
    }

    const fn set(&mut self, at: usize, is_matching: bool) {
        let bit = 1 << at;
        self.0 = if is_matching { self.0 | bit } else { self.0 & !bit };
    }
}

/// Chooses the mode of each device (GwMO-MOO-001): several are in use at once, and the gateway decides.
///
/// The first rule decides that matches and that can be followed; then the wish of a server, which is a hint; then the
/// default; then what is possible. A mode that the gateway or the device does not support is passed over wherever it
/// comes up.
///
/// Rules hold a [`Selector`](crate::Selector) or anything else that means devices; whoever asks says whether it matches. The answer depends on nothing else.
///
/// ```
/// use gwmo_model::{Mode, ModeFacts, ModePolicy, ModeRule, ModeWish, Modes};
///
/// let mut policy = ModePolicy::new(Modes::ALL, Mode::Proxy);
/// policy.add_rule(ModeRule::new(10, "camera", Mode::Transparent))?;
/// let device = ModeFacts::client(true, true);
/// assert_eq!(policy.choose(device, None, |_| false).mode, Some(Mode::Proxy));
/// assert_eq!(policy.choose(device, None, |rule| *rule == "camera").mode, Some(Mode::Transparent));
/// let choice = policy.choose(device, Some(Mode::Adaptation), |_| false);
/// assert_eq!((choice.mode, choice.wish), (Some(Mode::Proxy), ModeWish::NotSupported)); // 406
/// # Ok::<(), gwmo_model::ModePolicyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ModePolicy<S> {
    supported: Modes,
    default: Mode,
    rules: Vec<ModeRule<S>>,
}

impl<S> ModePolicy<S> {
    /// Most rules. Rules are written by people; which of them match a device is one bit each ([`MatchingRules`]).
    pub const MAX_RULES: usize = 64;

    /// A policy without rules, of a gateway that supports these modes. A default that is not among them is passed
    /// over like everything that is not supported.
    #[must_use]
    pub const fn new(supported: Modes, default: Mode) -> Self {
        Self { supported, default, rules: Vec::new() }
    }

    /// The modes the gateway supports.
    #[must_use]
    pub const fn supported(&self) -> Modes {
        self.supported
    }

    /// The default.
    #[must_use]
    pub const fn default_mode(&self) -> Mode {
        self.default
    }

    /// Sets the default.
    ///
    /// # Errors
    ///
    /// The gateway does not support it.
    pub const fn set_default_mode(&mut self, mode: Mode) -> Result<(), ModePolicyError> {
        if !self.supported.contains(mode) {
            return Err(ModePolicyError::NotSupported);
        }
        self.default = mode;
        Ok(())
    }

    /// The rules, in the order in which they are asked.
    #[must_use]
    pub fn rules(&self) -> &[ModeRule<S>] {
        &self.rules
    }

    /// Adds a rule. One whose mode is not supported is kept, and passed over.
    ///
    /// # Errors
    ///
    /// There are too many rules.
    pub fn add_rule(&mut self, rule: ModeRule<S>) -> Result<(), ModePolicyError> {
        if self.rules.len() >= Self::MAX_RULES {
            return Err(ModePolicyError::TooManyRules { max: Self::MAX_RULES });
        }
        let at = self.rules.partition_point(|other| other.order <= rule.order);
        self.rules.insert(at, rule);
        Ok(())
    }

    /// Takes out the rule at this place in [`rules`](Self::rules).
    pub fn remove_rule(&mut self, at: usize) -> Option<ModeRule<S>> {
        (at < self.rules.len()).then(|| self.rules.remove(at))
    }

    /// Brings up to date which rules match a device: those at the places that `is_concerned` names are asked by `matches`, and no others. After
    /// the rules have changed all of them are.
    #[must_use]
    pub fn matching(
        &self,
        known: MatchingRules,
        mut is_concerned: impl FnMut(usize) -> bool,
        mut matches: impl FnMut(&S) -> bool,
    ) -> MatchingRules {
        let mut found = known;
        for (at, rule) in self.rules.iter().enumerate() {
            if is_concerned(at) {
                found.set(at, matches(&rule.matches));
            }
        }
        found
    }

    /// Chooses the mode of a device of which it is known what rules match it.
    #[must_use]
    pub fn choose_by(&self, facts: ModeFacts, wish: Option<Mode>, matching: MatchingRules) -> ModeChoice {
        self.choose_with(facts, wish, |at, _| matching.contains(at))
    }

    /// Chooses the mode of a device that a server may have a wish for. `matches` says whether a selector means it.
    pub fn choose(
        &self,
        facts: ModeFacts,
        wish: Option<Mode>,
        mut matches: impl FnMut(&S) -> bool,
    ) -> ModeChoice {
        self.choose_with(facts, wish, |_, rule| matches(rule))
    }

    fn choose_with(
        &self,
        facts: ModeFacts,
        wish: Option<Mode>,
        mut matches: impl FnMut(usize, &S) -> bool,
    ) -> ModeChoice {
        let possible = self.supported.and(facts.possible());
        let rules = self.rules.iter().enumerate().filter(|(_, rule)| possible.contains(rule.mode));
        let mut rules = rules.filter(|(at, rule)| matches(*at, &rule.matches));
        let by_rule = rules.next().map(|(at, rule)| (rule.mode, ModeReason::Rule(at)));
        let wished = wish.filter(|&mode| possible.contains(mode));
        let (mode, reason) = by_rule
            .or_else(|| wished.map(|mode| (mode, ModeReason::Wish)))
            .or_else(|| possible.contains(self.default).then_some((self.default, ModeReason::Default)))
            .or_else(|| possible.iter().next().map(|mode| (mode, ModeReason::Possible)))
            .map_or((None, ModeReason::Impossible), |(mode, reason)| (Some(mode), reason));
        let wish = match (wish, wished) {
            (None, _) => ModeWish::None,
            (Some(_), None) => ModeWish::NotSupported,
            (Some(_), wished) if wished == mode => ModeWish::Followed,
            (Some(_), Some(_)) => ModeWish::Overruled,
        };
        ModeChoice { mode, reason, wish }
    }
}
