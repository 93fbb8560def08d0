//! How short a run could have been at least, from what its nodes really took.
//!
//! Called for a run that is over, whose plan has grown to its end. The length of a node is the time that its attempts
//! took; no bound counts waiting, neither for a place nor between attempts.

use std::collections::BTreeMap;

use petgraph::{Direction, algo::toposort};

use super::player::{Account, Use};
use crate::{
    base::GpuKind,
    plan::{NodeIx, Plan},
};

/// Lower bounds of a run's length, in hours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The longest chain of nodes that wait for one another.
    pub path: f64,
    /// The GPU-hours over the GPUs, of the kind that has most to do.
    pub gpus: f64,
    /// The same two for each stretch between two nodes that all else waits for, such as the ends of rounds: the larger of
    /// both, added up. What is of a later stretch cannot be done in an earlier one.
    pub stretches: f64,
}

impl Bound {
    /// `gpus` says how many there are of each kind.
    pub fn of(account: &Account, gpus: &BTreeMap<GpuKind, usize>) -> Self {
        let plan = &account.run.plan;
        let lengths = lengths(account);
        let order = toposort(plan.graph(), None).expect("a plan is acyclic by construction");
        let mut work: Vec<Vec<&Use>> = vec![Vec::new(); plan.graph().node_count()];
        for used in &account.uses {
            work[used.node.index()].push(used);
        }
        let stretches = stretches(plan, &order).into_iter().map(|nodes| {
            let path = longest(plan, &lengths, nodes);
            path.max(gpu_time(nodes.iter().flat_map(|node| work[node.index()].iter().copied()), gpus))
        });
        Self { stretches: stretches.sum(), path: longest(plan, &lengths, &order), gpus: gpu_time(&account.uses, gpus) }
    }

    /// The larger of the longest chain and the GPU-hours over the GPUs.
    pub fn simple(&self) -> f64 {
        self.path.max(self.gpus)
    }
}

/// How long the attempts at each node took together, in hours.
pub(super) fn lengths(account: &Account) -> Vec<f64> {
    let mut lengths = vec![0.0; account.run.plan.graph().node_count()];
    for used in &account.uses {
        lengths[used.node.index()] += used.hours();
    }
    lengths
}

fn gpu_time<'a>(uses: impl IntoIterator<Item = &'a Use>, gpus: &BTreeMap<GpuKind, usize>) -> f64 {
    let mut hours: BTreeMap<&GpuKind, f64> = BTreeMap::new();
    for used in uses {
        if let Some(kind) = &used.kind {
            *hours.entry(kind).or_default() += f64::from(used.gpus) * used.hours();
        }
    }
    let time = |(kind, hours): (&&GpuKind, &f64)| hours / gpus.get(*kind).copied().unwrap_or(1).max(1) as f64;
    hours.iter().map(time).fold(0.0, f64::max)
}

/// The longest chain among some nodes, which stand in an order in which needs come first.
fn longest(plan: &Plan, lengths: &[f64], nodes: &[NodeIx]) -> f64 {
    let mut until: BTreeMap<NodeIx, f64> = BTreeMap::new();
    let mut longest = 0.0_f64;
    for node in nodes {
        let before = plan.graph().neighbors_directed(*node, Direction::Incoming);
        let start = before.filter_map(|need| until.get(&need)).copied().fold(0.0, f64::max);
        let end = start + lengths[node.index()];
        until.insert(*node, end);
        longest = longest.max(end);
    }
    longest
}

/// Cuts an order behind every node that all before it lead to and all after it wait for.
fn stretches<'o>(plan: &Plan, order: &'o [NodeIx]) -> Vec<&'o [NodeIx]> {
    let mut at = vec![0; order.len()];
    for (position, node) in order.iter().enumerate() {
        at[node.index()] = position;
    }
    let place = |node: NodeIx| at[node.index()];
    // Each after a cut has to wait for one that is no earlier than it: the earliest of these, for all after a position. What
    // waits for none lets nobody cut before it.
    let mut waits = vec![Some(order.len()); order.len() + 1];
    for (position, node) in order.iter().enumerate().rev() {
        let need = plan.graph().neighbors_directed(*node, Direction::Incoming).map(place).max();
        waits[position] = waits[position + 1].min(need);
    }
    // Each before it has to lead to one that is no later than it: the latest of these.
    let (mut leads, mut start, mut all) = (0, 0, Vec::new());
    for (position, node) in order.iter().enumerate() {
        if leads <= position && waits[position + 1] >= Some(position) {
            all.push(&order[start..=position]);
            start = position + 1;
        }
        leads = leads.max(plan.graph().neighbors(*node).map(place).min().unwrap_or(order.len()));
    }
    if start < order.len() {
        all.push(&order[start..]);
    }
    all
}
