//! Which steps stand on the screen where it is too small for all of them. A function of what is seen alone.
//!
//! What runs, waits to start, is held or has failed stays; what is done goes first, then what is to come.

use std::collections::HashSet;

use super::seen::{Row, Seen};
use crate::view::Counts;

/// Rows that fit, and what became of the others.
pub(super) struct Folded<'s> {
    pub(super) lines: Vec<Line<'s>>,
    /// In words, what is folded away; nothing where all is there.
    pub(super) note: Option<String>,
}

pub(super) struct Line<'s> {
    /// How far it is moved in.
    pub(super) depth: usize,
    pub(super) name: &'s str,
    pub(super) counts: &'s Counts,
}

/// At most so many lines, the note included.
pub(super) fn folded(seen: &Seen, most: usize) -> Folded<'_> {
    let (shown, active_below) = telling(&seen.rows);
    if shown.len() <= most {
        return Folded { lines: shown.iter().map(|at| line(&seen.rows[*at])).collect(), note: None };
    }
    if most == 0 {
        return Folded { lines: Vec::new(), note: None };
    }
    let row = |at: &usize| &seen.rows[*at];
    let is_leaf: HashSet<usize> = (0..shown.len())
        .filter(|i| shown.get(i + 1).is_none_or(|next| row(next).depth <= row(&shown[*i]).depth))
        .map(|i| shown[i])
        .collect();
    let quiet = |at: &usize| is_leaf.contains(at) && !row(at).is_active();
    let over: Vec<usize> = shown.iter().copied().filter(|at| quiet(at) && row(at).is_over()).collect();
    let coming: Vec<usize> = shown.iter().copied().filter(|at| quiet(at) && !row(at).is_over()).collect();
    // The note takes a line, too. What was done long ago and what comes last go first.
    let away = shown.len() + 1 - most;
    let over_away = away.min(over.len());
    let coming_away = (away - over_away).min(coming.len());
    let gone: HashSet<usize> = over[..over_away].iter().chain(&coming[coming.len() - coming_away..]).copied().collect();
    let mut left: Vec<usize> = shown.into_iter().filter(|at| !gone.contains(at)).collect();
    let mut note: Vec<String> = Vec::new();
    if over_away > 0 {
        note.push(format!("{over_away} {} done", steps(over_away)));
    }
    if coming_away > 0 {
        note.push(format!("{coming_away} {} to come", steps(coming_away)));
    }
    let room = most.saturating_sub(1);
    if left.len() <= room {
        return Folded { lines: left.iter().map(|at| line(row(at))).collect(), note: Some(note.join(", ")) };
    }
    // A step that only holds others says less than they do: they stand with their whole way instead.
    left.retain(|at| !active_below[*at] || row(at).counts.held + row(at).counts.failed > 0);
    if left.len() > room {
        let more = left.len() - room;
        let mut by_weight = left.clone();
        by_weight.sort_by_key(|at| std::cmp::Reverse(weight(row(at))));
        let gone: HashSet<usize> = by_weight.split_off(room).into_iter().collect();
        left.retain(|at| !gone.contains(at));
        let counts = gone.iter().fold(Counts::default(), |all, at| all + row(at).counts);
        note.push(format!("{more} {} more: {}", steps(more), counts.words()));
    }
    let lines = left.iter().map(|at| Line { depth: 0, name: &row(at).path, counts: &row(at).counts });
    Folded { lines: lines.collect(), note: Some(note.join(", ")).filter(|note| !note.is_empty()) }
}

fn line(row: &Row) -> Line<'_> {
    Line { depth: row.depth, name: &row.name, counts: &row.counts }
}

fn steps(count: usize) -> &'static str {
    if count == 1 { "step" } else { "steps" }
}

/// What a person must see before all else.
fn weight(row: &Row) -> u8 {
    match &row.counts {
        counts if counts.held > 0 => 4,
        counts if counts.failed > 0 => 3,
        counts if counts.running > 0 => 2,
        _ => 1,
    }
}

