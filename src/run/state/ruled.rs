//! What an operator's decision makes of a step that is held.

use super::{Run, Status};
use crate::{plan::NodeIx, run::event::Ruling};

impl Run {
    pub(super) fn rule(&mut self, node: NodeIx, ruling: &Ruling) -> Result<(), String> {
        if !self.held.remove(&node) {
            return Err(format!("`{}` is not held", self.plan.id(node)));
        }
        match ruling {
            Ruling::Retry => {
                let tries = self.tries.entry(node).or_default();
                tries.by_cause.clear();
                tries.grow = 0;
                self.set(node, Status::Waiting);
                self.ready.push(node);
            }
            Ruling::Replace(value) => {
                let end = self.plan.close_of(node);
                let value = self.read_output(end, value)?;
                self.set(node, Status::Done);
                self.finish(end, Some(value));
            }
            Ruling::Void => self.skip(node),
            // The failure that follows is an event of its own.
            Ruling::Accept => {
                self.held.insert(node);
            }
        }
        Ok(())
    }
}
