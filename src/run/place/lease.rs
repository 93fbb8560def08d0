//! Who holds what. Leases are derived from the attempts in flight and never stored on their own.
//!
//! The engine takes a lease when it records that an attempt starts and ends it when the attempt is over; after a restart it
//! takes them again in the same order. That no GPU is ever in two leases is asserted here, since it would be our bug.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    ask::{Group, GroupIx, NodeIx, Shape},
    fleet::{Fleet, GpuId, HostId, HostState},
};

/// One node's place: a host and GPUs of it. `place` proposes it, `Leases::take` makes it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub node: NodeIx,
    pub host: HostId,
    /// In the order of their names; all of one kind.
    pub gpus: Vec<GpuId>,
    /// When it is over at the latest, where the node has a time limit.
    pub until: Option<Timestamp>,
    pub shape: Arc<Shape>,
}

/// When a lease ends at the latest. Those of which nothing is known come after all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    At(Timestamp),
    Unknown,
}

/// The place of a lease on its host: in the order in which they end, and were taken.
type Key = (End, u64);

#[derive(Clone, Debug, Default)]
pub struct Leases {
    held: BTreeMap<NodeIx, (HostId, Key)>,
    hosts: BTreeMap<HostId, Held>,
    limits: BTreeMap<Arc<str>, u32>,
    homes: BTreeMap<GroupIx, Home>,
    taken: u64,
}

/// What is held of one host.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) gpus: BTreeMap<GpuId, NodeIx>,
    pub(super) cpus: u64,
    pub(super) memory: u128,
    /// Nodes without GPUs.
    pub(super) slots: u32,
    /// GPUs that the groups at home here may want.
    pub(super) expected: u64,
    leases: BTreeMap<Key, Lease>,
}

/// Where a group runs, and how many of its members do so now.
#[derive(Clone, Debug)]
struct Home {
    host: HostId,
    gpus: u32,
    running: u32,
}

impl Leases {
    /// Makes the lease so.
    pub fn take(&mut self, lease: Lease) {
        let Lease { node, ref host, ref gpus, ref shape, .. } = lease;
        assert!(!self.held.contains_key(&node), "{node:?} holds a lease already");
        let held = self.hosts.entry(host.clone()).or_default();
        for gpu in gpus {
            let other = held.gpus.insert(gpu.clone(), node);
            assert!(other.is_none(), "GPU {gpu} of {host} would be in the leases of {other:?} and {node:?}");
        }
        held.cpus += u64::from(shape.needs.cpus);
        held.memory += u128::from(shape.needs.memory.unwrap_or_default().0);
        held.slots += u32::from(shape.needs.gpus.is_none());
        for limit in &shape.limits {
            *self.limits.entry(limit.clone()).or_default() += 1;
        }
        if let Some(group) = &shape.group {
            let home = self.homes.entry(group.id).or_insert_with(|| {
                held.expected += u64::from(group.gpus_most());
                Home { host: host.clone(), gpus: group.gpus_most(), running: 0 }
            });
            assert!(home.host == *host, "{:?} is at home on {} and not on {host}", group.id, home.host);
            home.running += 1;
        }
        let key = (lease.end(), self.taken);
        self.held.insert(node, (host.clone(), key));
        held.leases.insert(key, lease);
        self.taken += 1;
    }

    /// The node holds nothing any more. Its group stays at home where it is.
    pub fn end(&mut self, node: NodeIx) -> Option<Lease> {
        let (host, key) = self.held.remove(&node)?;
        let held = self.hosts.get_mut(&host).expect("the host of a lease is known");
        let lease = held.leases.remove(&key).expect("a lease that is held lies with its host");
        for gpu in &lease.gpus {
            held.gpus.remove(gpu);
        }
        let needs = &lease.shape.needs;
        held.cpus -= u64::from(needs.cpus);
        held.memory -= u128::from(needs.memory.unwrap_or_default().0);
        held.slots -= u32::from(needs.gpus.is_none());
        for limit in &lease.shape.limits {
            let in_use = self.limits.get_mut(limit).expect("a limit in use is counted");
            *in_use -= 1;
            if *in_use == 0 {
                self.limits.remove(limit);
            }
        }
        if let Some(home) = lease.shape.group.as_ref().and_then(|group| self.homes.get_mut(&group.id)) {
            home.running -= 1;
        }
        Some(lease)
    }

    /// Forgets where a group is at home: it is done, or its host is lost and it begins anew. Refused while a member runs.
    pub fn disband(&mut self, group: GroupIx) -> bool {
        if self.homes.get(&group).is_none_or(|home| home.running > 0) {
            return false;
        }
        if let Some(home) = self.homes.remove(&group)
            && let Some(held) = self.hosts.get_mut(&home.host)
        {
            held.expected -= u64::from(home.gpus);
        }
        true
    }

    /// The groups at home on a host that is gone or draining begin anew elsewhere, those excepted of which a member still runs.
    pub fn leave(&mut self, host: &HostId) {
        let idle =
            self.homes.iter().filter(|(_, home)| home.host == *host && home.running == 0).map(|(group, _)| *group);
        for group in idle.collect::<Vec<_>>() {
            self.disband(group);
        }
    }

    pub fn get(&self, node: NodeIx) -> Option<&Lease> {
        let (host, key) = self.held.get(&node)?;
        self.hosts.get(host)?.leases.get(key)
    }

    /// All leases, by host and there in the order in which they end.
    pub fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.hosts.values().flat_map(|held| held.leases.values())
    }

    /// The leases on one host, in the order in which they end.
    pub fn on(&self, host: &HostId) -> impl Iterator<Item = &Lease> {
        self.hosts.get(host).into_iter().flat_map(|held| held.leases.values())
    }

    /// Nodes that lost their host, or a GPU of it, under them.
    pub fn broken(&self, fleet: &Fleet) -> impl Iterator<Item = &Lease> {
        self.hosts.iter().flat_map(|(id, held)| {
            let host = fleet.host(id).filter(|host| host.state() != HostState::Gone);
            let lost = move |gpu: &GpuId| host.is_none_or(|host| !host.gpus.contains_key(gpu));
            held.leases.values().filter(move |lease| host.is_none() || lease.gpus.iter().any(lost))
        })
    }

    pub fn in_use(&self, limit: &str) -> u32 {
        self.limits.get(limit).copied().unwrap_or(0)
    }

    /// The host where the group's first member was placed.
    pub fn home(&self, group: &Group) -> Option<&HostId> {
        self.homes.get(&group.id).map(|home| &home.host)
    }

    pub(super) fn held(&self, host: &HostId) -> Option<&Held> {
        self.hosts.get(host)
    }
}

impl Lease {
    pub(super) fn end(&self) -> End {
        self.until.map_or(End::Unknown, End::At)
    }
}
