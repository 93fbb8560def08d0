//! Large nodes under an endless stream of small ones.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::scene::Scene;
use crate::{
    base::{
        Span,
        seed::{Seed, Stream},
    },
    run::place::NodeIx,
};

const LARGE: u64 = 0;
/// No small node takes longer, nor says that it may.
const LENGTH_MAX_S: u64 = 36_000;

/// Small nodes come as fast as others end, so that something always waits for whatever gets free.
struct Siege {
    scene: Scene,
    ends: BTreeSet<(Timestamp, u64)>,
    lengths: Vec<u64>,
    chance: Stream,
    /// Of a hundred small nodes so many have a time limit.
    limited: u64,
    /// What all small nodes say of themselves besides.
    also: &'static str,
}

impl Siege {
    fn lay(seed: u64, hosts: u64, limited: u64, also: &'static str) -> Self {
        let hosts = (0..hosts).map(|at| format!("h{at} 8xH100 cpus=32 slots=8"));
        let scene = hosts.fold(Scene::new(), |scene, host| scene.host(&host));
        let chance = Seed(seed).stream("siege");
        let mut siege = Self { scene, ends: BTreeSet::new(), lengths: vec![0], chance, limited, also };
        siege.crowd();
        siege.scene.submit("0 8xH100 cpus=16 age=0");
        siege.crowd();
        siege
    }

    /// Small nodes of all sorts arrive until no more of them can start.
    fn crowd(&mut self) {
        loop {
            while self.scene.queue.len() < 12 {
                self.submit();
            }
            let placements = self.scene.place();
            if placements.is_empty() {
                return;
            }
            for lease in placements {
                let length = SignedDuration::from_secs(self.lengths[lease.node.0 as usize] as i64);
                self.ends.insert((self.scene.now + length, lease.node.0));
            }
            self.scene.turn();
        }
    }

    fn submit(&mut self) {
        let node = self.lengths.len();
        let limit_s = 60 + self.chance.below(LENGTH_MAX_S - 60);
        let limit = if self.chance.below(100) < self.limited { format!("for={limit_s}s") } else { String::new() };
        let gpus = ["1xH100", "1xH100", "2xH100", ""][self.chance.below(4) as usize];
        let cpus = self.chance.below(6);
        self.scene.submit(&format!("{node} {gpus} cpus={cpus} {limit} {}", self.also));
        self.lengths.push(1 + self.chance.below(limit_s));
    }

    /// One node ends, or several at the same time.
    fn step(&mut self) {
        let (now, _) = *self.ends.first().unwrap();
        self.scene.now = now;
        while let Some(&(end, node)) = self.ends.first().filter(|(end, _)| *end == now) {
            self.ends.remove(&(end, node));
            self.scene.end(node);
        }
        self.crowd();
    }

    fn runs(&self) -> bool {
        self.scene.leases.get(NodeIx(LARGE)).is_some()
    }

    /// Whether others wait for as long: their paths are longer, so among those out of patience they go first.
    fn has_seniors(&self) -> bool {
        let since = |node| self.scene.queue.get(NodeIx(node)).map(|ask| ask.since);
        (1..self.lengths.len() as u64)
            .filter_map(since)
            .any(|since| Some(since) <= self.scene.queue.get(NodeIx(LARGE)).map(|ask| ask.since))
    }

    fn waited_s(&self) -> i64 {
        self.scene.now.duration_since(Timestamp::UNIX_EPOCH).as_secs()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_time_limits_it_starts_when_the_reservation_says(seed: u64, hosts in 1u64..4) {
        let mut siege = Siege::lay(seed, hosts, 100, "");
        let mut from = siege.scene.reservation().expect("it waits").from.expect("all have a time limit");
        while !siege.runs() {
            siege.step();
            prop_assert!(siege.scene.now <= from, "it should have started at {}, it is {}", from, siege.scene.now);
            if let Some(next) = siege.scene.reservation().filter(|next| next.by == NodeIx(LARGE)) {
                let next = next.from.expect("all have a time limit");
                prop_assert!(next <= from, "put off from {} to {}", from, next);
                from = next;
            }
        }
    }

    /// At worst the last node of unknown length ends, and until then one with the longest limit began to pass.
    #[test]
    fn without_time_limits_it_starts_too(seed: u64, hosts in 1u64..4, limited in 0u64..100) {
        let mut siege = Siege::lay(seed, hosts, limited, "");
        while !siege.runs() {
            siege.step();
            prop_assert!(siege.waited_s() <= 2 * LENGTH_MAX_S as i64, "waits since {}s", siege.waited_s());
        }
    }

    #[test]
    fn under_others_with_longer_paths_it_starts_once_out_of_patience(seed: u64, hosts in 1u64..3, limited in 0u64..101) {
        let mut siege = Siege::lay(seed, hosts, limited, "path=1h");
        siege.scene.policy.patience = Some(Span::from_secs(3_600));
        let mut its_turn_s = 3_600;
        while !siege.runs() {
            if siege.has_seniors() {
                its_turn_s = its_turn_s.max(siege.waited_s());
            }
            siege.step();
            let latest_s = its_turn_s + 2 * LENGTH_MAX_S as i64;
            prop_assert!(siege.waited_s() <= latest_s, "waits since {}s, its turn was at {its_turn_s}s", siege.waited_s());
        }
    }
}

/// Node 1 holds half of the cpus, but it is node 2 that is waited for: what node 1 holds is not to be given to node 3.
#[test]
fn who_is_not_waited_for_is_not_counted_on() {
    let mut scene = Scene::new().host("h 8xH100 cpus=32 slots=8").ask("1 cpus=16").ask("2 1xH100 cpus=1");
    scene.turn();
    let mut scene = scene.ask("0 8xH100 cpus=16 prio=1").ask("3 cpus=10");
    assert_eq!(scene.turn(), "");
    scene.end(2);
    assert!(scene.turn().starts_with("0@h"));
}

#[test]
fn patience_without_end_is_what_it_says() {
    let mut siege = Siege::lay(7, 1, 50, "path=1h");
    siege.scene.policy.patience = None;
    while siege.waited_s() < 100 * 3_600 {
        siege.step();
    }
    assert!(!siege.runs(), "nothing but patience brings it past longer paths");
}
