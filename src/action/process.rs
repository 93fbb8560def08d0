//! `process`: a local command. It has all the rights of whoever runs the engine, so it is allowed only when they say so.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Action, Expect, Gives};
use crate::base::Span;

/// The name of the action.
pub const PROCESS: &str = "process";
/// The environment variable that names the file for the outputs.
pub const OUTPUTS_FILE: &str = "GOD_FLOW_OUTPUTS";

/// What `process` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// The command and its arguments. One that needs a shell names it: `[sh, -c, "a | b"]`.
    pub command: Vec<String>,
    /// Environment variables, added to those of the engine.
    #[serde(default)]
    pub env: IndexMap<String, String>,
    /// The folder it runs in; the one that the engine was started in when left out.
    #[serde(default)]
    pub dir: Option<String>,
    /// The outputs, each with its type; the command must write them all, as one JSON object, into the file that the
    /// environment variable `GOD_FLOW_OUTPUTS` names.
    #[serde(default)]
    pub outputs: IndexMap<String, String>,
}

pub(super) fn action() -> Action {
    let action = Action::work::<Process, Nothing>(
        PROCESS,
        "Runs a local command, where the one who starts the run allows it. Its output goes to the log of the attempt.",
        Expect::Span(Span::from_secs(60)),
    );
    Action { gives: Gives::Declared("outputs"), ..action }.example(
        "count:\n  process:\n    command: [sh, -c, 'echo \"{\\\"lines\\\": $(wc -l < notes.txt)}\" > \"$GOD_FLOW_OUTPUTS\"']\n    \
         outputs: { lines: whole }\n  time_limit: 1m\n",
    )
}

/// Stands in the type until the author's `outputs` are known.
#[derive(JsonSchema)]
struct Nothing {}
