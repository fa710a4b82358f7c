//! Which mode a device is managed in (GwMO-MOO-001).

use dm_syncml::{Instant, StatusCode};
use gwmo_model::{
    DeviceId, Fact, Inventory, InventoryConfig, MatchingRules, Mode, ModeFacts, ModePolicy, ModePolicyError,
    ModeReason, ModeRule, ModeWish, Modes, Selector, Sighting,
};

use Mode::{Adaptation as A, Proxy as P, Transparent as T};

fn policy(supported: Modes, default: Mode, rules: &[(u32, &'static str, Mode)]) -> ModePolicy<&'static str> {
    let mut policy = ModePolicy::new(supported, default);
    for &(order, matches, mode) in rules {
        policy.add_rule(ModeRule::new(order, matches, mode)).unwrap();
    }
    policy
}

#[test]
fn gwmo_moo_001_gateway_chooses_mode() {
    let shared = ModeFacts::client(true, true);
    let own_server = ModeFacts::client(false, true);
    let gateway_only = ModeFacts::client(true, false);
    let adapted = ModeFacts::adapted();
    let nothing = ModeFacts::default();
    let both = shared.with_adapter(true);
    let none = ModeWish::None;
    let (followed, overruled, unsupported) =
        (ModeWish::Followed, ModeWish::Overruled, ModeWish::NotSupported);
    let rule = ModeReason::Rule;
    let (wished, default, possible) = (ModeReason::Wish, ModeReason::Default, ModeReason::Possible);
    let only_tp = T | P;
    type Row = (
        &'static str,
        Modes,
        Mode,
        &'static [(u32, &'static str, Mode)],
        ModeFacts,
        &'static str,
        Option<Mode>,
        (Option<Mode>, ModeReason, ModeWish),
    );
    #[rustfmt::skip]
    let table: &[Row] = &[
        // What the device is, with a gateway that prefers nothing in particular.
        ("shared account", Modes::ALL, P, &[], shared, "", None, (Some(P), default, none)),
        ("server's account only", Modes::ALL, P, &[], own_server, "", None, (Some(T), possible, none)),
        ("gateway's account only", Modes::ALL, T, &[], gateway_only, "", None, (Some(P), possible, none)),
        ("no client, an adapter", Modes::ALL, P, &[], adapted, "", None, (Some(A), possible, none)),
        ("no client, no adapter", Modes::ALL, P, &[], nothing, "", None, (None, ModeReason::Impossible, none)),
        ("an account without a client", Modes::ALL, P, &[],
            { let mut facts = nothing; facts.gateway_account = true; facts }, "", None, (None, ModeReason::Impossible, none)),
        ("everything", Modes::ALL, A, &[], both, "", None, (Some(A), default, none)),
        // What the gateway supports.
        ("adaptation not built in", only_tp, P, &[], adapted, "", None, (None, ModeReason::Impossible, none)),
        ("default not supported", only_tp, A, &[], both, "", None, (Some(P), possible, none)),
        ("nothing supported", Modes::NONE, P, &[], both, "", Some(P), (None, ModeReason::Impossible, unsupported)),
        // What a server wishes.
        ("a wish that can be", Modes::ALL, P, &[], shared, "", Some(T), (Some(T), wished, followed)),
        ("a wish for the default", Modes::ALL, P, &[], shared, "", Some(P), (Some(P), wished, followed)),
        ("a wish the device cannot", Modes::ALL, P, &[], shared, "", Some(A), (Some(P), default, unsupported)),
        ("a wish the gateway cannot", T.into(), T, &[], shared, "", Some(P), (Some(T), default, unsupported)),
        // What the rules say.
        ("no rule matches", Modes::ALL, P, &[(1, "x", T)], shared, "y", None, (Some(P), default, none)),
        ("a rule matches", Modes::ALL, P, &[(1, "x", T)], shared, "x", None, (Some(T), rule(0), none)),
        ("lower order first", Modes::ALL, P, &[(2, "x", P), (1, "x", T)], shared, "x", None, (Some(T), rule(0), none)),
        ("added first among equals", Modes::ALL, P, &[(1, "x", T), (1, "x", P)], shared, "x", None, (Some(T), rule(0), none)),
        ("a rule the device cannot", Modes::ALL, P, &[(1, "x", A), (2, "x", T)], shared, "x", None, (Some(T), rule(1), none)),
        ("a rule the gateway cannot", only_tp, P, &[(1, "x", A)], both, "x", None, (Some(P), default, none)),
        ("a rule against a wish", Modes::ALL, P, &[(1, "x", T)], shared, "x", Some(P), (Some(T), rule(0), overruled)),
        ("a rule and a wish agree", Modes::ALL, P, &[(1, "x", T)], shared, "x", Some(T), (Some(T), rule(0), followed)),
        ("a rule that cannot, a wish", Modes::ALL, P, &[(1, "x", A)], shared, "x", Some(T), (Some(T), wished, followed)),
    ];
    for &(name, supported, preferred, rules, facts, device, wish, expected) in table {
        let choice = policy(supported, preferred, rules).choose(facts, wish, |matches| *matches == device);
        assert_eq!((choice.mode, choice.reason, choice.wish), expected, "{name}");
    }
}

#[test]
fn gwmo_moo_001_three_devices_hold_three_modes_at_once() {
    let policy = policy(Modes::ALL, P, &[]);
    let devices = [ModeFacts::client(true, true), ModeFacts::client(false, true), ModeFacts::adapted()];
    let modes: Vec<_> =
        devices.into_iter().filter_map(|facts| policy.choose(facts, None, |_| true).mode).collect();
    assert_eq!(modes, [P, T, A]);
}

#[test]
fn gwmo_moo_001_a_wish_that_cannot_be_is_answered_406() {
    assert_eq!(ModeWish::NotSupported.status(), StatusCode::NOT_SUPPORTED);
    for wish in [ModeWish::None, ModeWish::Followed, ModeWish::Overruled] {
        assert_eq!(wish.status(), StatusCode::OK);
    }
}

/// Rules as servers write them: by what is known of a device.
#[test]
fn gwmo_moo_001_rules_are_selectors() {
    let mut inventory = Inventory::new(InventoryConfig::default());
    let mut seen = |name: &str, model: &str| {
        let sighting = Sighting::new(1).with(Fact::Model, model);
        inventory.handle_seen(Instant::EPOCH, &DeviceId::new(name).unwrap(), &sighting).unwrap()
    };
    let (camera, lamp) = (seen("urn:uuid:1", "CAM-1"), seen("urn:uuid:2", "LAMP-1"));
    let mut policy = ModePolicy::new(Modes::ALL, P);
    let rule: Selector = r#"Info/Mod~"CAM""#.parse().unwrap();
    policy.add_rule(ModeRule::new(1, rule, T)).unwrap();
    let mode = |serial| {
        let record = inventory.record(serial).unwrap();
        policy.choose(ModeFacts::client(true, true), None, |rule| rule.matches(record)).mode
    };
    assert_eq!([mode(camera), mode(lamp)], [Some(T), Some(P)]);
}

#[test]
fn rules_have_a_limit_and_can_go() {
    let mut policy = ModePolicy::new(T | P, P);
    for order in 0..64 {
        policy.add_rule(ModeRule::new(order % 8, order, T)).unwrap();
    }
    let error = policy.add_rule(ModeRule::new(0, 0, T)).unwrap_err();
    assert_eq!((error, error.status()), (ModePolicyError::TooManyRules { max: 64 }, StatusCode::DEVICE_FULL));
    assert!(policy.rules().is_sorted_by_key(|rule| (rule.order, rule.matches)));
    assert_eq!(policy.remove_rule(1).map(|rule| rule.matches), Some(8));
    assert!(policy.remove_rule(63).is_none());
    assert_eq!(policy.set_default_mode(A).unwrap_err().status(), StatusCode::NOT_SUPPORTED);
    assert_eq!(policy.set_default_mode(T).map(|()| policy.default_mode()), Ok(T));
}

#[test]
fn modes_are_numbers_and_bits() {
    let numbers: Vec<_> = (0..=u8::MAX).filter(|&number| Mode::new(number).is_some()).collect();
    assert_eq!(numbers, [1, 2, 4]);
    let masks = (0..=u8::MAX).filter_map(Modes::new);
    assert!(masks.clone().all(|modes| modes.iter().collect::<Modes>() == modes));
    assert_eq!((masks.count(), format!("{:?}", T | A)), (8, "{Transparent, Adaptation}".into()));
}

/// Whatever is chosen is possible, and nothing else is said to be.
#[test]
fn what_is_chosen_can_be() {
    for bits in 0..16_u8 {
        let mut facts = ModeFacts::client(bits & 1 != 0, bits & 2 != 0).with_adapter(bits & 4 != 0);
        facts.dm_client = bits & 8 != 0;
        for supported in (0..8).filter_map(Modes::new) {
            for wish in [None, Some(T), Some(P), Some(A)] {
                for mode in Mode::ALL {
                    let choice = policy(supported, T, &[(1, "", mode)]).choose(facts, wish, |_| true);
                    let possible = supported.and(facts.possible());
                    assert_eq!(choice.mode.is_none(), possible == Modes::NONE);
                    assert!(choice.mode.is_none_or(|mode| possible.contains(mode)));
                    let refused = wish.is_some_and(|wish| !possible.contains(wish));
                    assert_eq!(choice.wish == ModeWish::NotSupported, refused);
                }
            }
        }
    }
}

/// What a rule says of a device is asked again when something it is about has changed, and not before: with as many rules as there may be a
/// change costs what the rules that mention it cost.
#[test]
fn gwmo_moo_001_only_rules_about_what_changed_are_asked() {
    // Each rule is about one of 16 facts, and matches while that fact is odd.
    let mut policy = ModePolicy::new(Modes::ALL, P);
    for order in 0..64_u32 {
        policy.add_rule(ModeRule::new(order, order as usize % 16, [T, A][order as usize % 2])).unwrap();
    }
    let device = ModeFacts::client(true, true).with_adapter(true);
    let mut facts = [0_u32; 16];
    let mut known = policy.matching(MatchingRules::default(), |_| true, |_| false);
    let mut random = 1_u64;
    for _ in 0..2000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let changed = (random >> 60) as usize;
        facts[changed] += u32::try_from(random >> 50 & 1).unwrap();
        let mut asked = 0;
        known = policy.matching(
            known,
            |at| policy.rules()[at].matches == changed,
            |fact| {
                asked += 1;
                facts[*fact] % 2 == 1
            },
        );
        assert_eq!(asked, 4);
        for wish in [None, Some(T), Some(A)] {
            let at_once = policy.choose(device, wish, |fact| facts[*fact] % 2 == 1);
            assert_eq!(policy.choose_by(device, wish, known), at_once);
        }
    }
    assert!(!known.contains(64) && !known.contains(usize::MAX));
}
