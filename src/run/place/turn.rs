//! One turn: who of those that wait starts now, and where.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    Policy,
    ask::{Ask, Group, GroupIx, Needs, NodeIx, Shape},
    fleet::{Fleet, HostId, HostState},
    lease::{Lease, Leases},
    queue::Queue,
    reserve::{Reservation, reserve},
    room::Room,
};
use crate::base::GpuKind;

/// A turn as it is worked out.
pub(super) struct Turn<'a> {
    now: Timestamp,
    leases: &'a Leases,
    policy: &'a Policy,
    /// The hosts that are up, by name.
    pub(super) rooms: Vec<Room<'a>>,
    pub(super) placements: Vec<Lease>,
    placed: BTreeSet<NodeIx>,
    /// Limits and homes that this turn's placements take, on top of the leases.
    limits: BTreeMap<&'a str, u32>,
    homes: BTreeMap<GroupIx, usize>,
    /// The first ask for GPUs that did not fit. The reservation is its own, and one unit of each of its limits.
    claimant: Option<&'a Ask>,
    /// Somebody who may not wait at a host lacks nothing but a slot: who is behind it waits at none, either.
    begins_first: bool,
    /// Worked out only once somebody could get in the claimant's way.
    pub(super) reservation: Option<Reservation>,
    left: Left<'a>,
}

/// Upper bounds of what is free on any one host: what exceeds them is passed over without a look at the hosts.
struct Left<'a> {
    slots: bool,
    gpus: Vec<(&'a GpuKind, usize)>,
}

/// Where an ask goes: the least is best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Choice {
    /// The place of the kind in the author's preference.
    preference: usize,
    burden: u64,
    /// Free GPUs of the kind that are left over on the host.
    stranded: usize,
    missing: usize,
    /// For nodes without GPUs: the most free slots are best, and then the most room to wait for one.
    slots: Reverse<(u32, u32)>,
    room: usize,
    brief: bool,
}

impl<'a> Turn<'a> {
    /// `to_the_end`: looks at everybody, even when nothing is left to give, so that the reservation is known.
    pub(super) fn work_out(
        now: Timestamp,
        queue: &'a Queue,
        fleet: &'a Fleet,
        leases: &'a Leases,
        policy: &'a Policy,
        to_the_end: bool,
    ) -> Self {
        let mut turn = Self::start(now, queue, fleet, leases, policy);
        let elder_than = policy.patience.and_then(|patience| {
            let millis = i64::try_from(patience.millis()).ok()?;
            now.checked_sub(SignedDuration::from_millis(millis)).ok()
        });
        let mut walks = queue.walks(elder_than);
        let mut heads: BinaryHeap<_> = walks
            .iter_mut()
            .enumerate()
            .filter_map(|(at, walk)| Some(Reverse((walk.head(&turn.placed)?.0, at))))
            .collect();
        while let Some(Reverse((_, at))) = heads.pop() {
            if turn.left.nothing() && !to_the_end {
                break;
            }
            let Some((_, ask)) = walks[at].head(&turn.placed) else { continue };
            // Who is behind the head of a line has the same shape and fits no better, so the whole line waits.
            if turn.try_place(ask)
                && let Some((standing, _)) = walks[at].head(&turn.placed)
            {
                heads.push(Reverse((standing, at)));
            }
        }
        if to_the_end {
            turn.settle_reservation();
        }
        turn
    }

    fn start(now: Timestamp, queue: &'a Queue, fleet: &'a Fleet, leases: &'a Leases, policy: &'a Policy) -> Self {
        let with_gpus = queue.shapes().any(|shape| shape.needs.gpus.is_some());
        let up = fleet.hosts().filter(|(_, host)| host.state() == HostState::Up);
        let rooms: Vec<Room<'a>> = up.map(|(id, host)| Room::of(id, host, leases, with_gpus)).collect();
        let mut turn = Self {
            now,
            leases,
            policy,
            rooms,
            placements: Vec::new(),
            placed: BTreeSet::new(),
            limits: BTreeMap::new(),
            homes: BTreeMap::new(),
            claimant: None,
            begins_first: false,
            reservation: None,
            left: Left { slots: false, gpus: Vec::new() },
        };
        turn.left = Left::of(&turn.rooms);
        turn
    }

    fn try_place(&mut self, ask: &'a Ask) -> bool {
        if self.limit_reached(ask).is_some() {
            return false;
        }
        let Some(choice) = self.choose(ask) else {
            if self.claimant.is_none() && ask.shape.needs.gpus.is_some() && self.can_hope(&ask.shape) {
                self.claimant = Some(ask);
            }
            self.begins_first |= self.lacks_a_slot_alone(ask);
            return false;
        };
        self.put(ask, choice);
        true
    }

