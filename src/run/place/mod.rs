//! Placement: which of the nodes that wait start now, on which host, with which GPUs. Pure: the same inputs give the same
//! placements.
//!
//! The engine keeps a [`Queue`], a [`Fleet`] and the [`Leases`] up to date, calls [`place`] once a turn, records what comes
//! out and takes it as leases. A turn costs as much as there are shapes of request and placements, each times the hosts;
//! how many nodes wait does not matter. Nothing here reads a clock, waits, or decides what a node *is*.
//!
//! - Who goes first: priority, then longest remaining path, then age, then id. Whoever waits beyond the policy's patience
//!   goes before the rest of its priority.
//! - All of a node is on one host, its GPUs are of one kind, and it starts with all of them or not at all. A host that is
//!   draining or gone, and a GPU that a foreign process holds, gets nothing new.
//! - The first ask for GPUs that does not fit has the [`Reservation`]; others pass it only where they do not delay it. Nodes
//!   without GPUs get none: they turn over in minutes, and a GPU must not wait for a build that itself waits for cpus.
//! - Where a host takes nodes ahead, those wait there that have the highest priority of all and hold no limit, which others
//!   could use meanwhile. As soon as one that may not wait so lacks nothing but a slot, nobody behind it is taken ahead.

mod ask;
mod explain;
mod fleet;
mod lawful;
mod lease;
mod misfit;
mod queue;
mod reserve;
mod room;
mod turn;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use self::turn::Turn;
pub use self::{
    ask::{Ask, Group, GroupIx, Needs, NodeIx, Shape},
    explain::{KindLeft, Waits, explain},
    fleet::{Change, Fleet, Gpu, GpuId, Host, HostId, HostState, Offer},
    lawful::unlawful,
    lease::{Lease, Leases},
    misfit::{Lack, Misfit, Nearest, refuse},
    queue::Queue,
    reserve::Reservation,
};
use crate::base::Span;

/// What an operator decides about placement.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Capacities of the named limits; one that is not named here is a mutex.
    pub limits: BTreeMap<Arc<str>, u32>,
    /// Whoever waits longer than this goes before the rest of its priority, whatever the paths; so nobody who asks for GPUs waits for ever.
    pub patience: Option<Span>,
    /// The highest priority of all nodes without GPUs. Only nodes of it wait at hosts that take some ahead, so that none of a higher one ever
    /// comes to stand behind them.
    pub highest: i64,
}

impl Policy {
    pub fn capacity(&self, limit: &str) -> u32 {
        self.limits.get(limit).copied().unwrap_or(1)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self { limits: BTreeMap::new(), patience: Some(Span::from_secs(24 * 3_600)), highest: i64::MIN }
    }
}

/// The nodes that start now, first the one that is first in order. The engine removes them from the queue and takes them.
pub fn place(now: Timestamp, queue: &Queue, fleet: &Fleet, leases: &Leases, policy: &Policy) -> Vec<Lease> {
    Turn::work_out(now, queue, fleet, leases, policy, false).placements
}

/// Who has the reservation, once the turn is over.
pub fn reservation(
    now: Timestamp,
    queue: &Queue,
    fleet: &Fleet,
    leases: &Leases,
    policy: &Policy,
) -> Option<Reservation> {
    Turn::work_out(now, queue, fleet, leases, policy, true).reservation
}
