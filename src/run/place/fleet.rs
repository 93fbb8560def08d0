//! The hosts and their named GPUs, as last heard of.
//!
//! The engine folds what the backends report into this; each change says what became of it. Leases are not kept here: what
//! runs on a host that vanished or shrank is for `Leases::broken` to tell.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::ask::Needs;
use crate::base::{GpuKind, Size};

/// The name of a host, such as `gpu-3`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostId(Arc<str>);

/// The name of a GPU on its host, such as `0` or its UUID.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GpuId(Arc<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    Up,
    /// What runs there may finish; nothing new starts.
    Draining,
    /// Not heard of; it may come back.
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    pub kind: GpuKind,
    /// A process that is not ours holds it, so that it counts as busy.
    pub foreign: bool,
}

/// What a host says that it has, when it joins or comes back.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    pub gpus: Vec<(GpuId, GpuKind)>,
    pub cpus: u32,
    pub memory: Size,
    /// Nodes without GPUs that may run there at once.
    pub slots: u32,
    /// Nodes without GPUs that may wait there for a slot beside those that run.
    pub ahead: u32,
    /// Images, models and data that lie there.
    pub holds: BTreeSet<Arc<str>>,
    /// Where its attempts leave their traces.
    pub place: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub struct Host {
    pub gpus: BTreeMap<GpuId, Gpu>,
    pub cpus: u32,
    pub memory: Size,
    pub slots: u32,
    pub ahead: u32,
    pub holds: BTreeSet<Arc<str>>,
    pub place: Option<Arc<str>>,
    /// How many GPUs of each kind, foreign ones counted.
    pub(super) kinds: BTreeMap<GpuKind, u32>,
    drained: bool,
    here: bool,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was so already.
    Nothing,
    /// There is no such host, or no such GPU on it.
    Unknown,
    Joined,
    /// A known host is back, or has told of other GPUs, cpus, memory, slots or contents than before.
    Offered {
        gained: Vec<GpuId>,
        lost: Vec<GpuId>,
    },
    Became(HostState),
    /// A foreign process took or left the GPU, or the host got or dropped some contents.
    Noted,
}

#[derive(Clone, Debug, Default)]
pub struct Fleet {
    hosts: BTreeMap<HostId, Host>,
}

impl Fleet {
    pub fn hosts(&self) -> impl Iterator<Item = (&HostId, &Host)> {
        self.hosts.iter()
    }

    pub fn host(&self, id: &HostId) -> Option<&Host> {
        self.hosts.get(id)
    }

    /// A host joins, comes back, or tells anew what it has: it grows or shrinks to this. One that an operator drained stays so.
    pub fn join(&mut self, id: HostId, offer: Offer) -> Change {
        let Some(host) = self.hosts.get_mut(&id) else {
            self.hosts.insert(id, Host::new(offer));
            return Change::Joined;
        };
        let mut next = Host::new(offer);
        next.drained = host.drained;
        for (id, gpu) in &mut next.gpus {
            gpu.foreign = host.gpus.get(id).is_some_and(|before| before.foreign);
        }
        let beyond = |a: &Host, b: &Host| a.gpus.keys().filter(|id| !b.gpus.contains_key(*id)).cloned().collect();
        let (gained, lost) = (beyond(&next, host), beyond(host, &next));
        let same = next.same_as(host);
        *host = next;
        if same { Change::Nothing } else { Change::Offered { gained, lost } }
    }

    /// GPUs that fell off their host.
    pub fn shrink(&mut self, id: &HostId, gpus: &[GpuId]) -> Change {
        let Some(host) = self.hosts.get_mut(id) else { return Change::Unknown };
        let lost: Vec<GpuId> = gpus.iter().filter(|gpu| host.gpus.remove(*gpu).is_some()).cloned().collect();
        host.count_kinds();
        if lost.is_empty() { Change::Unknown } else { Change::Offered { gained: Vec::new(), lost } }
    }

    pub fn drain(&mut self, id: &HostId) -> Change {
        self.turn(id, |host| host.drained = true)
    }

