//! Runs in virtual time: a modelled world of hosts and entrants in which whole tournaments play in milliseconds.
//!
//! [`Model`] says how long work takes, how well entrants do and how things fail; the mock backend plays attempts by it in
//! real time, [`Player`] in virtual time. Nothing here reads a clock or a file, waits, or touches anything real.

mod bound;
pub mod cases;
mod chance;
mod checks;
mod deployed;
mod faults;
mod file;
mod inputs;
mod made;
mod model;
mod operator;
mod play;
mod player;
mod read;
mod rest;
mod tally;
mod weather;

pub use bound::Bound;
pub use deployed::deployed;
pub use faults::{Tripped, Weathered, same_result, storm};
pub use model::Model;
pub use play::Played;
pub use player::{Account, End, Player, Setup, Use, play};
pub use read::schema;
pub use rest::rest;
pub use tally::{Sample, Spread, Tally, sample};
