//! What becomes of a failure: another attempt, a result, an operator's question, or the end of what the step is a part of;
//! and what becomes of the run.
//!
//! `world` records what comes out, and `verify` works it out again.

use jiff::Timestamp;

use super::{
    event::{Event, NodeId, Outcome},
    failure::{Blame, Cause, Failure},
    state::Run,
};
use crate::{
    action::{is_local, is_transfer},
    base::Span,
    plan::{self, NodeIx},
    workflow::{Does, OnFailure},
};

impl Run {
    /// A failure of a node's own work. Where that is a local command there is no entrant: whoever wrote it is to blame.
    pub(super) fn blamed(&self, node: NodeIx, failure: Failure) -> Failure {
        let ours = matches!(&self.plan.step(node).does, Does::Action { action, .. } if is_local(action.name));
        if ours { Failure { blame: Blame::Operator, ..failure } } else { failure }
    }

    /// An attempt's time ran out. Where it only brings something here or takes it away, the other side was slow.
    pub(super) fn late(&self, node: NodeIx, message: String) -> Failure {
        let failure = self.blamed(node, Failure::new(Cause::TimeLimit, message));
        let moves = matches!(&self.plan.step(node).does, Does::Action { action, .. } if is_transfer(action.name));
        if moves { Failure { blame: Blame::Host, ..failure } } else { failure }
    }

    /// The next attempt at a node whose last one has failed, if the cause has budget left.
    pub(super) fn next_attempt(&self, now: Timestamp, node: NodeIx, failure: &Failure) -> Option<Event> {
        let settings = &self.plan.step(node).settings;
        let retry = &settings.retry;
        let tries = self.tries.get(&node)?;
        if !tries.leave(failure.cause, settings) {
            return None;
        }
        let used = tries.by_cause.get(&failure.cause).copied().unwrap_or_default();
        let id: NodeId = self.plan.id(node).into();
        // Exponential, with jitter in both directions so that many that failed together do not return together.
        let jitter = 0.75 + 0.5 * self.seed.stream(&format!("{id}/{}/wait", tries.attempts)).unit();
        let doublings = i32::try_from(used.saturating_sub(1)).unwrap_or(i32::MAX);
        let wait = (retry.wait.millis() as f64) * retry.factor.powi(doublings);
        let wait = Span::from_millis((wait.min(retry.longest.millis() as f64) * jitter) as u64).unwrap_or(Span::MAX);
        let not_before = now.checked_add(wait.to_signed()).unwrap_or(Timestamp::MAX);
        let grow = tries.grow + u32::from(failure.cause == Cause::OutOfMemory);
        Some(Event::Retrying { node: id, attempt: tries.attempts + 1, not_before, grow })
    }

    /// What a failure that is not tried again makes of its step.
    pub(super) fn consequence(&self, node: NodeIx, failure: Failure) -> Event {
        let id: NodeId = self.plan.id(node).into();
        match self.plan.step(node).settings.on_failure {
            OnFailure::Result => Event::Settled { node: id, failure },
            // What an operator accepted is not held again.
            OnFailure::Hold if !self.held.contains(&node) => Event::Held { node: id, failure },
            OnFailure::Stop | OnFailure::Hold => Event::Failed { node: id, failure },
        }
    }

    /// Whether a failure of a step that is not tried again becomes a result, its own or that of a step around it.
    pub(super) fn settles(&self, node: NodeIx) -> bool {
        let mut at = Some(self.plan.open_of(node));
        while let Some(node) = at {
            match self.plan.step(node).settings.on_failure {
                OnFailure::Result => return true,
                OnFailure::Hold => return false,
                OnFailure::Stop => at = self.plan.frame(self.plan.node(node).frame).under,
            }
        }
        false
    }

    /// What the failure that an event tells of makes of its node as things stand: the next attempt, where the last has just
    /// failed of it, and otherwise the consequence.
    pub(super) fn aftermath(&self, now: Timestamp, node: NodeIx, failure: &Failure) -> Event {
        let tries = self.tries.get(&node).filter(|tries| {
            tries.failure.as_ref() == Some(failure)
                && tries.by_cause.contains_key(&failure.cause)
                && tries.not_before.is_none()
        });
        tries
            .filter(|_| !self.held.contains(&node))
            .and_then(|_| self.next_attempt(now, node, failure))
            .unwrap_or_else(|| self.consequence(node, failure.clone()))
    }

    /// Whether a failure that is told of a step is one of its own, or of what lies behind it.
    pub(super) fn has_failed_so(&self, step: NodeIx, failure: &Failure) -> bool {
        let told = |node: &NodeIx| self.tries[node].failure.as_ref() == Some(failure) && self.is_behind(*node, step);
        // What an expression comes to is nobody's attempt.
        failure.cause == Cause::Rule || self.tries.keys().any(told)
    }

    /// How the run is over, if nothing is left to do and nothing runs.
    pub(super) fn conclusion(&self) -> Option<Outcome> {
        if !self.attempts.is_empty() {
            return None;
        }
        if self.cancelled {
            return Some(Outcome::Cancelled);
        }
        if let Some((node, failure)) = &self.fatal {
            return Some(Outcome::Failed { node: self.plan.id(*node).into(), failure: failure.clone() });
        }
        self.is_complete().then(|| match plan::results(&self.plan, self) {
            Ok(gives) => Outcome::Succeeded { gives: gives.to_json() },
            Err(trouble) => {
                let failure = Failure { blame: Blame::Operator, ..Failure::new(Cause::Rule, trouble.to_string()) };
                Outcome::Failed { node: "gives".into(), failure }
            }
        })
    }
}
