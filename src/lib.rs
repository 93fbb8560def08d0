//! god-flow: workflows of tournaments as files, compiled into a DAG and run durably across GPUs.
//!
//! `ARCHITECTURE.md` beside this file has the map, what must always hold, and the words.

pub mod base;
