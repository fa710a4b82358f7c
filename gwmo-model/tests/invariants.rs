//! Which property holds which of the fourteen invariants of the fanout, by name: a row without its test is a failure.

use std::fs;
use std::path::Path;

/// Each invariant, and the properties over random events that hold it, as `file::test`.
const INVARIANTS: [(&str, &str, &[&str]); 14] = [
    ("I1", "counters always sum to the number of targets", &[ORACLE, FUZZ, HARM]),
    ("I2", "no more in flight than the window, at every output", &[ORACLE, FUZZ, RESTART]),
    ("I3", "each target has exactly one end in a round", &[ORACLE]),
    ("I4", "nothing goes out for what was not delivered, after a cancel or a stop", &[ORACLE]),
    ("I5", "every effect comes after its record was stored", &[RESTART]),
    ("I6", "a restart anywhere ends as no restart", &[CRASHES, RESTART, GATEWAY_STOP, GATEWAY_RESTART]),
    ("I7", "what is stale changes a counter and nothing else", &[ORACLE]),
    ("I8", "the deadline told is the soonest, and coming to it makes progress", &[ORACLE, REPLAY, RESTART]),
    ("I9", "pages hold every target once, are short enough, and read back as they were", &[PAGES]),
    ("I10", "every job that was started ends", &[ORACLE, FUZZ, RESTART, HARM]),
    (
        "I11",
        "what is unsafe is delivered once in an attempt, and in one attempt unless the policy says more",
        &[ORACLE, CRASHES],
    ),
    ("I12", "the order of independent devices does not matter", &[ORDER]),
    (
        "I13",
        "after a denial nothing names the device for that job",
        &["fanout_properties.rs::i13_a_denial_is_the_last_word"],
    ),
    ("I14", "a snapshot is as small as is said", &["fanout_restart.rs::i14_snapshots_are_small"]),
];

const ORACLE: &str = "fanout_properties.rs::machine_does_what_the_oracle_says";
const REPLAY: &str = "fanout_properties.rs::replay_is_exact";
const ORDER: &str = "fanout_properties.rs::order_of_devices_does_not_matter";
const RESTART: &str = "fanout_restart.rs::records_on_a_snapshot_are_a_snapshot";
const CRASHES: &str = "fanout_restart.rs::crashes_are_not_seen_in_the_results";
const PAGES: &str = "fanout_result.rs::pages_are_the_records";
const FUZZ: &str = "fuzz_fanout.rs::any_operations";
const HARM: &str = "gateway_properties.rs::servers_can_do_no_harm";
const GATEWAY_RESTART: &str = "gateway_properties.rs::i06_a_restart_is_not_noticed";
const GATEWAY_STOP: &str = "gateway/restart.rs::a_job_survives_a_stop_anywhere";

#[test]
fn each_invariant_is_held_by_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for (index, (name, what, held_by)) in INVARIANTS.iter().enumerate() {
        assert_eq!(*name, format!("I{}", index + 1), "{what}");
        assert!(!held_by.is_empty(), "{name}");
        for test in *held_by {
            let (file, function) = test.split_once("::").expect("file::test");
            let text = fs::read_to_string(tests.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            let at = text.find(&format!("fn {function}(")).unwrap_or_else(|| panic!("{name}: no {test}"));
            assert!(text[..at].trim_end().ends_with("#[test]"), "{name}: {test} is no test");
        }
    }
}
