//! The given workflows with a few edits, taken from reading to a plan.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: god_flow_fuzz::all_are_good(), |bytes: &[u8]| god_flow_fuzz::go(&god_flow_fuzz::edits::edited(bytes)));
