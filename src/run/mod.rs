//! A run: events, the state that they fold into, and the pure function that decides the next ones.

mod ask;
pub mod event;
pub mod failure;
pub mod place;
pub mod record;
pub mod state;
#[cfg(test)]
mod tests;
mod world;

pub use event::{Event, NodeId, Outcome, Ruling};
pub use failure::{Blame, Cause, Failure};
pub use record::{Digest, Record, RunId};
pub use state::{Attempt, Ending, Illegal, Run, Status};
pub use world::{Beginning, Command, Input, Refusal, Report, World, output, read};
