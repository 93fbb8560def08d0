//! `process`: a local command. It has all the rights of whoever runs the engine, so it is allowed only when they say so.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

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
    /// The command and its arguments.
    #[serde(default)]
    pub command: Vec<String>,
    /// A script for `sh`, in place of a command.
    #[serde(default)]
    pub shell: Option<String>,
    /// Environment variables, added to those of the engine.
    #[serde(default)]
    pub env: IndexMap<String, String>,
    /// The folder it runs in, as seen from the one in which the run was started; that one itself when left out.
    #[serde(default)]
    pub dir: Option<String>,
    /// The outputs, each with its type; the command must write them all, as one JSON object, into the file that the
    /// environment variable `GOD_FLOW_OUTPUTS` names.
    #[serde(default)]
    pub outputs: IndexMap<String, String>,
}

/// A command, ready to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Never empty.
    pub command: Vec<String>,
    pub env: Vec<(String, String)>,
    pub dir: Option<String>,
}

/// What an attempt's input says to run.
pub fn call(input: &Json) -> Result<Call, String> {
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let command: Vec<String> =
        input.get("command").and_then(Json::as_array).into_iter().flatten().filter_map(text).collect();
    let shell = input.get("shell").and_then(text);
    let command = match (command.is_empty(), shell) {
        (false, None) => command,
        (true, Some(script)) => vec!["sh".into(), "-c".into(), script],
        (true, None) => return Err("it says nothing to run: give it a `command` or a `shell` script".into()),
        (false, Some(_)) => return Err("it has both a `command` and a `shell` script: only one can be run".into()),
    };
    let env = input.get("env").and_then(Json::as_object).into_iter().flatten();
    let env: Vec<(String, String)> = env.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
    if let Some((name, _)) = env.iter().find(|(name, _)| name.is_empty() || name.contains('=')) {
        return Err(format!("`env` has the name `{name}`: the name of a variable is not empty and has no `=`"));
    }
    Ok(Call { command, env, dir: input.get("dir").and_then(text) })
}

pub(super) fn action() -> Action {
    let action = Action::work::<Process, Nothing>(
        PROCESS,
        "Runs a local command, where the one who starts the run allows it. Its output goes to the log of the attempt.",
        Expect::Span(Span::from_secs(60)),
    );
    Action { gives: Gives::Declared("outputs"), ..action }.example(
        "count:\n  process:\n    shell: 'echo \"{\\\"lines\\\": $(wc -l < notes.txt)}\" > \"$GOD_FLOW_OUTPUTS\"'\n    \
         outputs: { lines: whole }\n  time_limit: 1m\n",
    )
}

/// Stands in the type until the author's `outputs` are known.
#[derive(JsonSchema)]
struct Nothing {}
