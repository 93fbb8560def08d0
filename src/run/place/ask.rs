//! What a node asks for, and where it stands among those that wait.
//!
//! The engine makes one `Ask` for each node that became ready. Nodes of the same shape share it, which is what keeps a
//! queue of a hundred thousand of them cheap. Nothing here knows of hosts.

use std::{cmp::Reverse, collections::BTreeSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::base::{GpuRequest, Size, Span};

/// A node that waits or runs, by a number that the engine gives it: unique over all runs, and the last tie-break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeIx(pub u64);

/// A `same_host` group, by a number that the engine gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupIx(pub u64);

/// What one node needs of the one host it runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Needs {
    pub gpus: Option<GpuRequest>,
    pub cpus: u32,
    pub memory: Option<Size>,
}

/// Nodes that must all run on the host where the first of them was placed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group {
    pub id: GroupIx,
    /// What the members need, each on its own; only a host that could hold every one of them may hold the first.
    pub members: Vec<Needs>,
}

/// Everything that decides whether a node fits now. Nodes of one shape fit together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    pub group: Option<Arc<Group>>,
    pub needs: Needs,
    pub time_limit: Option<Span>,
    /// Named limits, one unit of each; capacities are in the `Policy`.
    pub limits: BTreeSet<Arc<str>>,
}

/// A ready node that waits for its place.
#[derive(Clone, Debug)]
pub struct Ask {
    pub node: NodeIx,
    pub shape: Arc<Shape>,
    /// Images, models and data that are better already on the host.
    pub wants: Arc<[Arc<str>]>,
    /// Higher goes first.
    pub priority: i64,
    /// The longest path from here to the end of the run; longer goes first.
    pub path: Span,
    /// Counts up as nodes are submitted; lower goes first.
    pub age: u64,
    /// When it became ready, for `Policy::patience`.
    pub since: Timestamp,
}

impl Needs {
    pub fn gpu_count(&self) -> u32 {
        self.gpus.as_ref().map_or(0, GpuRequest::count)
    }
}

impl Group {
    /// The GPUs that its largest member will want on the group's host.
    pub(super) fn gpus_most(&self) -> u32 {
        self.members.iter().map(Needs::gpu_count).max().unwrap_or(0)
    }
}

impl Shape {
    /// When a node of this shape that starts now is over at the latest.
    pub(super) fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let millis = i64::try_from(self.time_limit?.millis()).unwrap_or(i64::MAX);
        Some(now.checked_add(SignedDuration::from_millis(millis)).unwrap_or(Timestamp::MAX))
    }
}

/// The order in which asks are considered; the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Standing {
    priority: Reverse<i64>,
    /// False for one that waited beyond the policy's patience: it goes before the rest of its priority.
    patient: bool,
    /// Tells apart only those out of patience: whoever waits longest goes first, whatever its path.
    since: Timestamp,
    path: Reverse<Span>,
    age: u64,
    pub(super) node: NodeIx,
}

impl Standing {
    pub(super) fn of(ask: &Ask) -> Self {
        Self {
            priority: Reverse(ask.priority),
            patient: true,
            since: Timestamp::UNIX_EPOCH,
            path: Reverse(ask.path),
            age: ask.age,
            node: ask.node,
        }
    }

    pub(super) fn out_of_patience(ask: &Ask) -> Self {
        Self { patient: false, since: ask.since, ..Self::of(ask) }
    }
}
