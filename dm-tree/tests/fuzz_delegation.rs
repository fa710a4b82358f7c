//! Runs the body of the fuzz target of negotiations over its committed corpus, and over octets as they fall, on stable.

#[path = "fuzz/delegation.rs"]
mod delegation;

#[path = "../../fuzz/replay.rs"]
mod corpus;

#[test]
fn delegation() {
    corpus::replay("delegation", delegation::run);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(512))]

    #[test]
    fn any_negotiations(data in proptest::collection::vec(proptest::prop_oneof![proptest::prelude::any::<u8>(), 0..16_u8], 0..400)) {
        delegation::run(&data);
    }

    #[test]
    fn any_data(name in 0..10_u8, text in "((id|from|to|device|kind|type|commands|reason|restriction|x)=([a-zA-Z0-9%+./:]{0,6}|[0-9a-f]{32})&?){0,9}") {
        let mut data = vec![name];
        data.extend_from_slice(text.as_bytes());
        delegation::run(&data);
    }
}
