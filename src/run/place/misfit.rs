//! Requests that no host could ever satisfy, found when the run is planned and not after a night of waiting.

use std::{cmp::Reverse, fmt};

use super::{
    ask::{Needs, Shape},
    fleet::{Fleet, Host, HostId, HostState},
};
use crate::base::{GpuKind, GpuRequest, Size};

/// No host that is up would do, even if nothing else ran there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// What one host would have to offer: more than one set of needs for a `same_host` group.
    pub asked: Vec<Needs>,
    /// The host that comes nearest; nothing where there is no host at all.
    pub nearest: Option<Nearest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    pub host: HostId,
    /// Never empty.
    pub lacks: Vec<Lack>,
}

/// What a host lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// What GPUs it has, by kind.
    Gpus {
        asked: GpuRequest,
        has: Vec<(GpuKind, u32)>,
    },
    Cpus {
        asked: u32,
        has: u32,
    },
    Memory {
        asked: Size,
        has: Size,
    },
    /// It takes no nodes without GPUs.
    Slots,
    /// It would do, but it is draining or gone.
    State(HostState),
}

/// Refuses a shape that would wait for ever. A foreign process on a GPU is no reason: it may leave.
pub fn refuse(shape: &Shape, fleet: &Fleet) -> Result<(), Misfit> {
    let mut asked = vec![&shape.needs];
    fits_somewhere(&asked, fleet)?;
    if let Some(group) = &shape.group {
        asked.extend(group.members.iter().filter(|needs| **needs != shape.needs));
        fits_somewhere(&asked, fleet)?;
    }
    Ok(())
}

fn fits_somewhere(asked: &[&Needs], fleet: &Fleet) -> Result<(), Misfit> {
    let fits = |host: &Host| host.state() == HostState::Up && asked.iter().all(|needs| host.could_hold(needs));
    if fleet.hosts().any(|(_, host)| fits(host)) {
        return Ok(());
    }
    let nearest = fleet.hosts().min_by_key(|(id, host)| (distance(asked, host), *id));
    let nearest = nearest.map(|(id, host)| Nearest { host: id.clone(), lacks: lacks(asked, host) });
    Err(Misfit { asked: asked.iter().map(|needs| (*needs).clone()).collect(), nearest })
}

/// How far a host is from what is asked: GPUs of the right kinds that it lacks, then GPUs of whatever kind, then the rest.
fn distance(asked: &[&Needs], host: &Host) -> (u32, Reverse<u32>, usize) {
    let most = |asked: &GpuRequest| asked.kinds().iter().map(|kind| host.count(kind)).max().unwrap_or(0);
    let short = |asked: &GpuRequest| asked.count().saturating_sub(most(asked));
    let short = asked.iter().filter_map(|needs| needs.gpus.as_ref()).map(short).max().unwrap_or(0);
    let others = if short > 0 { host.kinds.values().copied().max().unwrap_or(0) } else { 0 };
    (short, Reverse(others), lacks(asked, host).len())
}

fn lacks(asked: &[&Needs], host: &Host) -> Vec<Lack> {
    let mut lacks = Vec::new();
    let mut note = |lack: Lack| {
        if !lacks.contains(&lack) {
            lacks.push(lack);
        }
    };
    for needs in asked {
        match &needs.gpus {
            Some(asked) if asked.kinds().iter().all(|kind| host.count(kind) < asked.count()) => note(Lack::Gpus {
                asked: asked.clone(),
                has: host.kinds.iter().map(|(kind, count)| (kind.clone(), *count)).collect(),
            }),
            None if host.slots == 0 => note(Lack::Slots),
            _ => {}
        }
        if needs.cpus > host.cpus {
            note(Lack::Cpus { asked: needs.cpus, has: host.cpus });
        }
        if let Some(asked) = needs.memory.filter(|asked| *asked > host.memory) {
            note(Lack::Memory { asked, has: host.memory });
        }
    }
    if host.state() != HostState::Up {
        note(Lack::State(host.state()));
    }
    lacks
}

impl std::error::Error for Misfit {}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.asked.as_slice() {
            [one] => write!(f, "{one} fits no host")?,
            all => {
                f.write_str("no one host fits all of the group: ")?;
                separated(f, "; ", all)?;
            }
        }
        match &self.nearest {
            None => f.write_str("; there are no hosts"),
            Some(nearest) => {
                write!(f, "; the nearest is `{}`, which ", nearest.host)?;
                separated(f, " and ", &nearest.lacks)
            }
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpus { asked, has } if has.is_empty() => write!(f, "has no GPUs where {asked} is asked"),
            Self::Gpus { asked, has } => {
                f.write_str("has ")?;
                for (i, (kind, count)) in has.iter().enumerate() {
                    write!(f, "{}{count}x{kind}", if i == 0 { "" } else { " and " })?;
                }
                write!(f, " where {asked} is asked")
            }
            Self::Cpus { asked, has } => write!(f, "has {has} cpus where {asked} are asked"),
            Self::Memory { asked, has } => write!(f, "has {has} of memory where {asked} is asked"),
            Self::Slots => f.write_str("takes no nodes without GPUs"),
            Self::State(HostState::Draining) => f.write_str("is draining"),
            Self::State(HostState::Gone) => f.write_str("is gone"),
            Self::State(HostState::Up) => f.write_str("is up"),
        }
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.gpus {
            Some(gpus) => write!(f, "{gpus}")?,
            None => f.write_str("a node without GPUs")?,
        }
        if self.cpus > 0 {
            write!(f, " with {} cpus", self.cpus)?;
        }
        if let Some(memory) = self.memory {
            write!(f, "{} {memory} of memory", if self.cpus > 0 { " and" } else { " with" })?;
        }
        Ok(())
    }
}

fn separated<T: fmt::Display>(f: &mut fmt::Formatter<'_>, between: &str, all: &[T]) -> fmt::Result {
    for (i, one) in all.iter().enumerate() {
        write!(f, "{}{one}", if i == 0 { "" } else { between })?;
    }
    Ok(())
}
