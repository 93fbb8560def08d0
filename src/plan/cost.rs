//! What a full plan costs: GPU-hours, the longest chain, and how long it takes on so many GPUs.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use petgraph::{Direction, algo::toposort};

use super::{Foreseen, NodeIx, Outputs, Part, Plan, Trouble, values};
use crate::{
    action::Expect,
    base::{GpuKind, GpuRequest, Span, Value, total},
    rule::Failure,
    workflow::Does,
};

/// What each node of a plan is expected to need.
pub struct Costs {
    expected: Vec<Span>,
    gpus: Vec<Option<GpuRequest>>,
    /// From each node on, the longest chain to the end.
    remaining: Vec<Span>,
    critical: Vec<u32>,
}

/// An estimate of a run's length on given GPUs.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    pub length: Span,
    /// The share of the GPUs' time that is used, from 0 to 1.
    pub busy: f64,
}

impl Costs {
    /// Asks every node that does work what it needs.
    pub fn of(foreseen: &Foreseen) -> Result<Self, (NodeIx, Trouble)> {
        let plan = &foreseen.plan;
        let mut expected = vec![Span::ZERO; plan.graph().node_count()];
        let mut gpus: Vec<Option<GpuRequest>> = vec![None; plan.graph().node_count()];
        for node in plan.nodes() {
            if plan.node(node).part == Part::Task && !foreseen.skipped.contains(&node) {
                let told = |trouble| (node, trouble);
                expected[node.index()] = self::expected(plan, node, foreseen).map_err(told)?;
                gpus[node.index()] = values::gpus(plan, node, foreseen).map_err(told)?;
            }
        }
        let order = toposort(plan.graph(), None).expect("a plan is acyclic by construction");
        let mut remaining = vec![Span::ZERO; order.len()];
        let mut next: Vec<Option<u32>> = vec![None; order.len()];
        for node in order.iter().rev() {
            let longest =
                plan.graph().neighbors(*node).max_by_key(|after| (remaining[after.index()], Reverse(after.index())));
            let after = longest.map_or(Span::ZERO, |after| remaining[after.index()]);
            next[node.index()] = longest.and_then(|after| u32::try_from(after.index()).ok());
            remaining[node.index()] = expected[node.index()].saturating_add(after);
        }
        let start = order.iter().max_by_key(|node| (remaining[node.index()], Reverse(node.index())));
        let first = start.and_then(|node| u32::try_from(node.index()).ok());
        let critical = std::iter::successors(first, |node| next[*node as usize]).collect();
        Ok(Self { expected, gpus, remaining, critical })
    }

    pub fn expected(&self, node: NodeIx) -> Span {
        self.expected[node.index()]
    }
    pub fn gpus(&self, node: NodeIx) -> Option<&GpuRequest> {
        self.gpus[node.index()].as_ref()
    }
    pub fn gpu_hours(&self, node: NodeIx) -> f64 {
        self.gpus(node).map_or(0.0, |request| f64::from(request.count()) * self.expected(node).hours())
    }
    pub fn gpu_hours_of_all(&self) -> f64 {
        total((0..self.gpus.len()).map(|node| self.gpu_hours(NodeIx::new(node))))
    }
    /// The nodes of one longest chain, from its first to its last.
    pub fn critical_path(&self) -> &[u32] {
        &self.critical
    }
    pub fn critical_length(&self) -> Span {
        self.critical.first().map_or(Span::ZERO, |node| self.remaining[*node as usize])
    }

