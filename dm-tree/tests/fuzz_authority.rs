//! Random delegations, revocations, ACLs and commands of five authorities and two applications, beside an oracle written from the rules.

#[path = "fuzz/authority.rs"]
mod authority;
#[path = "authority/oracle.rs"]
mod oracle;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use proptest::prelude::*;

#[test]
fn authority() {
    corpus::replay("authority", authority::run);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// No sequence lets an authority read or change what the rules deny, and none keeps from it what they grant.
    #[test]
    fn no_sequence_lets_an_authority_do_what_is_denied(
        data in proptest::collection::vec(prop_oneof![any::<u8>(), 0..32_u8], 0..1200),
    ) {
        authority::run(&data);
    }
}
