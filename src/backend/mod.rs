//! Backends: what does the work of attempts, and tells when it is over.
//!
//! The driver says which attempts ought to be under way ([`Backend::ensure`]) and which are to end ([`Backend::stop`]); a
//! backend makes it so and reports through the bounded channel that it was built with. Every effect carries its
//! [`AttemptId`], so that saying a thing twice, or again after a crash, does it once. A backend never decides anything
//! about a run and never touches the store.

mod clock;
#[cfg(unix)]
mod code;
#[cfg(unix)]
pub mod docker;
mod mock;
mod paths;
#[cfg(unix)]
pub mod process;

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

pub use clock::{Clock, Speed};
pub use mock::{Mock, Play, Player};
pub use paths::log_path;
#[cfg(unix)]
pub use process::Processes;

use crate::{
    plan::NodeIx,
    run::{Attempt, Input, NodeId, Run, RunId, event::HostOffer, place::HostId},
};

/// Reports that may wait for the driver. When it is behind, as while the store flushes, the attempts that have ended wait
/// in their tasks; what is said here is how many wait without one.
pub const REPORTS_MAX: usize = 1_024;

/// One attempt at one node of one run: the label of every effect in the outside world.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId {
    pub run: RunId,
    pub node: NodeId,
    pub number: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.run, self.node, self.number)
    }
}

/// What is to be done in an attempt: the run at that moment, the node, and the attempt as it was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    pub run: &'a Run,
    pub node: NodeIx,
    pub attempt: &'a Attempt,
}

/// A part of an attempt's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPart {
    pub bytes: Vec<u8>,
    /// Where the next part begins.
    pub next: u64,
    /// Nothing will follow.
    pub over: bool,
}

/// Why a backend cannot do what it was asked. What goes wrong in an attempt is a report, never this.
#[derive(Debug, thiserror::Error)]
#[error("the {backend} backend cannot {what}: {why}")]
pub struct Error {
    pub backend: &'static str,
    pub what: String,
    pub why: String,
}

#[async_trait]
pub trait Backend: Send + Sync {
    /// The word by which it is chosen.
    fn name(&self) -> &'static str;

    /// Whether work is only played here. Then nothing real is touched: no money moves, whatever the run says of itself.
    fn is_made_up(&self) -> bool;

    /// The hosts there are now. Those that join or vanish later come through the channel.
    async fn hosts(&self) -> Result<Vec<(HostId, HostOffer)>, Error>;

    /// Makes an attempt be under way: begins it, or takes up what another process began. What has ended is reported
    /// again. Saying it of what is under way here changes nothing.
    fn ensure(&self, id: &AttemptId, work: Work<'_>);

    /// Ends an attempt before it has come to its end, which is then reported as cut short; with `keep`, what is there by
    /// then is reported with it. Saying it twice changes nothing.
    fn stop(&self, id: &AttemptId, keep: bool);

    /// Takes an attempt back that waits at its host, which is then reported; what has begun goes on. Only where a host takes
    /// attempts ahead is there anything to take back.
    fn withdraw(&self, _id: &AttemptId, _work: Work<'_>) {}

    /// What was reported of an attempt is recorded, and what follows from it is said. Until then nothing begins by itself
    /// that waited while an attempt failed.
    fn heard(&self, _id: &AttemptId) {}

    /// The log of an attempt from a byte on.
    async fn logs(&self, id: &AttemptId, from: u64) -> Result<LogPart, Error>;

    /// All that was reported is dealt with, and nothing is due before that moment. A world of made-up time goes on to its
    /// next moment here; in the real one time goes on by itself.
    fn at_rest(&self, _due: Option<Timestamp>) {}

    /// The driver goes and this backend is to be dropped: what will become of the work that is still under way.
    fn leave(&self) -> &'static str;
}

/// The offers that differ from the fleet as the run knows it, as news for the run.
pub fn changes(run: &Run, hosts: Vec<(HostId, HostOffer)>) -> Vec<Input> {
    use crate::run::place::HostState;
    let gone = run
        .fleet
        .hosts()
        .filter(|(id, host)| host.state() != HostState::Gone && !hosts.iter().any(|(there, _)| there == *id))
        .map(|(id, _)| Input::HostLost { host: id.clone() });
    let mut changes: Vec<Input> = gone.collect();
    for (id, offer) in hosts {
        // What was begun on the other of that name cannot be seen from here.
        if run.fleet.host(&id).is_some_and(|host| host.state() != HostState::Gone && host.place != offer.place) {
            changes.push(Input::HostLost { host: id.clone() });
        }
        let same = run.fleet.host(&id).is_some_and(|host| {
            let gpus = host.gpus.iter().map(|(id, gpu)| (id.clone(), gpu.kind.clone()));
            let mut offered = offer.gpus.clone();
            offered.sort_by(|a, b| a.0.cmp(&b.0));
            host.state() != HostState::Gone
                && gpus.eq(offered)
                && (host.cpus, host.memory, host.slots, host.ahead)
                    == (offer.cpus, offer.memory, offer.slots, offer.ahead)
                && offer.holds.is_subset(&host.holds)
                && host.place == offer.place
        });
        if !same {
            changes.push(Input::HostJoined { host: id, offer });
        }
    }
    changes
}
