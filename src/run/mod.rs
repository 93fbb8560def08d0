//! A run: events, the state that they fold into, and the pure function that decides the next ones.

mod aftermath;
mod ask;
mod begin;
pub mod count;
pub mod event;
pub mod explain;
pub mod failure;
mod lawful;
mod line;
pub mod place;
pub mod record;
pub mod rerun;
pub mod state;
#[cfg(test)]
mod tests;
mod tick;
pub mod verify;
mod world;

pub use begin::{Reader, Recorded, Replay};
pub use count::Counts;
pub use event::{Again, Event, NodeId, Outcome, Ruling};
pub use failure::{Blame, Cause, Failure};
pub use line::Lines;
pub use record::{Digest, Record, RunId};
pub use rerun::Reusable;
pub use state::{Attempt, Ending, Illegal, Run, Status};
pub use world::{Beginning, Command, Input, Refusal, Report, World, output, read};
