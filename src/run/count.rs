//! How many nodes stand where: the one count that all use who tell how far a run is.
//!
//! `run`, `show`, `runs` and the pages call it, so that none of them contradicts another. It decides nothing.

use serde::Serialize;

use super::state::{Run, Status};
use crate::plan::{NodeIx, Part};

/// How many nodes stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub waiting: usize,
    /// Told to a host, where they wait for a slot.
    #[serde(skip_serializing_if = "is_zero")]
    pub ordered: usize,
    pub running: usize,
    pub done: usize,
    /// Of those that are done, how many were kept from another run.
    pub reused: usize,
    pub failed: usize,
    pub skipped: usize,
    pub held: usize,
    /// Not to be done any more.
    pub abandoned: usize,
}

/// Where a node stands for whoever looks at it: a composite step is done when its end is, a time of a `repeat` that was to
/// come goes the way of the `repeat`, and what failed has failed, though its failure is what it gives.
pub fn standing(run: &Run, node: NodeIx) -> Status {
    let plan = &run.plan;
    if run.settled.contains_key(&node) {
        return Status::Failed;
    }
    match (run.status(node), plan.node(node).part) {
        // What it is a part of may have been given up since.
        (Status::Open | Status::Abandoned, Part::Open) if run.status(plan.close_of(node)) == Status::Done => {
            Status::Done
        }
        (Status::Waiting, Part::Turn(_)) => match standing(run, plan.open_of(node)) {
            Status::Open | Status::Ordered | Status::Running => Status::Waiting,
            over => over,
        },
        (status, _) => status,
    }
}

impl Counts {
    /// The nodes of a run whose work is done outside, and with `kept` which of them another run has done.
    pub fn of_work(run: &Run, kept: impl Fn(NodeIx) -> bool) -> Self {
        let mut counts = Self::default();
        let work = run.plan.nodes().filter(|node| run.plan.node(*node).part == Part::Task && run.is_work(*node));
        work.for_each(|node| counts.count(standing(run, node), kept(node)));
        counts
    }

    pub fn count(&mut self, status: Status, reused: bool) {
        let count = match status {
            Status::Waiting | Status::Retrying => &mut self.waiting,
            Status::Ordered => &mut self.ordered,
            Status::Running | Status::Open => &mut self.running,
            Status::Done => &mut self.done,
            Status::Skipped => &mut self.skipped,
            Status::Failed => &mut self.failed,
            Status::Held => &mut self.held,
            Status::Abandoned => &mut self.abandoned,
        };
        *count += 1;
        self.reused += usize::from(reused && status == Status::Done);
    }

    pub fn total(&self) -> usize {
        self.waiting + self.ordered + self.running + self.done + self.failed + self.skipped + self.held + self.abandoned
    }

    /// Those about which nothing is left to do, however they ended.
    pub fn over(&self) -> usize {
        self.done + self.skipped + self.failed + self.abandoned
    }

    /// How far a run is whose work this counts: `12 of 40 done, 2 failed, 1 held`. What is held may be a step with much
    /// behind it, so that it is counted by itself.
    pub fn far(&self, held: usize) -> String {
        let mut text = format!("{} of {} done", self.done, self.total());
        for (count, word) in
            [(self.failed, "failed"), (held, "held"), (self.skipped, "skipped"), (self.abandoned, "abandoned")]
        {
            if count > 0 {
                text.push_str(&format!(", {count} {word}"));
            }
        }
        text
    }

    /// The counts that are not zero, in words, what matters most first.
    pub fn words(&self) -> String {
        self.told("running")
    }

    /// The same of a run that nobody drives.
    pub fn words_of_left(&self) -> String {
        self.told("left under way")
    }

    fn told(&self, running: &str) -> String {
        let all = [
            (self.held, "held"),
            (self.failed, "failed"),
            (self.running, running),
            (self.ordered, "ordered"),
            (self.waiting, "waiting"),
            (self.done, "done"),
            (self.skipped, "skipped"),
            (self.abandoned, "abandoned"),
        ];
        let told = all.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        let mut text = told.collect::<Vec<_>>().join(", ");
        if self.reused > 0 {
            text.push_str(&format!(" ({} kept)", self.reused));
        }
        text
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl std::ops::Add for Counts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            waiting: self.waiting + other.waiting,
            ordered: self.ordered + other.ordered,
            running: self.running + other.running,
            done: self.done + other.done,
            reused: self.reused + other.reused,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
            held: self.held + other.held,
            abandoned: self.abandoned + other.abandoned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_done_counts_as_done() {
        let counts = |done, failed, skipped, abandoned| Counts {
            waiting: 5,
            running: 2,
            done,
            failed,
            skipped,
            abandoned,
            ..Counts::default()
        };
        for (counts, held, told) in [
            (counts(12, 0, 0, 0), 0, "12 of 19 done"),
            (counts(12, 2, 0, 0), 1, "12 of 21 done, 2 failed, 1 held"),
            (counts(0, 1, 3, 7), 0, "0 of 18 done, 1 failed, 3 skipped, 7 abandoned"),
        ] {
            assert_eq!(counts.far(held), told);
        }
    }
}
