//! Any text, compiled as an expression and evaluated.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| god_flow_fuzz::world::go(text));
