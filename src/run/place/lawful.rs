//! Whether a placement could have been made at all. `verify` asks it of logs that come from elsewhere: that it was the best
//! one cannot be told afterwards, since how long a driver had been waiting is in no log.

use super::{
    Policy,
    fleet::{Fleet, HostState},
    lease::{Lease, Leases},
    room::Room,
};

/// Why a lease cannot be taken; nothing if it can.
pub fn unlawful(lease: &Lease, fleet: &Fleet, leases: &Leases, policy: &Policy) -> Option<String> {
    let Lease { host: id, gpus, shape, .. } = lease;
    let Some(host) = fleet.host(id) else { return Some(format!("there is no host {id}")) };
    if host.state() != HostState::Up {
        return Some(format!("{id} starts nothing new"));
    }
    for (at, gpu) in gpus.iter().enumerate() {
        let why = match host.gpus.get(gpu) {
            None => Some(format!("there is no GPU {gpu} on {id}")),
            Some(known) if known.foreign => Some(format!("GPU {gpu} of {id} is held by a foreign process")),
            Some(_) if gpus[..at].contains(gpu) || leases.on(id).any(|lease| lease.gpus.contains(gpu)) => {
                Some(format!("GPU {gpu} of {id} is in use"))
            }
            Some(_) => None,
        };
        if why.is_some() {
            return why;
        }
    }
    let kinds = || gpus.iter().filter_map(|gpu| host.gpus.get(gpu)).map(|gpu| &gpu.kind);
    let kind = kinds().next();
    let is_asked = match &shape.needs.gpus {
        None => gpus.is_empty(),
        Some(asked) => {
            gpus.len() == asked.count() as usize
                && kind.is_some_and(|kind| asked.kinds().contains(kind) && kinds().all(|other| other == kind))
        }
    };
    if !is_asked {
        return Some(format!("{} GPUs of {id} are not what was asked for", gpus.len()));
    }
    let room = Room::of(id, host, leases, true);
    if !room.fits(&shape.needs, kind, true) {
        return Some(format!("{id} has no room for it"));
    }
    if let Some(home) = shape.group.as_deref().and_then(|group| leases.home(group)).filter(|home| *home != id) {
        return Some(format!("what belongs on one host with it is at home on {home}"));
    }
    let full = shape.limits.iter().find(|limit| leases.in_use(limit) >= policy.capacity(limit))?;
    Some(format!("the limit `{full}` is reached"))
}
