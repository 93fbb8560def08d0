//! Cases that the rules of a workflow are held to: `*.test.yaml` files, which `god-flow test` runs.
//!
//! A case plays the workflow in a calm world, where nothing fails unless it says so, and compares what came out with what
//! it expects. What differs is a mistake at the place of the expectation, with the steps that decided it
//! and the rules that those read beside it.

mod file;
mod judge;
mod pattern;
mod play;
mod read;
mod reason;

pub use read::{Case, File, Set, read, schema};
