//! `gate`: whether a tournament goes on after a search for copies, or waits for somebody's decision.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    action::{Action, entry::decide, reflect},
    base::Ty,
};

/// What `gate` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Hotkeys that the search says are to be sent away.
    #[serde(default)]
    pub flagged: Vec<String>,
    /// How many pairs the search left open.
    #[serde(default)]
    pub unresolved: usize,
    /// Whether the search failed.
    #[serde(default)]
    pub failed: bool,
    /// Whether that was told already.
    #[serde(default)]
    pub told: bool,
    /// What was decided about an earlier search; nothing when there was none.
    pub review: Option<Review>,
    /// The champion's hotkey, who is never sent away.
    pub champion: Option<String>,
}

/// What was decided about a search.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// How far it is.
    pub status: Status,
    /// Hotkeys that are sent away by it.
    #[serde(default)]
    pub approved: Vec<String>,
    /// Whether they were sent away already.
    #[serde(default)]
    pub applied: bool,
}

/// How far a review is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// There was nothing to review.
    Skipped,
    /// Somebody is to decide.
    PendingReview,
    /// Somebody decided.
    Approved,
}

/// What `gate` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Passage {
    /// Whether to wait.
    pub halt: bool,
    /// Hotkeys that are sent away.
    pub remove: Vec<String>,
    /// Whether they are sent away now, and not before.
    pub apply: bool,
    /// Whether somebody is to be told of a failure.
    pub tell: bool,
    /// The status that a first search leaves behind.
    pub leaves: Option<Status>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Passage>);

pub(super) fn action() -> Action {
    Action::pure::<Gate, Passage>(
        "gate",
        "Says whether a tournament goes on after a search for copies: at once when none were found, otherwise after \
         somebody has decided.",
        |input| decide(input, &GIVES, |it| Ok(gate(it))),
    )
    .example("passage:\n  gate: { flagged: [5Fh], review: { status: approved, approved: [5Fh] } }\n")
}

fn gate(input: Gate) -> Passage {
    let go = Passage { halt: false, remove: Vec::new(), apply: false, tell: false, leaves: None };
    let Some(review) = input.review else {
        if input.failed {
            return Passage { halt: true, tell: !input.told, ..go };
        }
        let clean = input.flagged.is_empty() && input.unresolved == 0;
        let leaves = if clean { Status::Skipped } else { Status::PendingReview };
        return Passage { halt: !clean, leaves: Some(leaves), ..go };
    };
    match review.status {
        Status::Skipped => go,
        Status::PendingReview => Passage { halt: true, ..go },
        Status::Approved => {
            let remove = review.approved.into_iter().filter(|it| input.champion.as_ref() != Some(it)).collect();
            Passage { remove, apply: !review.applied, ..go }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_goes_on_only_when_nothing_is_open() {
        let approved = |applied: bool| json!({"review": {"status": "approved", "approved": ["a", "C"], "applied": applied}, "champion": "C"});
        for (input, halt, remove, apply, tell) in [
            (json!({}), false, vec![], false, false),
            (json!({"flagged": ["a"]}), true, vec![], false, false),
            (json!({"unresolved": 1}), true, vec![], false, false),
            (json!({"failed": true}), true, vec![], false, true),
            (json!({"failed": true, "told": true}), true, vec![], false, false),
            (json!({"flagged": ["a"], "review": {"status": "pending_review"}}), true, vec![], false, false),
            (json!({"flagged": ["a"], "review": {"status": "skipped"}}), false, vec![], false, false),
            (approved(false), false, vec!["a"], true, false),
            (approved(true), false, vec!["a"], false, false),
        ] {
            let found = gate(serde_json::from_value(input.clone()).unwrap());
            assert_eq!(
                (found.halt, found.remove, found.apply, found.tell),
                (halt, remove.into_iter().map(String::from).collect(), apply, tell),
                "{input}"
            );
        }
    }
}
