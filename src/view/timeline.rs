//! Who used which GPU when: one lane for each GPU, and lanes for what needed none.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{History, Try, Went, between};
use crate::{
    base::{GpuKind, total},
    run::{
        NodeId,
        place::{GpuId, HostId},
        rerun::without_keys,
    },
};

#[derive(Clone, Debug, Serialize)]
pub struct Timeline {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Lanes of GPUs by host, then those of work without GPUs.
    pub lanes: Vec<Lane>,
    pub gpu_hours: f64,
    /// The share of the GPUs' time that was used, from 0 to 1.
    pub busy: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Lane {
    pub host: HostId,
    /// None for work without GPUs.
    pub gpu: Option<GpuId>,
    pub kind: Option<GpuKind>,
    pub stretches: Vec<Stretch>,
    pub busy: f64,
}

/// One attempt in its lane.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stretch {
    pub node: NodeId,
    /// The step of the file, without keys.
    pub step: String,
    pub attempt: u32,
    pub from: Timestamp,
    pub to: Timestamp,
    pub went: Went,
}

/// The lanes of a run up to a moment.
pub fn timeline(history: &History, now: Timestamp) -> Timeline {
    let from = history.began.unwrap_or(now);
    let to = history.ended.unwrap_or(now).max(from);
    let lane = |host: &HostId, gpu, kind| Lane { host: host.clone(), gpu, kind, stretches: Vec::new(), busy: 0.0 };
    let mut gpus: BTreeMap<(HostId, Order, GpuId), Lane> = BTreeMap::new();
    for ((host, gpu), kind) in &history.gpus {
        let key = (host.clone(), Order::of(gpu), gpu.clone());
        gpus.insert(key, lane(host, Some(gpu.clone()), Some(kind.clone())));
    }
    let mut plain: BTreeMap<HostId, Vec<Lane>> = BTreeMap::new();
    for found in history.tries.iter().filter(|it| !matches!(it.went, Went::Ordered | Went::Withdrawn)) {
        let stretch = stretch(found, to);
        if found.gpus.is_empty() {
            // The first lane that is free by then.
            let lanes = plain.entry(found.host.clone()).or_default();
            let is_free = |lane: &Lane| lane.stretches.last().is_none_or(|last| last.to <= stretch.from);
            let at = lanes.iter().position(is_free).unwrap_or_else(|| {
                lanes.push(lane(&found.host, None, None));
                lanes.len() - 1
            });
            lanes[at].stretches.push(stretch);
        } else {
            for gpu in &found.gpus {
                let key = (found.host.clone(), Order::of(gpu), gpu.clone());
                gpus.entry(key)
                    .or_insert_with(|| lane(&found.host, Some(gpu.clone()), None))
                    .stretches
                    .push(stretch.clone());
            }
        }
    }
    let mut lanes: Vec<Lane> = gpus.into_values().chain(plain.into_values().flatten()).collect();
    let whole = between(from, to).hours();
    let (mut used, mut count) = (0.0, 0u32);
    for lane in &mut lanes {
        let hours = total(lane.stretches.iter().map(|it| between(it.from, it.to).hours()));
        lane.busy = if whole > 0.0 { (hours / whole).min(1.0) } else { 0.0 };
        if lane.gpu.is_some() {
            used += hours;
            count += 1;
        }
    }
    let busy = if whole > 0.0 && count > 0 { used / (whole * f64::from(count)) } else { 0.0 };
    Timeline { from, to, lanes, gpu_hours: used, busy }
}

fn stretch(found: &Try, to: Timestamp) -> Stretch {
    Stretch {
        node: found.node.clone(),
        step: without_keys(&found.node),
        attempt: found.attempt,
        from: found.started,
        to: found.ended.unwrap_or(to).max(found.started),
        went: found.went,
    }
}

/// GPUs with numbers stand by number: 2 before 10.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Order(u64);

impl Order {
    fn of(gpu: &GpuId) -> Self {
        Self(gpu.to_string().parse().unwrap_or(u64::MAX))
    }
}
