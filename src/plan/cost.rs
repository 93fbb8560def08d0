//! What a full plan costs: GPU-hours, the longest chain, and how long it takes on so many GPUs.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use petgraph::{Direction, algo::toposort};

use super::{Foreseen, NodeIx, Outputs, Part, Plan, Trouble, values};
use crate::{
    action::Expect,
    base::{GpuKind, GpuRequest, Name, Span, Value, total},
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

    /// Plays the plan on so many GPUs of each kind, the longest remaining chain first, no more at a time than named limits
    /// let. What needs neither waits for nothing.
    /// The nearest request that cannot be met at all comes back as the error.
    pub fn estimate(&self, foreseen: &Foreseen, fleet: &BTreeMap<GpuKind, u32>) -> Result<Estimate, GpuRequest> {
        let plan = &foreseen.plan;
        let graph = plan.graph();
        let mut unmet: Vec<u32> = graph
            .node_indices()
            .map(|node| graph.neighbors_directed(node, Direction::Incoming).count() as u32)
            .collect();
        let mut begun: Vec<NodeIx> = graph.node_indices().filter(|node| unmet[node.index()] == 0).collect();
        let mut waiting = Waiting::default();
        let limits = plan.workflow().limits.iter().map(|(name, most)| (name, *most)).collect();
        let mut free = Room { gpus: fleet.clone(), limits };
        let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
        let mut held: BTreeMap<usize, Held<'_>> = BTreeMap::new();
        let (mut now, mut used) = (0u64, 0.0f64);
        loop {
            for node in begun.drain(..) {
                let length = self.expected(node);
                let ask = Ask { gpus: self.gpus(node), limits: &plan.step(node).settings.limits };
                match ask.gpus {
                    Some(request) if fitting(request, fleet).is_none() => return Err(request.clone()),
                    None if ask.limits.is_empty() || length == Span::ZERO => {
                        running.push(Reverse((now.saturating_add(length.millis()), node.index())));
                    }
                    _ => waiting.add(ask, self.remaining[node.index()], node.index()),
                }
            }
            while let Some((node, taken)) = waiting.take(&mut free) {
                let length = self.expected[node].millis();
                used += f64::from(taken.gpus.as_ref().map_or(0, |(_, count)| *count)) * length as f64;
                held.insert(node, taken);
                running.push(Reverse((now.saturating_add(length), node)));
            }
            let Some(Reverse((end, node))) = running.pop() else { break };
            now = end;
            if let Some(taken) = held.remove(&node) {
                free.give_back(taken);
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

/// What a node waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ask<'c> {
    gpus: Option<&'c GpuRequest>,
    limits: &'c [Name],
}

/// What is free.
struct Room<'c> {
    gpus: BTreeMap<GpuKind, u32>,
    limits: BTreeMap<&'c Name, u32>,
}

/// What a node was given.
struct Held<'c> {
    gpus: Option<(GpuKind, u32)>,
    limits: &'c [Name],
}

impl<'c> Room<'c> {
    /// What would be given; nothing where it does not fit.
    fn fits(&self, ask: Ask<'c>) -> Option<Held<'c>> {
        let is_full = |name: &Name| self.limits.get(name).is_some_and(|free| *free == 0);
        if ask.limits.iter().any(is_full) {
            return None;
        }
        let gpus = match ask.gpus {
            None => None,
            Some(request) => Some((fitting(request, &self.gpus)?, request.count())),
        };
        Some(Held { gpus, limits: ask.limits })
    }

    fn take(&mut self, held: &Held<'c>) {
        if let Some((kind, count)) = &held.gpus {
            *self.gpus.get_mut(kind).expect("a fitting kind is in the fleet") -= count;
        }
        for name in held.limits {
            self.limits.entry(name).and_modify(|free| *free -= 1);
        }
    }

    fn give_back(&mut self, held: Held<'c>) {
        if let Some((kind, count)) = held.gpus {
            *self.gpus.get_mut(&kind).expect("a held kind is in the fleet") += count;
        }
        for name in held.limits {
            self.limits.entry(name).and_modify(|free| *free += 1);
        }
    }
}

/// Nodes that wait, a queue for each ask: nodes that ask for the same fit together or not at all, so that only the first of
/// each has to be looked at.
#[derive(Default)]
struct Waiting<'c>(BTreeMap<Ask<'c>, BinaryHeap<(Span, Reverse<usize>)>>);

impl<'c> Waiting<'c> {
    fn add(&mut self, ask: Ask<'c>, remaining: Span, node: usize) {
        self.0.entry(ask).or_default().push((remaining, Reverse(node)));
    }

    /// Takes the one with the longest remaining chain of those that fit, and what it is given.
    fn take(&mut self, free: &mut Room<'c>) -> Option<(usize, Held<'c>)> {
        let fit = self.0.iter_mut().filter(|(_, queue)| !queue.is_empty());
        let fit = fit.filter_map(|(ask, queue)| Some((free.fits(*ask)?, queue)));
        let (held, queue) = fit.max_by_key(|(_, queue)| queue.peek().copied())?;
        let (_, Reverse(node)) = queue.pop()?;
        free.take(&held);
        Some((node, held))
    }
}

/// The first of the acceptable kinds that has enough.
fn fitting(request: &GpuRequest, free: &BTreeMap<GpuKind, u32>) -> Option<GpuKind> {
    request.kinds().iter().find(|kind| free.get(*kind).is_some_and(|count| *count >= request.count())).cloned()
}

/// How long a node is expected to take: as the author says, or as its action is known to.
pub fn expected(plan: &Plan, node: NodeIx, outputs: &dyn Outputs) -> Result<Span, Trouble> {
    let usual = match (values::expect(plan, node, outputs)?, &plan.step(node).does) {
        (Some(span), _) => span,
        (None, Does::Action { action, .. }) => match action.expect {
            Expect::Span(span) => span,
            Expect::Field(field) => match values::input_field(plan, node, outputs, field)? {
                Value::Span(span) => span,
                other => {
                    return Err(Trouble::Rule(Failure::Unfit { expected: format!("a duration, not {other}").into() }));
                }
            },
        },
        (None, _) => Span::ZERO,
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
