//! `clone`: a repository at an exact commit.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Action, Expect, dedup::digest::LeftOut, entry, register::LicenceRule, vocabulary::Checkout};
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
    /// Whose licence and notice the commit must keep, by the rule of `register`. Where that looks at the default branch,
    /// nothing is looked for here.
    #[serde(default)]
    pub licence: Option<LicenceRule>,
    /// How the code must be readable: nothing compiled or packed, no payloads. When left out nothing is looked for.
    #[serde(default)]
    pub readable: Option<Readable>,
}

/// When code counts as readable.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Readable {
    /// The most signs that a line of code has.
    pub line_most: u64,
    /// The most signs that an encoded text in code has.
    pub encoded_most: u64,
    /// What is not looked at: paths of files and folders, or endings such as `*.parquet`.
    #[serde(default)]
    pub except: Vec<String>,
}

/// What an attempt's input says to do.
pub fn call(input: &Json) -> Result<Clone, String> {
    entry::read(input.clone())
}

pub(super) fn action() -> Action {
    Action::work::<Clone, Checkout>(
        "clone",
        "Fetches a repository at an exact commit. Branches, submodules, hooks and links that leave the tree are refused, and \
         so is code without the files, the licence and the readable sources that are asked for.",
        Expect::Span(Span::from_secs(60)),
    )
    .leaves(&["tree"])
    .example("code:\n  clone:\n    repository: \"${entrant.repository}\"\n    commit: \"${entrant.commit}\"\n    require: [LICENSE.md]\n")
}
