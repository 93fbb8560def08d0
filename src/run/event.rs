//! What happens in a run, as it is recorded. A variant never changes its meaning; `tests/golden/events` keeps one of each.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    failure::Failure,
    place::{GpuId, HostId},
    record::{Digest, RunId},
};
use crate::{
    base::{GpuKind, GpuRequest, Seed, Size, Span},
    plan::Within,
};

/// The id of a node: `rounds#2/match[pair-03]/train`.
pub type NodeId = Arc<str>;

/// Something that happened. Replaying events evaluates no rule: what was decided stands in them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The run was created. Always the first.
    Created {
        name: Arc<str>,
        workflow: Digest,
        inputs: Json,
        seed: Seed,
        /// Nothing of it is real: no money, no chain, no hub.
        simulated: bool,
        /// It does another run again, and keeps of it what still holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<Again>,
    },
    /// A host joined, came back, or has other things than before.
    HostJoined {
        host: HostId,
        offer: HostOffer,
    },
    /// A host is not heard of; what ran there is lost.
    HostLost {
        host: HostId,
    },
    /// A host starts nothing new.
    HostDrained {
        host: HostId,
    },
    /// An operator drained a host: it starts nothing new, and what runs there goes on.
    Drained {
        host: HostId,
        who: Arc<str>,
        why: Arc<str>,
    },
    /// An operator gave a host that was drained back.
    Undrained {
        host: HostId,
        who: Arc<str>,
        why: Arc<str>,
    },
    /// A process that is not ours took a GPU, or left it.
    GpuForeign {
        host: HostId,
        gpu: GpuId,
        foreign: bool,
    },
    /// A step's `when` did not hold.
    Skipped {
        node: NodeId,
    },
    /// What lies behind a composite step was decided. A large fan-out is several of these.
    Opened {
        node: NodeId,
        frames: Vec<FrameOpened>,
        /// There are more frames to come.
        #[serde(default, skip_serializing_if = "is_false")]
        more: bool,
    },
    /// One time of a `repeat` is over; the next follows, or nothing.
    Turned {
        node: NodeId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<FrameOpened>,
    },
    /// All behind a composite step is done. What it gives is recorded where somebody reads it and it was computed.
    Closed {
        node: NodeId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Json>,
    },
    /// A pure action was decided.
    Decided {
        node: NodeId,
        input: Json,
        output: Json,
    },
    /// Work was not done again: an earlier run did the same, and what came of it stands.
    Reused {
        node: NodeId,
        /// Where it was really done.
        from_run: RunId,
        from_seq: u64,
        basis: Basis,
        result: Kept,
    },
    /// An attempt begins: its effect may start as soon as this is stored. Where all slots of a host that takes attempts
    /// ahead are in use, it waits there and begins when those before it have.
    AttemptStarted {
        node: NodeId,
        attempt: u32,
        host: HostId,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gpus: Vec<GpuId>,
        input: Json,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time_limit: Option<Span>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<GpuRequest>,
        #[serde(default, skip_serializing_if = "is_zero")]
        cpus: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory: Option<Size>,
    },
    /// An attempt that waited at its host was taken back before it began.
    AttemptWithdrawn {
        node: NodeId,
        attempt: u32,
    },
    /// An attempt has reached its time limit and is being ended.
    Overtime {
        node: NodeId,
        attempt: u32,
    },
    /// An attempt is over and has a result.
    AttemptSucceeded {
        node: NodeId,
        attempt: u32,
        output: Json,
        /// It was ended by its time limit.
        #[serde(default, skip_serializing_if = "is_false")]
        cut_short: bool,
    },
    /// An attempt is over without a result.
    AttemptFailed {
        node: NodeId,
        attempt: u32,
        failure: Failure,
    },
    /// There will be another attempt, not before a moment; `grow` times it got too little memory.
    Retrying {
        node: NodeId,
        attempt: u32,
        not_before: Timestamp,
        grow: u32,
    },
    /// A step's failure is a result: it gives what tells of it.
    Settled {
        node: NodeId,
        failure: Failure,
    },
    /// A step waits for an operator.
    Held {
        node: NodeId,
        failure: Failure,
    },
    /// A step has failed, and with it what it is a part of.
    Failed {
        node: NodeId,
        failure: Failure,
    },
    /// An operator decided about a step that was held or failed.
    Ruled {
        node: NodeId,
        ruling: Ruling,
        who: Arc<str>,
        why: Arc<str>,
    },
    Paused {
        who: Arc<str>,
        why: Arc<str>,
    },
    Resumed {
        who: Arc<str>,
    },
    /// The wall clock went forward by itself, as after a night in which the machine slept: nobody had that time, so that no
    /// attempt that was under way is charged with it.
    ClockJumped {
        by: Span,
    },
    /// The run is being cancelled: what runs is stopped.
    Cancelled {
        who: Arc<str>,
        why: Arc<str>,
    },
    /// The run is over.
    Finished {
        outcome: Outcome,
    },
}

