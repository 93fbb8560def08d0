//! A run that does an earlier one again: what of the earlier one still holds, and why the rest does not.
//!
//! The new run replays its plan from the top. Wherever work is ready, [`Reusable`] is asked whether the same work, by the
//! node's id, action, resolved input and the settings that matter, has a result already; if so that result is recorded as
//! `reused` and nothing is started. Identity is by key, so fan-outs and templates need no rule of their own, and a node whose
//! inputs come out as before is kept although something before it ran again. The earlier log is never changed.
//!
//! `World` asks while it settles; [`foresee`] asks without a fleet, for `plan --against`. Nothing here reads a store.

mod outlook;
mod past;
mod rules;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use petgraph::visit::Dfs;
use serde::Serialize;
use serde_json::Value as Json;

pub use self::outlook::{Foreseen, Outlook, foresee, without_keys};
use super::{
    event::{Again, Basis, Event, Kept, NodeId},
    failure::{Blame, Failure},
    record::{Record, RunId},
    state::{Illegal, Run},
    world::read,
};
use crate::{
    base::{GpuRequest, Span, Ty, Value},
    plan::{NodeIx, Plan},
    workflow::{Does, OnTimeLimit, Step, Workflow},
};

/// Fields of what a node takes that are named.
const FIELDS_MAX: usize = 8;

/// What a run has done, for one that does it again.
#[derive(Clone, Debug)]
pub struct Reusable {
    again: Again,
    simulated: bool,
    past: HashMap<NodeId, Past>,
    /// What each decision was made of.
    decided: HashMap<NodeId, Json>,
    /// The rules that it went by.
    rules: Value,
    forced: HashSet<NodeId>,
}

/// What is recorded of one node's work.
#[derive(Clone, Debug)]
pub struct Past {
    /// When its last attempt was sent to its host.
    ordered: Timestamp,
    from_run: RunId,
    from_seq: u64,
    action: &'static str,
    gives: Ty,
    /// Of the first attempt, until there is a result.
    basis: Basis,
    result: Option<Kept>,
    /// Why there is no result that could be kept.
    failure: Option<Failure>,
}

/// Why a node's work is done again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Fresh {
    /// The call asked for it.
    Forced,
    /// The earlier run did not come to it.
    New,
    /// It had begun and come to no result.
    Unfinished,
    Failed {
        blame: Blame,
        message: String,
    },
    /// The step does something else, or gives something else.
    Definition {
        what: &'static str,
    },
    /// These fields of what it takes are not as they were.
    Input {
        fields: Vec<String>,
    },
    Gpus {
        before: Option<GpuRequest>,
        now: Option<GpuRequest>,
    },
    TimeLimit {
        before: Option<Span>,
        now: Option<Span>,
    },
    /// What it takes comes from nodes that run again: it is kept if their results turn out as before.
    Downstream {
        of: Vec<NodeId>,
    },
}

