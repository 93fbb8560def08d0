//! `build`: a container image from a checkout.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    Action, Expect, entry,
    vocabulary::{Checkout, Image},
};
use crate::base::{Size, Span, scalar};

/// What `build` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// The code, from `clone`.
    pub code: Checkout,
    /// The Dockerfile, from the top of the repository.
    #[schemars(length(min = 1))]
    pub dockerfile: String,
    /// Build arguments.
    #[serde(default)]
    pub args: IndexMap<String, String>,
    /// Whether the build may use the network.
    #[serde(default)]
    pub network: Option<bool>,
    /// The most that the image may weigh.
    #[serde(default)]
    #[schemars(schema_with = "scalar::some_memory")]
    pub size_limit: Option<Size>,
}

/// What an attempt's input says to do.
pub fn call(input: &Json) -> Result<Build, String> {
    entry::read(input.clone())
}

pub(super) fn action() -> Action {
    Action::work::<Build, Image>(
        "build",
        "Builds a container image from a checkout, once per host for the same commit and Dockerfile.",
        Expect::Span(Span::from_secs(600)),
    )
    .wants(&["code.tree"])
    .leaves(&["id"])
    .example("image:\n  build:\n    code: \"${code}\"\n    dockerfile: dockerfiles/standalone-text-trainer.dockerfile\n  time_limit: 30m\n")
}