    /// Plays the plan on so many GPUs of each kind, the longest remaining chain first. What needs no GPU waits for none.
    /// The nearest request that cannot be met at all comes back as the error.
    pub fn estimate(&self, foreseen: &Foreseen, fleet: &BTreeMap<GpuKind, u32>) -> Result<Estimate, GpuRequest> {
        let graph = foreseen.plan.graph();
        let mut unmet: Vec<u32> = graph
            .node_indices()
            .map(|node| graph.neighbors_directed(node, Direction::Incoming).count() as u32)
            .collect();
        let mut begun: Vec<NodeIx> = graph.node_indices().filter(|node| unmet[node.index()] == 0).collect();
        let mut waiting = Waiting::default();
        let mut free = fleet.clone();
        let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
        let mut held: BTreeMap<usize, (GpuKind, u32)> = BTreeMap::new();
        let (mut now, mut used) = (0u64, 0.0f64);
        loop {
            for node in begun.drain(..) {
                match self.gpus(node) {
                    None => running.push(Reverse((now.saturating_add(self.expected(node).millis()), node.index()))),
                    Some(request) if fitting(request, fleet).is_none() => return Err(request.clone()),
                    Some(request) => waiting.add(request, self.remaining[node.index()], node.index()),
                }
            }
            while let Some((node, kind, count)) = waiting.take(&free) {
                *free.get_mut(&kind).expect("a fitting kind is in the fleet") -= count;
                let length = self.expected[node].millis();
                used += f64::from(count) * length as f64;
                held.insert(node, (kind, count));
                running.push(Reverse((now.saturating_add(length), node)));
            }
            let Some(Reverse((end, node))) = running.pop() else { break };
            now = end;
            if let Some((kind, count)) = held.remove(&node) {
                *free.get_mut(&kind).expect("a held kind is in the fleet") += count;
            }
            for after in graph.neighbors(NodeIx::new(node)) {
                unmet[after.index()] -= 1;
                if unmet[after.index()] == 0 {
                    begun.push(after);
                }
            }
        }
        let all: u64 = fleet.values().map(|count| u64::from(*count)).sum();
        let busy = if now == 0 || all == 0 { 0.0 } else { used / (now as f64 * all as f64) };
        Ok(Estimate { length: Span::from_millis(now).unwrap_or(Span::MAX), busy })
    }
}

/// Nodes that wait for GPUs, a queue for each request: nodes that ask for the same fit together or not at all, so that
/// only the first of each has to be looked at.
#[derive(Default)]
struct Waiting<'c>(BTreeMap<&'c GpuRequest, BinaryHeap<(Span, Reverse<usize>)>>);

impl<'c> Waiting<'c> {
    fn add(&mut self, request: &'c GpuRequest, remaining: Span, node: usize) {
        self.0.entry(request).or_default().push((remaining, Reverse(node)));
    }

    /// Takes the one with the longest remaining chain of those that fit, and says on which GPUs.
    fn take(&mut self, free: &BTreeMap<GpuKind, u32>) -> Option<(usize, GpuKind, u32)> {
        let fit = self.0.iter_mut().filter_map(|(request, queue)| Some((fitting(request, free)?, request, queue)));
        let (kind, request, queue) =
            fit.filter(|(.., queue)| !queue.is_empty()).max_by_key(|(.., queue)| queue.peek().copied())?;
        let (_, Reverse(node)) = queue.pop()?;
        Some((node, kind, request.count()))
    }
}

/// The first of the acceptable kinds that has enough.
fn fitting(request: &GpuRequest, free: &BTreeMap<GpuKind, u32>) -> Option<GpuKind> {
    request.kinds().iter().find(|kind| free.get(*kind).is_some_and(|count| *count >= request.count())).cloned()
}

/// How long a node is expected to take: as the author says, or as its action is known to.
pub fn expected(plan: &Plan, node: NodeIx, outputs: &dyn Outputs) -> Result<Span, Trouble> {
    if let Some(span) = values::expect(plan, node, outputs)? {
        return Ok(span);
    }
    let Does::Action { action, .. } = &plan.step(node).does else { return Ok(Span::ZERO) };
    let usual = match action.expect {
        Expect::Span(span) => span,
        Expect::Field(field) => match values::input_field(plan, node, outputs, field)? {
            Value::Span(span) => span,
            other => return Err(Trouble::Rule(Failure::Unfit { expected: format!("a duration, not {other}").into() })),
        },
    };
    let limit = values::time_limit(plan, node, outputs)?;
    Ok(limit.map_or(usual, |limit| usual.min(limit)))
}

impl Foreseen {
    /// What the whole run would give.
    pub fn gives(&self) -> Result<Value, Trouble> {
        values::results(&self.plan, self)
    }
    /// Whether the value of a node is at hand.
    pub fn value(&self, node: NodeIx) -> Option<Value> {
        self.output(node)
    }
}
