//! The reservation: GPUs kept together for the first ask that does not fit, so that smaller ones cannot starve it.
//!
//! There is one at a time, worked out anew each turn from the leases, so there is nothing to store or to go stale. It cannot
//! be put off for ever, since between turns it only comes nearer: who runs beside it leaves the GPUs, cpus and memory that
//! it waits for alone, or is over before it starts. So on the host that has it, it never waits for a lease of unknown end that began
//! after it claimed the host, and once there are none its start is known and does not move.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    ask::{Ask, Needs, NodeIx},
    fleet::HostId,
    lease::{End, Lease},
    room::{Room, Space},
};
use crate::base::GpuKind;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub by: NodeIx,
    pub host: HostId,
    /// When it can start at the latest; nothing where it waits for a lease of which no end is known.
    pub from: Option<Timestamp>,
}

/// The start of an ask on one host, with one kind of GPU.
struct Start<'a> {
    from: Option<Timestamp>,
    /// Leases of unknown end that it waits for.
    unknown: usize,
    /// What whoever does not end before it may take.
    beside: Space<'a>,
}

impl Reservation {
    /// Whether a node that ends then is out of its way.
    pub(super) fn after(&self, until: Option<Timestamp>) -> bool {
        match (self.from, until) {
            (Some(from), Some(until)) => until <= from,
            // Whatever ends at a known time ends before a time that nobody knows.
            (None, Some(_)) => true,
            (_, None) => false,
        }
    }
}

/// Reserves the host, of those that are eligible, where the ask can start earliest. The ask does not fit now.
///
/// Where no start is known, the host with the fewest leases of unknown end in the way has it. Ties go by the author's
/// preference of kinds and then by host, and not by what is free just now: that changes as others pass by, and a
/// reservation that moves between hosts protects neither.
pub(super) fn reserve<'a, 'l>(
    now: Timestamp,
    ask: &Ask,
    rooms: &mut [Room<'a>],
    eligible: &BTreeSet<usize>,
    leases_on: impl Fn(&Room<'a>) -> Vec<&'l Lease>,
) -> Option<Reservation> {
    let needs = &ask.shape.needs;
    let kinds = needs.gpus.as_ref()?.kinds();
    let mut best = None;
    for (at, room) in eligible.iter().map(|at| (*at, &rooms[*at])) {
        let leases = leases_on(room);
        for (preference, kind) in kinds.iter().enumerate() {
            if let Some(start) = earliest(now, needs, kind, room, &leases) {
                let key = (start.unknown, start.from, preference, at);
                if best.as_ref().is_none_or(|(least, _): &(_, Start<'a>)| key < *least) {
                    best = Some((key, start));
                }
            }
        }
    }
    let ((.., at), start) = best?;
    rooms[at].beside = Some(start.beside);
    Some(Reservation { by: ask.node, host: rooms[at].id.clone(), from: start.from })
}

/// Lets the leases end one after the other, in the order in which they do, until the ask fits.
fn earliest<'a>(
    now: Timestamp,
    needs: &Needs,
    kind: &GpuKind,
    room: &Room<'a>,
    leases: &[&Lease],
) -> Option<Start<'a>> {
    if room.host.count(kind) < needs.gpu_count() {
        return None;
    }
    let mut space = room.space.clone();
    let mut leases = leases.iter().peekable();
    let (mut from, mut unknown) = (now, Vec::new());
    while !space.holds(needs, Some(kind)) {
        let lease = leases.next()?;
        space.release(lease, room.host);
        match lease.end() {
            // One that is over its time is about to be stopped.
            End::At(until) => from = until.max(now),
            End::Unknown => unknown.push(*lease),
        }
    }
    // It waits for no more of them than it must: whoever runs beside it would else be given what nobody gives back.
    unknown.retain(|lease| {
        space.hold(lease);
        let is_waited_for = !space.holds(needs, Some(kind));
        if is_waited_for {
            space.release(lease, room.host);
        }
        is_waited_for
    });
    let from = unknown.is_empty().then_some(from);
    while let Some(lease) = leases.next_if(|lease| matches!(lease.end(), End::At(until) if Some(until) <= from)) {
        space.release(lease, room.host);
    }
    let kept = space.take(needs, Some(kind));
    // The leases of unknown end that it does not wait for are not let go, so what is beside it is there at any time.
    let mut beside = Space { gpus: room.space.gpus.clone(), ..space };
    beside.drop_gpus(&kept);
    Some(Start { from, unknown: unknown.len(), beside })
}
