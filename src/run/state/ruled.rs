//! What an operator's decision makes of a step that is held.

use super::{Run, Status};
use crate::{plan::NodeIx, run::event::Ruling};

impl Run {
    pub(super) fn rule(&mut self, node: NodeIx, ruling: &Ruling) -> Result<(), String> {
        if !self.held.remove(&node) {
            return Err(format!("`{}` is not held", self.plan.id(node)));
        }
        match ruling {
            Ruling::Retry => self.revive(node),
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

    /// What failed of a step is to be done again, with fresh budgets, and what was abandoned with it; what is done stays done.
    fn revive(&mut self, node: NodeIx) {
        let mut failed = vec![node];
        while let Some(begin) = failed.pop() {
            if let Some(tries) = self.tries.get_mut(&begin) {
                tries.by_cause.clear();
                tries.grow = 0;
                if let Some(not_before) = tries.not_before.take() {
                    self.due.remove(&(not_before, begin));
                }
            }
            let frames = self.plan.behind(begin).to_vec();
            self.set(begin, if frames.is_empty() { Status::Waiting } else { Status::Open });
            let end = self.plan.close_of(begin);
            if end != begin {
                self.set(end, Status::Waiting);
            }
            for frame in frames {
                self.over[frame.0 as usize] = false;
                let steps = self.plan.nodes_of(frame).filter(|step| self.plan.open_of(*step) == *step);
                for step in steps.collect::<Vec<_>>() {
                    match (self.status(step), self.status(self.plan.close_of(step))) {
                        // Its failure was a result, or it was over before: nothing behind it is done again.
                        (Status::Abandoned, Status::Done) => self.set(step, Status::Open),
                        (Status::Failed | Status::Abandoned, _) => failed.push(step),
                        _ => {}
                    }
                }
            }
        }
        let behind = self.unsettled().into_iter().filter(|ready| self.is_behind(*ready, node));
        self.ready.extend(behind.collect::<Vec<_>>());
    }

    /// Whether a node is a step itself, one of its ends, or lies behind it.
    pub fn is_behind(&self, node: NodeIx, step: NodeIx) -> bool {
        let mut at = Some(node);
        while let Some(found) = at {
            if self.plan.open_of(found) == step {
                return true;
            }
            at = self.plan.frame(self.plan.node(found).frame).under;
        }
        false
    }
}
