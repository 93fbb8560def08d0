//! What time brings: back-offs that are over, and attempts whose time is. Each moment is walked once, however long what
//! became ready then waits for its place.

use std::ops::Bound;

use jiff::Timestamp;

use super::{event::Event, state::place_ix, world::World};
use crate::plan::NodeIx;

impl World {
    /// When the run must be told the time again, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let passed = Bound::Excluded((self.last, NodeIx::end()));
        self.run.due.range((passed, Bound::Unbounded)).next().map(|(at, _)| *at)
    }

    pub(super) fn tick(&mut self) {
        for node in self.fallen_due() {
            match self.run.attempts.get(&node).map(|attempt| (attempt.number, attempt.ending)) {
                Some((attempt, None)) => self.record(&Event::Overtime { node: self.run.plan.id(node).into(), attempt }),
                Some((_, Some(_))) => self.lose(node, "nothing was heard of it after it was to end"),
                None if self.queue.get(place_ix(node)).is_none() => self.todo.push_back(node),
                None => {}
            }
        }
    }

    /// What fell due since this was asked last; and at that moment, for more may have been put there since.
    pub(super) fn fallen_due(&mut self) -> Vec<NodeIx> {
        let from = std::mem::replace(&mut self.ticked, self.last);
        let due = self.run.due.range((from, NodeIx::new(0))..=(self.last, NodeIx::end()));
        due.map(|(_, node)| *node).collect()
    }
}
