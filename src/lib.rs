//! god-flow: workflows of tournaments as files, compiled into a DAG and run durably across GPUs.
//!
//! `ARCHITECTURE.md` beside this file has the map, what must always hold, and the words.

pub mod action;
pub mod backend;
pub mod base;
pub mod cli;
pub mod document;
pub mod driver;
pub mod hub;
pub mod plan;
pub mod rule;
pub mod run;
pub mod sim;
pub mod store;
pub mod view;
pub mod workflow;