    /// Takes back a drain.
    pub fn resume(&mut self, id: &HostId) -> Change {
        self.turn(id, |host| host.drained = false)
    }

    pub fn vanish(&mut self, id: &HostId) -> Change {
        self.turn(id, |host| host.here = false)
    }

    /// A process that is not ours took the GPU, or left it.
    pub fn foreign(&mut self, id: &HostId, gpu: &GpuId, foreign: bool) -> Change {
        let gpu = self.hosts.get_mut(id).and_then(|host| host.gpus.get_mut(gpu));
        let Some(gpu) = gpu else { return Change::Unknown };
        if std::mem::replace(&mut gpu.foreign, foreign) == foreign { Change::Nothing } else { Change::Noted }
    }

    /// An image, model or data set now lies on the host, or no longer does.
    pub fn hold(&mut self, id: &HostId, key: &Arc<str>, held: bool) -> Change {
        let Some(host) = self.hosts.get_mut(id) else { return Change::Unknown };
        let changed = if held { host.holds.insert(key.clone()) } else { host.holds.remove(key) };
        if changed { Change::Noted } else { Change::Nothing }
    }

    fn turn(&mut self, id: &HostId, change: impl FnOnce(&mut Host)) -> Change {
        let Some(host) = self.hosts.get_mut(id) else { return Change::Unknown };
        let before = host.state();
        change(host);
        let state = host.state();
        if state == before { Change::Nothing } else { Change::Became(state) }
    }
}

impl Host {
    fn new(offer: Offer) -> Self {
        let Offer { gpus, cpus, memory, slots, ahead, holds, place } = offer;
        let gpus = gpus.into_iter().map(|(id, kind)| (id, Gpu { kind, foreign: false })).collect();
        let kinds = BTreeMap::new();
        let mut host = Self { gpus, cpus, memory, slots, ahead, holds, place, kinds, drained: false, here: true };
        host.count_kinds();
        host
    }

    pub fn state(&self) -> HostState {
        match (self.here, self.drained) {
            (false, _) => HostState::Gone,
            (true, true) => HostState::Draining,
            (true, false) => HostState::Up,
        }
    }

    /// How many GPUs of a kind there are, busy and foreign ones counted.
    pub fn count(&self, kind: &GpuKind) -> u32 {
        self.kinds.get(kind).copied().unwrap_or(0)
    }

    /// Whether the host, empty and up, would do.
    pub(super) fn could_hold(&self, needs: &Needs) -> bool {
        let gpus = match &needs.gpus {
            Some(asked) => asked.kinds().iter().any(|kind| self.count(kind) >= asked.count()),
            None => self.slots > 0,
        };
        gpus && needs.cpus <= self.cpus && needs.memory.unwrap_or_default() <= self.memory
    }

    fn count_kinds(&mut self) {
        self.kinds.clear();
        for gpu in self.gpus.values() {
            *self.kinds.entry(gpu.kind.clone()).or_default() += 1;
        }
    }

    fn same_as(&self, other: &Self) -> bool {
        self.here == other.here
            && self.gpus == other.gpus
            && (self.cpus, self.memory, self.slots, self.ahead) == (other.cpus, other.memory, other.slots, other.ahead)
            && self.holds == other.holds
            && self.place == other.place
    }
}

/// Names from outside go into labels, paths and commands, so they hold nothing that means something there.
fn parse_id(text: &str, what: &str) -> Result<Arc<str>, String> {
    const LENGTH_MAX: usize = 128;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
    if text.is_empty() || text.len() > LENGTH_MAX || !text.chars().all(fits) {
        return Err(format!(
            "expected the name of a {what}, 1 to {LENGTH_MAX} letters, digits, `.`, `_`, `-` and `:`, found `{text}`"
        ));
    }
    Ok(text.into())
}

macro_rules! id {
    ($id:ident, $what:literal) => {
        impl $id {
            pub fn parse(text: &str) -> Result<Self, String> {
                parse_id(text, $what).map(Self)
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $id {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text)
            }
        }
        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.0.as_ref().into()
            }
        }
        impl Borrow<str> for $id {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
id!(HostId, "host");
id!(GpuId, "GPU");
