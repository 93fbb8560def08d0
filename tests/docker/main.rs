//! Work on a real engine: containers, and entrants' code in them.
//!
//! Tried where `GOD_FLOW_TEST_DOCKER` holds the address of an engine; `scripts/services up` starts one.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "these are tests, also what is shared by them below")]

/// The engine; without one the test is over.
macro_rules! with_engine {
    () => {
        match crate::engine::ready().await {
            Some(docker) => docker,
            None => return,
        }
    };
}

mod clean;
mod containers;
#[path = "../engine/mod.rs"]
mod engine;
mod entrant;
mod judged;
mod rehearse;
#[path = "../engine/trainer.rs"]
mod trainer;

use std::process::Output;

/// All that a command said.
fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
