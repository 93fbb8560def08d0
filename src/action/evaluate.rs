//! `evaluate`: how one model does on one task.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    Action, Expect, entry,
    vocabulary::{Evaluation, Model, Task},
};
use crate::base::{Span, scalar};

/// What `evaluate` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    /// The model, from `upload`.
    pub model: Model,
    /// The task that it was trained for.
    pub task: Task,
    /// The environment that the model plays alone; all of its task, or none, when left out.
    #[serde(default)]
    pub environment: Option<String>,
    /// How much chance is in the model's moves where it plays an environment; as much as the evaluator likes when left out.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature: Option<f64>,
    /// The evaluator's image.
    #[schemars(schema_with = "scalar::image")]
    pub image: String,
}

/// What an attempt's input says to do.
pub fn call(input: &Json) -> Result<Evaluate, String> {
    entry::read(input.clone())
}

pub(super) fn action() -> Action {
    Action::work::<Evaluate, Evaluation>(
        "evaluate",
        "Measures a model on the test data of its task. A model that cannot be measured has no loss and a reason.",
        Expect::Span(Span::from_secs(1_800)),
    )
    .example("evaluate:\n  evaluate:\n    model: \"${model}\"\n    task: \"${task}\"\n    image: gradientsio/text-evaluator:basilica\n  gpus: 1xH100\n")
}