/// The run that is done again, and what of it is done anew whether it still holds or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Again {
    pub run: RunId,
    /// What expressions read as `run.name` and `run.started`: those of the first run, so that the same work is known again.
    pub name: Arc<str>,
    pub started: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// Everything that depends on the node is done anew as well.
    #[serde(default, skip_serializing_if = "is_false")]
    pub downstream: bool,
}

/// What a result came of: as long as none of it changes, the result holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    pub input: Json,
    /// The GPUs that were asked for first, before any failure asked for more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<GpuRequest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Span>,
    pub took: Span,
    #[serde(default, skip_serializing_if = "is_false")]
    pub cut_short: bool,
}

/// A result that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    Output(Json),
    /// The work failed by its own fault, and its failure was a result.
    Failure(Failure),
}

/// What an operator decides about a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// It is done again, with fresh budgets.
    Retry,
    /// This is what it gives.
    Replace(Json),
    /// The failure stands: the step has failed.
    Accept,
    /// The step counts as skipped.
    Void,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded { gives: Json },
    Failed { node: NodeId, failure: Failure },
    Cancelled,
}

/// One instance of a body, as it was decided: what tells it from the others, and what it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameOpened {
    pub within: Within,
    pub takes: Json,
}

/// What a host has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostOffer {
    pub gpus: Vec<(GpuId, GpuKind)>,
    pub cpus: u32,
    pub memory: Size,
    /// Nodes without GPUs that may run there at once.
    pub slots: u32,
    /// Nodes without GPUs that it takes beyond those, to begin each by itself when one ends.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ahead: u32,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub holds: BTreeSet<Arc<str>>,
    /// Where its attempts leave their traces, which tells it from another machine of the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Arc<str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Event {
    /// The word by which the store tells events apart.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::HostJoined { .. } => "host_joined",
            Self::HostLost { .. } => "host_lost",
            Self::HostDrained { .. } => "host_drained",
            Self::Drained { .. } => "drained",
            Self::Undrained { .. } => "undrained",
            Self::GpuForeign { .. } => "gpu_foreign",
            Self::Skipped { .. } => "skipped",
            Self::Opened { .. } => "opened",
            Self::Turned { .. } => "turned",
            Self::Closed { .. } => "closed",
            Self::Decided { .. } => "decided",
            Self::Reused { .. } => "reused",
            Self::AttemptStarted { .. } => "attempt_started",
            Self::AttemptWithdrawn { .. } => "attempt_withdrawn",
            Self::Overtime { .. } => "overtime",
            Self::AttemptSucceeded { .. } => "attempt_succeeded",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::Retrying { .. } => "retrying",
            Self::Settled { .. } => "settled",
            Self::Held { .. } => "held",
            Self::Failed { .. } => "failed",
            Self::Ruled { .. } => "ruled",
            Self::Paused { .. } => "paused",
            Self::Resumed { .. } => "resumed",
            Self::ClockJumped { .. } => "clock_jumped",
            Self::Cancelled { .. } => "cancelled",
            Self::Finished { .. } => "finished",
        }
    }

    /// The node that it is about.
    pub fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Skipped { node }
            | Self::Opened { node, .. }
            | Self::Turned { node, .. }
            | Self::Closed { node, .. }
            | Self::Decided { node, .. }
            | Self::Reused { node, .. }
            | Self::AttemptStarted { node, .. }
            | Self::AttemptWithdrawn { node, .. }
            | Self::Overtime { node, .. }
            | Self::AttemptSucceeded { node, .. }
            | Self::AttemptFailed { node, .. }
            | Self::Retrying { node, .. }
            | Self::Settled { node, .. }
            | Self::Held { node, .. }
            | Self::Failed { node, .. }
            | Self::Ruled { node, .. } => Some(node),
            Self::Created { .. }
            | Self::HostJoined { .. }
            | Self::HostLost { .. }
            | Self::HostDrained { .. }
            | Self::Drained { .. }
            | Self::Undrained { .. }
            | Self::GpuForeign { .. }
            | Self::Paused { .. }
            | Self::Resumed { .. }
            | Self::ClockJumped { .. }
            | Self::Cancelled { .. }
            | Self::Finished { .. } => None,
        }
    }
}
