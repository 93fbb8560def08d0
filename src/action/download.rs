//! `download`: a model and data into a host's cache.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Action, Expect, vocabulary::Files};
use crate::base::Span;

/// What `download` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Download {
    /// The model, as `organisation/name`.
    pub model: String,
    /// The revision of the model; its newest when left out, pinned in the result.
    #[serde(default)]
    pub revision: Option<String>,
    /// The data to train on: a URL or a data set's name.
    pub dataset: String,
    /// More data sets, which may fail to arrive without harm.
    #[serde(default)]
    pub datasets: Vec<String>,
}

pub(super) fn action() -> Action {
    Action::work::<Download, Files>(
        "download",
        "Brings a model and data into the cache of a host, verified, once for all steps that need the same.",
        Expect::Span(Span::from_secs(600)),
    )
    .wants(&["model", "dataset"])
    .leaves(&["model", "dataset"])
    .example("files:\n  download:\n    model: \"${task.model}\"\n    dataset: \"${task.dataset}\"\n")
}
