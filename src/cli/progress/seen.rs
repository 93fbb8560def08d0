//! What is seen of a run at one moment, in words. A function of the run alone.

use jiff::Timestamp;

use super::outlook::{self, Outlook};
use crate::{
    action,
    base::{Span, Value},
    run::{RunId, Status, World},
    view::{self, Counts, History, State, StepRow, between},
    workflow::Does,
};

/// Attempts that take longer than so many times what is expected are slow.
const SLOW: u64 = 2;
/// What waits or is slow is told of so many at most.
const TOLD_MAX: usize = 3;

/// A run at one moment.
#[derive(Default)]
pub(super) struct Seen {
    /// Name, state and time, nodes, GPUs.
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// What is held, what waits and why, what is slow.
    pub(super) remarks: Vec<String>,
}

/// A step of the file.
pub(super) struct Row {
    pub(super) depth: usize,
    /// The names of the steps that lead to it.
    pub(super) path: String,
    pub(super) name: String,
    pub(super) counts: Counts,
    /// Of those that wait, how many have all that they need and do not start.
    pub(super) ready: usize,
    /// It is decided and not done, so that it never takes time.
    pub(super) is_pure: bool,
}

impl Seen {
    pub(super) fn of(run: RunId, world: &World, left: Outlook, now: Timestamp) -> Self {
        let summary = view::summary(run, world, &History::default(), now);
        let ended = summary.outcome.is_some();
        let mut rows = Vec::new();
        summary.steps.iter().for_each(|step| add(&mut rows, step, "", 0));
        let mock = if summary.simulated { " (mock)" } else { "" };
        let mut head = vec![
            format!("{} · {}{mock}", summary.name, summary.workflow),
            format!("{} {}", summary.state.word(), summary.elapsed.rough()),
        ];
        if summary.nodes.total() > 0 {
            head.push(summary.nodes.far(summary.held.len()));
            head.extend(summary.more_to_come.then(|| "more to come".into()));
        }
        if summary.gpus.total > 0 && !ended {
            head.push(format!("{} of {} GPUs", summary.gpus.used, summary.gpus.total));
        }
        if summary.state == State::Running {
            head.extend(outlook::words(left, now));
        }
        let held = summary.held.iter().take(TOLD_MAX).map(|held| format!("held for a decision: {}", held.node));
        let mut remarks: Vec<String> = held.collect();
        // Nothing starts any more where the driver is about to leave, whatever else there is to say.
        let may_start = !ended && !world.is_held_back();
        for waiting in summary.waiting.iter().filter(|_| may_start).take(TOLD_MAX) {
            let why: Vec<String> = waiting.why.iter().map(|why| why.sentence(now)).collect();
            remarks.push(format!("{} waiting at {}: {}", waiting.count, waiting.step, first(&why)));
        }
        remarks.extend(slow(world, now));
        Self { head, rows, remarks }
    }

    /// The head as one line.
    pub(super) fn line(&self) -> String {
        self.head.join(" · ")
    }
}

impl Row {
    /// Something of it runs, is to start, waits for somebody or has gone wrong.
    pub(super) fn is_active(&self) -> bool {
        let counts = &self.counts;
        counts.running + counts.held + counts.failed + self.ready > 0
    }

    /// There is nothing more to do of it.
    pub(super) fn is_over(&self) -> bool {
        self.counts.over() == self.counts.total()
    }
}

fn add(rows: &mut Vec<Row>, step: &StepRow, above: &str, depth: usize) {
    let path = if above.is_empty() { step.name.to_string() } else { format!("{above}/{}", step.name) };
    let is_pure = action::find(&step.does).is_some_and(action::Action::is_pure);
    let (counts, ready) = (step.counts, step.ready);
    rows.push(Row { depth, path: path.clone(), name: step.name.to_string(), counts, ready, is_pure });
    step.rows.iter().for_each(|row| add(rows, row, &path, depth + 1));
}

/// One reason is enough of a glance; each host may have one.
fn first(why: &[String]) -> String {
    match why {
        [] => "its turn has not come".into(),
        [one] => one.clone(),
        [one, _] => format!("{one} (and 1 more reason)"),
        [one, more @ ..] => format!("{one} (and {} more reasons)", more.len()),
    }
}

fn slow(world: &World, now: Timestamp) -> Vec<String> {
    let run = &world.run;
    let mut slow: Vec<(Span, Span, String)> = run
        .attempts
        .iter()
        .filter(|(node, _)| run.status(**node) != Status::Ordered)
        .filter_map(|(node, attempt)| {
            let expected = expected(world, *node)?;
            let taken = between(attempt.started, now);
            let is_slow = expected > Span::ZERO && taken.millis() > expected.millis().saturating_mul(SLOW);
            is_slow.then(|| (taken, expected, run.plan.id(*node)))
        })
        .collect();
    slow.sort_by(|a, b| b.cmp(a));
    let more = slow.len().saturating_sub(TOLD_MAX);
    let mut told: Vec<String> = slow
        .iter()
        .take(TOLD_MAX)
        .map(|(taken, expected, id)| {
            format!("slow: {id} has taken {}, {} were expected", taken.rough(), expected.rough())
        })
        .collect();
    if more > 0 {
        told.push(format!("{more} more are slow"));
    }
    told
}

/// How long a node is expected to take, where its author or its action says so.
fn expected(world: &World, node: crate::plan::NodeIx) -> Option<Span> {
    let step = world.run.plan.step(node);
    let said = step.settings.expect.as_ref().and_then(crate::workflow::Given::known);
    match (said, &step.does) {
        (Some(Value::Span(span)), _) => Some(span),
        (_, Does::Action { action, .. }) => match action.expect {
            crate::action::Expect::Span(span) => Some(span),
            crate::action::Expect::Field(_) => None,
        },
        _ => None,
    }
}
