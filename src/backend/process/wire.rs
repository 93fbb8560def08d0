//! What the engine and its keeper say to one another: one JSON object a line.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::files::Exit;

/// From the engine to the keeper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Begin it as soon as those before it leave room.
    Start(Arc<Start>),
    /// Do not begin it; if it has begun, leave it alone.
    Withdraw { ticket: u64 },
    /// End it: first kindly, then not. If it has not begun, do not begin it.
    Stop { ticket: u64 },
    /// One that ended as told with `waits` is dealt with.
    GoOn,
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
    /// Only the engine can tell whether it went well, even where its exit code is 0.
    pub(super) judged: bool,
}

/// From the keeper to the engine.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct News {
    pub(super) ticket: u64,
    pub(super) what: What,
    /// It may have failed: nothing begins any more until the engine has dealt with it.
    pub(super) waits: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    Ended(Exit),
    /// It cannot be started at all.
    Refused(String),
    /// It cannot be started here and now, for the host lacks what any command needs.
    Lacking(String),
    /// Somebody else has begun it. How it ends is told when its turn here has come and it is over.
    Taken,
    /// Somebody else had begun it, and nobody knows how it ended.
    Lost,
}
