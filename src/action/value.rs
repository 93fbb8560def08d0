//! `value`: a name for something computed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Gives, Kind, entry::Takes};

pub(super) fn action() -> Action {
    let action = Action::pure::<Nothing, Nothing>(
        "value",
        "Gives its own input: a name for something that is computed once and read more than once.",
        |input| Ok(input.clone()),
    );
    Action { takes: Takes::Anything, gives: Gives::WhatItTakes, kind: Kind::Pure(|input| Ok(input.clone())), ..action }
        .example("best:\n  value: \"${top(score.ranking, 8)}\"\n")
}

/// Stands in the types, which are the author's.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Nothing {}
