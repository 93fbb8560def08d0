//! What a turn of placement costs. `cargo bench --bench place`.

use std::{collections::BTreeSet, hint::black_box, sync::Arc};

use divan::Bencher;
use god_flow::{
    base::{GpuKind, GpuRequest, Size, Span},
    run::place::{
        Ask, Fleet, GpuId, Group, GroupIx, HostId, Leases, Needs, NodeIx, Offer, Policy, Queue, Shape, explain, place,
    },
};
use jiff::Timestamp;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

struct World {
    queue: Queue,
    fleet: Fleet,
    leases: Leases,
    policy: Policy,
    nodes: u64,
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

impl World {
    /// Hosts of eight GPUs; every fourth has H200s.
    fn with_hosts(hosts: u32, slots: u32) -> Self {
        let mut fleet = Fleet::default();
        for at in 0..hosts {
            let kind = GpuKind::parse(if at % 4 == 3 { "H200" } else { "H100" }).expect("a kind");
            let gpus = (0..8).map(|gpu| (GpuId::parse(&gpu.to_string()).expect("a name"), kind.clone())).collect();
            let holds = BTreeSet::from([Arc::from(format!("model-{}", at % 8))]);
            let offer = Offer { gpus, cpus: 192, memory: Size(2 << 40), slots, ahead: 0, holds, place: None };
            fleet.join(HostId::parse(&format!("gpu-{at:02}")).expect("a name"), offer);
        }
        Self { queue: Queue::default(), fleet, leases: Leases::default(), policy: Policy::default(), nodes: 0 }
    }

    fn add(&mut self, shape: &Arc<Shape>) {
        self.add_with(shape, 0);
    }

    fn add_with(&mut self, shape: &Arc<Shape>, priority: i64) {
        let node = self.nodes;
        self.nodes += 1;
        self.queue.add(Ask {
            node: NodeIx(node),
            shape: shape.clone(),
            wants: [Arc::from(format!("model-{}", node % 8))].into(),
            priority,
            path: Span::from_secs((node % 977) as u32),
            age: node,
            since: NOW,
        });
    }

    /// Places, and takes what is placed.
    fn turn(&mut self) -> Vec<NodeIx> {
        let placements = place(NOW, &self.queue, &self.fleet, &self.leases, &self.policy);
        placements
            .into_iter()
            .map(|lease| {
                let node = lease.node;
                self.queue.remove(node);
                self.leases.take(lease);
                node
            })
            .collect()
    }
}

fn shape(gpus: Option<&str>, cpus: u32, limit: Option<u32>, group: Option<u64>) -> Arc<Shape> {
    let needs = Needs { gpus: gpus.map(|gpus| GpuRequest::parse(gpus).expect("a request")), cpus, memory: None };
    let group = group.map(|id| Arc::new(Group { id: GroupIx(id), members: vec![needs.clone()] }));
    Arc::new(Shape { needs, group, time_limit: limit.map(Span::from_secs), limits: BTreeSet::new() })
}

/// Sixteen shapes of request, from one GPU to eight, with and without a time limit.
fn mixed() -> Vec<Arc<Shape>> {
    let requests = ["1xH100", "1xH100|H200", "2xH100", "2xH200|H100", "4xH100|H200", "4xH200", "8xH100", "8xH200|H100"];
    let limits = [None, Some(7_200)];
    limits.into_iter().flat_map(|limit| requests.map(|request| shape(Some(request), 8, limit, None))).collect()
}

/// One node ends, one that ended is replaced by the next of the queue, and one becomes ready.
fn turns(bencher: Bencher, mut world: World, ready: &[Arc<Shape>]) {
    let mut running: std::collections::VecDeque<NodeIx> = world.turn().into();
    let mut next = 0;
    bencher.bench_local(|| {
        if let Some(ended) = running.pop_front() {
            world.leases.end(ended);
        }
        world.add(&ready[next % ready.len()]);
        next += 1;
        let placed = world.turn();
        running.extend(black_box(placed));
    });
}

/// A hundred thousand nodes without GPUs are ready; the turn after one of them ended.
#[divan::bench(args = [1, 8, 64], sample_size = 1_000)]
fn turn_of_100_000_without_gpus(bencher: Bencher, hosts: u32) {
    let mut world = World::with_hosts(hosts, 16);
    let short = shape(None, 1, None, None);
    (0..100_000).for_each(|_| world.add(&short));
    turns(bencher, world, &[short]);
}

/// The same while a node that asks for GPUs waits for them, so that there is a reservation to mind.
#[divan::bench(args = [1, 8, 64], sample_size = 1_000)]
fn turn_of_100_000_beside_a_reservation(bencher: Bencher, hosts: u32) {
    let mut world = World::with_hosts(hosts, 16);
    let (short, one) = (shape(None, 1, None, None), shape(Some("1xH100|H200"), 8, Some(3_600), None));
    (0..u64::from(hosts) * 8).for_each(|_| world.add(&one));
    world.turn();
    world.add_with(&shape(Some("8xH100"), 8, None, None), 1);
    (0..100_000).for_each(|_| world.add(&short));
    turns(bencher, world, &[short]);
}

/// Two thousand mixed asks for GPUs meet 64 empty hosts of eight.
#[divan::bench]
fn first_turn_of_2_000_asks_on_64_hosts(bencher: Bencher) {
    let mut world = World::with_hosts(64, 16);
    let shapes = mixed();
    (0..2_000).for_each(|at| world.add(&shapes[at % shapes.len()]));
    let placed = place(NOW, &world.queue, &world.fleet, &world.leases, &world.policy);
    assert!(placed.iter().map(|lease| lease.gpus.len()).sum::<usize>() > 500, "nearly all of 512 GPUs are used");
    bencher.bench_local(|| place(NOW, &world.queue, &world.fleet, &world.leases, &world.policy).len());
}

/// The turn after one of them ended, with two thousand still waiting.
#[divan::bench(sample_size = 100)]
fn turn_of_2_000_asks_on_64_hosts(bencher: Bencher) {
    let mut world = World::with_hosts(64, 16);
    let shapes = mixed();
    (0..2_000).for_each(|at| world.add(&shapes[at % shapes.len()]));
    turns(bencher, world, &shapes);
}

/// Every one of two thousand asks is in a group of its own and so has a shape of its own: the worst a queue can be.
#[divan::bench(sample_size = 100)]
fn turn_of_2_000_groups_on_64_hosts(bencher: Bencher) {
    let mut world = World::with_hosts(64, 16);
    let shapes: Vec<_> = (0..4_000).map(|group| shape(Some("2xH100"), 8, Some(7_200), Some(group))).collect();
    shapes[..2_000].iter().for_each(|shape| world.add(shape));
    turns(bencher, world, &shapes[2_000..]);
}

#[divan::bench(sample_size = 100)]
fn explain_one_of_2_000_on_64_hosts(bencher: Bencher) {
    let mut world = World::with_hosts(64, 16);
    let shapes = mixed();
    (0..2_000).for_each(|at| world.add(&shapes[at % shapes.len()]));
    world.turn();
    bencher.bench_local(|| explain(NOW, NodeIx(1_999), &world.queue, &world.fleet, &world.leases, &world.policy).len());
}