/// The rows that say something now, by their numbers, and for each of all rows whether anything happens below it. What is
/// below a step where nothing happens says nothing more than the step.
fn telling(rows: &[Row]) -> (Vec<usize>, Vec<bool>) {
    // From the end, so that what is below a row was looked at before it.
    let mut happens: Vec<bool> = Vec::new();
    let mut below = vec![false; rows.len()];
    for (at, row) in rows.iter().enumerate().rev() {
        happens.resize(row.depth + 2, false);
        below[at] = std::mem::take(&mut happens[row.depth + 1]);
        happens[row.depth] |= below[at] || row.is_active();
    }
    let mut quiet_above: Option<usize> = None;
    let mut shown = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        if quiet_above.is_some_and(|depth| row.depth > depth) {
            continue;
        }
        quiet_above = (!below[at] && !row.is_active()).then_some(row.depth);
        if row.counts.total() > 0 {
            shown.push(at);
        }
    }
    (shown, below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, counts: Counts, ready: usize) -> Row {
        let depth = path.matches('/').count();
        let name = path.rsplit('/').next().unwrap_or(path).to_string();
        Row { depth, path: path.into(), name, counts, ready, is_pure: false }
    }
    fn done(path: &str) -> Row {
        row(path, Counts { done: 3, ..Counts::default() }, 0)
    }
    fn running(path: &str) -> Row {
        row(path, Counts { running: 1, done: 1, waiting: 2, ..Counts::default() }, 0)
    }
    fn ready(path: &str) -> Row {
        row(path, Counts { waiting: 2, ..Counts::default() }, 2)
    }
    fn failed(path: &str) -> Row {
        row(path, Counts { failed: 1, done: 2, ..Counts::default() }, 0)
    }
    fn coming(path: &str) -> Row {
        row(path, Counts { waiting: 1, ..Counts::default() }, 0)
    }
    fn told(rows: Vec<Row>, most: usize) -> Vec<String> {
        let seen = Seen { head: Vec::new(), rows, remarks: Vec::new() };
        let folded = folded(&seen, most);
        assert!(folded.lines.len() + folded.note.iter().count() <= most, "it does not fit in {most} lines");
        let lines = folded.lines.iter().map(|line| format!("{}{}", " ".repeat(line.depth), line.name));
        folded.note.iter().map(|note| format!("({note})")).chain(lines).collect()
    }

    #[test]
    fn what_is_done_goes_first_and_then_what_is_to_come() {
        let rows = || {
            vec![
                done("field"),
                done("field/fee"),
                running("rounds"),
                done("rounds/draw"),
                running("rounds/match"),
                running("rounds/match/train"),
                ready("rounds/match/evaluate"),
                coming("boss"),
                coming("boss/inner"),
                coming("weights"),
            ]
        };
        let all = ["field", "rounds", " draw", " match", "  train", "  evaluate", "boss", "weights"];
        assert_eq!(told(rows(), 8), all);
        let expected = ["(2 steps done)", "rounds", " match", "  train", "  evaluate", "boss", "weights"];
        assert_eq!(told(rows(), 7), expected);
        let expected = ["(2 steps done, 1 step to come)", "rounds", " match", "  train", "  evaluate", "boss"];
        assert_eq!(told(rows(), 6), expected);
        let expected = ["(2 steps done, 2 steps to come)", "rounds/match/train", "rounds/match/evaluate"];
        assert_eq!(told(rows(), 4), expected);
        assert_eq!(told(rows(), 3), expected);
        let expected = ["(2 steps done, 2 steps to come, 1 step more: 2 waiting)", "rounds/match/train"];
        assert_eq!(told(rows(), 2), expected);
    }

    #[test]
    fn what_runs_stays_however_much_is_done_before_it() {
        let many = |count: usize| (0..count).map(|i| done(&format!("s{i}")));
        let rows = many(40).chain([running("now"), failed("bad")]).chain((0..40).map(|i| coming(&format!("t{i}"))));
        let told = told(rows.collect(), 5);
        assert_eq!(told, ["(40 steps done, 38 steps to come)", "now", "bad", "t0", "t1"]);
    }

    #[test]
    fn what_failed_stays_though_what_it_is_a_part_of_is_over() {
        let rows = vec![done("a"), done("each"), failed("each/train"), done("each/score"), running("last")];
        assert_eq!(told(rows, 4), ["(2 steps done)", "each", " train", "last"]);
    }

    #[test]
    fn where_not_even_that_fits_the_worst_stays_and_the_rest_is_counted() {
        let held = row("held", Counts { held: 1, ..Counts::default() }, 0);
        let rows = (0..9).map(|i| running(&format!("r{i}"))).chain([failed("bad"), held]);
        let expected = ["(8 steps more: 8 running, 16 waiting, 8 done)", "r0", "bad", "held"];
        assert_eq!(told(rows.collect(), 4), expected);
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_happens_gives_way_to_what_is_over_or_to_come(
            steps in proptest::collection::vec((0usize..4, 0usize..6), 1..60), most in 0usize..40
        ) {
            let mut depth = 0;
            let mut rows = Vec::new();
            for (at, (deeper, kind)) in steps.into_iter().enumerate() {
                depth = if at == 0 { 0 } else { deeper.min(depth + 1) };
                let path = format!("{}s{at}", "x/".repeat(depth));
                rows.push([done, running, ready, failed, coming, done][kind](&path));
            }
            let seen = Seen { head: Vec::new(), rows, remarks: Vec::new() };
            let folded = folded(&seen, most);
            proptest::prop_assert!(folded.lines.len() + folded.note.iter().count() <= most);
            let (telling, active_below) = telling(&seen.rows);
            let is_shown = |at: &usize| {
                let row = &seen.rows[*at];
                folded.lines.iter().any(|line| std::ptr::eq(line.counts, &raw const row.counts))
            };
            let hidden = |at: &&usize| seen.rows[**at].is_active() && !active_below[**at] && !is_shown(at);
            if telling.iter().any(|at| hidden(&at)) {
                let kept = telling.iter().filter(|at| !seen.rows[**at].is_active() && !active_below[**at]).find(|at| is_shown(at));
                proptest::prop_assert_eq!(kept, None, "it is over or to come, and something that happens is hidden");
            }
        }
    }
}