impl Reusable {
    /// Reads what a run has done from its records. `node` is done anew whatever there is of it, and everything that
    /// depends on it too where `downstream` says so.
    pub fn of<'r>(
        run: RunId,
        workflow: Arc<Workflow>,
        records: impl IntoIterator<Item = &'r Record>,
        node: Option<&str>,
        downstream: bool,
    ) -> Result<Self, Illegal> {
        let mut records = records.into_iter();
        let none = || Illegal { kind: "record", why: "there are no records".into() };
        let first = records.next().ok_or_else(none)?;
        let mut old = Run::create(workflow, first.at, &read(first)?)?;
        let (name, started) = match &old.again {
            Some(again) => (again.name.clone(), again.started),
            None => (old.name.clone(), old.started),
        };
        let again = Again { run, name, started, node: node.map(Arc::from), downstream };
        let mut of = Self {
            again,
            simulated: old.simulated,
            past: HashMap::new(),
            decided: HashMap::new(),
            rules: old.plan.workflow().rules.clone(),
            forced: HashSet::new(),
        };
        for record in records {
            let event = read(record)?;
            past::note(&mut of, run, &old, record, &event);
            old.apply(record.at, &event)?;
        }
        of.forced = match node {
            None => HashSet::new(),
            Some(id) => {
                let no_such = || Illegal { kind: "created", why: format!("there is no node `{id}` to do again") };
                let node = old.find(id).ok_or_else(no_such)?;
                forced(&old.plan, node, downstream).into_iter().map(|node| old.plan.id(node).into()).collect()
            }
        };
        Ok(of)
    }

    /// What the new run's first event says of the earlier one.
    pub fn again(&self) -> &Again {
        &self.again
    }
    pub fn simulated(&self) -> bool {
        self.simulated
    }

    /// What there is of the node's work, if it still holds for a step with these settings. `settles` says whether a failure
    /// of it is made a result, by the step itself or by one around it.
    pub fn holds(
        &self,
        id: &NodeId,
        step: &Step,
        settles: bool,
        input: &Json,
        request: Option<&GpuRequest>,
        time_limit: Option<Span>,
    ) -> Result<&Past, Fresh> {
        if self.forced.contains(id) {
            return Err(Fresh::Forced);
        }
        let past = self.past.get(id).ok_or(Fresh::New)?;
        let failed = |failure: &Failure| Fresh::Failed { blame: failure.blame, message: failure.message.clone() };
        let Some(result) = &past.result else {
            return Err(past.failure.as_ref().map_or(Fresh::Unfinished, failed));
        };
        match &step.does {
            Does::Action { action, .. } if action.name != past.action => {
                return Err(Fresh::Definition { what: "it does something else" });
            }
            Does::Action { gives, .. } if *gives != past.gives => {
                return Err(Fresh::Definition { what: "it gives something else" });
            }
            _ => {}
        }
        let before = &past.basis;
        if before.input != *input {
            return Err(Fresh::Input { fields: different(&before.input, input, FIELDS_MAX) });
        }
        if before.request.as_ref() != request {
            return Err(Fresh::Gpus { before: before.request.clone(), now: request.cloned() });
        }
        let is_output = match result {
            Kept::Output(_) => true,
            Kept::Failure(failure) if !settles => return Err(failed(failure)),
            Kept::Failure(_) => false,
        };
        // A result that came before its time was over would have come under any limit that leaves it this time.
        let same_limit = before.time_limit == time_limit
            && (!before.cut_short || step.settings.on_time_limit == OnTimeLimit::Succeed);
        let in_time = is_output && !before.cut_short && time_limit.is_none_or(|limit| before.took <= limit);
        if !same_limit && !in_time {
            return Err(Fresh::TimeLimit { before: before.time_limit, now: time_limit });
        }
        Ok(past)
    }
}

impl Past {
    /// The event that keeps it for a node.
    pub(super) fn event(&self, node: NodeId) -> Event {
        let result = self.result.clone().expect("only what has a result holds");
        Event::Reused { node, from_run: self.from_run, from_seq: self.from_seq, basis: self.basis.clone(), result }
    }
}

/// The node with all that lies behind it, and on demand all that depends on it.
fn forced(plan: &Plan, node: NodeIx, downstream: bool) -> BTreeSet<NodeIx> {
    let mut forced = BTreeSet::from([node]);
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        for frame in plan.behind(node) {
            for inner in plan.nodes_of(*frame) {
                if forced.insert(inner) {
                    waiting.push(inner);
                }
            }
        }
    }
    if downstream {
        let mut search = Dfs::new(plan.graph(), plan.open_of(node));
        while let Some(after) = search.next(plan.graph()) {
            forced.insert(after);
        }
        // What a composite step around it gives changes with it, and so does what depends on that.
        let mut at = plan.frame(plan.node(node).frame).under;
        while let Some(open) = at {
            let mut search = Dfs::new(plan.graph(), plan.close_of(open));
            while let Some(after) = search.next(plan.graph()) {
                forced.insert(after);
            }
            at = plan.frame(plan.node(open).frame).under;
        }
    }
    forced
}

/// The paths at which two values differ, the outermost that tell them apart.
fn different(before: &Json, now: &Json, most: usize) -> Vec<String> {
    fn walk(path: &str, before: &Json, now: &Json, found: &mut Vec<String>, most: usize) {
        if before == now || found.len() > most {
            return;
        }
        let step = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match (before, now) {
            (Json::Object(a), Json::Object(b)) => {
                let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                for name in names {
                    let (a, b) = (a.get(name).unwrap_or(&Json::Null), b.get(name).unwrap_or(&Json::Null));
                    walk(&step(name), a, b, found, most);
                }
            }
            (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
                for (i, (a, b)) in a.iter().zip(b).enumerate() {
                    walk(&format!("{path}[{i}]"), a, b, found, most);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }
    let mut found = Vec::new();
    walk("", before, now, &mut found, most);
    found.truncate(most);
    found
}
