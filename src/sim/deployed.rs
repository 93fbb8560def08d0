//! The same work as the deployed system would schedule it, for comparison.
//!
//! Everything moves in polling loops: what has ended is noticed, and what is ready started, only when the loop comes round.
//! GPUs are held from the clone to the upload. Among what is ready the lowest priority goes first, then the eldest. A host is
//! chosen where the largest share of its free GPUs is taken. The work itself is that of a run that was played: results do
//! not depend on when work is done.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::{Direction, algo::toposort};

use super::{bound::lengths, model::Model, player::Account};
use crate::{
    base::{GpuKind, Span},
    plan::{NodeIx, Plan},
    run::place::HostId,
};

/// How often the loops of the deployed system come round.
const POLL: Span = Span::from_secs(900);

/// What is started in one go: a node with GPUs and what runs inside its time, or a node alone.
#[derive(Default)]
struct Job {
    hours: f64,
    gpus: usize,
    kind: Option<GpuKind>,
    priority: i32,
    unmet: usize,
    after: BTreeSet<usize>,
}

/// How many hours the work of a played run takes when it is scheduled so.
pub fn deployed(model: &Model, account: &Account) -> f64 {
    let mut jobs = jobs(account);
    let poll = POLL.hours();
    let mut free: BTreeMap<HostId, (Option<GpuKind>, usize)> = model
        .hosts()
        .into_iter()
        .map(|(id, offer)| (id, (offer.gpus.first().map(|(_, kind)| kind.clone()), offer.gpus.len())))
        .collect();
    // What takes no time is settled with what it waited for.
    let mut instant: Vec<usize> = (0..jobs.len()).filter(|job| jobs[*job].unmet == 0).collect();
    let mut ready: Vec<usize> = Vec::new();
    let mut running: Vec<(f64, usize, Option<HostId>)> = Vec::new();
    let (mut tick, mut last) = (0_u32, 0.0_f64);
    loop {
        let now = f64::from(tick) * poll;
        let (ended, still): (Vec<_>, Vec<_>) = running.into_iter().partition(|(end, ..)| *end <= now);
        running = still;
        for (_, job, host) in ended {
            last = now;
            if let Some(there) = host.and_then(|host| free.get_mut(&host)) {
                there.1 += jobs[job].gpus;
            }
            instant.extend(meet(&mut jobs, job));
        }
        while let Some(job) = instant.pop() {
            if jobs[job].hours > 0.0 {
                ready.push(job);
            } else {
                instant.extend(meet(&mut jobs, job));
            }
        }
        // Who became ready earlier stands further in front; the order of the sort is kept among equals.
        ready.sort_by_key(|job| jobs[*job].priority);
        ready.retain(|job| {
            let found = &jobs[*job];
            if found.gpus == 0 {
                running.push((now + found.hours, *job, None));
                return false;
            }
            let fits =
                |(_, (kind, count)): &(&HostId, &(Option<GpuKind>, usize))| *kind == found.kind && *count >= found.gpus;
            // The fewest free GPUs are the largest share; the first of equals is taken.
            let host = free.iter().filter(fits).min_by_key(|(_, (_, count))| *count).map(|(host, _)| host.clone());
            let Some(host) = host else { return true };
            if let Some(there) = free.get_mut(&host) {
                there.1 -= found.gpus;
            }
            running.push((now + found.hours, *job, Some(host)));
            false
        });
        if running.is_empty() {
            return last;
        }
        let next = running.iter().map(|(end, ..)| *end).fold(f64::INFINITY, f64::min);
        tick = (tick + 1).max((next / poll).ceil() as u32);
    }
}

/// Those that waited for this one alone.
fn meet(jobs: &mut [Job], job: usize) -> Vec<usize> {
    let after: Vec<usize> = jobs[job].after.iter().copied().collect();
    let met = after.into_iter().filter(|after| {
        jobs[*after].unmet -= 1;
        jobs[*after].unmet == 0
    });
    met.collect()
}

/// The jobs of a played run, and which waits for which.
fn jobs(account: &Account) -> Vec<Job> {
    let (plan, lengths) = (&account.run.plan, lengths(account));
    let job_of = rides(account, plan);
    let mut jobs: Vec<Job> = (0..plan.graph().node_count()).map(|_| Job::default()).collect();
    for node in plan.nodes() {
        jobs[job_of[node.index()]].hours += lengths[node.index()];
        for after in plan.graph().neighbors(node) {
            let (from, to) = (job_of[node.index()], job_of[after.index()]);
            if from != to && jobs[from].after.insert(to) {
                jobs[to].unmet += 1;
            }
        }
    }
    for used in account.uses.iter().filter(|used| used.gpus > 0) {
        let job = &mut jobs[job_of[used.node.index()]];
        job.gpus = job.gpus.max(used.gpus as usize);
        job.kind.clone_from(&used.kind);
        job.priority = plan.step(used.node).settings.priority;
    }
    // A node that rides with another is no job of its own; it waits for nothing and takes no time.
    jobs
}

/// With which node each node runs: itself, or one with GPUs of the same frame that holds its GPUs meanwhile.
fn rides(account: &Account, plan: &Plan) -> Vec<usize> {
    let mut has_gpus = vec![false; plan.graph().node_count()];
    account.uses.iter().filter(|used| used.gpus > 0).for_each(|used| has_gpus[used.node.index()] = true);
    let order = toposort(plan.graph(), None).expect("a plan is acyclic by construction");
    let same_frame = |a: NodeIx, b: NodeIx| plan.node(a).frame == plan.node(b).frame;
    let mut rides: Vec<usize> = (0..has_gpus.len()).collect();
    let mut is_set = has_gpus.clone();
    let is_passenger = |node: NodeIx| account.run.is_work(node) && !has_gpus[node.index()];
    // What follows work with GPUs runs in its time, and then what comes before the first of it.
    for node in &order {
        let before = plan.graph().neighbors_directed(*node, Direction::Incoming);
        let driver =
            before.filter(|need| is_set[need.index()] && same_frame(*need, *node)).max_by_key(|need| need.index());
        if let Some(driver) = driver.filter(|_| is_passenger(*node)) {
            rides[node.index()] = rides[driver.index()];
            is_set[node.index()] = true;
        }
    }
    for node in order.iter().rev() {
        let after = plan.graph().neighbors(*node);
        let driver =
            after.filter(|next| is_set[next.index()] && same_frame(*next, *node)).min_by_key(|next| next.index());
        if let Some(driver) = driver.filter(|_| is_passenger(*node) && !is_set[node.index()]) {
            rides[node.index()] = rides[driver.index()];
            is_set[node.index()] = true;
        }
    }
    rides
}
