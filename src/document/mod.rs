//! From YAML text to one merged tree in which every value knows its place, and the types that say what it may hold.
//!
//! [`load`] reads a workflow with its parts and bases, [`parse()`] one text, [`shape::check`] holds a tree against a JSON
//! Schema. Nothing here knows what a workflow means, and nothing here reads a file but through a [`Reader`].

mod load;
mod merge;
mod parse;
mod path;
mod scalar;
pub mod shape;
mod sources;
pub mod stored;
mod syntax;
mod tree;
pub mod types;

pub use load::{Alone, Kind, Loaded, Part, Reader, load};
pub use merge::Removed;
pub use parse::parse;
pub use sources::{Position, Sources};
pub use tree::{Key, Node, Text, Tree};
