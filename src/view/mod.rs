//! Views: what people and programs are shown of a run, folded from its state and its records.
//!
//! The command line and the pages call these with a replayed [`World`](crate::run::World) and a [`History`]; each gives a
//! value of its own that serialises. Nothing here decides, reads a clock or knows how it is shown.

mod history;
mod node;
mod perfetto;
mod summary;
mod svg;
mod timeline;

pub use history::{History, Reuse, Ruled, Try, Went};
pub use node::{NodeView, node};
pub use perfetto::perfetto;
pub use summary::{Gpus, HeldNode, Left, State, StepRow, Summary, Waiting, summary};
pub use svg::svg;
pub use timeline::{Lane, Stretch, Timeline, timeline};

use jiff::Timestamp;

use crate::base::Span;
pub use crate::run::Counts;

/// The time between two moments; none at all where the second comes first.
pub fn between(from: Timestamp, to: Timestamp) -> Span {
    let millis = u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0);
    Span::from_millis(millis).unwrap_or(Span::MAX)
}
