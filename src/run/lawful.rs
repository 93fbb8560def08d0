//! Whether an event can follow at all, for logs that come from elsewhere: whoever made one up is told where it breaks off.
//!
//! The engine's own records follow by construction; `verify` asks before it folds a record of a foreign log in.

use jiff::Timestamp;

use super::{
    event::Event,
    place::{self, Needs},
    state::{Illegal, Run, Status},
};
use crate::plan::{NodeIx, Part};

impl Run {
    /// Whether the event can be folded in, as far as the state tells.
    pub(super) fn follows(&self, now: Timestamp, event: &Event) -> Result<(), Illegal> {
        self.why_not(now, event).map_or(Ok(()), |why| Err(Illegal { kind: event.kind(), why }))
    }

    fn why_not(&self, now: Timestamp, event: &Event) -> Option<String> {
        if self.outcome.is_some() {
            return Some("the run is over".into());
        }
        let id = event.node()?;
        let Some(node) = self.find(id) else { return Some(format!("there is no node `{id}`")) };
        let part = self.plan.node(node).part;
        let fits = match event {
            Event::Skipped { .. } => matches!(part, Part::Task | Part::Open),
            Event::Opened { .. } => part == Part::Open,
            Event::Turned { .. } => matches!(part, Part::Turn(_)),
            Event::Closed { .. } => part == Part::Close,
            Event::Decided { .. } => part == Part::Task && !self.plan.step(node).does.is_work(),
            Event::AttemptStarted { .. } | Event::Reused { .. } => {
                part == Part::Task && self.plan.step(node).does.is_work()
            }
            Event::Settled { .. } | Event::Held { .. } | Event::Failed { .. } => self.may_fail(node),
            _ => true,
        };
        if !fits {
            return Some(format!("`{id}` is no node that this can happen to as it stands"));
        }
        match event {
            Event::Opened { .. } if self.status(node) == Status::Open && self.is_opening(node) => None,
            Event::Skipped { .. }
            | Event::Opened { .. }
            | Event::Turned { .. }
            | Event::Closed { .. }
            | Event::Decided { .. }
            | Event::Reused { .. } => self.why_not_ready(node),
            Event::AttemptStarted { host, gpus, request, cpus, memory, time_limit, .. } => {
                let needs = Needs { gpus: request.clone(), cpus: *cpus, memory: *memory };
                let lease = self.lease(node, host.clone(), gpus.clone(), needs, *time_limit, None);
                self.why_not_ready(node).or_else(|| self.why_not_now(now, node)).or_else(|| {
                    let taken = self.leases.get(lease.node).map(|_| format!("`{id}` is running"));
                    taken.or_else(|| place::unlawful(&lease, &self.fleet, &self.leases, &self.limits()))
                })
            }
            Event::AttemptWithdrawn { attempt, .. }
            | Event::Overtime { attempt, .. }
            | Event::AttemptSucceeded { attempt, .. }
            | Event::AttemptFailed { attempt, .. } => {
                let found = self.attempts.get(&node);
                let current = found.map(|attempt| attempt.number);
                let is_withdrawal = matches!(event, Event::AttemptWithdrawn { .. });
                if is_withdrawal && current == Some(*attempt) && found.is_some_and(|it| !self.may_wait(node, it)) {
                    return Some(format!("attempt {attempt} of `{id}` never waited at its host"));
                }
                let is_early = matches!(event, Event::Overtime { .. })
                    && self.attempts.get(&node).is_some_and(|attempt| attempt.due.is_none_or(|due| due > now));
                let wrong = if current == Some(*attempt) { "has time left" } else { "is not under way" };
                (is_early || current != Some(*attempt)).then(|| format!("attempt {attempt} of `{id}` {wrong}"))
            }
            _ => None,
        }
    }

    /// Why nothing starts at this moment, whatever room there is.
    fn why_not_now(&self, now: Timestamp, node: NodeIx) -> Option<String> {
        let not_before =
            self.tries.get(&node).and_then(|tries| tries.not_before).filter(|not_before| *not_before > now);
        match not_before {
            Some(not_before) => Some(format!("`{}` is not tried again before {not_before}", self.plan.id(node))),
            None if self.paused => Some("the run is paused".into()),
            None if self.cancelled => Some("the run is being cancelled".into()),
            None => self.fatal.is_some().then(|| "the run has failed".into()),
        }
    }

    fn why_not_ready(&self, node: NodeIx) -> Option<String> {
        let id = self.plan.id(node);
        if !matches!(self.status(node), Status::Waiting | Status::Retrying) {
            return Some(format!("`{id}` is not waiting"));
        }
        if self.unmet(node) > 0 {
            return Some(format!("`{id}` has needs that are not met"));
        }
        self.is_over(node).then(|| format!("`{id}` is a part of what is over"))
    }
}
