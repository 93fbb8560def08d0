//! A million random steps, watched by a plain model that shares nothing with what it watches.
//!
//! `PLACE_STEPS` sets how many. An unoptimised build makes a hundred thousand, so that it takes seconds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::scene::{Scene, gpu_id, host_id, offer};
use crate::{
    base::{Seed, seed::Stream},
    run::place::*,
};

/// What runs, as the model sees it.
#[derive(Default)]
struct Model {
    running: BTreeMap<NodeIx, Lease>,
    /// In the order in which they started.
    started: BTreeSet<(u64, NodeIx)>,
    order: BTreeMap<NodeIx, u64>,
    gpus: BTreeMap<(HostId, GpuId), NodeIx>,
    homes: BTreeMap<GroupIx, HostId>,
    placed: u64,
}

impl Model {
    fn start(&mut self, lease: &Lease, fleet: &Fleet, policy: &Policy) {
        let (host_id, shape, needs) = (&lease.host, &lease.shape, &lease.shape.needs);
        let host = fleet.host(host_id).expect("a host of the fleet");
        assert_eq!(host.state(), HostState::Up, "{lease:?}");
        assert_eq!(lease.gpus.len(), needs.gpu_count() as usize, "{lease:?}");
        let mut kinds = BTreeSet::new();
        for id in &lease.gpus {
            let gpu = &host.gpus[id];
            assert!(!gpu.foreign, "a foreign process holds {id}: {lease:?}");
            assert!(needs.gpus.as_ref().is_some_and(|asked| asked.kinds().contains(&gpu.kind)), "{lease:?}");
            kinds.insert(&gpu.kind);
            let other = self.gpus.insert((host_id.clone(), id.clone()), lease.node);
            assert_eq!(other, None, "a GPU in two leases: {lease:?}");
        }
        assert!(kinds.len() <= 1, "GPUs of two kinds: {lease:?}");
        if let Some(group) = &shape.group {
            let home = self.homes.entry(group.id).or_insert_with(|| host_id.clone());
            assert_eq!(home, host_id, "a group apart: {lease:?}");
        }
        self.started.insert((self.placed, lease.node));
        self.order.insert(lease.node, self.placed);
        self.placed += 1;
        assert!(self.running.insert(lease.node, lease.clone()).is_none(), "{lease:?} runs twice");
        let here = || self.running.values().filter(|other| other.host == *host_id).map(|other| &other.shape.needs);
        let cpus: u64 = here().map(|needs| u64::from(needs.cpus)).sum();
        assert!(needs.cpus == 0 || cpus <= u64::from(host.cpus), "{cpus} cpus in use of {}", host.cpus);
        let memory: u64 = here().filter_map(|needs| needs.memory).map(|memory| memory.0).sum();
        assert!(needs.memory.is_none() || memory <= host.memory.0, "{memory} bytes in use of {}", host.memory);
        let slots = here().filter(|needs| needs.gpus.is_none()).count();
        assert!(needs.gpus.is_some() || slots <= host.slots as usize, "{slots} slots in use of {}", host.slots);
        for limit in &shape.limits {
            let in_use = self.running.values().filter(|other| other.shape.limits.contains(limit)).count();
            assert!(in_use <= policy.capacity(limit) as usize, "{in_use} use {limit}");
        }
    }

    fn end(&mut self, node: NodeIx) {
        let lease = self.running.remove(&node).expect("it ran");
        self.started.remove(&(self.order.remove(&node).expect("it ran"), node));
        for gpu in lease.gpus {
            self.gpus.remove(&(lease.host.clone(), gpu));
        }
    }
}

struct Walk {
    scene: Scene,
    model: Model,
    chance: Stream,
    waiting: BTreeSet<NodeIx>,
    nodes: u64,
}

impl Walk {
    fn below(&mut self, bound: usize) -> usize {
        self.chance.below(bound as u64) as usize
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { Some(all[self.below(all.len())].clone()) }
    }

    fn some_host(&mut self) -> HostId {
        host_id(["a", "b", "c", "d", "e", "f"][self.below(6)])
    }

    fn some_gpu(&mut self) -> GpuId {
        gpu_id(["0", "1", "2", "3", "4", "5", "6", "7"][self.below(8)])
    }

    fn submit(&mut self) {
        let gpus = ["", "", "1xH100", "1xH200|H100", "2xH100|A100", "4xH100", "8xH100|H200", "3xA100"][self.below(8)];
        let (cpus, path, prio) = (self.below(9), self.below(4), self.below(40) / 39);
        let limit = ["", "for=1m", "for=10m", "for=2h"][self.below(4)];
        let memory = ["", "", "memory=100GiB"][self.below(3)];
        let limits = ["", "", "", "limits=one", "limits=five", "limits=one,five"][self.below(6)];
        let wants = ["", "wants=m", "wants=m,n"][self.below(3)];
        let group = if self.below(5) == 0 { format!("group={}", self.below(6)) } else { String::new() };
        let node = self.nodes;
        self.nodes += 1;
        let text =
            format!("{node} {gpus} cpus={cpus} path={path}h prio={prio} {limit} {memory} {limits} {wants} {group}");
        self.scene.submit(&text);
        self.waiting.insert(NodeIx(node));
    }

