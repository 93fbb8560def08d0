//! When attempts are over at the latest.

use jiff::Timestamp;

use super::{Ending, Run};
use crate::{base::Span, plan::NodeIx};

/// How long an attempt that is being ended has before it counts as lost with its host.
pub(super) const GRACE: Span = Span::from_secs(300);

pub(super) fn after(at: Timestamp, span: Span) -> Timestamp {
    at.checked_add(span.to_signed()).unwrap_or(Timestamp::MAX)
}

impl Run {
    /// An attempt is to be ended. If nothing is heard of it in good time, it counts as lost.
    pub(super) fn end_soon(&mut self, at: Timestamp, node: NodeIx, ending: Ending) {
        let Some(attempt) = self.attempts.get_mut(&node) else { return };
        attempt.ending = Some(ending);
        self.to_end.push(node);
        if let Some(due) = attempt.due.replace(after(at, GRACE)) {
            self.due.remove(&(due, node));
        }
        self.due.extend(attempt.due.map(|due| (due, node)));
    }

    /// Time went by that no attempt has had: it is as if each had begun so much later.
    pub(super) fn postpone(&mut self, by: Span) {
        for (node, attempt) in &mut self.attempts {
            attempt.started = after(attempt.started, by);
            if let Some(due) = attempt.due {
                let later = after(due, by);
                self.due.remove(&(due, *node));
                self.due.insert((later, *node));
                attempt.due = Some(later);
            }
        }
    }
}
