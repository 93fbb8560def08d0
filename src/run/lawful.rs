//! Whether an event can follow at all, for logs that come from elsewhere: whoever made one up is told where it breaks off.
//!
//! The engine's own records follow by construction; `verify` asks before it folds a record of a foreign log in.

use super::{
    event::Event,
    state::{Illegal, Run, Status, place_ix},
    world::is_work,
};
use crate::plan::{NodeIx, Part};

impl Run {
    /// Whether the event can be folded in, as far as the state tells.
    pub(super) fn follows(&self, event: &Event) -> Result<(), Illegal> {
        self.why_not(event).map_or(Ok(()), |why| Err(Illegal { kind: event.kind(), why }))
    }

    fn why_not(&self, event: &Event) -> Option<String> {
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
            Event::Decided { .. } => part == Part::Task && !is_work(&self.plan.step(node).does),
            Event::AttemptStarted { .. } | Event::Reused { .. } => {
                part == Part::Task && is_work(&self.plan.step(node).does)
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
            Event::AttemptStarted { host, gpus, .. } => self.why_not_ready(node).or_else(|| {
                let found = self.fleet.host(host);
                let lacks = gpus.iter().find(|gpu| found.is_none_or(|host| !host.gpus.contains_key(*gpu)));
                let taken = gpus.iter().find(|gpu| self.leases.on(host).any(|lease| lease.gpus.contains(gpu)));
                match (found, lacks, taken) {
                    (None, ..) => Some(format!("there is no host {host}")),
                    (_, Some(gpu), _) => Some(format!("there is no GPU {gpu} on {host}")),
                    (.., Some(gpu)) => Some(format!("GPU {gpu} of {host} is in use")),
                    _ if self.leases.get(place_ix(node)).is_some() => Some(format!("`{id}` is running")),
                    _ => None,
                }
            }),
            Event::Overtime { attempt, .. }
            | Event::AttemptSucceeded { attempt, .. }
            | Event::AttemptFailed { attempt, .. } => {
                let current = self.attempts.get(&node).map(|attempt| attempt.number);
                (current != Some(*attempt)).then(|| format!("attempt {attempt} of `{id}` is not under way"))
            }
            _ => None,
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
