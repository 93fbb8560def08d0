//! A scene in a few lines: hosts and asks as text, turns as text.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::{
    base::{GpuKind, GpuRequest, Size, Span},
    run::place::*,
};

#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) now: Timestamp,
    pub(super) queue: Queue,
    pub(super) fleet: Fleet,
    pub(super) leases: Leases,
    pub(super) policy: Policy,
    groups: BTreeMap<u64, Arc<Group>>,
    age: u64,
}

pub(super) fn host_id(text: &str) -> HostId {
    HostId::parse(text).unwrap()
}

pub(super) fn gpu_id(text: &str) -> GpuId {
    GpuId::parse(text).unwrap()
}

pub(super) fn span(text: &str) -> Span {
    Span::parse(text).unwrap()
}

fn keys(text: &str) -> impl Iterator<Item = Arc<str>> {
    text.split(',').map(Arc::from)
}

impl Scene {
    pub(super) fn new() -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            queue: Queue::default(),
            fleet: Fleet::default(),
            leases: Leases::default(),
            policy: Policy::default(),
            groups: BTreeMap::new(),
            age: 0,
        }
    }

    /// `gpu-1 8xH100 cpus=64 memory=512GiB slots=4 holds=base,llama`; GPUs are named 0, 1, 2 and so on.
    pub(super) fn host(mut self, text: &str) -> Self {
        let (id, offer) = offer(text);
        self.fleet.join(id, offer);
        self
    }

    /// What the members of a group need: `1: 1xH100; 8xH100 cpus=4`.
    pub(super) fn group(mut self, text: &str) -> Self {
        let (id, members) = text.split_once(':').unwrap();
        let members = members.split(';').map(|member| shape(member).needs).collect();
        let id = id.parse().unwrap();
        self.groups.insert(id, Arc::new(Group { id: GroupIx(id), members }));
        self
    }

    pub(super) fn limit(mut self, name: &str, capacity: u32) -> Self {
        self.policy.limits.insert(name.into(), capacity);
        self
    }

    /// `7 2xH100|H200 cpus=4 memory=1GiB for=1h limits=a,b prio=1 path=2h age=3 wants=llama group=1`.
    pub(super) fn ask(mut self, text: &str) -> Self {
        self.submit(text);
        self
    }

    pub(super) fn submit(&mut self, text: &str) {
        let (node, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut shape = shape(rest);
        let mut ask = Ask {
            node: NodeIx(node.parse().unwrap()),
            shape: Arc::default(),
            wants: Arc::new([]),
            priority: 0,
            path: Span::ZERO,
            age: self.age,
            since: self.now,
        };
        for (key, value) in rest.split_whitespace().filter_map(|word| word.split_once('=')) {
            match key {
                "prio" => ask.priority = value.parse().unwrap(),
                "path" => ask.path = span(value),
                "age" => ask.age = value.parse().unwrap(),
                "wants" => ask.wants = keys(value).collect(),
                "group" => {
                    let id = value.parse().unwrap();
                    let alone = || Arc::new(Group { id: GroupIx(id), members: Vec::new() });
                    shape.group = Some(self.groups.entry(id).or_insert_with(alone).clone());
                }
                _ => {}
            }
        }
        ask.shape = Arc::new(shape);
        self.age += 1;
        self.queue.add(ask);
    }

    /// Places, takes, and writes down who went where: `1@gpu-1:0,1 2@gpu-2`.
    pub(super) fn turn(&mut self) -> String {
        let placements = self.place();
        for lease in &placements {
            self.queue.remove(lease.node).unwrap();
            self.leases.take(lease.clone());
        }
        let write = |lease: &Lease| {
            let gpus: Vec<&str> = lease.gpus.iter().map(GpuId::as_str).collect();
            let between = if gpus.is_empty() { "" } else { ":" };
            format!("{}@{}{between}{}", lease.node.0, lease.host, gpus.join(","))
        };
        placements.iter().map(write).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn place(&self) -> Vec<Lease> {
        place(self.now, &self.queue, &self.fleet, &self.leases, &self.policy)
    }

    pub(super) fn reservation(&self) -> Option<Reservation> {
        reservation(self.now, &self.queue, &self.fleet, &self.leases, &self.policy)
    }

    pub(super) fn explain(&self, node: u64) -> Vec<Waits> {
        explain(self.now, NodeIx(node), &self.queue, &self.fleet, &self.leases, &self.policy)
    }

    pub(super) fn end(&mut self, node: u64) {
        self.leases.end(NodeIx(node)).unwrap();
    }

    pub(super) fn pass(&mut self, time: &str) {
        self.now += SignedDuration::from_millis(span(time).millis().try_into().unwrap());
    }
}

pub(super) fn offer(text: &str) -> (HostId, Offer) {
    let mut words = text.split_whitespace();
    let id = host_id(words.next().unwrap());
    let mut offer = Offer { cpus: 64, memory: Size::parse("1TiB").unwrap(), slots: 2, ..Offer::default() };
    for word in words {
        match word.split_once('=') {
            Some(("cpus", value)) => offer.cpus = value.parse().unwrap(),
            Some(("memory", value)) => offer.memory = Size::parse(value).unwrap(),
            Some(("slots", value)) => offer.slots = value.parse().unwrap(),
            Some(("holds", value)) => offer.holds = keys(value).collect(),
            Some(_) => panic!("unknown word {word}"),
            None => {
                let (count, kind) = word.split_once('x').unwrap();
                for _ in 0..count.parse().unwrap() {
                    offer.gpus.push((gpu_id(&offer.gpus.len().to_string()), GpuKind::parse(kind).unwrap()));
                }
            }
        }
    }
    (id, offer)
}

pub(super) fn shape(text: &str) -> Shape {
    let mut shape = Shape::default();
    for word in text.split_whitespace() {
        match word.split_once('=') {
            Some(("cpus", value)) => shape.needs.cpus = value.parse().unwrap(),
            Some(("memory", value)) => shape.needs.memory = Some(Size::parse(value).unwrap()),
            Some(("for", value)) => shape.time_limit = Some(span(value)),
            Some(("limits", value)) => shape.limits = keys(value).collect(),
            Some(("prio" | "path" | "age" | "wants" | "group", _)) => {}
            Some(_) => panic!("unknown word {word}"),
            None => shape.needs.gpus = Some(GpuRequest::parse(word).unwrap()),
        }
    }
    shape
}
