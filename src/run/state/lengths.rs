//! How long work has taken so far: the last attempts of each step that went well. Kept for those who look ahead; nothing
//! is decided by it.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use super::{Attempt, Run};
use crate::{
    base::Span,
    plan::NodeIx,
    workflow::{BodyIx, StepIx},
};

/// Of each step so many are kept: they tell what is usual.
const KEPT: usize = 32;

/// A step of the file, wherever it is used.
pub type StepKey = (BodyIx, StepIx);

/// What attempts at each step have taken.
#[derive(Clone, Debug, Default)]
pub struct Lengths(HashMap<StepKey, VecDeque<(NodeIx, Span)>>);

impl Lengths {
    /// The nodes of each step that were done last, and how long their last attempts took.
    pub fn steps(&self) -> impl Iterator<Item = (StepKey, &VecDeque<(NodeIx, Span)>)> {
        self.0.iter().map(|(step, taken)| (*step, taken))
    }
}

impl Run {
    /// The step of the file that a node does.
    pub fn step_key(&self, node: NodeIx) -> StepKey {
        let found = self.plan.node(node);
        (self.plan.frame(found.frame).body, found.step)
    }

    pub(super) fn went_well(&mut self, at: Timestamp, node: NodeIx, attempt: &Attempt) {
        if at == attempt.started {
            // That it had begun and that it was over came at once, so that nobody knows.
            return;
        }
        let millis = u64::try_from(at.duration_since(attempt.started).as_millis()).unwrap_or(0);
        let taken = self.lengths.0.entry(self.step_key(node)).or_default();
        if taken.len() == KEPT {
            taken.pop_front();
        }
        taken.push_back((node, Span::from_millis(millis).unwrap_or(Span::MAX)));
    }
}
