//! What is free on one host while a turn is worked out: the working copy that placements are taken from.

use std::sync::Arc;

use super::{
    ask::{Group, Needs, Shape},
    fleet::{GpuId, Host, HostId},
    lease::{Held, Lease, Leases},
};
use crate::base::GpuKind;

/// GPUs, cpus and memory that may be taken. Below nothing where a host shrank under its leases.
#[derive(Clone, Debug, Default)]
pub(super) struct Space<'a> {
    /// Free GPUs by kind, in the order in which they are given out.
    pub(super) gpus: Vec<(&'a GpuKind, Vec<&'a GpuId>)>,
    pub(super) cpus: i64,
    pub(super) memory: i128,
}

/// A host that is up.
#[derive(Clone, Debug)]
pub(super) struct Room<'a> {
    pub(super) id: &'a HostId,
    pub(super) host: &'a Host,
    pub(super) space: Space<'a>,
    /// Nodes without GPUs that may begin there yet.
    pub(super) slots: u32,
    /// Those that it takes beyond them, to wait there.
    pub(super) ahead: u32,
    /// GPUs that the groups at home here may want.
    expected: u64,
    /// Where a reservation is on this host: what whoever does not end before it may take.
    pub(super) beside: Option<Space<'a>>,
    /// What this turn has placed here, by its place among the placements.
    pub(super) placed: Vec<usize>,
}

impl<'a> Space<'a> {
    pub(super) fn free(&self, kind: &GpuKind) -> usize {
        self.gpus.iter().find(|(free, _)| *free == kind).map_or(0, |(_, gpus)| gpus.len())
    }

    fn holds_beyond_gpus(&self, needs: &Needs) -> bool {
        i64::from(needs.cpus) <= self.cpus.max(0)
            && i128::from(needs.memory.unwrap_or_default().0) <= self.memory.max(0)
    }

    pub(super) fn holds(&self, needs: &Needs, kind: Option<&GpuKind>) -> bool {
        self.holds_beyond_gpus(needs) && kind.is_none_or(|kind| self.free(kind) >= needs.gpu_count() as usize)
    }

    /// Takes what is needed; the GPUs are the first free ones of their kind.
    pub(super) fn take(&mut self, needs: &Needs, kind: Option<&GpuKind>) -> Vec<&'a GpuId> {
        self.take_beyond_gpus(needs);
        let free = kind.and_then(|kind| self.gpus.iter_mut().find(|(free, _)| *free == kind));
        free.map_or_else(Vec::new, |(_, gpus)| gpus.drain(..needs.gpu_count() as usize).collect())
    }

    fn take_beyond_gpus(&mut self, needs: &Needs) {
        self.cpus -= i64::from(needs.cpus);
        self.memory -= i128::from(needs.memory.unwrap_or_default().0);
    }

    /// Gives back what a lease takes, except GPUs that the host lost or a foreign process holds.
    pub(super) fn release(&mut self, lease: &Lease, host: &'a Host) {
        self.cpus += i64::from(lease.shape.needs.cpus);
        self.memory += i128::from(lease.shape.needs.memory.unwrap_or_default().0);
        for gpu in &lease.gpus {
            if let Some((id, gpu)) = host.gpus.get_key_value(gpu)
                && !gpu.foreign
            {
                self.add(&gpu.kind, id);
            }
        }
    }

    /// Takes back what `release` gave.
    pub(super) fn hold(&mut self, lease: &Lease) {
        self.take_beyond_gpus(&lease.shape.needs);
        for (_, gpus) in &mut self.gpus {
            gpus.retain(|gpu| !lease.gpus.contains(gpu));
        }
    }

    pub(super) fn drop_gpus(&mut self, dropped: &[&GpuId]) {
        for (_, gpus) in &mut self.gpus {
            gpus.retain(|gpu| !dropped.contains(gpu));
        }
    }

    fn add(&mut self, kind: &'a GpuKind, id: &'a GpuId) {
        match self.gpus.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, gpus)) => gpus.push(id),
            None => self.gpus.push((kind, vec![id])),
        }
    }
}

impl<'a> Room<'a> {
    /// GPUs are left out where nobody asks for any, which is the turn of a run of short nodes without GPUs.
    pub(super) fn of(id: &'a HostId, host: &'a Host, leases: &Leases, with_gpus: bool) -> Self {
        let none = Held::default();
        let held = leases.held(id).unwrap_or(&none);
        let mut space = Space {
            gpus: Vec::new(),
            cpus: i64::from(host.cpus) - i64::try_from(held.cpus).unwrap_or(i64::MAX),
            memory: i128::from(host.memory.0) - i128::try_from(held.memory).unwrap_or(i128::MAX / 2),
        };
        if with_gpus {
            // Both maps are in the order of names, so one walk over both finds the GPUs that are in no lease.
            let mut leased = held.gpus.keys().peekable();
            for (gpu_id, gpu) in &host.gpus {
                while leased.next_if(|leased| *leased < gpu_id).is_some() {}
                if leased.peek() != Some(&gpu_id) && !gpu.foreign {
                    space.add(&gpu.kind, gpu_id);
                }
            }
        }
        let slots = host.slots.saturating_sub(held.slots);
        let ahead = match host.slots {
            0 => 0,
            slots => slots.saturating_add(host.ahead).saturating_sub(held.slots.max(slots)),
        };
        Self { id, host, space, slots, ahead, expected: held.expected, beside: None, placed: Vec::new() }
    }

    /// Whether a node fits now. `brief`: it ends before the reservation of this host, if there is one.
    pub(super) fn fits(&self, needs: &Needs, kind: Option<&GpuKind>, brief: bool) -> bool {
        (kind.is_some() || self.slots > 0 || self.ahead > 0)
            && self.space.holds(needs, kind)
            && (brief || self.beside.as_ref().is_none_or(|beside| beside.holds(needs, kind)))
    }

    /// Takes what a node needs, which must fit.
    pub(super) fn take(&mut self, needs: &Needs, kind: Option<&GpuKind>, brief: bool) -> Vec<&'a GpuId> {
        if kind.is_none() {
            match self.slots {
                0 => self.ahead -= 1,
                _ => self.slots -= 1,
            }
        }
        match &mut self.beside {
            Some(beside) if !brief => {
                let gpus = beside.take(needs, kind);
                self.space.drop_gpus(&gpus);
                self.space.take_beyond_gpus(needs);
                gpus
            }
            beside => {
                let gpus = self.space.take(needs, kind);
                if let Some(beside) = beside {
                    beside.drop_gpus(&gpus);
                }
                gpus
            }
        }
    }

    /// A group makes its home here.
    pub(super) fn settle(&mut self, group: &Group) {
        self.expected += u64::from(group.gpus_most());
    }

    /// How much of this host the groups at home here will want, in thousandths; the least is best for the next group.
    /// It does not matter for a group whose first member takes as much as any: that is busy at once and seen as such.
    pub(super) fn burden(&self, shape: &Shape) -> u64 {
        match &shape.group {
            Some(group) if group.gpus_most() > shape.needs.gpu_count() => {
                self.expected * 1_000 / (self.host.gpus.len() as u64).max(1)
            }
            _ => 0,
        }
    }

    pub(super) fn missing(&self, wants: &[Arc<str>]) -> usize {
        wants.iter().filter(|want| !self.host.holds.contains(*want)).count()
    }
}