    fn end(&mut self, node: NodeIx) {
        self.scene.leases.end(node).expect("it ran");
        self.model.end(node);
    }

    fn change_fleet(&mut self) {
        let (host, gpu) = (self.some_host(), self.some_gpu());
        match self.below(12) {
            0 => drop(self.scene.fleet.drain(&host)),
            1..=3 => drop(self.scene.fleet.resume(&host)),
            4 => drop(self.scene.fleet.vanish(&host)),
            5 => drop(self.scene.fleet.shrink(&host, &[gpu])),
            6 => drop(self.scene.fleet.foreign(&host, &gpu, true)),
            7 | 8 => drop(self.scene.fleet.foreign(&host, &gpu, false)),
            9 => drop(self.scene.fleet.hold(&host, &"m".into(), gpu.as_str() > "3")),
            _ => {
                let gpus = ["8xH100", "4xH100 4xH200", "2xA100", "8xH200", ""][self.below(5)];
                let (cpus, slots) = (16 + self.below(32), self.below(4));
                let (id, offer) = offer(&format!("{host} {gpus} cpus={cpus} memory=400GiB slots={slots} holds=n"));
                self.scene.fleet.join(id, offer);
            }
        }
        let broken: Vec<NodeIx> = self.scene.leases.broken(&self.scene.fleet).map(|lease| lease.node).collect();
        for node in broken {
            self.end(node);
        }
    }

    fn step(&mut self) {
        match self.below(20) {
            0..=8 if self.scene.queue.len() < 24 => self.submit(),
            9 | 10 => self.change_fleet(),
            11 => {
                let waiting: Vec<NodeIx> = self.waiting.iter().copied().collect();
                if let Some(node) = self.one_of(&waiting) {
                    self.waiting.remove(&node);
                    assert_eq!(self.scene.queue.remove(node).map(|ask| ask.node), Some(node));
                }
            }
            12 => {
                let group = GroupIx(self.below(6) as u64);
                let runs = |lease: &Lease| lease.shape.group.as_ref().is_some_and(|of| of.id == group);
                let busy = self.model.running.values().any(runs);
                let known = self.model.homes.contains_key(&group);
                assert_eq!(self.scene.leases.disband(group), known && !busy);
                if !busy {
                    self.model.homes.remove(&group);
                }
            }
            _ => {
                let running: Vec<NodeIx> = self.model.running.keys().copied().collect();
                if let Some(node) = self.one_of(&running) {
                    self.end(node);
                }
            }
        }
        let seconds = self.below(30) as i64;
        self.scene.now += SignedDuration::from_secs(seconds);
        let placements = self.scene.place();
        for lease in placements {
            assert!(self.waiting.remove(&lease.node), "{lease:?} did not wait");
            self.scene.queue.remove(lease.node);
            self.model.start(&lease, &self.scene.fleet, &self.scene.policy);
            self.scene.leases.take(lease);
        }
    }

    /// Leases taken anew, as after a restart, decide as those that were kept up to date.
    fn restart(&mut self) {
        let mut anew = Leases::default();
        for (_, node) in &self.model.started {
            anew.take(self.model.running[node].clone());
        }
        let scene = &self.scene;
        for lease in scene.leases.iter() {
            assert_eq!(anew.get(lease.node), Some(lease));
        }
        assert_eq!(anew.iter().count(), self.model.running.len());
        let groups = scene.queue.shapes().any(|shape| shape.group.is_some());
        if !groups {
            assert_eq!(place(scene.now, &scene.queue, &scene.fleet, &anew, &scene.policy), scene.place());
        }
        for (id, host) in scene.fleet.hosts().filter(|(_, host)| host.state() == HostState::Up) {
            let ours = |gpu: &GpuId| self.model.gpus.contains_key(&(id.clone(), gpu.clone()));
            let busy = host.gpus.keys().filter(|gpu| ours(gpu)).count();
            let leased: usize = scene.leases.on(id).map(|lease| lease.gpus.len()).sum();
            assert_eq!(busy, leased, "on {id}");
        }
    }
}

#[test]
fn no_gpu_is_ever_in_two_leases() {
    let usual = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let steps = std::env::var("PLACE_STEPS").map_or(usual, |steps| steps.parse().expect("a number of steps"));
    let mut scene = Scene::new().limit("five", 5);
    for group in 0..3 {
        scene = scene.group(&format!("{group}: 1xH100; 2xH100|A100"));
    }
    let mut walk =
        Walk { scene, model: Model::default(), chance: Seed(1).stream("place"), waiting: BTreeSet::new(), nodes: 0 };
    for step in 0..steps {
        walk.step();
        if step % 1_000 == 0 {
            walk.restart();
        }
    }
    let placed = walk.model.placed;
    assert!(placed > steps / 10, "of {steps} steps only {placed} placed a node: the walk got stuck");
}
