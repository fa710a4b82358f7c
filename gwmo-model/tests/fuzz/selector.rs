//! Any text as a selector: what is read shows itself in a spelling that reads the same, within the limits, and can be asked
//! of any device.

use dm_syncml::Instant;
use gwmo_model::{DeviceId, Fact, Inventory, InventoryConfig, Selector, SelectorErrorKind, Sighting};

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let selector = match Selector::parse(text) {
        Ok(selector) => selector,
        Err(error) => {
            assert!(error.offset() <= text.len(), "{error}");
            assert!(!matches!(error.kind(), SelectorErrorKind::UnknownField | SelectorErrorKind::NotANumber));
            return;
        }
    };
    let shown = selector.to_string();
    assert!(shown.len() <= Selector::MAX_LEN, "{shown}");
    assert_eq!(Selector::parse(&shown).as_ref(), Ok(&selector), "{shown}");
    if let Err(error) = selector.check() {
        assert!(error.offset() < shown.len(), "{shown}: {error}");
    }
    let mut inventory = Inventory::new(InventoryConfig::default());
    let seen = Sighting::new(3).with(Fact::Firmware, "2.10").with(Fact::Model, "X");
    for (name, sighting) in [("imei:1", Sighting::new(0)), ("d:2", seen)] {
        let id = DeviceId::new(name).expect("a name");
        let serial = inventory.handle_seen(Instant::EPOCH, &id, &sighting).expect("there is room");
        inventory.handle_mos(Instant::EPOCH, serial, ["urn:a", "urn:b"]).expect("it is there");
    }
    let selected = inventory.select(&selector);
    for record in inventory.records(..) {
        assert_eq!(selected.serials().contains(&record.serial()), selector.matches(record));
    }
}
