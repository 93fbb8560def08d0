//! `complete`: whether a task's results may be used, or too many of its trainings failed.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect};
use crate::base::Ty;

/// What `complete` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Complete {
    /// How each training ended: whether it failed.
    pub failed: Vec<bool>,
    /// How far the task itself is.
    #[serde(default)]
    pub task: TaskState,
    /// Whether it is the task of the only pair that is left before the boss round.
    #[serde(default)]
    pub last_pair: bool,
    /// When too many have failed.
    pub rules: Rules,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It came to results.
    #[default]
    Done,
    /// It came to none.
    Failed,
    /// It could not be prepared.
    Unprepared,
    /// It goes on.
    Running,
}

/// When too many have failed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CompleteRules")]
pub struct Rules {
    /// The largest share of trainings that may fail.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub at_most: f64,
    /// Whether the round of the only pair that is left goes on without its task when too many of its trainings failed: then
    /// nobody challenges the champion.
    #[serde(default)]
    pub last_pair_may_be_lost: bool,
}

/// What `complete` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of its own in the language")]
pub struct Completed {
    /// Whether the round may go on.
    pub complete: bool,
    /// Whether somebody should look at it.
    pub alarm: bool,
    /// Whether the task is to be replaced by another.
    pub replace: bool,
    /// Whether more trainings failed than may.
    pub too_many: bool,
    /// How many trainings failed.
    pub failed: u32,
    /// How many there were.
    pub trainings: u32,
    /// What there is to say of it.
    pub why: String,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Completed>);

pub(super) fn action() -> Action {
    Action::pure::<Complete, Completed>(
        "complete",
        "Whether a task's results may be used: it is done, and no more of its trainings failed than may.",
        |input| decide(input, &GIVES, |it: Complete| Ok(complete(&it))),
    )
    .example("complete:\n  complete:\n    failed: \"${entries.map(e, e.failed)}\"\n    rules: { at_most: 0.5 }\n")
}

fn complete(it: &Complete) -> Completed {
    let (failed, trainings) = (it.failed.iter().filter(|failed| **failed).count(), it.failed.len());
    let too_many = trainings > 0 && failed as f64 > trainings as f64 * it.rules.at_most;
    let lost = it.last_pair && it.rules.last_pair_may_be_lost && too_many;
    let (complete, alarm) = match it.task {
        TaskState::Done => (!too_many || lost, too_many),
        TaskState::Failed => (lost, true),
        TaskState::Unprepared | TaskState::Running => (false, false),
    };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let why = match it.task {
        TaskState::Unprepared => "it could not be prepared".into(),
        TaskState::Running => "it goes on".into(),
        TaskState::Failed => format!("it came to no result; {failed} of {trainings} trainings failed"),
        TaskState::Done => format!("{failed} of {trainings} trainings failed"),
    };
    Completed {
        complete,
        alarm,
        replace: it.task == TaskState::Unprepared,
        too_many,
        failed: count(failed),
        trainings: count(trainings),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(failed: usize, trainings: usize, task: TaskState, last_pair: bool) -> (bool, bool) {
        let failed = (0..trainings).map(|i| i < failed).collect();
        let rules = Rules { at_most: 0.5, last_pair_may_be_lost: true };
        let given = complete(&Complete { failed, task, last_pair, rules });
        (given.complete, given.alarm)
    }

    #[test]
    fn more_than_half_is_too_many() {
        for (failed, trainings, expected) in
            [(0, 0, (true, false)), (1, 2, (true, false)), (2, 3, (false, true)), (1, 1, (false, true))]
        {
            assert_eq!(of(failed, trainings, TaskState::Done, false), expected, "{failed} of {trainings}");
        }
        assert_eq!(of(2, 2, TaskState::Done, true), (true, true), "a task that may be lost holds nobody up");
        assert_eq!(of(2, 2, TaskState::Failed, true), (true, true));
        assert_eq!(of(2, 2, TaskState::Failed, false), (false, true));
        assert_eq!(of(0, 2, TaskState::Failed, true), (false, true));
        assert_eq!(of(0, 2, TaskState::Running, false), (false, false));
    }
}
