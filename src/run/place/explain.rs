//! Why a node that is ready does not start: the answer to what operators ask daily.
//!
//! It works the turn out as `place` does and reads the reasons off what is left, so that it cannot say other than is done.

use std::{fmt, sync::Arc};

use jiff::Timestamp;

use super::{
    Policy,
    ask::{Ask, NodeIx},
    fleet::{Fleet, Host, HostId, HostState},
    lease::Leases,
    queue::Queue,
    room::Room,
    turn::{Home, Turn},
};
use crate::base::{GpuKind, GpuRequest, Size};

/// One reason why a node waits. Reasons of hosts come in the order of hosts; any one host that gives none would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waits {
    /// A named limit is reached, whatever the hosts have.
    Limit {
        name: Arc<str>,
        in_use: u32,
        capacity: u32,
    },
    /// The last unit of a limit is kept for the node that has the reservation.
    LimitKept {
        name: Arc<str>,
        by: NodeIx,
    },
    /// No host has ever joined.
    NoHosts,
    /// It has the reservation and is the next to start there.
    Next {
        host: HostId,
        from: Option<Timestamp>,
    },
    /// Its group is at home on this host, and no other will do.
    GroupAt {
        host: HostId,
    },
    /// Another member of its group could never run there.
    GroupMisfit {
        host: HostId,
    },
    Draining {
        host: HostId,
    },
    Gone {
        host: HostId,
    },
    /// The GPUs of each accepted kind: how many there are, how many are free, how many a foreign process holds.
    NoGpu {
        host: HostId,
        asked: GpuRequest,
        kinds: Vec<KindLeft>,
    },
    NoCpus {
        host: HostId,
        asked: u32,
        free: u32,
    },
    NoMemory {
        host: HostId,
        asked: Size,
        free: Size,
    },
    /// As many nodes without GPUs run there as may.
    NoSlot {
        host: HostId,
        slots: u32,
        /// So many wait there for one of them, too.
        ahead: u32,
    },
    /// There is room, but it is kept for another.
    Reserved {
        host: HostId,
        by: NodeIx,
        from: Option<Timestamp>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindLeft {
    pub kind: GpuKind,
    pub has: u32,
    pub free: u32,
    pub foreign: u32,
}

/// Why a node of the queue waits; nothing where it does not: it is not in the queue, or it starts with this turn.
pub fn explain(
    now: Timestamp,
    node: NodeIx,
    queue: &Queue,
    fleet: &Fleet,
    leases: &Leases,
    policy: &Policy,
) -> Vec<Waits> {
    let Some(ask) = queue.get(node) else { return Vec::new() };
    let turn = Turn::work_out(now, queue, fleet, leases, policy, true);
    if turn.placements.iter().any(|lease| lease.node == node) {
        return Vec::new();
    }
    let mut reasons = Vec::new();
    match (turn.limit_reached(ask), &turn.reservation) {
        (Some((name, in_use, capacity)), Some(kept)) if in_use < capacity => {
            reasons.push(Waits::LimitKept { name: name.clone(), by: kept.by });
        }
        (Some((name, in_use, capacity)), _) => reasons.push(Waits::Limit { name: name.clone(), in_use, capacity }),
        (None, _) => {}
    }
    if let Some(reservation) = turn.reservation.as_ref().filter(|reservation| reservation.by == node) {
        reasons.push(Waits::Next { host: reservation.host.clone(), from: reservation.from });
    }
    let home = ask.shape.group.as_deref().and_then(|group| turn.home(group)).map(|home| match home {
        Home::Room(at) => turn.rooms[at].id,
        Home::NotUp(host) => host,
    });
    if let Some(host) = home {
        reasons.push(Waits::GroupAt { host: host.clone() });
    }
    if fleet.hosts().next().is_none() {
        reasons.push(Waits::NoHosts);
    }
    let mut rooms = turn.rooms.iter().peekable();
    for (id, host) in fleet.hosts() {
        let room = rooms.next_if(|room| room.id == id);
        if home.is_none_or(|home| home == id) {
            match room {
                Some(room) => of_room(room, ask, home.is_none(), &turn, &mut reasons),
                None if host.state() == HostState::Gone => reasons.push(Waits::Gone { host: id.clone() }),
                None => reasons.push(Waits::Draining { host: id.clone() }),
            }
        }
    }
    reasons
}

fn of_room(room: &Room<'_>, ask: &Ask, founds: bool, turn: &Turn<'_>, reasons: &mut Vec<Waits>) {
    let (shape, needs, host) = (&*ask.shape, &ask.shape.needs, || room.id.clone());
    if let Some(group) = shape.group.as_deref().filter(|_| founds)
        && !group.members.iter().all(|needs| room.host.could_hold(needs))
    {
        reasons.push(Waits::GroupMisfit { host: host() });
    }
    match &needs.gpus {
        None if room.slots == 0 && (room.ahead == 0 || !turn.may_wait(ask)) => {
            let ahead = room.host.ahead.saturating_sub(room.ahead);
            reasons.push(Waits::NoSlot { host: host(), slots: room.host.slots, ahead });
        }
        Some(asked) if asked.kinds().iter().all(|kind| room.space.free(kind) < asked.count() as usize) => {
            let kinds = asked.kinds().iter().map(|kind| left(room, kind)).collect();
            reasons.push(Waits::NoGpu { host: host(), asked: asked.clone(), kinds });
        }
        _ => {}
    }
    let free_cpus = u32::try_from(room.space.cpus).unwrap_or(0);
    if needs.cpus > free_cpus {
        reasons.push(Waits::NoCpus { host: host(), asked: needs.cpus, free: free_cpus });
    }
    let free_memory = Size(u64::try_from(room.space.memory).unwrap_or(0));
    if let Some(asked) = needs.memory.filter(|asked| *asked > free_memory) {
        reasons.push(Waits::NoMemory { host: host(), asked, free: free_memory });
    }
    let kept = match &needs.gpus {
        None => turn.is_kept(room, shape, None),
        Some(asked) => asked.kinds().iter().any(|kind| turn.is_kept(room, shape, Some(kind))),
    };
    if let Some(reservation) = turn.reservation.as_ref().filter(|_| kept) {
        reasons.push(Waits::Reserved { host: host(), by: reservation.by, from: reservation.from });
    }
}

fn left(room: &Room<'_>, kind: &GpuKind) -> KindLeft {
    let foreign = |host: &Host| host.gpus.values().filter(|gpu| gpu.foreign && gpu.kind == *kind).count();
    KindLeft {
        kind: kind.clone(),
        has: room.host.count(kind),
        free: u32::try_from(room.space.free(kind)).unwrap_or(u32::MAX),
        foreign: u32::try_from(foreign(room.host)).unwrap_or(u32::MAX),
    }
}

impl Waits {
    /// The reason as a sentence, with nodes called by `name`.
    pub fn sentence(&self, name: impl Fn(NodeIx) -> String) -> String {
        let at = |from: &Option<Timestamp>| match from {
            Some(from) => format!("at {from:.0} at the latest"),
            None => "when a node of unknown length is over".into(),
        };
        match self {
            Self::Limit { name, in_use, capacity } => format!("limit `{name}`: {in_use} of {capacity} in use"),
            Self::LimitKept { name: limit, by } => format!("limit `{limit}`: the last of it is kept for {}", name(*by)),
            Self::NoHosts => "there are no hosts".into(),
            Self::Next { host, from } => format!("{host}: next to start there, {}", at(from)),
            Self::GroupAt { host } => format!("{host}: its group is at home there and must stay together"),
            Self::GroupMisfit { host } => format!("{host}: another of its group would never fit there"),
            Self::Draining { host } => format!("{host}: draining, nothing new starts there"),
            Self::Gone { host } => format!("{host}: gone"),
            Self::NoGpu { host, asked, kinds } => {
                let kinds: Vec<String> = kinds.iter().map(KindLeft::to_string).collect();
                format!("{host}: {asked} asked, {}", kinds.join("; "))
            }
            Self::NoCpus { host, asked, free } => format!("{host}: {asked} cpus asked, {free} free"),
            Self::NoMemory { host, asked, free } => format!("{host}: {asked} of memory asked, {free} free"),
            Self::NoSlot { host, slots: 0, .. } => format!("{host}: takes no nodes without GPUs"),
            Self::NoSlot { host, slots, ahead } => {
                let before = if *ahead == 0 { String::new() } else { format!(", and {ahead} wait there for one") };
                format!("{host}: {slots} of {slots} slots for nodes without GPUs in use{before}")
            }
            Self::Reserved { host, by, from } => format!("{host}: kept for {}, which starts {}", name(*by), at(from)),
        }
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(|node| format!("node {}", node.0)))
    }
}

impl fmt::Display for KindLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, has, free, foreign } = self;
        if *has == 0 {
            return write!(f, "no {kind} there");
        }
        write!(f, "{free} of {has} {kind} free")?;
        if *foreign > 0 {
            write!(f, ", {foreign} held by a process that is not ours")?;
        }
        Ok(())
    }
}
