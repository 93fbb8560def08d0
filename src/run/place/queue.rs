//! The asks that wait, in one line for each shape, so that a turn looks at shapes and never at all who wait.
//!
//! The engine adds a node when it becomes ready and removes it when it starts or is called off, each in logarithmic time.

use std::{
    collections::{BTreeMap, BTreeSet, btree_set},
    sync::Arc,
};

use jiff::Timestamp;

use super::ask::{Ask, NodeIx, Shape, Standing};

#[derive(Clone, Debug, Default)]
pub struct Queue {
    asks: BTreeMap<NodeIx, Ask>,
    lines: BTreeMap<Arc<Shape>, Line>,
}

/// The asks of one shape; never empty.
#[derive(Clone, Debug, Default)]
struct Line {
    ranked: BTreeSet<Standing>,
    /// The same asks as if all were out of patience, which orders each priority by how long they wait. The highest
    /// priority is first in both.
    aged: BTreeSet<Standing>,
}

impl Queue {
    /// Lets a node wait; one that waits already takes its new place. Returns what it asked before.
    pub fn add(&mut self, ask: Ask) -> Option<Ask> {
        let before = self.remove(ask.node);
        let line = self.lines.entry(ask.shape.clone()).or_default();
        line.ranked.insert(Standing::of(&ask));
        line.aged.insert(Standing::out_of_patience(&ask));
        self.asks.insert(ask.node, ask);
        before
    }

    pub fn remove(&mut self, node: NodeIx) -> Option<Ask> {
        let ask = self.asks.remove(&node)?;
        let line = self.lines.get_mut(&ask.shape).expect("every ask stands in the line of its shape");
        line.ranked.remove(&Standing::of(&ask));
        line.aged.remove(&Standing::out_of_patience(&ask));
        if line.ranked.is_empty() {
            self.lines.remove(&ask.shape);
        }
        Some(ask)
    }

    pub fn get(&self, node: NodeIx) -> Option<&Ask> {
        self.asks.get(&node)
    }

    pub fn len(&self) -> usize {
        self.asks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.asks.is_empty()
    }

    /// The shapes that wait now.
    pub fn shapes(&self) -> impl Iterator<Item = &Arc<Shape>> {
        self.lines.keys()
    }

    /// One walk for each shape; asks that wait since `elder_than` or longer come out of patience.
    pub(super) fn walks(&self, elder_than: Option<Timestamp>) -> Vec<Walk<'_>> {
        self.lines
            .values()
            .map(|line| Walk { queue: self, ranked: line.ranked.iter(), aged: line.aged.iter(), elder_than })
            .collect()
    }
}

/// One line from its head on.
pub(super) struct Walk<'q> {
    queue: &'q Queue,
    ranked: btree_set::Iter<'q, Standing>,
    aged: btree_set::Iter<'q, Standing>,
    elder_than: Option<Timestamp>,
}

impl<'q> Walk<'q> {
    /// Who is next in this line, not counting the nodes that this turn has placed already.
    pub(super) fn head(&mut self, placed: &BTreeSet<NodeIx>) -> Option<(Standing, &'q Ask)> {
        let ranked = first_left(&mut self.ranked, placed)?;
        let ask = |standing: Standing| (standing, &self.queue.asks[&standing.node]);
        if let Some(elder_than) = self.elder_than
            && let Some(eldest) = first_left(&mut self.aged, placed)
            && self.queue.asks[&eldest.node].since <= elder_than
        {
            return Some(ask(eldest));
        }
        Some(ask(ranked))
    }
}

/// The first that is not yet placed; those before it are passed for good.
fn first_left(walk: &mut btree_set::Iter<'_, Standing>, placed: &BTreeSet<NodeIx>) -> Option<Standing> {
    loop {
        let first = *walk.clone().next()?;
        if !placed.contains(&first.node) {
            return Some(first);
        }
        walk.next();
    }
}