    /// Whether an ask may be taken ahead, to wait at its host.
    pub(super) fn may_wait(&self, ask: &Ask) -> bool {
        !self.begins_first && ask.shape.limits.is_empty() && ask.priority >= self.policy.highest
    }

    fn lacks_a_slot_alone(&self, ask: &Ask) -> bool {
        let (shape, needs) = (&ask.shape, &ask.shape.needs);
        needs.gpus.is_none()
            && !self.may_wait(ask)
            && self
                .eligible(shape)
                .any(|(_, room)| room.slots == 0 && room.fits(needs, None, self.is_brief(room, shape)))
    }

    /// The limit, if any, that keeps an ask from starting: its name, what is in use of it and its capacity.
    /// One that is not all in use has its last unit kept for the claimant.
    pub(super) fn limit_reached<'s>(&self, ask: &'s Ask) -> Option<(&'s Arc<str>, u32, u32)> {
        let claimed = self.claimant.filter(|claimant| claimant.node != ask.node).map(|claimant| &claimant.shape.limits);
        ask.shape.limits.iter().find_map(|limit| {
            let in_use = self.leases.in_use(limit) + self.limits.get(&**limit).copied().unwrap_or(0);
            let capacity = self.policy.capacity(limit);
            let kept = claimed.is_some_and(|limits| limits.contains(limit));
            (in_use + u32::from(kept) >= capacity).then_some((limit, in_use, capacity))
        })
    }

    fn choose(&mut self, ask: &Ask) -> Option<Choice> {
        if !self.left.may_hold(&ask.shape.needs) {
            return None;
        }
        let choice = self.best(ask)?;
        if self.settle_reservation() { self.best(ask) } else { Some(choice) }
    }

    /// Best fit: the author's preference of kinds first, then the fewest stranded GPUs, then what the host holds already.
    ///
    /// A download costs minutes on a host while the GPUs that a bad fit strands are lost to large nodes for hours, and
    /// downloads run ahead on slots; so locality decides only between equal fits. For nodes without GPUs, which strand
    /// nothing, it decides first.
    fn best(&self, ask: &Ask) -> Option<Choice> {
        let (shape, needs) = (&*ask.shape, &ask.shape.needs);
        let brief = |room: &Room<'a>| self.is_brief(room, shape);
        let may_wait = self.may_wait(ask);
        let choice = |at: usize, room: &Room<'a>, kind: Option<(usize, &GpuKind)>, brief: bool| Choice {
            preference: kind.map_or(0, |(preference, _)| preference),
            burden: room.burden(shape),
            stranded: kind.map_or(0, |(_, kind)| room.space.free(kind) - needs.gpu_count() as usize),
            missing: room.missing(&ask.wants),
            slots: Reverse(if kind.is_none() { (room.slots, room.ahead) } else { (0, 0) }),
            room: at,
            brief,
        };
        let mut best: Option<Choice> = None;
        for (at, room) in self.eligible(shape) {
            let brief = brief(room);
            let found = match &needs.gpus {
                None => {
                    let takes = may_wait || room.slots > 0;
                    (takes && room.fits(needs, None, brief)).then(|| choice(at, room, None, brief))
                }
                Some(asked) => {
                    let mut kinds = asked.kinds().iter().enumerate();
                    kinds
                        .find(|(_, kind)| room.fits(needs, Some(kind), brief))
                        .map(|kind| choice(at, room, Some(kind), brief))
                }
            };
            best = best.into_iter().chain(found).min();
        }
        best
    }

    /// The rooms that come into question: the home of its group, or for the first of a group those that could hold it all.
    fn eligible<'s>(&'s self, shape: &'s Shape) -> impl Iterator<Item = (usize, &'s Room<'a>)> {
        let home = shape.group.as_deref().and_then(|group| self.home(group));
        let range = match home {
            Some(Home::Room(at)) => at..at + 1,
            Some(Home::NotUp(_)) => 0..0,
            None => 0..self.rooms.len(),
        };
        let founded = shape.group.as_deref().filter(|_| home.is_none());
        let rooms = self.rooms[range.clone()].iter().zip(range).map(|(room, at)| (at, room));
        rooms.filter(move |(_, room)| {
            founded.is_none_or(|group| group.members.iter().all(|needs| room.host.could_hold(needs)))
        })
    }

    pub(super) fn home(&self, group: &Group) -> Option<Home<'a>> {
        if let Some(at) = self.homes.get(&group.id) {
            return Some(Home::Room(*at));
        }
        let id = self.leases.home(group)?;
        Some(self.rooms.binary_search_by(|room| room.id.cmp(id)).map_or(Home::NotUp(id), Home::Room))
    }

    /// Whether it would fit somewhere if only the leases ended.
    fn can_hope(&self, shape: &Shape) -> bool {
        self.eligible(shape).any(|(_, room)| {
            let unforeign =
                |kind: &GpuKind| room.host.gpus.values().filter(|gpu| gpu.kind == *kind && !gpu.foreign).count();
            let enough = |kind: &GpuKind| unforeign(kind) >= shape.needs.gpu_count() as usize;
            room.host.could_hold(&shape.needs)
                && shape.needs.gpus.as_ref().is_none_or(|asked| asked.kinds().iter().any(enough))
        })
    }

    fn is_brief(&self, room: &Room<'a>, shape: &Shape) -> bool {
        room.beside.is_some()
            && self.reservation.as_ref().is_some_and(|reservation| reservation.after(shape.until(self.now)))
    }

    /// Whether the shape would fit there now, were it not for the reservation.
    pub(super) fn is_kept(&self, room: &Room<'a>, shape: &Shape, kind: Option<&GpuKind>) -> bool {
        room.fits(&shape.needs, kind, true) && !room.fits(&shape.needs, kind, self.is_brief(room, shape))
    }

    /// Works the reservation out, if one is due.
    fn settle_reservation(&mut self) -> bool {
        let Some(ask) = self.claimant.filter(|_| self.reservation.is_none()) else { return false };
        let eligible: BTreeSet<usize> = self.eligible(&ask.shape).map(|(at, _)| at).collect();
        let (leases, placements) = (self.leases, &self.placements);
        let leases_on = |room: &Room<'a>| {
            let placed = room.placed.iter().map(|at| &placements[*at]);
            let mut all: Vec<&Lease> = leases.on(room.id).chain(placed).collect();
            all.sort_by_key(|lease| lease.end());
            all
        };
        self.reservation = reserve(self.now, ask, &mut self.rooms, &eligible, leases_on);
        let Some(reservation) = &self.reservation else { return false };
        if let Some(group) = ask.shape.group.as_deref()
            && let Ok(at) = self.rooms.binary_search_by(|room| room.id.cmp(&reservation.host))
        {
            // No other member may found the group elsewhere.
            self.homes.entry(group.id).or_insert(at);
        }
        true
    }

    fn put(&mut self, ask: &'a Ask, choice: Choice) {
        let shape = &ask.shape;
        let room = &mut self.rooms[choice.room];
        let kind = shape.needs.gpus.as_ref().map(|asked| &asked.kinds()[choice.preference]);
        let gpus = room.take(&shape.needs, kind, choice.brief);
        let lease = Lease {
            node: ask.node,
            host: room.id.clone(),
            gpus: gpus.into_iter().cloned().collect(),
            until: shape.until(self.now),
            shape: shape.clone(),
        };
        room.placed.push(self.placements.len());
        for limit in &shape.limits {
            *self.limits.entry(limit).or_default() += 1;
        }
        if let Some(group) = &shape.group
            && self.home(group).is_none()
        {
            self.rooms[choice.room].settle(group);
            self.homes.insert(group.id, choice.room);
        }
        self.placed.insert(ask.node);
        self.placements.push(lease);
        self.left = Left::of(&self.rooms);
    }
}

impl<'a> Left<'a> {
    fn of(rooms: &[Room<'a>]) -> Self {
        let mut gpus: Vec<(&'a GpuKind, usize)> = Vec::new();
        for (kind, free) in rooms.iter().flat_map(|room| &room.space.gpus).filter(|(_, free)| !free.is_empty()) {
            match gpus.iter_mut().find(|(known, _)| known == kind) {
                Some((_, most)) => *most = free.len().max(*most),
                None => gpus.push((kind, free.len())),
            }
        }
        Self { slots: rooms.iter().any(|room| room.slots > 0 || room.ahead > 0), gpus }
    }

    fn nothing(&self) -> bool {
        !self.slots && self.gpus.is_empty()
    }

    fn may_hold(&self, needs: &Needs) -> bool {
        let Some(asked) = &needs.gpus else { return self.slots };
        self.gpus.iter().any(|(kind, most)| *most >= asked.count() as usize && asked.kinds().contains(kind))
    }
}

/// Where a group is at home.
#[derive(Clone, Copy)]
pub(super) enum Home<'a> {
    Room(usize),
    /// On a host that is draining or gone.
    NotUp(&'a HostId),
}
