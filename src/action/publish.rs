//! `publish`: somebody's code at a commit, to a public repository, such as the winner's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Expect};
use crate::base::{Span, scalar};

/// What `publish` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Where the code is.
    #[schemars(schema_with = "scalar::repository")]
    pub repository: String,
    /// The commit that took part.
    #[schemars(schema_with = "scalar::commit")]
    pub commit: String,
    /// Where it goes, as `organisation/name`: a single new commit on the branch `main`.
    #[schemars(schema_with = "scalar::repository")]
    pub to: String,
}

/// What `publish` gives.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Published {
    /// Where the code is now.
    pub repository: String,
    /// The commit there.
    pub commit: String,
}

pub(super) fn action() -> Action {
    Action::work::<Publish, Published>(
        "publish",
        "Publishes code at a commit as one new commit of a public repository, such as that of a tournament's winner. Doing \
         it twice leaves one copy.",
        Expect::Span(Span::from_secs(60)),
    )
    .example(
        "code:\n  publish:\n    repository: \"${champion.repository}\"\n    commit: \"${champion.commit}\"\n    to: \
         \"gradients-opensource/god-text-${run.name}-position-1\"\n  on_failure: result\n",
    )
}
