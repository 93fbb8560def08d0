//! Checks a run against itself: every recorded decision is made again from the recorded state before it.
//!
//! `verify` and the tests call it with the records of a run or of an export. It starts nothing and changes nothing; a log
//! that was tampered with breaks the chain of hashes, and one that was made up differs in what it decided.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    event::{Event, FrameOpened, NodeId},
    record::{Chain, Record, RunId},
    state::{Illegal, Run},
    world::read,
};
use crate::{
    base::Value,
    plan::{self, NodeIx, Part, Trouble},
    workflow::{Does, Workflow},
};

/// What came of a check.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    pub records: usize,
    /// Whether the run is over in them. A log that breaks off between two records cannot be told from a run that goes on.
    pub finished: bool,
    /// Decisions that were made again.
    pub decisions: usize,
    pub differences: Vec<Difference>,
    /// Where the log breaks off: what stands there is not what was recorded, or does not follow.
    pub broken: Option<Break>,
}

/// A decision that comes out differently.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub seq: u64,
    pub node: NodeId,
    /// What was decided.
    pub what: &'static str,
    pub recorded: Json,
    pub evaluated: Json,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Break {
    pub seq: u64,
    pub why: String,
}

impl Verdict {
    pub fn is_sound(&self) -> bool {
        self.differences.is_empty() && self.broken.is_none()
    }
}

/// Makes every decision of a run again.
pub fn verify<'r>(id: RunId, workflow: Arc<Workflow>, records: impl IntoIterator<Item = &'r Record>) -> Verdict {
    let mut verdict = Verdict::default();
    let mut chain = Chain::start(id);
    let mut check: Option<Check> = None;
    for record in records {
        if let Err(broken) = chain.check(record) {
            verdict.broken = Some(Break { seq: broken.seq, why: broken.to_string() });
            return verdict;
        }
        let step = read(record).and_then(|event| match &mut check {
            Some(check) => check.step(record, &event, &mut verdict),
            None => {
                let run = Run::create(workflow.clone(), record.at, &event)?;
                check = Some(Check { run, opening: HashMap::new() });
                Ok(())
            }
        });
        if let Err(illegal) = step {
            verdict.broken = Some(Break { seq: record.seq, why: illegal.to_string() });
            return verdict;
        }
        verdict.records += 1;
        verdict.finished = check.as_ref().is_some_and(|check| check.run.outcome.is_some());
    }
    if verdict.records == 0 {
        verdict.broken = Some(Break { seq: 0, why: "there are no records".into() });
    }
    verdict
}

struct Check {
    run: Run,
    /// Frames that were worked out and not all recorded yet: a large fan-out is several events.
    opening: HashMap<NodeId, std::vec::IntoIter<FrameOpened>>,
}

impl Check {
    fn step(&mut self, record: &Record, event: &Event, verdict: &mut Verdict) -> Result<(), Illegal> {
        self.run.follows(record.at, event)?;
        if let Some((node, what, recorded)) = told(event) {
            verdict.decisions += 1;
            let evaluated = match self.run.find(&node) {
                Some(at) => {
                    self.evaluate(record.at, at, event).unwrap_or_else(|trouble| Json::String(trouble.to_string()))
                }
                None => Json::Null,
            };
            if recorded != evaluated {
                verdict.differences.push(Difference { seq: record.seq, node, what, recorded, evaluated });
            }
        } else if let Event::Finished { outcome } = event {
            verdict.decisions += 1;
            let (recorded, evaluated) = (json(outcome), json(&self.run.conclusion()));
            if recorded != evaluated {
                let node: NodeId = "gives".into();
                verdict.differences.push(Difference { seq: record.seq, node, what: "the result", recorded, evaluated });
            }
        }
        self.run.apply(record.at, event)
    }

