//! Selectors: what they mean by tables, then random ones against a naive reading.

use dm_syncml::{Instant, StatusCode};
use gwmo_model::{
    BootState, Component, DeviceId, Fact, FactSet, Field, Inventory, InventoryConfig, Mode, Selector,
    SelectorErrorKind, Serial, Sighting,
};
use proptest::prelude::*;

const NOW: Instant = Instant::EPOCH;

/// A camera of which everything is known, and a stranger.
fn inventory() -> Inventory {
    let mut inventory = Inventory::new(InventoryConfig::default());
    let seen = Sighting::new(7)
        .with(Fact::LocalAddress, "10.0.0.7")
        .with(Fact::Protocol, "dm/1.2")
        .with(Fact::Manufacturer, "A \"B\" \\ C")
        .with(Fact::Model, "X100")
        .with(Fact::Firmware, "2.9");
    let camera = inventory.handle_seen(NOW, &DeviceId::new("imei:493005").unwrap(), &seen).unwrap();
    inventory.handle_mos(NOW, camera, ["urn:oma:mo:oma-fumo:1.0", "urn:oma:mo:oma-scomo:1.0"]).unwrap();
    inventory.handle_servers(NOW, camera, ["dms"]).unwrap();
    inventory.handle_mode(NOW, camera, Some(Mode::Proxy)).unwrap();
    inventory.handle_boot_state(NOW, camera, BootState::Confirmed).unwrap();
    inventory.handle_component(NOW, camera, Component::ChildGateway).unwrap();
    inventory.handle_registered(NOW, DeviceId::new("stranger").unwrap()).unwrap();
    inventory
}

