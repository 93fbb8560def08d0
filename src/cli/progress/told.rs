//! Lines for a log: one when a step's first item begins, one when its last has ended, never one for each node.

use std::collections::HashMap;

use super::{Known, seen::Seen};

/// What has been told.
#[derive(Default)]
pub(super) struct Told {
    begun: Known,
    /// The steps that were told to be over, with how many items they had then: a `repeat` goes on with more.
    over: HashMap<String, usize>,
    remarks: Known,
    head: bool,
}

impl Told {
    /// What is new.
    pub(super) fn lines(&mut self, seen: &Seen) -> String {
        let mut text = String::new();
        if !std::mem::replace(&mut self.head, true) {
            text.push_str(&format!("{}\n", seen.line()));
        }
        for row in &seen.rows {
            let counts = &row.counts;
            let (total, over) = (counts.total(), counts.over());
            let has_begun = counts.running + over + counts.held > 0;
            if row.is_pure && counts.failed == 0 || !has_begun || counts.skipped + counts.abandoned == total {
                continue;
            }
            let is_over = over == total;
            if self.begun.insert(row.path.clone()) && !is_over {
                text.push_str(&format!("{} begins\n", row.path));
            }
            if is_over && self.over.insert(row.path.clone(), total) != Some(total) {
                text.push_str(&format!("{}: {}\n", row.path, counts.words()));
            }
        }
        for remark in seen.remarks.iter().filter(|remark| !remark.contains(" waiting at ")) {
            // A slow node is told of once, not with every minute that it takes longer.
            let what: String = remark.split(" has taken ").next().unwrap_or(remark).into();
            if self.remarks.insert(what) {
                text.push_str(&format!("{remark}\n"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{super::seen::Row, *};
    use crate::view::Counts;

    fn seen(counts: Counts, remarks: &[&str]) -> Seen {
        let row = Row { depth: 0, path: "rounds/train".into(), name: "train".into(), counts, ready: 0, is_pure: false };
        Seen { head: vec!["x".into()], rows: vec![row], remarks: remarks.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn each_step_is_told_of_when_it_begins_and_when_it_is_over() {
        let mut told = Told::default();
        let waiting = Counts { waiting: 4, ..Counts::default() };
        let running = Counts { waiting: 2, running: 1, done: 1, ..Counts::default() };
        let done = Counts { done: 3, failed: 1, ..Counts::default() };
        let again = Counts { done: 8, ..Counts::default() };
        for (counts, remarks, expected) in [
            (waiting, &[][..], "x\n"),
            (running, &["2 waiting at a: b"], "rounds/train begins\n"),
            (running, &["slow: b has taken 3m, 1m were expected"], "slow: b has taken 3m, 1m were expected\n"),
            (running, &["slow: b has taken 4m, 1m were expected"], ""),
            (done, &[], "rounds/train: 1 failed, 3 done\n"),
            (done, &[], ""),
            (again, &[], "rounds/train: 8 done\n"),
        ] {
            assert_eq!(told.lines(&seen(counts, remarks)), expected);
        }
    }
}
