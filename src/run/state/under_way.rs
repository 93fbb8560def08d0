//! Attempts under way: how one starts, waits at its host, begins and ends.

use jiff::Timestamp;

use super::{
    Attempt, Run, Status,
    due::{GRACE, after},
    place_ix,
};
use crate::{
    base::Value,
    plan::NodeIx,
    run::{
        failure::{Cause, Failure},
        place,
    },
    workflow::Does,
};

impl Run {
    pub(super) fn start(&mut self, at: Timestamp, node: NodeIx, attempt: Attempt, needs: place::Needs) {
        let waits = attempt.gpus.is_empty() && self.lines.come(&attempt.host, node);
        let (host, gpus) = (attempt.host.clone(), attempt.gpus.clone());
        self.leases.take(self.lease(node, host, gpus, needs, attempt.time_limit, None));
        let tries = self.tries.entry(node).or_default();
        tries.attempts = attempt.number;
        if let Some(not_before) = tries.not_before.take() {
            self.due.remove(&(not_before, node));
        }
        self.attempts.insert(node, attempt);
        self.set(node, Status::Ordered);
        if !waits {
            self.begin(at, node);
        }
    }

    /// Its own time begins, if it is limited.
    fn begin(&mut self, at: Timestamp, node: NodeIx) {
        if self.status(node) == Status::Ordered {
            self.set(node, Status::Running);
        }
        let Some(attempt) = self.attempts.get_mut(&node) else { return };
        attempt.started = at;
        // One that is to end already has its time for that.
        if let (Some(limit), None) = (attempt.time_limit, attempt.ending) {
            let due = after(at, limit);
            attempt.due = Some(due);
            self.due.insert((due, node));
            if let Some(lease) = self.leases.end(place_ix(node)) {
                // Until then at the latest the GPUs are free again, the time to come to an end included.
                self.leases.take(place::Lease { until: Some(after(due, GRACE)), ..lease });
            }
        }
    }

    /// Those that waited at their host for what has just become free.
    pub(super) fn begin_all(&mut self, at: Timestamp, nodes: Vec<NodeIx>) {
        nodes.into_iter().for_each(|node| self.begin(at, node));
    }

    pub(super) fn end_attempt(
        &mut self,
        at: Timestamp,
        node: NodeIx,
        output: Option<&Value>,
    ) -> Result<Attempt, String> {
        let attempt = self.attempts.remove(&node).ok_or("no attempt is under way")?;
        self.leases.end(place_ix(node));
        if self.fleet.host(&attempt.host).is_some_and(|host| host.state() != place::HostState::Up) {
            self.leases.leave(&attempt.host);
        }
        if let Some(due) = attempt.due {
            self.due.remove(&(due, node));
        }
        // What the work left on its host makes that host the better place for what needs it.
        if let (Some(output), Does::Action { action, .. }) = (output, &self.plan.step(node).does) {
            for key in action.left_behind(output) {
                self.fleet.hold(&attempt.host, &key, true);
            }
        }
        if attempt.gpus.is_empty() {
            let begun = self.lines.go(&attempt.host, &node);
            self.begin_all(at, begun);
        }
        Ok(attempt)
    }

    pub(super) fn went_wrong(&mut self, at: Timestamp, node: NodeIx, failure: &Failure) -> Result<(), String> {
        self.end_attempt(at, node, None)?;
        let tries = self.tries.entry(node).or_default();
        *tries.by_cause.entry(failure.cause).or_default() += 1;
        tries.lost += u32::from(failure.cause == Cause::HostLost);
        tries.failure = Some(failure.clone());
        if self.status(node) != Status::Abandoned {
            self.set(node, Status::Waiting);
        }
        Ok(())
    }

    /// An attempt never began, so that its node is where it was before.
    pub(super) fn take_back(&mut self, at: Timestamp, node: NodeIx) -> Result<(), String> {
        self.end_attempt(at, node, None)?;
        self.tries.entry(node).or_default().lost += 1;
        if self.status(node) != Status::Abandoned {
            self.set(node, Status::Waiting);
            self.ready.push(node);
        }
        Ok(())
    }

    /// The attempts that ought to be under way: what a shell must make so, after a crash or not. Those that wait at their
    /// hosts come last, in the order in which they are to begin.
    pub fn wanted(&self) -> impl Iterator<Item = (NodeIx, &Attempt)> {
        let begun = self.attempts.iter().filter(|(node, _)| self.lines.waiting().all(|waits| waits != *node));
        let waiting = self.lines.waiting().filter_map(|node| self.attempts.get_key_value(node));
        begun.chain(waiting).map(|(node, attempt)| (*node, attempt))
    }

    /// Whether an attempt may have waited at its host, so that it can be taken back.
    pub(in crate::run) fn may_wait(&self, node: NodeIx, attempt: &Attempt) -> bool {
        attempt.gpus.is_empty() && self.lines.may_wait(&attempt.host, &node)
    }

    /// The nodes whose attempts wait at their hosts and have not begun.
    pub fn ordered(&self) -> impl Iterator<Item = NodeIx> {
        self.lines.waiting().copied()
    }
}
