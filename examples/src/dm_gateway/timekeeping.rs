//! The time of day, for what servers ask for by date.
//!
//! The machine's own time goes on by itself. What the clock on the wall shows is told every minute, and at once when it has jumped: somebody
//! has set it, or the computer has slept.

use std::sync::Arc;
use std::time::Duration;

use dm_tree::Timestamp;

use super::driver::GatewayDriver;

/// How often the clock on the wall is looked at, and how often it is told if it goes as it should.
const LOOK: Duration = Duration::from_secs(5);
const TELL: Duration = Duration::from_secs(60);
/// Seconds that it may be off before it counts as set.
const DRIFT: u64 = 2;

/// Tells the machine what time it is.
pub(super) fn tell_time(driver: &Arc<GatewayDriver>) {
    let seconds = i64::try_from(driver.clock.unix_now()).ok();
    if let Some(time) = seconds.and_then(Timestamp::from_unix) {
        driver.drive(|gateway, now| gateway.handle_wall_clock(now, time));
    }
}

/// Goes on telling it until the task is dropped.
pub(super) async fn keep_wall_clock(driver: Arc<GatewayDriver>) {
    let clock = driver.clock;
    let (mut told_at, mut told) = (clock.now(), clock.unix_now());
    tell_time(&driver);
    loop {
        clock.sleep_until(clock.now() + LOOK).await;
        let (now, wall) = (clock.now(), clock.unix_now());
        let since = now.saturating_since(told_at);
        let expected = told.saturating_add(since.as_secs());
        let is_set = wall.abs_diff(expected) > DRIFT;
        if is_set {
            tracing::warn!(
                expected,
                found = wall,
                "the clock on the wall has jumped, or the computer has slept"
            );
        }
        if is_set || since >= TELL {
            tell_time(&driver);
            (told_at, told) = (now, wall);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use dm_syncml::auth::{Credentials, Password};
    use dm_syncml::session::ServerConfig;
    use dm_syncml::{CmdId, Exec, Item, LocUri};
    use dm_tree::{ServerId, Tree};
    use gwmo_model::console::{Console, JobRequest};
    use gwmo_model::{
        AttachStatus, DeviceAccount, DeviceId, Gateway, GatewayConfig, InventoryConfig, JobKey, JobState,
        Sighting, Subscription,
    };
    use tokio::sync::mpsc;

    use super::*;
    use crate::clock::HandClock;
    use crate::dm_gateway::driver::Parts;
    use crate::dm_gateway::fetch_policy::FetchPolicy;
    use crate::dm_gateway::image_files::ImageFiles;
    use crate::dm_gateway::journal::Journal;
    use crate::dm_gateway::keyring::Keyring;
    use crate::http_client::HttpClient;
    use crate::store::{Format, Store};
    use crate::tls::Trust;

    const NOON: u64 = 1_800_000_000;
    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(86_400);

    struct World {
        driver: Arc<GatewayDriver>,
        hand: &'static HandClock,
        server: ServerId,
        device: DeviceId,
        _folder: tempfile::TempDir,
    }

    impl World {
        /// A gateway with one device, which is gone after an hour of silence.
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let hand = HandClock::at(NOON);
            let clock = hand.clock();
            let own = ServerId::new("gw.example").expect("an id");
            let address = LocUri::new("http://gw.example/dm").expect("an address");
            let inventory = InventoryConfig::default().with_lifetime(Some(HOUR));
            let config =
                GatewayConfig::new(own.clone(), ServerConfig::new(address)).with_inventory(inventory);
            let mut gateway = Gateway::new(clock.now(), config, Tree::default()).expect("a gateway");
            let server = ServerId::new("com.example.dms").expect("an id");
            let device = DeviceId::new("urn:uuid:lamp").expect("an id");
            gateway.handle_server(clock.now(), server.clone(), Subscription::default()).expect("taken");
            let shown = Credentials::new("lamp", Password::new("its"));
            let account = DeviceAccount::new(&own, shown, "ours");
            gateway.handle_device_registered(clock.now(), device.clone(), account).expect("registered");
            gateway.handle_device_seen(clock.now(), &device, &Sighting::new(0)).expect("seen");
            let store = Store::open(&folder.path().join("store"), &Format::new("test", 1)).expect("a store");
            let (journal, _) = Journal::open(store, 1_000).expect("empty");
            let datagrams = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            let http = HttpClient::new(&Trust::Nothing).expect("a client");
            let parts = Parts {
                journal,
                datagrams,
                sources: http.clone(),
                http,
                files: ImageFiles::open(&folder.path().join("images"), &[]).expect("a folder"),
                fetch_policy: FetchPolicy::default(),
                clock,
                cards: folder.path().join("cards"),
                keyring: Keyring::default(),
                wanted: mpsc::unbounded_channel().0,
            };
            let driver = GatewayDriver::start(gateway, parts);
            tell_time(&driver);
            tokio::spawn(keep_wall_clock(Arc::clone(&driver)));
            Self { driver, hand, server, device, _folder: folder }
        }

        /// A job for the device that starts at this time on the wall.
        fn job(&self, key: &str, at: u64) -> JobKey {
            let (console, key) = (Console::new(), JobKey::new(key).expect("a key"));
            let start = i64::try_from(at).ok().and_then(Timestamp::from_unix).expect("a date");
            let blink = Item::to(LocUri::new("./Blink").expect("a node"));
            let job = JobRequest::new(key.clone())
                .with_device(self.device.clone())
                .starting_at(start)
                .with_command(Exec::new(CmdId::new("1").expect("an id"), blink));
            let mut commands = console.add_job(&job);
            commands.push(console.start_job(&key, None));
            for command in commands {
                let done = self.driver.drive(|gateway, now| gateway.execute(now, &self.server, &command));
                assert!(done.items.iter().all(|item| item.code.is_success()), "{command:?}: {done:?}");
            }
            key
        }

        /// Whether it has begun; how far it comes depends on the disk.
        fn has_begun(&self, key: &JobKey) -> bool {
            self.driver.look(|gateway| {
                let fanout = gateway.fanout();
                let job = fanout.find(&self.server, key).and_then(|number| fanout.job(number));
                job.expect("a job").state() != JobState::Scheduled
            })
        }

        fn is_there(&self) -> bool {
            self.driver.look(|gateway| {
                let inventory = gateway.inventory();
                let record = inventory.serial_of(&self.device).and_then(|serial| inventory.record(serial));
                record.expect("registered").status() == AttachStatus::Attached
            })
        }

        /// A while goes by, and everybody has had a turn.
        async fn pass(&self, time: Duration) {
            for _ in 0..time.as_secs() / LOOK.as_secs() {
                self.hand.advance(LOOK);
                for _ in 0..16 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    #[tokio::test]
    async fn a_day_forward_starts_what_was_to_start_and_ends_nothing_else() {
        let world = World::new();
        let soon = world.job("tomorrow", NOON + 80_000);
        let later = world.job("next-week", NOON + 600_000);
        world.pass(Duration::from_secs(60)).await;
        assert!(!world.has_begun(&soon));
        world.hand.set(NOON + DAY.as_secs());
        world.pass(LOOK).await;
        assert!(world.has_begun(&soon) && !world.has_begun(&later));
        // No time has passed for the device: it is not gone.
        assert!(world.is_there());
        world.pass(HOUR).await;
        assert!(!world.is_there(), "an hour of silence is an hour");
    }

    #[tokio::test]
    async fn an_hour_back_neither_repeats_nor_stops_anything() {
        let world = World::new();
        let first = world.job("first", NOON + 30);
        let second = world.job("second", NOON + 120);
        world.pass(Duration::from_secs(65)).await;
        assert!(world.has_begun(&first) && !world.has_begun(&second));
        let uptime = world.driver.clock.now();
        world.hand.set(NOON + 65 - HOUR.as_secs());
        world.pass(LOOK).await;
        // What runs goes on; what is for later is later.
        assert!(world.has_begun(&first) && !world.has_begun(&second));
        assert!(world.driver.clock.now() > uptime);
        world.pass(Duration::from_secs(600)).await;
        assert!(!world.has_begun(&second));
        assert!(world.is_there());
        world.hand.set(NOON + 1_000);
        world.pass(LOOK).await;
        assert!(world.has_begun(&second));
    }

    #[tokio::test]
    async fn who_sleeps_wakes_up_to_the_right_date() {
        let world = World::new();
        let job = world.job("at-night", NOON + 8 * 3_600);
        world.hand.suspend(9 * HOUR);
        world.pass(LOOK).await;
        assert!(world.has_begun(&job), "it was due while nobody was awake");
        assert!(world.is_there(), "nobody could hear it: that is not its silence");
    }
}
