//! `clone`: a repository at an exact commit.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Action, Expect, dedup::digest::LeftOut, entry, vocabulary::Checkout};
use crate::base::{Size, Span, scalar};

/// What `clone` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clone {
    /// Where the code is, such as `https://github.com/owner/repository`.
    #[schemars(schema_with = "scalar::repository")]
    pub repository: String,
    /// The commit: 40 hexadecimal digits, never a branch.
    #[schemars(schema_with = "scalar::commit")]
    pub commit: String,
    /// Files that must be there, such as the Dockerfile of the task.
    #[serde(default)]
    pub require: Vec<String>,
    /// The most that the checkout may weigh.
    #[serde(default)]
    #[schemars(schema_with = "scalar::some_memory")]
    pub size_limit: Option<Size>,
    /// What is left out of the digest of its sources; left out, none is worked out.
    #[serde(default)]
    pub sources: Option<LeftOut>,
}

/// What an attempt's input says to do.
pub fn call(input: &Json) -> Result<Clone, String> {
    entry::read(input.clone())
}

pub(super) fn action() -> Action {
    Action::work::<Clone, Checkout>(
        "clone",
        "Fetches a repository at an exact commit. Branches, submodules, hooks and links that leave the tree are refused.",
        Expect::Span(Span::from_secs(60)),
    )
    .leaves(&["tree"])
    .example("code:\n  clone:\n    repository: \"${entrant.repository}\"\n    commit: \"${entrant.commit}\"\n    require: [LICENSE.md]\n")
}
