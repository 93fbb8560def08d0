//! `download`: a model, data or a single file into a host's cache.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Action, Expect, entry, vocabulary::Files};
use crate::base::{Size, Span};

/// What `download` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Download {
    /// The model, as `organisation/name`.
    #[serde(default)]
    pub model: Option<String>,
    /// The revision of the model; its newest when left out, pinned in the result.
    #[serde(default)]
    pub revision: Option<String>,
    /// The data to train on: a URL or a data set's name.
    #[serde(default)]
    pub dataset: Option<String>,
    /// More data sets, which may fail to arrive without harm.
    #[serde(default)]
    pub datasets: Vec<String>,
    /// A single file that somebody has put somewhere.
    #[serde(default)]
    pub file: Option<SomeFile>,
    /// The most that all of it may weigh; what is larger is refused.
    #[serde(default)]
    pub size_limit: Option<Size>,
}

/// A single file that somebody has put somewhere, and has said the hash of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SomeFile {
    /// Its address: `https` only, and nothing inside of our own networks.
    pub url: String,
    /// Its SHA-256, in hexadecimal digits. A file with another one is refused.
    pub sha256: String,
}

/// What an attempt's input says to do.
pub fn call(input: &Json) -> Result<Download, String> {
    entry::read(input.clone())
}

pub(super) fn action() -> Action {
    Action::work::<Download, Files>(
        "download",
        "Brings a model, data or a single file into the cache of a host, verified, once for all steps that need the same.",
        Expect::Span(Span::from_secs(600)),
    )
    .wants(&["model", "dataset", "file.sha256"])
    .leaves(&["model", "dataset", "file"])
    .example("files:\n  download:\n    model: \"${task.model}\"\n    dataset: \"${task.dataset}\"\n")
}
