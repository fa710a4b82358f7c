//! What a server sets about storing images, and what only the gateway's owner sets.

use alloc::boxed::Box;
use core::time::Duration;

/// What a server may set (`GwConfig/Storage`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StoragePolicy {
    /// Whether anything may be stored (DCIS-003). Default yes.
    pub enabled: bool,
    /// Whether what is stored goes when [`enabled`](Self::enabled) goes: at once, or as soon as no running job uses
    /// it. Otherwise it stays and is served, and only nothing new comes. Default yes.
    pub purge: bool,
    /// Octets stored and set aside for what is coming in, all together. Default 64 MiB.
    pub quota: u64,
    /// Octets of one image. Default 16 MiB.
    pub max_image: u64,
    /// Time after its last use after which an image is evicted even if there is room. Default `None`: never.
    pub retain: Option<Duration>,
    /// Whether the same content is stored once (DCIS-002). Default yes.
    pub dedup: bool,
}

impl Default for StoragePolicy {
    fn default() -> Self {
        Self { enabled: true, purge: true, quota: 64 << 20, max_image: 16 << 20, retain: None, dedup: true }
    }
}

impl StoragePolicy {
    /// Sets [`enabled`](Self::enabled).
    #[must_use]
    pub const fn with_enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Sets [`purge`](Self::purge).
    #[must_use]
    pub const fn with_purge(mut self, purge: bool) -> Self {
        self.purge = purge;
        self
    }

    /// Sets [`quota`](Self::quota).
    #[must_use]
    pub const fn with_quota(mut self, quota: u64) -> Self {
        self.quota = quota;
        self
    }

    /// Sets [`max_image`](Self::max_image).
    #[must_use]
    pub const fn with_max_image(mut self, max: u64) -> Self {
        self.max_image = max;
        self
    }

    /// Sets [`retain`](Self::retain).
    #[must_use]
    pub const fn with_retain(mut self, retain: Option<Duration>) -> Self {
        self.retain = retain;
        self
    }

    /// Sets [`dedup`](Self::dedup).
    #[must_use]
    pub const fn with_dedup(mut self, dedup: bool) -> Self {
        self.dedup = dedup;
        self
    }
}

/// What the owner of a gateway sets about images.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ImageConfig {
    /// What local addresses start with; the name of the image is appended.
    pub base_uri: Box<str>,
    /// The policy to begin with. A restored machine has the one it had.
    pub policy: StoragePolicy,
    /// Most images at a time. Default 256: firmware of a few versions for every kind of device in a building.
    pub max_images: u32,
    /// Most jobs that use one image. Default 1 024, above the jobs a fanout holds by default.
    pub max_pins: u32,
    /// Most devices and groups in one scope. Default 1 024; more devices are better named by a group.
    pub max_scope: u32,
    /// Longest text about an image, in octets. Default 2 048, a generous URL.
    pub max_text: usize,
    /// Whether an image may be fetched whose digest nobody told; its content is then taken as it comes. Default no.
    pub fetch_without_digest: bool,
    /// Whether a server that only names a digest gets what another server had stored. By default it has to send or
    /// name a source for the content, as proof that it has it; stored once it is in either case.
    pub share_unproven: bool,
    /// Attempts to go on with a download after one broke off. Default 3.
    pub fetch_retries: u8,
    /// Redirects followed in one attempt, each put before the policy of the gateway. Default 5.
    pub max_redirects: u8,
    /// Time until the first of these, twice as long for each that follows. Default 30 s.
    pub fetch_wait: Duration,
    /// Time without progress after which an image that comes in is given up. Default 10 min.
    pub stall: Duration,
    /// Most answers to devices at a time, each of which keeps its content from being dropped. Default 256.
    pub max_serves: u32,
    /// Most answers to one device at a time. Default 4.
    pub max_serves_per_device: u32,
    /// Time after which an answer counts as over, told or not. Default 1 h.
    pub serve_time: Duration,
}

impl ImageConfig {
    /// The defaults, with local addresses below this one, such as `http://192.168.1.1/images/`.
    #[must_use]
    pub fn new(base_uri: &str) -> Self {
        Self {
            base_uri: base_uri.into(),
            policy: StoragePolicy::default(),
            max_images: 256,
            max_pins: 1024,
            max_scope: 1024,
            max_text: 2048,
            fetch_without_digest: false,
            share_unproven: false,
            fetch_retries: 3,
            max_redirects: 5,
            fetch_wait: Duration::from_secs(30),
            stall: Duration::from_secs(600),
            max_serves: 256,
            max_serves_per_device: 4,
            serve_time: Duration::from_secs(3600),
        }
    }

    /// Sets [`policy`](Self::policy).
    #[must_use]
    pub const fn with_policy(mut self, policy: StoragePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets [`max_images`](Self::max_images).
    #[must_use]
    pub const fn with_max_images(mut self, max: u32) -> Self {
        self.max_images = max;
        self
    }

    /// Sets [`fetch_without_digest`](Self::fetch_without_digest).
    #[must_use]
    pub const fn with_fetch_without_digest(mut self, allowed: bool) -> Self {
        self.fetch_without_digest = allowed;
        self
    }

    /// Sets [`share_unproven`](Self::share_unproven).
    #[must_use]
    pub const fn with_share_unproven(mut self, allowed: bool) -> Self {
        self.share_unproven = allowed;
        self
    }

    /// Sets [`fetch_retries`](Self::fetch_retries) and [`fetch_wait`](Self::fetch_wait).
    #[must_use]
    pub const fn with_fetch_retries(mut self, retries: u8, wait: Duration) -> Self {
        (self.fetch_retries, self.fetch_wait) = (retries, wait);
        self
    }

    /// Sets [`stall`](Self::stall).
    #[must_use]
    pub const fn with_stall(mut self, stall: Duration) -> Self {
        self.stall = stall;
        self
    }

    /// Sets [`max_serves`](Self::max_serves) and [`max_serves_per_device`](Self::max_serves_per_device).
    #[must_use]
    pub const fn with_max_serves(mut self, all: u32, per_device: u32) -> Self {
        (self.max_serves, self.max_serves_per_device) = (all, per_device);
        self
    }

    /// Sets [`serve_time`](Self::serve_time).
    #[must_use]
    pub const fn with_serve_time(mut self, time: Duration) -> Self {
        self.serve_time = time;
        self
    }
}
