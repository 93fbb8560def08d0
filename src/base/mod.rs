//! Values that cannot be wrong: names, amounts, durations, GPU requests, seeds, types, mistakes.
//!
//! Everything above builds on this module; it uses nothing of the project and never does I/O.

pub mod coldkey;
pub mod gpu;
pub mod limits;
pub mod mistake;
pub mod name;
pub mod near;
pub mod odd;
pub mod rao;
pub mod scalar;
pub mod seed;
pub mod size;
pub mod span;
pub mod ss58;
pub mod total;
pub mod ty;
pub mod value;

pub use coldkey::Coldkey;
pub use gpu::{GpuKind, GpuRequest};
pub use mistake::{Mistake, Place, SourceId};
pub use name::Name;
pub use odd::Odd;
pub use rao::Rao;
pub(crate) use scalar::scalar;
pub use seed::Seed;
pub use size::Size;
pub use span::Span;
pub use total::total;
pub use ty::{RecordTy, Ty};
pub use value::{Record, Value};
