//! Any text, taken from reading to a plan.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| god_flow_fuzz::go(text));
