//! `train`: an entrant's image on a task.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    Action, Expect, entry,
    vocabulary::{Files, Image, Task, Training},
};
use crate::base::{Size, Span, scalar};

/// What `train` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// The entrant's image, from `build`.
    pub image: Image,
    /// The model and data, from `download`.
    pub files: Files,
    /// What is to be trained.
    pub task: Task,
    /// How long training may take; the entrant's code is told.
    pub time: Span,
    /// The name that the result will have on the hub.
    pub output_name: String,
    /// Whose code it is. The folder of its offline logs is named after it.
    #[serde(default)]
    pub hotkey: Option<String>,
    /// Memory for each GPU.
    #[serde(default)]
    #[schemars(schema_with = "scalar::some_memory")]
    pub memory_per_gpu: Option<Size>,
    /// Processor cores for each GPU.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub cpus_per_gpu: Option<u32>,
    /// Memory, however many GPUs there are.
    #[serde(default)]
    #[schemars(schema_with = "scalar::some_memory")]
    pub memory: Option<Size>,
    /// Processor cores, however many GPUs there are.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub cpus: Option<u32>,
    /// The most that may lie in its output folder; training that writes more is ended.
    #[serde(default)]
    #[schemars(schema_with = "scalar::some_memory")]
    pub output_limit: Option<Size>,
    /// More environment variables for the entrant's code.
    #[serde(default)]
    pub env: IndexMap<String, String>,
}

/// What an attempt's input says to do.
pub fn call(input: &Json) -> Result<Train, String> {
    entry::read(input.clone())
}

pub(super) fn action() -> Action {
    Action::work::<Train, Training>(
        "train",
        "Runs an entrant's image on a task: no network outside, no capabilities, a cache that it can only read.",
        Expect::Field("time"),
    )
    .wants(&["image.id", "files.model", "files.dataset"])
    .leaves(&["output"])
    .example(
        "train:\n  train:\n    image: \"${image}\"\n    files: \"${files}\"\n    task: \"${task}\"\n    time: \"${task.time}\"\n    \
         output_name: \"${'tournament-' + task.id}\"\n  gpus: 2xH100\n  time_limit: \"${task.time}\"\n  on_time_limit: succeed\n",
    )
}
