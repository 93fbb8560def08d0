//! `upload`: what training left, to the hub.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    Action, Expect, entry,
    vocabulary::{Model, Training},
};
use crate::base::{Size, Span, scalar};

/// What `upload` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// What training left, from `train`.
    pub training: Training,
    /// Where it goes, as `organisation/name`.
    #[schemars(schema_with = "scalar::repository")]
    pub repository: String,
    /// The model that training started from, which is written into the model card.
    pub base_model: String,
    /// A folder inside the repository.
    #[serde(default)]
    pub folder: Option<String>,
    /// The most that all of it may weigh.
    #[serde(default)]
    #[schemars(schema_with = "scalar::some_memory")]
    pub size_limit: Option<Size>,
}

/// What an attempt's input says to do.
pub fn call(input: &Json) -> Result<Upload, String> {
    entry::read(input.clone())
}

pub(super) fn action() -> Action {
    Action::work::<Upload, Model>(
        "upload",
        "Uploads what training left, verified; doing it twice leaves one copy. Links and special files are refused.",
        Expect::Span(Span::from_secs(300)),
    )
    .wants(&["training.output"])
    .example("model:\n  upload:\n    training: \"${train}\"\n    repository: \"gradients-io-tournaments/${task.id}\"\n    base_model: \"${task.model}\"\n")
}