#[test]
fn what_a_comparison_means() {
    let inventory = inventory();
    // Whether the camera and the stranger match.
    let table = [
        (r#"DevID="IMEI:493005""#, true, false),
        (r#"DevID="imei:493005x""#, false, false),
        (r#"DevID~"Imei:49""#, true, false),
        (r#"DevID~"IM""#, true, false),
        (r#"DevID!="stranger""#, true, false),
        (r#"DevID="Stranger""#, false, false),
        ("AttachStatus=1", true, false),
        ("AttachStatus==2", false, true),
        ("Epoch>=7", true, false),
        ("Epoch<7", false, true),
        ("CompType=1", true, false),
        ("Mode=2", true, false),
        ("Mode!=1", true, false),
        ("ModeReq!=1", false, false),
        ("Boot/State=2", true, false),
        ("Asleep=0", true, true),
        (r#"Info/Mod="X100""#, true, false),
        (r#"Info/Mod~"X1""#, true, false),
        (r#"Info/Mod~"x""#, false, false),
        (r#"Info/Mod~"""#, true, false),
        ("Info/Fw<2.10", true, false),
        ("Info/Fw<2.9", false, false),
        ("Info/Fw<=2.9", true, false),
        ("FwV>2", true, false),
        (r#"Info/Fw>="2.9.0""#, false, false),
        (r#"Info/Fw!="3""#, true, false),
        (r#"!Info/Fw="3""#, true, true),
        (r#"Info/Man="A \"B\" \\ C""#, true, false),
        (r#"MOs="urn:oma:mo:oma-scomo:1.0""#, true, false),
        (r#"MOs~"urn:oma:mo:oma-f""#, true, false),
        (r#"MOs!="urn:oma:mo:oma-scomo:1.0""#, false, false),
        (r#"MOs!="urn:oma:mo:oma-lawmo:1.0""#, true, false),
        (r#"Servers="dms""#, true, false),
        (r#"Proto="dm/1.2"&Addr/Local~"10.""#, true, false),
        ("Mode=2|AttachStatus=2", true, true),
        ("!(Mode=2|AttachStatus=2)", false, false),
        ("Mode=1&Mode=2|AttachStatus=2", false, true),
        ("Mode=1&(Mode=2|AttachStatus=2)", false, false),
        (r#"Info/Colour="red""#, false, false),
        (r#"!Info/Colour="red""#, true, true),
        (r#"Mode="2""#, true, false),
        (r#"Mode="two""#, false, false),
        ("Mode~2", false, false),
    ];
    for (text, camera, stranger) in table {
        let selector: Selector = text.parse().unwrap();
        let matches = |number| selector.matches(inventory.record(Serial::new(number).unwrap()).unwrap());
        assert_eq!((matches(1), matches(2)), (camera, stranger), "{text}");
    }
}

#[test]
fn what_is_shown_is_the_shortest_spelling() {
    let table = [
        (" Mode = 2 ", "Mode=2"),
        ("Mode\n==\t\"2\"", "Mode=2"),
        (r#"FwV<"2.0""#, "Info/Fw<2.0"),
        (r#"HwV="a b""#, r#"Info/Hw="a b""#),
        ("((Mode=1))", "Mode=1"),
        ("(Mode=1 | Mode=2) | Mode=4", "Mode=1|Mode=2|Mode=4"),
        ("(Mode=1 & Mode=2) & (Mode=4 & Epoch>0)", "Mode=1&Mode=2&Mode=4&Epoch>0"),
        ("(Mode=1 & Mode=2) | Mode=4", "Mode=1&Mode=2|Mode=4"),
        ("! ( Mode=1 & Mode=2 )", "!(Mode=1&Mode=2)"),
        ("!!(Mode=1)", "!!Mode=1"),
        (r#"Colour="\"\\""#, r#"Colour="\"\\""#),
    ];
    for (text, shown) in table {
        let selector = Selector::parse(text).unwrap();
        assert_eq!(selector.to_string(), shown);
        assert_eq!(Selector::parse(shown).unwrap(), selector);
    }
}

#[test]
fn what_is_wrong_and_where() {
    use SelectorErrorKind::*;
    let deep = |depth: usize| format!("{}Mode=1{}", "(".repeat(depth), ")".repeat(depth));
    let (seventeen, nots) = (deep(17), format!("{}Mode=1", "!".repeat(17)));
    let long = format!("DevID=\"{}\"", "x".repeat(505));
    let table: &[(&str, SelectorErrorKind, usize)] = &[
        ("", NoComparison, 0),
        ("  ", NoComparison, 2),
        ("=1", NoComparison, 0),
        ("1=1", NoComparison, 0),
        ("Mode", NoOperator, 4),
        ("Mode ? 1", NoOperator, 5),
        ("Mode=", NoValue, 5),
        ("Mode=one", NoValue, 5),
        ("Mode=.1", NoValue, 5),
        ("Mode=\"1", BadString, 7),
        ("Mode=\"\\n\"", BadString, 6),
        ("Mode=\"a\u{7}\"", BadString, 7),
        ("Mode=1 &", NoComparison, 8),
        ("Mode=1 Mode=2", TrailingText, 7),
        ("Mode=1)", TrailingText, 6),
        ("(Mode=1", NotClosed, 7),
        ("(Mode=1 Mode=2)", NotClosed, 8),
        (&seventeen, TooDeep, 16),
        (&nots, TooDeep, 16),
        (&long, TooLong, 512),
    ];
    for &(text, kind, offset) in table {
        let error = Selector::parse(text).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (kind, offset), "{text}");
    }
    assert!(Selector::parse(&deep(16)).is_ok());
    assert!(Selector::parse(&long.replacen("x", "", 1)).is_ok());
    // What is shown must fit as well.
    let aliases = vec!["FwV<1"; 70].join("&");
    assert_eq!((aliases.len() <= 512, Selector::parse(&aliases).unwrap_err().kind()), (true, TooLong));
    let error = Selector::parse("Mode").unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.status()),
        ("no operator at octet 4", StatusCode::BAD_REQUEST)
    );
}

#[test]
fn a_selector_that_can_never_match_is_found_out() {
    let check = |text: &str| Selector::parse(text).unwrap().check().map_err(|e| (e.kind(), e.offset()));
    assert_eq!(check(r#"Mode=2&(Info/Fw<"a"|MOs~"urn")"#), Ok(()));
    assert_eq!(check(r#"Mode=2&(!Info/Mod="(\")"|Colour=1)"#), Err((SelectorErrorKind::UnknownField, 25)));
    assert_eq!(check("Mode~2"), Err((SelectorErrorKind::NotANumber, 0)));
    assert_eq!(check(r#"!(Mode=1|Epoch="x")"#), Err((SelectorErrorKind::NotANumber, 9)));
}

#[test]
fn a_selector_tells_what_it_looks_at() {
    let selector = Selector::parse(r#"!Mode=1&(FwV<2|Colour="red")|DevID~"a""#).unwrap();
    assert_eq!(selector.facts(), FactSet::MODE | FactSet::of(Fact::Firmware) | FactSet::REGISTERED);
    assert_eq!(Field::from_path("Info/Fw"), Some(Field::Text(Fact::Firmware)));
}

#[derive(Clone, Debug)]
enum Tree {
    Mode(u64),
    Epoch(&'static str, u64),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl Tree {
    fn text(&self) -> String {
        let several = |parts: &[Self], between| {
            parts.iter().map(|part| format!("({})", part.text())).collect::<Vec<_>>().join(between)
        };
        match self {
            Self::Mode(mode) => format!("Mode={mode}"),
            Self::Epoch(op, epoch) => format!("Epoch {op} {epoch}"),
            Self::Not(part) => format!("!({})", part.text()),
            Self::All(parts) => several(parts, " & "),
            Self::Any(parts) => several(parts, "|"),
        }
    }

    fn holds(&self, mode: u64, at: u64) -> bool {
        match self {
            Self::Mode(wanted) => mode == *wanted,
            Self::Epoch("<", epoch) => at < *epoch,
            Self::Epoch(_, epoch) => at >= *epoch,
            Self::Not(part) => !part.holds(mode, at),
            Self::All(parts) => parts.iter().all(|part| part.holds(mode, at)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(mode, at)),
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        prop_oneof![Just(1), Just(2), Just(4)].prop_map(Tree::Mode),
        (prop_oneof![Just("<"), Just(">=")], 0..5u64).prop_map(|(op, epoch)| Tree::Epoch(op, epoch)),
    ];
    leaf.prop_recursive(4, 12, 3, |part| {
        prop_oneof![
            part.clone().prop_map(|part| Tree::Not(Box::new(part))),
            prop::collection::vec(part.clone(), 1..4).prop_map(Tree::All),
            prop::collection::vec(part, 1..4).prop_map(Tree::Any),
        ]
    })
}

proptest! {
    #[test]
    fn a_selector_means_what_it_says(tree in tree(), epoch in 0..5u64) {
        let text = tree.text();
        prop_assume!(text.len() <= Selector::MAX_LEN);
        let selector = Selector::parse(&text).unwrap();
        prop_assert_eq!(&Selector::parse(&selector.to_string()).unwrap(), &selector);
        prop_assert!(selector.check().is_ok() && selector.to_string().len() <= text.len());
        for mode in Mode::ALL {
            let mut inventory = Inventory::new(InventoryConfig::default());
            let one = inventory.handle_seen(NOW, &DeviceId::new("a").unwrap(), &Sighting::new(epoch)).unwrap();
            inventory.handle_mode(NOW, one, Some(mode)).unwrap();
            prop_assert_eq!(selector.matches(inventory.record(one).unwrap()), tree.holds(mode.get().into(), epoch));
        }
    }

    #[test]
    fn what_was_read_reads_the_same_again(text in r#"([!(]{0,3}(Mode|FwV|Info/Fw|MOs|x.y)( ?(=|==|!=|<|<=|~) ?("([a-z"\\]|\\"|\\\\){0,4}"|[0-9.]{1,4}))[)&|]{0,3}){0,5}"#) {
        if let Ok(selector) = Selector::parse(&text) {
            let shown = selector.to_string();
            prop_assert_eq!(Selector::parse(&shown).unwrap(), selector, "{}", shown);
        }
    }
}
