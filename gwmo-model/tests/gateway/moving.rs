//! Devices that move from one gateway to another.

use std::time::Duration;

use dm_tree::Tree;
use gwmo_model::console::{GatewayAlert, JobRequest};
use gwmo_model::{
    AttachStatus, DetachReason, Fact, Gateway, GatewayOutput, Offline, Policy, Sighting, Subscription,
    TargetState,
};
use proptest::prelude::*;

use crate::town::requests::*;
use crate::town::{MINUTE, Town, account, device_id, serial, server_id};

/// A device with a job waiting for it goes to another network. The gateway there says so to the same server, which has the
/// job done there; the first one does nothing more with it, whatever late news it hears.
#[test]
fn gwmo_hlf_002_and_use_case_b_4_a_device_goes_to_another_gateway() {
    for (offline, state) in
        [(Offline::Wait, TargetState::WaitAttach), (Offline::Fail, TargetState::Unreachable)]
    {
        let (mut first, mut second) = (Town::with_devices(1, 2), Town::with_devices(2, 0));
        first.run();
        first.device(1).off = true;
        let policy = Policy::default().with_window(1).with_offline(offline).with_t_notify(30 * MINUTE);
        launch(&mut first, job("J", "*").with_policy(policy), "J");
        first.run_until(first.now().since_epoch() + Duration::from_secs(5));
        let of_two =
            |town: &Town| town.gateway.fanout().jobs().next().unwrap().record(serial(2)).unwrap().state();
        assert_eq!(of_two(&first), TargetState::Queued);

        // It is seen elsewhere, in its second epoch; the server tells the first gateway.
        let moved = first.devices.remove(&2).unwrap();
        let now = second.now();
        second.gateway.handle_device_registered(now, device_id(2), account(2)).unwrap();
        let sighting = Sighting::new(2).with(Fact::LocalAddress, "10.0.0.2");
        let there = second.gateway.handle_device_seen(now, &device_id(2), &sighting).unwrap();
        second.devices.insert(2, moved);
        second.drain_gateway();
        first.gateway.handle_device_gone(first.now(), &device_id(2), 2, DetachReason::Moved).unwrap();
        first.drain_gateway();
        assert_eq!(of_two(&first), state);
        if state == TargetState::Unreachable {
            let view = first.gateway.fanout().jobs().next().unwrap();
            assert_eq!(view.record(serial(2)).unwrap().code().unwrap().get(), 1410);
        }
        second.run();
        let said = |alert: &GatewayAlert| matches!(alert, GatewayAlert::DeviceAttached { id, .. } if *id == device_id(2));
        assert_eq!(
            second.alerts(0).iter().filter(|alert| said(alert)).count(),
            1,
            "the same server hears of it"
        );
        let items =
            second.ask(0, vec![get(&node(gwmo_model::mo::InventorySlot::Epoch, &[&there.to_string()]))]);
        assert_eq!(items[0].data.as_ref().unwrap().as_text(), Some("2"));

        // Late news of its first epoch do not bring it back, nor is it notified from there.
        let late = Sighting::new(1).with(Fact::LocalAddress, "10.0.0.2");
        let _ = first.gateway.handle_device_seen(first.now(), &device_id(2), &late);
        first.drain_gateway();
        assert_eq!(first.gateway.inventory().record(serial(2)).unwrap().status(), AttachStatus::Detached);
        assert_eq!(of_two(&first), state);
        first.run();
        assert_eq!(first.gateway.fanout().jobs().next().unwrap().counters().open(), 0);

        // Where it is now, it is managed: it comes once, as a device does in a new network, and the job is done.
        second.call_home(2);
        second.run();
        let request =
            JobRequest::new(key("K")).with_device(device_id(2)).with_command(exec("./Vendor/Lamp/Run"));
        launch(&mut second, request, "K");
        second.run();
        assert_eq!(status(&mut second, "K").counters.ok, 1);
        assert_eq!(second.device(2).read("./Vendor/Lamp/Runs"), "1");

        // And back again, in its third.
        let back = second.devices.remove(&2).unwrap();
        second.gateway.handle_device_gone(second.now(), &device_id(2), 3, DetachReason::Moved).unwrap();
        second.drain_gateway();
        let sighting = Sighting::new(3).with(Fact::LocalAddress, "10.0.0.2");
        first.gateway.handle_device_seen(first.now(), &device_id(2), &sighting).unwrap();
        first.devices.insert(2, back);
        first.drain_gateway();
        first.call_home(2);
        first.run();
        assert_eq!(first.gateway.inventory().record(serial(2)).unwrap().status(), AttachStatus::Attached);
    }
}

#[derive(Clone, Copy, Debug)]
enum News {
    Seen { at: usize, epoch: u64 },
    Gone { at: usize, epoch: u64 },
}

/// The epochs of a device, each at one of three gateways; what each gateway hears, in any order, some of it twice.
fn journey() -> impl Strategy<Value = (Vec<usize>, Vec<News>)> {
    prop::collection::vec(0..3_usize, 1..8).prop_flat_map(|stays| {
        let mut news = Vec::new();
        for (epoch, &here) in (1..).zip(&stays) {
            news.push(News::Seen { at: here, epoch });
            news.extend((0..3).filter(|&at| at != here).map(|at| News::Gone { at, epoch }));
        }
        let again = prop::sample::subsequence(news.clone(), 0..=news.len());
        (Just(stays), again.prop_map(move |again| [news.clone(), again].concat()).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever order news of a device come in, it is attached where its last epoch was, and nowhere else; a restart anywhere
    /// changes nothing.
    #[test]
    fn use_case_b_4_the_last_epoch_wins_at_three_gateways((stays, news) in journey(), stop in 0..40_usize) {
        let now = dm_syncml::Instant::EPOCH;
        let mut gateways: Vec<_> = (0..3).map(|_| {
            let mut gateway = Gateway::new(now, Town::config(), Tree::default()).unwrap();
            gateway.handle_server(now, server_id("dms.a"), Subscription::default()).unwrap();
            gateway.handle_device_registered(now, device_id(1), account(1)).unwrap();
            gateway
        }).collect();
        for (step, news) in news.iter().enumerate() {
            let at = match *news {
                News::Seen { at, epoch } => {
                    let _ = gateways[at].handle_device_seen(now, &device_id(1), &Sighting::new(epoch));
                    at
                }
                News::Gone { at, epoch } => {
                    let _ = gateways[at].handle_device_gone(now, &device_id(1), epoch, DetachReason::Moved);
                    at
                }
            };
            loop {
                match gateways[at].poll_output() {
                    GatewayOutput::Persist(seq, _) => gateways[at].handle_persisted(now, seq),
                    GatewayOutput::Wait(_) => break,
                    _ => {}
                }
            }
            if step == stop {
                let stored = gateways[at].snapshot(now).unwrap();
                gateways[at] = Gateway::restore(now, Town::config(), stored, [], |_| Some(account(1))).unwrap();
            }
        }
        let owner = *stays.last().unwrap();
        for (at, gateway) in gateways.iter().enumerate() {
            let status = gateway.inventory().record(serial(1)).unwrap().status();
            prop_assert_eq!(status == AttachStatus::Attached, at == owner, "gateway {}", at);
        }
    }
}