    /// The decision as it comes out now, in the form in which `told` gives it.
    fn evaluate(&mut self, now: Timestamp, node: NodeIx, event: &Event) -> Result<Json, Trouble> {
        let run = &self.run;
        match event {
            Event::Retrying { .. } => {
                let failure = run.tries.get(&node).and_then(|tries| tries.failure.as_ref());
                return Ok(failure.map_or(Json::Null, |failure| json(&run.aftermath(now, node, failure))));
            }
            Event::Settled { failure, .. } | Event::Held { failure, .. } | Event::Failed { failure, .. } => {
                let is_known = run.has_failed_so(node, failure);
                return Ok(if is_known { json(&run.aftermath(now, node, failure)) } else { Json::Null });
            }
            _ => {}
        }
        let begins = matches!(run.plan.node(node).part, Part::Task | Part::Open);
        let is_first = !matches!(event, Event::Opened { node, .. } if self.opening.contains_key(node));
        let wanted = !begins || !is_first || plan::wanted(&run.plan, node, run)?;
        if matches!(event, Event::Skipped { .. }) || !wanted {
            return Ok(if wanted { "done".into() } else { "skipped".into() });
        }
        Ok(match event {
            Event::Opened { node: id, frames, more } => {
                let mut rest = match self.opening.remove(id) {
                    Some(rest) => rest,
                    None => {
                        let fragment = plan::opened(&run.plan, node, run)?;
                        let frames = fragment.map(|it| it.frames).unwrap_or_default().into_iter();
                        let frames =
                            frames.map(|(within, takes)| FrameOpened { within, takes: Value::Record(takes).to_json() });
                        frames.collect::<Vec<_>>().into_iter()
                    }
                };
                let found: Vec<FrameOpened> = match more {
                    true => rest.by_ref().take(frames.len()).collect(),
                    false => rest.by_ref().collect(),
                };
                if *more {
                    self.opening.insert(id.clone(), rest);
                }
                json(&found)
            }
            Event::Turned { .. } => {
                let next = plan::next_turn(&run.plan, node, run)?;
                let next = next.and_then(|fragment| fragment.frames.into_iter().next());
                json(&next.map(|(within, takes)| FrameOpened { within, takes: Value::Record(takes).to_json() }))
            }
            Event::Closed { .. } => {
                let step = run.plan.step(node);
                if step.read && !matches!(step.does, Does::Each(_)) {
                    plan::closed(&run.plan, node, run)?.to_json()
                } else {
                    Json::Null
                }
            }
            Event::Decided { .. } => {
                let input = plan::input(&run.plan, node, run)?;
                let output = match &run.plan.step(node).does {
                    Does::Action { action, .. } => {
                        let decided = action.decide(&input, run.seed, &run.plan.id(node));
                        decided.map_or(Json::Null, |it| it.map_or_else(Json::String, |output| output.to_json()))
                    }
                    Does::Use { .. } | Does::Each(_) | Does::Repeat(_) => Json::Null,
                };
                json(&(input.to_json(), output))
            }
            Event::AttemptStarted { .. } => {
                let input = plan::input(&run.plan, node, run)?;
                let needs = run.needs_of(node, &input)?;
                let time_limit = plan::time_limit(&run.plan, node, run)?;
                json(&(input.to_json(), needs.gpus, time_limit, needs.cpus, needs.memory))
            }
            Event::Reused { .. } => {
                let input = plan::input(&run.plan, node, run)?;
                json(&(input.to_json(), plan::gpus(&run.plan, node, run)?))
            }
            _ => Json::Null,
        })
    }
}

/// The decision that an event records, if it records one, in a form that can be compared.
fn told(event: &Event) -> Option<(NodeId, &'static str, Json)> {
    Some(match event {
        Event::Skipped { node } => (node.clone(), "whether it is done", "skipped".into()),
        Event::Opened { node, frames, .. } => (node.clone(), "what lies behind it", json(frames)),
        Event::Turned { node, next } => (node.clone(), "whether there is another time", json(next)),
        Event::Closed { node, output } => (node.clone(), "what it gives", json(output)),
        Event::Decided { node, input, output } => (node.clone(), "its decision", json(&(input, output))),
        Event::AttemptStarted { node, input, request, time_limit, cpus, memory, .. } => {
            (node.clone(), "what it takes", json(&(input, request, time_limit, cpus, memory)))
        }
        Event::Retrying { node, .. }
        | Event::Settled { node, .. }
        | Event::Held { node, .. }
        | Event::Failed { node, .. } => (node.clone(), "what becomes of its failure", json(event)),
        Event::Reused { node, basis, .. } => {
            (node.clone(), "what the kept result came of", json(&(&basis.input, &basis.request)))
        }
        _ => return None,
    })
}

fn json(value: &impl Serialize) -> Json {
    serde_json::to_value(value).expect("what is recorded has text keys and finite numbers")
}
