//! What the engine and its keeper say to one another: one JSON object a line.

use serde::{Deserialize, Serialize};

use super::files::Exit;

/// From the engine to the keeper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    Start(Start),
    /// End it: first kindly, then not.
    Stop {
        ticket: u64,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Start {
    /// The engine's number for this attempt.
    pub(super) ticket: u64,
    /// The name of its files.
    pub(super) stem: String,
    pub(super) command: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) dir: Option<String>,
}

/// From the keeper to the engine.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct News {
    pub(super) ticket: u64,
    pub(super) what: What,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    Ended(Exit),
    /// It cannot be started at all.
    Refused(String),
    /// Somebody else has claimed it.
    Taken,
}
